"""A middleware for aiohttp's client (3.12 or newer): `aiohttp.ClientSession(middlewares=(holdfast.aiohttp_middleware(policy),))`."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, Unpack, cast

from holdfast.adapters.clients.aiohttp_content import Content, RewoundContent
from holdfast.adapters.clients.answers import BODY_JUDGED_MAX_BYTES, Body
from holdfast.adapters.clients.degraded import refuse_degradation
from holdfast.adapters.clients.exchanges import (
    IDEMPOTENT_METHODS,
    Answered,
    ClientOptions,
    Exchange,
    Exchanges,
    HeaderMap,
    Likeness,
    Options,
    Outgoing,
)
from holdfast.errors import PolicyError
from holdfast.guards.loops import run_async
from holdfast.guards.policy import Policy

__all__ = ["GuardedMiddleware", "aiohttp_middleware"]


class Request(Protocol):
    """A request, as aiohttp has it."""

    method: str
    url: object
    headers: HeaderMap
    body: object


class Response(Protocol):
    """An answer, as aiohttp has it."""

    status: int
    headers: Mapping[str, str]
    content: Content

    def close(self) -> None:
        """Close the connection."""

    def release(self) -> object:
        """Give the connection back, when its body has been read."""


Handler = Callable[[object], Awaitable[object]]


def aiohttp_middleware(policy: Policy, **options: Unpack[ClientOptions]) -> GuardedMiddleware:
    """A middleware that makes a session of aiohttp resilient.

    Works as `holdfast.transport`, and takes the same options. Attempts are interrupted when their time is over (`TimedOut` is a `TimeoutError`, as
    aiohttp's own are); the session's `ClientTimeout.total` is about all attempts and the waits between them. aiohttp repeats idempotent requests by
    itself, once, when a kept connection breaks, and would run all attempts again: so that nothing is sent more often than the policy says, such a
    failure is raised as `aiohttp.ClientConnectionError` with aiohttp's own error as its cause.

    Raises:
        BadSettings: something is of the wrong kind; all of it is listed.
    """
    exchanges = Exchanges(policy, Options(**options))
    refuse_degradation(policy.composition, "aiohttp")
    return GuardedMiddleware(exchanges)


class GuardedMiddleware(Likeness):  # type: ignore[misc]  # its likeness counts: the classes that clients ask for are theirs
    """What `aiohttp_middleware` makes."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges

    async def __call__(self, request: object, handler: Handler) -> object:
        """Send a request under the policy by `handler`, and return the last answer.

        Raises:
            Rejected: it was turned away; nothing was sent.
            Exception: aiohttp's own, or `Exhausted` without `reraise`.
        """
        exchange = self._exchanges.begin(_outgoing(cast(Request, request)))
        name = self._exchanges.policy.name
        try:
            answered = await run_async(name, exchange.steps, self._attempt, (request, exchange, handler), {})
        except PolicyError:
            held = exchange.take()
            if held is not None:
                return held
            raise
        except Exception as error:
            _close(exchange.take())
            if exchange.outgoing.method in IDEMPOTENT_METHODS and _is_repeated_by_aiohttp(error):
                raise _final(error) from error
            raise
        except BaseException:
            _close(exchange.take())
            raise
        assert isinstance(answered, Answered), "a course returns what an attempt brought"
        return answered.response

    async def _attempt(self, request: Request, exchange: Exchange, handler: Handler) -> Answered:
        _close(exchange.take())
        response = cast(Response, await handler(request))
        body = Body()
        if exchange.wants_body(response.status, response.headers.get("Content-Type")):
            try:
                body = await _read(response)
            except BaseException:
                response.close()  # its reader was interrupted, by the end of its time or by its user
                raise
        # aiohttp unpacks bodies as they come.
        headers = [(name, value) for name, value in response.headers.items() if name.lower() != "content-encoding"]
        return exchange.judged(response, response.status, headers, body=body)


def _outgoing(request: Request) -> Outgoing:
    body = request.body
    payload = importlib.import_module("aiohttp").BytesPayload
    return Outgoing(
        original=request,
        method=request.method.upper(),
        url=str(request.url),
        headers=request.headers,
        is_replayable=isinstance(body, bytes | payload),
    )


def _is_repeated_by_aiohttp(error: Exception) -> bool:
    """Whether aiohttp would begin again, all attempts included."""
    aiohttp = importlib.import_module("aiohttp")
    lost = isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError)
    return lost and not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def _final(error: Exception) -> Exception:
    made: Exception = importlib.import_module("aiohttp").ClientConnectionError(str(error) or type(error).__name__)
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made


def _close(response: object | None) -> None:
    """Give the connection back when the body has been read, else close it."""
    if response is not None:
        cast(Response, response).release()


async def _read(response: Response) -> Body:
    """Read what is needed to judge a body, and put it back."""
    content = response.content
    kept: list[bytes] = []
    size = 0
    broken: Exception | None = None
    whole = False
    try:
        while size <= BODY_JUDGED_MAX_BYTES:
            chunk = await content.read(BODY_JUDGED_MAX_BYTES)
            if not chunk:
                whole = True
                break
            kept.append(chunk)
            size += len(chunk)
    except Exception as error:  # noqa: BLE001 - whoever reads on gets it; the status has been told already
        broken = error
    response.content = cast(Content, RewoundContent(b"".join(kept), content, is_over=whole, broken=broken))
    return Body(prefix=b"".join(kept), whole=whole, cut=broken is not None)
