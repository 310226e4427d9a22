"""Waiting calls: bounded, in order, and honest about what became of them."""

from __future__ import annotations

import threading

import pytest

from holdfast.errors import CircuitOpen, QueueFull, Rejection
from holdfast.guards.waiting_calls import Ran, WaitingCalls
from holdfast.ports.later import KeptCall


def kept(run: object, *, is_async: bool = False) -> KeptCall:
    """A call that waits."""
    return KeptCall(
        policy="shop", operation="shop.order", function=print, args=(), kwargs={}, reason="circuit-open", run=run,
        is_async=is_async,
    )  # fmt: skip


def turned_away() -> None:
    """A call that the policy does not let through yet."""
    raise CircuitOpen(Rejection(policy="shop", because="still open"))


def broken() -> None:
    """A call that fails."""
    raise ConnectionError("gone")


def test_a_full_queue_refuses_and_keeps_what_it_has() -> None:
    """Beyond its bound nothing is kept, and the refusal says how much it holds."""
    queue = WaitingCalls("retry_queue", size_max=2)
    places = [queue.keep(kept(print)) for _ in range(2)]

    with pytest.raises(QueueFull, match="holds 2 calls"):
        queue.keep(kept(print))

    assert [1, 2] == [receipt.place for receipt in places]
    assert {False} == {receipt.durable for receipt in places}
    assert 2 == len({receipt.id for receipt in places})
    assert 2 == len(queue)


def test_waiting_calls_are_made_in_order_until_the_limit() -> None:
    """Oldest first, as many as asked for."""
    made: list[int] = []
    queue = WaitingCalls("later", size_max=9)
    for number in range(3):
        queue.keep(kept(lambda number=number: made.append(number)))

    assert Ran(done=2, left=1) == queue.run(limit=2)
    assert Ran(done=1, left=0) == queue.run()
    assert [0, 1, 2] == made


def test_a_call_that_is_turned_away_keeps_its_place() -> None:
    """Nothing was sent, so it waits on, first in the queue; the run ends instead of hammering."""
    queue = WaitingCalls("later", size_max=2)
    queue.keep(kept(turned_away))
    queue.keep(kept(broken))

    ran = queue.run()

    assert (0, 2, None) == (ran.done, ran.left, ran.failed)
    assert isinstance(ran.error, CircuitOpen)
    assert turned_away is queue._calls[0].run


def test_a_call_that_failed_is_handed_back() -> None:
    """It may have taken effect, so the queue does not make it again by itself."""
    queue = WaitingCalls("later", size_max=2)
    queue.keep(kept(broken))
    queue.keep(kept(print))

    ran = queue.run()

    assert broken is ran.failed.run
    assert isinstance(ran.error, ConnectionError)
    assert 1 == ran.left == len(queue)


def test_a_call_under_way_keeps_its_place_in_the_bound() -> None:
    """A call that has to come back finds its room, even if others came in meanwhile."""
    queue = WaitingCalls("later", size_max=1)

    def fill() -> None:
        with pytest.raises(QueueFull):
            queue.keep(kept(print))
        turned_away()

    queue.keep(kept(fill))

    assert 1 == queue.run().left
    assert queue._under_way == 0


def test_async_calls_are_for_the_event_loop() -> None:
    """A sync run says how it is done, and loses nothing."""
    queue = WaitingCalls("later", size_max=1)
    queue.keep(kept(print, is_async=True))

    with pytest.raises(TypeError, match="run_async"):
        queue.run()

    assert 1 == len(queue)


@pytest.mark.anyio
async def test_sync_and_async_calls_are_made_on_a_loop() -> None:
    """A loop makes both; failures end the run in the same way."""
    made: list[str] = []

    async def order() -> None:
        made.append("async")

    async def fail() -> None:
        raise ConnectionError

    queue = WaitingCalls("later", size_max=9)
    for call in (kept(order, is_async=True), kept(lambda: made.append("sync")), kept(fail, is_async=True)):
        queue.keep(call)

    ran = await queue.run_async()

    assert ["async", "sync"] == made
    assert (2, 0, fail) == (ran.done, ran.left, ran.failed.run)


@pytest.mark.parametrize("is_async", [pytest.param(False, id="thread"), pytest.param(True, id="loop")])
@pytest.mark.anyio
async def test_an_interrupted_call_gives_its_place_back(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C while a call is made does not use up the bound for ever; the call is gone, which is said."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    queue = WaitingCalls("later", size_max=1)
    queue.keep(kept(interrupted))

    with pytest.raises(KeyboardInterrupt):
        await queue.run_async() if is_async else queue.run()

    assert 1 == queue.keep(kept(print)).place
    assert [
        "later: a call of shop.order was interrupted and has left the queue; whether it took effect is not known"
    ] == [record.getMessage() for record in caplog.records]


def test_many_threads_never_overfill_it() -> None:
    """The bound holds however many come at once."""
    queue = WaitingCalls("later", size_max=50)
    full = []

    def fill() -> None:
        for _ in range(20):
            try:
                queue.keep(kept(print))
            except QueueFull:
                full.append(1)

    threads = [threading.Thread(target=fill) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 50 == len(queue)
    assert 110 == len(full)
