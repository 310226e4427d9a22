"""The course of a recovery: which steps follow one another for a failed call, decided from what the steps before it brought.

Pure: a generator that yields steps and is sent reports, with the time and the chance in them. The drivers that perform the steps, one for threads and
one for event loops, are `holdfast.guards.recovering`; since both carry out the same course, the same facts lead to the same steps.

```
remedy 1 ── measure ── pause ── measure ──┬── an answer: the end
                                          └── none: remedy 2 … ── none left: keep the call, the end (`exhausted`)
```

Safety comes first, whatever the remedies say: a call that took effect is not made again, and one that may have only if it is repeatable. A stated
wait is never undercut, in whichever remedy. The number of steps is bounded by the remedies, their measures and their attempts.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.policies.remedies import (
    CallFacts,
    Degrade,
    KeepForLater,
    Measure,
    RaiseAlert,
    Remedy,
    Repeat,
    Severity,
    TripCircuit,
    UseAlternative,
    UseCache,
    UseDefault,
)
from holdfast.policies.retry import wait_s

__all__ = [
    "EXHAUSTED",
    "NONE",
    "SYSTEM_ERROR",
    "Ask",
    "CallAgain",
    "Ending",
    "Keep",
    "LookUp",
    "Pause",
    "Renew",
    "Report",
    "Spend",
    "Step",
    "Tried",
    "Trip",
    "Warn",
    "course",
]

NONE = "none"
"""No remedy applies."""

EXHAUSTED = "exhausted"
"""Remedies applied, and none of them brought an answer."""

SYSTEM_ERROR = "system_error"
"""The recovery itself is broken, and so nothing could be tried."""

_CREDENTIAL_TROUBLE = frozenset({ErrorCategory.AUTH_EXPIRED, ErrorCategory.AUTH_INVALID})
_SEVERITY = (Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.EXECUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait so long."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Pay for one repeat out of the dependency's retry budget, when it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAgain:
    """Make the call once more, as attempt number `attempt`, within `timeout_s`."""

    attempt: int
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """Renew the credential that the call used, within `timeout_s`. None: the call names none."""

    credential: str | None
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Look for the last known good value of the call."""

    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask an alternative (`reduced` false) or a reduced version of the call, within `timeout_s`."""

    name: str
    reduced: bool
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """Count a failure against a circuit, and open it when the count is reached. `circuit` is None for the dependency's own."""

    circuit: str | None
    threshold: int
    window_s: float
    open_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Keep the call for later, due after `after_s`, with what is known of it by now."""

    queue: str
    after_s: float
    verdict: Verdict
    outcome: Outcome
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn:
    """Raise an alert."""

    remedy: str
    message: str
    severity: Severity
    verdict: Verdict


Step = Pause | Spend | CallAgain | Renew | LookUp | Ask | Trip | Keep | Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a step went: `now` when it was over (monotonic seconds), `draw` a fresh chance in [0, 1).

    `done` says that it worked, `answer` what it brought. `verdict` is what went wrong with a call; `why` says what went wrong with anything else.
    `attempts` are the calls at the far end that one call stood for, as a policy inside may have repeated it.
    """

    now: float
    draw: float
    done: bool = True
    answer: object = None
    verdict: Verdict | None = None
    why: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One measure and how it ended, for people.

    `ended` is `answered`, `done`, `failed`, or why it was not carried out: `attempts-exhausted`, `outcome-unknown`, `executed`, `not-retryable`,
    `credential`, `not-replayable`, `budget`, `time`, `kept-already`.
    """

    remedy: str
    measure: str
    ended: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a recovery ended; see `holdfast.guards.engine.RecoveryResult` for the meaning of the fields."""

    success: bool
    strategy: str
    attempts: int
    verdict: Verdict
    outcome: Outcome
    answer: object = None
    fallback_used: bool = False
    degraded: bool = False
    circuit_tripped: bool = False
    queued_for_later: bool = False
    tried: tuple[Tried, ...] = ()


Course = Generator[Step, Report, Ending]
_Part = Generator[Step, Report, bool]


def course(
    remedies: Sequence[Remedy],
    verdict: Verdict,
    *,
    facts: CallFacts,
    now: float,
    draw: float,
    until: float = math.inf,
    last_resort: KeepForLater | None = None,
) -> Course:
    """Yield the steps of a recovery; its return value is the ending.

    Args:
        remedies: those that apply, in their order.
        verdict: what went wrong; its outcome is the worst over all attempts so far.
        facts: what is known of the call.
        now: monotonic seconds; the fault was observed at this moment.
        draw: the first chance, in [0, 1).
        until: when whoever waits for the call stops waiting, on the same clock.
        last_resort: how the call is kept when every remedy has failed; None: it is not.
    """
    state = _State(facts, verdict, now=now, draw=draw, until=until)
    if not remedies:
        return state.ending(NONE, success=False)
    for remedy in remedies:
        if (yield from _remedy(state, remedy)):
            return state.ending(remedy.name, success=True)
    if last_resort is not None and not state.queued:
        state.remedy = EXHAUSTED
        yield from _keep(state, last_resort)
    return state.ending(EXHAUSTED, success=False)


