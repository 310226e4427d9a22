"""Calls that were kept for later: made again when due, given up in the end, and left to a person where a machine may not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest

from holdfast.errors import BadInput, QueueFull
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.guards.alarm import Alert
from holdfast.guards.engine import RecoveryEngine
from holdfast.guards.judging import plain_verdict
from holdfast.guards.later_queue import Later, LaterQueue
from holdfast.policies.remedies import (
    SPEC_001,
    KeepForLater,
)
from tests.guards.recoveries import (
    cure,
    failing,
    judge,
    reading,
)
from tests.guards.virtual import VirtualWorld, virtual_world


@pytest.fixture(autouse=True)
def world() -> Iterator[VirtualWorld]:
    """Time passes only when somebody waits."""
    with virtual_world() as found:
        yield found


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_kept_calls_are_made_again_when_due(world: VirtualWorld, *, is_async: bool) -> None:
    """A call that was kept is made again after its time; a success takes it out."""
    work = failing(Exception("x"))
    engine = RecoveryEngine()
    engine.run(reading(work))

    def redo() -> tuple[object, ...]:
        return asyncio.run(engine.redo_async()) if is_async else engine.redo()

    world.sleep(299)
    assert () == redo()
    world.sleep(1)
    (done,) = redo()

    assert (True, "fine", 2, "dead-letter") == (done.success, done.answer, done.attempts, done.strategy)  # type: ignore[attr-defined]  # a result
    assert () == redo()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_kept_calls_are_given_up_in_the_end(
    world: VirtualWorld, caplog: pytest.LogCaptureFixture, *, is_async: bool
) -> None:
    """After five more failures, each 300 s after the last or later if the server says so, it is told that the call is given up."""
    slow = plain_verdict(ErrorCategory.NETWORK_TIMEOUT, place="p", message="m", rule="r", outcome=Outcome.UNKNOWN, retry_after_s=400)  # fmt: skip
    told: list[Alert] = []

    async def tell(alert: Alert) -> None:
        told.append(alert)

    engine = RecoveryEngine(
        [cure(KeepForLater())], judge=lambda error: slow, on_alert=tell if is_async else told.append
    )
    engine.run(reading(failing(*[Exception("x")] * 9)))
    results = []

    for _ in range(8):
        world.sleep(400)
        results += asyncio.run(engine.redo_async()) if is_async else engine.redo()

    assert [True] * 4 + [False] == [result.queued_for_later for result in results]
    assert [("A call that was kept for later is given up", "dead-letter")] == [
        (one.message, one.remedy) for one in told
    ]
    assert 1 == sum(
        record.message.startswith("call.given_up") and record.levelno == logging.ERROR for record in caplog.records
    )


async def shout_later(alert: Alert) -> None:
    """An async listener that fails."""
    raise RuntimeError(alert.message)


def shout(alert: Alert) -> None:
    """A listener that fails."""
    raise RuntimeError(alert.message)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("listener", [shout, shout_later, None], ids=["fails", "async, fails", "nobody"])
def test_giving_up_goes_on_whoever_listens(
    listener: Callable[[Alert], object] | None, caplog: pytest.LogCaptureFixture, *, is_async: bool
) -> None:
    """A listener that fails, or that cannot be awaited, is told in the log; the calls are given up all the same."""
    engine = RecoveryEngine([cure(KeepForLater(after_s=0))], on_alert=listener, redo_max=1)
    engine.run(reading(failing(*[ConnectionError("x")] * 9)))

    results = asyncio.run(engine.redo_async()) if is_async else engine.redo()

    assert [False] == [result.queued_for_later for result in results]
    assert (listener is not None) == ("recovery.impaired" in caplog.text)
    assert () == engine.redo()


def test_what_a_machine_may_not_repeat_stays_for_a_person(world: VirtualWorld) -> None:
    """A write of unknown outcome is kept and not made again; a person may take it."""
    queue = LaterQueue()
    engine = RecoveryEngine(queue=queue)
    engine.run(reading(failing(Exception("x")), method="POST"))

    world.sleep(1000)

    assert () == engine.redo()
    (left,) = queue.peek()
    assert (False, Outcome.UNKNOWN) == (left.is_safe, left.outcome)
    assert left == queue.take(left.id)
    assert 0 == len(queue)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_interrupted_redo_does_not_lose_the_call(world: VirtualWorld, *, is_async: bool) -> None:
    """A call that was interrupted while it was made again is kept, and nobody knows whether it happened."""
    queue = LaterQueue()
    engine = RecoveryEngine(queue=queue)
    fails: list[BaseException] = [KeyboardInterrupt(), ConnectionRefusedError("x")]

    def work() -> None:
        raise fails.pop()

    engine = RecoveryEngine([cure(KeepForLater(after_s=0))], queue=queue)
    engine.run(reading(work, method="POST"))

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(engine.redo_async()) if is_async else engine.redo()

    assert [Outcome.UNKNOWN] == [one.outcome for one in queue.peek()]
    assert () == engine.redo()


def test_an_async_call_is_redone_on_a_loop() -> None:
    """A kept async call is refused by the sync redo, without being lost, and made by the async one."""
    engine = RecoveryEngine([cure(KeepForLater(after_s=0))])
    fails = [ConnectionRefusedError("x")]

    async def ask() -> int:
        if fails:
            raise fails.pop()
        return 3

    asyncio.run(engine.run_async(reading(ask)))
    with pytest.raises(BadInput, match="redo_async"):
        engine.redo()

    assert [3] == [one.answer for one in asyncio.run(engine.redo_async())]


def test_the_limit_of_a_redo_is_kept() -> None:
    """At most so many calls are made again at once."""
    engine = RecoveryEngine([cure(KeepForLater(after_s=0))])
    for number in range(5):
        engine.run(reading(failing(ConnectionError("x"), answer=number)))

    assert [0, 1] == [one.answer for one in engine.redo(limit=2)]
    assert [2, 3, 4] == [one.answer for one in engine.redo()]


def test_the_queue_is_bounded_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """A queue in memory refuses what it has no room for, and says once that it is lost with the process."""
    queue = LaterQueue(size_max=2)
    engine = RecoveryEngine(queue=queue, keep_exhausted=False)
    verdict = judge(ConnectionError("x"))
    later = Later(call=reading(None), verdict=verdict, outcome=Outcome.UNKNOWN, queue="q", due_at_s=0, attempts=1)

    kept = [queue.keep(later) for _ in range(2)]
    with pytest.raises(QueueFull, match="2 calls"):
        queue.keep(later)

    assert [1, 2] == [one.id for one in kept]
    assert 1 == sum("lost when the process ends" in record.message for record in caplog.records)
    assert () == engine.redo()
    assert (2, 0) == (len(queue.drain()), len(queue))
    assert queue.take(1) is None
    assert SPEC_001[0].name == "network-retry"
