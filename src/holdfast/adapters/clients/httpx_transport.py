"""Transports for httpx2 and httpx: they stand around the client's own transport, and guard each request that passes.

They are written to the shape of both libraries and import neither: which of them it is, the request says. So one object serves either, and nothing is
loaded that the program has not loaded.
"""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Protocol, Self, TypeVar, Unpack, cast, overload

from holdfast.adapters.clients.answers import Body
from holdfast.adapters.clients.degraded import Lesser, Place, unanswered
from holdfast.adapters.clients.exchanges import (
    Answered,
    ClientOptions,
    Exchange,
    Exchanges,
    HeaderMap,
    Likeness,
    Options,
    Outgoing,
    left_s,
)
from holdfast.adapters.clients.httpx_bodies import aclose, akeep_body, aread_ahead, close, keep_body, read_ahead
from holdfast.adapters.clients.httpx_face import HttpxFace, library_of
from holdfast.adapters.clients.substitutes import may_be_kept
from holdfast.errors import DegradationFailed, PolicyError, TimedOut
from holdfast.guards.degrading import degrade_async, degrade_sync, remember, remember_async
from holdfast.guards.loops import run_async, run_sync
from holdfast.guards.policy import Policy

__all__ = ["AsyncGuardedTransport", "GuardedTransport", "async_transport", "transport"]

_OPERATIONS = ("connect", "read", "write", "pool")


class Headers(HeaderMap, Protocol):
    """Headers as both libraries have them."""

    def multi_items(self) -> list[tuple[str, str]]:
        """All of them, repeated names as they came."""


class Request(Protocol):
    """A request as both libraries have it."""

    method: str
    url: object
    headers: Headers
    stream: object
    extensions: MutableMapping[str, object]


class Response(Protocol):
    """An answer as both libraries have it."""

    status_code: int
    headers: Headers
    stream: object


class SyncInner(Protocol):
    """A transport to stand around: `httpx2.HTTPTransport`, or another that does its work."""

    def handle_request(self, request: object) -> object:
        """Send a request and return its answer."""

    def close(self) -> None:
        """Close the pool."""


class AsyncInner(Protocol):
    """The same for event loops."""

    async def handle_async_request(self, request: object) -> object:
        """Send a request and return its answer."""

    async def aclose(self) -> None:
        """Close the pool."""


Inner = TypeVar("Inner")


@overload
def transport(policy: Policy, inner: None = None, **options: Unpack[ClientOptions]) -> GuardedTransport: ...
@overload
def transport(
    policy: Policy,
    inner: Inner,
    **options: Unpack[ClientOptions],
) -> Inner: ...
def transport(
    policy: Policy,
    inner: object | None = None,
    **options: Unpack[ClientOptions],
) -> object:
    """A transport that makes an httpx2 or httpx client resilient: `httpx2.Client(transport=holdfast.transport(policy))`.

    Each request is one guarded call; a redirect is the next request. The last answer is returned whatever its status, so that `raise_for_status`
    stays yours, and what the client raises is its own exception, with the story of the attempts as its note. A call that is turned away raises
    `CircuitOpen` or another `Rejected`. With degradation, a lesser answer stands in; its header `holdfast-degraded` names the strategy.
    Time limits of the policy and of `holdfast.deadline` shorten the client's own timeouts.

    Args:
        policy: what stands around the requests.
        inner: what sends them; None: the `HTTPTransport` of the client's library with its defaults, made when the first request comes. A client's
            own settings for connections (`verify`, `http2`, `limits`, `proxy`) belong to the transport it makes itself; give them to yours.
        key: from the request, what its circuit belongs to; None: the policy's key, else host and port.
        repeatable: whether doing a request twice does no harm: your word, or a function of the request (None from it: not known). Without it,
            requests by an idempotent method (RFC 9110 §9.2.2) are, those with an idempotency key, and all if the policy says so.
        api: what is known of the API: the name of one that comes with Holdfast (`stripe`), or the rules of a catalog of yours.
        catalog: knows APIs by address, such as `holdfast.catalog.load_directory("apis")`, instead of `api`. None: the entries that come with
            Holdfast, unless the policy has an `api`; False: none.
        idempotency_header: carries idempotency keys, unless the catalog names another header.
        adds_idempotency_key: give a key to requests that need one and have none; it stays the same over all attempts.
        reraise: raise the client's own exception at the end; without, `Exhausted`, with that exception as its cause. With it, `TimedOut` becomes
            the client's `ReadTimeout`, or `ConnectTimeout` if nothing was sent.

    Raises:
        BadSettings: something is of the wrong kind; all of it is listed.
    """
    return GuardedTransport(Exchanges(policy, Options(**options)), cast("SyncInner | None", inner))


