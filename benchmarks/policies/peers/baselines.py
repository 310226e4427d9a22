"""What no library can undercut: the bare call, with a `try`, through a wrapper, under `asyncio.timeout`."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.policies.peer import Call, Peer

__all__ = ["PEERS"]


def bare(call: Call, *_: object) -> Call:
    """The call itself."""
    return call


def trying(call: Call, *_: object) -> Call:
    """A `try` that catches and raises again."""

    def wrapped() -> object:
        try:
            return call()
        except Exception:  # noqa: TRY203 - this is what is measured
            raise

    return wrapped


def trying_async(call: Any, *_: object) -> Call:
    """The same around a coroutine."""

    async def wrapped() -> object:
        try:
            return await call()
        except Exception:  # noqa: TRY203 - this is what is measured
            raise

    return wrapped


def passing(call: Any, *_: object) -> Call:
    """A wrapper that hands every argument on, as any decorator has to."""

    def wrapped(*arguments: object, **named: object) -> object:
        return call(*arguments, **named)

    return wrapped


def passing_async(call: Any, *_: object) -> Call:
    """The same around a coroutine."""

    async def wrapped(*arguments: object, **named: object) -> object:
        return await call(*arguments, **named)

    return wrapped


def limited(call: Any, timeout_s: float) -> Call:
    """The standard library's own time limit, without anything else."""

    async def wrapped() -> object:
        async with asyncio.timeout(timeout_s):
            return await call()

    return wrapped


PEERS = (
    Peer(name="bare call", breaker=bare, breaker_async=bare, retry=bare, retry_async=bare, both=bare, both_async=bare),
    Peer(name="bare try/except", breaker=trying, breaker_async=trying_async),
    Peer(
        name="pass-through wrapper",
        breaker=passing,
        breaker_async=passing_async,
        retry=passing,
        retry_async=passing_async,
    ),
    Peer(name="asyncio.timeout alone", timed_async=limited),
)
