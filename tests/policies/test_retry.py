"""The arithmetic of retrying."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Backoff, BackoffKind, Family, Health, Outcome, Verdict
from holdfast.policies.retry import Jitter, Retry, RetryDecision, decide, wait_s

ALL = frozenset(C)
draws = st.floats(min_value=0, max_value=1, exclude_max=True)
delays = st.floats(min_value=0, max_value=604_800)
settings_ = st.builds(
    Retry,
    attempts_max=st.integers(1, 1000),
    initial_delay_s=delays,
    max_delay_s=delays,
    multiplier=st.floats(1, 100),
    jitter=st.sampled_from(Jitter),
    categories=st.frozensets(st.sampled_from(C)),
)
backoffs = st.none() | st.builds(
    Backoff, kind=st.sampled_from(BackoffKind), initial_delay_s=st.none() | delays, max_delay_s=st.none() | delays
)


def verdict(
    *,
    category: C = C.NETWORK_TIMEOUT,
    outcome: Outcome = Outcome.NOT_EXECUTED,
    retryable: bool = True,
    retry_after_s: float | None = None,
    backoff: Backoff | None = None,
) -> Verdict:
    """A verdict of which only the deciding parts matter."""
    return Verdict(
        category=category, family=Family.TRANSIENT, labels=(), retryable=retryable, health=Health.FAILURE, outcome=outcome, message="m",
        fingerprint="1:x", rule="r", retry_after_s=retry_after_s, backoff=backoff,
    )  # fmt: skip


verdicts = st.builds(
    verdict,
    category=st.sampled_from(C),
    outcome=st.sampled_from(Outcome),
    retryable=st.booleans(),
    retry_after_s=st.none() | st.floats(0, 1e9),
    backoff=backoffs,
)


def plain(jitter: Jitter, *, cap_s: float = 100.0) -> Retry:
    """Waits of 2, 6, 18 … seconds."""
    return Retry(initial_delay_s=2, max_delay_s=cap_s, multiplier=3, jitter=jitter, attempts_max=9, categories=ALL)


@pytest.mark.parametrize(
    ("jitter", "draw", "expected"),
    [
        pytest.param(Jitter.NONE, 0.5, [2, 6, 18, 54, 100], id="none"),
        pytest.param(Jitter.FULL, 0.5, [1, 3, 9, 27, 50], id="full"),
        pytest.param(Jitter.EQUAL, 0.5, [1.5, 4.5, 13.5, 40.5, 75], id="equal"),
        pytest.param(Jitter.PLUS_MINUS_10, 0.0, [1.8, 5.4, 16.2, 48.6, 90], id="minus-10"),
        pytest.param(Jitter.PLUS_MINUS_10, 0.75, [2.1, 6.3, 18.9, 56.7, 100], id="plus-10-under-the-cap"),
        pytest.param(Jitter.PLUS_30, 0.5, [2.3, 6.9, 20.7, 62.1, 100], id="plus-30-under-the-cap"),
    ],
)
def test_waits_grow_by_the_formula(jitter: Jitter, draw: float, expected: list[float]) -> None:
    """Each jitter follows its published formula, and the cap holds after it."""
    assert pytest.approx(expected) == [wait_s(plain(jitter), attempt, draw=draw) for attempt in range(1, 6)]


@pytest.mark.parametrize(
    ("previous_s", "draw", "expected"),
    [
        pytest.param(None, 0.5, 4.0, id="first"),
        pytest.param(10.0, 0.5, 16.0, id="from-the-last-wait"),
        pytest.param(10.0, 0.0, 2.0, id="least"),
        pytest.param(90.0, 0.9, 100.0, id="cap"),
        pytest.param(0.0, 0.9, 2.0, id="never-below-the-first"),
    ],
)
def test_decorrelated_waits_grow_from_the_last_one(previous_s: float | None, draw: float, expected: float) -> None:
    """Decorrelated jitter draws between the first wait and three times the last one."""
    assert pytest.approx(expected) == wait_s(plain(Jitter.DECORRELATED), 3, draw=draw, previous_s=previous_s)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        pytest.param(Backoff(kind=BackoffKind.LINEAR), [2, 4, 6, 8], id="linear"),
        pytest.param(
            Backoff(kind=BackoffKind.LINEAR, initial_delay_s=5, max_delay_s=12), [5, 10, 12, 12], id="linear-own"
        ),
        pytest.param(Backoff(kind=BackoffKind.EXPONENTIAL, initial_delay_s=5), [5, 15, 45, 100], id="exponential-own"),
        pytest.param(
            Backoff(kind=BackoffKind.RESPECT_RESET, initial_delay_s=500), [500, 500, 500, 500], id="no-reset-stated"
        ),
    ],
)
def test_an_api_may_prescribe_the_waits(backoff: Backoff, expected: list[float]) -> None:
    """A backoff of the catalog comes before the policy's own numbers."""
    assert expected == [wait_s(plain(Jitter.NONE), attempt, draw=0.5, backoff=backoff) for attempt in range(1, 5)]


