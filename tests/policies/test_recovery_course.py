"""What a recovery does step by step, without performing any of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Family, Health, Outcome, Verdict
from holdfast.policies.recovery_course import (
    Ask,
    CallAgain,
    Ending,
    Keep,
    LookUp,
    Pause,
    Renew,
    Report,
    Spend,
    Step,
    Trip,
    Warn,
    course,
)
from holdfast.policies.remedies import (
    SPEC_001,
    CallFacts,
    Condition,
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
from holdfast.policies.retry import Jitter

FACTS = CallFacts(operation="crm.read", dependency="crm", repeatable=True, read_only=True, credential="crm")
WRITE = replace(FACTS, repeatable=False, read_only=False)
ALWAYS = (Condition(predicate=lambda facts: True),)
SPEC = {remedy.name: remedy for remedy in SPEC_001}
Answers = Callable[[Step], dict[str, object]]


def verdict(
    category: C = C.NETWORK_TIMEOUT,
    *,
    outcome: Outcome = Outcome.NOT_EXECUTED,
    retryable: bool = True,
    retry_after_s: float | None = None,
) -> Verdict:
    """A verdict of which only the deciding parts matter."""
    return Verdict(
        category=category, family=Family.TRANSIENT, labels=("network",), retryable=retryable, health=Health.FAILURE, outcome=outcome,
        message="it broke", fingerprint="1:x", rule="r", retry_after_s=retry_after_s,
    )  # fmt: skip


FAILED = verdict()


def remedy(*measures: Measure, name: str = "cure", attempts_max: int = 9, timeout_s: float = 100.0) -> Remedy:
    """A remedy that always applies."""
    return Remedy(name=name, priority=1, conditions=ALWAYS, measures=measures, attempts_max=attempts_max, timeout_s=timeout_s)  # fmt: skip


def waiting(attempts_max: int = 3, **more: object) -> Repeat:
    """A repeat after exactly 1, 2, 4 … seconds."""
    return Repeat(attempts_max=attempts_max, jitter=Jitter.NONE, **more)  # type: ignore[arg-type]  # fields by name


def failing(step: Step) -> dict[str, object]:
    """A world where nothing works."""
    return {"done": False, "verdict": FAILED} if isinstance(step, CallAgain | Ask) else {"done": False, "why": "broken"}


def play(
    remedies: list[Remedy],
    answers: Answers = failing,
    *,
    found: Verdict = FAILED,
    facts: CallFacts = FACTS,
    until: float = math.inf,
    last_resort: KeepForLater | None = None,
) -> tuple[list[Step], Ending]:
    """Carry out a course, with a full purse: pauses take their time, everything else is what `answers` says of it, a second later if it says so."""
    run = course(remedies, found, facts=facts, now=0.0, draw=0.0, until=until, last_resort=last_resort)
    steps: list[Step] = []
    now = 0.0
    try:
        step = next(run)
        while True:
            if not isinstance(step, Spend):
                steps.append(step)
            said = {"done": True} if isinstance(step, Pause | Spend) else answers(step)
            now += step.seconds if isinstance(step, Pause) else float(str(said.pop("took_s", 0.0)))
            step = run.send(Report(now=now, draw=0.0, **said))  # type: ignore[arg-type]  # fields by name
    except StopIteration as stop:
        return steps, stop.value


def shapes(steps: list[Step]) -> list[object]:
    """Steps in short: pauses by their length, others by their kind."""
    return [step.seconds if isinstance(step, Pause) else type(step) for step in steps]


def ends(ending: Ending) -> list[str]:
    """How the measures ended."""
    return [one.ended for one in ending.tried]


def only(kind: type[Step], **said: object) -> Answers:
    """A world where one kind of step works."""
    return lambda step: {"done": True, **said} if isinstance(step, kind) else failing(step)


def test_without_a_remedy_nothing_is_done() -> None:
    """A call that no remedy is for is left alone, and its ending says so."""
    steps, ending = play([], last_resort=KeepForLater())

    assert [] == steps
    assert (False, "none", 1, False) == (ending.success, ending.strategy, ending.attempts, ending.queued_for_later)


def test_a_repeat_waits_longer_each_time() -> None:
    """Repeats follow the waits of the measure until the attempts are used up, those before the recovery included."""
    steps, ending = play([remedy(waiting(4))])

    assert [1.0, CallAgain, 2.0, CallAgain, 4.0, CallAgain] == shapes(steps)
    assert [2, 3, 4] == [step.attempt for step in steps if isinstance(step, CallAgain)]
    assert (False, "exhausted", 4, ["attempts-exhausted"]) == (ending.success, ending.strategy, ending.attempts, ends(ending))  # fmt: skip


def test_an_answer_ends_everything() -> None:
    """After an answer, neither further measures nor further remedies are tried."""
    steps, ending = play(
        [remedy(waiting(), RaiseAlert(), name="first"), remedy(UseDefault(value=0), name="second")],
        only(CallAgain, answer=42),
    )

    assert [1.0, CallAgain] == shapes(steps)
    assert (True, "first", 42, False, False) == (
        ending.success, ending.strategy, ending.answer, ending.fallback_used, ending.degraded,
    )  # fmt: skip


def test_a_later_success_wins_over_an_earlier_failure() -> None:
    """A measure that failed does not spoil the answer of one after it."""
    steps, ending = play([remedy(waiting(2), UseCache())], only(LookUp, answer="kept"))

    assert [1.0, CallAgain, LookUp] == shapes(steps)
    assert (True, "kept", True, True) == (ending.success, ending.answer, ending.fallback_used, ending.degraded)
    assert ["attempts-exhausted", "answered"] == ends(ending)


def test_the_next_remedy_follows_one_that_failed() -> None:
    """Remedies are tried in order, and the one that brings the answer is named."""
    _, ending = play([remedy(UseCache(), name="first"), remedy(UseDefault(value=None), name="second")])

    assert (True, "second", None, True) == (ending.success, ending.strategy, ending.answer, ending.fallback_used)
    assert [("first", "failed"), ("second", "answered")] == [(one.remedy, one.ended) for one in ending.tried]


@pytest.mark.parametrize("measure", [TripCircuit(), KeepForLater(), RaiseAlert()], ids=["circuit", "queue", "alert"])
def test_some_measures_never_end_a_remedy(measure: Measure) -> None:
    """Opening a circuit, keeping a call and raising an alert are no answer, even when they work."""
    _, ending = play([remedy(measure, UseDefault(value=7))], lambda step: {"done": True})

    assert (True, 7, ["done", "answered"]) == (ending.success, ending.answer, ends(ending))


@pytest.mark.parametrize("measure", [TripCircuit(), KeepForLater(), RaiseAlert()], ids=["circuit", "queue", "alert"])
def test_what_does_not_work_is_told(measure: Measure) -> None:
    """A circuit, a queue or an alert that failed is told as failed, and claimed nowhere."""
    _, ending = play([remedy(measure)])

    assert ["failed"] == ends(ending)
    assert (False, False) == (ending.circuit_tripped, ending.queued_for_later)


def test_the_pause_is_before_the_next_measure() -> None:
    """`delay_s` is waited after its measure and before the next one, not after the last."""
    steps, _ = play([remedy(waiting(2, delay_s=5.0), UseCache(delay_s=9.0))])

    assert [1.0, CallAgain, 5.0, LookUp] == shapes(steps)


def test_a_pause_without_time_ends_the_calls() -> None:
    """When the pause does not fit, no call is made any more, and what takes no time is done at once."""
    steps, ending = play(
        [remedy(RaiseAlert(delay_s=10.0), waiting(), UseAlternative(name="b"), KeepForLater(), timeout_s=10.0)],
        only(Keep),
    )

    assert [Warn, Keep] == shapes(steps)
    assert ["failed", "time", "time", "done"] == ends(ending)


def test_a_stated_wait_is_never_undercut() -> None:
    """A repeat comes no earlier than the server said, whatever the measure's own wait is."""
    steps, _ = play([remedy(waiting(3))], found=verdict(retry_after_s=30.0))

    assert [30.0, CallAgain, 2.0, CallAgain] == shapes(steps)


