"""A call as the recovery engine needs it: something that can be made again, and what makes that safe.

It works for plain functions, for `async def`, and for requests of an HTTP client. What it cannot know it takes for the worse: a function may be
repeated only if its caller says so; a method of HTTP speaks for itself (RFC 9110 §9.2: GET, HEAD, OPTIONS and TRACE change nothing, PUT and DELETE
done twice are done once).
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from holdfast.errors import AnswerFailed, BadInput, Problem
from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import examine
from holdfast.faults.verdict import Verdict
from holdfast.guards.world import WORLD
from holdfast.policies.checks import function_problem
from holdfast.policies.remedies import CallFacts

__all__ = ["HttpAnswer", "HttpClient", "RecoveryCall"]

_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_IDEMPOTENT = _READING | {"PUT", "DELETE"}
_PLAIN = (str, int, float, bool, bytes, type(None))
_KEY_DEPTH_MAX = 8
_MESSAGE_MAX_CHARS = 8_192


class HttpAnswer(Protocol):
    """An answer as httpx2, httpx and requests give it, its body read."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    @property
    def content(self) -> bytes:
        """The whole body."""


class HttpClient(Protocol):
    """A client or session of httpx2, httpx or requests."""

    def request(self, method: str, url: str, /, **options: object) -> object:
        """Make a request; an async client returns an awaitable."""


