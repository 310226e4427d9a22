"""Answers that exceptions carry as objects: the status, the headers and what was already read of the body.

Client libraries hang the answer on the exception they raise for it, each under its own names. Nothing here imports them, waits or reads from a
connection: bodies are taken only where the library has put bytes it had already read. Attributes are read from the exception's own dictionary, so
that no property of a stranger runs, and whatever goes wrong while reading means that there is no answer.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from holdfast.faults.fault import BODY_MAX_BYTES
from holdfast.faults.said_answers import as_json

HEADERS_MAX = 200
_VALUE_MAX_CHARS = 8_192
_DETAILS_MAX_CHARS = 4_000

# Where answers hang, and what their parts are called: httpx, requests, aiohttp, azure, google, slack, PyGithub, elasticsearch, OpenAPI clients …
_ANSWERS = ("response", "_response", "resp", "http_response", "meta")
_STATUS_NAMES = (
    "status_code",
    "http_status",
    "http_status_code",
    "response_code",
    "status",
    "_GithubException__status",
)
_BODY_NAMES = ("body", "http_body", "json_body", "response_body", "content", "_GithubException__data", "data", "text")
_READ_BODIES = ("_content", "_body", "data", "content", "body")
_HEADER_NAMES = ("headers", "hdrs", "_GithubException__headers")
_CODED = frozenset({"HTTPError"})  # urllib's: its status is called `code`
_MADE_UP = frozenset({"ClientResponseError"})
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """An answer as an exception carries it; `body` holds only what had been read."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def carried_answer(exc: BaseException) -> Carried | None:
    """The answer an exception was raised for; `None` when it carries none, or none that can be read without waiting."""
    own = attributes(exc)
    if not own:
        return None
    if type(exc).__name__ in _MADE_UP and exc.__cause__ is not None:
        return None  # with a cause, aiohttp's status is its parser's own: 400 for an answer that is no HTTP
    for name in _ANSWERS:
        answer = own.get(name)
        if answer is None:
            continue
        found = botocore_answer(answer) if type(answer) is dict else _of_object(answer, own)
        if found is not None:
            return found
    return _of_own(exc, own)


def carried_code(exc: BaseException) -> str | None:
    """The code an exception carries beside its text, as `kind:value`, for libraries whose codes are known."""
    kind = type(exc)
    library = str(kind.__module__).partition(".")[0]
    reader = _CODES.get(library)
    if reader is not None and (found := reader(exc)) is not None:
        return found
    original = attributes(exc).get("orig")  # SQLAlchemy's name for what its driver raised
    if library == "sqlalchemy" and isinstance(original, BaseException) and not isinstance(original, kind):
        return carried_code(original) if str(type(original).__module__).partition(".")[0] != "sqlalchemy" else None
    number = _read(exc, "errno") if isinstance(exc, OSError) else None
    if isinstance(number, int) and number in errno.errorcode:
        return f"errno:{errno.errorcode[number]}"
    return None


def rpc_trailers(exc: BaseException) -> tuple[tuple[str, str], ...]:
    """What a server of gRPC said behind its status, as headers; the wait it asks for under the name that waits have."""
    if not _is_rpc(exc):
        return ()
    pairs = header_pairs(_called(exc, "trailing_metadata"))
    waits = tuple(
        ("Retry-After-Ms", value) for name, value in pairs if name == "grpc-retry-pushback-ms" and value.isdigit()
    )
    return pairs + waits