def test_a_stated_wait_holds_in_the_next_remedy_too() -> None:
    """What one remedy had no time to wait for, the next one does not ignore."""
    steps, ending = play(
        [remedy(waiting(3), name="short", timeout_s=20.0), remedy(waiting(3), name="long", timeout_s=60.0)],
        found=verdict(retry_after_s=30.0),
    )

    assert [30.0, CallAgain, 2.0, CallAgain] == shapes(steps)
    assert [("short", "time"), ("long", "attempts-exhausted")] == [(one.remedy, one.ended) for one in ending.tried]


def test_the_wait_stated_last_counts_too() -> None:
    """A wait that comes with a later failure is kept to as well."""
    later = verdict(retry_after_s=12.0)

    steps, _ = play([remedy(waiting(3))], lambda step: {"done": False, "verdict": later})

    assert [1.0, CallAgain, 12.0, CallAgain] == shapes(steps)


def test_an_alternative_does_not_wait_for_the_first() -> None:
    """Somebody else is asked at once: the stated wait is not theirs."""
    steps, _ = play([remedy(UseAlternative(name="b"))], found=verdict(retry_after_s=30.0))

    assert [Ask] == shapes(steps)


@pytest.mark.parametrize(
    ("facts", "found", "expected"),
    [
        pytest.param(WRITE, verdict(outcome=Outcome.UNKNOWN), "outcome-unknown", id="may have happened"),
        pytest.param(FACTS, verdict(outcome=Outcome.EXECUTED), "executed", id="happened"),
        pytest.param(FACTS, verdict(retryable=False), "not-retryable", id="would fail again"),
        pytest.param(FACTS, verdict(C.AUTH_EXPIRED), "credential", id="same credential"),
        pytest.param(FACTS, verdict(C.AUTH_INVALID), "credential", id="wrong credential"),
        pytest.param(replace(FACTS, replayable=False), FAILED, "not-replayable", id="nothing to call"),
        pytest.param(replace(FACTS, attempt=3), FAILED, "attempts-exhausted", id="no attempts left"),
    ],
)
def test_a_repeat_that_may_not_be_is_not_made(facts: CallFacts, found: Verdict, expected: str) -> None:
    """Whatever the remedy says, a call is not made again when that is unsafe or pointless."""
    steps, ending = play([remedy(waiting(3))], facts=facts, found=found)

    assert [] == steps
    assert [expected] == ends(ending)


