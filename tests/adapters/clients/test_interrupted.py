"""Requests that are interrupted, while they wait for a repeat or read an answer, leave no connection behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

import holdfast
from holdfast import Retry, Timeout
from holdfast.errors import TimedOut
from holdfast.guards.world import WORLD
from holdfast.testing.world import controlled_world

POLICY = holdfast.policy("api", retry=Retry(attempts_max=2, jitter="none", budget=None))
HASTY = holdfast.policy("api", timeout=Timeout(attempt_s=0.01))


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with controlled_world():
        yield


class Connections:
    """Which of the answers given were closed, by their numbers; bodies are endless, or begin and never go on."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs = hangs
        self.given = 0
        self.closed: list[int] = []
        self.reading = asyncio.Event()

    async def chunk(self) -> bytes:
        """The next piece."""
        if self.hangs:
            self.reading.set()
            await asyncio.Event().wait()
        return b"x" * 65_536


def by_httpx2(policy: holdfast.Policy, connections: Connections) -> Callable[[], Awaitable[object]]:
    """A request of httpx2."""
    httpx2 = pytest.importorskip("httpx2")

    class Body(httpx2.AsyncByteStream):
        def __init__(self, number: int) -> None:
            self.number = number

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield await connections.chunk()

        async def aclose(self) -> None:
            if self.number not in connections.closed:
                connections.closed.append(self.number)

    class Inner:
        async def handle_async_request(self, request: object) -> object:
            connections.given += 1
            return httpx2.Response(503, stream=Body(connections.given))

        async def aclose(self) -> None:
            """Nothing is open."""

    transport = holdfast.async_transport(policy, Inner())
    return lambda: transport.handle_async_request(httpx2.Request("GET", "http://api.example/"))


def by_aiohttp(policy: holdfast.Policy, connections: Connections) -> Callable[[], Awaitable[object]]:
    """A request of aiohttp, in the shapes that a middleware sees."""
    pytest.importorskip("aiohttp")

    class Request:
        method, url, headers, body = "GET", "http://api.example/", {}, b""

    class Response:
        status, headers = 503, {}

        def __init__(self, number: int) -> None:
            self.number, self.content = number, self

        async def read(self, n: int) -> bytes:
            return await connections.chunk()

        def close(self) -> None:
            connections.closed.append(self.number)

        release = close

    async def handler(request: object) -> Response:
        connections.given += 1
        return Response(connections.given)

    middleware = holdfast.aiohttp_middleware(policy)
    return lambda: middleware(Request(), handler)


both = pytest.mark.parametrize("client", [by_httpx2, by_aiohttp])
Client = Callable[[holdfast.Policy, Connections], Callable[[], Awaitable[object]]]


