"""The traps that resilience libraries fall into, by their number; each in threads and on an event loop where it exists in both."""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from holdfast import Breaker, Retry, Timeout, deadline
from holdfast.errors import BadInput, CircuitOpen, Exhausted, TimedOut
from holdfast.guards.policy import Policy
from holdfast.policies.breaker import CircuitState
from tests.guards.colours import Colour, Declined, Down, StillWorld, heard, make, outcome_of

TOUCHY = Breaker(failures_consecutive=3, open_jitter=0, open_s=10, probe_lease_s=5)


def fail() -> object:
    """Fail before anything was done."""
    raise Down("down")


def opened(breaker: Breaker = TOUCHY) -> Policy:
    """A policy whose circuit is open."""
    policy = make(breaker=breaker)
    policy.trip("a test", 10)
    return policy


def half_open_after(world: StillWorld, breaker: Breaker = TOUCHY) -> Policy:
    """A policy whose next call is a probe."""
    policy = opened(breaker)
    world.pass_(10)
    return policy


def state(policy: Policy) -> CircuitState:
    """How its circuit stands."""
    return policy.health().state


@pytest.mark.parametrize("probes", [1, 3])
def test_trap_01_no_stampede_in_threads(world: StillWorld, probes: int) -> None:
    """Of 20 threads at recovery, as many as probes reach the dependency, and the others fail at once."""
    policy = half_open_after(world, Breaker(open_s=10, probes_max=probes))
    together, release = threading.Barrier(20), threading.Event()
    inside: list[int] = []
    told: queue.Queue[object] = queue.Queue()

    @policy
    def ask(number: int) -> int:
        inside.append(number)
        assert release.wait(30)
        return number

    def come(number: int) -> None:
        together.wait()
        told.put(outcome_of(ask, number))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    turned_away = [told.get(timeout=30) for _ in range(20 - probes)]
    assert [CircuitOpen] * (20 - probes) == turned_away
    assert probes == len(inside)
    release.set()
    for thread in threads:
        thread.join()

    assert sorted(inside) == sorted(told.get_nowait() for _ in range(probes))