def test_what_is_repeatable_is_repeated_although_it_may_have_happened() -> None:
    """A repeatable call of unknown outcome is made again."""
    steps, _ = play([remedy(waiting(2))], found=verdict(outcome=Outcome.UNKNOWN))

    assert [1.0, CallAgain] == shapes(steps)


def test_one_unknown_attempt_is_enough() -> None:
    """Once an attempt may have had its effect, a later refusal does not make repeats safe again."""
    unknown = verdict(outcome=Outcome.UNKNOWN)

    steps, ending = play(
        [remedy(waiting(9), name="first"), remedy(waiting(9), name="second")],
        lambda step: {"done": False, "verdict": unknown},
        facts=WRITE,
    )

    assert [1.0, CallAgain] == shapes(steps)
    assert (Outcome.UNKNOWN, ["outcome-unknown", "outcome-unknown"]) == (ending.outcome, ends(ending))


def test_the_remedy_bounds_the_attempts_of_its_measures() -> None:
    """Neither the measure's nor the remedy's number of attempts is exceeded."""
    _, ending = play([remedy(waiting(9), attempts_max=2)])

    assert 2 == ending.attempts


def test_calls_that_a_policy_inside_made_count() -> None:
    """One call that stood for several uses up as many attempts."""
    steps, ending = play([remedy(waiting(5))], lambda step: {"done": False, "verdict": FAILED, "attempts": 3})

    assert (4 + 3, [2, 5]) == (ending.attempts, [step.attempt for step in steps if isinstance(step, CallAgain)])


