"""Addresses of other endpoints: what may stand in the settings of an alternative. Nothing is resolved and nobody is called."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["endpoint_problem", "with_scheme"]

LENGTH_MAX = 2_000


def with_scheme(endpoint: str) -> str:
    """The address with its scheme: one that names none, such as spec 003's `backup.example.com`, is meant to be https."""
    return endpoint if "://" in endpoint else f"https://{endpoint}"


def endpoint_problem(value: object) -> str | None:
    """What is wrong with a base address: it is `host`, `host/path` or an http(s) address, without a user, a query or a fragment.

    A user in it would be a secret in settings, which are printed.
    """
    if not isinstance(value, str) or not value or len(value) > LENGTH_MAX:
        return f"must be an address such as 'https://backup.example.com', not {_shown(value)}"
    if not value.isprintable() or " " in value or "\\" in value:
        return "must be an address without spaces, backslashes and control characters"
    try:
        parts = urlsplit(with_scheme(value))
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"must be an address such as 'https://backup.example.com', not {_shown(value)}"
    if "@" in parts.netloc:
        return "must not contain a user or a password; give the client its credentials"
    if parts.scheme not in {"http", "https"} or not host:
        return f"must be an http or https address with a host, not {_shown(value)}"
    if parts.query or parts.fragment or "?" in value or "#" in value:
        return "must be a base address, without a query and a fragment"
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
