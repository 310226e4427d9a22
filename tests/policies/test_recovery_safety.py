"""Whatever remedies say and whatever happens: a recovery is safe, bounded and ends."""

from __future__ import annotations

from hypothesis import given, strategies as st

from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.policies.recovery_course import Ask, CallAgain, Ending, Keep, Pause, Report, course
from holdfast.policies.remedies import (
    CallFacts,
    KeepForLater,
    RaiseAlert,
    Remedy,
    Repeat,
    TripCircuit,
    UseAlternative,
    UseCache,
)
from holdfast.policies.retry import Jitter
from tests.policies.test_recovery_course import remedy, verdict

measures = st.one_of(
    st.builds(
        Repeat,
        attempts_max=st.integers(1, 6),
        initial_delay_s=st.floats(0, 10),
        multiplier=st.floats(1, 4),
        jitter=st.sampled_from(Jitter),
        refresh_credential=st.booleans(),
        timeout_s=st.none() | st.floats(0.01, 50),
        delay_s=st.floats(0, 10),
    ),
    st.builds(UseCache, delay_s=st.floats(0, 10)),
    st.builds(UseAlternative, name=st.sampled_from("ab"), harmless=st.booleans()),
    st.builds(TripCircuit),
    st.builds(KeepForLater, after_s=st.floats(0, 10)),
    st.builds(RaiseAlert, delay_s=st.floats(0, 10)),
)
verdicts = st.builds(
    verdict,
    st.sampled_from(C),
    outcome=st.sampled_from(Outcome),
    retryable=st.booleans(),
    retry_after_s=st.none() | st.floats(0, 60),
)
facts_ = st.builds(
    CallFacts, operation=st.just("o"), dependency=st.just("d"), attempt=st.integers(1, 4), repeatable=st.booleans(),
    read_only=st.just(False), replayable=st.booleans(),
)  # fmt: skip
remedies_ = st.lists(
    st.builds(
        lambda parts, attempts, time, number: remedy(*parts, name=f"r{number}", attempts_max=attempts, timeout_s=time),
        st.lists(measures, min_size=1, max_size=4),
        st.integers(1, 6),
        st.floats(0.01, 60),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=4,
)


@given(
    remedies=remedies_,
    found=verdicts,
    facts=facts_,
    until=st.floats(0, 100),
    world=st.lists(st.tuples(st.booleans(), verdicts, st.floats(0, 5)), min_size=1, max_size=40),
)
def test_no_remedy_is_stronger_than_safety(
    remedies: list[Remedy],
    found: Verdict,
    facts: CallFacts,
    until: float,
    world: list[tuple[bool, Verdict, float]],
) -> None:
    """Whatever the remedies say: nothing is done twice that may not be, no stated wait is undercut, no limit is exceeded, and it ends."""
    run = course(remedies, found, facts=facts, now=0.0, draw=0.5, until=until, last_resort=KeepForLater())
    now, outcome, not_before, calls, kept = 0.0, found.outcome, found.retry_after_s or 0.0, 0, 0
    steps = 0
    try:
        step = next(run)
        while True:
            steps += 1
            works, verdict_, took_s = world[steps % len(world)]
            failed: Verdict | None = None
            if isinstance(step, Pause):
                now, works = now + step.seconds, True
                assert step.seconds > 0
                assert now < until
            elif isinstance(step, CallAgain):
                calls += 1
                assert facts.replayable
                assert outcome is Outcome.NOT_EXECUTED or (outcome is Outcome.UNKNOWN and facts.repeatable)
                assert now >= not_before - 1e-9
                assert now < until
                assert 0 < step.timeout_s <= until - now + 1e-9
                now += took_s
                failed = None if works else verdict_
            elif isinstance(step, Ask):
                assert now < until
                failed = None if works else verdict_
                now += took_s
            elif isinstance(step, Keep):
                kept += works
                assert now + step.after_s >= not_before - 1e-9
            if failed is not None and isinstance(step, CallAgain):
                not_before = max(not_before, now + (failed.retry_after_s or 0.0))
                outcome = max(outcome, failed.outcome, key=list(Outcome).index)
            step = run.send(Report(now=now, draw=0.5, done=works, verdict=failed))
    except StopIteration as stop:
        ending: Ending = stop.value

    assert kept <= 1
    assert ending.queued_for_later == bool(kept)
    assert calls == ending.attempts - facts.attempt
    assert ending.attempts <= max(facts.attempt, *(one.attempts_max for one in remedies))
    assert steps <= sum(2 + 3 * 6 for one in remedies for _ in one.measures) + 1
    assert ending.success == (ending.strategy in {one.name for one in remedies})
