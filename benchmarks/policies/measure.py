"""Every cell of every contestant, in one process: `python -m benchmarks.policies.measure JSON` prints one line of JSON.

A cell that a contestant cannot fill is left out with the reason; a cell that does not do what it is measured for (a retry that does not repeat,
an open circuit that lets calls through) counts as such.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.policies.peer import ASK, Boom, Call, NotOffered, Peer, RetryAsk, load, version_of
from benchmarks.policies.timing import Timed, memory_of, pool_rate, spent, time_all, time_all_async
from benchmarks.rows import median, percentile

__all__ = ["CELLS", "IO_S", "Cell", "main", "measured"]

IO_S = 0.005
TIMEOUT_S = 10.0
THREADS = 8
BARE_CALLS = 100_000
POOL_RUN = 30
"""Pools run so many times longer than other cells: eight threads take a while to be all awake."""
POOL_ROUNDS_MAX = 7
OPENING_MAX = 200
RETRY = RetryAsk()
Rejections = tuple[type[BaseException], ...]


def noop() -> int:
    """The call that everything is compared with."""
    return 1


async def anoop() -> int:
    """The same as a coroutine."""
    return 1


def boom() -> int:
    """A call that fails."""
    raise Boom


async def aboom() -> int:
    """The same as a coroutine."""
    raise Boom


def wait() -> int:
    """A call that waits for somebody, and leaves the interpreter to others meanwhile."""
    time.sleep(IO_S)
    return 1


def failing_once() -> Call:
    """Return a call that fails each other time."""
    failed = [False]

    def call() -> int:
        failed[0] = not failed[0]
        if failed[0]:
            raise Boom
        return 1

    return call


def failing_once_async() -> Call:
    """The same as a coroutine."""
    plain = failing_once()

    async def call() -> object:
        return plain()

    return call


def repeated(peer: Peer, *, is_async: bool) -> Call | None:
    """Return a call that fails once and is repeated; a baseline repeats nothing."""
    retry, call = (peer.retry_async, failing_once_async) if is_async else (peer.retry, failing_once)
    return retry(call(), RETRY) if retry and peer.package else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One column of the comparison: how a contestant is made for it. `is_rejected`: what is timed is the refusal of an open circuit."""

    name: str
    make: Callable[[Peer], Call | None]
    is_async: bool = False
    is_rejected: bool = False


CELLS = (
    Cell(name="closed breaker, sync", make=lambda peer: peer.breaker and peer.breaker(noop, ASK)),
    Cell(name="closed breaker, async", make=lambda peer: peer.breaker_async and peer.breaker_async(anoop, ASK), is_async=True),
    Cell(name="open rejection, sync", make=lambda peer: peer.breaker and peer.breaker(boom, ASK), is_rejected=True),
    Cell(
        name="open rejection, async", make=lambda peer: peer.breaker_async and peer.breaker_async(aboom, ASK), is_async=True, is_rejected=True
    ),
    Cell(name="retry success, sync", make=lambda peer: peer.retry and peer.retry(noop, RETRY)),
    Cell(name="retry success, async", make=lambda peer: peer.retry_async and peer.retry_async(anoop, RETRY), is_async=True),
    Cell(name="one failure and a retry, sync", make=lambda peer: repeated(peer, is_async=False)),
    Cell(
        name="one failure and a retry, async", make=lambda peer: repeated(peer, is_async=True), is_async=True
    ),
    Cell(name="retry and breaker, sync", make=lambda peer: peer.both and peer.both(noop)),
    Cell(name="retry and breaker, async", make=lambda peer: peer.both_async and peer.both_async(anoop), is_async=True),
    Cell(name="retry, breaker and timeout, sync", make=lambda peer: peer.timed and peer.timed(noop, TIMEOUT_S)),
    Cell(
        name="retry, breaker and timeout, async", make=lambda peer: peer.timed_async and peer.timed_async(anoop, TIMEOUT_S), is_async=True
    ),
    Cell(name="keyed breaker, sync", make=lambda peer: peer.keyed and peer.keyed(noop)),
)  # fmt: skip


async def answer(cell: Cell, call: Call) -> object:
    """Make one call of a cell."""
    result: Any = call()
    return await result if cell.is_async else result


async def ready(cell: Cell, peer: Peer) -> Call | None:
    """Return a contestant ready to be timed, having seen that it does what is timed; None if it has no such thing.

    Raises:
        AssertionError: it does something else.
    """
    call = cell.make(peer)
    if call is None or (cell.is_rejected and not peer.rejections):
        return None
    if not cell.is_rejected:
        for _ in range(3):
            assert await answer(cell, call) == 1, "the call's answer did not come back"
        return call
    for _ in range(OPENING_MAX):
        with suppress(Exception):  # it fails until it is open, each in its way
            await answer(cell, call)
    try:
        await answer(cell, call)
    except peer.rejections as error:
        if not isinstance(error, Boom):
            return call
    raise AssertionError("the circuit did not open")


