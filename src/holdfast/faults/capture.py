"""Capturing: an exception or an HTTP answer becomes a `Fault`, plain data that can be judged anywhere.

The first step of the story, taken where the call was made. It copies what is there and judges nothing but how far the
attempt got and what kind of body came. It imports no client library: exceptions are known by the names of their
classes. A fault is bounded, but it is not redacted (patterns must see the words): it belongs in memory, and what
comes to rest is the verdict or a trace that went through `holdfast.faults.redact`.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from holdfast.faults.carried_answers import (
    HEADERS_MAX,
    Carried,
    carried_answer,
    carried_code,
    rpc_details,
    rpc_trailers,
)
from holdfast.faults.context import NO_CONTEXT, FaultContext, request_ids
from holdfast.faults.evidence import media_type
from holdfast.faults.exceptions import OPEN_GROUP, is_guessed, knows, read_exception
from holdfast.faults.fault import BODY_MAX_BYTES, BodyKind, Fault, Phase
from holdfast.faults.raised.meaning import Weight
from holdfast.faults.raised.vendors import ANSWERING
from holdfast.faults.redact import redact_url
from holdfast.faults.said_answers import SaidAnswer, generally_said_answer, said_answer
from holdfast.faults.verdict import Outcome

_MESSAGE_MAX_CHARS = 8_192
_CAUSES_MAX = 32
_WORDS_MAX_CHARS = 500
_NAME_MAX_CHARS = 200
_HEADER_MAX_CHARS = 8_192
_WHOLE_MAX_BYTES = 8_388_608
"""A longer body is judged by its beginning and its last byte: JSON takes up to thirty times its size when it is parsed."""


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
    context: FaultContext = NO_CONTEXT,
) -> Fault:
    """Capture an HTTP answer, whether or not it is a failure: `holdfast.faults.classify.examine` says that.

    Args:
        status: the HTTP status.
        headers: in order of arrival, repeated names as they came; the first 200 are kept, each up to 8,192 characters.
        body: all of it; the fault keeps the first `BODY_MAX_BYTES`.
        operation: the name of the call, for people.
        observed_at: when the answer was there; delays count from it.
        method: the request's method.
        url: the request's address; secrets in it are taken out here.
        api_id: the catalog's name of the API.
        credential: the name of the credential that was used, never its value.
        complete: false when the transport stopped reading (too large, cut off).
        context: what is known of the call; ids that it lacks are read from the answer's headers.
    """
    kept = tuple((name[:_NAME_MAX_CHARS], value[:_HEADER_MAX_CHARS]) for name, value in islice(headers, HEADERS_MAX))
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
        context=_with_ids(context, kept),
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
    context: FaultContext = NO_CONTEXT,
) -> Fault:
    """Capture an exception with its causes, its context and the members of exception groups, at most 32 of them, cycles included.

    An answer that the client library raised for is captured with its status, its headers and what had been read of its body; nothing is read from
    a connection. Where the exception itself says little, the answer of the nearest cause that carries one is taken. An exception that cannot even
    be turned into text is captured by its class.
    """
    causes = list(_causes(exc))
    carried = _answer_of(exc, causes)
    code, details = carried_code(exc) or (OPEN_GROUP if _is_open_group(exc) else None), rpc_details(exc)
    message = text_of(exc)
    names, words = _named(causes)
    return capture_names(
        [_qualified(kind) for kind in type(exc).__mro__[:-1]],
        names,
        message=message if details is None else details or message,
        operation=operation,
        observed_at=observed_at,
        method=method,
        url=url,
        api_id=api_id,
        credential=credential,
        status=None if carried is None else carried.status,
        headers=rpc_trailers(exc) if carried is None else carried.headers,
        body=b"" if carried is None else carried.body,
        code=code,
        words=words,
        context=context,
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
    body: bytes = b"",
    code: str | None = None,
    words: Sequence[str] = (),
    context: FaultContext = NO_CONTEXT,
) -> Fault:
    """Capture an exception that is known by its names only, for instance from a log or another process.

    Args:
        lineage: qualified class names, own first, ancestors after it (a lineage of one is fine).
        chain: qualified class names of the causes, nearest first.
        message: the exception's text; an answer that it tells of is read where the class is one raised for answers, or says nothing by itself.
        operation: the name of the call, for people.
        observed_at: when it was learned.
        method: the request's method.
        url: the request's address; secrets in it are taken out here.
        api_id: the catalog's name of the API.
        credential: the name of the credential that was used.
        status: the status of the answer it was raised for.
        headers: the headers of that answer.
        body: what had been read of that answer's body.
        code: the code it carries beside its text, as `kind:value`.
        words: the texts of the causes, in the order of `chain`.
        context: what is known of the call.
    """
    text = _clean(message)
    names, causes = tuple(lineage[:_CAUSES_MAX]), tuple(chain[:_CAUSES_MAX])
    spoken = tuple(words[:_CAUSES_MAX])
    meaning = read_exception(names, causes, message=text, code=code, words=spoken)
    if status is None and (told := _told_answer(names, causes, text=text, is_open=_is_open(names, meaning.rule))):
        status, body = told.status, told.body
    content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
    if body[:1] == b"{" and content_type is None:
        content_type = "application/json"  # the library took it apart and we put it together again
    return Fault(
        operation=operation,
        phase=meaning.phase if status is None else Phase.ANSWER,
        observed_at=observed_at,
        method=method,
        url=None if url is None else redact_url(url),
        api_id=api_id,
        credential=credential,
        status=status,
        headers=headers,
        body=body[:BODY_MAX_BYTES],
        body_kind=body_kind(body, content_type) if body else BodyKind.EMPTY,
        body_size_bytes=len(body),
        content_type=content_type,
        exception_lineage=names,
        exception_chain=causes,
        exception_words=spoken,
        exception_code=code,
        message=text,
        context=_with_ids(context, headers),
    )


def body_kind(body: bytes, content_type: str | None) -> BodyKind:
    """What a body is: by its bytes first, by its content type where the bytes leave a choice.

    One of more than 8 MiB is not parsed: it is JSON when it begins and ends as JSON does.
    """
    media = media_type(content_type)
    promised = media == "application/json" or media.endswith("+json")
    if not body or body.isspace():
        return BodyKind.EMPTY
    is_whole = len(body) <= _WHOLE_MAX_BYTES
    try:
        text = body.removeprefix(BOM_UTF8).decode("utf-8") if is_whole else _beginning(body)
    except UnicodeDecodeError:
        if promised:
            return BodyKind.BROKEN_JSON
        return BodyKind.TEXT if media.startswith("text/") and b"\x00" not in body else BodyKind.BINARY
    head = text[:512].lstrip().lower()
    if head.startswith(("<!doctype html", "<html")):
        return BodyKind.HTML
    if promised or head.startswith(("{", "[")):
        if _is_json(text) if is_whole else _looks_like_json(body, head):
            return BodyKind.JSON
        return BodyKind.BROKEN_JSON if promised else BodyKind.TEXT
    return BodyKind.BINARY if "\x00" in text else BodyKind.TEXT


def _beginning(body: bytes) -> str:
    """The first part of a long body as text; a character that the cut went through is left out."""
    return getincrementaldecoder("utf-8-sig")().decode(body[:BODY_MAX_BYTES])


def _looks_like_json(body: bytes, head: str) -> bool:
    last = body[-1_024:].rstrip()[-1:]
    return (head[:1], last) in {("{", b"}"), ("[", b"]")}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def text_of(exc: BaseException) -> str:
    """An exception's text; empty when it cannot be had."""
    try:
        return _clean(str(exc))
    except Exception:  # noqa: BLE001 - what an exception's author has written may raise anything
        return ""


