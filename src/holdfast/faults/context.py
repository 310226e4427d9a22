"""What is known about the call that failed, beside the failure itself: ids to follow it by, and proof of what was sent.

Filled in where the call was made and kept with the fault. It never holds a payload: only its digest and its size. Headers are redacted, names and
values are cut, and there are only so many of them, so that a context is small whatever it was made from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from holdfast.faults.redact import is_sensitive, redact_headers, redact_text

_ID_MAX_CHARS = 200
_HEADERS_MAX = 50
_METADATA_MAX = 20
_VALUE_MAX_CHARS = 500
_NAME_MAX_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadDigest:
    """A payload by its fingerprint: `sha256` in hexadecimal digits, and its length."""

    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, payload: bytes) -> PayloadDigest:
        """The digest of these bytes."""
        return cls(sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload))


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultContext:
    """The circumstances of one attempt (spec 001's `ErrorContext`); everything is optional.

    `attempt` counts from 1. `endpoint` is the path template or name by which people know the address. `request_id` is the other side's name for
    the call, `correlation_id`, `trace_id` and `session_id` are ours or a caller's. `request_headers` are redacted. Make one with `context_of`,
    which keeps the bounds.
    """

    attempt: int | None = None
    endpoint: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None
    payload: PayloadDigest | None = None
    request_headers: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


NO_CONTEXT = FaultContext()
"""Nothing is known."""


def trail_of(context: FaultContext) -> tuple[tuple[str, str], ...]:
    """The ids and the digest in a context as named texts, for a verdict; empty where nothing is known."""
    if context is NO_CONTEXT:
        return ()
    payload = context.payload
    pairs = (
        ("requestId", context.request_id),
        ("correlationId", context.correlation_id),
        ("traceId", context.trace_id),
        ("sessionId", context.session_id),
        ("payloadSha256", None if payload is None else payload.sha256),
        ("payloadBytes", None if payload is None else str(payload.size_bytes)),
    )
    return tuple((name, value) for name, value in pairs if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestIds:
    """The ids found in the headers of an answer or a request; `None` where there is none."""

    request_id: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None


def context_of(
    *,
    attempt: int | None = None,
    endpoint: str | None = None,
    request_id: str | None = None,
    correlation_id: str | None = None,
    trace_id: str | None = None,
    session_id: str | None = None,
    payload: bytes | None = None,
    request_headers: Iterable[tuple[str, str]] = (),
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> FaultContext:
    """A context within its bounds: ids of 200 characters, 50 headers, 20 pairs of metadata of 500 characters each.

    Args:
        attempt: which attempt it was, from 1.
        endpoint: the name of the address.
        request_id: the id of the request.
        correlation_id: the id that joins calls which belong together.
        trace_id: the id of the distributed trace.
        session_id: the id of the user's session.
        payload: what was sent; only its digest is kept.
        request_headers: as they were sent; credentials are taken out here, and ids that are not given are read from them.
        metadata: anything else worth knowing; values under secret names are taken out.

    Raises:
        ValueError: `attempt` is below 1.
    """
    if attempt is not None and attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    headers = tuple(request_headers)[:_HEADERS_MAX]
    ids = request_ids(headers)
    return FaultContext(
        attempt=attempt,
        endpoint=None if endpoint is None else redact_text(endpoint[:_VALUE_MAX_CHARS]),
        request_id=_id(request_id) or ids.request_id,
        correlation_id=_id(correlation_id) or ids.correlation_id,
        trace_id=_id(trace_id) or ids.trace_id,
        session_id=_id(session_id),
        payload=None if payload is None else PayloadDigest.of(payload),
        request_headers=redact_headers((name[:_NAME_MAX_CHARS], value[:_VALUE_MAX_CHARS]) for name, value in headers),
        metadata=tuple(_pair(name, value) for name, value in list(metadata.items())[:_METADATA_MAX]),
    )


def request_ids(headers: Iterable[tuple[str, str]]) -> RequestIds:
    """The ids that an answer's or a request's headers name, by the headers usual for them; the more telling header counts.

    Sources: W3C Trace Context (`traceparent`), B3 (`X-B3-TraceId`), AWS (`x-amzn-requestid`, `x-amz-request-id`, `X-Amzn-Trace-Id`), Microsoft
    (`x-ms-request-id`, `request-id`), Google (`X-Cloud-Trace-Context`, `x-guploader-uploadid`), Cloudflare (`CF-RAY`), and the `X-Request-Id` and
    `X-Correlation-Id` of everybody else.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in _INTERESTING and lower not in found and (clean := _id(value)):
            found[lower] = clean
    if not found:
        return _NO_IDS
    return RequestIds(
        request_id=_first(found, _REQUEST_HEADERS),
        correlation_id=_first(found, _CORRELATION_HEADERS),
        trace_id=_trace(found),
        session_id=_first(found, _SESSION_HEADERS),
    )


_NO_IDS = RequestIds()
_REQUEST_HEADERS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-ms-request-id",
    "x-github-request-id",
    "x-goog-request-id",
    "x-guploader-uploadid",
    "x-fb-request-id",
    "x-fb-trace-id",
    "x-shopify-request-id",
    "x-slack-req-id",
    "x-zendesk-request-id",
    "x-hubspot-correlation-id",
    "x-dropbox-request-id",
    "x-gitlab-request-id",
    "x-twilio-request-id",
    "twilio-request-id",
    "x-vercel-id",
    "x-nf-request-id",
    "x-requestid",
    "x-req-id",
    "x-transaction-id",
    "paypal-debug-id",
    "x-arr-log-id",
    "fly-request-id",
    "cf-ray",
    "x-amz-cf-id",
    "x-azure-ref",
    "x-served-by-request-id",
    "x-amz-id-2",
)
_CORRELATION_HEADERS = (
    "x-correlation-id",
    "correlation-id",
    "x-ms-correlation-request-id",
    "x-hubspot-correlation-id",
    "request-context-id",
    "client-request-id",
    "x-ms-client-request-id",
)
_TRACE_HEADERS = (
    "traceparent",
    "x-b3-traceid",
    "b3",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-trace-id",
    "x-datadog-trace-id",
    "uber-trace-id",
    "sentry-trace",
)
_SESSION_HEADERS = ("x-session-id",)
_INTERESTING = frozenset((*_REQUEST_HEADERS, *_CORRELATION_HEADERS, *_TRACE_HEADERS, *_SESSION_HEADERS))
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_ROOT = re.compile(r"Root=([\w\-]{1,100})")


