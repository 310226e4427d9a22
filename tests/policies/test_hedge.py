"""When a late call is sent once more."""

from __future__ import annotations

import pytest

from holdfast.policies.hedge import Hedge, delay_s, misuse
from holdfast.policies.quantile import LatestValues


def durations(*values: float) -> LatestValues:
    """Calls that took so long."""
    latest = LatestValues(256)
    for value in values:
        latest.add(value)
    return latest


def test_the_delay_is_what_most_of_the_latest_calls_stayed_below() -> None:
    """Of a hundred calls that took 1 to 100 ms, the 95th says how long to wait."""
    known = durations(*(n / 1000 for n in range(1, 101)))

    assert 0.095 == delay_s(Hedge(), known)
    assert 0.05 == delay_s(Hedge(quantile=0.5), known)


def test_too_little_is_known_at_first() -> None:
    """Before enough calls were seen, nobody can say that an answer is late."""
    assert delay_s(Hedge(samples_min=3), durations(1, 1)) is None
    assert 1 == delay_s(Hedge(samples_min=3), durations(1, 1, 1))


def test_a_stated_delay_needs_no_knowledge() -> None:
    """A delay in the settings counts from the first call on, zero included."""
    assert [0.3, 0] == [delay_s(Hedge(delay_s=seconds), durations()) for seconds in (0.3, 0)]


def test_the_very_fast_are_not_hedged_sooner_than_makes_sense() -> None:
    """However fast the calls are, the learnt delay has a floor."""
    assert 0.005 == delay_s(Hedge(), durations(*[0.0001] * 30))


@pytest.mark.parametrize(
    ("repeatable", "asynchronous", "expected"),
    [
        pytest.param(True, True, None, id="fine"),
        pytest.param(False, True, "repeatable=True", id="not repeatable"),
        pytest.param(True, False, "async function", id="not async"),
        pytest.param(False, False, "repeatable=True", id="neither"),
    ],
)
def test_only_async_calls_that_may_be_repeated_can_be_hedged(
    repeatable: bool, asynchronous: bool, expected: str | None
) -> None:
    """Whatever could do harm by being made twice, or cannot be given up, is refused with what to do about it."""
    found = misuse(repeatable=repeatable, asynchronous=asynchronous)

    assert (found is None) if expected is None else expected in (found or "")