@both
def test_a_cancelled_wait_gives_up_the_answer_it_held(client: Client) -> None:
    """A task that is cancelled between two attempts."""

    async def main() -> None:
        connections, waiting = Connections(), asyncio.Event()

        async def for_ever(seconds: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        WORLD.asleep = for_ever  # put back by the controlled world
        task = asyncio.ensure_future(client(POLICY, connections)())
        await waiting.wait()
        assert connections.closed == []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connections.closed == [1]

    asyncio.run(main())


@both
def test_a_cancelled_reading_gives_up_its_answer(client: Client) -> None:
    """A task that is cancelled while the body of a failure is looked at."""

    async def main() -> None:
        connections = Connections(hangs=True)
        task = asyncio.ensure_future(client(POLICY, connections)())
        await connections.reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connections.closed == [1]

    asyncio.run(main())


@both
def test_the_body_of_a_failure_is_part_of_its_attempt(client: Client) -> None:
    """A server that says 503 and never why is given up when the attempt's time is over, and its connection closed."""

    async def main() -> None:
        connections = Connections(hangs=True)
        with pytest.raises(Exception, match="allowed for one attempt") as caught:
            await client(HASTY, connections)()
        assert isinstance(caught.value, TimedOut) or isinstance(caught.value.__cause__, TimedOut)
        assert connections.closed == [1]

    asyncio.run(main())


@both
def test_only_the_last_answer_stays_open(client: Client) -> None:
    """What is not returned is closed before the next attempt."""

    async def main() -> None:
        connections = Connections()
        await client(POLICY, connections)()
        assert (connections.given, connections.closed) == (2, [1])

    asyncio.run(main())


class Headers(dict):
    """No headers, as httpx2 has them."""

    def multi_items(self) -> list[tuple[str, str]]:
        """None."""
        return []


class Held:
    """A failure that can be an answer of httpx2's or of requests, whose body breaks off, and how often it was closed."""

    status_code, connection = 503, None

    def __init__(self) -> None:
        self.headers = Headers()
        self.stream = self.raw = self
        self.closed = 0

    def read(self, *args: object, **kwargs: object) -> bytes:
        """Breaks off."""
        raise OSError("broke off")

    def __iter__(self) -> Iterator[bytes]:
        yield self.read()

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class Inner:
    """A transport and an adapter that give these answers."""

    def __init__(self, *answers: Held) -> None:
        self.answers = iter(answers)

    def handle_request(self, request: object) -> object:
        """As httpx2's."""
        return next(self.answers)

    def send(self, request: object, **settings: object) -> object:
        """As requests'."""
        return next(self.answers)


def send_by_httpx2(inner: Inner) -> None:
    """A request of httpx2."""
    httpx2 = pytest.importorskip("httpx2")
    holdfast.transport(POLICY, inner).handle_request(httpx2.Request("GET", "http://api.example/"))


def send_by_requests(inner: Inner) -> None:
    """A request of requests."""
    requests = pytest.importorskip("requests")
    holdfast.requests_adapter(POLICY, inner).send(requests.Request("GET", "http://api.example/").prepare())


@pytest.mark.parametrize("send", [send_by_httpx2, send_by_requests])
def test_an_interrupted_program_closes_what_it_held(send: Callable[[Inner], None]) -> None:
    """Ctrl-C between two attempts, in a thread."""
    answer = Held()

    def interrupted(seconds: float) -> None:
        answer.closed = 0
        raise KeyboardInterrupt

    WORLD.sleep = interrupted  # put back by the controlled world
    with pytest.raises(KeyboardInterrupt):
        send(Inner(answer))
    assert answer.closed == 1


@pytest.mark.parametrize("send", [send_by_httpx2, send_by_requests])
def test_an_interrupted_reading_closes_its_answer(
    send: Callable[[Inner], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the body of a failure is looked at."""
    answer = Held()

    def interrupted(*args: object, **kwargs: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(answer, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        send(Inner(answer))
    assert answer.closed == 1


@pytest.mark.parametrize("send", [send_by_httpx2, send_by_requests])
def test_an_answer_is_closed_before_the_next_attempt(send: Callable[[Inner], None]) -> None:
    """Once because its body broke off, and once more because it is not returned; the last one is its user's to close."""
    first, last = Held(), Held()

    send(Inner(first, last))

    assert (first.closed, last.closed) == (2, 1)


def test_a_connection_is_given_back_before_the_wait() -> None:
    """A failure that was read to its end holds no connection while its repeat waits."""
    httpx2 = pytest.importorskip("httpx2")
    open_while_waiting: list[int] = []
    streams: list[Short] = []

    class Short(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        is_open = True

        def __iter__(self) -> Iterator[bytes]:
            yield b"busy"

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"busy"

        def close(self) -> None:
            self.is_open = False

        async def aclose(self) -> None:
            self.is_open = False

    def answer(request: object) -> object:
        streams.append(Short())
        return httpx2.Response(503, stream=streams[-1])

    def look(seconds: float) -> None:
        open_while_waiting.append(sum(stream.is_open for stream in streams))

    async def look_async(seconds: float) -> None:
        look(seconds)

    WORLD.sleep = look  # put back by the controlled world
    WORLD.asleep = look_async
    request = httpx2.Request("GET", "http://api.example/")
    holdfast.transport(POLICY, httpx2.MockTransport(answer)).handle_request(request)
    asyncio.run(holdfast.async_transport(POLICY, httpx2.MockTransport(answer)).handle_async_request(request))

    assert open_while_waiting == [0, 0]
