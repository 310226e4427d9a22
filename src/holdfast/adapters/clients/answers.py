"""Judging a client's answer by its status, its headers and, where a failure is told by words, the first 64 KiB of its body.

Pure: bytes and headers in, a verdict out. Whatever the client library is, the same answer gets the same verdict.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import examine
from holdfast.faults.evidence import is_json_type
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Verdict

__all__ = ["BODY_JUDGED_MAX_BYTES", "Body", "decoded", "judge_answer", "wants_body"]

BODY_JUDGED_MAX_BYTES = 65_536
"""How much of a body is read to judge it, before and after it is unpacked; the rest is left where it is."""

_ZLIB_GZIP = 31  # zlib's window bits for the gzip format (RFC 1952)
_ZLIB_ANY = 47  # the same, or the zlib format (RFC 1950)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What was read of a body: `prefix` as it came over the wire, `whole` if that is all of it, `cut` if the connection broke off."""

    prefix: bytes = b""
    whole: bool = True
    cut: bool = False


def wants_body(status: int, content_type: str | None, *, api: ApiRules | None) -> bool:
    """Whether the body has to be looked at: that of a failure, and that of a success only for an API known to hide failures in JSON bodies."""
    if status >= 400:
        return True
    if api is None or not api.quirks.success_with_error_body or not 200 <= status < 300:
        return False
    return is_json_type(content_type, quirks=api.quirks)


def judge_answer(
    status: int,
    headers: Iterable[tuple[str, str]],
    *,
    body: Body,
    place: str,
    method: str,
    url: str,
    observed_at: datetime,
    api: ApiRules | None,
) -> Verdict | None:
    """The verdict on an answer: None when it is a success.

    A redirect and an answer that tells of the connection (1xx, 3xx) is one: what to do about it is the client's business.
    """
    if status < 200 or 300 <= status < 400:
        return None
    pairs = tuple(headers)
    if status < 300 and not body.whole and not body.cut:
        return None  # too long to be an error, and read no further
    encoding = next((value for name, value in pairs if name.lower() == "content-encoding"), "")
    fault = capture_answer(
        status,
        pairs,
        body=decoded(body.prefix, encoding),
        operation=place,
        observed_at=observed_at,
        method=method,
        url=url,
        api_id=None if api is None else api.api_id,
        complete=not body.cut,
    )
    return examine(fault, api=api)


def decoded(body: bytes, encoding: str) -> bytes:
    """At most the first `BODY_JUDGED_MAX_BYTES` of what a body says; nothing if it is packed in a way that Python cannot unpack by itself.

    A small body that unpacks to gigabytes costs no more than another.
    """
    word = encoding.strip().lower()
    if word in {"", "identity"}:
        return body[:BODY_JUDGED_MAX_BYTES]
    if word not in {"gzip", "x-gzip", "deflate"}:
        return b""
    for window_bits in (_ZLIB_GZIP,) if word != "deflate" else (_ZLIB_ANY, -zlib.MAX_WBITS):
        try:
            return zlib.decompressobj(window_bits).decompress(body, BODY_JUDGED_MAX_BYTES)
        except zlib.error:
            continue
    return b""
