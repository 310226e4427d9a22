"""How a call of some nanoseconds is timed on a machine that others use too: in many short runs, each right after one of the bare call.

The quietest runs of each are compared: whatever else the machine does makes a run longer and never shorter, so that the shortest is the one that
was least disturbed (the reason why `timeit` recommends the minimum). The garbage collector rests meanwhile.
"""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import cast

from benchmarks.policies.peer import Call
from benchmarks.rows import median

__all__ = ["Timed", "memory_of", "pool_rate", "spent", "time_all", "time_all_async"]

Timed = dict[str, dict[str, float]]
"""By contestant: `ns` per call and `ratio` to the bare call, of the quietest runs; `usual` is the median ratio of a pair."""
CALLS_MAX = 400_000
CALLS_MIN = 20


def loop(call: Call, count: int) -> float:
    """Return the nanoseconds of one of `count` calls."""
    numbers, began = range(count), time.perf_counter_ns()
    for _ in numbers:
        call()
    return (time.perf_counter_ns() - began) / count


def loop_raising(call: Call, count: int, error: tuple[type[BaseException], ...]) -> float:
    """The same where each call raises."""
    numbers, began = range(count), time.perf_counter_ns()
    for _ in numbers:
        try:  # noqa: SIM105 - a context manager would be timed along
            call()
        except error:
            pass
    return (time.perf_counter_ns() - began) / count


async def loop_async(call: Call, count: int) -> float:
    """The same for a coroutine function."""
    awaitable = cast(Callable[[], Awaitable[object]], call)
    numbers, began = range(count), time.perf_counter_ns()
    for _ in numbers:
        await awaitable()
    return (time.perf_counter_ns() - began) / count


async def loop_raising_async(call: Call, count: int, error: tuple[type[BaseException], ...]) -> float:
    """The same where each await raises."""
    awaitable = cast(Callable[[], Awaitable[object]], call)
    numbers, began = range(count), time.perf_counter_ns()
    for _ in numbers:
        try:  # noqa: SIM105 - a context manager would be timed along
            await awaitable()
        except error:
            pass
    return (time.perf_counter_ns() - began) / count


def fitting(took_ns: float, *, run_ms: float) -> int:
    """Return how many calls fill a run, if one takes so long."""
    return max(CALLS_MIN, min(CALLS_MAX, int(run_ms * 1e6 / max(took_ns, 1.0))))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Time without the garbage collector: its runs belong to nobody."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@asynccontextmanager
async def undisturbed_async() -> AsyncIterator[None]:
    """The same in a coroutine."""
    with undisturbed():
        yield


def time_all(
    calls: Mapping[str, tuple[Call, tuple[type[BaseException], ...]]], *, bare: Call, rounds: int, run_ms: float
) -> Timed:
    """Time every call by turns; those that come with errors raise one of them each time."""

    def once(call: Call, error: tuple[type[BaseException], ...], count: int) -> float:
        return loop_raising(call, count, error) if error else loop(call, count)

    counts = {name: fitting(once(call, error, 200), run_ms=run_ms) for name, (call, error) in calls.items()}
    base = fitting(loop(bare, 2000), run_ms=run_ms / 2)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    with undisturbed():
        for _ in range(rounds):
            for name, (call, error) in calls.items():
                beside = loop(bare, base)
                found[name].append((once(call, error, counts[name]), beside))
    return {name: summary(pairs) for name, pairs in found.items()}


async def time_all_async(
    calls: Mapping[str, tuple[Call, tuple[type[BaseException], ...]]], *, bare: Call, rounds: int, run_ms: float
) -> Timed:
    """The same for coroutine functions."""

    async def once(call: Call, error: tuple[type[BaseException], ...], count: int) -> float:
        return await (loop_raising_async(call, count, error) if error else loop_async(call, count))

    counts = {name: fitting(await once(call, error, 200), run_ms=run_ms) for name, (call, error) in calls.items()}
    base = fitting(await loop_async(bare, 2000), run_ms=run_ms / 2)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    async with undisturbed_async():
        for _ in range(rounds):
            for name, (call, error) in calls.items():
                beside = await loop_async(bare, base)
                found[name].append((await once(call, error, counts[name]), beside))
    return {name: summary(pairs) for name, pairs in found.items()}


def summary(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Return what the rounds of one contestant come to."""
    own, beside = min(own for own, _ in pairs), min(beside for _, beside in pairs)
    return {"ns": own, "ratio": own / beside, "usual": median([own / beside for own, beside in pairs])}


def pool_rate(call: Call, *, threads: int, count: int) -> float:
    """Return the calls per second of `threads` threads that make `count` calls each, all beginning at once."""
    barrier, failed = threading.Barrier(threads + 1), list[BaseException]()

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(count):
                call()
        except BaseException as error:  # noqa: BLE001 - a thread's failure must reach whoever measures
            failed.append(error)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - began
    if failed:
        raise failed[0]
    return threads * count / took


def memory_of(make: Callable[[], object], *, count: int) -> float:
    """Return the bytes that one of `count` objects holds, as the allocator was asked for them."""
    keep = [make()]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        keep += [make() for _ in range(count)]
        return (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()


def spent(call: Call, *, count: int) -> list[float]:
    """Return the milliseconds of each of `count` calls, whatever they raise."""
    times = list[float]()
    for _ in range(count):
        began = time.perf_counter()
        with suppress(Exception):  # how long it takes to be refused is the question
            call()
        times.append(1000 * (time.perf_counter() - began))
    return times
