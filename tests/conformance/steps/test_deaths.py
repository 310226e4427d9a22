"""What happens to the steps of a worker that dies, freezes, or has company: with real processes."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio.to_thread
import pytest

from tests.conformance.steps.engines import (
    HAS_NO_WORKER_PROCESSES,
    HAS_ONE_WORKER,
    WITH_A_FLEET,
    WITH_PROCESSES,
    Bench,
    Tempo,
    a_step,
)
from tests.conformance.steps.performer import Performer, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.adapters.memory import MemorySteps
    from tests.conformance.steps.conftest import WorkerProcess

    Start = Callable[..., WorkerProcess]

pytestmark = pytest.mark.anyio

with_processes = pytest.mark.parametrize("engine_name", WITH_PROCESSES, indirect=True)
with_a_fleet = pytest.mark.parametrize("engine_name", WITH_A_FLEET, indirect=True)


def test_every_engine_is_in_this_file_or_says_why_not() -> None:
    """No engine is left out of the tests of death without a reason."""
    from tests.conformance.steps.engines import ENGINES

    assert set(ENGINES) == {*WITH_PROCESSES, *HAS_NO_WORKER_PROCESSES}
    assert set(ENGINES) == {*WITH_A_FLEET, *HAS_ONE_WORKER}


@with_processes
async def test_the_steps_of_a_killed_worker_come_back(bench: Bench, start_worker: Start) -> None:
    """After SIGKILL every step that was in flight, and every one that waited, is performed by the next worker."""
    steps, performer = bench.open("survivor", Tempo()), Performer()
    keys = [f"step-{number}" for number in range(6)]
    await bench.enqueue(steps, *(a_step(key) for key in keys))
    victim = start_worker("victim", concurrency=3, step_s=60)
    await anyio.to_thread.run_sync(lambda: victim.until(lambda worker: len(worker.said("begun")) == 3))

    victim.kill()
    held = await steps.missing(keys)
    async with running(steps, performer):
        await performer.until(lambda p: len(p.ended) == 6)

    assert held == set()
    assert sorted(keys) == sorted(performer.ended)


@with_a_fleet
async def test_workers_share_the_work(bench: Bench, start_worker: Start) -> None:
    """Two healthy workers perform every step once between them, and both get some."""
    steps = bench.open("enqueuer", Tempo())
    workers = [start_worker(name, concurrency=2, step_s=0.005) for name in ("left", "right")]
    keys = [f"step-{number}" for number in range(150)]
    await bench.enqueue(steps, *(a_step(f"warm-{number}") for number in range(20)))
    await anyio.to_thread.run_sync(lambda: ended_together(*workers, 20))
    together = datetime.now(UTC) + timedelta(seconds=0.5)  # all due at one moment, when both workers look
    for start in range(0, 150, 10):
        await bench.enqueue(steps, *(a_step(key, due_at=together) for key in keys[start : start + 10]))
    left, right = workers
    await anyio.to_thread.run_sync(lambda: ended_together(left, right, 170))
    for worker in workers:
        await anyio.to_thread.run_sync(worker.stop)

    begun = [key for worker in workers for key in worker.said("begun") if key.startswith("step")]
    assert sorted(keys) == sorted(begun)
    assert all(len(worker.said("begun")) > 10 for worker in workers)


def ended_together(left: WorkerProcess, right: WorkerProcess, count: int) -> None:
    """Wait until two workers have ended `count` steps between them."""
    import threading
    import time

    pause, deadline = threading.Event(), time.monotonic() + 30
    while len(left.said("ended")) + len(right.said("ended")) < count:
        assert time.monotonic() < deadline, (left.lines[-3:], right.lines[-3:])
        pause.wait(0.02)


@with_a_fleet
async def test_a_frozen_worker_is_taken_for_dead_and_does_no_harm(bench: Bench, start_worker: Start) -> None:
    """A worker that stands still loses its steps to another; when it goes on, nothing is lost and the work goes on with both."""
    steps, performer = bench.open("survivor", Tempo()), Performer()
    await bench.enqueue(steps, a_step("frozen"))
    frozen = start_worker("frozen", concurrency=1, step_s=0.5)
    await anyio.to_thread.run_sync(lambda: frozen.until(lambda worker: worker.said("begun") == ["frozen"]))

    os.kill(frozen.process.pid, signal.SIGSTOP)
    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["frozen"])
    os.kill(frozen.process.pid, signal.SIGCONT)
    await bench.enqueue(steps, a_step("after"))
    await anyio.to_thread.run_sync(lambda: frozen.until(lambda worker: worker.said("ended") == ["frozen", "after"]))
    await anyio.to_thread.run_sync(frozen.stop)

    assert performer.begun == ["frozen"]
    assert await steps.missing(["frozen", "after"]) == {"frozen", "after"}


@pytest.mark.parametrize("engine_name", ["memory"], indirect=True)
async def test_the_simulator_declares_a_death(bench: Bench) -> None:
    """In memory a worker dies when the simulator says so, and its steps can be taken again."""
    steps: MemorySteps = bench.open("a", Tempo())  # type: ignore[assignment]  # the engine in memory
    await bench.enqueue(steps, a_step("taken"))
    taken = steps.take("victim")

    nothing = steps.take("survivor")
    steps.release("victim")
    again = steps.take("survivor")

    assert nothing is None
    assert taken == again is not None