def attributes(exc: object) -> Mapping[str, object]:
    """What an object keeps in its own dictionary; nothing for one that has none."""
    try:
        found = object.__getattribute__(exc, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def header_pairs(headers: object) -> tuple[tuple[str, str], ...]:
    """Headers of any library as pairs of text, at most `HEADERS_MAX` of them; none for what cannot be read."""
    pairs: list[tuple[str, str]] = []
    try:
        items = getattr(headers, "items", None)
        rows: Iterable[object] = items() if callable(items) else headers if isinstance(headers, list | tuple) else ()
        for row in rows:
            if len(pairs) >= HEADERS_MAX or not isinstance(row, tuple) or len(row) != 2:
                break
            value: object = row[1]
            if isinstance(value, list | tuple):
                value = value[0] if value else ""
            pairs.append((_text(row[0])[:200], _text(value)[:_VALUE_MAX_CHARS]))
    except Exception:  # noqa: BLE001 - headers are an object of any library, or of somebody who means harm
        return tuple(pairs)
    return tuple(pairs)


def read_body(answer: object) -> bytes:
    """What a library has already read of an answer's body; never reads from a connection."""
    own = attributes(answer)
    for name in _READ_BODIES:
        body = as_json(own.get(name))
        if body:
            return body[:BODY_MAX_BYTES]
    return b""


def status_of(answer: object) -> int | None:
    """The status of an answer of any library; `None` for what has none."""
    return next(
        (found for name in ("status_code", "status", "statusCode") if (found := _status(_read(answer, name)))), None
    )


def _status(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if is_number and 100 <= value <= 999 else None  # type: ignore[operator, call-overload]  # a number


def _read(thing: object, name: str) -> object:
    """An attribute of an object of any library; None where there is none or its property raises."""
    try:
        found: object = getattr(thing, name, None)
    except Exception:  # noqa: BLE001 - a property of any library
        return None
    return found


def _of_object(answer: object, own: Mapping[str, object]) -> Carried | None:
    status = status_of(answer)
    if status is None:
        return None
    headers = _read(answer, "headers")
    pairs = header_pairs(headers if headers is not None else answer if isinstance(answer, Mapping) else None)
    body = read_body(answer) or _first_body(own)
    return _answered(status, pairs, body)


def botocore_answer(answer: Mapping[str, object]) -> Carried | None:
    """The failed answer that a dictionary of botocore holds: `Error` is the body, `ResponseMetadata` the rest; `None` for a success."""
    metadata = answer.get("ResponseMetadata")
    if not isinstance(metadata, dict):
        return None
    status = _status(metadata.get("HTTPStatusCode"))
    if status is None:
        return None
    error = answer.get("Error")
    body = {"__type": error.get("Code"), "message": error.get("Message")} if isinstance(error, dict) else {}
    pairs = header_pairs(metadata.get("HTTPHeaders"))
    request_id = metadata.get("RequestId")
    if isinstance(request_id, str) and not any(name == "x-amzn-requestid" for name, _ in pairs):
        pairs = (*pairs, ("x-amzn-requestid", request_id[:200]))
    return _answered(status, pairs, as_json(body))


def _of_own(exc: BaseException, own: Mapping[str, object]) -> Carried | None:
    names = (*_STATUS_NAMES, "code") if type(exc).__name__ in _CODED else _STATUS_NAMES
    status = next((found for name in names if (found := _status(own.get(name))) is not None), None)
    if status is None:
        return None
    headers = next((own[name] for name in _HEADER_NAMES if own.get(name) is not None), None)
    return _answered(status, header_pairs(headers), _first_body(own) or _described(own, status))


def _answered(status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> Carried | None:
    """An answer to judge: a refusal, or a success whose JSON body may say otherwise; a plain success raised for is about its body."""
    if status >= 300 or (status >= 200 and body.lstrip()[:1] == b"{"):
        return Carried(status=status, headers=headers, body=body)
    return None


def _first_body(own: Mapping[str, object]) -> bytes:
    for name in _BODY_NAMES:
        body = as_json(own.get(name))
        if body.strip():
            return body[:BODY_MAX_BYTES]
    return b""


def _described(own: Mapping[str, object], status: int) -> bytes:
    """The code and message that a client read out of a body it did not keep (Twilio)."""
    message = own.get("msg", own.get("message"))
    code = own.get("code")
    if not isinstance(message, str) or not isinstance(code, int | str) or isinstance(code, bool):
        return b""
    if code == status:
        return b""  # urllib's: the status and its phrase over again
    return as_json({"code": code, "message": message[:_DETAILS_MAX_CHARS]})


# --- codes ---


def _sqlstate(exc: BaseException) -> str | None:
    for name in ("sqlstate", "pgcode"):
        found = _read(exc, name)
        if isinstance(found, str) and len(found) == 5:
            return f"sqlstate:{found}"
    return None


def _number(kind: str, name: str) -> Callable[[BaseException], str | None]:
    def read(exc: BaseException) -> str | None:
        found = _read(exc, name)
        return f"{kind}:{found}" if isinstance(found, int) and found > 0 else None

    return read


def _aws(exc: BaseException) -> str | None:
    response = attributes(exc).get("response")
    error = response.get("Error") if isinstance(response, dict) else None
    code = error.get("Code") if isinstance(error, dict) else None
    return f"aws:{code[:120]}" if isinstance(code, str) and code else None


def _is_rpc(exc: BaseException) -> bool:
    return any(str(kind.__module__).partition(".")[0] == "grpc" for kind in type(exc).__mro__)


def _grpc(exc: BaseException) -> str | None:
    name = _read(_called(exc, "code"), "name")
    return f"grpc:{name}" if isinstance(name, str) else None


def rpc_details(exc: BaseException) -> str | None:
    """The details of an error of gRPC, without the rest of its text."""
    found = _called(exc, "details") if _is_rpc(exc) else None
    return found[:_DETAILS_MAX_CHARS] if isinstance(found, str) else None


def _called(exc: BaseException, name: str) -> object:
    """What a method of an exception of gRPC returns; it hands out what it has and does not wait once the call is over."""
    method = _read(exc, name)
    try:
        return method() if callable(method) else None
    except Exception:  # noqa: BLE001 - a method of a library
        return None


_CODES: dict[str, Callable[[BaseException], str | None]] = {
    "psycopg": _sqlstate,
    "psycopg2": _sqlstate,
    "asyncpg": _sqlstate,
    "pymongo": _number("mongo", "code"),
    "smtplib": _number("smtp", "smtp_code"),
    "aiosmtplib": _number("smtp", "code"),
    "botocore": _aws,
    "grpc": _grpc,
}


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
