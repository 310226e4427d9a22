"""What a guarded call gives back, raises and inherits, in every form."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

import holdfast
from holdfast import Breaker, ErrorCategory, Health, Judgement, Outcome, Retry, Timeout
from holdfast.errors import BadSettings, CircuitOpen, Exhausted, TimedOut
from holdfast.guards.stage import Signal
from holdfast.policies.breaker import CircuitState
from tests.guards.colours import DECLARED, Colour, Declined, Down, Maybe, StillWorld, heard, make, outcome_of


def fail() -> object:
    """Fail before anything was done."""
    raise Down("down")


def test_exhausted_tells_everything(world: StillWorld, colour: Colour) -> None:
    """Every attempt's verdict, time and wait, why it stopped, whether the effect may have happened, and the last error as the cause."""
    policy = make(retry=Retry(attempts_max=3, initial_delay_s=2, jitter="none"), breaker=Breaker())
    errors = [Down("first"), Down("second"), Maybe("third")]

    def ask() -> None:
        world.pass_(0.5)
        raise errors[len(made)]

    made: list[int] = []

    def counted() -> None:
        try:
            ask()
        finally:
            made.append(1)

    with pytest.raises(Exhausted) as given_up:
        colour.guard(policy, counted)()

    found = given_up.value
    assert ("attempts-exhausted", "unknown", 3) == (found.reason, found.outcome, found.calls_made)
    assert [(1, 2.0), (2, 4.0), (3, 0.0)] == [(one.number, one.wait_s) for one in found.attempts]
    assert [0.0, 2.5, 7.0] == [one.started_s for one in found.attempts]
    assert [0.5] * 3 == [one.took_s for one in found.attempts]
    assert errors[2] is found.__cause__
    assert "gave up after 3 attempts" in str(found)
    assert "may have happened" in str(found)


def test_a_refusal_on_the_way_keeps_what_went_before(world: StillWorld, colour: Colour) -> None:
    """The circuit opens between two attempts: the reason is that, the cause the failure, and nothing more is sent."""
    policy = make(retry=Retry(), breaker=Breaker(failures_consecutive=2))
    sent: list[int] = []

    def ask() -> None:
        sent.append(1)
        fail()

    with pytest.raises(Exhausted) as given_up:
        colour.guard(policy, ask)()

    assert ("circuit-open", 2, 2) == (given_up.value.reason, len(given_up.value.attempts), len(sent))
    assert isinstance(given_up.value.__cause__, Down)
    assert 2 == len(world.slept)


@pytest.mark.usefixtures("world")
def test_an_unknown_outcome_is_not_repeated_blindly(colour: Colour) -> None:
    """Unless the caller says that doing it twice does no harm, for the policy or for one function."""

    def ask() -> None:
        raise Maybe("who knows")

    careful, sure = make(retry=Retry()), make(retry=Retry(), repeatable=True)

    for call, count, reason in (
        (colour.guard(careful, ask), 1, "outcome-unknown"),
        (colour.guard(careful.guard(repeatable=True), ask), 3, "attempts-exhausted"),
        (colour.guard(sure, ask), 3, "attempts-exhausted"),
        (colour.guard(sure.guard(repeatable=False), ask), 1, "outcome-unknown"),
    ):
        with pytest.raises(Exhausted) as given_up:
            call()
        assert (count, reason) == (len(given_up.value.attempts), given_up.value.reason)


@pytest.mark.usefixtures("world")
def test_the_last_error_itself_on_request(colour: Colour) -> None:
    """With `reraise`, callers that know the client's errors see them, and the story is a note."""
    policy = make(retry=Retry(reraise=True))

    with pytest.raises(Down) as raised:
        colour.guard(policy, fail)()

    assert "gave up after 3 attempts" in raised.value.__notes__[0]
    assert raised.value.__cause__ is None


@pytest.mark.usefixtures("world")
def test_an_error_that_is_no_news_is_raised_as_it_is(colour: Colour) -> None:
    """A single attempt that was not to be repeated anyway."""
    policy = make(retry=Retry())

    def decline() -> None:
        raise Declined("no money")

    assert outcome_of(colour.guard(policy, decline)) is Declined
    assert outcome_of(colour.guard(make(), fail)) is Down


RESULTS = [
    pytest.param({"retry": Retry(on_result=lambda value: value == "bad")}, id="on-result"),
    pytest.param({"retry": Retry(), "result": lambda value: value == "bad"}, id="result"),
    pytest.param({"retry": Retry(categories=frozenset(), on_result=lambda value: value == "bad")}, id="no-category"),
    pytest.param({"retry": Retry(on_result=lambda value: value == "bad"), "result": lambda _: None}, id="both"),
]


