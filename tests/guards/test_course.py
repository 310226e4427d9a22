"""The course of one call, driven by hand: what it asks for, and what it makes of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from holdfast import Breaker, Budget, ErrorCategory, Hedge, Judgement, Retry, Timeout
from holdfast.errors import Exhausted, RateLimited, Rejected, Rejection
from holdfast.faults.verdict import Health, Outcome
from holdfast.guards.ambient import DEADLINE
from holdfast.guards.course import Attempt, Course, Done, Failed, Hedging, Overtaken, Pause, Progress, Queue, course
from holdfast.guards.policy import Policy
from holdfast.guards.stage import Permit, Place, Signal, Wait
from holdfast.guards.world import WORLD
from holdfast.policies.retry import Jitter, RetryDecision
from tests.guards.colours import Declined, Down, StillWorld, heard, make

PLAIN = Retry(attempts_max=3, initial_delay_s=2, jitter=Jitter.NONE)
pytestmark = pytest.mark.usefixtures("world")


@dataclass
class Ticket:
    """A permit that remembers how the attempt ended."""

    ended: list[Signal] = field(default_factory=list)

    def leave(self, signal: Signal) -> None:
        """Once."""
        self.ended.append(signal)


def no_room() -> Rejected:
    """What is raised for want of time."""
    return RateLimited(Rejection(policy="crm", because="no room"), None)


class Row(Place):
    """A place in a queue that remembers whether it was given up."""

    def __init__(self, patience_s: float = 5.0) -> None:
        self.patience = patience_s
        self.given_up = 0

    @property
    def patience_s(self) -> float:
        """As it was made."""
        return self.patience

    def too_late(self) -> Rejected:
        """For want of room."""
        return no_room()

    def wait(self, timeout_s: float) -> Permit | None:
        """Not by hand."""
        raise NotImplementedError

    async def wait_async(self, timeout_s: float) -> Permit | None:
        """Not by hand."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Counted."""
        self.given_up += 1


@dataclass
class Gatekeeper:
    """A stage that answers as it was told."""

    answer: Permit | Wait | Place
    name: str = "gatekeeper"

    def enter(self, now: float) -> Permit | Wait | Place:
        """As told."""
        return self.answer


def begun(policy: Policy, *stages: Gatekeeper, **known: object) -> Course:
    """The course of a call through these stages."""
    lane = policy._lanes.only
    lane.stages = stages
    return course(policy._guarded(lane, repeatable=True, **known))  # type: ignore[arg-type]  # known by name


def ended(steps: Course, answer: Done | Failed | Permit | None) -> object:
    """The result of a course that ends with this answer."""
    with pytest.raises(StopIteration) as stopped:
        steps.send(answer)
    return stopped.value.value


def test_waits_in_a_queue_for_its_permit_and_gives_it_back() -> None:
    """As long as the stage lets it; the permit hears how the attempt ended."""
    row, ticket = Row(), Ticket()
    steps = begun(make(), Gatekeeper(row))

    queue = next(steps)
    assert Queue(row, 5.0) == queue
    assert isinstance(steps.send(ticket), Attempt)
    assert 7 == ended(steps, Done(7))

    assert [Health.SUCCESS] == [signal.health for signal in ticket.ended]
    assert 0 == row.given_up


def test_waits_in_a_queue_no_longer_than_its_deadline() -> None:
    """What is left of it is the limit of the wait; nothing is left once it is over."""
    row = Row()

    assert Queue(row, 3.0) == next(begun(make(timeout=Timeout(deadline_s=3)), Gatekeeper(row)))
    assert Queue(row, 5.0) == next(begun(make(timeout=Timeout(deadline_s=30)), Gatekeeper(row)))
    token = DEADLINE.set(WORLD.monotonic() - 1)
    try:
        assert Queue(row, 0.0) == next(begun(make(), Gatekeeper(row)))
    finally:
        DEADLINE.reset(token)


@pytest.mark.parametrize("answer", [None, Done(1), Failed(Down())], ids=["nothing", "a result", "a failure"])
def test_what_is_no_permit_is_too_late(answer: Done | Failed | None) -> None:
    """What was held by then is given back, as cancelled and without a time."""
    first = Ticket()
    steps = begun(make(), Gatekeeper(first), Gatekeeper(Row()))
    next(steps)

    with pytest.raises(RateLimited):
        steps.send(answer)

    assert [Signal(health=Health.NEUTRAL, took_s=0.0, cancelled=True)] == first.ended


