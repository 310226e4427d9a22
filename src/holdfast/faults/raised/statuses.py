"""What a bare status means that an exception states in words, where no answer was captured for the packs to read.

Only what RFC 9110 §15 and common practice make of the number; nothing here looks at a body.
"""

from __future__ import annotations

from types import MappingProxyType

from holdfast.faults.raised.meaning import (
    CANCEL,
    REFUSED,
    SAID_AUTH,
    SAID_BUSY,
    SAID_EXPIRED,
    SAID_INVALID,
    SAID_REMOVED,
    SAID_SERVER,
    SAID_STATE,
    SAID_THROTTLED,
    TIMEOUT,
    ExceptionMeaning,
    said,
)
from holdfast.faults.verdict import Outcome

_TIMEOUT = said(TIMEOUT, "request-timeout", outcome=Outcome.UNKNOWN)
_STOPPED = said(CANCEL, "request-cancelled", outcome=Outcome.UNKNOWN)
_PROXY = said(REFUSED, "proxy-login", outcome=Outcome.NOT_EXECUTED, retryable=False)
_REDIRECT = said(SAID_SERVER.category, "redirect", retryable=False)

_ROWS: MappingProxyType[int, ExceptionMeaning] = MappingProxyType(
    {
        304: SAID_STATE,
        401: SAID_AUTH,
        403: SAID_AUTH,
        404: SAID_STATE,
        405: SAID_REMOVED,
        407: _PROXY,
        408: _TIMEOUT,
        409: SAID_STATE,
        410: SAID_REMOVED,
        412: SAID_STATE,
        419: SAID_EXPIRED,
        420: SAID_THROTTLED,
        423: SAID_BUSY,
        424: SAID_SERVER,
        425: SAID_BUSY,
        429: SAID_THROTTLED,
        460: _STOPPED,
        498: SAID_EXPIRED,
        499: _STOPPED,
        501: SAID_REMOVED,
    }
)


def by_status(status: int) -> ExceptionMeaning | None:
    """The meaning of a bare status; `None` for a number that is no status of a failure."""
    if status in _ROWS:
        return _ROWS[status]
    if 300 <= status < 400:
        return _REDIRECT
    if 400 <= status < 500:
        return SAID_INVALID
    return SAID_SERVER if 500 <= status < 600 else None