@pytest.mark.parametrize("strategies", RESULTS)
@pytest.mark.usefixtures("world")
def test_a_bad_result_is_repeated(colour: Colour, strategies: dict[str, object]) -> None:
    """If the call may be: nobody knows what an attempt with a bad result has done."""
    answers = iter(["bad", "bad", "good"])
    policy = make(**strategies, repeatable=True)

    assert colour.guard(policy, lambda: next(answers))() == "good"
    with pytest.raises(Exhausted) as given_up:
        colour.guard(make(**strategies), lambda: "bad")()
    assert ("outcome-unknown", "bad") == (given_up.value.reason, given_up.value.result)
    assert given_up.value.__cause__ is None
    assert colour.guard(make(**strategies, returns_last=True), lambda: "bad")() == "bad"


@pytest.mark.usefixtures("world")
def test_a_judged_result_is_repeated_only_if_its_verdict_says_so(colour: Colour) -> None:
    """Who says that the same request fails again is believed, and who names the category is held to the list."""
    calls: list[int] = []

    def ask() -> str:
        calls.append(1)
        return "bad"

    for judgement, expected in (
        (Judgement(retryable=False), 1),
        (Judgement(category=ErrorCategory.VALIDATION_FAILED, retryable=True), 1),
        (Judgement(outcome=Outcome.EXECUTED), 1),
        (Judgement(health=Health.FAILURE), 3),
    ):
        calls.clear()
        policy = make(retry=Retry(), repeatable=True, result=lambda _value, judgement=judgement: judgement)
        assert outcome_of(colour.guard(policy, ask)) is Exhausted
        assert expected == len(calls)


def test_a_look_at_the_result_that_fails_holds_nothing(world: StillWorld, colour: Colour) -> None:
    """The caller's own mistake is raised as it is, and the probe's place is free again."""

    def look(_value: object) -> bool:
        raise ZeroDivisionError

    policy = make(breaker=Breaker(open_s=10), result=look)
    policy.trip("a test", 10)
    world.pass_(10)

    assert [ZeroDivisionError] * 3 == [outcome_of(colour.guard(policy, lambda: 1)) for _ in range(3)]
    assert policy.health().state is CircuitState.HALF_OPEN


@pytest.mark.usefixtures("world")
def test_three_layers_make_three_calls(colour: Colour) -> None:
    """Nested policies add up instead of multiplying: at the far end there are 3 calls, not 27."""
    sent: list[int] = []

    def ask() -> None:
        sent.append(1)
        fail()

    layered = ask
    for name in ("inner", "middle", "outer"):
        policy = holdfast.policy(name, retry=Retry(), classify=DECLARED)
        layered = policy(layered) if not colour.is_async or name != "outer" else layered
    with pytest.raises(Exhausted) as given_up:
        colour.guard(policy, layered)() if colour.is_async else layered()

    assert (3, 3, "attempts-exhausted") == (len(sent), given_up.value.calls_made, given_up.value.reason)


@pytest.mark.usefixtures("world")
def test_a_fallback_has_attempts_of_its_own(colour: Colour) -> None:
    """A second call made while the first one's error is being dealt with is no part of it, though Python chains their errors."""
    primary, secondary = make(retry=Retry()), make(retry=Retry())
    sent: list[int] = []

    def other() -> str:
        sent.append(1)
        if len(sent) < 3:
            fail()
        return "from the second"

    second = colour.guard(secondary, other)
    try:
        colour.guard(primary, fail)()
    except Exhausted:
        found = second()

    assert ("from the second", 3) == (found, len(sent))


