"""The course of one guarded call, told once for every kind of call: what is asked for next, and what follows from how it ended.

`course` is a generator that touches nothing: it asks for an attempt, a pause or a place in a queue by yielding it, and is told how that went. Whoever
drives it calls, sleeps or waits in the way of its own world: a thread, an event loop, a `with` block of the user's. So all of them make the same
decisions from the same facts, and a test can drive it by hand.

A driver answers `Attempt` with `Done` or `Failed`, `Pause` with None, and `Queue` with the permit or None. Whatever is not an `Exception` (a
cancelled task, Ctrl-C) it throws in; the course gives back what it holds, counts it neither for nor against anybody, and lets it go on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from holdfast.errors import Attempted, Exhausted, Rejected
from holdfast.faults.verdict import Health, Verdict
from holdfast.guards.ambient import DEADLINE, SPENT
from holdfast.guards.correlating import correlator
from holdfast.guards.hedging import HedgeState, OnEvent
from holdfast.guards.judging import RESULT_RULE, Judge
from holdfast.guards.lanes import Lane
from holdfast.guards.listening import Listening
from holdfast.guards.stage import Permit, Place, Signal, Wait
from holdfast.guards.world import WORLD
from holdfast.policies.budget import Budget
from holdfast.policies.composition import Composition
from holdfast.policies.hedge import Hedge
from holdfast.policies.retry import RetryDecision, decide, within
from holdfast.policies.timeout import allowed_s
from holdfast.policies.windows import Window

__all__ = [
    "Attempt",
    "Course",
    "Done",
    "Failed",
    "First",
    "Guarded",
    "Hedging",
    "Overtaken",
    "Pause",
    "Progress",
    "Queue",
    "Step",
    "Stopped",
    "Told",
    "course",
    "ended",
]

_CAUSES_MAX = 8
# What a policy further in has told the correlator of already, or what never reached a dependency.
_TOLD_INSIDE = (Exhausted, Rejected)
_UNTOLD = frozenset({"not-retryable", "category-not-listed"})
"""Reasons to stop that are no news after a single attempt: its own exception says it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedging:
    """How an attempt is hedged: each further request of it is a course of its own, from `leg`, and ends by `until` (monotonic seconds)."""

    settings: Hedge
    state: HedgeState
    withdraw: Callable[[float], bool]
    tell: OnEvent
    leg: Callable[[], Course]
    until: float | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Make one attempt, in at most `limit_s` seconds if that is not None; `spent` were made for this call before it.

    `limit` says whose limit that is: the `attempt`'s own, or what is left of the `deadline`. With `hedge`, make it again while its answer is late,
    and take what comes first.
    """

    limit_s: float | None
    spent: int
    hedge: Hedging | None = None
    limit: str = "attempt"


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds, more than 0."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Queue:
    """Wait for a permit at this place, at most `timeout_s` seconds."""

    place: Place
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """The attempt returned this."""

    result: object


@dataclass(frozen=True, slots=True)
class Overtaken(Done):
    """Another request of the same attempt returned this; the attempt's own was given up, or had raised `failed`."""

    failed: Exception | None = None


@dataclass(slots=True, eq=False)
class Failed:
    """The attempt raised this.

    A box that is emptied when the exception is raised again: an exception keeps the frames it went through, and one that a frame of ours holds in
    turn would stay, with whatever they hold, until the garbage collector comes.
    """

    exc: Exception

    def let_go(self) -> Exception:
        """Take the exception out, for good."""
        exc = self.exc
        del self.exc
        return exc


class Stopped(Failed):
    """What a course returns instead of raising a `StopIteration` of the call's own, such as that of `next()`: a generator cannot raise one."""

    __slots__ = ()


def ended(value: object) -> object:
    """What a course has returned, as the call's own end.

    Raises:
        StopIteration: the call has raised one.
    """
    if type(value) is Stopped:
        raise value.let_go()
    return value


@dataclass(frozen=True, slots=True)
class First:
    """A first attempt that was made already, by a fused call: how it ended, when it began, and the window of the circuit it was let in by."""

    answer: Done | Failed
    started: float
    window: Window


Step = Attempt | Pause | Queue
Told = Done | Failed | Permit | None
Course = Generator[Step, Told, object]