@overload
def async_transport(policy: Policy, inner: None = None, **options: Unpack[ClientOptions]) -> AsyncGuardedTransport: ...
@overload
def async_transport(
    policy: Policy,
    inner: Inner,
    **options: Unpack[ClientOptions],
) -> Inner: ...
def async_transport(
    policy: Policy,
    inner: object | None = None,
    **options: Unpack[ClientOptions],
) -> object:
    """The same for `httpx2.AsyncClient` and `httpx.AsyncClient`; arguments as in `transport`. Attempts are interrupted when their time is over.

    Raises:
        BadSettings: something is of the wrong kind; all of it is listed.
    """
    return AsyncGuardedTransport(Exchanges(policy, Options(**options)), cast("AsyncInner | None", inner))


class GuardedTransport(Likeness):  # type: ignore[misc]  # its likeness counts: the classes that clients ask for are theirs
    """What `transport` makes."""

    def __init__(self, exchanges: Exchanges, inner: SyncInner | None) -> None:
        self._exchanges = exchanges
        self._inner = inner
        self._lock = threading.Lock()

    def handle_request(self, request: object) -> object:
        """Send a request under the policy, and return the last answer.

        Raises:
            Rejected: it was turned away; nothing was sent.
            Exception: the client library's own, or `Exhausted` without `reraise`.
        """
        exchange = self._exchanges.begin(_outgoing(cast(Request, request)))
        lesser = exchange.lesser
        if lesser is None:
            return self._sent(request, exchange)
        try:
            response = self._sent(request, exchange)
        except Exception as error:
            if lesser.settings is None:
                raise
            return self._degraded(cast(Request, request), exchange, lesser, error=error)
        if lesser.watch.last is not None:
            return self._degraded(cast(Request, request), exchange, lesser, held=response)
        remember(lesser.runtime, None, value=None)
        good = cast(Response, response)
        headers = good.headers.multi_items()
        if lesser.keeps and may_be_kept(good.status_code, headers):
            keep_body(
                good,
                library_of(request),
                done=lambda body: lesser.keep(good.status_code, headers, body),
            )
        return good

    def _degraded(
        self,
        request: Request,
        exchange: Exchange,
        lesser: Lesser,
        *,
        error: Exception | None = None,
        held: object | None = None,
    ) -> object:
        """The lesser answer to a request that failed; what it failed with, when there is none."""
        settings = lesser.settings_for(held)
        if settings is None:
            return held
        face = HttpxFace(library_of(request), request)
        first = error or face.failed(held)

        def elsewhere(base_url: str) -> object:
            return self._elsewhere(exchange, lesser.place(base_url), face)

        call = lesser.call(elsewhere, is_async=False)
        try:
            failure = lesser.failure(first)
            answer = degrade_sync(lesser.runtime, settings, failure=failure, call=call)
            response = lesser.response(face, answer)
        except Exception as failed:
            if error is None and (failed is first or isinstance(failed, DegradationFailed)):
                return held
            close(held)
            last = unanswered(error or first, failed, reraise=self._exchanges.options.reraise)
            if last is failed:
                raise
            raise last from last.__cause__
        except BaseException:
            close(held)
            raise
        finally:
            # A frame that holds the exception that holds it would stay until the collector comes.
            del first, error, call
        close(held)
        return response

    def _elsewhere(self, exchange: Exchange, place: Place, face: HttpxFace) -> object:
        moved = cast(Request, face.moved(place))
        response, body = self._exchanged(moved, exchange)
        if exchange.is_good(response.status_code, response.headers.multi_items(), body=body, url=place.url):
            if not place.is_same_origin:
                face.forget_cookies(response)
            return response
        close(response)
        raise face.failed(response)

    def _sent(self, request: object, exchange: Exchange) -> object:
        name = self._exchanges.policy.name
        try:
            answered = run_sync(name, exchange.steps, self._attempt, (request, exchange), {})
        except PolicyError as error:
            held = exchange.take()
            if held is not None:
                return held
            if self._exchanges.options.reraise and isinstance(error, TimedOut):
                raise _librarys_own(error, request) from error
            raise
        except BaseException:
            close(exchange.take())
            raise
        assert isinstance(answered, Answered), "a course returns what an attempt brought"
        return answered.response

    def close(self) -> None:
        """Close the pool, if there is one by now."""
        if self._inner is not None:
            self._inner.close()

    def __enter__(self) -> Self:
        """Enter the transport inside, if it was given."""
        enter = getattr(self._inner, "__enter__", None)
        if enter is not None:
            enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the transport inside, which closes it."""
        leave = getattr(self._inner, "__exit__", None)
        if leave is not None:
            leave(kind, exc, traceback)
        else:
            self.close()

    def _attempt(self, request: Request, exchange: Exchange) -> Answered:
        close(exchange.take())
        response, body = self._exchanged(request, exchange)
        return exchange.judged(response, response.status_code, response.headers.multi_items(), body=body)

    def _exchanged(self, request: Request, exchange: Exchange) -> tuple[Response, Body]:
        """Send a request, and read as much of its answer as judging needs."""
        inner = self._inner or self._made(request)
        extensions = request.extensions
        request.extensions = _bounded(extensions)
        try:
            response = cast(Response, inner.handle_request(request))
        finally:
            request.extensions = extensions
        body = Body()
        if exchange.wants_body(response.status_code, response.headers.get("content-type")):
            try:
                body = read_ahead(response, library_of(request))
            except BaseException:
                close(response)  # its reader was interrupted, and nobody else knows of it
                raise
        return response, body

    def _made(self, request: Request) -> SyncInner:
        with self._lock:
            if self._inner is None:
                self._inner = cast(SyncInner, library_of(request).HTTPTransport())
            return self._inner


class AsyncGuardedTransport(Likeness):  # type: ignore[misc]  # its likeness counts: the classes that clients ask for are theirs
    """What `async_transport` makes."""

    def __init__(self, exchanges: Exchanges, inner: AsyncInner | None) -> None:
        self._exchanges = exchanges
        self._inner = inner

    async def handle_async_request(self, request: object) -> object:
        """Send a request under the policy, and return the last answer.

        Raises:
            Rejected: it was turned away; nothing was sent.
            Exception: the client library's own, or `Exhausted` without `reraise`.
        """
        exchange = self._exchanges.begin(_outgoing(cast(Request, request)))
        lesser = exchange.lesser
        if lesser is None:
            return await self._sent(request, exchange)
        try:
            response = await self._sent(request, exchange)
        except Exception as error:
            if lesser.settings is None:
                raise
            return await self._degraded(cast(Request, request), exchange, lesser, error=error)
        if lesser.watch.last is not None:
            return await self._degraded(cast(Request, request), exchange, lesser, held=response)
        await remember_async(lesser.runtime, None, value=None)
        good = cast(Response, response)
        headers = good.headers.multi_items()
        if lesser.keeps and may_be_kept(good.status_code, headers):
            await akeep_body(
                good,
                library_of(request),
                done=lambda body: lesser.keep_async(good.status_code, headers, body),
            )
        return good

    async def _degraded(
        self,
        request: Request,
        exchange: Exchange,
        lesser: Lesser,
        *,
        error: Exception | None = None,
        held: object | None = None,
    ) -> object:
        """The lesser answer to a request that failed; what it failed with, when there is none."""
        settings = lesser.settings_for(held)
        if settings is None:
            return held
        face = HttpxFace(library_of(request), request)
        first = error or face.failed(held)

        async def elsewhere(base_url: str) -> object:
            return await self._elsewhere(exchange, lesser.place(base_url), face)

        call = lesser.call(elsewhere, is_async=True)
        try:
            failure = lesser.failure(first)
            answer = await degrade_async(lesser.runtime, settings, failure=failure, call=call)
            response = lesser.response(face, answer)
        except Exception as failed:
            if error is None and (failed is first or isinstance(failed, DegradationFailed)):
                return held
            await aclose(held)
            last = unanswered(error or first, failed, reraise=self._exchanges.options.reraise)
            if last is failed:
                raise
            raise last from last.__cause__
        except BaseException:
            await aclose(held)
            raise
        finally:
            # A frame that holds the exception that holds it would stay until the collector comes.
            del first, error, call
        await aclose(held)
        return response

    async def _elsewhere(self, exchange: Exchange, place: Place, face: HttpxFace) -> object:
        moved = cast(Request, face.moved(place))
        response, body = await self._exchanged(moved, exchange)
        if exchange.is_good(response.status_code, response.headers.multi_items(), body=body, url=place.url):
            if not place.is_same_origin:
                face.forget_cookies(response)
            return response
        await aclose(response)
        raise face.failed(response)

    async def _sent(self, request: object, exchange: Exchange) -> object:
        name = self._exchanges.policy.name
        try:
            answered = await run_async(name, exchange.steps, self._attempt, (request, exchange), {})
        except PolicyError as error:
            held = exchange.take()
            if held is not None:
                return held
            if self._exchanges.options.reraise and isinstance(error, TimedOut):
                raise _librarys_own(error, request) from error
            raise
        except BaseException:
            await aclose(exchange.take())
            raise
        assert isinstance(answered, Answered), "a course returns what an attempt brought"
        return answered.response

    async def aclose(self) -> None:
        """Close the pool, if there is one by now."""
        if self._inner is not None:
            await self._inner.aclose()

    async def __aenter__(self) -> Self:
        """Enter the transport inside, if it was given."""
        enter = getattr(self._inner, "__aenter__", None)
        if enter is not None:
            await enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the transport inside, which closes it."""
        leave = getattr(self._inner, "__aexit__", None)
        if leave is not None:
            await leave(kind, exc, traceback)
        else:
            await self.aclose()

    async def _attempt(self, request: Request, exchange: Exchange) -> Answered:
        await aclose(exchange.take())
        response, body = await self._exchanged(request, exchange)
        return exchange.judged(response, response.status_code, response.headers.multi_items(), body=body)

    async def _exchanged(self, request: Request, exchange: Exchange) -> tuple[Response, Body]:
        if self._inner is None:
            self._inner = cast(AsyncInner, library_of(request).AsyncHTTPTransport())
        extensions = request.extensions
        request.extensions = _bounded(extensions)
        try:
            response = cast(Response, await self._inner.handle_async_request(request))
        finally:
            request.extensions = extensions
        body = Body()
        if exchange.wants_body(response.status_code, response.headers.get("content-type")):
            try:
                body = await aread_ahead(response, library_of(request))
            except BaseException:
                await aclose(response)  # as above; also when the attempt's time is over
                raise
        return response, body


def _outgoing(request: Request) -> Outgoing:
    return Outgoing(
        original=request,
        method=request.method.upper(),
        url=str(request.url),
        headers=request.headers,
        is_replayable=isinstance(request.stream, library_of(request).ByteStream),
    )


def _bounded(extensions: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """The request's extensions, with timeouts that end with the attempt."""
    left = left_s()
    if left is None:
        return extensions
    own = extensions.get("timeout")
    limits = own if isinstance(own, dict) else {}
    timeout = {name: left if limits.get(name) is None else min(limits[name], left) for name in _OPERATIONS}
    return {**extensions, "timeout": timeout}


def _librarys_own(error: TimedOut, request: object) -> Exception:
    """The library's own timeout for ours: whose clock ran out first is nothing that a user could tell."""
    library = library_of(request)
    kind = library.ReadTimeout if error.begun else library.ConnectTimeout
    made: Exception = kind(str(error), request=request)
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made
