"""The dependency that probes guard: it does what it was told for its next calls, in threads as in tasks, and counts who reached it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.policies.peer import Boom, BreakerAsk, Call, NotOffered, Peer

__all__ = ["FAILS", "OPEN_S", "WORKS", "Circuit", "Dependency", "Step", "circuit_of", "held", "sides_of"]

OPEN_S = 0.1
HELD_MAX_S = 4.0
THREADS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a call does: wait until `gate` is set, if there is one, then raise `error` or answer 1."""

    error: Callable[[], BaseException] | None = None
    gate: threading.Event | None = None


WORKS = Step()
FAILS = Step(error=Boom)


def held(gate: threading.Event, *, error: Callable[[], BaseException] | None = None) -> Step:
    """Return a call that lasts until the gate is set."""
    return Step(gate=gate, error=error)


class Dependency:
    """Somebody else's system. `does` is what calls that begin now will do; `reached` counts the calls that got here."""

    def __init__(self) -> None:
        self.does = WORKS
        self.reached = 0
        self._lock = threading.Lock()

    def _begin(self) -> Step:
        with self._lock:
            self.reached += 1
        return self.does

    def call(self) -> int:
        """The call as a function."""
        step = self._begin()
        if step.gate is not None:
            step.gate.wait(HELD_MAX_S)
        if step.error is not None:
            raise step.error()
        return 1

    async def call_async(self) -> int:
        """The call as a coroutine."""
        step, until = self._begin(), time.monotonic() + HELD_MAX_S
        while step.gate is not None and not step.gate.is_set() and time.monotonic() < until:  # noqa: ASYNC110 - see below
            await asyncio.sleep(0.002)  # the gate is one for threads and tasks
        if step.error is not None:
            raise step.error()
        return 1


class Circuit:
    """A dependency behind one contestant's breaker, in one colour. Use as an async context manager: threads end with it."""

    def __init__(self, guard: Callable[[Call], Call], *, is_async: bool) -> None:
        self.dependency = Dependency()
        self.is_async = is_async
        self._threads = ThreadPoolExecutor(THREADS_MAX)
        dependency = self.dependency

        # Plain functions: some decorators take no bound methods.
        def call() -> int:
            return dependency.call()

        async def call_async() -> int:
            return await dependency.call_async()

        self.guarded: Any = guard(call_async if is_async else call)

    def begin(self, step: Step | None = None) -> Awaitable[object]:
        """Begin a call in a task or a thread of its own, which does `step`."""
        if step is not None:
            self.dependency.does = step
        if self.is_async:
            return asyncio.ensure_future(self.guarded())
        return asyncio.get_running_loop().run_in_executor(self._threads, self.guarded)

    async def outcome(self, step: Step) -> str:
        """Make one call and say what came of it: `works`, `fails`, or `rejected` when it never reached the dependency."""
        before, self.dependency.does = self.dependency.reached, step
        try:
            if self.is_async:
                await self.guarded()
            else:
                await asyncio.get_running_loop().run_in_executor(self._threads, self.guarded)
        except (Exception, KeyboardInterrupt, SystemExit):  # noqa: BLE001 - what a contestant raises is its own affair
            return "rejected" if self.dependency.reached == before else "fails"
        return "works"

    async def trip(self, failures: int) -> None:
        """Open the circuit.

        Raises:
            NotOffered: it does not open after so many failures: another kind of breaker.
        """
        for _ in range(failures):
            await self.outcome(FAILS)
        if await self.outcome(WORKS) != "rejected":
            raise NotOffered(f"not open after {failures} failures in a row")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False)


def sides_of(peer: Peer) -> list[bool]:
    """Return the colours in which a contestant has a breaker: False for functions, True for coroutines."""
    return [is_async for is_async, offered in ((False, peer.breaker), (True, peer.breaker_async)) if offered]


def circuit_of(peer: Peer, ask: BreakerAsk, *, is_async: bool) -> Circuit:
    """Return a dependency behind a contestant's breaker.

    Raises:
        NotOffered: it has none in this colour.
    """
    breaking = peer.breaker_async if is_async else peer.breaker
    if breaking is None:
        raise NotOffered("no breaker for coroutines" if is_async else "no breaker for functions")
    return Circuit(lambda call: breaking(call, ask), is_async=is_async)
