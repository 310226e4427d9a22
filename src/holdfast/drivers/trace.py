"""The HTTP trace of an attempt, redacted and bounded, as JSON text in the wire's form (`httpTrace`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.faults.redact import redact_body, redact_headers, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from holdfast.contract import ErrorDetail
    from holdfast.ports.http import HttpAnswer, HttpRequest

__all__ = ["answered", "refused_trace"]

HEADERS_MAX = 100
"""So many headers of a message are kept; servers have been seen to send thousands."""
SECRET_BODY = "[not kept: the answer holds a secret]"  # noqa: S105 - the text that stands in for one


def answered(
    request: HttpRequest, received: HttpAnswer, *, began_at: datetime, body_max_bytes: int, is_secret: bool
) -> str:
    """Return the trace of a request that was answered. With `is_secret` no body is kept at all."""
    content_type = next((value for name, value in received.headers if name.lower() == "content-type"), None)
    body = (
        SECRET_BODY
        if is_secret
        else redact_body(received.body, content_type, secrets=request.secrets, limit=body_max_bytes)
    )
    response = {
        "status": received.status,
        "headers": as_mapping(redact_headers(received.headers, secrets=request.secrets)),
        "body": body,
        "duration": round(received.duration_s * 1000),
    }
    return exchange(request, began_at=began_at, body_max_bytes=body_max_bytes, is_secret=is_secret, response=response)


def refused_trace(
    request: HttpRequest, *, began_at: datetime, error: ErrorDetail, body_max_bytes: int, is_secret: bool
) -> str:
    """Return the trace of a request that got no answer. With `is_secret` no body is kept at all."""
    return exchange(
        request, began_at=began_at, body_max_bytes=body_max_bytes, is_secret=is_secret, error=error.to_wire()
    )


def exchange(request: HttpRequest, *, began_at: datetime, body_max_bytes: int, is_secret: bool, **end: object) -> str:
    """Return the request with how it ended."""
    sent: dict[str, object] = {
        "method": request.method,
        "url": redact_url(request.url, secrets=request.secrets),
        "headers": as_mapping(redact_headers(request.headers, secrets=request.secrets)),
    }
    if request.body is not None:
        sent["body"] = (
            SECRET_BODY
            if is_secret
            else redact_body(request.body, "application/json", secrets=request.secrets, limit=body_max_bytes)
        )
    timestamp = began_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps([{"timestamp": timestamp, "request": sent, **end}], ensure_ascii=False, separators=(",", ":"))


def as_mapping(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name, repeated ones joined (RFC 9110 §5.3)."""
    joined: dict[str, str] = {}
    for name, value in list(headers)[:HEADERS_MAX]:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
