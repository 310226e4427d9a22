"""Bodies: those of successes are left alone, those of failures are read a little and put back, endless ones cost nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from io import BytesIO

import pytest

import holdfast
from holdfast import Retry, Timeout
from holdfast.adapters.clients.aiohttp_content import RewoundContent
from holdfast.adapters.clients.answers import BODY_JUDGED_MAX_BYTES
from holdfast.testing.world import controlled_world
from tests.adapters.clients.server import Answer, serving

TWICE = Retry(attempts_max=2, jitter="none", budget=None)
LINES = b"one\ntwo\nthree\n"
LONG = b"0123456789" * 20_000


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with controlled_world():
        yield


httpx_alikes = pytest.mark.parametrize("library", ["httpx2", "httpx"])


class Endless:
    """A body without an end, and how much of it was asked for."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self.closed = False

    def chunk(self) -> bytes:
        """The next piece."""
        self.read_bytes += 1000
        return b"x" * 1000


def endless_stream(module, endless: Endless):
    """The body as a stream of a library."""

    class Stream(module.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield endless.chunk()

        def close(self) -> None:
            endless.closed = True

    return Stream()


@httpx_alikes
def test_a_streamed_success_is_not_touched(library: str) -> None:
    """Judged by status and headers alone; the reading is its user's."""
    module = pytest.importorskip(library)
    endless = Endless()
    inner = module.MockTransport(lambda request: module.Response(200, stream=endless_stream(module, endless)))

    with module.Client(transport=holdfast.transport(holdfast.policy("api", retry=TWICE), inner)) as client:
        with client.stream("GET", "http://api.example/") as response:
            assert endless.read_bytes == 0
            assert next(response.iter_raw()) == b"x" * 1000
        assert endless.closed


@httpx_alikes
def test_an_endless_failure_is_read_no_further_than_judging_needs(library: str) -> None:
    """64 KiB and a chunk at most, then it is closed for the repeat; the last one can be read on by its user."""
    module = pytest.importorskip(library)
    bodies: list[Endless] = []

    def answer(request: object) -> object:
        bodies.append(Endless())
        return module.Response(503, stream=endless_stream(module, bodies[-1]))

    inner = module.MockTransport(answer)
    with module.Client(transport=holdfast.transport(holdfast.policy("api", retry=TWICE), inner)) as client:
        with client.stream("GET", "http://api.example/") as response:
            first, last = bodies
            assert first.closed
            assert not last.closed
            assert max(first.read_bytes, last.read_bytes) <= BODY_JUDGED_MAX_BYTES + 1000
            chunks = response.iter_raw()
            assert len(b"".join(next(chunks) for _ in range(100))) == 100_000
        assert last.closed


@httpx_alikes
def test_a_failure_whose_body_breaks_off_breaks_off_for_its_user_too(library: str) -> None:
    """What arrived can be read, and then comes the error; the status was judged all the same."""
    module = pytest.importorskip(library)
    with (
        serving([Answer(status=404, body=b"0123456789", sent=4)]) as script,
        module.Client(transport=holdfast.transport(holdfast.policy("api")), trust_env=False) as client,
        client.stream("GET", script.url) as response,
    ):
        chunks = response.iter_raw()
        assert (response.status_code, next(chunks)) == (404, b"0123")
        with pytest.raises(module.RemoteProtocolError):
            next(chunks)


@httpx_alikes
def test_a_transport_makes_the_one_inside_of_the_clients_library(library: str) -> None:
    """One object serves httpx2 and httpx; nothing is opened before the first request, and closing an unused one is fine."""
    module = pytest.importorskip(library)
    unused = holdfast.transport(holdfast.policy("api"))
    unused.close()
    with serving([]) as script, module.Client(transport=unused, trust_env=False) as client:
        assert client.get(script.url).status_code == 200


@httpx_alikes
def test_timeouts_of_the_client_are_shortened_and_never_lengthened(library: str) -> None:
    """Each of its four operations has what is left of the attempt, or what its user allows, whichever is less."""
    module = pytest.importorskip(library)
    seen: list[object] = []

    def answer(request) -> object:
        seen.append(request.extensions["timeout"])
        return module.Response(200)

    policy = holdfast.policy("api", timeout=Timeout(attempt_s=4))
    own = module.Timeout(connect=1, read=30, write=None, pool=5)
    transport = holdfast.transport(policy, module.MockTransport(answer))
    with module.Client(transport=transport, timeout=own) as client:
        response = client.get("http://api.example/")

    assert [{"connect": 1, "read": 4, "write": 4, "pool": 4}] == seen
    assert {"connect": 1, "read": 30, "write": None, "pool": 5} == response.request.extensions["timeout"]


class Sent:
    """An adapter of requests that only writes down how long it may take."""

    def __init__(self) -> None:
        self.timeouts: list[object] = []

    def send(self, request, **settings):
        """Answer at once."""
        requests = pytest.importorskip("requests")
        self.timeouts.append(settings["timeout"])
        response = requests.Response()
        response.status_code = 200
        response.url = request.url
        response.request = request
        response.raw = BytesIO(b"")
        return response

    def close(self) -> None:
        """Nothing is open."""


def test_every_way_to_give_requests_a_timeout_is_understood() -> None:
    """A number, a pair, nothing, and urllib3's own; each part is shortened and none is lengthened."""
    requests = pytest.importorskip("requests")
    urllib3 = pytest.importorskip("urllib3")
    inner = Sent()
    policy = holdfast.policy("api", timeout=Timeout(attempt_s=4))
    with requests.Session() as session:
        session.mount("http://", holdfast.requests_adapter(policy, inner))
        for timeout in (1, 9, None, (1, None), (9, 2), urllib3.Timeout(connect=9), urllib3.Timeout(total=2)):
            session.get("http://api.example/", timeout=timeout)

    *plain, own, total = inner.timeouts
    assert [1, 4, 4, (1, 4), (4, 2)] == plain
    assert (4, 9, 2) == (own.total, own.connect_timeout if own.total is None else own._connect, total.total)


def test_a_failure_can_be_streamed_by_requests() -> None:
    """Its raw body is a file that begins at the beginning, whole or longer than what was read to judge it."""
    requests = pytest.importorskip("requests")
    with (
        serving(
            [Answer(status=404, body=LINES), Answer(status=404, body=LONG), Answer(status=404, body=LONG)]
        ) as script,
        requests.Session() as session,
    ):
        session.trust_env = False
        session.mount("http://", holdfast.requests_adapter(holdfast.policy("api")))
        short = session.get(script.url, stream=True)
        assert list(short.iter_lines()) == LINES.split()
        target = BytesIO()
        with session.get(script.url, stream=True) as long:
            shutil.copyfileobj(long.raw, target)
        assert target.getvalue() == LONG
        with session.get(script.url, stream=True) as unread:
            assert unread.raw.read(3) == b"012"


def test_digest_authentication_goes_through_the_guarded_adapter() -> None:
    """The second request of an authentication is guarded like the first."""
    requests = pytest.importorskip("requests")
    challenge = Answer(status=401, headers=(("WWW-Authenticate", 'Digest realm="a", nonce="b", qop="auth"'),))
    with serving([challenge, Answer(status=503), Answer()]) as script, requests.Session() as session:
        session.trust_env = False
        session.mount("http://", holdfast.requests_adapter(holdfast.policy("api", retry=TWICE)))
        response = session.get(script.url, auth=requests.auth.HTTPDigestAuth("me", "secret"))

    assert response.status_code == 200
    assert len(script.received) == 3


class Rest:
    """What is left of a body, in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    async def read(self, n: int = -1) -> bytes:
        """As aiohttp does."""
        piece = self.pieces.pop(0) if self.pieces else b""
        if n >= 0 and piece[n:]:
            self.pieces.insert(0, piece[n:])
            piece = piece[:n]
        return piece

    async def readany(self) -> bytes:
        """As aiohttp does."""
        return await self.read()

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """As aiohttp does."""
        whole = b"".join(self.pieces)
        head, found, tail = whole.partition(separator)
        self.pieces = [tail] if tail else []
        return head + found

    def at_eof(self) -> bool:
        """As aiohttp does."""
        return not self.pieces

    def total_bytes(self) -> int:
        """Something else that a body has."""
        return 99


async def gathered(chunks: AsyncIterator[bytes]) -> list[bytes]:
    """All that comes."""
    return [chunk async for chunk in chunks]


def rewound(*, is_over: bool = False) -> RewoundContent:
    """The three lines, all of them read before, or the first one and a half."""
    rest = () if is_over else (b"o\nthree", b"\n")
    return RewoundContent(LINES if is_over else b"one\ntw", Rest(*rest), is_over=is_over, broken=None)


@pytest.mark.parametrize("is_over", [True, False])
def test_a_body_that_was_put_back_reads_in_every_way_as_if_nobody_had_read_it(is_over: bool) -> None:
    """All ways in which aiohttp's bodies are read."""

    async def main() -> None:
        assert await rewound(is_over=is_over).read() == LINES
        assert await gathered(aiter(rewound(is_over=is_over))) == [b"one\n", b"two\n", b"three\n"]
        assert b"".join(await gathered(rewound(is_over=is_over).iter_any())) == LINES
        pieces = await gathered(rewound(is_over=is_over).iter_chunked(4))
        assert b"".join(pieces) == LINES
        assert max(map(len, pieces)) == 4
        assert b"".join([chunk async for chunk, _ in rewound(is_over=is_over).iter_chunks()]) == LINES
        body = rewound(is_over=is_over)
        assert await body.readexactly(9) == LINES[:9]
        assert not body.at_eof()
        with pytest.raises(asyncio.IncompleteReadError):
            await body.readexactly(9)
        assert body.at_eof()
        assert await body.readuntil(b"e") == b""
        assert body.total_bytes() == 99

    asyncio.run(main())


def test_a_body_that_broke_off_says_so_after_what_arrived() -> None:
    """The error comes where it came."""

    async def main() -> None:
        body = RewoundContent(b"abc", Rest(), is_over=False, broken=ConnectionResetError("gone"))
        assert await body.readany() == b"abc"
        with pytest.raises(ConnectionResetError):
            await body.read()

    asyncio.run(main())


def test_a_long_failure_can_be_streamed_by_aiohttp() -> None:
    """Longer than what was read to judge it, it is read to its end by its user."""
    aiohttp = pytest.importorskip("aiohttp")

    async def main(url: str) -> bytes:
        middleware = holdfast.aiohttp_middleware(holdfast.policy("api"))
        async with aiohttp.ClientSession(middlewares=(middleware,)) as session, session.get(url) as response:
            return b"".join(await gathered(response.content.iter_chunked(1000)))

    with serving([Answer(status=404, body=LONG * 10)]) as script:
        assert asyncio.run(main(script.url)) == LONG * 10
