"""An adapter for requests: `session.mount("https://", holdfast.requests_adapter(policy))`. It stands around the adapter that sends."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Protocol, Unpack, cast

from holdfast.adapters.clients.answers import BODY_JUDGED_MAX_BYTES, Body
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
    pairs_of,
)
from holdfast.adapters.clients.requests_face import RequestsFace
from holdfast.adapters.clients.substitutes import Copy, may_be_kept
from holdfast.errors import DegradationFailed, PolicyError, TimedOut
from holdfast.guards.degrading import degrade_sync, remember
from holdfast.guards.loops import run_sync
from holdfast.guards.policy import Policy

__all__ = ["GuardedAdapter", "requests_adapter"]


class Prepared(Protocol):
    """A prepared request, as requests has it."""

    method: str
    url: str
    headers: HeaderMap
    body: object


class Wire(Protocol):
    """The answer below requests: urllib3's."""

    headers: Mapping[str, str]

    def read(self, amt: int | None = None, *, decode_content: bool | None = None) -> bytes:
        """The next bytes; none at the end."""

    def close(self) -> None:
        """Close the connection."""

    def release_conn(self) -> None:
        """Give the connection back to the pool."""


class Response(Protocol):
    """An answer, as requests has it."""

    status_code: int
    headers: Mapping[str, str]
    raw: Wire
    connection: object

    def close(self) -> None:
        """Give the connection back, or close it when there is something left to read."""


class Inner(Protocol):
    """An adapter to stand around: `requests.adapters.HTTPAdapter`, or another that does its work."""

    def send(self, request: object, **settings: object) -> object:
        """Send a prepared request and return its answer."""

    def close(self) -> None:
        """Close the pools."""


def requests_adapter(policy: Policy, inner: object | None = None, **options: Unpack[ClientOptions]) -> GuardedAdapter:
    """An adapter that makes a session of requests resilient, for the addresses it is mounted for.

    Works as `holdfast.transport`, and takes the same options. `inner` is what sends; None: an `HTTPAdapter` with its defaults, which repeats nothing
    by itself. Time limits reach `timeout`, which requests applies to connecting and to each wait for bytes; a server that keeps dripping can
    take longer. With `reraise`, `TimedOut` becomes `requests.ReadTimeout`, or `ConnectTimeout` if nothing was sent.

    Raises:
        BadSettings: something is of the wrong kind; all of it is listed.
    """
    return GuardedAdapter(Exchanges(policy, Options(**options)), cast("Inner | None", inner))


class GuardedAdapter(Likeness):  # type: ignore[misc]  # its likeness counts: the classes that clients ask for are theirs
    """What `requests_adapter` makes."""

    def __init__(self, exchanges: Exchanges, inner: Inner | None) -> None:
        self._exchanges = exchanges
        self._inner = inner
        self._lock = threading.Lock()

    def send(self, request: object, **settings: object) -> object:
        """Send a prepared request under the policy, and return the last answer.

        Raises:
            Rejected: it was turned away; nothing was sent.
            Exception: requests' own, or `Exhausted` without `reraise`.
        """
        exchange = self._exchanges.begin(_outgoing(cast(Prepared, request)))
        lesser = exchange.lesser
        if lesser is None:
            return self._sent(request, exchange, settings)
        try:
            response = self._sent(request, exchange, settings)
        except Exception as error:
            if lesser.settings is None:
                raise
            return self._degraded(request, exchange, settings, lesser=lesser, error=error)
        if lesser.watch.last is not None:
            return self._degraded(request, exchange, settings, lesser=lesser, held=response)
        remember(lesser.runtime, None, value=None)
        good = cast(Response, response)
        headers = pairs_of(good.headers)
        if lesser.keeps and may_be_kept(good.status_code, headers):
            kept = _Kept(good.raw, done=lambda body: lesser.keep(good.status_code, headers, body))
            _put_back(good, exchange.outgoing.method, kept)
        return good

    def _degraded(
        self,
        request: object,
        exchange: Exchange,
        settings: Mapping[str, object],
        *,
        lesser: Lesser,
        error: Exception | None = None,
        held: object | None = None,
    ) -> object:
        """The lesser answer to a request that failed; what it failed with, when there is none."""
        rules = lesser.settings_for(held)
        if rules is None:
            return held
        face = RequestsFace(request, self)
        first = error or face.failed(held)

        def elsewhere(base_url: str) -> object:
            return self._elsewhere(exchange, settings, lesser.place(base_url), face)

        call = lesser.call(elsewhere, is_async=False)
        try:
            failure = lesser.failure(first)
            answer = degrade_sync(lesser.runtime, rules, failure=failure, call=call)
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

    def _elsewhere(
        self, exchange: Exchange, settings: Mapping[str, object], place: Place, face: RequestsFace
    ) -> object:
        own = settings if place.is_trusted else {**settings, "cert": None}
        response, body = self._exchanged(cast(Prepared, face.moved(place)), exchange, own)
        if exchange.is_good(response.status_code, response.headers.items(), body=body, url=place.url):
            if not place.is_same_origin:
                face.forget_cookies(response)
            return response
        response.close()
        raise face.failed(response)

    def _sent(self, request: object, exchange: Exchange, settings: Mapping[str, object]) -> object:
        name = self._exchanges.policy.name
        try:
            answered = run_sync(name, exchange.steps, self._attempt, (request, exchange, settings), {})
        except PolicyError as error:
            held = exchange.take()
            if held is not None:
                return held
            if self._exchanges.options.reraise and isinstance(error, TimedOut):
                raise _librarys_own(error, request) from error
            raise
        except BaseException:
            _close(exchange.take())
            raise
        assert isinstance(answered, Answered), "a course returns what an attempt brought"
        return answered.response

    def close(self) -> None:
        """Close the pools, if there are any by now."""
        if self._inner is not None:
            self._inner.close()

    def _attempt(self, request: Prepared, exchange: Exchange, settings: Mapping[str, object]) -> Answered:
        _close(exchange.take())
        response, body = self._exchanged(request, exchange, settings)
        return exchange.judged(response, response.status_code, response.headers.items(), body=body)

    def _exchanged(
        self, request: Prepared, exchange: Exchange, settings: Mapping[str, object]
    ) -> tuple[Response, Body]:
        """Send a request, and read as much of its answer as judging needs."""
        inner = self._inner or self._made()
        response = cast(Response, inner.send(request, **{**settings, "timeout": _bounded(settings.get("timeout"))}))
        response.connection = self  # what sends the second request of an authentication by digest
        body = Body()
        if exchange.wants_body(response.status_code, response.headers.get("content-type")):
            try:
                body = _read(response, request.method)
            except BaseException:
                response.close()  # its reader was interrupted, and nobody else knows of it
                raise
        return response, body

    def _made(self) -> Inner:
        with self._lock:
            if self._inner is None:
                # By its name: requests is the user's, and loaded by the time a session sends.
                self._inner = cast(Inner, importlib.import_module("requests.adapters").HTTPAdapter())
            return self._inner