def _clean(text: str) -> str:
    """The bounded beginning of a text, as a plain string that can be written down anywhere: lone surrogates are replaced."""
    head = str.__getitem__(text, slice(None, _MESSAGE_MAX_CHARS))
    return head if head.isascii() else head.encode("utf-8", "replace").decode("utf-8")


def _told_answer(lineage: tuple[str, ...], chain: tuple[str, ...], *, text: str, is_open: bool) -> SaidAnswer | None:
    """The answer that a text tells of: in the form of the class's own library, or, of a class nobody knows, in any common form."""
    if not text:
        return None
    kind = lineage[0].rpartition(".")[2] if lineage else ""
    if kind == "ClientResponseError" and chain:
        return None  # with a cause, the number is the parser's own, not a status
    found = said_answer(kind, text) or (generally_said_answer(text) if is_open else None)
    if found is None or (found.status < 300 and not found.body):
        return None  # a success that was raised for is about its body, which is not here
    return found


def _is_open(lineage: tuple[str, ...], rule: str) -> bool:
    """Whether the class leaves it to the text which answer it was raised for: nobody knows it, or its library raises one class per status."""
    return is_guessed(rule) or (bool(lineage) and lineage[0].partition(".")[0] in ANSWERING)


def _with_ids(context: FaultContext, headers: tuple[tuple[str, str], ...]) -> FaultContext:
    """The context with the ids that the answer's headers name; what the caller gave stays."""
    ids = request_ids(headers) if headers else None
    if ids is None or not (ids.request_id or ids.correlation_id or ids.trace_id or ids.session_id):
        return context
    return replace(
        context,
        request_id=context.request_id or ids.request_id,
        correlation_id=context.correlation_id or ids.correlation_id,
        trace_id=context.trace_id or ids.trace_id,
        session_id=context.session_id or ids.session_id,
    )