@dataclass(slots=True)
class _State:
    """What a course has learned so far."""

    facts: CallFacts
    verdict: Verdict
    now: float = field(kw_only=True)
    draw: float = field(kw_only=True)
    until: float = field(kw_only=True)
    attempts: int = field(init=False)
    outcome: Outcome = field(init=False)
    not_before: float = field(init=False)
    time_over_at: float = field(init=False, default=math.inf)
    remedy: str = field(init=False, default="")
    attempts_max: int = field(init=False, default=1)
    answer: object = field(init=False, default=None)
    fallback_used: bool = field(init=False, default=False)
    degraded: bool = field(init=False, default=False)
    tripped: bool = field(init=False, default=False)
    queued: bool = field(init=False, default=False)
    tried: list[Tried] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.attempts = self.facts.attempt
        self.outcome = self.verdict.outcome
        self.not_before = self.now + (self.verdict.retry_after_s or 0.0)

    def hear(self, report: Report) -> Report:
        """Take the time and the chance from a report."""
        assert report.now >= self.now, "the clock never goes back"
        self.now, self.draw = report.now, report.draw
        return report

    def learn(self, verdict: Verdict, *, of_the_call: bool) -> None:
        """Take in what went wrong with a further attempt, or with an alternative, which may have had its effect as well."""
        self.outcome = max(self.outcome, verdict.outcome, key=_SEVERITY.index)
        if of_the_call:
            self.verdict = verdict
            self.not_before = max(self.not_before, self.now + (verdict.retry_after_s or 0.0))

    def note(self, measure: str, ended: str, why: str = "") -> bool:
        """Remember how a measure ended; an answer is what ends a remedy."""
        self.tried.append(Tried(remedy=self.remedy, measure=measure, ended=ended, why=why))
        return ended == "answered"

    def ending(self, strategy: str, *, success: bool) -> Ending:
        """Everything there is to tell."""
        return Ending(
            success=success,
            strategy=strategy,
            attempts=self.attempts,
            verdict=self.verdict,
            outcome=self.outcome,
            answer=self.answer,
            fallback_used=self.fallback_used,
            degraded=self.degraded,
            circuit_tripped=self.tripped,
            queued_for_later=self.queued,
            tried=tuple(self.tried),
        )


def _remedy(state: _State, remedy: Remedy) -> _Part:
    state.remedy, state.attempts_max = remedy.name, remedy.attempts_max
    state.time_over_at = min(state.until, state.now + remedy.timeout_s)
    last = len(remedy.measures) - 1
    for place, measure in enumerate(remedy.measures):
        if (yield from _measure(state, measure)):
            return True
        if measure.delay_s and place != last:
            yield from _pause(state, measure.delay_s)
    return False


def _pause(state: _State, seconds: float) -> Generator[Step, Report, None]:
    """Wait before the next measure; when there is no time for that, there is none for calls either, and what takes no time follows at once."""
    if state.now + seconds >= state.time_over_at:
        state.time_over_at = state.now
    else:
        state.hear((yield Pause(seconds=seconds)))


def _measure(state: _State, measure: Measure) -> _Part:
    match measure:
        case Repeat():
            return (yield from _repeat(state, measure))
        case UseCache():
            return (yield from _look_up(state, measure))
        case UseAlternative():
            return (yield from _ask(state, measure, measure.name))
        case UseDefault():
            state.answer, state.fallback_used, state.degraded = measure.value, True, True
            return state.note(measure.word, "answered")
        case Degrade():
            return (yield from _degrade(state, measure))
        case TripCircuit():
            return (yield from _trip(state, measure))
        case KeepForLater():
            return (yield from _keep(state, measure))
        case RaiseAlert():
            return (yield from _warn(state, measure))
        case _:
            assert_never(measure)


# --- the call itself ---


def _repeat(state: _State, measure: Repeat) -> _Part:
    over_at = _over_at(state, measure.timeout_s)
    renewed = False
    if measure.refresh_credential:
        refusal = _refusal(state, measure, renewed=True) or ("time" if state.now >= over_at else None)
        if refusal is not None:
            return state.note(measure.word, refusal)
        renew = Renew(credential=state.facts.credential or state.verdict.credential, timeout_s=over_at - state.now)
        report = state.hear((yield renew))
        if not report.done:
            return state.note(measure.word, "credential", report.why)
        renewed = True
    waits = measure.waits()
    for repeat in range(1, measure.attempts_max + 1):
        refusal = _refusal(state, measure, renewed=renewed)
        if refusal is not None:
            return state.note(measure.word, refusal, state.verdict.message)
        # A repeat after a refresh is no retry: a thousand calls with one expired token are a thousand calls.
        if not renewed and not state.hear((yield Spend())).done:
            return state.note(measure.word, "budget", state.verdict.message)
        backoff_s = 0.0 if renewed else wait_s(waits, repeat, draw=state.draw, backoff=state.verdict.backoff)
        if not (yield from _wait_until(state, max(state.now + backoff_s, state.not_before), over_at=over_at)):
            return state.note(measure.word, "time", state.verdict.message)
        step = CallAgain(attempt=state.attempts + 1, timeout_s=over_at - state.now)
        report = state.hear((yield step))
        state.attempts += report.attempts
        if report.verdict is None:
            state.answer = report.answer
            return state.note(measure.word, "answered")
        state.learn(report.verdict, of_the_call=True)
        renewed = False
    raise AssertionError(
        "the attempts are counted by the refusal"
    )  # pragma: no cover - it refuses the one after the last


