"""Caches of this room: the one in memory. Those that leave the process are adapters."""
