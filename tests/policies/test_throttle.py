"""Which share of the calls is turned away, by what the dependency takes."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Family, Health, Outcome, Verdict
from holdfast.policies.throttle import BUCKETS, Tally, Throttle, reject_ratio, was_taken

PLAIN = Throttle(calls_min=1)


def verdict(category: ErrorCategory, health: Health = Health.NEUTRAL) -> Verdict:
    """A verdict of that category."""
    return Verdict(
        category=category,
        family=Family.TRANSIENT,
        labels=("transient",),
        retryable=True,
        health=health,
        outcome=Outcome.NOT_EXECUTED,
        message="it went wrong",
        fingerprint="f",
        rule="r",
    )


@pytest.mark.parametrize(
    ("requests", "accepts", "expected"),
    [
        pytest.param(0, 0, 0.0, id="nothing known"),
        pytest.param(100, 100, 0.0, id="all taken"),
        pytest.param(100, 50, 0.0, id="half taken, which is what k allows"),
        pytest.param(100, 25, 50 / 101, id="a quarter taken"),
        pytest.param(100, 0, 0.9, id="none taken, and the share has its limit"),
        pytest.param(4, 0, 4 / 5, id="few, none taken"),
    ],
)
def test_the_share_is_that_of_the_formula(requests: int, accepts: int, expected: float) -> None:
    """max(0, (requests - k * accepts) / (requests + 1)), up to the limit."""
    assert expected == reject_ratio(PLAIN, requests=requests, accepts=accepts)


def test_few_calls_are_no_reason_to_turn_any_away() -> None:
    """Below the smallest number of calls everything is sent, at that number it counts."""
    assert 0 == reject_ratio(Throttle(), requests=9, accepts=0)
    assert 0.9 == reject_ratio(Throttle(), requests=10, accepts=0)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(1, 100), st.floats(0, 0.99))
def test_the_share_lies_between_nothing_and_its_limit_and_falls_with_what_is_taken(
    requests: int, accepts: int, k: float, most: float
) -> None:
    """It never leaves its range; one more call that is taken never raises it, one more that is not never lowers it."""
    settings = Throttle(k=k, reject_max=most, calls_min=1)

    share = reject_ratio(settings, requests=requests, accepts=accepts)

    assert 0 <= share <= most
    assert reject_ratio(settings, requests=requests, accepts=accepts + 1) <= share
    assert reject_ratio(settings, requests=requests + 1, accepts=accepts) >= share


@pytest.mark.parametrize(
    ("health", "judged", "expected"),
    [
        pytest.param(Health.SUCCESS, None, True, id="a success"),
        pytest.param(Health.FAILURE, None, False, id="a result that counts as a failure"),
        pytest.param(
            Health.FAILURE, verdict(ErrorCategory.API_UNEXPECTED_STATUS, Health.FAILURE), False, id="a server error"
        ),
        pytest.param(Health.FAILURE, verdict(ErrorCategory.NETWORK_TIMEOUT, Health.FAILURE), False, id="no answer"),
        pytest.param(
            Health.SUCCESS, verdict(ErrorCategory.VALIDATION_FAILED, Health.SUCCESS), True, id="a wrong request"
        ),
        pytest.param(Health.NEUTRAL, verdict(ErrorCategory.AUTH_EXPIRED), True, id="a credential that ran out"),
        pytest.param(Health.NEUTRAL, verdict(ErrorCategory.RATE_LIMIT_BURST), False, id="too many requests"),
        pytest.param(Health.NEUTRAL, verdict(ErrorCategory.RATE_LIMIT_DAILY), False, id="a used up quota"),
        pytest.param(Health.NEUTRAL, verdict(ErrorCategory.USER_CANCELLED), None, id="a person stopped it"),
        pytest.param(Health.NEUTRAL, verdict(ErrorCategory.NETWORK_CONNECTION_REFUSED), None, id="nobody was asked"),
        pytest.param(Health.NEUTRAL, verdict(ErrorCategory.NETWORK_TIMEOUT), None, id="it never began"),
    ],
)
def test_an_answer_counts_as_taken_and_a_refusal_does_not(
    health: Health, judged: Verdict | None, expected: bool | None
) -> None:
    """Whatever the dependency worked on was taken; what failed or was refused for being too much was not."""
    assert expected is was_taken(health, judged)


def test_a_quiet_window_leaves_nothing_behind() -> None:
    """After two quiet windows everything counted is gone, although nobody looked in between."""
    tally = Tally(120)
    for step in range(60):
        tally.count(1000.0 + 2 * step, taken=False)

    tally.move_on(1120.0 + 240)

    assert (0, 0) == (tally.requests, tally.accepts)


def test_what_is_older_than_the_window_goes_by_itself() -> None:
    """Calls of one step leave together, and the others stay."""
    tally = Tally(60)
    tally.count(0.5, taken=True)
    tally.count(30.5, taken=False)

    tally.move_on(59.9)
    within = tally.requests, tally.accepts
    tally.move_on(60.0)

    assert ((2, 1), (1, 0)) == (within, (tally.requests, tally.accepts))


@given(st.lists(st.tuples(st.one_of(st.floats(0, 3), st.floats(0, 200)), st.booleans()), max_size=60), st.floats(1, 90))
def test_the_counts_are_those_of_the_window(calls: list[tuple[float, bool]], window_s: float) -> None:
    """Beside a list of all calls: everything within the window less one step is counted, nothing older than the window is."""
    tally = Tally(window_s)
    now, log = 0.0, deque[tuple[float, bool]]()
    for gap, taken in calls:
        now += gap
        tally.count(now, taken=taken)
        log.append((now, taken))
        steps = [(int(then / (window_s / BUCKETS)), was) for then, was in log]
        latest = int(now / (window_s / BUCKETS))
        kept = [was for step, was in steps if step > latest - BUCKETS]

        assert (len(kept), sum(kept)) == (tally.requests, tally.accepts)


def test_a_clock_that_seems_to_go_back_brings_nothing_back() -> None:
    """A time read a little earlier by another thread counts into the latest step."""
    tally = Tally(60)
    tally.count(100, taken=True)
    tally.count(95, taken=True)
    tally.move_on(159.9)
    within = tally.requests

    tally.move_on(160)

    assert (2, 0) == (within, tally.requests)