def test_a_measure_has_its_own_time() -> None:
    """`timeout_s` of a repeat ends it before the remedy's time does, and calls are told how much is left."""
    steps, ending = play([remedy(waiting(9, timeout_s=4.0), UseCache(timeout_s=3.0))])

    assert [1.0, CallAgain, 2.0, CallAgain, LookUp] == shapes(steps)
    assert [3.0, 1.0, 3.0] == [step.timeout_s for step in steps if not isinstance(step, Pause)]  # type: ignore[union-attr]  # calls and looks only
    assert ["time", "failed"] == ends(ending)


def test_time_that_passed_in_a_call_counts() -> None:
    """A slow call leaves less time for what comes after it."""
    steps, ending = play(
        [remedy(waiting(9), UseAlternative(name="b"), timeout_s=10.0)], lambda step: {**failing(step), "took_s": 9.5}
    )

    assert [1.0, CallAgain] == shapes(steps)
    assert ["time", "time"] == ends(ending)


def test_waiting_callers_are_not_kept_longer_than_they_wait() -> None:
    """The caller's own deadline ends calls before the remedy's time does."""
    steps, ending = play([remedy(waiting(9), UseAlternative(name="b"))], until=2.5)

    assert [1.0, CallAgain, Ask] == shapes(steps)
    assert [1.5, 1.5] == [step.timeout_s for step in steps if isinstance(step, CallAgain | Ask)]
    assert ["time", "failed"] == ends(ending)


def test_a_credential_is_renewed_and_the_call_follows_at_once() -> None:
    """After a refresh the call is made without waiting, even one that would not be repeated with the old credential."""
    expired = verdict(C.AUTH_INVALID, retryable=False)

    steps, ending = play([SPEC["auth-token-refresh"]], lambda step: {"done": True, "answer": 1}, found=expired)

    assert [Renew(credential="crm", timeout_s=10.0), CallAgain(attempt=2, timeout_s=10.0)] == steps
    assert (True, "auth-token-refresh") == (ending.success, ending.strategy)


def test_a_credential_is_renewed_once() -> None:
    """A fresh credential that is refused as well is not renewed again, nor used again."""
    expired = verdict(C.AUTH_EXPIRED)

    steps, ending = play(
        [remedy(waiting(9, refresh_credential=True))],
        lambda step: {"done": True} if isinstance(step, Renew) else {"done": False, "verdict": expired},
        found=expired,
    )

    assert [Renew, CallAgain] == shapes(steps)
    assert ["credential"] == ends(ending)


def test_after_a_refresh_other_trouble_is_waited_out() -> None:
    """With a new credential, a failure of another kind is repeated as usual."""
    steps, _ = play([remedy(waiting(3, refresh_credential=True))], only(Renew), found=verdict(C.AUTH_EXPIRED))

    assert [Renew, CallAgain, 2.0, CallAgain] == shapes(steps)


def test_a_refresh_that_fails_ends_the_measure() -> None:
    """Without a new credential there is no call, and the alert is raised."""
    steps, ending = play([SPEC["auth-token-refresh"]], only(Warn), found=verdict(C.AUTH_EXPIRED))

    assert [Renew, Warn] == shapes(steps)
    assert Severity.ERROR == steps[1].severity  # type: ignore[union-attr]  # it is the alert
    assert ["credential", "done"] == ends(ending)


@pytest.mark.parametrize(
    ("facts", "until"),
    [pytest.param(replace(FACTS, attempt=2), math.inf, id="no attempts"), pytest.param(FACTS, 0.0, id="no time")],
)
def test_nothing_is_renewed_for_a_call_that_will_not_follow(facts: CallFacts, until: float) -> None:
    """A refresh is made only when the call can be made after it."""
    steps, _ = play([remedy(waiting(2, refresh_credential=True))], found=verdict(C.AUTH_EXPIRED), facts=facts, until=until)  # fmt: skip

    assert [] == steps