@pytest.mark.parametrize("probes", [1, 3])
def test_trap_01_no_stampede_of_tasks(world: StillWorld, probes: int) -> None:
    """The same for 50 tasks."""
    policy = half_open_after(world, Breaker(open_s=10, probes_max=probes))

    async def run() -> list[object]:
        release = asyncio.Event()
        inside = 0

        @policy
        async def ask() -> str:
            nonlocal inside
            inside += 1
            await release.wait()
            return "answer"

        tasks = [asyncio.create_task(ask()) for _ in range(50)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        assert inside == probes
        release.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(run())

    assert probes == found.count("answer")
    assert 50 - probes == sum(isinstance(item, CircuitOpen) for item in found)


@pytest.mark.parametrize("late", ["answers", "fails"])
def test_trap_02_a_hung_probe_does_not_wedge(world: StillWorld, colour: Colour, late: str) -> None:
    """After its lease another probe goes through, and what the hung one says in the end is not heard."""
    policy = half_open_after(world, Breaker(open_s=10, probe_lease_s=5, successes_to_close=2))
    events = heard(policy)
    quick = policy(lambda: "quick")

    def hang() -> str:
        assert outcome_of(quick) is CircuitOpen
        world.pass_(5)
        assert outcome_of(quick) == "quick"
        if late == "fails":
            fail()
        return "late"

    outcome_of(colour.guard(policy, hang))

    assert state(policy) is CircuitState.HALF_OPEN
    assert ["circuit.half_opened", "probe.expired"] == [
        event.name for event in events if event.name != "attempt.failed"
    ]
    assert outcome_of(quick) == "quick"
    assert state(policy) is CircuitState.CLOSED


def cancelled_in(policy: Policy) -> None:
    """Have a call cancelled while it runs."""

    async def run() -> None:
        started = asyncio.Event()

        @policy
        async def hang() -> None:
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(hang())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def interrupted_in(policy: Policy) -> None:
    """Have a call interrupted by Ctrl-C."""

    @policy
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


STOPS = pytest.mark.parametrize("stop", [cancelled_in, interrupted_in], ids=["async", "threads"])


@STOPS
def test_trap_03_a_cancelled_probe_closes_nothing(world: StillWorld, stop: Callable[[Policy], None]) -> None:
    """Its place is free again and the state is unchanged."""
    policy = half_open_after(world, Breaker(open_s=10, successes_to_close=1))

    for _ in range(3):
        stop(policy)

        assert state(policy) is CircuitState.HALF_OPEN
    assert policy.call(lambda: "probe") == "probe"
    assert state(policy) is CircuitState.CLOSED


@STOPS
@pytest.mark.usefixtures("world")
def test_trap_04_cancelling_is_no_failure(stop: Callable[[Policy], None]) -> None:
    """Five cancelled calls change no count."""
    policy = make(breaker=TOUCHY)
    before = policy.health()

    for _ in range(5):
        stop(policy)

    assert before == policy.health()


@STOPS
@pytest.mark.usefixtures("world")
def test_trap_05_cancelling_is_no_success(stop: Callable[[Policy], None]) -> None:
    """A run of failures goes on over a cancelled call."""
    policy = make(breaker=TOUCHY)
    broken = policy(fail)

    outcome_of(broken)
    outcome_of(broken)
    stop(policy)
    assert 2 == policy.health().counts.consecutive
    outcome_of(broken)

    assert state(policy) is CircuitState.OPEN


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.usefixtures("world")
def test_trap_06_the_end_of_the_program_is_no_failure(colour: Colour, kind: type[BaseException]) -> None:
    """It goes through at once, is never repeated, and trips nothing."""
    policy = make(retry=Retry(on=(Exception,)), breaker=Breaker(failures_consecutive=1), repeatable=True)
    calls = []

    def end() -> None:
        calls.append(1)
        raise kind

    with pytest.raises(kind):
        colour.guard(policy, end)()

    assert (1, CircuitState.CLOSED, 0) == (len(calls), state(policy), policy.health().counts.calls)


def test_trap_07_a_business_error_decides_nothing(world: StillWorld, colour: Colour) -> None:
    """Closed: no count. Half-open: the place is free again, and it neither closes nor opens."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=10, open_jitter=0, successes_to_close=1))

    def decline() -> None:
        raise Declined("no money")

    declined = colour.guard(policy, decline)
    assert [Declined] * 5 == [outcome_of(declined) for _ in range(5)]
    assert 0 == policy.health().counts.calls
    policy.trip("a test", 10)
    world.pass_(10)

    assert [Declined] * 5 == [outcome_of(declined) for _ in range(5)]
    assert state(policy) is CircuitState.HALF_OPEN
    assert colour.guard(policy, lambda: "well")() == "well"
    assert state(policy) is CircuitState.CLOSED


@pytest.mark.parametrize("half_open", [False, True], ids=["open", "half-open"])
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_trap_08_a_call_of_an_earlier_era_is_not_heard(
    world: StillWorld,
    colour: Colour,
    half_open: bool,
    ends: str,
) -> None:
    """A slow call that began while the circuit was closed says nothing about an open or half-open one."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=10, open_jitter=0, successes_to_close=1))

    def slow() -> str:
        outcome_of(policy(fail))
        if half_open:
            world.pass_(10)
            assert outcome_of(policy(lambda: outcome_of(policy(lambda: 0)))) is CircuitOpen  # a probe, asking in vain
            policy.trip("again", 10)
            world.pass_(10)
            with policy.attempt():
                return finish()
        return finish()

    def finish() -> str:
        before.append(policy.health())
        if ends == "badly":
            fail()
        return "late"

    before: list[object] = []
    outcome_of(colour.guard(policy, slow))

    after = policy.health()
    if not half_open:
        assert [after] == before
        assert after.state is CircuitState.OPEN
    else:  # the probe inside decided, the call around it did not
        assert after.state is (CircuitState.CLOSED if ends == "well" else CircuitState.OPEN)
        assert after.counts.calls == 0


def test_trap_09_a_late_failure_does_not_extend_the_open_time(world: StillWorld, colour: Colour) -> None:
    """The open time is fixed when it opens."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=10, open_jitter=0))

    def slow() -> None:
        outcome_of(policy(fail))
        world.pass_(6)
        fail()

    outcome_of(colour.guard(policy, slow))
    world.pass_(4)

    assert colour.guard(policy, lambda: "probe")() == "probe"


@pytest.mark.usefixtures("world")
def test_trap_10_no_lock_is_held_across_a_call() -> None:
    """Eight threads are inside at the same moment, and a call may make another one of the same policy."""
    policy = make(breaker=TOUCHY, retry=Retry(), timeout=Timeout(deadline_s=60))
    inside = threading.Barrier(8)
    ask = policy(lambda: inside.wait(30) >= 0)
    again = policy(policy(lambda: "inner"))
    told: queue.Queue[object] = queue.Queue()

    threads = [threading.Thread(target=lambda: told.put(outcome_of(ask))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [True] * 8 == [told.get_nowait() for _ in range(8)]
    assert again() == "inner"


class Asks:
    """A callable object whose work has to be awaited."""

    async def __call__(self) -> None:
        """As an object."""
        raise Down("down")

    async def method(self) -> None:
        """A bound method."""
        raise Down("down")


async def _awaited() -> None:
    raise Down("down")


def _rows() -> object:
    yield fail()


async def _async_rows() -> object:
    yield fail()


@pytest.mark.parametrize("keyed", [False, True], ids=["fused", "keyed"])
@pytest.mark.usefixtures("world")
def test_trap_11_an_async_function_in_disguise_is_refused(keyed: bool) -> None:
    """A plain function that returns something to be awaited would be unprotected: the first call says so, whichever way it takes."""
    policy = make(breaker=Breaker(failures_consecutive=1), key=(lambda: "one") if keyed else None)

    for call in (policy(lambda: _awaited()), functools.partial(policy.call, lambda: _awaited())):  # noqa: PLW0108 - that is the disguise
        with pytest.raises(BadInput, match="has to be awaited"):
            call()

    assert 0 == policy.health("one" if keyed else None).counts.calls


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_awaited, id="coroutine-function"),
        pytest.param(Asks(), id="callable-object"),
        pytest.param(Asks().method, id="bound-method"),
        pytest.param(functools.partial(_awaited), id="partial"),
        pytest.param(functools.partial(Asks()), id="partial-of-an-object"),
        pytest.param(functools.partial(functools.partial(Asks().method)), id="partial-of-a-partial"),
        pytest.param(_async_rows, id="async-generator"),
        pytest.param(_rows, id="generator"),
        pytest.param(fail, id="function"),
        pytest.param(functools.partial(fail), id="partial-of-a-function"),
    ],
)
@pytest.mark.parametrize("twice", [False, True], ids=["once", "two-guards"])
@pytest.mark.usefixtures("world")
def test_trap_12_every_shape_is_protected(function: Callable[[], object], twice: bool) -> None:
    """Three failures open the circuit, whatever kind of callable it is, and under another guard as well."""
    policy = make(breaker=TOUCHY)
    guarded = make()(policy(function)) if twice else policy(function)

    async def consume() -> None:
        found = guarded()
        if hasattr(found, "__aiter__"):
            async for _ in found:
                pass
        elif hasattr(found, "__await__"):
            await found
        elif hasattr(found, "__next__"):
            next(found)

    found = [outcome_of(lambda: asyncio.run(consume())) for _ in range(4)]

    assert [Down, Down, Down, CircuitOpen] == found


@pytest.mark.usefixtures("world")
def test_trap_13_the_call_that_trips_raises_its_own_error(colour: Colour) -> None:
    """An error of the breaker means that nothing was sent, always."""
    sent = []

    def ask() -> None:
        sent.append(1)
        fail()

    call = colour.guard(make(breaker=Breaker(failures_consecutive=1)), ask)

    assert [Down, CircuitOpen, CircuitOpen] == [outcome_of(call) for _ in range(3)]
    assert 1 == len(sent)


@pytest.mark.parametrize("hours", [-1, 1])
def test_trap_14_the_wall_clock_decides_nothing(world: StillWorld, colour: Colour, hours: int) -> None:
    """A clock that is set an hour back or forward neither opens nor closes anything, nor changes a wait."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=10, open_jitter=0), retry=Retry(attempts_max=1))
    outcome_of(colour.guard(policy, fail))
    world.wall += timedelta(hours=hours)
    ask = colour.guard(policy, lambda: "probe")

    world.pass_(9.5)
    with pytest.raises(CircuitOpen) as refused:
        ask()
    assert pytest.approx(0.5) == refused.value.retry_after_s
    world.pass_(0.5)

    assert ask() == "probe"


@pytest.mark.parametrize("where", ["own", "ambient"])
def test_trap_15_never_sleeps_past_its_deadline(world: StillWorld, colour: Colour, where: str) -> None:
    """A wait that would end at the deadline is not begun: it stops at once and says why."""
    own = Timeout(deadline_s=5) if where == "own" else None
    policy = make(retry=Retry(attempts_max=9, initial_delay_s=2, jitter="none"), timeout=own)
    call = colour.guard(policy, fail)

    with deadline(5 if where == "ambient" else 600), pytest.raises(Exhausted) as stopped:
        call()

    assert ("deadline", 2, [2.0]) == (stopped.value.reason, len(stopped.value.attempts), world.slept)
    assert 1_002.0 == world.seconds


@pytest.mark.usefixtures("world")
def test_trap_15_begins_nothing_after_the_deadline(world: StillWorld, colour: Colour) -> None:
    """With the time used up, no way of calling sends anything."""
    sent: list[int] = []
    policies = [
        make(),
        make(breaker=TOUCHY),
        make(breaker=Breaker(slow_s=1, slow_ratio=1)),
        make(retry=Retry()),
        make(timeout=Timeout(attempt_s=1)),
        make(key=lambda: "k"),
    ]
    calls = [colour.guard(policy, lambda: sent.append(1)) for policy in policies]

    with deadline(1):
        world.pass_(1)
        found = [outcome_of(call) for call in calls]

    assert [] == sent
    assert [TimedOut, TimedOut, TimedOut, Exhausted, TimedOut, TimedOut] == found
    assert [0] * 5 == [policy.health().counts.calls for policy in policies[:5]]
