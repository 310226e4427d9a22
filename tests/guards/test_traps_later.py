"""The traps that resilience libraries fall into, by their number, from 16 on."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import queue
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

import holdfast
from holdfast import Breaker, Budget, Judgement, Outcome, Retry, Timeout
from holdfast.errors import CircuitOpen, Exhausted
from holdfast.guards.circuit import LONGER_WAY
from holdfast.guards.policy import Policy
from holdfast.policies.breaker import CircuitState
from holdfast.policies.windows import CountWindow, TimeWindow
from tests.guards.colours import Colour, Down, StillWorld, make, outcome_of


def fail() -> object:
    """Fail before anything was done."""
    raise Down("down")


class Told(Exception):
    """The server said when to come again."""


@pytest.mark.parametrize("stated_s", [45.0, 3_600.0])
def test_trap_16_the_servers_wait_is_not_cut_down(world: StillWorld, colour: Colour, stated_s: float) -> None:
    """A wait longer than the policy's longest is kept to, to the second."""
    told = Judgement(
        outcome=Outcome.NOT_EXECUTED,
        retryable=True,
        retry_after_s=stated_s,
        category=holdfast.ErrorCategory.RATE_LIMIT_BURST,
    )
    policy = holdfast.policy("crm", classify={Told: told}, retry=Retry(attempts_max=2, max_delay_s=30))

    def refused() -> None:
        raise Told

    with pytest.raises(Exhausted) as given_up:
        colour.guard(policy, refused)()

    assert [stated_s] == world.slept
    assert stated_s == given_up.value.retry_after_s


def test_trap_16_a_wait_beyond_the_deadline_ends_it(world: StillWorld, colour: Colour) -> None:
    """It is not slept for in part either, and the error says when to come back."""
    told = Judgement(
        outcome=Outcome.NOT_EXECUTED, retryable=True, retry_after_s=45, category=holdfast.ErrorCategory.RATE_LIMIT_BURST
    )
    policy = holdfast.policy("crm", classify={Told: told}, retry=Retry(), timeout=Timeout(deadline_s=20))

    def refused() -> None:
        raise Told

    with pytest.raises(Exhausted) as given_up:
        colour.guard(policy, refused)()

    assert ([], "deadline", 45.0) == (world.slept, given_up.value.reason, given_up.value.retry_after_s)


@pytest.mark.usefixtures("world")
def test_trap_17_a_hundred_tasks_share_a_policy() -> None:
    """Each makes exactly its own attempts and gets its own answer."""
    policy = make(retry=Retry(attempts_max=3, budget=None, initial_delay_s=0.1))
    attempts: dict[int, int] = dict.fromkeys(range(100), 0)

    @policy
    async def ask(number: int) -> int:
        attempts[number] += 1
        await asyncio.sleep(0)
        if attempts[number] <= number % 3:
            fail()
        return number

    async def run() -> list[int]:
        return await asyncio.gather(*(ask(number) for number in range(100)))

    assert list(range(100)) == asyncio.run(run())
    assert {number: number % 3 + 1 for number in range(100)} == attempts


@pytest.mark.usefixtures("world")
def test_trap_17_eight_threads_share_a_policy() -> None:
    """The same for threads, and for one loop of attempts in each."""
    policy = make(retry=Retry(attempts_max=3, budget=None))
    told: queue.Queue[tuple[int, int]] = queue.Queue()
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        made = 0
        for attempt in policy.attempts():
            with attempt:
                made += 1
                if made <= number % 3:
                    fail()
        told.put((number, made))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [(number, number % 3 + 1) for number in range(8)] == sorted(told.get_nowait() for _ in range(8))


@pytest.mark.usefixtures("world")
def test_trap_18_a_cancelled_call_is_never_repeated() -> None:
    """Waiting for it in vain ends it: no second attempt answers."""
    policy = make(retry=Retry(on=(Exception,)), repeatable=True)
    calls = []

    @policy
    async def hang() -> str:
        calls.append(1)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return "second"

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hang(), 0.001)

    asyncio.run(run())

    assert [1] == calls


