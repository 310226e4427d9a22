"""Answers in the place of others: what may be kept of an HTTP answer and for whom, what a value becomes, and a request at another address.

Pure: statuses, headers and bytes in and out, whatever the client library is.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "BODY_KEPT_MAX_BYTES",
    "DEGRADED_HEADER",
    "Copy",
    "Given",
    "given_of",
    "headers_elsewhere",
    "is_same_origin",
    "kept_of",
    "key_inputs",
    "may_be_kept",
    "may_keep",
    "moved",
    "restored",
]

BODY_KEPT_MAX_BYTES = 1_048_576
"""An answer with a longer body is not kept."""

DEGRADED_HEADER = "holdfast-degraded"
"""The header of an answer that is a lesser one: it names the strategy."""

Headers = tuple[tuple[str, str], ...]

_KEPT_STATUSES = frozenset({200, 203, 204, 300, 301, 308})
"""Those of RFC 9110 §15.1 that a cache may keep, without parts (206) and failures."""

# RFC 9110 §7.6.1: they are about one connection.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
_NEVER_KEPT = _HOP_BY_HOP | {"set-cookie", "set-cookie2", DEGRADED_HEADER}

# What differs from request to request and never changes an answer. Everything else tells one call from another.
_UNTOLD = frozenset(
    {"connection", "keep-alive", "date", "traceparent", "tracestate", "baggage", "b3", "x-request-id", "x-correlation-id"}
)  # fmt: skip
_CONDITIONS = ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")

_SECRET_WORDS = ("auth", "cookie", "token", "secret", "key", "session", "credential", "signature", "password", "csrf")
"""A header whose name has one of these may prove who somebody is."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer to be made as a library's own."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""


class Copy:
    """What is copied of a body while its user reads it, as long as it is not too long to be kept."""

    __slots__ = ("_chunks", "_size")

    def __init__(self) -> None:
        self._chunks: list[bytes] | None = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Copy the next bytes."""
        self._size += len(chunk)
        if self._size > BODY_KEPT_MAX_BYTES:
            self._chunks = None
        if self._chunks is not None:
            self._chunks.append(chunk)

    @property
    def is_whole(self) -> bool:
        """Whether everything was copied so far."""
        return self._chunks is not None

    @property
    def body(self) -> bytes:
        """What was copied."""
        return b"".join(self._chunks or ())


# --- keeping ---


def may_keep(method: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether answers to such a request may be kept: it only reads, has no body, asks for the whole, and does not forbid it."""
    if method not in {"GET", "HEAD"}:
        return False
    found = _lower(headers)
    if any(name in found for name in _CONDITIONS) or "transfer-encoding" in found:
        return False
    return found.get("content-length", "0") == "0" and not _forbids(found)


def may_be_kept(status: int, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether this answer may be kept: its status is one for caches (RFC 9110 §15.1), and it does not forbid it (RFC 9111 §5.2.2.5, §4.1)."""
    found = _lower(headers)
    if status not in _KEPT_STATUSES or _forbids(found) or "*" in found.get("vary", ""):
        return False
    length = found.get("content-length", "")
    return not (length.isdecimal() and int(length[:20]) > BODY_KEPT_MAX_BYTES)


def key_inputs(method: str, url: str, headers: Iterable[tuple[str, str]]) -> tuple[object, ...]:
    """What tells a request from others, so that nobody gets an answer meant for somebody else: method, address, and all headers but those that
    differ each time and change nothing. It is hashed before it is kept.
    """
    told = sorted((name.lower(), value) for name, value in headers if name.lower() not in _UNTOLD)
    return (method, urlunsplit((*urlsplit(url)[:4], "")), tuple(told))


def kept_of(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> dict[str, object]:
    """An answer as it is kept: a JSON value, without cookies and what is about the connection."""
    pairs = list(headers)
    named = {word.strip().lower() for name, value in pairs if name.lower() == "connection" for word in value.split(",")}
    left = [[name, value] for name, value in pairs if name.lower() not in _NEVER_KEPT | named]
    return {"status": status, "headers": left, "body": base64.b64encode(body).decode()}


def restored(value: object, *, method: str, age_s: float) -> Given | None:
    """A kept answer with its age (RFC 9111 §5.1); None for what was never kept by `kept_of`."""
    try:
        kept = cast("dict[str, object]", value)
        status, body = int(cast(int, kept["status"])), base64.b64decode(cast(str, kept["body"]), validate=True)
        headers = tuple((str(name), str(text)) for name, text in cast("list[list[str]]", kept["headers"]))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    before = _lower(headers).get("age", "")
    age = int(age_s) + (int(before[:9]) if before.isdecimal() else 0)
    dropped = {"age"} if method == "HEAD" else {"age", "content-length"}
    headers = tuple((name, text) for name, text in headers if name.lower() not in dropped)
    if method != "HEAD":
        headers += (("content-length", str(len(body))),)
    return Given(status=status, headers=(*headers, ("age", str(age))), body=body)


# --- values ---


def given_of(value: object, *, method: str) -> Given:
    """A value as a 200: bytes and texts are the body as they are, everything else is written as JSON.

    Raises:
        TypeError: JSON cannot tell it.
        ValueError: it holds itself, or a number that JSON does not have.
    """
    if isinstance(value, bytes | str):
        body = value if isinstance(value, bytes) else value.encode()
        kind = (
            "application/json"
            if _is_json(body)
            else ("text/plain; charset=utf-8" if isinstance(value, str) else "application/octet-stream")
        )
    else:
        body, kind = json.dumps(value, ensure_ascii=False, allow_nan=False).encode(), "application/json"
    headers = (("content-type", kind), ("content-length", str(len(body))))
    return Given(headers=headers, body=b"" if method == "HEAD" else body)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


# --- elsewhere ---


def moved(url: str, base_url: str) -> str:
    """The same path and query below another base address; the fragment and a user in the address stay behind."""
    here, there = urlsplit(url), urlsplit(base_url)
    path = there.path.rstrip("/") + (here.path if here.path.startswith("/") else f"/{here.path}")
    return urlunsplit((there.scheme, there.netloc, path, here.query, ""))


def is_same_origin(one: str, other: str) -> bool:
    """Whether two addresses have scheme, host and port in common (RFC 6454 §4)."""
    return _origin(one) == _origin(other)


def headers_elsewhere(headers: Iterable[tuple[str, str]], url: str, *, key_header: str, all_of_them: bool) -> Headers:
    """The headers of a request for another address: those that may prove who somebody is and the idempotency key only with `all_of_them`."""
    kept = tuple(
        (name, value)
        for name, value in headers
        if name.lower() != "host" and (all_of_them or not _is_secret(name.lower(), key_header.lower()))
    )
    return (("Host", urlsplit(url).netloc), *kept)


def _is_secret(name: str, key_header: str) -> bool:
    return name == key_header or any(word in name for word in _SECRET_WORDS)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _forbids(headers: dict[str, str]) -> bool:
    return "no-store" in headers.get("cache-control", "").lower()


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        small = name.lower()
        found[small] = f"{found[small]}, {value}" if small in found else value
    return found
