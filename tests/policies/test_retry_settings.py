"""What may be set for retries: growth, rules by category, named exceptions, deadlines and the documents' presets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Family, Health, Outcome, Verdict
from holdfast.policies.budget import Budget
from holdfast.policies.retry import (
    RETRY_AFTER_MAX_S,
    Growth,
    Jitter,
    Retry,
    RetryDecision,
    RetryRule,
    decide,
    wait_s,
    within,
)


def verdict(
    category: C = C.NETWORK_TIMEOUT, *, outcome: Outcome = Outcome.NOT_EXECUTED, retryable: bool = True
) -> Verdict:
    """A verdict of which only the deciding parts matter."""
    return Verdict(
        category=category, family=Family.TRANSIENT, labels=(), retryable=retryable, health=Health.FAILURE, outcome=outcome,
        message="m", fingerprint="1:x", rule="r",
    )  # fmt: skip


def waits(settings: Retry, *, draw: float, count: int = 6) -> list[float]:
    """The waits after the first attempts."""
    return [wait_s(settings, attempt, draw=draw) for attempt in range(1, count + 1)]


@pytest.mark.parametrize(
    ("growth", "expected"),
    [
        pytest.param("fixed", [2, 2, 2, 2, 2, 2], id="fixed"),
        pytest.param("linear", [2, 4, 6, 8, 10, 11], id="linear"),
        pytest.param("exponential", [2, 6, 11, 11, 11, 11], id="exponential"),
    ],
)
def test_waits_grow_as_they_are_told(growth: str, expected: list[float]) -> None:
    """Fixed, by the number of attempts, or by a factor; words will do, and the cap holds."""
    settings = Retry(initial_delay_s=2, max_delay_s=11, multiplier=3, growth=growth, jitter="none")

    assert (Growth(growth), Jitter.NONE) == (settings.growth, settings.jitter)
    assert expected == waits(settings, draw=0.5)


@pytest.mark.parametrize("growth", list(Growth))
@pytest.mark.parametrize("jitter", [jitter for jitter in Jitter if jitter is not Jitter.DECORRELATED])
@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("multiplier", [1, 2, 100, 1.0001])
def test_waits_never_shrink_up_to_a_million_attempts(
    growth: Growth, jitter: Jitter, draw: float, multiplier: float
) -> None:
    """Finite, and with the same dice never shorter than the one before, up to attempt 10^6."""
    settings = Retry(initial_delay_s=1, max_delay_s=3_600, multiplier=multiplier, growth=growth, jitter=jitter)
    attempts = [*range(1, 60), 999, 1_000, 1_100, 10_000, 10**5, 10**6 - 1, 10**6]

    found = [wait_s(settings, attempt, draw=draw) for attempt in attempts]

    assert all(math.isfinite(seconds) and 0 <= seconds <= 3_600 for seconds in found)
    assert found == sorted(found)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_decorrelated_waits_stay_between_the_first_and_the_cap(attempt: int, draw: float) -> None:
    """However many there were."""
    settings = Retry(initial_delay_s=0.5, max_delay_s=20, jitter="decorrelated")
    previous = None

    for _ in range(8):
        previous = wait_s(settings, attempt, draw=draw, previous_s=previous)

        assert 0.5 <= previous <= 20


@pytest.mark.parametrize(
    "wrong", [{"attempt": 0, "draw": 0.5}, {"attempt": 1, "draw": 1.0}, {"attempt": 1, "draw": -0.1}]
)
def test_a_wait_of_no_attempt_is_a_mistake(wrong: dict[str, float]) -> None:
    """Attempts count from 1, and a draw lies in [0, 1)."""
    with pytest.raises(AssertionError):
        wait_s(Retry(), int(wrong["attempt"]), draw=wrong["draw"])


def test_a_rule_changes_only_what_it_names() -> None:
    """A category with a rule has its numbers, and the policy's where it says nothing."""
    rule = RetryRule(attempts_max=5, initial_delay_s=4)
    settings = Retry(jitter="none", max_delay_s=9, rules={C.RATE_LIMIT_BURST: rule})

    ruled = settings.for_category(C.RATE_LIMIT_BURST)

    assert (5, 4, 9, 2.0, Jitter.NONE) == (
        ruled.attempts_max, ruled.initial_delay_s, ruled.max_delay_s, ruled.multiplier, ruled.jitter
    )  # fmt: skip
    assert settings is settings.for_category(C.NETWORK_TIMEOUT)
    assert [4, 8, 9] == waits(ruled, draw=0.5, count=3)