def test_a_prescribed_wait_is_only_spread_upwards() -> None:
    """Full jitter would undercut what the API asked for."""
    found = wait_s(plain(Jitter.FULL), 1, draw=0.0, backoff=Backoff(kind=BackoffKind.EXPONENTIAL, initial_delay_s=5))

    assert found == 5.0


@given(settings_, st.integers(1, 10**6), draws, st.none() | delays, backoffs)
def test_a_wait_is_finite_and_never_negative(
    settings: Retry, attempt: int, draw: float, previous_s: float | None, backoff: Backoff | None
) -> None:
    """No attempt number, however large, overflows."""
    found = wait_s(settings, attempt, draw=draw, previous_s=previous_s, backoff=backoff)

    assert 0 <= found < math.inf
    assert backoff is not None or found <= settings.max_delay_s


@pytest.mark.parametrize(
    ("initial_s", "expected"), [pytest.param(1.0, 30.0, id="cap"), pytest.param(0.0, 0.0, id="nothing-stays-nothing")]
)
def test_an_overflow_is_the_cap(initial_s: float, expected: float) -> None:
    """100 to the power of 999 is more than a float holds."""
    settings = Retry(initial_delay_s=initial_s, multiplier=100, attempts_max=1000, jitter=Jitter.NONE)

    assert expected == wait_s(settings, 1000, draw=0.0)


@pytest.mark.parametrize(
    ("given_", "attempt", "repeatable", "rule"),
    [
        pytest.param(verdict(), 1, False, "retry", id="not-executed"),
        pytest.param(verdict(), 9, False, "attempts-exhausted", id="last-attempt"),
        pytest.param(verdict(), 8, False, "retry", id="last-but-one"),
        pytest.param(verdict(retryable=False), 1, True, "not-retryable", id="would-fail-again"),
        pytest.param(verdict(outcome=Outcome.UNKNOWN), 1, False, "outcome-unknown", id="unknown"),
        pytest.param(verdict(outcome=Outcome.UNKNOWN), 1, True, "retry", id="unknown-but-repeatable"),
        pytest.param(verdict(outcome=Outcome.EXECUTED), 1, True, "executed", id="executed"),
        pytest.param(verdict(retry_after_s=604_800.0), 1, False, "retry", id="a-week"),
        pytest.param(verdict(retry_after_s=604_801.0), 1, False, "retry-after-too-long", id="more-than-a-week"),
    ],
)
def test_decides_by_attempts_verdict_and_outcome(given_: Verdict, attempt: int, repeatable: bool, rule: str) -> None:
    """A repeat needs attempts left, a verdict in favour, and an outcome that makes it safe."""
    decision = decide(plain(Jitter.NONE), given_, attempt=attempt, repeatable=repeatable, draw=0.0)

    assert (rule, rule == "retry") == (decision.rule, decision.retry)


def test_only_listed_categories_are_repeated() -> None:
    """What the policy does not list is not retried."""
    decision = decide(Retry(), verdict(category=C.STATE_INCONSISTENT), attempt=1, repeatable=True, draw=0.0)

    assert (
        RetryDecision(
            retry=False,
            wait_s=0.0,
            rule="category-not-listed",
            reason="state_inconsistent is not among the errors this policy retries",
        )
        == decision
    )


