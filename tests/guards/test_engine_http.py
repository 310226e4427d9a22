"""The recovery engine around a real HTTP client and a real server on this machine."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from holdfast.errors import AnswerFailed
from holdfast.guards.engine import RecoveryEngine
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.recovery_result import RecoveryResult
from tests.guards.virtual import VirtualWorld, virtual_world

RESET = b""
FINE = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{"success":true}'
LIMIT_S = 30


def refusal(status: int, *headers: bytes) -> bytes:
    """An answer without a body."""
    lines = [b"HTTP/1.1 %d No" % status, *headers, b"content-length: 0", b"connection: close", b"", b""]
    return b"\r\n".join(lines)


@contextmanager
def server(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answers one connection after the other, and collects what they asked; a reset is a connection cut after the request."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(LIMIT_S)
    asked: list[bytes] = []

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = listening.accept()
            except OSError:  # nobody asked any more
                return
            with connection:
                connection.settimeout(LIMIT_S)
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65_536)
                asked.append(request)
                if answer == RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(LIMIT_S)


@pytest.fixture(autouse=True)
def world() -> Iterator[VirtualWorld]:
    """Time passes only when somebody waits."""
    with virtual_world() as found:
        yield found


def ask(engine: RecoveryEngine, method: str, url: str, *, is_async: bool, **about: object) -> RecoveryResult[object]:
    """Make a request through the engine, by a sync or an async client."""
    if not is_async:
        with httpx2.Client() as client:
            return engine.run(RecoveryCall.request(client, method, url, **about))  # type: ignore[arg-type]  # fields by name

    async def there() -> RecoveryResult[object]:
        async with httpx2.AsyncClient() as client:
            return await engine.run_async(RecoveryCall.request(client, method, url, **about))  # type: ignore[arg-type]  # as above

    return asyncio.run(there())


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@both
def test_recovers_from_a_reset_connection(world: VirtualWorld, *, is_async: bool) -> None:
    """A GET whose connection is reset is asked again and answered, by the strategy that retries (ECONNRESET of document 001)."""
    with server(RESET, FINE) as (address, asked):
        result = ask(RecoveryEngine(), "GET", f"{address}/test", is_async=is_async)

    assert result.success
    assert "retry" in result.strategy
    assert {"success": True} == result.answer.json()  # type: ignore[attr-defined]  # an answer of httpx2
    assert (2, [1.0]) == (len(asked), world.waits)


@both
def test_a_post_that_was_cut_is_sent_once(*, is_async: bool) -> None:
    """A POST whose connection is reset may have had its effect: it is not sent again, and kept for a person."""
    with server(RESET, FINE) as (address, asked):
        result = ask(RecoveryEngine(), "POST", f"{address}/charge", is_async=is_async, options={"json": {"amount": 7}})

    assert (1, False, "unknown", True) == (len(asked), result.success, result.outcome, result.queued_for_later)


@both
def test_a_429_is_waited_out_as_the_server_says(world: VirtualWorld, *, is_async: bool) -> None:
    """`Retry-After` is kept to exactly, and a 429 sends a POST again, as it did nothing."""
    with server(refusal(429, b"retry-after: 17"), FINE) as (address, asked):
        result = ask(RecoveryEngine(), "POST", f"{address}/charge", is_async=is_async)

    assert (True, "rate-limit-backoff", 2, [17.0]) == (result.success, result.strategy, len(asked), world.waits)


@both
def test_a_500_is_asked_elsewhere(*, is_async: bool) -> None:
    """A read that the primary answers with 500 goes to the secondary address, with the same path."""
    with server(refusal(500)) as (primary, _), server(FINE) as (secondary, asked):
        engine = RecoveryEngine(alternatives={"secondary": secondary})
        result = ask(engine, "GET", f"{primary}/users?page=2", is_async=is_async)

    assert (True, True) == (result.success, result.fallback_used)
    assert asked[0].startswith(b"GET /users?page=2 ")


@both
def test_a_401_is_mended_by_a_new_token(world: VirtualWorld, *, is_async: bool) -> None:
    """An expired token is renewed and the request follows at once with the new one."""
    token = {"authorization": "Bearer old"}
    engine = RecoveryEngine(refreshers={"crm": lambda: token.update(authorization="Bearer new")})

    with server(refusal(401), FINE) as (address, asked):
        result = ask(engine, "GET", f"{address}/me", is_async=is_async, credential="crm", options={"headers": token})

    assert (True, "auth-token-refresh", []) == (result.success, result.strategy, world.waits)
    assert [b"Bearer old" in asked[0], b"Bearer new" in asked[1]] == [True, True]


@both
def test_a_400_is_answered_as_it_is(*, is_async: bool) -> None:
    """A mistake in the request is repeated by nobody; the answer is in the error."""
    with server(refusal(400)) as (address, asked):
        result = ask(RecoveryEngine(), "GET", f"{address}/test", is_async=is_async)

    assert (False, "none", 1) == (result.success, result.strategy, len(asked))
    assert isinstance(result.error, AnswerFailed)
    assert 400 == result.error.answer.status_code  # type: ignore[attr-defined]  # an answer of httpx2
