"""Policies: what to do about a failure in process, one strategy per file; pure arithmetic without clock, dice or I/O."""