def test_time_is_inherited(world: StillWorld, colour: Colour) -> None:
    """An inner policy has no more time than the outer one has left, and a thread of one's own takes it along."""
    outer = make(timeout=Timeout(deadline_s=10))
    inner = make(timeout=Timeout(attempt_s=60), retry=Retry(attempts_max=5, initial_delay_s=4, jitter="none"))
    seen: list[float | None] = []

    def ask() -> None:
        seen.append(holdfast.remaining_s())
        thread = threading.Thread(target=holdfast.carried(lambda: seen.append(holdfast.remaining_s())))
        thread.start()
        thread.join()
        world.pass_(1)
        fail()

    assert outcome_of(colour.guard(outer, inner(ask))) is Exhausted
    assert [10, 10, 5, 5] == seen
    assert holdfast.remaining_s() is None


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        pytest.param(Timeout(attempt_s=0.001), "attempt", id="attempt"),
        pytest.param(Timeout(deadline_s=0.001), "deadline", id="deadline"),
        pytest.param(Timeout(deadline_s=60, attempt_s=0.001), "attempt", id="both"),
    ],
)
@pytest.mark.parametrize("form", ["fused", "called", "block", "rows"])
@pytest.mark.usefixtures("world")
def test_an_async_call_is_interrupted(timeout: Timeout, kind: str, form: str) -> None:
    """After its time, with an error that says whose limit it was; the failure counts, and a TimeoutError of the call's own is left alone."""
    policy = make(timeout=timeout, breaker=Breaker())

    async def hang() -> None:
        await asyncio.Event().wait()

    @policy
    async def rows() -> AsyncIterator[None]:
        await hang()
        yield

    async def run() -> None:
        if form == "block":
            async with policy.attempt():
                await hang()
        elif form == "rows":
            async for _ in rows():
                pass
        else:
            await (policy(hang)() if form == "fused" else policy.call(hang))

    with pytest.raises(TimedOut) as late:
        asyncio.run(run())

    assert (kind, pytest.approx(0.001), True) == (late.value.kind, late.value.limit_s, late.value.begun)
    assert 1 == policy.health().counts.failures


@pytest.mark.usefixtures("world")
def test_a_timeout_of_the_calls_own_is_its_own() -> None:
    """It is not taken for ours."""

    class Slow(TimeoutError):
        pass

    async def own() -> None:
        raise Slow

    policy = make(timeout=Timeout(attempt_s=60))

    async def run() -> list[object]:
        found: list[object] = []
        for call in (policy(own), lambda: policy.call(own)):
            try:
                await call()
            except TimeoutError as exc:
                found.append(type(exc))
        return found

    assert [Slow, Slow] == asyncio.run(run())


class Hostile(Exception):
    """An exception whose every part fails."""

    @property
    def args(self) -> tuple[object, ...]:  # type: ignore[override]  # that is the point
        """What it was made of."""
        raise RuntimeError("no args")

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.usefixtures("world")
def test_an_unreadable_exception_is_a_failure_like_others(colour: Colour) -> None:
    """Judging it never breaks the call: it is raised as it is, and counts."""
    policy = make(breaker=Breaker(failures_consecutive=2))
    hostile = Hostile()

    def ask() -> None:
        raise hostile

    call = colour.guard(policy, ask)
    for _ in range(2):
        with pytest.raises(Hostile) as raised:
            call()
        assert raised.value is hostile
    assert outcome_of(call) is CircuitOpen


@pytest.mark.usefixtures("world")
def test_a_block_is_used_once() -> None:
    """Once more, or once more inside of itself, is refused; and a loop whose attempt was not made says so."""
    policy = make(retry=Retry())
    block = policy.attempt()
    with block, pytest.raises(RuntimeError, match="made once"):
        block.__enter__()
    with pytest.raises(RuntimeError, match="made once"):
        block.__enter__()

    attempts = policy.attempts()
    next(attempts)
    with pytest.raises(RuntimeError, match="was not made"):
        next(attempts)


@pytest.mark.usefixtures("world")
def test_a_block_tells_where_it_failed() -> None:
    """The traceback of an error that goes through shows the user's line and none of ours."""
    with pytest.raises(Down) as raised, make(breaker=Breaker()).attempt():
        fail()

    assert "guards" not in str([entry.path for entry in raised.traceback[:-1] if "src" in str(entry.path)])


def test_a_loop_waits_as_a_call_does(world: StillWorld) -> None:
    """With results, numbers and the last result."""
    policy = make(
        retry=Retry(initial_delay_s=3, jitter="none", on_result=lambda value: value == "bad"), repeatable=True
    )
    answers = ["bad", "bad", "good"]

    for attempt in policy.attempts():
        with attempt:
            attempt.result = answers[attempt.number - 1]

    assert (3, "good", [3.0, 6.0]) == (attempt.number, attempt.result, world.slept)


@pytest.mark.usefixtures("world")
def test_a_generator_is_passed_through() -> None:
    """Values, sent values, thrown exceptions, closing and the returned value."""
    policy = make(breaker=Breaker(failures_consecutive=1))
    closed: list[str] = []

    @policy
    def rows() -> Iterator[object]:
        try:
            got = yield 1
            try:
                yield got
            except Declined as exc:
                yield str(exc)
            return "end"
        finally:
            closed.append("closed")

    running = rows()
    assert [1, "sent"] == [next(running), running.send("sent")]
    assert "thrown" == running.throw(Declined("thrown"))
    with pytest.raises(StopIteration) as end:
        next(running)
    early = rows()
    next(early)
    early.close()
    loud = rows()
    next(loud)
    with pytest.raises(Down):
        loud.throw(Down("the consumer's own"))

    assert ("end", ["closed"] * 3) == (end.value.value, closed)
    assert (CircuitState.CLOSED, 0) == (policy.health().state, policy.health().counts.failures)