def _outgoing(request: Prepared) -> Outgoing:
    return Outgoing(
        original=request,
        method=request.method.upper(),
        url=request.url,
        headers=request.headers,
        is_replayable=request.body is None or isinstance(request.body, bytes | str),
    )


def _bounded(own: object) -> object:
    """The user's timeout, shortened to what is left of the attempt."""
    left = left_s()
    if left is None:
        return own
    if own is None or isinstance(own, int | float):
        return left if own is None else min(own, left)
    if isinstance(own, tuple):
        return tuple(left if part is None else min(part, left) for part in own)
    clone = getattr(own, "clone", None)
    if clone is None:
        return own
    shorter = clone()  # urllib3's own kind
    total = getattr(shorter, "total", None)
    shorter.total = min(total, left) if isinstance(total, int | float) else left
    return shorter


def _librarys_own(error: TimedOut, request: object) -> Exception:
    """requests' own timeout for ours: whose clock ran out first is nothing that a user could tell."""
    exceptions = importlib.import_module("requests.exceptions")
    kind = exceptions.ReadTimeout if error.begun else exceptions.ConnectTimeout
    made: Exception = kind(str(error), request=request)
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made


def _close(response: object | None) -> None:
    if response is not None:
        cast(Response, response).close()


def _read(response: Response, method: str) -> Body:
    """Read what is needed to judge a body, and put it back; urllib3 has its connection back when that was all of it."""
    wire = response.raw
    kept = bytearray()
    broken: Exception | None = None
    whole = False
    try:
        while len(kept) <= BODY_JUDGED_MAX_BYTES:
            chunk = wire.read(BODY_JUDGED_MAX_BYTES, decode_content=False)
            if not chunk:
                whole = True
                break
            kept += chunk
    except Exception as error:  # noqa: BLE001 - whoever reads on gets it; the status has been told already
        broken = error
    if broken is not None:
        wire.close()
    _put_back(response, method, _Rest(bytes(kept), wire, is_over=whole, broken=broken))
    return Body(prefix=bytes(kept), whole=whole, cut=broken is not None)


def _put_back(response: Response, method: str, rest: object) -> None:
    """Give an answer a body that reads from `rest`."""
    wire = response.raw
    response.raw = cast(
        Wire,
        importlib.import_module("urllib3").HTTPResponse(
            body=rest,
            headers=wire.headers,
            status=response.status_code,
            reason=getattr(wire, "reason", None),
            version=getattr(wire, "version", 0),
            preload_content=False,
            decode_content=False,
            original_response=getattr(wire, "_original_response", None),
            enforce_content_length=False,
            request_method=method,
        ),
    )


class _Rest:
    """A body whose beginning was read already, as a file: first what was read, then what is left, or the error that came instead."""

    def __init__(self, prefix: bytes, wire: Wire, *, is_over: bool, broken: Exception | None) -> None:
        self._prefix = prefix
        self._wire = wire
        self._is_over = is_over
        self._broken = broken
        self.closed = False

    def read(self, amt: int | None = None) -> bytes:
        """The next bytes."""
        if self._prefix:
            size = len(self._prefix) if amt is None else amt
            head, self._prefix = self._prefix[:size], self._prefix[size:]
            return head if amt is not None else head + self.read()
        if self._broken is not None:
            raise self._broken
        return b"" if self._is_over else self._wire.read(amt, decode_content=False)

    def close(self) -> None:
        """Give the connection back, or close it when there is something left to read."""
        self.closed = True
        if not self._is_over:
            self._wire.close()
            self._wire.release_conn()


class _Kept(_Rest):
    """A body of which a copy is handed on when its reader has come to the end."""

    def __init__(self, wire: Wire, *, done: Callable[[bytes], object]) -> None:
        super().__init__(b"", wire, is_over=False, broken=None)
        self._copy = Copy()
        self._done = done

    def read(self, amt: int | None = None) -> bytes:
        """The next bytes."""
        chunk = super().read(amt)
        if not self._is_over:
            self._copy.add(chunk)
            self._is_over = amt is None or (not chunk and amt != 0)
            if self._is_over and self._copy.is_whole:
                self._done(self._copy.body)
        return chunk
