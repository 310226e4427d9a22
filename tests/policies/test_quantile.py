"""A quantile of the latest values is exact and costs no more memory than they do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from holdfast.policies.quantile import LatestValues

NUMBERS = st.lists(st.floats(0, 1e6) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)


@given(NUMBERS, st.integers(1, 12), st.floats(0, 1))
def test_it_is_the_quantile_of_the_latest_values(values: list[float], size: int, ratio: float) -> None:
    """At least that share of the latest values is no larger, and no smaller value would do."""
    latest = LatestValues(size)

    for value in values:
        latest.add(value)

    kept = sorted(values[-size:])
    found = latest.quantile(ratio)
    assert len(kept) == len(latest)
    assert sum(value <= found for value in kept) >= ratio * len(kept)
    assert found == kept[0] or sum(value < found for value in kept) < ratio * len(kept)


def test_the_95th_of_a_hundred() -> None:
    """Ninety-five of a hundred are no larger than the 95th."""
    latest = LatestValues(100)
    for value in range(300, 0, -1):
        latest.add(value)

    assert [1, 50, 95, 100] == [latest.quantile(ratio) for ratio in (0.0, 0.5, 0.95, 1.0)]


def test_nothing_is_said_of_nothing() -> None:
    """Asking before a value is known, or adding what is no number, is a mistake of the program."""
    with pytest.raises(AssertionError):
        LatestValues(0)
    with pytest.raises(AssertionError):
        LatestValues(3).quantile(0.5)
    with pytest.raises(AssertionError):
        LatestValues(3).add(math.nan)