def test_trap_19_a_sync_timeout_uses_no_thread(world: StillWorld) -> None:
    """The call runs where it was made, in its context, and is told how much time it has."""
    policy = make(timeout=Timeout(attempt_s=4), retry=Retry())
    colour_of: contextvars.ContextVar[str] = contextvars.ContextVar("colour_of", default="")
    colour_of.set("mine")

    @policy
    def ask() -> tuple[str, float | None, int]:
        world.pass_(1)
        return colour_of.get(), holdfast.remaining_s(), threading.get_ident()

    assert ("mine", 3.0, threading.get_ident()) == ask()
    assert holdfast.remaining_s() is None
    assert threading.active_count() >= 1


def test_trap_20_high_attempts_overflow_nothing(world: StillWorld, colour: Colour) -> None:
    """A thousand attempts are made, with finite waits; `tests/policies` goes on to a million."""
    policy = make(retry=Retry(attempts_max=1_000, multiplier=100, budget=None, jitter="none", max_delay_s=2))

    with pytest.raises(Exhausted) as given_up:
        colour.guard(policy, fail)()

    assert 1_000 == len(given_up.value.attempts)
    assert [1.0] + [2.0] * 998 == world.slept


def test_trap_21_zero_is_a_value(world: StillWorld, colour: Colour) -> None:
    """An open time of 0 lets the next call probe at once; a wait of 0 does not sleep; a floor of 0 is none."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=0), retry=Retry(attempts_max=1))
    outcome_of(colour.guard(policy, fail))
    assert colour.guard(policy, lambda: "probe")() == "probe"
    eager = make(retry=Retry(initial_delay_s=0, budget=None))
    with pytest.raises(Exhausted) as given_up:
        colour.guard(eager, fail)()
    assert (3, []) == (len(given_up.value.attempts), world.slept)
    poor = make(retry=Retry(budget=Budget(ratio=0, floor_per_s=0)))
    with pytest.raises(Exhausted) as poorly:
        colour.guard(poor, fail)()

    assert ("budget", 1) == (poorly.value.reason, len(poorly.value.attempts))


class Big:
    """Something that a frame holds."""


POLICIES: dict[str, Callable[[], Policy]] = {
    "breaker": lambda: make(breaker=Breaker()),
    "timed": lambda: make(breaker=Breaker(slow_s=1, slow_ratio=1)),
    "limited": lambda: make(timeout=Timeout(attempt_s=5), breaker=Breaker()),
    "retry": lambda: make(retry=Retry()),
    "reraise": lambda: make(retry=Retry(reraise=True)),
    "tripping": lambda: make(retry=Retry(), breaker=Breaker(failures_consecutive=2)),
}


@pytest.mark.parametrize("form", ["fused", "course", "attempt", "attempts", "generator"])
@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.usefixtures("world")
def test_trap_22_no_frame_of_a_failed_call_survives(colour: Colour, kind: str, form: str) -> None:
    """Once the error was dealt with, nothing keeps what the failing frames held: not the circuit, and no cycle that waits for the collector."""
    policy = POLICIES[kind]()
    kept: list[weakref.ref[Big]] = []

    def hold() -> None:
        big = Big()
        kept.append(weakref.ref(big))
        fail()

    if form == "course":
        policy._lanes.only.cell.rest_at(LONGER_WAY)
    gc.disable()
    try:
        found = (
            colour.run(_async_form(policy, hold, form)) if colour.is_async else outcome_of(_form(policy, hold, form))
        )
        alive = [ref() for ref in kept if ref() is not None]
    finally:
        gc.enable()

    assert found in {Down, Exhausted}
    assert kept
    assert [] == alive
    assert policy.health().last_failure == "Down: down"


def _form(policy: Policy, hold: Callable[[], None], form: str) -> Callable[[], object]:
    """One way to make a failing call."""

    def rows() -> Iterator[object]:
        yield hold()

    def one() -> None:
        with policy.attempt():
            hold()

    def several() -> None:
        for attempt in policy.attempts():
            with attempt:
                hold()

    return {"attempt": one, "attempts": several, "generator": lambda: list(policy(rows)())}.get(form, policy(hold))


def _async_form(policy: Policy, hold: Callable[[], None], form: str) -> Callable[[], Awaitable[object]]:
    """The same on a loop. The error is dealt with there: what carries it out of a task keeps it in a cycle of its own."""

    @policy
    async def guarded() -> None:
        hold()

    async def async_rows() -> AsyncIterator[object]:
        yield hold()

    async def one() -> None:
        async with policy.attempt():
            hold()

    async def several() -> None:
        async for attempt in policy.attempts():
            async with attempt:
                hold()

    async def consume() -> None:
        async for _ in policy(async_rows)():
            pass

    chosen = {"attempt": one, "attempts": several, "generator": consume}.get(form, guarded)

    async def whole() -> object:
        try:
            return await chosen()
        except Exception as exc:  # noqa: BLE001 - that is the question
            return type(exc)

    return whole


def test_trap_23_an_open_circuit_further_in_frees_the_probe(world: StillWorld, colour: Colour) -> None:
    """It says nothing about the outer dependency: neither closes nor opens, and the next probe may come."""
    outer = make(breaker=Breaker(open_s=10, successes_to_close=1))
    inner = make(breaker=Breaker(open_s=10))
    inner.isolate("maintenance")
    outer.trip("a test", 10)
    world.pass_(10)
    nested = colour.guard(outer, inner(lambda: "answer"))

    assert [CircuitOpen] * 3 == [outcome_of(nested) for _ in range(3)]
    assert outer.health().state is CircuitState.HALF_OPEN
    inner.resume()

    assert "answer" == nested()
    assert outer.health().state is CircuitState.CLOSED


@pytest.mark.parametrize("make_window", [CountWindow, lambda size: TimeWindow(size, 0.0)], ids=["count", "time"])
def test_trap_25_the_cost_does_not_grow_with_the_window(make_window: Callable[[int], CountWindow]) -> None:
    """A failure in a full window of 10 makes as many steps as in one of 100 000: nothing is scanned."""

    def steps(size: int) -> int:
        window = make_window(size)
        for _ in range(min(size, 2_000)):
            window.add(failure=True, slow=True, now=0.0)
        window.ok += size
        for _ in range(3):
            window.add(failure=True, slow=True, now=0.0)
        return _lines_of(lambda: window.add(failure=True, slow=True, now=0.0))

    assert len({steps(size) for size in (10, 1_000, 100_000)}) == 1 or steps(100_000) <= steps(10) + 5


def _lines_of(work: Callable[[], object]) -> int:
    """How many lines of code ran: time without a clock."""
    count = 0

    def trace(_frame: object, event: str, _arg: object) -> Callable[..., object]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.usefixtures("world")
def test_trap_26_a_listener_never_breaks_a_call(colour: Colour, caplog: pytest.LogCaptureFixture) -> None:
    """One that raises is logged once; one that calls the policy again does not deadlock; one that waits holds no lock."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=10))
    seen: list[object] = []

    def rude(_event: object) -> None:
        raise RuntimeError("I am a listener")

    def again(_event: object) -> None:
        seen.append(outcome_of(policy(lambda: "inner")))

    def slow(_event: object) -> None:
        thread = threading.Thread(target=lambda: seen.append(policy.health().state))
        thread.start()
        thread.join(30)

    for listener in (rude, again, slow):
        policy.on("circuit.opened", listener)

    assert [Down, CircuitOpen, CircuitOpen] == [outcome_of(colour.guard(policy, fail)) for _ in range(3)]
    assert [CircuitOpen, CircuitState.OPEN] == seen
    policy.trip("no news", 5)
    policy.resume()
    policy.trip("again", 5)
    complaints = [record for record in caplog.records if "listener" in record.getMessage()]
    assert 1 == len(complaints)
    assert "I am a listener" not in caplog.text


