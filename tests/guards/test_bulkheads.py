"""The bulkhead keeps its number and its order, for threads and for tasks of several loops at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.errors import BulkheadFull
from holdfast.faults.verdict import Health
from holdfast.guards.bulkheads import BulkheadStage
from holdfast.guards.listening import Listening
from holdfast.guards.stage import Permit, Place, Signal
from holdfast.guards.world import WORLD
from holdfast.policies.bulkhead import Bulkhead
from holdfast.testing.world import ControlledWorld, controlled_world

ENDED = Signal(health=Health.SUCCESS, took_s=0.1)
LONG_S = 60.0
"""Longer than any test may take: a wait that has to be ended by somebody."""


@pytest.fixture
def world() -> Iterator[ControlledWorld]:
    """Time stands still until somebody waits."""
    with controlled_world() as found:
        yield found


def bulkhead(calls: int = 1, queue: int = 0, wait_s: float = LONG_S) -> BulkheadStage:
    """A bulkhead of the dependency `api`."""
    return BulkheadStage(Bulkhead(calls_max=calls, queue_max=queue, wait_max_s=wait_s), Listening("api"))


def enter(stage: BulkheadStage) -> Permit:
    """Somebody who is let in at once."""
    entered = stage.enter(WORLD.monotonic())
    assert not isinstance(entered, Place)
    return entered


def queue(stage: BulkheadStage) -> Place:
    """Somebody who has to wait."""
    entered = stage.enter(WORLD.monotonic())
    assert isinstance(entered, Place)
    return entered


def test_no_more_calls_are_under_way_than_may_be() -> None:
    """The next one is turned away with a reason, and let in when one has ended."""
    stage = bulkhead(2)
    first, _ = enter(stage), enter(stage)

    with pytest.raises(BulkheadFull, match="'api' has 2 calls under way: the bulkhead is full") as caught:
        enter(stage)
    first.leave(ENDED)

    assert caught.value.retry_after_s is None
    assert enter(stage) is not None
    assert 2 == stage.active


def test_leaving_twice_frees_one_place() -> None:
    """A permit counts once, however often it is given back."""
    stage = bulkhead(2)
    first, _ = enter(stage), enter(stage)

    first.leave(ENDED)
    first.leave(ENDED)

    assert 1 == stage.active


def test_a_full_queue_turns_away() -> None:
    """Whoever finds the queue full hears how many wait."""
    stage = bulkhead(1, queue=1)
    enter(stage), queue(stage)

    with pytest.raises(BulkheadFull, match="and 1 wait for a place"):
        stage.enter(WORLD.monotonic())


def test_threads_are_served_in_the_order_in_which_they_came() -> None:
    """Eight threads queue for one place and get it one after the other, first come, first served."""
    stage = bulkhead(1, queue=8)
    order: list[int] = []
    held = enter(stage)
    places = [queue(stage) for _ in range(8)]

    def work(number: int) -> None:
        permit = places[number].wait(LONG_S)
        assert permit is not None
        assert 1 == stage.active
        order.append(number)
        permit.leave(ENDED)

    threads = [threading.Thread(target=work, args=(number,)) for number in reversed(range(8))]
    for thread in threads:
        thread.start()
    held.leave(ENDED)
    for thread in threads:
        thread.join(LONG_S)

    assert list(range(8)) == order
    assert (0, 0) == (stage.active, stage.waiting)


def test_tasks_of_several_loops_and_threads_share_one_queue() -> None:
    """Two event loops and a thread wait in one queue, are served in its order, and never two at once."""
    stage = bulkhead(1, queue=9)
    order: list[int] = []
    held = enter(stage)
    places = [queue(stage) for _ in range(9)]
    ready = threading.Barrier(4)

    async def task(number: int) -> None:
        permit = await places[number].wait_async(LONG_S)
        assert permit is not None
        assert 1 == stage.active
        order.append(number)
        await asyncio.sleep(0)
        permit.leave(ENDED)

    async def loop(numbers: range) -> None:
        tasks = [asyncio.create_task(task(number)) for number in numbers]
        await asyncio.sleep(0)
        ready.wait(LONG_S)
        await asyncio.gather(*tasks)

    def thread(numbers: range) -> None:
        ready.wait(LONG_S)
        for number in numbers:
            permit = places[number].wait(LONG_S)
            assert permit is not None
            order.append(number)
            permit.leave(ENDED)

    with ThreadPoolExecutor(3) as pool:
        done = [
            pool.submit(lambda: asyncio.run(loop(range(0, 9, 3)))),
            pool.submit(lambda: asyncio.run(loop(range(1, 9, 3)))),
            pool.submit(thread, range(2, 9, 3)),
        ]
        ready.wait(LONG_S)
        held.leave(ENDED)
        for future in done:
            future.result(LONG_S)

    assert list(range(9)) == order
    assert (0, 0) == (stage.active, stage.waiting)


def test_a_storm_of_threads_never_exceeds_the_number() -> None:
    """Many threads that come, wait, give up and leave: never more than three at once, and nothing is left behind."""
    stage = bulkhead(3, queue=4)
    inside, most, turned_away, lock = 0, 0, 0, threading.Lock()
    start = threading.Barrier(8)

    def storm(seed: int) -> None:
        nonlocal inside, most, turned_away
        start.wait(LONG_S)
        for turn in range(200):
            try:
                entered = stage.enter(WORLD.monotonic())
            except BulkheadFull:
                turned_away += 1
                continue
            if isinstance(entered, Place) and (turn + seed) % 5 == 0:
                entered.give_up()
                continue
            permit = entered.wait(LONG_S) if isinstance(entered, Place) else entered
            assert permit is not None
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            permit.leave(ENDED)

    threads = [threading.Thread(target=storm, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)

    assert 1 <= most <= 3
    assert (0, 0) == (stage.active, stage.waiting)


@pytest.mark.anyio
async def test_a_cancelled_task_gives_its_place_up() -> None:
    """Whoever is cancelled while waiting leaves the queue; the next moves up."""
    stage = bulkhead(1, queue=2)
    held = enter(stage)
    first, second = (asyncio.create_task(queue(stage).wait_async(LONG_S)) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])
    held.leave(ENDED)

    permit = await second
    assert permit is not None
    assert (1, 0) == (stage.active, stage.waiting)
    permit.leave(ENDED)
    assert 0 == stage.active


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_just_as_its_turn_comes_keeps_nothing() -> None:
    """When the permit was handed over and the task is cancelled before it could take it, the next one gets it."""
    stage = bulkhead(1, queue=2)
    held = enter(stage)
    first, second = (asyncio.create_task(queue(stage).wait_async(LONG_S)) for _ in range(2))
    await asyncio.sleep(0)

    held.leave(ENDED)  # the first one's now, but its task has not run yet
    first.cancel()
    permit = await second
    await asyncio.wait([first])

    assert first.cancelled()
    assert permit is not None
    assert (1, 0) == (stage.active, stage.waiting)


def test_time_that_runs_out_just_as_the_turn_comes_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the permit is handed over at the very moment at which the wait ends, it is taken, not lost."""
    stage = bulkhead(1, queue=1)
    held = enter(stage)
    place = queue(stage)

    def late(event: threading.Event, seconds: float) -> bool:
        held.leave(ENDED)
        return False  # as if the time had been over before the event was set

    monkeypatch.setattr(WORLD, "wait", late)
    permit = place.wait(1.0)

    assert permit is not None
    permit.leave(ENDED)
    assert (0, 0) == (stage.active, stage.waiting)