def _first(found: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((found[name] for name in names if name in found), None)


def _trace(found: Mapping[str, str]) -> str | None:
    """The trace's id alone, out of headers that hold the span's as well."""
    for name in _TRACE_HEADERS:
        value = found.get(name)
        if value is None:
            continue
        if name == "traceparent":
            whole = _TRACEPARENT.match(value.lower())
            if whole is None:
                continue  # not as W3C has it: worth nothing
            return whole[1]
        if name == "x-amzn-trace-id":
            root = _ROOT.search(value)
            return root[1] if root else value
        if name == "x-cloud-trace-context":
            return value.partition("/")[0]
        return value.partition("-" if name in {"b3", "sentry-trace"} else ":")[0]
    return None


def _id(value: str | None) -> str | None:
    """An id worth keeping: printable, without blanks around it, of bounded length."""
    if not value:
        return None
    clean = "".join(character for character in value[: 2 * _ID_MAX_CHARS] if character.isprintable()).strip()
    return _redact_id(clean[:_ID_MAX_CHARS]) if clean else None


def _redact_id(value: str) -> str:
    """Ids are long and random by nature and stay; only what has the form of a credential is taken out."""
    return redact_text(value) if value.startswith(("eyJ", "sk_", "sk-", "ghp_", "xox", "AKIA", "Bearer")) else value


def _pair(name: str, value: str) -> tuple[str, str]:
    text = str(value)[: 2 * _VALUE_MAX_CHARS]
    clean = "[redacted]" if is_sensitive(name) else redact_text(text)
    return str(name)[:_NAME_MAX_CHARS], clean[:_VALUE_MAX_CHARS]