@pytest.mark.parametrize(
    ("category", "attempt", "rule"),
    [
        pytest.param(C.RATE_LIMIT_BURST, 4, "retry", id="more-attempts"),
        pytest.param(C.RATE_LIMIT_BURST, 5, "attempts-exhausted", id="no-more"),
        pytest.param(C.NETWORK_TIMEOUT, 3, "attempts-exhausted", id="another-category"),
        pytest.param(C.STATE_INCONSISTENT, 1, "retry", id="listed-by-its-rule"),
        pytest.param(C.API_RESPONSE_MALFORMED, 1, "attempts-exhausted", id="never-repeat"),
    ],
)
def test_rules_decide_for_their_category(category: C, attempt: int, rule: str) -> None:
    """A category with a rule is repeated, listed or not; one attempt means none more."""
    settings = Retry(
        rules={
            C.RATE_LIMIT_BURST: RetryRule(attempts_max=5),
            C.STATE_INCONSISTENT: RetryRule(multiplier=3),
            C.API_RESPONSE_MALFORMED: RetryRule(attempts_max=1),
        }
    )

    assert rule == decide(settings, verdict(category), attempt=attempt, repeatable=True, draw=0.5).rule


@pytest.mark.parametrize(
    ("given_", "repeatable", "rule"),
    [
        pytest.param(verdict(C.VALIDATION_FAILED, retryable=False), False, "retry", id="not-executed"),
        pytest.param(verdict(C.VALIDATION_FAILED, outcome=Outcome.UNKNOWN), False, "outcome-unknown", id="unknown"),
        pytest.param(verdict(C.VALIDATION_FAILED, outcome=Outcome.UNKNOWN), True, "retry", id="repeatable"),
        pytest.param(verdict(outcome=Outcome.EXECUTED), True, "executed", id="executed"),
    ],
)
def test_a_named_exception_is_repeated_whatever_its_category(given_: Verdict, repeatable: bool, rule: str) -> None:
    """But never against its outcome."""
    assert rule == decide(Retry(), given_, attempt=1, repeatable=repeatable, draw=0.5, named=True).rule


WAIT = RetryDecision(retry=True, wait_s=2.0, rule="retry", reason="it failed")


@pytest.mark.parametrize(
    ("remaining_s", "rule"),
    [
        pytest.param(None, "retry", id="no-deadline"),
        pytest.param(2.001, "retry", id="ends-before"),
        pytest.param(2.0, "deadline", id="ends-with-it"),
        pytest.param(1.0, "deadline", id="ends-after"),
        pytest.param(-3.0, "deadline", id="it-is-over"),
    ],
)
def test_no_wait_is_begun_that_the_deadline_would_cut(remaining_s: float | None, rule: str) -> None:
    """And none is shortened."""
    found = within(WAIT, remaining_s=remaining_s)

    assert (rule, rule == "retry") == (found.rule, found.retry)
    assert (2.0 if found.retry else 0.0) == found.wait_s


def test_a_deadline_says_what_was_left() -> None:
    """The reason keeps the failure and adds the deadline; nothing is left is 0, not less."""
    assert "it failed, but 1.5 s of the deadline are left" == within(WAIT, remaining_s=1.5).reason
    assert "it failed, but 0 s of the deadline are left" == within(WAIT, remaining_s=-7).reason


def test_a_decision_against_it_stays() -> None:
    """A deadline allows nothing that was refused before."""
    refused = RetryDecision(retry=False, wait_s=0.0, rule="executed", reason="done")

    assert refused is within(refused, remaining_s=0.0)


@pytest.mark.parametrize(
    ("preset", "draw", "expected"),
    [
        pytest.param(Retry.spec_001(), 0.0, [1, 2, 4, 8, 16, 30], id="001-least"),
        pytest.param(Retry.spec_001(), 0.5, [1.15, 2.3, 4.6, 9.2, 18.4, 30], id="001-middle"),
        pytest.param(Retry.spec_003(6, 2.0, max_delay_s=20), 0.0, [1.8, 3.6, 7.2, 14.4, 18, 18], id="003-least"),
        pytest.param(Retry.spec_003(6, 2.0, max_delay_s=20), 0.5, [2, 4, 8, 16, 20, 20], id="003-middle"),
        pytest.param(Retry.spec_004(), 0.7, [1, 2, 4, 8, 16, 30], id="004"),
    ],
)
def test_the_presets_wait_as_the_documents_do(preset: Retry, draw: float, expected: list[float]) -> None:
    """001: up to 30 % more; 003: ±10 %, its arguments; 004: no jitter. In ours the cap holds after jitter."""
    assert pytest.approx(expected) == waits(preset, draw=draw)


def test_the_presets_repeat_what_the_documents_repeat() -> None:
    """3 attempts everywhere; 003 repeats whatever may be repeated; 004 four codes."""
    assert [3, 3, 3] == [preset.attempts_max for preset in (Retry.spec_001(), Retry.spec_003(), Retry.spec_004())]
    assert 6 == Retry.spec_003(6).attempts_max
    assert frozenset(C) == Retry.spec_003().categories
    assert Retry().categories == Retry.spec_001().categories
    assert {
        C.RATE_LIMIT_BURST, C.NETWORK_TIMEOUT, C.NETWORK_CONNECTION_REFUSED, C.API_UNEXPECTED_STATUS
    } == Retry.spec_004().categories  # fmt: skip
    assert (1.0, 30.0, 2.0) == (
        Retry.spec_003().initial_delay_s, Retry.spec_003().max_delay_s, Retry.spec_003().multiplier
    )  # fmt: skip