@pytest.mark.usefixtures("world")
def test_trap_26_a_log_handler_never_breaks_a_call(colour: Colour) -> None:
    """Logging is listening, too."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the disk is full")

    handler, log = Broken(), logging.getLogger("holdfast.guards")
    log.addHandler(handler)
    try:
        found = outcome_of(colour.guard(make(breaker=Breaker(failures_consecutive=1)), fail))
    finally:
        log.removeHandler(handler)

    assert Down is found


@pytest.mark.usefixtures("world")
def test_trap_26_rejections_are_quiet(colour: Colour, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand calls against an open circuit leave one line in the log: that it opened."""
    caplog.set_level(logging.DEBUG, logger="holdfast")
    policy = make(breaker=Breaker(failures_consecutive=1))
    call = colour.guard(policy, fail)

    for _ in range(200):
        outcome_of(call)

    assert ["circuit.opened"] == [getattr(record, "event", "") for record in caplog.records]
    assert 199 == policy.health().turned_away


@pytest.mark.parametrize("window", [{"window_s": 60}, {"window_s": 0.5}], ids=["long", "short"])
def test_trap_28_an_idle_window_is_empty(world: StillWorld, colour: Colour, window: dict[str, float]) -> None:
    """After two windows without a call, old failures trip nothing."""
    policy = make(breaker=Breaker(failures_consecutive=None, calls_min=4, **window))
    call = colour.guard(policy, fail)
    for _ in range(3):
        outcome_of(call)

    world.pass_(2 * window["window_s"])

    assert (0, 0) == (policy.health().counts.calls, policy.health().counts.failures)
    assert [Down] * 3 == [outcome_of(call) for _ in range(3)]
    assert policy.health().state is CircuitState.CLOSED


