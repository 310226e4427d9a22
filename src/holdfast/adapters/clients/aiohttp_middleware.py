"""A middleware for aiohttp's client (3.12 or newer): `aiohttp.ClientSession(middlewares=(holdfast.aiohttp_middleware(policy),))`."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, Unpack, cast

from holdfast.adapters.clients.aiohttp_content import Content, CopiedContent, RewoundContent
from holdfast.adapters.clients.aiohttp_face import AiohttpFace
from holdfast.adapters.clients.answers import BODY_JUDGED_MAX_BYTES, Body
from holdfast.adapters.clients.degraded import Lesser, Place, unanswered
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
    pairs_of,
)
from holdfast.adapters.clients.substitutes import may_be_kept
from holdfast.errors import DegradationFailed, PolicyError
from holdfast.guards.degrading import degrade_async, remember_async
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
    return GuardedMiddleware(Exchanges(policy, Options(**options)))


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
        lesser = exchange.lesser
        if lesser is None:
            return await self._sent(request, exchange, handler)
        try:
            response = await self._sent(request, exchange, handler)
        except Exception as error:
            if lesser.settings is None:
                raise
            return await self._degraded(request, exchange, handler, lesser=lesser, error=error)
        if lesser.watch.last is not None:
            return await self._degraded(request, exchange, handler, lesser=lesser, held=response)
        await remember_async(lesser.runtime, None, value=None)
        good = cast(Response, response)
        headers = pairs_of(good.headers)
        if lesser.keeps and may_be_kept(good.status, headers):
            copied = CopiedContent(good.content, lambda body: lesser.keep_async(good.status, headers, body))
            good.content = cast(Content, RewoundContent(b"", copied, is_over=False, broken=None))
        return good

    async def _degraded(
        self,
        request: object,
        exchange: Exchange,
        handler: Handler,
        *,
        lesser: Lesser,
        error: Exception | None = None,
        held: object | None = None,
    ) -> object:
        """The lesser answer to a request that failed; what it failed with, when there is none."""
        rules = lesser.settings_for(held)
        if rules is None:
            return held
        face = AiohttpFace(request)
        first = error or face.failed(held)

        async def elsewhere(base_url: str) -> object:
            return await self._elsewhere(request, exchange, handler, place=lesser.place(base_url), face=face)

        call = lesser.call(elsewhere, is_async=True)
        try:
            failure = lesser.failure(first)
            answer = await degrade_async(lesser.runtime, rules, failure=failure, call=call)
            response = lesser.response(face, answer)
        except Exception as failed:
            if error is None and (failed is first or isinstance(failed, DegradationFailed)):
                return held
            _close(held)
            last = unanswered(error or first, failed, reraise=self._exchanges.options.reraise)
            if last is failed:
                raise
            raise last from last.__cause__
        except BaseException:
            _close(held)
            raise
        finally:
            # A frame that holds the exception that holds it would stay until the collector comes.
            del first, error, call
        _close(held)
        return response

    async def _elsewhere(
        self, request: object, exchange: Exchange, handler: Handler, *, place: Place, face: AiohttpFace
    ) -> object:
        with face.moved(place):
            response, body = await self._exchanged(cast(Request, request), exchange, handler)
        if exchange.is_good(response.status, _unpacked(response), body=body, url=place.url):
            return response
        error = face.failed(response)
        _close(response)
        raise error

    async def _sent(self, request: object, exchange: Exchange, handler: Handler) -> object:
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
        response, body = await self._exchanged(request, exchange, handler)
        return exchange.judged(response, response.status, _unpacked(response), body=body)

    async def _exchanged(self, request: Request, exchange: Exchange, handler: Handler) -> tuple[Response, Body]:
        """Send a request, and read as much of its answer as judging needs."""
        response = cast(Response, await handler(request))
        body = Body()
        if exchange.wants_body(response.status, response.headers.get("Content-Type")):
            try:
                body = await _read(response)
            except BaseException:
                response.close()  # its reader was interrupted, by the end of its time or by its user
                raise
        return response, body


def _unpacked(response: Response) -> list[tuple[str, str]]:
    """The headers without that of the packing: aiohttp unpacks bodies as they come."""
    return [(name, value) for name, value in response.headers.items() if name.lower() != "content-encoding"]


def _outgoing(request: Request) -> Outgoing:
    body = request.body
    payload = importlib.import_module("aiohttp").BytesPayload
    return Outgoing(
        original=request,
        method=request.method.upper(),
        url=str(request.url),
        headers=request.headers,
        is_replayable=isinstance(body, bytes | payload),
        unpacks=True,
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