@pytest.mark.parametrize(
    ("facts", "outcome", "harmless", "expected"),
    [
        pytest.param(WRITE, Outcome.NOT_EXECUTED, False, "answered", id="nothing happened"),
        pytest.param(WRITE, Outcome.UNKNOWN, False, "outcome-unknown", id="a write that may have happened"),
        pytest.param(replace(WRITE, repeatable=True), Outcome.UNKNOWN, False, "outcome-unknown", id="repeatable at the first only"),
        pytest.param(WRITE, Outcome.EXECUTED, False, "executed", id="a write that happened"),
        pytest.param(FACTS, Outcome.UNKNOWN, False, "answered", id="it only reads"),
        pytest.param(WRITE, Outcome.EXECUTED, True, "answered", id="the alternative only reads"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["alternative", "reduced"])
def test_an_alternative_does_nothing_twice(
    kind: str, facts: CallFacts, outcome: Outcome, *, harmless: bool, expected: str
) -> None:
    """Somebody else is asked to do it only if it was not done, or if nothing is done at all."""
    measure = UseAlternative(name="b", harmless=harmless) if kind == "alternative" else Degrade(reduced="b", harmless=harmless)  # fmt: skip

    steps, ending = play([remedy(measure)], only(Ask, answer=1), facts=facts, found=verdict(outcome=outcome))

    assert [expected] == ends(ending)
    assert (expected == "answered") == bool(steps)


def test_an_alternative_may_have_done_it_too() -> None:
    """When an alternative failed and may have had its effect, no other one is asked, and the call is not repeated."""
    unknown = verdict(outcome=Outcome.UNKNOWN)

    steps, ending = play(
        [remedy(UseAlternative(name="b"), UseAlternative(name="c"), waiting())],
        lambda step: {"done": False, "verdict": unknown},
        facts=WRITE,
    )

    assert [Ask] == shapes(steps)
    assert (Outcome.UNKNOWN, ["failed", "outcome-unknown", "outcome-unknown"]) == (ending.outcome, ends(ending))


def test_what_an_alternative_says_is_not_said_of_the_call() -> None:
    """That an alternative would fail again keeps nobody from repeating the call itself, nor does its stated wait."""
    theirs = verdict(retryable=False, retry_after_s=50.0)

    def answers(step: Step) -> dict[str, object]:
        return {"done": False, "verdict": theirs if isinstance(step, Ask) else FAILED}

    steps, ending = play([remedy(UseAlternative(name="b"), waiting(2))], answers)

    assert [Ask, 1.0, CallAgain] == shapes(steps)
    assert FAILED == ending.verdict


@pytest.mark.parametrize(
    ("said", "harmless"),
    [
        pytest.param({"done": False, "why": "not there"}, False, id="never asked"),
        pytest.param({"done": False, "verdict": verdict(outcome=Outcome.UNKNOWN)}, True, id="harmless"),
    ],
)
def test_an_alternative_that_did_nothing_leaves_the_others_free(said: dict[str, object], *, harmless: bool) -> None:
    """One that was not there, or that changes nothing, does not keep another one from being asked."""
    steps, _ = play(
        [remedy(UseAlternative(name="b", harmless=harmless), UseAlternative(name="c"))],
        lambda step: dict(said),
        facts=WRITE,
    )

    assert ["b", "c"] == [step.name for step in steps if isinstance(step, Ask)]


@pytest.mark.parametrize(
    ("measure", "answers", "expected"),
    [
        pytest.param(UseAlternative(name="b"), only(Ask, answer=1), (1, True, False), id="alternative"),
        pytest.param(UseCache(), only(LookUp, answer=1), (1, True, True), id="cache"),
        pytest.param(UseDefault(value=1), failing, (1, True, True), id="default"),
        pytest.param(Degrade(value=1), failing, (1, False, True), id="degraded value"),
        pytest.param(Degrade(), failing, (None, False, True), id="no value"),
        pytest.param(Degrade(reduced="less"), only(Ask, answer=1), (1, False, True), id="reduced version"),
    ],
)
def test_an_answer_says_where_it_comes_from(
    measure: Measure, answers: Answers, expected: tuple[object, bool, bool]
) -> None:
    """Kept, default and reduced answers are told as degraded; an alternative's is a full one."""
    _, ending = play([remedy(measure)], answers)

    assert (True, *expected) == (ending.success, ending.answer, ending.fallback_used, ending.degraded)


def test_a_circuit_is_told_as_opened_when_it_was() -> None:
    """Only a report that it was opened counts, and it stays told after later measures."""
    steps, ending = play(
        [remedy(TripCircuit(circuit="crm", threshold=2, window_s=3, open_s=4), RaiseAlert())], only(Trip)
    )

    assert Trip(circuit="crm", threshold=2, window_s=3, open_s=4) == steps[0]
    assert (False, True) == (ending.success, ending.circuit_tripped)


def test_a_call_is_kept_once() -> None:
    """A call that is kept already is not kept again, by no measure and not at the end."""
    steps, ending = play(
        [
            remedy(KeepForLater(queue="a", after_s=9.0), KeepForLater(queue="b"), name="one"),
            remedy(KeepForLater(), name="two"),
        ],
        only(Keep),
        last_resort=KeepForLater(),
    )

    assert [Keep(queue="a", after_s=9.0, verdict=FAILED, outcome=Outcome.NOT_EXECUTED, attempts=1)] == steps
    assert ["done", "kept-already", "kept-already"] == ends(ending)
    assert (False, "exhausted", True) == (ending.success, ending.strategy, ending.queued_for_later)


def test_what_nothing_helped_is_kept_at_the_end() -> None:
    """After the last remedy the call is kept, when it is to be; not before a stated wait is over."""
    found = verdict(retry_after_s=500.0)

    steps, ending = play([remedy(UseCache())], only(Keep), found=found, last_resort=KeepForLater(after_s=300))

    assert (
        Keep(queue="dead-letter", after_s=500.0, verdict=found, outcome=Outcome.NOT_EXECUTED, attempts=1) == steps[-1]
    )
    assert ("exhausted", True) == (ending.strategy, ending.queued_for_later)


def test_a_look_into_the_cache_has_a_moment_when_the_time_is_over() -> None:
    """A kept answer is looked for even then, for a second at most."""
    steps, ending = play([remedy(UseCache(), timeout_s=10.0)], only(LookUp, answer=1), until=0.0)

    assert [LookUp(timeout_s=1.0)] == steps
    assert ending.success


def test_a_repeat_that_would_come_too_late_is_not_waited_for() -> None:
    """When the wait ends with the time, it is not waited: the next measure follows at once."""
    steps, ending = play([remedy(waiting(2), UseCache(), timeout_s=1.0)])

    assert [LookUp] == shapes(steps)
    assert ["time", "failed"] == ends(ending)


def test_a_repeat_is_paid_for_before_it_is_waited_for() -> None:
    """Each bare repeat comes out of the budget when it is decided; with an empty one there is none, and no wait."""
    run = course([remedy(waiting(3), RaiseAlert())], FAILED, facts=FACTS, now=0.0, draw=0.0)

    steps = [next(run)]
    steps += [run.send(Report(now=now, draw=0.0, verdict=said)) for now, said in ((0, None), (1, None), (1, FAILED))]
    steps.append(run.send(Report(now=1, draw=0.0, done=False)))

    assert [Spend, 1.0, CallAgain, Spend, Warn] == shapes(steps)


def test_a_repeat_after_a_refresh_costs_nothing() -> None:
    """With a new credential it is another request, however many calls met the old one."""
    run = course([SPEC["auth-token-refresh"]], verdict(C.AUTH_EXPIRED), facts=FACTS, now=0.0, draw=0.0)

    assert [Renew, CallAgain] == shapes([next(run), run.send(Report(now=0, draw=0.0))])
