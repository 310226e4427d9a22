"""Hedging sends a late call once more, takes the first success, and leaves nobody behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from holdfast.guards.hedging import LOSER_WAIT_S, HedgeState, hedged
from holdfast.guards.world import WORLD
from holdfast.policies.hedge import Hedge
from holdfast.testing.world import ControlledWorld, controlled_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> Iterator[ControlledWorld]:
    """Time passes when nothing else has anything to do."""
    with controlled_world() as found:
        yield found


class Wrong(Exception):
    """What goes wrong."""


@dataclass
class Server:
    """Answers each request after its own time, or fails; remembers what became of each."""

    plan: list[tuple[float, str]]
    log: list[str] = field(default_factory=list)
    stubborn: bool = False

    async def call(self) -> str:
        """One request."""
        number = len(self.log)
        self.log.append("under way")
        seconds, end = self.plan[number]
        try:
            await WORLD.asleep(seconds)
        except asyncio.CancelledError:
            self.log[number] = "cancelled"
            if self.stubborn:
                await WORLD.asleep(100)
            raise
        self.log[number] = end
        if end == "wrong":
            raise Wrong(number)
        return f"answer {number}"


def settings(delay_s: float | None = 1.0, extra_max: int = 1) -> Hedge:
    """A hedge after a second."""
    return Hedge(delay_s=delay_s, extra_max=extra_max)


async def until(is_so: Callable[[], bool]) -> None:
    """Give way to others until something is so."""
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


def always(now: float) -> bool:
    """A budget without end."""
    return True


async def run(
    server: Server,
    hedge: Hedge,
    *,
    withdraw: Callable[[float], bool] = always,
    events: list[tuple[str, Mapping[str, object]]] | None = None,
    state: HedgeState | None = None,
) -> str:
    """One hedged call."""
    told = None if events is None else (lambda name, fields: events.append((name, fields)))
    return await hedged(server.call, hedge, state=state or HedgeState(), withdraw=withdraw, on_event=told)


@pytest.mark.parametrize(
    ("plan", "expected", "log", "took_s"),
    [
        pytest.param([(0.5, "ok")], "answer 0", ["ok"], 0.5, id="in time"),
        pytest.param([(1.2, "ok"), (5, "ok")], "answer 0", ["ok", "cancelled"], 1.2, id="late, but first"),
        pytest.param([(9, "ok"), (0.3, "ok")], "answer 1", ["cancelled", "ok"], 1.3, id="overtaken"),
        pytest.param([(9, "ok"), (0.3, "wrong")], "answer 0", ["ok", "wrong"], 9, id="the hedge fails"),
        pytest.param([(1.1, "wrong"), (0.5, "ok")], "answer 1", ["wrong", "ok"], 1.5, id="the first fails late"),
    ],
)
async def test_the_first_success_is_the_answer(
    world: ControlledWorld, plan: list[tuple[float, str]], expected: str, log: list[str], took_s: float
) -> None:
    """Whoever answers first wins, a failure waits for the other, and the loser is cancelled before the answer is returned."""
    server = Server(plan)

    answer = await run(server, settings())

    assert (expected, log) == (answer, server.log)
    assert took_s == pytest.approx(world.elapsed_s)


@pytest.mark.parametrize(
    ("plan", "log"),
    [
        pytest.param([(0.5, "wrong")], ["wrong"], id="in time: that is for a retry"),
        pytest.param([(2, "wrong"), (0.1, "wrong")], ["wrong", "wrong"], id="both, the hedge first"),
        pytest.param([(1.1, "wrong"), (3, "wrong")], ["wrong", "wrong"], id="both, the first first"),
    ],
)
async def test_when_all_fail_the_error_is_the_first_ones(
    world: ControlledWorld, plan: list[tuple[float, str]], log: list[str]
) -> None:
    """A hedge was only a try to be faster: what it raised is nobody's error."""
    server = Server(plan)

    with pytest.raises(Wrong) as caught:
        await run(server, settings())

    assert (0,) == caught.value.args
    assert log == server.log


async def test_further_hedges_follow_one_delay_apart(world: ControlledWorld) -> None:
    """With more than one extra request, each is sent a delay after the one before, and no more than allowed."""
    server = Server([(9, "ok"), (9, "ok"), (9, "wrong"), (1.5, "ok")])
    events: list[tuple[str, Mapping[str, object]]] = []

    answer = await run(server, settings(extra_max=3), events=events)

    assert ("answer 3", 4.5) == (answer, world.elapsed_s)
    assert ["hedge.sent", "hedge.sent", "hedge.sent", "hedge.won"] == [name for name, _ in events]
    assert {"number": 1, "delay_s": 1.0} == events[0][1]
    assert {"number": 3, "took_s": 1.5} == events[-1][1]


async def test_a_hedge_that_fails_does_not_bring_the_next_one_forward(world: ControlledWorld) -> None:
    """The next extra request is sent when its own delay is over."""
    server = Server([(9, "ok"), (0.2, "wrong"), (0.1, "ok")])

    await run(server, settings(extra_max=2))

    assert 2.1 == pytest.approx(world.elapsed_s)


async def test_an_empty_budget_never_fails_the_call(world: ControlledWorld) -> None:
    """Without room in the retry budget the call goes on by itself, and it is asked once."""
    server = Server([(9, "ok")])
    asked: list[float] = []
    events: list[tuple[str, Mapping[str, object]]] = []

    def empty(now: float) -> bool:
        asked.append(now)
        return False

    answer = await run(server, settings(extra_max=3), withdraw=empty, events=events)

    assert ("answer 0", 9, ["ok"]) == (answer, world.elapsed_s, server.log)
    assert [1_001.0] == asked
    assert [("hedge.refused", {"number": 1})] == events