@pytest.mark.parametrize(
    ("stated_s", "expected_s"),
    [
        pytest.param(1.0, 2.0, id="backoff-is-longer"),
        pytest.param(500.0, 500.0, id="beyond-the-cap"),
        pytest.param(None, 2.0, id="none"),
    ],
)
def test_the_servers_word_is_never_undercut(stated_s: float | None, expected_s: float) -> None:
    """The longer of both waits counts, and only the server's may exceed the cap."""
    decision = decide(plain(Jitter.NONE), verdict(retry_after_s=stated_s), attempt=1, repeatable=False, draw=0.5)

    assert expected_s == decision.wait_s


def test_the_backoff_of_the_verdict_is_used() -> None:
    """What the catalog prescribed reaches the decision."""
    given_ = verdict(backoff=Backoff(kind=BackoffKind.LINEAR, initial_delay_s=7))

    assert decide(plain(Jitter.NONE), given_, attempt=2, repeatable=False, draw=0.5).wait_s == 14.0


def test_the_last_wait_is_used() -> None:
    """Decorrelated jitter sees the wait before."""
    decision = decide(plain(Jitter.DECORRELATED), verdict(), attempt=2, repeatable=False, draw=0.5, previous_s=10.0)

    assert decision.wait_s == 16.0


@given(settings_, verdicts, st.integers(1, 1001), st.booleans(), draws)
def test_never_repeats_what_may_do_harm(
    settings: Retry, given_: Verdict, attempt: int, repeatable: bool, draw: float
) -> None:
    """Whatever the settings: no blind repeat, no attempt too many, no wait shorter than the server's."""
    decision = decide(settings, given_, attempt=attempt, repeatable=repeatable, draw=draw)

    if decision.retry:
        assert given_.outcome is Outcome.NOT_EXECUTED or (given_.outcome is Outcome.UNKNOWN and repeatable)
        assert attempt < settings.attempts_max
        assert given_.retryable
        assert given_.category in settings.categories
        assert decision.wait_s >= (given_.retry_after_s or 0)
    else:
        assert decision.wait_s == 0.0


def test_refuses_all_bad_settings_at_once() -> None:
    """Every setting out of range is told, not only the first."""
    with pytest.raises(BadSettings) as refused:
        Retry(
            attempts_max=0,
            initial_delay_s=-1,
            max_delay_s=math.nan,
            multiplier=0.5,
            jitter="wild",
            categories=frozenset({"x"}),
        )

    assert ["attempts_max", "initial_delay_s", "max_delay_s", "multiplier", "jitter", "categories"] == [
        problem.path for problem in refused.value.problems
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"attempts_max": True}, id="boolean"),
        pytest.param({"attempts_max": 2.0}, id="no-whole-number"),
        pytest.param({"attempts_max": 1001}, id="too-many"),
        pytest.param({"initial_delay_s": "1"}, id="text"),
        pytest.param({"multiplier": 101}, id="too-steep"),
        pytest.param({"categories": ["network_timeout"]}, id="no-set"),
        pytest.param({"retry_after_max_s": -1}, id="negative"),
    ],
)
def test_refuses_a_value_out_of_range(wrong: dict[str, object]) -> None:
    """One bad value is one problem, named by its setting."""
    with pytest.raises(BadSettings) as refused:
        Retry(**wrong)

    assert list(wrong) == [problem.path for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("resets_in_s", "retry_after_s", "expected"),
    [
        pytest.param(50.0, None, (True, 50.0), id="soon"),
        pytest.param(604_801.0, None, (False, 0.0), id="not-in-process"),
        pytest.param(604_801.0, 5.0, (True, 5.0), id="the-server-knows-better"),
    ],
)
def test_a_documented_reset_is_waited_for_or_left_to_somebody_else(
    resets_in_s: float, retry_after_s: float | None, expected: tuple[bool, float]
) -> None:
    """Attempts before a used-up quota opens again are refused for certain: they are not made, and a wait beyond the limit is not begun."""
    one = replace(verdict(retry_after_s=retry_after_s), quota_resets_in_s=resets_in_s)

    decision = decide(plain(Jitter.NONE), one, attempt=1, repeatable=True, draw=0.5)

    assert expected == (decision.retry, decision.wait_s)
    assert ("its quota opens in" in decision.reason) == (retry_after_s is None)