def test_who_is_cancelled_in_a_queue_gives_up_the_place() -> None:
    """And what was held by then."""
    first, row = Ticket(), Row()
    steps = begun(make(), Gatekeeper(first), Gatekeeper(row))
    next(steps)

    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())

    assert 1 == row.given_up
    assert [True] == [signal.cancelled for signal in first.ended]


@pytest.mark.parametrize(
    ("seconds", "deadline_s", "pauses"),
    [(2.0, 3.0, True), (0.0, 3.0, False), (0.5, 3.0, True), (3.0, 3.0, None), (4.0, 3.0, None)],
    ids=["in time", "at once", "less than a second", "at the deadline", "too late"],
)
def test_a_reservation_is_waited_for_unless_the_deadline_comes_first(
    seconds: float, deadline_s: float, pauses: bool | None
) -> None:
    """Who cannot come in time gives it back at once."""
    ticket = Ticket()
    steps = begun(
        make(timeout=Timeout(deadline_s=deadline_s)), Gatekeeper(Wait(seconds=seconds, permit=ticket, too_late=no_room))
    )
    if pauses is None:
        with pytest.raises(RateLimited):
            next(steps)
        assert [True] == [signal.cancelled for signal in ticket.ended]
        return

    step = next(steps)
    assert pauses == isinstance(step, Pause)
    if pauses:
        assert Pause(seconds) == step
        step = steps.send(None)
    assert isinstance(step, Attempt)
    ended(steps, Done(1))
    assert 1 == len(ticket.ended)


@pytest.mark.parametrize(("left_s", "limit_s"), [(0.5, None), (2.0, None), (0.0, 0.0), (-1.0, -1.0)])
def test_the_deadline_of_somebody_else_begins_nothing_when_it_is_over(left_s: float, limit_s: float | None) -> None:
    """Until then interrupting is their business."""
    token = DEADLINE.set(WORLD.monotonic() + left_s)
    try:
        assert Attempt(limit_s, 0, limit="deadline") == next(begun(make()))
    finally:
        DEADLINE.reset(token)


def test_a_failed_attempt_is_told_with_its_facts(world: StillWorld) -> None:
    """To who listens."""
    policy = make()
    events = heard(policy)
    steps = begun(policy)
    next(steps)
    world.pass_(1.5)

    with pytest.raises(Down):
        steps.send(Failed(Down()))

    told = [event for event in events if event.name == "attempt.failed"]
    assert [(1, "network_timeout", "not_executed", "failure", 1.5)] == [
        tuple(event.facts[name] for name in ("attempt", "category", "outcome", "health", "took_s")) for event in told
    ]