@dataclass(frozen=True, slots=True)
class RecoveryCall:
    """A call that can be made again.

    `operation` names it for people (default: the function's name), `dependency` what it depends on (default: the operation), which is also the
    name of its circuit; `circuit_key` is the part of the dependency (a host, a tenant) whose circuit is its own. `endpoint` and `method` say what is
    asked. `repeatable` and `read_only` are the caller's word; None takes the method's, and without a method false. `credential` names the refresher
    of what it authenticates with. `attempt` is how many attempts have been made when it failed. `key_inputs` are the values that tell its answer from
    others', whoever asks included; None: its answers are kept for nobody, `()`: the answer is the same for everybody. `elsewhere` makes the same call
    at another address. Without a function it only stands for a call that failed.
    """

    function: Callable[..., object] | None = None
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    operation: str = field(default="", kw_only=True)
    dependency: str = field(default="", kw_only=True)
    endpoint: str = field(default="", kw_only=True)
    method: str | None = field(default=None, kw_only=True)
    repeatable: bool | None = field(default=None, kw_only=True)
    read_only: bool | None = field(default=None, kw_only=True)
    replayable: bool = field(default=True, kw_only=True)
    credential: str | None = field(default=None, kw_only=True)
    circuit_key: str | None = field(default=None, kw_only=True)
    attempt: int = field(default=1, kw_only=True)
    key_inputs: tuple[object, ...] | None = field(default=None, kw_only=True)
    elsewhere: Callable[[str], object] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = [
            Problem(source="recovery call", path=path, message=message)
            for path, message in (
                ("function", function_problem(self.function, optional=True)),
                (
                    "attempt",
                    None if type(self.attempt) is int and self.attempt >= 1 else f"counts from 1, not {self.attempt!r}",
                ),
                ("key_inputs", _key_problem(self.key_inputs)),
                ("repeatable", _contradiction(self)),
            )
            if message is not None
        ]
        if problems:
            raise BadInput(problems)

    @classmethod
    def request(
        cls,
        client: HttpClient,
        method: str,
        url: str,
        *,
        options: Mapping[str, object] | None = None,
        dependency: str = "",
        repeatable: bool | None = None,
        credential: str | None = None,
        key_inputs: tuple[object, ...] | None = None,
    ) -> RecoveryCall:
        """A request of an HTTP client; its answer is judged, and one that is a failure counts as a failed call (`AnswerFailed`).

        `options` go to the client as they are. A body that can be read only once (a file, a stream, a generator) makes the call one that cannot be
        made again. An alternative that is an address is asked for the same path there.
        """
        sent = dict(options or {})
        path = urlsplit(url).path or "/"
        name = f"{method.upper()} {path}"

        def at(address: str) -> object:
            return _send(client, method, address, options=sent, operation=name)

        return cls(
            at,
            (url,),
            operation=name,
            dependency=dependency or urlsplit(url).netloc.rpartition("@")[2] or _host_of(client) or name,
            endpoint=path,
            method=method.upper(),
            repeatable=repeatable,
            replayable=all(_is_replayable(sent.get(part)) for part in ("content", "data", "files", "json")),
            credential=credential,
            key_inputs=key_inputs,
            elsewhere=lambda address: at(_moved(url, address)),
        )

    @property
    def name(self) -> str:
        """What it is called."""
        found = self.operation or getattr(self.function, "__qualname__", None) or type(self.function).__name__
        return str(found)

    @property
    def depends_on(self) -> str:
        """What it depends on; also the name of its circuit."""
        return self.dependency or self.name

    @property
    def is_read_only(self) -> bool:
        """Whether it changes nothing in the world."""
        return self.read_only if self.read_only is not None else (self.method or "").upper() in _READING

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice does no harm."""
        if self.repeatable is not None:
            return self.repeatable
        return self.is_read_only or (self.method or "").upper() in _IDEMPOTENT

    def make(self) -> object:
        """Make the call."""
        assert self.function is not None, "the course makes only calls that can be made"
        return self.function(*self.args, **self.kwargs)

    def facts(self, error: BaseException, *, attempt: int) -> CallFacts:
        """What conditions and decisions may know of it."""
        kind = type(error)
        return CallFacts(
            operation=self.name,
            dependency=self.depends_on,
            endpoint=self.endpoint,
            method=self.method,
            attempt=attempt,
            repeatable=self.is_repeatable,
            read_only=self.is_read_only,
            replayable=self.replayable and self.function is not None,
            credential=self.credential,
            message=_words(error),
            error_type=kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
        )

    def key(self) -> str | None:
        """The key under which its answers are kept; None when none was declared. Two different inputs never have the same key."""
        if self.key_inputs is None:
            return None
        digest = hashlib.sha256(_written((self.depends_on, self.name, self.endpoint, self.method, self.key_inputs)))
        return f"holdfast:fallback:{self.name[:100]}:{self.endpoint[:100]}:{digest.hexdigest()}"


def _contradiction(call: RecoveryCall) -> str | None:
    return "is false although the call is read_only" if call.repeatable is False and call.read_only is True else None


def _key_problem(inputs: object, depth: int = 0) -> str | None:
    """What makes values no part of a key: only plain ones have a form that stays the same."""
    if isinstance(inputs, _PLAIN) and (depth or inputs is None):
        return None
    if not isinstance(inputs, tuple) or depth > _KEY_DEPTH_MAX:
        return f"must be a tuple of texts, numbers, bytes, true, false, None and such tuples, not with {type(inputs).__name__}"
    return next((found for item in inputs if (found := _key_problem(item, depth + 1))), None)


def _written(value: object) -> bytes:
    """A form of plain values that says type and length, so that no two read alike."""
    if isinstance(value, tuple):
        inner = b"".join(_written(item) for item in value)
        return b"t%d:%s" % (len(value), inner)
    text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return b"%s%d:%s" % (type(value).__name__.encode(), len(text), text)


def _words(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE_MAX_CHARS]
    except Exception:  # noqa: BLE001 - an exception whose own text raises has no words
        return ""


# --- HTTP ---


def _send(client: HttpClient, method: str, url: str, *, options: Mapping[str, object], operation: str) -> object:
    answer = client.request(method, url, **options)
    if inspect.isawaitable(answer):
        return _checked_later(answer, method, url, operation=operation)
    return _checked(answer, method, url, operation=operation)


async def _checked_later(answer: Awaitable[object], method: str, url: str, *, operation: str) -> object:
    return _checked(await answer, method, url, operation=operation)


def _checked(answer: object, method: str, url: str, *, operation: str) -> object:
    """The answer, if it is a success."""
    verdict = _examined(answer, method, url, operation=operation)
    if verdict is not None:
        raise AnswerFailed(operation, answer=answer, verdict=verdict)
    return answer


def _examined(answer: object, method: str, url: str, *, operation: str) -> Verdict | None:
    status, body = getattr(answer, "status_code", None), getattr(answer, "content", b"")
    if not isinstance(status, int):
        message = f"the client's answer has no status_code ({type(answer).__name__}); use a client of httpx2, httpx or requests"
        raise BadInput([Problem(source="recovery call", path="client", message=message)])
    headers = getattr(answer, "headers", None)
    items = getattr(headers, "multi_items", None) or getattr(headers, "items", None)
    pairs: Iterable[tuple[object, object]] = items() if callable(items) else ()
    fault = capture_answer(
        status,
        [(str(name), str(value)) for name, value in pairs],
        body=body if isinstance(body, bytes) else b"",
        operation=operation,
        observed_at=WORLD.now(),
        method=method.upper(),
        url=url,
    )
    return examine(fault)


def _is_replayable(body: object) -> bool:
    if isinstance(body, Mapping):
        return all(_is_replayable(value) for value in body.values())
    if isinstance(body, list | tuple):
        return all(_is_replayable(item) for item in body)
    return isinstance(body, _PLAIN)


def _moved(url: str, address: str) -> str:
    """The same path and query below another address."""
    old, new = urlsplit(url), urlsplit(address)
    path = f"{new.path.rstrip('/')}/{old.path.lstrip('/')}" if old.path else new.path
    return urlunsplit((new.scheme, new.netloc, path, old.query, ""))


def _host_of(client: object) -> str:
    host = getattr(getattr(client, "base_url", None), "host", "")
    return host if isinstance(host, str) else ""