def _causes(exc: BaseException) -> Iterator[tuple[BaseException, bool]]:
    """What an exception came from, nearest first, and whether it stands in line (a cause) or beside others (a member of a group)."""
    seen = {id(exc)}
    waiting = _next_causes(exc)
    while waiting and len(seen) <= _CAUSES_MAX:
        cause, in_line = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause, in_line
        waiting.extend((deeper, in_line and straight) for deeper, straight in _next_causes(cause))


def _next_causes(exc: BaseException) -> list[tuple[BaseException, bool]]:
    members = list(exc.exceptions[:_CAUSES_MAX]) if isinstance(exc, BaseExceptionGroup) else []
    # Not `or`: an exception may have a length, and be empty.
    hidden = exc.__suppress_context__ or exc.__cause__ is not None
    cause = exc.__cause__ if hidden else exc.__context__
    found = [(member, len(members) == 1) for member in members]
    return [*found, (cause, not members)] if cause is not None else found


def _named(causes: Sequence[tuple[BaseException, bool]]) -> tuple[list[str], list[str]]:
    """Names and texts of causes; of a class nobody knows, its nearest known ancestor follows."""
    names: list[str] = []
    words: list[str] = []
    for cause, _ in causes:
        lineage = [_qualified(kind) for kind in type(cause).__mro__[:-1]]
        text = text_of(cause)[:_WORDS_MAX_CHARS]
        names.append(lineage[0])
        words.append(text)
        if not knows(lineage[0]):
            ancestor = next((name for name in lineage if knows(name)), None)
            if ancestor is not None:
                names.append(ancestor)
                words.append(text)
    return names, words


def _qualified(kind: type) -> str:
    name, module = str(kind.__qualname__)[:_NAME_MAX_CHARS], str(kind.__module__)[:_NAME_MAX_CHARS]
    return name if module == "builtins" else f"{module}.{name}"


def _answer_of(exc: BaseException, causes: Sequence[tuple[BaseException, bool]]) -> Carried | None:
    """The answer that an exception or, where it says little itself, the nearest telling cause in line was raised for."""
    own = carried_answer(exc)
    if own is not None or _is_telling(exc):
        return own
    for cause, in_line in causes:
        if not in_line:
            break
        found = carried_answer(cause)
        if found is not None or _is_telling(cause):
            return found
    return _answer_of_members(exc)


def _answer_of_members(exc: BaseException) -> Carried | None:
    """Of a group whose members all carry answers, the one that leaves most open: a server's failure before a refusal."""
    if not isinstance(exc, BaseExceptionGroup):
        return None
    carried = [carried_answer(member) for member in exc.exceptions[:_CAUSES_MAX]]
    whole = [answer for answer in carried if answer is not None]
    return max(whole, key=lambda answer: answer.status) if len(whole) == len(carried) else None


def _is_open_group(exc: BaseException) -> bool:
    """Whether one of the exceptions of a group, each read by itself, leaves open what was done; so does one too many to be looked at."""
    if not isinstance(exc, BaseExceptionGroup):
        return False
    waiting: list[BaseException] = list(exc.exceptions[: _CAUSES_MAX + 1])
    for _ in range(_CAUSES_MAX):
        if not waiting:
            return False
        member = waiting.pop()
        if isinstance(member, BaseExceptionGroup):
            waiting.extend(member.exceptions[: _CAUSES_MAX + 1])
            continue
        names, words = _named(list(_causes(member)))
        lineage = [_qualified(kind) for kind in type(member).__mro__[:-1]]
        found = read_exception(lineage, names, message=text_of(member), code=carried_code(member), words=words)
        if found.outcome is not Outcome.NOT_EXECUTED:
            return carried_answer(member) is None
    return bool(waiting)


def _is_telling(exc: BaseException) -> bool:
    meaning = read_exception([_qualified(kind) for kind in type(exc).__mro__[:-1]], (), message="")
    return meaning.weight >= Weight.ECHO and not is_guessed(meaning.rule)