class Progress:
    """How many values a guarded generator has delivered in the present call, and how long its consumer was at work meanwhile."""

    __slots__ = ("away_s", "delivered")

    def __init__(self) -> None:
        self.delivered = 0
        self.away_s = 0.0

    def take_away_s(self) -> float:
        """The seconds since this was last asked."""
        away_s, self.away_s = self.away_s, 0.0
        return away_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What a course is about: the policy's parts as they were when the call began, and what is known of the callable.

    `progress` is a generator's, which is not started again once it has delivered something, unless that is `restartable`. `hedge` is set where the
    composition asks for hedging and the callable allows it. `once` says why this call cannot be made twice at all, whatever the policy says; None:
    it can.
    """

    composition: Composition
    lane: Lane
    judge: Judge
    listening: Listening
    repeatable: bool
    restartable: bool = False
    progress: Progress | None = None
    hedge: Hedge | None = None
    once: RetryDecision | None = None


class _Call:
    """What a call has been through so far."""

    __slots__ = ("attempts", "began", "guarded", "handled", "leaves", "previous_s", "until")

    def __init__(self, guarded: Guarded, began: float) -> None:
        self.guarded = guarded
        self.began = began
        self.attempts: list[Attempted] = []
        self.leaves = SPENT.get()
        self.previous_s: float | None = None
        self.until = _until(guarded.composition, began)
        # What the caller is dealing with while it makes this call: it is the context of whatever is raised here, and no part of this call.
        self.handled = id(sys.exception())

    def remaining_s(self, now: float) -> float | None:
        return None if self.until is None else self.until - now


def course(guarded: Guarded, *, first: First | None = None) -> Course:
    """The course of one call; its return value is the result.

    Raises:
        Exhausted: attempts were made, and there is a reason to say more than the last one's exception does.
        Rejected: the first attempt was turned away; nothing was sent.
        Exception: what the call raised, when it was not to be repeated anyway.
    """
    call = _Call(guarded, WORLD.monotonic() if first is None else first.started)
    lane = guarded.lane
    last: Failed | Done | None = None
    while True:
        if first is None:
            try:
                permits = yield from _entering(call)
            except Rejected as refusal:
                if last is None:
                    raise
                refused = _refused(call, refusal)
                return _ending(call, last, refused)
            started = WORLD.monotonic()
            answer = yield from _attempting(call, permits, started)
            took_s = WORLD.monotonic() - started
            took_s -= 0.0 if guarded.progress is None else guarded.progress.take_away_s()
            if isinstance(answer, Overtaken):
                return _overtaken(guarded.judge, permits, answer, took_s=took_s)
        else:
            permits, started, answer = [], first.started, first.answer
            took_s = WORLD.monotonic() - started
        verdict = _judged(guarded.judge, answer, permits=permits, took_s=took_s)
        if first is not None:
            _settle_first(lane, first, verdict, took_s=took_s)
            first = None
        if verdict is None:
            assert isinstance(answer, Done), "what raised has a verdict"
            return answer.result
        last = answer
        call.leaves += _leaves_of(answer, before=call.leaves, handled=call.handled)
        call.attempts.append(
            Attempted(number=len(call.attempts) + 1, started_s=started - call.began, took_s=took_s, verdict=verdict)
        )
        if guarded.listening.is_heard:
            _tell_failed(call, verdict)
        decision = _decided(call, verdict, answer)
        if not decision.retry:
            return _ending(call, answer, decision)
        yield from _waiting(call, decision, verdict)


def _entering(call: _Call) -> Generator[Step, Told, list[Permit]]:
    """Pass the stages, outermost first; whatever goes wrong on the way gives back what is held by then."""
    lane = call.guarded.lane
    permits: list[Permit] = []
    try:
        for stage in lane.stages:
            entered = stage.enter(WORLD.monotonic())
            if isinstance(entered, Wait):
                permits.append(entered.permit)
                remaining_s = call.remaining_s(WORLD.monotonic())
                if remaining_s is not None and entered.seconds >= remaining_s:
                    raise entered.too_late()  # noqa: TRY301 - what is held by now is given back below
                if entered.seconds > 0:
                    yield Pause(entered.seconds)
            elif isinstance(entered, Place):
                permits.append((yield from _queueing(call, entered)))
            else:
                permits.append(entered)
    except BaseException:
        _leave(permits, None, took_s=0.0, cancelled=True)
        raise
    return permits


def _queueing(call: _Call, place: Place) -> Generator[Step, Told, Permit]:
    remaining_s = call.remaining_s(WORLD.monotonic())
    timeout_s = place.patience_s if remaining_s is None else min(place.patience_s, max(0.0, remaining_s))
    try:
        permit = yield Queue(place, timeout_s)
    except BaseException:
        place.give_up()
        raise
    if permit is None or isinstance(permit, Done | Failed):
        raise place.too_late()
    return permit


def _attempting(call: _Call, permits: list[Permit], started: float) -> Generator[Step, Told, Done | Failed]:
    timeout = call.guarded.composition.timeout
    limit_s = allowed_s(timeout, remaining_s=call.remaining_s(started))
    if timeout is None and limit_s is not None and limit_s > 0:
        limit_s = None  # somebody else's deadline: nothing is begun after it, but interrupting is their business
    limit = "attempt" if timeout is not None and limit_s == timeout.attempt_s else "deadline"
    try:
        answer = yield Attempt(limit_s, call.leaves, _hedging(call), limit=limit)
    except BaseException:
        # Cancelled, or the program ends: nothing is known of the dependency, and nobody's count changes.
        _leave(permits, None, took_s=WORLD.monotonic() - started, cancelled=True)
        raise
    assert isinstance(answer, Done | Failed), "an attempt is answered with how it ended"
    return answer


def _hedging(call: _Call) -> Hedging | None:
    guarded = call.guarded
    if guarded.hedge is None:
        return None
    lane, listening, retry = guarded.lane, guarded.listening, guarded.composition.retry
    budget = Budget() if retry is None else retry.budget
    single = replace(guarded, hedge=None, composition=replace(guarded.composition, retry=None))
    return Hedging(
        settings=guarded.hedge,
        state=lane.hedging,
        withdraw=lambda now: lane.pay(budget, now),
        tell=lambda name, facts: listening.tell(name, lane.key, **facts),
        leg=lambda: course(single),
        until=call.until,
    )


def _overtaken(judge: Judge, permits: list[Permit], answer: Overtaken, *, took_s: float) -> object:
    """End an attempt whose hedge answered first: if it was given up, it says nothing about the dependency."""
    verdict = None if answer.failed is None else judge.exception(answer.failed)
    _leave(permits, verdict, took_s=took_s, cancelled=verdict is None)
    return answer.result


def _waiting(call: _Call, decision: RetryDecision, verdict: Verdict) -> Generator[Step, Told, None]:
    guarded = call.guarded
    last = call.attempts[-1]
    call.attempts[-1] = Attempted(
        number=last.number, started_s=last.started_s, took_s=last.took_s, verdict=last.verdict, wait_s=decision.wait_s
    )
    call.previous_s = decision.wait_s
    guarded.listening.tell(
        "retry.scheduled",
        guarded.lane.key,
        attempt=last.number,
        wait_s=decision.wait_s,
        reason=decision.reason,
        category=verdict.category,
    )
    if decision.wait_s <= 0:
        return
    try:
        yield Pause(decision.wait_s)
    except BaseException:
        retry = guarded.composition.retry
        guarded.lane.give_back(retry.budget if retry else None)
        raise


def _decided(call: _Call, verdict: Verdict, answer: Done | Failed) -> RetryDecision:
    guarded = call.guarded
    retry = guarded.composition.retry
    if retry is None:
        return RetryDecision(retry=False, wait_s=0.0, rule="not-retryable", reason="this policy repeats nothing")
    # A result of which only is said that it failed is repeated as it is; a verdict on it says itself whether that helps.
    named = verdict.rule == RESULT_RULE if isinstance(answer, Done) else isinstance(answer.exc, retry.on)
    decision = decide(
        retry,
        verdict,
        attempt=max(call.leaves, 1),
        repeatable=guarded.repeatable,
        draw=WORLD.draw(),
        previous_s=call.previous_s,
        named=named,
    )
    if decision.retry and WORLD.attempts_max is not None and call.leaves >= WORLD.attempts_max:
        reason = f"tests allow {WORLD.attempts_max} attempts"
        return RetryDecision(retry=False, wait_s=0.0, rule="attempts-exhausted", reason=reason)
    if decision.retry and guarded.progress is not None and guarded.progress.delivered and not guarded.restartable:
        reason = "it had delivered values already, and starting again would deliver them twice"
        return RetryDecision(retry=False, wait_s=0.0, rule="not-restartable", reason=reason)
    if decision.retry and guarded.once is not None:
        return guarded.once
    now = WORLD.monotonic()
    decision = within(decision, remaining_s=call.remaining_s(now))
    if decision.retry and not guarded.lane.pay(retry.budget, now):
        return RetryDecision(retry=False, wait_s=0.0, rule="budget", reason="too many repeats among the calls of late")
    return decision


def _refused(call: _Call, refusal: Rejected) -> RetryDecision:
    """A repeat was turned away: the call ends as if it had been decided against, and what the repeat would have cost is given back."""
    retry = call.guarded.composition.retry
    call.guarded.lane.give_back(retry.budget if retry else None)
    return RetryDecision(retry=False, wait_s=0.0, rule=refusal.slug, reason=str(refusal).rstrip("."))


def _ending(call: _Call, answer: Done | Failed, decision: RetryDecision) -> object:
    """End a call whose last attempt failed."""
    retry = call.guarded.composition.retry
    single = len(call.attempts) == 1 and decision.rule in _UNTOLD
    if isinstance(answer, Done):
        returns = call.guarded.composition.returns_last
        if returns and single:
            return answer.result
        exhausted = _exhausted(call, answer, decision)
        if returns:
            return answer.result
        raise exhausted
    error: Exception = answer.exc
    cause: Exception | None = None
    try:
        if not single and retry is not None:
            exhausted = _exhausted(call, answer, decision)
            if retry.reraise:
                error.add_note(str(exhausted))
            else:
                error, cause = exhausted, error
            del exhausted
        answer.let_go()
        if cause is not None:
            raise error from cause
        if isinstance(error, StopIteration):
            return Stopped(error)
        raise error
    finally:
        del error, cause  # see `Failed`


def _exhausted(call: _Call, answer: Done | Failed, decision: RetryDecision) -> Exhausted:
    guarded = call.guarded
    error = Exhausted(
        guarded.composition.name,
        decision.rule,
        attempts=tuple(call.attempts),
        explanation=decision.reason,
        result=answer.result if isinstance(answer, Done) else None,
        calls_made=call.leaves,
    )
    guarded.listening.tell(
        "call.exhausted", guarded.lane.key, reason=error.reason, attempts=len(error.attempts), outcome=error.outcome
    )
    return error


def _tell_failed(call: _Call, verdict: Verdict) -> None:
    last = call.attempts[-1]
    call.guarded.listening.tell(
        "attempt.failed",
        call.guarded.lane.key,
        attempt=last.number,
        category=verdict.category,
        outcome=verdict.outcome,
        health=verdict.health,
        rule=verdict.rule,
        took_s=last.took_s,
    )


def _judged(judge: Judge, answer: Done | Failed, *, permits: list[Permit], took_s: float) -> Verdict | None:
    try:
        verdict = judge.exception(answer.exc) if isinstance(answer, Failed) else judge.result(answer.result)
    except BaseException:
        # The caller's own look at the result failed: that says nothing about the dependency.
        _leave(permits, None, took_s=took_s, cancelled=True)
        raise
    _leave(permits, verdict, took_s=took_s)
    if verdict is not None and not (isinstance(answer, Failed) and isinstance(answer.exc, _TOLD_INSIDE)):
        correlator.record(verdict, judge.place)
    return verdict


def _leave(permits: list[Permit], verdict: Verdict | None, *, took_s: float, cancelled: bool = False) -> None:
    if not permits:
        return
    health = Health.NEUTRAL if cancelled else Health.SUCCESS if verdict is None else verdict.health
    signal = Signal(health=health, took_s=took_s, verdict=verdict, cancelled=cancelled)
    while permits:
        permits.pop().leave(signal)


def _settle_first(lane: Lane, first: First, verdict: Verdict | None, *, took_s: float) -> None:
    now = first.started + took_s
    if verdict is None:
        lane.cell.succeeded(first.window, took_s=took_s, now=now)
    else:
        lane.cell.failed(first.window, verdict, took_s=took_s, now=now)


def _leaves_of(answer: Done | Failed, *, before: int, handled: int) -> int:
    """How many calls at the far end an attempt was: those that a policy inside it has made, else one."""
    exc: BaseException | None = answer.exc if isinstance(answer, Failed) else None
    for _ in range(_CAUSES_MAX):
        if exc is None or id(exc) == handled:
            break
        if isinstance(exc, Exhausted):
            return max(1, exc.calls_made - before)
        exc = exc.__cause__ or exc.__context__
    return 1


def _until(composition: Composition, began: float) -> float | None:
    outer = DEADLINE.get()
    timeout = composition.timeout
    own = None if timeout is None or timeout.deadline_s is None else began + timeout.deadline_s
    return min((limit for limit in (outer, own) if limit is not None), default=None)
