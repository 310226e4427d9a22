"""Capturing: an exception or an HTTP answer becomes a `Fault`, plain data that can be judged anywhere.

The first step of the story, taken where the call was made. It copies what is there and judges nothing but how far the
attempt got and what kind of body came. It imports no client library: exceptions are known by the names of their
classes. A fault is bounded, but it is not redacted (patterns must see the words): it belongs in memory, and what
comes to rest is the verdict or a trace that went through `holdfast.faults.redact`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from holdfast.faults.evidence import media_type
from holdfast.faults.exceptions import knows, read_exception
from holdfast.faults.fault import BODY_MAX_BYTES, BodyKind, Fault, Phase
from holdfast.faults.redact import redact_url

_MESSAGE_MAX_CHARS = 8_192
_CAUSES_MAX = 32
_HEADERS_MAX = 200

# How client libraries write the status of an answer that they raise for: httpx, urllib, requests, aiohttp.
_STATUS_WORDS = re.compile(r"(?:error '|HTTP Error |^)([1-5]\d\d)\b(?= [A-Za-z]|[:,'])")
_STATUS_ERRORS = frozenset({"HTTPStatusError", "HTTPError", "ClientResponseError"})


def capture_answer(
    status: int,
    headers: Iterable[tuple[str, str]],
    *,
    body: bytes,
    operation: str,
    observed_at: datetime,
    method: str | None = None,
    url: str | None = None,
    api_id: str | None = None,
    credential: str | None = None,
    complete: bool = True,
) -> Fault:
    """Capture an HTTP answer, whether or not it is a failure: `holdfast.faults.classify.examine` says that.

    Args:
        status: the HTTP status.
        headers: in order of arrival, repeated names as they came.
        body: all of it; the fault keeps the first `BODY_MAX_BYTES`.
        operation: the name of the call, for people.
        observed_at: when the answer was there; delays count from it.
        method: the request's method.
        url: the request's address; secrets in it are taken out here.
        api_id: the catalog's name of the API.
        credential: the name of the credential that was used, never its value.
        complete: false when the transport stopped reading (too large, cut off).
    """
    kept = tuple(headers)[:_HEADERS_MAX]
    content_type = next((value for name, value in kept if name.lower() == "content-type"), None)
    return Fault(
        operation=operation,
        phase=Phase.ANSWER if complete else Phase.BODY,
        observed_at=observed_at,
        method=method,
        url=None if url is None else redact_url(url),
        api_id=api_id,
        credential=credential,
        status=status,
        headers=kept,
        body=body[:BODY_MAX_BYTES],
        body_kind=body_kind(body, content_type),
        body_size_bytes=len(body),
        content_type=content_type,
    )


def capture_exception(
    exc: BaseException,
    *,
    operation: str,
    observed_at: datetime,
    method: str | None = None,
    url: str | None = None,
    api_id: str | None = None,
    credential: str | None = None,
) -> Fault:
    """Capture an exception with its causes, its context and the members of exception groups, at most 32 of them, cycles included.

    An answer that the client library raised for is captured with its status and headers; its body is not read here,
    as reading may be I/O.
    """
    status, headers = _answer_of(exc)
    return capture_names(
        [_qualified(kind) for kind in type(exc).__mro__[:-1]],
        list(_causes(exc)),
        message=str(exc),
        operation=operation,
        observed_at=observed_at,
        method=method,
        url=url,
        api_id=api_id,
        credential=credential,
        status=status,
        headers=headers,
    )


def capture_names(
    lineage: Sequence[str],
    chain: Sequence[str],
    *,
    message: str,
    operation: str,
    observed_at: datetime,
    method: str | None = None,
    url: str | None = None,
    api_id: str | None = None,
    credential: str | None = None,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Fault:
    """Capture an exception that is known by its names only, for instance from a log or another process.

    Args:
        lineage: qualified class names, own first, ancestors after it (a lineage of one is fine).
        chain: qualified class names of the causes, nearest first.
        message: the exception's text; a status that it states is read where the class is one raised for answers.
        operation: the name of the call, for people.
        observed_at: when it was learned.
        method: the request's method.
        url: the request's address; secrets in it are taken out here.
        api_id: the catalog's name of the API.
        credential: the name of the credential that was used.
        status: the status of the answer it was raised for.
        headers: the headers of that answer.
    """
    text = message[:_MESSAGE_MAX_CHARS]
    if (
        status is None
        and any(name.rpartition(".")[2] in _STATUS_ERRORS for name in lineage[:1])
        and (found := _STATUS_WORDS.search(text))
    ):
        status = None if chain else int(found[1])  # with a cause, the number is the library's own, not a status
    return Fault(
        operation=operation,
        phase=read_exception(lineage, chain, message=text).phase if status is None else Phase.ANSWER,
        observed_at=observed_at,
        method=method,
        url=None if url is None else redact_url(url),
        api_id=api_id,
        credential=credential,
        status=status,
        headers=headers,
        exception_lineage=tuple(lineage[:_CAUSES_MAX]),
        exception_chain=tuple(chain[:_CAUSES_MAX]),
        message=text,
    )


def body_kind(body: bytes, content_type: str | None) -> BodyKind:
    """What a body is: by its bytes first, by its content type where the bytes leave a choice."""
    media = media_type(content_type)
    promised = media == "application/json" or media.endswith("+json")
    if not body.strip():
        return BodyKind.EMPTY
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if promised:
            return BodyKind.BROKEN_JSON
        return BodyKind.TEXT if media.startswith("text/") and b"\x00" not in body else BodyKind.BINARY
    head = text[:512].lstrip().lower()
    if head.startswith(("<!doctype html", "<html")):
        return BodyKind.HTML
    if promised or head.startswith(("{", "[")):
        if _is_json(text):
            return BodyKind.JSON
        return BodyKind.BROKEN_JSON if promised else BodyKind.TEXT
    return BodyKind.BINARY if "\x00" in text else BodyKind.TEXT


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _causes(exc: BaseException) -> Iterator[str]:
    """Names of what an exception came from, nearest first; of a class nobody knows, its nearest known ancestor follows."""
    seen = {id(exc)}
    waiting = _next_causes(exc)
    while waiting and len(seen) <= _CAUSES_MAX:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield _qualified(type(cause))
        if not knows(type(cause).__name__):
            ancestor = next((kind for kind in type(cause).__mro__ if knows(kind.__name__)), None)
            if ancestor is not None:
                yield _qualified(ancestor)
        waiting.extend(_next_causes(cause))


def _next_causes(exc: BaseException) -> list[BaseException]:
    members = list(exc.exceptions[:_CAUSES_MAX]) if isinstance(exc, BaseExceptionGroup) else []
    cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    return [*members, cause] if cause is not None else members


def _qualified(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _answer_of(exc: BaseException) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    """Status and headers of the answer an exception was raised for, read from its plain attributes: no property of a stranger is called."""
    own = vars(exc)
    response = own.get("response")
    if response is not None:
        status, headers = getattr(response, "status_code", None), getattr(response, "headers", None)
    elif type(exc).__name__ in _STATUS_ERRORS and exc.__cause__ is None:
        # With a cause, the number is the library's own: aiohttp says 400 of an answer that is no HTTP.
        status, headers = own.get("status", own.get("code")), own.get("headers", own.get("hdrs"))
    else:
        return None, ()
    if not isinstance(status, int) or not 100 <= status <= 999:
        return None, ()
    items = getattr(headers, "items", None)
    pairs: Iterable[tuple[object, object]] = items() if callable(items) else ()
    return status, tuple((str(name), str(value)) for name, value in pairs)[:_HEADERS_MAX]
