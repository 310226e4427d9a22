"""One function per trap that has to do with how calls are wrapped: shapes of callables, threads, retries, time limits.

As in `probes_breaker`: None when the contestant does not fall into it, else what happened.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import threading
import time
import weakref
from contextvars import ContextVar
from typing import Any

from benchmarks.policies.dependency import FAILS, Dependency, circuit_of, held
from benchmarks.policies.peer import Boom, BreakerAsk, Ignored, NotOffered, Peer, RetryAsk

__all__ = [
    "async_under_sync", "callable_shapes", "cancellation_is_repeated", "deadline_overshoot", "error_keeps_frames", "generator_restarts",
    "lock_across_the_call", "overflow", "shared_retry_state", "slot_held_while_asleep", "thread_pool_timeout",
]  # fmt: skip

FAILURES = 3
CALLS = 10
ASK = BreakerAsk(in_a_row=True, failures_max=FAILURES)
SEEN: ContextVar[str] = ContextVar("seen", default="nothing")


class AsyncObject:
    """An object whose call is a coroutine."""

    def __init__(self, dependency: Dependency) -> None:
        self._dependency = dependency
        self.__name__ = self.__qualname__ = "AsyncObject"

    async def __call__(self) -> int:
        """Make the call."""
        return await self._dependency.call_async()


async def opens(guarded: Any, dependency: Dependency) -> bool:
    """Whether a guard opens under failures."""
    dependency.does = FAILS
    for _ in range(CALLS):
        try:
            result = guarded()
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - failures are what it is given
            pass
    return dependency.reached < CALLS


async def lock_across_the_call(peer: Peer, *, is_async: bool) -> str | None:
    """10: calls through one breaker wait for one another."""
    many, gate = 20, threading.Event()
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        calls = [asyncio.ensure_future(circuit.begin(held(gate))) for _ in range(many)]
        await asyncio.sleep(0.1)
        together = circuit.dependency.reached
        gate.set()
        await asyncio.gather(*calls)
    return f"{together} of {many} calls were under way at once" if together < many else None


async def async_under_sync(peer: Peer, *, is_async: bool) -> str | None:
    """11: a coroutine function under the decorator for functions is not guarded at all, without a word."""
    if peer.breaker is None or is_async:
        raise NotOffered("no breaker for functions")
    dependency = Dependency()

    async def call() -> int:
        return await dependency.call_async()

    try:
        guarded = peer.breaker(call, ASK)
    except (TypeError, ValueError):
        return None  # refused at decoration
    return None if await opens(guarded, dependency) else f"{CALLS} of {CALLS} failing calls went through"


async def callable_shapes(peer: Peer, *, is_async: bool) -> str | None:
    """12: an object with an asynchronous `__call__`, or a `partial` of a coroutine function, is not guarded."""
    if peer.breaker_async is None or not is_async:
        raise NotOffered("no breaker for coroutines")
    found = list[str]()
    for shape in ("object", "partial"):
        dependency = Dependency()
        call: Any = AsyncObject(dependency) if shape == "object" else functools.partial(dependency.call_async)
        try:
            guarded = peer.breaker_async(call, ASK)
        except (TypeError, ValueError):
            continue  # refused at decoration
        except AttributeError as error:
            found.append(f"{shape}: {error}")
            continue
        if not await opens(guarded, dependency):
            found.append(f"{shape}: not guarded")
        elif dependency.reached == 0:
            found.append(f"{shape}: cannot be called")
    return "; ".join(found) or None


async def deadline_overshoot(peer: Peer, *, is_async: bool) -> str | None:
    """15: it sleeps past its own deadline, and then tries again."""
    deadline_s, wait_s = 0.3, 0.2
    dependency, guarded = retried(
        peer, RetryAsk(attempts_max=10, wait_s=wait_s, deadline_s=deadline_s), is_async=is_async
    )
    began = time.monotonic()
    await failure_of(guarded)
    took = time.monotonic() - began
    late = f"{took:.2f} s for a deadline of {deadline_s} s, {dependency.reached} attempts"
    return late if took > deadline_s + wait_s / 4 else None


def retried(peer: Peer, ask: RetryAsk, *, is_async: bool) -> tuple[Dependency, Any]:
    """Return a failing dependency behind a retry."""
    retry = peer.retry_async if is_async else peer.retry
    if retry is None:
        raise NotOffered("no retry for coroutines" if is_async else "no retry for functions")
    dependency = Dependency()
    dependency.does = FAILS

    # Plain functions: some decorators take no bound methods.
    def call() -> int:
        return dependency.call()

    async def call_async() -> int:
        return await dependency.call_async()

    return dependency, retry(call_async if is_async else call, ask)


async def failure_of(guarded: Any) -> BaseException | None:
    """Make a call and return what it raised."""
    try:
        result = guarded()
        if inspect.isawaitable(result):
            await result
    except Exception as error:  # noqa: BLE001 - it is returned
        return error
    return None


async def shared_retry_state(peer: Peer, *, is_async: bool) -> str | None:
    """17: tasks that use one retry object at the same time disturb one another."""
    if peer.attempts is None or not is_async:
        raise NotOffered("no loop form")
    loops, tasks = peer.attempts(), 6

    async def work(number: int) -> tuple[object, int]:
        count, answer = 0, None
        await asyncio.sleep(0.004 * number)
        async for attempt in loops():
            with attempt:
                count += 1
                await asyncio.sleep(0.01)
                if count == 1:
                    raise Boom
                answer = 1
        return answer, count

    results = await asyncio.gather(*(work(number) for number in range(tasks)), return_exceptions=True)
    wrong = [result for result in results if result != (1, 2)]
    return (
        f"{len(wrong)} of {tasks} tasks got {wrong[0]!r} instead of an answer at the second attempt" if wrong else None
    )


async def cancellation_is_repeated(peer: Peer, *, is_async: bool) -> str | None:
    """18: a call that is cancelled is made once more."""
    if not is_async:
        raise NotOffered("functions cannot be cancelled")
    dependency, guarded = retried(peer, RetryAsk(attempts_max=3, unless=Ignored), is_async=True)
    gate = threading.Event()
    dependency.does = held(gate)
    threading.Timer(0.2, gate.set).start()
    try:
        result = await asyncio.wait_for(guarded(), 0.05)
    except TimeoutError:
        return None if dependency.reached == 1 else f"{dependency.reached} attempts, though the first was cancelled"
    return f"`wait_for` returned {result!r} of attempt {dependency.reached}"


async def thread_pool_timeout(peer: Peer, *, is_async: bool) -> str | None:
    """19: a time limit by threads loses the context, and abandoned calls leave no room for others."""
    if peer.timed is None or is_async:
        raise NotOffered("no time limit for functions")
    found, timeout_s = list[str](), 0.05
    token = SEEN.set("something")
    try:
        if peer.timed(SEEN.get, timeout_s)() != "something":
            found.append("context variables are lost")
    finally:
        SEEN.reset(token)
    is_slow = [True]

    def call() -> int:
        if is_slow[0]:
            time.sleep(0.3)
        return 1

    guarded = peer.timed(call, timeout_s)
    for _ in range(4):
        await failure_of(guarded)
    is_slow[0] = False
    if (error := await failure_of(guarded)) is not None:
        found.append(f"after four abandoned calls a fast one got {type(error).__name__} and never ran")
    return "; ".join(found) or None


async def overflow(peer: Peer, *, is_async: bool) -> str | None:
    """20: an exponential wait overflows after many attempts, long after its cap was reached."""
    attempts = 1000
    ask = RetryAsk(attempts_max=attempts, wait_s=1e-6, wait_max_s=1e-6)
    dependency, guarded = retried(peer, ask, is_async=is_async)
    error = await failure_of(guarded)
    if dependency.reached >= attempts:  # one counts retries instead
        return None
    return f"{type(error).__name__} after {dependency.reached} of {attempts} attempts"


class Weight:
    """Something in a failing frame that should not outlive it."""


async def error_keeps_frames(peer: Peer, *, is_async: bool) -> str | None:
    """22: the last error is kept, and with it every frame and all that they hold."""
    breaking = peer.breaker_async if is_async else peer.breaker
    if breaking is None:
        raise NotOffered("no such breaker")
    seen = list[weakref.ref[Weight]]()

    def fail() -> int:
        weight = Weight()
        seen.append(weakref.ref(weight))
        raise Boom

    async def fail_async() -> int:
        return fail()

    guarded: Any = breaking(fail_async if is_async else fail, ASK)
    for _ in range(FAILURES):
        try:
            result = guarded()
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - nobody keeps it here
            pass
    gc.collect()
    kept = sum(reference() is not None for reference in seen)
    return f"the locals of {kept} failed calls were kept alive" if kept else None


async def slot_held_while_asleep(peer: Peer, *, is_async: bool) -> str | None:
    """27: who sleeps between attempts keeps others out, or loses its own error when the slot is taken meanwhile."""
    dependency, begin, wait_s = slotted(peer, is_async=is_async)
    dependency.does = FAILS
    asleep = asyncio.ensure_future(begin())
    await asyncio.sleep(wait_s / 3)
    gate, before = threading.Event(), dependency.reached
    dependency.does = held(gate)
    other = asyncio.ensure_future(begin())
    await asyncio.sleep(wait_s / 3)
    is_through, is_refused = dependency.reached > before, other.done()
    await asyncio.sleep(wait_s)
    gate.set()
    error, answer = await asyncio.gather(asleep, other, return_exceptions=True)
    if not is_through:
        return f"another call {f'got {type(answer).__name__}' if is_refused else 'waited'} while the first was asleep"
    if isinstance(error, BaseException) and not isinstance(error, Boom) and not isinstance(error.__cause__, Boom):
        return f"the first call got {type(error).__name__} without its own error"
    return None


def slotted(peer: Peer, *, is_async: bool) -> tuple[Dependency, Any, float]:
    """Return a dependency behind one slot and a retry, how a call is begun, and how long the retry waits (seconds)."""
    if peer.slotted is None:
        raise NotOffered("no bulkhead beside a retry")
    dependency, wait_s = Dependency(), 0.2

    def call() -> int:
        return dependency.call()

    async def call_async() -> int:
        return await dependency.call_async()

    guarded: Any = peer.slotted(call_async if is_async else call, wait_s)
    if inspect.iscoroutinefunction(guarded) != is_async:
        raise NotOffered("not in this colour")
    return dependency, guarded if is_async else functools.partial(asyncio.to_thread, guarded), wait_s


async def generator_restarts(peer: Peer, *, is_async: bool) -> str | None:
    """30: a generator under a retry begins anew after it has delivered items, so that they come twice."""
    if peer.retry is None or is_async:
        raise NotOffered("no retry for functions")
    runs = [0]

    def items() -> Any:
        runs[0] += 1
        yield 1
        yield 2
        if runs[0] == 1:
            raise Boom
        yield 3

    try:
        guarded: Any = peer.retry(items, RetryAsk())
    except (TypeError, ValueError):
        return None  # refused at decoration
    got = list[object]()
    try:
        for item in guarded():
            got.append(item)
    except Exception:  # noqa: BLE001 - not repeating is right
        pass
    return f"the caller got {got}" if len(got) != len(set(got)) else None
