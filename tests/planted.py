"""Secrets that tests plant: recognisable in whatever form they leak, and looked for in everything that a run of the tests leaves behind.

A test that needs a token, a key, a password or a cookie takes it from here. `tests/leaks.py` looks for the mark that all of them carry; a value
looks like no known kind of token, so that nothing but knowing it keeps it out of a trace.
"""

from __future__ import annotations

__all__ = ["ACCESS_TOKEN", "API_KEY", "COOKIE", "MARK", "PASSWORD", "REFRESH_TOKEN", "planted"]

MARK = "velvet-otter"
"""What all of them begin with. Tokens that the fake API issues keep what stands before the first dot of the one they replace."""


def planted(name: str) -> str:
    """Return a secret for something of this name."""
    return f"{MARK}.{name}+/9"


ACCESS_TOKEN = planted("access")
REFRESH_TOKEN = planted("refresh")
API_KEY = planted("api-key")
PASSWORD = planted("password")
COOKIE = planted("cookie")