def test_the_defaults_are_the_documented_ones() -> None:
    """3 attempts, 1 s doubling up to 30 s, full jitter, what passes by itself, a budget."""
    found = Retry()

    assert (3, 1.0, 30.0, 2.0, Growth.EXPONENTIAL, Jitter.FULL, RETRY_AFTER_MAX_S, Budget(), False) == (
        found.attempts_max, found.initial_delay_s, found.max_delay_s, found.multiplier, found.growth, found.jitter,
        found.retry_after_max_s, found.budget, found.reraise,
    )  # fmt: skip
    assert {
        C.NETWORK_TIMEOUT, C.NETWORK_CONNECTION_REFUSED, C.RATE_LIMIT_BURST, C.API_UNEXPECTED_STATUS, C.API_RESPONSE_MALFORMED
    } == found.categories  # fmt: skip
    assert 604_800 == RETRY_AFTER_MAX_S


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        pytest.param({"growth": "cubic"}, "growth", id="growth"),
        pytest.param({"attempts_max": None}, "attempts_max", id="none-is-no-number"),
        pytest.param({"jitter": None}, "jitter", id="jitter"),
        pytest.param({"budget": 0.2}, "budget", id="budget"),
        pytest.param({"on_result": "no"}, "on_result", id="on-result"),
        pytest.param({"on": ConnectionError}, "on", id="no-tuple"),
        pytest.param({"on": (KeyboardInterrupt,)}, "on", id="what-is-never-repeated"),
        pytest.param({"on": ("ValueError",)}, "on", id="no-class"),
        pytest.param({"rules": [1]}, "rules", id="no-mapping"),
        pytest.param({"rules": {C.NETWORK_TIMEOUT: 3}}, "rules", id="no-rule"),
        pytest.param({"rules": {"odd": RetryRule()}}, "rules", id="no-category"),
        pytest.param({"categories": frozenset({C.NETWORK_TIMEOUT, 7})}, "categories", id="category"),
        pytest.param({"retry_after_max_s": math.nan}, "retry_after_max_s", id="no-number"),
        pytest.param({"max_delay_s": 604_801}, "max_delay_s", id="delay"),
        pytest.param({"multiplier": 0.99}, "multiplier", id="shrinks"),
    ],
)
def test_refuses_what_cannot_be_meant(wrong: dict[str, object], path: str) -> None:
    """One bad value is one problem, named by its setting, with the value in the message."""
    with pytest.raises(BadSettings) as refused:
        Retry(**wrong)

    assert [("retry", path)] == [(problem.source, problem.path) for problem in refused.value.problems]


def test_zero_is_a_value() -> None:
    """No wait at all is a wish like any other, in a policy and in a rule."""
    settings = Retry(initial_delay_s=0, max_delay_s=0, rules={C.NETWORK_TIMEOUT: RetryRule(initial_delay_s=0)})

    assert [0, 0] == waits(settings, draw=0.9, count=2)
    assert 0 == Retry(initial_delay_s=5, rules=settings.rules).for_category(C.NETWORK_TIMEOUT).initial_delay_s


def test_a_rule_is_checked_as_a_policy_is() -> None:
    """All of its numbers at once; None leaves a part to the policy."""
    with pytest.raises(BadSettings) as refused:
        RetryRule(attempts_max=0, initial_delay_s=-1, max_delay_s=math.inf, multiplier=True)

    assert ["attempts_max", "initial_delay_s", "max_delay_s", "multiplier"] == [
        problem.path for problem in refused.value.problems
    ]
    assert {"retry rule"} == {problem.source for problem in refused.value.problems}


def test_settings_cannot_be_changed_from_outside() -> None:
    """The rules that were given are copied, and what is kept cannot be written."""
    rules = {C.NETWORK_TIMEOUT: RetryRule(attempts_max=2)}
    settings = Retry(rules=rules)
    rules.clear()

    assert 2 == settings.for_category(C.NETWORK_TIMEOUT).attempts_max
    with pytest.raises(TypeError):
        settings.rules[C.RATE_LIMIT_BURST] = RetryRule()  # type: ignore[index]  # that is the point


def test_the_words_for_growth_and_jitter_are_fixed() -> None:
    """They stand in other people's settings."""
    assert ["none", "full", "equal", "decorrelated", "plus_minus_10", "plus_30"] == [word.value for word in Jitter]
    assert ["fixed", "linear", "exponential"] == [word.value for word in Growth]