async def timings(peers: Sequence[Peer], *, rounds: int, run_ms: float) -> tuple[dict[str, Timed], dict[str, str]]:
    """Time every cell; also returns what went wrong, by cell and contestant."""
    cells, problems = dict[str, Timed](), dict[str, str]()
    for cell in CELLS:
        calls = dict[str, tuple[Call, Rejections]]()
        for peer in peers:
            try:
                call = await ready(cell, peer)
            except NotOffered:
                continue
            except Exception as error:  # noqa: BLE001 - one contestant's trouble must not end the measurement of the others
                problems[f"{cell.name}: {peer.name}"] = f"{type(error).__name__}: {error}"
                continue
            if call is not None:
                calls[peer.name] = (call, peer.rejections if cell.is_rejected else ())
        if cell.is_async:
            cells[cell.name] = await time_all_async(calls, bare=anoop, rounds=rounds, run_ms=run_ms)
        else:
            cells[cell.name] = time_all(calls, bare=noop, rounds=rounds, run_ms=run_ms)
    return cells, problems


def pools(peers: Sequence[Peer], *, rounds: int, run_ms: float) -> dict[str, dict[str, float]]:
    """Let eight threads use one breaker: for calls that do nothing (calls/s), and for calls that wait (% of what unguarded ones reach).

    Each pool of waiting calls is measured right after one of bare calls: how much too long the machine lets anybody sleep is nobody's merit.
    """
    idle = {peer.name: peer.breaker(noop, ASK) for peer in peers if peer.breaker}
    waiting = {peer.name: peer.breaker(wait, ASK) for peer in peers if peer.breaker}
    noops: dict[str, list[float]] = {name: [] for name in idle}
    shares: dict[str, list[float]] = {name: [] for name in idle}
    waits: dict[str, list[float]] = {name: [] for name in idle}
    for _ in range(rounds):
        for name, call in idle.items():
            each = max(100, int(pool_rate(call, threads=1, count=500) * POOL_RUN * run_ms / 1000 / THREADS))
            beside = pool_rate(noop, threads=THREADS, count=BARE_CALLS)
            noops[name].append(pool_rate(call, threads=THREADS, count=each))
            shares[name].append(100 * noops[name][-1] / beside)
            beside = pool_rate(wait, threads=THREADS, count=20)
            waits[name].append(100 * pool_rate(waiting[name], threads=THREADS, count=20) / beside)
    return {
        "8 threads, calls that do nothing": {name: median(values) for name, values in noops.items()},
        "8 threads, calls that do nothing, share": {name: median(values) for name, values in shares.items()},
        "8 threads, calls of 5 ms": {name: median(values) for name, values in waits.items()},
    }


def memories(peers: Sequence[Peer], *, count: int) -> dict[str, float]:
    """Measure what one closed breaker holds."""
    return {peer.name: memory_of(peer.cell, count=count) for peer in peers if peer.cell}


def spec_003(peers: Sequence[Peer], *, count: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Time single calls as spec 003 asks: what a breaker's decision takes, and an answer by fallback after a failure (ms, p99)."""
    decisions, fallbacks = dict[str, float](), dict[str, float]()
    for peer in peers:
        if peer.breaker and peer.rejections:
            call = peer.breaker(boom, ASK)
            spent(call, count=OPENING_MAX)
            decisions[peer.name] = percentile(spent(call, count=count), 0.99)
        if peer.fallback:
            with suppress(NotOffered):
                fallbacks[peer.name] = percentile(spent(peer.fallback(boom), count=count), 0.99)
    yield "breaker's decision, p99", decisions
    yield "answer by fallback, p99", fallbacks


def measured(*, rounds: int, run_ms: float, cells: int, modules: Sequence[str] | None = None) -> dict[str, object]:
    """Measure everything. `cells` is how many breakers are made to weigh one."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    peers, absent = load(modules) if modules else load()
    timed, problems = asyncio.run(timings(peers, rounds=rounds, run_ms=run_ms))
    return {
        "python": platform.python_version(),
        "versions": {peer.package: version_of(peer.package) for peer in peers if peer.package},
        "absent": absent,
        "problems": problems,
        "cells": timed,
        "rates": pools(peers, rounds=min(rounds, POOL_ROUNDS_MAX), run_ms=run_ms),
        "bytes": memories(peers, count=cells),
        "single_ms": dict(spec_003(peers, count=cells)),
    }


def main(arguments: str) -> None:
    """Measure as asked (`rounds`, `run_ms`, `cells`) and print it."""
    with redirect_stdout(sys.stderr):  # some contestants print when a circuit opens
        result = measured(**json.loads(arguments))
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