def test_an_interrupt_while_waiting_gives_the_place_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a waiting thread goes through, and what was just handed to it goes to the next."""
    stage = bulkhead(1, queue=2)
    held = enter(stage)
    first, second = queue(stage), queue(stage)

    def interrupted(event: threading.Event, seconds: float) -> bool:
        held.leave(ENDED)
        raise KeyboardInterrupt

    monkeypatch.setattr(WORLD, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        first.wait(1.0)

    assert (1, 0) == (stage.active, stage.waiting)
    assert second.wait(0) is not None


def test_a_wait_that_is_over_gives_the_place_up(world: ControlledWorld) -> None:
    """After `wait_max_s` in vain there is no permit, an error that says so, and an empty queue."""
    stage = bulkhead(1, queue=1, wait_s=2.5)
    held = enter(stage)
    place = queue(stage)

    permit = place.wait(place.patience_s)

    assert permit is None
    assert 2.5 == world.elapsed_s
    assert (1, 0) == (stage.active, stage.waiting)
    assert "no place for this call within 2.5 s" in str(place.too_late())
    held.leave(ENDED)
    assert 0 == stage.active


@pytest.mark.anyio
async def test_a_task_whose_wait_is_over_gives_the_place_up(world: ControlledWorld) -> None:
    """The same on an event loop."""
    stage = bulkhead(1, queue=1, wait_s=2.5)
    enter(stage)
    place = queue(stage)

    assert await place.wait_async(place.patience_s) is None
    assert (2.5, 1, 0) == (world.elapsed_s, stage.active, stage.waiting)


def test_what_was_handed_to_a_closed_loop_goes_to_the_next() -> None:
    """A task that waits on a loop that was closed under it is passed over."""
    stage = bulkhead(1, queue=2)
    held = enter(stage)
    gone, alive = queue(stage), queue(stage)
    loop = asyncio.new_event_loop()
    waiter = gone.wait_async(LONG_S)
    task = loop.create_task(waiter)
    loop.run_until_complete(_turn())
    for left in asyncio.all_tasks(loop):
        left._log_destroy_pending = False  # type: ignore[attr-defined]  # this is what the test is about
    loop.close()

    held.leave(ENDED)

    assert alive.wait(0) is not None
    assert (1, 0) == (stage.active, stage.waiting)
    del task, waiter
    gc.collect()
    assert (1, 0) == (stage.active, stage.waiting)


async def _turn() -> None:
    """Let tasks run once."""
    await asyncio.sleep(0)


def test_who_does_not_come_for_its_turn_in_time_makes_room(world: ControlledWorld) -> None:
    """Places whose time is over, on a loop that stands still, do not keep the queue full for ever."""
    stage = bulkhead(1, queue=1, wait_s=5)
    enter(stage)
    abandoned = queue(stage)

    world.advance(5)
    queue(stage)

    assert 1 == stage.waiting
    assert abandoned.wait(0) is None


def test_more_room_lets_those_who_wait_move_up() -> None:
    """When the number is raised, the first in the queue go on at once; nobody overtakes the others."""
    stage = bulkhead(1, queue=3)
    enter(stage)
    places = [queue(stage) for _ in range(3)]

    stage.adopt(bulkhead(3, queue=3))

    assert (3, 1) == (stage.active, stage.waiting)
    assert [True, True, False] == [place.wait(0) is not None for place in places]


def test_less_room_takes_effect_as_calls_end() -> None:
    """When the number is lowered, nobody is stopped, and nobody is let in before enough have ended."""
    stage = bulkhead(3, queue=1)
    permits = [enter(stage) for _ in range(3)]
    place = queue(stage)

    stage.adopt(bulkhead(1, queue=1))
    permits[0].leave(ENDED)
    permits[1].leave(ENDED)
    waited = stage.waiting
    permits[2].leave(ENDED)

    assert 1 == waited
    assert place.wait(0) is not None
    assert 1 == stage.active


class Crowd(RuleBasedStateMachine):
    """Callers of a bulkhead, against a plain list of who is inside and who waits."""

    @initialize(calls=st.integers(1, 3), room=st.integers(0, 3))
    def open(self, calls: int, room: int) -> None:
        """An empty bulkhead."""
        self.calls, self.room = calls, room
        self.stage = bulkhead(calls, queue=room)
        self.inside: list[Permit] = []
        self.line: deque[Place] = deque()
        self.granted: list[Place] = []

    @rule()
    def come(self) -> None:
        """Somebody comes: goes in, waits or is turned away, as the list says."""
        busy = len(self.inside) + len(self.granted)
        try:
            entered = self.stage.enter(WORLD.monotonic())
        except BulkheadFull:
            assert busy >= self.calls or self.line
            assert len(self.line) >= self.room
            return
        if isinstance(entered, Place):
            assert busy >= self.calls or self.line
            self.line.append(entered)
        else:
            assert busy < self.calls
            assert not self.line
            self.inside.append(entered)

    def _free(self) -> None:
        """A place is free: the list's first gets it."""
        while self.line and len(self.inside) + len(self.granted) < self.calls:
            self.granted.append(self.line.popleft())

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody inside leaves."""
        permit = data.draw(st.sampled_from(self.inside))
        self.inside.remove(permit)
        permit.leave(ENDED)
        self._free()

    @precondition(lambda self: self.granted)
    @rule(data=st.data(), takes=st.booleans())
    def wake(self, data: st.DataObject, takes: bool) -> None:
        """Somebody whose turn has come takes it, or has given up meanwhile."""
        place = data.draw(st.sampled_from(self.granted))
        self.granted.remove(place)
        if takes:
            permit = place.wait(0)
            assert permit is not None
            self.inside.append(permit)
        else:
            place.give_up()
            self._free()

    @precondition(lambda self: self.line)
    @rule(data=st.data(), waits=st.booleans())
    def lose_patience(self, data: st.DataObject, waits: bool) -> None:
        """Somebody who waits gives up, or finds the time over."""
        place = data.draw(st.sampled_from(list(self.line)))
        self.line.remove(place)
        if waits:
            assert place.wait(0) is None
        else:
            place.give_up()

    @rule(calls=st.integers(1, 4))
    def resize(self, calls: int) -> None:
        """The number changes."""
        self.calls = calls
        self.stage.adopt(bulkhead(calls, queue=self.room))
        self._free()

    @invariant()
    def both_agree(self) -> None:
        """As many are inside and wait as the list says."""
        assert len(self.inside) + len(self.granted) == self.stage.active
        assert len(self.line) == self.stage.waiting


TestCrowd = Crowd.TestCase