def test_trap_29_sleeping_repeats_have_paid(world: StillWorld, colour: Colour) -> None:
    """The budget counts those in backoff: with three tokens, of five calls that wait at the same time only three will repeat."""
    policy = make(retry=Retry(attempts_max=2, budget=Budget(ratio=0, floor_per_s=0.3)))
    reasons: list[object] = []
    policy.on("call.exhausted", lambda event: reasons.append(event.facts["reason"]))
    left = 4

    def nap(_seconds: float) -> None:
        nonlocal left
        if left:  # while this one sleeps, the next one fails
            left -= 1
            outcome_of(policy(fail))

    async def nap_async(seconds: float) -> None:
        nap(seconds)

    world_now = holdfast.guards.world.WORLD
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world_now, "sleep", nap)
        patch.setattr(world_now, "asleep", nap_async)
        outcome_of(colour.guard(policy, fail))

    assert ["budget"] + ["attempts-exhausted"] * 3 == reasons
    assert world.slept == []


@pytest.mark.usefixtures("world")
def test_trap_29_a_cancelled_repeat_is_given_back() -> None:
    """A task that is cancelled while it waits for its repeat takes nothing out of the budget."""
    policy = make(retry=Retry(attempts_max=2, budget=Budget(ratio=0, floor_per_s=0.1)))

    @policy
    async def ask() -> None:
        fail()

    async def run() -> None:
        task = asyncio.create_task(ask())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(holdfast.guards.world.WORLD, "asleep", _for_ever)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(Exhausted) as given_up:
            await ask()
        assert "attempts-exhausted" == given_up.value.reason

    asyncio.run(run())


async def _for_ever(_seconds: float) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("delivered", "restartable", "expected"),
    [
        pytest.param(0, False, [1, 2, 3], id="nothing-delivered"),
        pytest.param(2, False, Exhausted, id="delivered"),
        pytest.param(2, True, [1, 2, 1, 2, 3], id="restartable"),
    ],
)
@pytest.mark.usefixtures("world")
def test_trap_30_a_generator_does_not_deliver_twice(
    colour: Colour,
    delivered: int,
    restartable: bool,
    expected: object,
) -> None:
    """It starts again only while nothing was delivered, or if its author says that this does no harm."""
    policy = make(retry=Retry(attempts_max=2))
    starts = []
    got: list[int] = []

    def rows() -> Iterator[int]:
        starts.append(1)
        yield from [1, 2][:delivered] if len(starts) == 1 else [1, 2, 3]
        if len(starts) == 1:
            fail()

    async def async_rows() -> AsyncIterator[int]:
        for row in rows():
            yield row

    guard = policy.guard(restartable=restartable)

    async def consume() -> None:
        async for row in guard(async_rows)():
            got.append(row)  # noqa: PERF401 - what came before it fails is asked for, too

    found = outcome_of(lambda: colour.run(consume) if colour.is_async else [got.append(row) for row in guard(rows)()])

    assert (expected if isinstance(expected, list) else [1, 2]) == got
    if expected is Exhausted:
        assert Exhausted is found
        assert 1 == len(starts)