def _refusal(state: _State, measure: Repeat, *, renewed: bool) -> str | None:
    """Why the call may not be made again now; None when it may. `renewed`: with a new credential, which makes it another request."""
    if not state.facts.replayable:
        return "not-replayable"
    if state.outcome is Outcome.EXECUTED:
        return "executed"
    if state.outcome is Outcome.UNKNOWN and not state.facts.repeatable:
        return "outcome-unknown"
    if state.attempts >= min(measure.attempts_max, state.attempts_max):
        return "attempts-exhausted"
    if renewed:
        return None
    if state.verdict.category in _CREDENTIAL_TROUBLE:
        return "credential"
    return None if state.verdict.retryable else "not-retryable"


def _wait_until(state: _State, moment: float, *, over_at: float) -> _Part:
    """Wait for a moment, unless the time is over by then; whether there is time left for a call."""
    if moment >= over_at:
        return False
    if moment > state.now:
        state.hear((yield Pause(seconds=moment - state.now)))
    return state.now < over_at


def _over_at(state: _State, timeout_s: float | None) -> float:
    return state.time_over_at if timeout_s is None else min(state.time_over_at, state.now + timeout_s)


# --- another answer ---


def _look_up(state: _State, measure: UseCache) -> _Part:
    # What takes no time is done when the time is over: a moment is what the look may take then.
    left_s = max(LOOK_S, state.time_over_at - state.now)
    timeout_s = left_s if measure.timeout_s is None else min(measure.timeout_s, left_s)
    report = state.hear((yield LookUp(timeout_s=timeout_s)))
    if not report.done:
        return state.note(measure.word, "failed", report.why)
    state.answer, state.fallback_used, state.degraded = report.answer, True, True
    return state.note(measure.word, "answered")


LOOK_S = 1.0
"""How long a look into a cache may take when the time of the remedy is over."""


def _degrade(state: _State, measure: Degrade) -> _Part:
    if measure.reduced is not None:
        return (yield from _ask(state, measure, measure.reduced))
    state.answer, state.degraded = measure.value, True
    return state.note(measure.word, "answered")


def _ask(state: _State, measure: UseAlternative | Degrade, name: str) -> _Part:
    """Ask an alternative or a reduced version. It may do the same work again, elsewhere, so it takes more than being repeatable."""
    over_at = _over_at(state, measure.timeout_s)
    done_nothing = state.outcome is Outcome.NOT_EXECUTED
    if not (done_nothing or state.facts.read_only or measure.harmless):
        return state.note(measure.word, "executed" if state.outcome is Outcome.EXECUTED else "outcome-unknown")
    if state.now >= over_at:
        return state.note(measure.word, "time")
    reduced = isinstance(measure, Degrade)
    report = state.hear((yield Ask(name=name, reduced=reduced, timeout_s=over_at - state.now)))
    if not report.done:
        if report.verdict is not None and not measure.harmless:
            state.learn(report.verdict, of_the_call=False)
        return state.note(measure.word, "failed", report.why)
    state.answer, state.fallback_used, state.degraded = report.answer, not reduced, reduced
    return state.note(measure.word, "answered")


# --- what never ends a remedy ---


def _trip(state: _State, measure: TripCircuit) -> _Part:
    step = Trip(circuit=measure.circuit, threshold=measure.threshold, window_s=measure.window_s, open_s=measure.open_s)
    report = state.hear((yield step))
    state.tripped = state.tripped or report.done
    return state.note(measure.word, "done" if report.done else "failed", report.why)


def _keep(state: _State, measure: KeepForLater) -> _Part:
    if state.queued:
        return state.note(measure.word, "kept-already")
    after_s = max(measure.after_s, state.not_before - state.now)
    step = Keep(
        queue=measure.queue, after_s=after_s, verdict=state.verdict, outcome=state.outcome, attempts=state.attempts
    )
    report = state.hear((yield step))
    state.queued = report.done
    return state.note(measure.word, "done" if report.done else "failed", report.why)


def _warn(state: _State, measure: RaiseAlert) -> _Part:
    warning = Warn(
        remedy=state.remedy, message=measure.message, severity=Severity(measure.severity), verdict=state.verdict
    )
    report = state.hear((yield warning))
    return state.note(measure.word, "done" if report.done else "failed", report.why)
