"""One short name for all faults of the same kind, so that a thousand of them can be counted as one.

Two faults share a fingerprint when category, status, code, where they happened and the words of their message agree
once everything that differs from call to call (numbers, ids, addresses, quoted values) is taken out. The first part
is the version of this rule: a stored fingerprint is compared only with its own version.
"""

from __future__ import annotations

import hashlib
import re

from holdfast.faults.taxonomy import ErrorCategory

VERSION = 1

_MESSAGE_MAX_CHARS = 1_000
_URL = re.compile(r"[a-z][a-z0-9+.\-]{1,20}://[^\s\"'<>)]{1,2000}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_QUOTED = re.compile(r"\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'|`[^`\n]{0,500}`")
_RUN = re.compile(r"[0-9a-z_\-]+")
_SPACE = re.compile(r"\s+")


def fingerprint(
    category: ErrorCategory, place: str, *, message: str, status: int | None = None, code: str | None = None
) -> str:
    """The fingerprint of a fault: `1:` and 64 hexadecimal digits (SHA-256), the same in every process and release of this version.

    Args:
        category: what it was classified as.
        place: the API's id, or the operation where there is none.
        message: already redacted.
        status: the HTTP status, if an answer came.
        code: the API's own code.
    """
    parts = (category.value, place, "" if status is None else str(status), code or "", normalise(message))
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{VERSION}:{digest}"


def normalise(message: str) -> str:
    """The message without what differs from call to call, in lower case."""
    text = message[:_MESSAGE_MAX_CHARS].lower()
    for pattern, stand_in in ((_URL, "<url>"), (_QUOTED, "<value>"), (_UUID, "<id>")):
        text = pattern.sub(stand_in, text)
    text = _RUN.sub(lambda run: "<n>" if any(character.isdigit() for character in run[0]) else run[0], text)
    return _SPACE.sub(" ", text).strip()