@pytest.mark.usefixtures("world")
def test_an_async_generator_is_passed_through() -> None:
    """The same on a loop; what is closed early is closed at once, not when the collector comes."""
    policy = make(breaker=Breaker(failures_consecutive=1))
    closed: list[str] = []

    @policy
    async def rows() -> AsyncIterator[object]:
        try:
            got = yield 1
            try:
                yield got
            except Declined as exc:
                yield str(exc)
        finally:
            closed.append("closed")

    async def run() -> None:
        running = rows()
        assert [1, "sent"] == [await anext(running), await running.asend("sent")]  # type: ignore[attr-defined]  # a generator
        assert "thrown" == await running.athrow(Declined("thrown"))  # type: ignore[attr-defined]  # a generator
        with pytest.raises(StopAsyncIteration):
            await anext(running)
        early = rows()
        await anext(early)
        await early.aclose()  # type: ignore[attr-defined]  # a generator
        assert ["closed"] * 2 == closed
        loud = rows()
        await anext(loud)
        with pytest.raises(Down):
            await loud.athrow(Down("the consumer's own"))  # type: ignore[attr-defined]  # a generator

    asyncio.run(run())

    assert ["closed"] * 3 == closed
    assert (CircuitState.CLOSED, 0) == (policy.health().state, policy.health().counts.failures)


def test_a_slow_consumer_is_not_a_slow_dependency(world: StillWorld, colour: Colour) -> None:
    """The time between two values is the consumer's, and says nothing about where they come from."""
    policy = make(breaker=Breaker(slow_s=1, slow_ratio=1, calls_min=1))

    def rows() -> Iterator[int]:
        yield 1
        yield 2

    async def async_rows() -> AsyncIterator[int]:
        for row in rows():
            yield row

    async def consume() -> None:
        async for _ in policy(async_rows)():
            world.pass_(60)

    if colour.is_async:
        colour.run(consume)
    else:
        for _ in policy(rows)():
            world.pass_(60)

    assert (CircuitState.CLOSED, 0) == (policy.health().state, policy.health().counts.slow)


@pytest.mark.usefixtures("world")
def test_settings_change_while_in_use(colour: Colour) -> None:
    """New calls go by the new settings, all of them, looks at results included; what is wrong changes nothing."""
    policy = make(retry=Retry(attempts_max=2))
    events = heard(policy)
    sent: list[int] = []

    def ask() -> str:
        sent.append(1)
        return "bad"

    call = colour.guard(policy, ask)
    assert call() == "bad"
    policy.update(retry=Retry(attempts_max=4, on_result=lambda value: value == "bad"), repeatable=True)
    again = colour.guard(policy, ask)
    for judged in (call, again):
        sent.clear()
        with pytest.raises(Exhausted) as given_up:
            judged()
        expected = (4, "attempts-exhausted") if judged is again else (1, "outcome-unknown")
        assert expected == (len(sent), given_up.value.reason)
    policy.update(retry=None)
    assert call() == "bad"
    before = policy.composition
    with pytest.raises(BadSettings):
        policy.update(retry=3, name="other")
    with pytest.raises(BadSettings):
        policy.update(breaker="none")

    assert before is policy.composition
    assert ["repeatable, retry", "retry"] == [
        event.facts["changed"] for event in events if event.name == "policy.updated"
    ]


@pytest.mark.parametrize("seconds", [-1, 604_801, float("nan"), True])
def test_a_trip_has_a_range(seconds: float) -> None:
    """0 to 7 days; nobody opens a circuit for ever by accident."""
    with pytest.raises(BadSettings, match="from 0 to 604_800"):
        make(breaker=Breaker()).trip("a test", seconds)


def test_an_absurd_retry_after_opens_for_a_week(world: StillWorld, colour: Colour) -> None:
    """A server that asks for ten thousand years neither breaks the call nor shuts it out for ever."""
    told = Judgement(health=Health.FAILURE, retry_after_s=1e15)
    policy = holdfast.policy("crm", classify={Down: told}, breaker=Breaker(failures_consecutive=1))

    assert outcome_of(colour.guard(policy, fail)) is Down
    world.pass_(7 * 24 * 3600)

    assert colour.guard(policy, lambda: "probe")() == "probe"


def test_the_signal_of_a_cancelled_attempt_is_neutral() -> None:
    """What stages hear."""
    assert Signal(health=Health.NEUTRAL, took_s=0.0, cancelled=True).verdict is None
