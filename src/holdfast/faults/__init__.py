"""Faults: what went wrong in the world of the user, as values."""