async def test_a_call_in_time_costs_nothing_of_the_budget(world: ControlledWorld) -> None:
    """The budget is asked only when a hedge is about to be sent."""

    def never(now: float) -> bool:
        raise AssertionError("nobody was to ask")

    assert "answer 0" == await run(Server([(0.9, "ok")]), settings(), withdraw=never)


async def test_the_delay_is_learnt_from_the_latest_calls(world: ControlledWorld) -> None:
    """At first nothing is hedged; then whatever takes longer than 95 of 100 calls did."""
    state = HedgeState()
    fast = [(n / 100, "ok") for n in range(100, 0, -1)]
    server = Server([*fast, (9, "ok"), (0.5, "ok")])
    for _ in fast:
        await run(server, settings(delay_s=None), state=state)
    before = world.elapsed_s

    answer = await run(server, settings(delay_s=None), state=state)

    assert "answer 101" == answer
    assert before + 0.95 + 0.5 == pytest.approx(world.elapsed_s)


async def test_an_overtaken_call_counts_with_the_time_it_had_taken(world: ControlledWorld) -> None:
    """What is remembered of a call whose hedge won: how long the hedge took, and that the first took longer than until then."""
    state = HedgeState()

    await run(Server([(9, "ok"), (0.3, "ok")]), settings(), state=state)

    shortest, longest = (state.delay_s(Hedge(quantile=ratio, samples_min=2)) for ratio in (0.5, 0.999))
    assert (0.3, 1.3) == (pytest.approx(shortest), pytest.approx(longest))


async def test_an_answer_at_the_very_end_of_the_delay_needs_no_hedge(world: ControlledWorld) -> None:
    """When answer and end of the delay are there at once, nothing more is sent, and the budget is not asked."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def late(seconds: float) -> None:
        answer.set_result("just in time")

    def never(now: float) -> bool:
        raise AssertionError("nobody was to ask")

    WORLD.asleep = late  # put back by the fixture

    assert "just in time" == await hedged(lambda: answer, settings(), state=HedgeState(), withdraw=never)


async def test_the_learnt_delay_does_not_shrink_by_cutting_off_the_slow(world: ControlledWorld) -> None:
    """Slow calls that were overtaken count with the time they had taken, so the share of hedged calls stays near a twentieth."""
    state = HedgeState()
    sent: list[tuple[str, Mapping[str, object]]] = []
    for turn in range(600):
        slow = turn % 20 == 7
        server = Server([(10.0 if slow else 0.1 + turn % 7 / 100, "ok"), (0.1, "ok")])
        await run(server, settings(delay_s=None), state=state, events=sent)

    hedges = sum(name == "hedge.sent" for name, _ in sent)
    assert 25 <= hedges <= 60


async def test_a_cancelled_call_takes_all_its_requests_with_it(world: ControlledWorld) -> None:
    """When the caller is cancelled, every request is cancelled, has ended, and the cancellation goes on."""
    server = Server([(50, "ok"), (50, "ok")])
    caller = asyncio.create_task(run(server, settings()))
    await until(lambda: len(server.log) == 2)

    caller.cancel()
    await asyncio.wait([caller])

    assert caller.cancelled()
    assert ["cancelled", "cancelled"] == server.log


async def test_a_loser_that_will_not_end_does_not_hold_up_the_answer(world: ControlledWorld) -> None:
    """A cancelled request that goes on is waited for a second, and then left to end by itself."""
    server = Server([(50, "ok"), (0.5, "ok")], stubborn=True)
    state = HedgeState()

    answer = await run(server, settings(), state=state)
    took_s = world.elapsed_s
    gc.collect()
    kept = len(state._tasks)
    await until(lambda: not state._tasks)

    assert ("answer 1", 1.5 + LOSER_WAIT_S) == (answer, pytest.approx(took_s))
    assert 1 == kept


async def test_a_plain_failure_before_anything_is_known_is_raised(world: ControlledWorld) -> None:
    """While nothing is known, a call is made as if there were no hedge, and failures teach nothing."""
    state = HedgeState()

    with pytest.raises(Wrong):
        await run(Server([(0.5, "wrong")]), Hedge(samples_min=2), state=state)

    assert state.delay_s(Hedge(samples_min=2)) is None


async def test_two_answers_at_the_same_moment_are_one(world: ControlledWorld) -> None:
    """When both answer at once, the request that was sent first counts."""
    gate = asyncio.Event()
    made: list[int] = []

    async def call() -> int:
        made.append(len(made))
        mine = made[-1]
        await gate.wait()
        return mine

    async def open_the_gate() -> None:
        await until(lambda: len(made) == 2)
        gate.set()

    opener = asyncio.create_task(open_the_gate())

    assert 0 == await hedged(call, settings(), state=HedgeState(), withdraw=always)
    await opener


async def test_any_awaitable_can_be_hedged(world: ControlledWorld) -> None:
    """A call may return a future as well as a coroutine."""

    def call() -> Awaitable[str]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        future.set_result("done")
        return future

    assert "done" == await hedged(call, settings(), state=HedgeState(), withdraw=always)


def test_loops_of_several_threads_share_what_is_known() -> None:
    """Two event loops learn from each other, and neither loses a call."""
    with controlled_world(waits=False):
        state = HedgeState()
        start = threading.Barrier(2)
        answers: list[str] = []

        async def many() -> None:
            for _ in range(50):
                answer = await run(Server([(0.0, "ok")] * 2), Hedge(samples_min=2), state=state)
                answers.append(answer)

        def thread() -> None:
            start.wait(60)
            asyncio.run(many())

        threads = [threading.Thread(target=thread) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)

    assert 100 == len(answers)
    assert state.delay_s(Hedge(samples_min=100)) is not None
