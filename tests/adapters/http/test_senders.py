"""Sending for integrations over real sockets: bounded, within one origin, and over connections that are kept."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from holdfast.adapters.http.senders import Httpx2Senders
from holdfast.ports.http import HttpAnswer, HttpRequest, ResponseTooLarge
from tests.planted import ACCESS_TOKEN

Send = Callable[..., HttpAnswer]


class Shop(BaseHTTPRequestHandler):
    """A server that says what it was asked, over which connection, and does what its path says."""

    protocol_version = "HTTP/1.1"
    release = threading.Event()

    def do_GET(self) -> None:
        """Answer by path."""
        if self.path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/redirect"))
            self._end(b"")
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.2:9/")
            self._end(b"")
        elif self.path == "/hang":
            self.release.wait(20)
        elif self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not self.release.wait(0.02):
                try:
                    self.wfile.write(b".")
                except OSError:
                    return
        else:
            self.send_response(200)
            said = {"path": self.path, "peer": self.client_address[1], "headers": dict(self.headers)}
            self._end(b"x" * 2000 if self.path == "/large" else json.dumps(said).encode())

    do_POST = do_GET  # noqa: N815 - as above

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """A shop's address."""
    Shop.release.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Shop.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def senders() -> Iterator[Httpx2Senders]:
    """Senders, closed in the end."""
    made = Httpx2Senders(connect_timeout_s=5, pool_connections_max=10, redirects_max=2)
    yield made
    made.close()


@pytest.fixture(params=["plain", "async"])
def send(request: pytest.FixtureRequest, senders: Httpx2Senders) -> Send:
    """Sends in a thread or on an event loop."""

    def on_a_loop(message: HttpRequest) -> HttpAnswer:
        async def once() -> HttpAnswer:
            try:
                return await senders.send_async(message)
            finally:
                await senders.close_async()

        return asyncio.run(once())

    return senders.send if request.param == "plain" else on_a_loop


def ask(url: str, *, method: str = "GET", timeout_s: float = 10) -> HttpRequest:
    """A request with a credential."""
    headers = (("Authorization", f"Bearer {ACCESS_TOKEN}"),)
    return HttpRequest(
        method=method, url=url, headers=headers, body=None, timeout_s=timeout_s, response_size_max_bytes=1000
    )


def test_sends_what_it_is_given(send: Send, shop: str) -> None:
    """Address and headers arrive as they are, and the whole answer comes back."""
    answer = send(ask(f"{shop}/users?a=%20b"))

    said = json.loads(answer.body)
    assert (200, "/users?a=%20b") == (answer.status, said["path"])
    assert f"Bearer {ACCESS_TOKEN}" == said["headers"]["Authorization"]


def test_follows_redirects_within_the_origin_only(send: Send, shop: str) -> None:
    """A redirect of the same origin is followed a few times; another origin's is handed back, and so is a POST's."""
    followed = json.loads(send(ask(f"{shop}/redirect/users")).body)

    too_many = send(ask(f"{shop}/redirect/redirect/redirect/users"))
    elsewhere = send(ask(f"{shop}/elsewhere"))
    posted = send(ask(f"{shop}/redirect/users", method="POST"))

    assert "/users" == followed["path"]
    assert (302, 302, 302) == (too_many.status, elsewhere.status, posted.status)


def test_refuses_an_answer_that_is_too_large(send: Send, shop: str) -> None:
    """Reading stops at the limit."""
    with pytest.raises(ResponseTooLarge):
        send(ask(f"{shop}/large"))


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_stops_when_the_time_is_over(send: Send, shop: str, path: str) -> None:
    """A server that is silent, or answers a byte at a time, is left; whether it did something is unknown."""
    with pytest.raises(httpx2.ReadTimeout):
        send(ask(f"{shop}{path}", timeout_s=0.2))


def test_tells_who_was_not_reached(send: Send) -> None:
    """Where nobody listens, nothing was sent."""
    with pytest.raises(httpx2.ConnectError):
        send(ask("http://127.0.0.1:9/"))


def test_connections_are_kept(senders: Httpx2Senders, shop: str) -> None:
    """Requests one after the other go over one connection, in a thread and on a loop, until it is closed."""
    peers = [json.loads(senders.send(ask(f"{shop}/a")).body)["peer"] for _ in range(3)]
    senders.close()
    peers.append(json.loads(senders.send(ask(f"{shop}/a")).body)["peer"])

    async def on_a_loop() -> list[int]:
        found = [json.loads((await senders.send_async(ask(f"{shop}/a"))).body)["peer"] for _ in range(3)]
        await senders.close_async()
        return found

    assert [1, 2] == [len(set(peers[:3])), len(set(peers))]
    assert 1 == len(set(asyncio.run(on_a_loop())))


def test_each_event_loop_has_connections_of_its_own(senders: Httpx2Senders, shop: str) -> None:
    """One integration serves several loops, one after the other, without a connection of a loop that has ended."""

    async def once() -> int:
        answer = await senders.send_async(ask(f"{shop}/a"))
        await senders.close_async()
        return answer.status

    assert [200, 200] == [asyncio.run(once()) for _ in range(2)]


def test_closing_twice_is_fine(senders: Httpx2Senders) -> None:
    """What was never opened, or is closed, can be closed."""
    senders.close()
    senders.close()
    asyncio.run(senders.close_async())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_makes_connections_of_its_own(
    senders: Httpx2Senders, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes never read from one connection: a child forgets its parent's."""
    before = json.loads(senders.send(ask(f"{shop}/a")).body)["peer"]
    parents = senders._client
    monkeypatch.setattr(os, "getpid", lambda: -1)

    after = json.loads(senders.send(ask(f"{shop}/a")).body)["peer"]

    assert parents is not None
    parents.close()
    assert before != after