def test_tests_may_cap_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the policy says."""
    monkeypatch.setattr(WORLD, "attempts_max", 2)
    try:
        steps = begun(make(retry=PLAIN))
        next(steps)
        assert Pause(2) == steps.send(Failed(Down()))
        steps.send(None)
        with pytest.raises(Exhausted, match="tests allow 2 attempts") as exhausted:
            steps.send(Failed(Down()))
    finally:
        monkeypatch.undo()

    assert "attempts-exhausted" == exhausted.value.reason
    assert [2.0, 0.0] == [attempt.wait_s or 0.0 for attempt in exhausted.value.attempts]


@pytest.mark.parametrize(
    ("delivered", "restartable", "repeats"),
    [(0, False, True), (1, False, False), (1, True, True)],
    ids=["nothing yet", "something", "restartable"],
)
def test_a_generator_that_has_delivered_is_not_begun_again(delivered: int, restartable: bool, repeats: bool) -> None:
    """Unless it is said that it may be."""
    progress = Progress()
    progress.delivered = delivered
    steps = begun(make(retry=PLAIN), progress=progress, restartable=restartable)
    next(steps)

    if repeats:
        assert Pause(2) == steps.send(Failed(Down()))
        return
    with pytest.raises(Exhausted, match="delivered values") as exhausted:
        steps.send(Failed(Down()))
    assert "not-restartable" == exhausted.value.reason


def test_the_time_of_the_consumer_is_not_the_dependencys(world: StillWorld) -> None:
    """How long it was at work with what was delivered is taken off."""
    progress, ticket = Progress(), Ticket()
    steps = begun(make(), Gatekeeper(ticket), progress=progress)
    next(steps)
    world.pass_(5)
    progress.away_s = 3.0

    ended(steps, Done(None))

    assert [2.0] == [signal.took_s for signal in ticket.ended]
    assert 0.0 == progress.away_s


def test_what_cannot_be_made_twice_says_why() -> None:
    """Whatever the policy says."""
    once = RetryDecision(retry=False, wait_s=0.0, rule="body-gone", reason="its body was read already")
    steps = begun(make(retry=PLAIN), once=once)
    next(steps)

    with pytest.raises(Exhausted, match="its body was read already") as exhausted:
        steps.send(Failed(Down()))
    assert "body-gone" == exhausted.value.reason


def test_a_cancelled_attempt_says_nothing_about_anybody(world: StillWorld) -> None:
    """It gives its permits back, with the time it took."""
    ticket = Ticket()
    policy = make(breaker=Breaker())
    steps = begun(policy, Gatekeeper(ticket))
    next(steps)
    world.pass_(4)

    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())

    assert [Signal(health=Health.NEUTRAL, took_s=4.0, cancelled=True)] == ticket.ended


def test_a_failure_is_raised_as_it_is_where_nothing_is_repeated() -> None:
    """The very exception, and its box is empty then."""
    error = Declined("no")
    box = Failed(error)
    steps = begun(make())
    next(steps)

    with pytest.raises(Declined) as raised:
        steps.send(box)

    assert raised.value is error
    assert not raised.value.__suppress_context__
    assert not hasattr(box, "exc")
    assert Failed(error).let_go() is error


@pytest.mark.parametrize(
    ("failed", "health", "cancelled"),
    [(None, Health.NEUTRAL, True), (Down(), Health.FAILURE, False)],
    ids=["given up", "failed"],
)
def test_an_attempt_that_was_overtaken_says_only_what_it_knows(
    world: StillWorld, failed: Exception | None, health: Health, cancelled: bool
) -> None:
    """One that was given up says nothing about the dependency; one that failed does, though nobody is told."""
    ticket = Ticket()
    steps = begun(make(), Gatekeeper(ticket))
    next(steps)
    world.pass_(2)

    assert 5 == ended(steps, Overtaken(5, failed))

    assert [(health, 2.0, cancelled, failed is not None)] == [
        (signal.health, signal.took_s, signal.cancelled, signal.verdict is not None) for signal in ticket.ended
    ]


def test_a_hedge_is_a_course_of_its_own_and_paid_from_the_same_purse() -> None:
    """It is not hedged, not repeated, passes all stages, ends by the same deadline, and is told under the same key."""
    ticket = Ticket()
    settings = Hedge(delay_s=1)
    policy = make(
        retry=Retry(attempts_max=3, budget=Budget(ratio=0, floor_per_s=0.1, window_s=10)),
        timeout=Timeout(deadline_s=9),
        hedge=settings,
    )
    events = heard(policy)

    whole = begun(policy, Gatekeeper(ticket), may_hedge=True)
    first = next(whole)

    assert isinstance(first, Attempt)
    hedging = first.hedge
    assert isinstance(hedging, Hedging)
    assert (settings, policy._lanes.only.hedging, WORLD.monotonic() + 9) == (
        hedging.settings,
        hedging.state,
        hedging.until,
    )
    assert [True, False] == [hedging.withdraw(WORLD.monotonic()) for _ in range(2)]
    hedging.tell("hedge.sent", {"number": 1})
    assert [("hedge.sent", None, 1)] == [(event.name, event.key, event.facts["number"]) for event in events]
    leg = hedging.leg()
    second = next(leg)
    assert isinstance(second, Attempt)
    assert second.hedge is None
    with pytest.raises(Down):
        leg.send(Failed(Down()))
    assert [Health.FAILURE] == [signal.health for signal in ticket.ended]


def test_a_hedge_without_a_retry_is_paid_from_a_purse_of_the_usual_size() -> None:
    """Three a second, for ten seconds."""
    first = next(begun(make(hedge=Hedge(delay_s=1)), may_hedge=True))

    assert isinstance(first, Attempt)
    assert first.hedge is not None
    assert 30 == sum(first.hedge.withdraw(WORLD.monotonic()) for _ in range(40))


def test_a_result_that_says_itself_that_a_repeat_is_no_help_is_returned_on_request() -> None:
    """Without a word to listeners: the first attempt was the only one, and its result says it all."""
    final = Judgement(
        category=ErrorCategory.AUTH_INVALID, health=Health.NEUTRAL, outcome=Outcome.NOT_EXECUTED, retryable=False
    )
    policy = make(retry=PLAIN, result=lambda _: final, returns_last=True)
    events = heard(policy)
    steps = begun(policy)
    next(steps)

    assert "no" == ended(steps, Done("no"))
    assert [] == [event for event in events if event.name == "call.exhausted"]
