"""What every engine of steps promises: one suite, run on all of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from holdfast.ports.steps import NotNow
from tests.conformance.steps.engines import HAS_NO_DUE_ORDER, Bench, Tempo, a_step
from tests.conformance.steps.performer import Performer, eventually, running

if TYPE_CHECKING:
    from holdfast.ports.steps import Step
    from holdfast.ports.store import Tx

pytestmark = pytest.mark.anyio


async def test_delivers_what_was_committed(bench: Bench) -> None:
    """A step whose transaction was committed is performed, with everything that it carried."""
    steps, performer = bench.open("a", Tempo()), Performer()
    sent = a_step("one", tenant="acme", priority=7)

    async with running(steps, performer):
        await bench.enqueue(steps, sent)
        await performer.until(lambda p: p.ended == ["one"])

    got = performer.steps[0]
    assert (sent.purpose, "execution", "action", 1, "acme", 7) == (
        got.purpose, got.execution, got.action, got.n, got.tenant, got.priority,
    )  # fmt: skip


async def test_forgets_what_was_rolled_back(bench: Bench) -> None:
    """A step whose transaction failed never existed."""
    steps, performer = bench.open("a", Tempo(concurrency=1)), Performer()

    def enqueue_and_fail(tx: Tx) -> None:
        steps.enqueue(tx, [a_step("never")])
        raise LookupError("the transaction fails")

    with pytest.raises(LookupError):
        await bench.store.transact(enqueue_and_fail)
    await bench.enqueue(steps, a_step("after"))
    async with running(steps, performer):
        await performer.until(lambda p: "after" in p.ended)

    assert performer.begun == ["after"]
    assert await steps.missing(["never"]) == {"never"}


async def test_waits_for_the_due_time(bench: Bench) -> None:
    """No step is performed before it is due."""
    steps, performer = bench.open("a", Tempo()), Performer()
    due_at = datetime.now(UTC) + timedelta(seconds=0.7)

    async with running(steps, performer):
        await bench.enqueue(steps, a_step("later", due_at=due_at), a_step("now"))
        await performer.until(lambda p: "later" in p.begun)
        begun_at = datetime.now(UTC)

    assert performer.begun == ["now", "later"]
    assert begun_at >= due_at


async def test_takes_a_key_once(bench: Bench) -> None:
    """Two steps with one key are one step, in one transaction or in two."""
    steps, performer = bench.open("a", Tempo(concurrency=1)), Performer()
    await bench.enqueue(steps, a_step("same"), a_step("same"))
    await bench.enqueue(steps, a_step("same"), a_step("last", priority=9))

    async with running(steps, performer):
        await performer.until(lambda p: "last" in p.ended)

    assert performer.begun == ["same", "last"]


async def test_delivers_again_when_the_performer_raises(bench: Bench) -> None:
    """A step whose performer raised comes back until it succeeds, and is held all the while."""
    steps, performer = bench.open("a", Tempo()), Performer(failures=1)
    await bench.enqueue(steps, a_step("stubborn"))

    async with running(steps, performer):
        await performer.until(lambda p: p.failed == ["stubborn"])
        performer.gate.clear()
        held = await steps.missing(["stubborn"])
        await performer.until(lambda p: len(p.begun) == 2)
        held |= await steps.missing(["stubborn"])
        performer.gate.set()
        await performer.until(lambda p: len(p.ended) == 1)

    assert held == set()
    assert performer.begun == ["stubborn"] * 2
    assert await steps.missing(["stubborn"]) == {"stubborn"}


async def test_a_step_ends_when_the_performer_returns(bench: Bench) -> None:
    """A performed step is gone: the engine does not hold it any more, and a later worker does not get it."""
    steps, performer, later = bench.open("a", Tempo()), Performer(), Performer()
    await bench.enqueue(steps, a_step("done"))
    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["done"])

    await bench.enqueue(steps, a_step("next"))
    async with running(bench.open("b", Tempo()), later):
        await later.until(lambda p: p.ended == ["next"])

    assert later.begun == ["next"]
    assert await steps.missing(["done", "next"]) == {"done", "next"}


async def test_a_step_may_be_finished_with_its_work(bench: Bench) -> None:
    """A performer may finish its step in the transaction that settles its work; it ends once."""
    steps, seen = bench.open("a", Tempo()), Performer()

    class Settling(Performer):
        async def __call__(self, step: object) -> None:
            await bench.store.transact(lambda tx: steps.finish(tx, "settled"))
            await super().__call__(step)  # type: ignore[arg-type]  # a step it is

    performer = Settling()
    await bench.enqueue(steps, a_step("settled"))
    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["settled"])
    await bench.enqueue(steps, a_step("next"))
    async with running(bench.open("b", Tempo()), seen):
        await seen.until(lambda p: p.ended == ["next"])

    assert performer.begun == ["settled"]
    assert seen.begun == ["next"]


async def test_finishing_an_unknown_key_is_nothing(bench: Bench) -> None:
    """A key that the engine does not hold can be finished; nothing happens."""
    steps = bench.open("a", Tempo())

    await bench.store.transact(lambda tx: steps.finish(tx, "unknown"))

    assert await steps.missing(["unknown"]) == {"unknown"}


async def test_orders_by_priority_then_due_time(bench: Bench) -> None:
    """Within a tenant the lowest priority number goes first, then the earliest due; engines that cannot order by due time are named."""
    steps, performer = bench.open("a", Tempo(concurrency=1)), Performer()
    past = datetime.now(UTC) - timedelta(minutes=1)
    for number, (priority, age_s) in enumerate([(5, 0), (1, 10), (1, 30), (-3, 0), (1, 20)]):
        await bench.enqueue(
            steps, a_step(f"{priority}/{age_s}/{number}", priority=priority, due_at=past - timedelta(seconds=age_s))
        )

    async with running(steps, performer):
        await performer.until(lambda p: len(p.ended) == 5)

    by_due_time = ["-3/0/3", "1/30/2", "1/20/4", "1/10/1", "5/0/0"]
    if bench.name in HAS_NO_DUE_ORDER:
        assert [-3, 1, 1, 1, 5] == [int(key.split("/")[0]) for key in performer.ended]
    else:
        assert by_due_time == performer.ended


async def test_tenants_take_turns(bench: Bench) -> None:
    """A tenant with two hundred due steps does not starve one with three, whatever the names."""
    steps, performer = bench.open("a", Tempo(concurrency=2)), Performer()
    await bench.enqueue(steps, *(a_step(f"big-{number}", tenant="m") for number in range(200)))
    await bench.enqueue(
        steps, *(a_step(f"small-{tenant}-{number}", tenant=tenant) for tenant in "az" for number in range(3))
    )

    async with running(steps, performer):
        await performer.until(lambda p: sum(key.startswith("small") for key in p.ended) == 6)
        before = sum(key.startswith("big") for key in performer.ended)

    assert before < 100


async def test_performs_a_bounded_number_at_once(bench: Bench) -> None:
    """Never are more steps performed at once than was allowed, and as many if there is work."""
    steps, performer = bench.open("a", Tempo(concurrency=3)), Performer(is_open=False)
    await bench.enqueue(steps, *(a_step(f"step-{number}") for number in range(9)))

    async with running(steps, performer):
        await performer.until(lambda p: p.at_once == 3)
        performer.gate.set()
        await performer.until(lambda p: len(p.ended) == 9)

    assert performer.at_once_max == 3


async def test_stopping_leaves_the_rest(bench: Bench) -> None:
    """A stopped worker ends what it took and leaves the rest to the next one; nothing is lost, nothing performed twice."""
    steps, performer, later = bench.open("a", Tempo(concurrency=2)), Performer(is_open=False), Performer()
    keys = [f"step-{number}" for number in range(6)]
    await bench.enqueue(steps, *(a_step(key) for key in keys))

    async with running(steps, performer) as stop:
        await performer.until(lambda p: p.at_once == 2)
        stop.set()
    lost = await steps.missing(keys)
    async with running(bench.open("b", Tempo()), later):
        await later.until(lambda p: len(p.ended) == 6 - len(performer.ended))

    assert sorted(performer.ended) == sorted(lost)
    assert len(performer.ended) == 2
    assert sorted(keys) == sorted(performer.begun + later.begun)


async def test_tells_which_keys_are_missing(bench: Bench) -> None:
    """Steps that wait, or are performed at this moment, are held; all others are missing."""
    steps, performer = bench.open("a", Tempo(concurrency=1)), Performer(is_open=False)
    soon = datetime.now(UTC) + timedelta(hours=1)
    await bench.enqueue(steps, a_step("performed"), a_step("delayed", due_at=soon), a_step("queued", priority=9))

    async with running(steps, performer) as stop:
        await performer.until(lambda p: p.begun == ["performed"])
        missing = await steps.missing(["performed", "delayed", "queued", "unheard of"])
        stop.set()

    assert missing == {"unheard of"}
    assert await steps.missing([]) == set()


async def test_asks_for_many_keys_at_once(bench: Bench) -> None:
    """The sweep may ask for more keys than a database takes in one statement."""
    steps = bench.open("a", Tempo())
    await bench.enqueue(steps, a_step("held"))

    missing = await steps.missing([*(f"key-{number}" for number in range(1300)), "held"])

    assert len(missing) == 1300
    assert "held" not in missing


async def test_runs_again_after_a_stop(bench: Bench) -> None:
    """One worker object can be run, stopped and run again."""
    steps, first, second = bench.open("a", Tempo()), Performer(), Performer()

    await bench.enqueue(steps, a_step("one"))
    async with running(steps, first):
        await first.until(lambda p: p.ended == ["one"])
    await bench.enqueue(steps, a_step("two"))
    async with running(steps, second):
        await second.until(lambda p: p.ended == ["two"])

    assert (["one"], ["two"]) == (first.begun, second.begun)


async def test_stops_while_idle(bench: Bench) -> None:
    """A worker without work stops when it is told to."""
    steps, stop = bench.open("a", Tempo()), asyncio.Event()
    loop = asyncio.ensure_future(steps.run(Performer(), stop))

    stop.set()
    await asyncio.wait_for(loop, 10)

    assert loop.result() is None


async def test_takes_no_work_while_it_may_not(bench: Bench) -> None:
    """While a worker may not claim it performs nothing and holds what is due; once it may, it goes on by itself."""
    steps, performer = bench.open("a", Tempo()), Performer()
    asked: list[bool] = []
    allowed = False

    def may_claim() -> bool:
        asked.append(allowed)
        return allowed

    await bench.enqueue(steps, a_step("held"))
    async with running(steps, performer, may_claim=may_claim):
        await eventually(lambda: len(asked) > 0)
        await eventually(lambda: len(asked) > 1 or bench.name.startswith("dbos"))
        begun = list(performer.begun)
        missing = await steps.missing(["held"])
        allowed = True
        await performer.until(lambda p: p.ended == ["held"])

    assert (begun, missing, performer.begun) == ([], set(), ["held"])


async def test_a_step_that_is_not_for_now_comes_again(bench: Bench) -> None:
    """A performer that says "not now" gets the step again, no sooner than it said; meanwhile the engine holds it."""
    steps, seen = bench.open("a", Tempo()), list[float]()
    performer = Performer()
    loop = asyncio.get_running_loop()

    async def not_at_first(step: Step) -> None:
        seen.append(loop.time())
        if len(seen) == 1:
            raise NotNow(0.3)
        await performer(step)

    await bench.enqueue(steps, a_step("later"))
    async with running(steps, not_at_first):
        await performer.until(lambda p: p.ended == ["later"])

    assert len(seen) == 2
    assert seen[1] - seen[0] >= 0.29
    assert await steps.missing(["later"]) == {"later"}
