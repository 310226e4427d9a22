"""Wrong settings of the admission strategies and of hedging are refused when they are made, all of them at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.policies.adaptive import AdaptiveLimit
from holdfast.policies.bulkhead import Bulkhead
from holdfast.policies.hedge import Hedge
from holdfast.policies.rate_limit import RateLimit
from holdfast.policies.throttle import Throttle

Make = Callable[..., object]

# Strategy, field, the lowest and the highest value that is allowed, and whether it has to be whole.
RANGES: list[tuple[Make, str, float, float, bool]] = [
    (Bulkhead, "calls_max", 1, 1_000_000, True),
    (Bulkhead, "queue_max", 0, 1_000_000, True),
    (Bulkhead, "wait_max_s", 0, 86_400, False),
    (RateLimit, "calls", 1, 1_000_000_000, True),
    (RateLimit, "per_s", 0.001, 31 * 86_400, False),
    (RateLimit, "burst", 1, 1_000_000_000, True),
    (RateLimit, "wait_max_s", 0, 86_400, False),
    (Throttle, "k", 1, 100, False),
    (Throttle, "window_s", 1, 86_400, False),
    (Throttle, "reject_max", 0, 0.999, False),
    (Throttle, "calls_min", 1, 1_000_000, True),
    (AdaptiveLimit, "high", 4, 1_000_000, True),
    (AdaptiveLimit, "smoothing", 0.01, 1, False),
    (AdaptiveLimit, "tolerance", 1, 10, False),
    (AdaptiveLimit, "queue_calls", 1, 1_000, True),
    (AdaptiveLimit, "failure_ratio_max", 0, 1, False),
    (AdaptiveLimit, "samples_min", 1, 10_000, True),
    (AdaptiveLimit, "probe_s", 1, 86_400, False),
    (Hedge, "delay_s", 0, 3_600, False),
    (Hedge, "extra_max", 1, 10, True),
    (Hedge, "quantile", 0.5, 0.999, False),
    (Hedge, "samples_min", 2, 256, True),
    (Hedge, "delay_min_s", 0, 3_600, False),
]
EVERY_RANGE = pytest.mark.parametrize(
    ("make", "field", "low", "high", "whole"), RANGES, ids=[f"{make.__name__}.{field}" for make, field, *_ in RANGES]
)
SOURCES = {
    Bulkhead: "bulkhead",
    RateLimit: "rate_limit",
    Throttle: "throttle",
    AdaptiveLimit: "adaptive",
    Hedge: "hedge",
}


def refused(make: Make, **values: object) -> dict[str, str]:
    """What is refused: each field with its message."""
    with pytest.raises(BadSettings) as caught:
        make(**values)
    assert {SOURCES[make]} == {problem.source for problem in caught.value.problems}  # type: ignore[index]  # a class is a maker
    return {problem.path: problem.message for problem in caught.value.problems}


@EVERY_RANGE
def test_both_ends_of_a_range_are_allowed(make: Make, field: str, low: float, high: float, whole: bool) -> None:
    """Every setting takes the lowest and the highest value that its page names."""
    for value in (low, high):
        assert value == getattr(make(**{field: value}), field)


@EVERY_RANGE
def test_what_is_out_of_range_is_refused_with_the_range(
    make: Make, field: str, low: float, high: float, whole: bool
) -> None:
    """A value beyond either end is refused, and the message shows it."""
    for value in (low - 1, high + 1):
        found = refused(make, **{field: value})

        assert {field} == found.keys()
        assert repr(value) in found[field] or "0.999" in str(high)


@EVERY_RANGE
@pytest.mark.parametrize("value", [True, math.nan, "3", [], math.inf, -math.inf], ids=repr)
def test_what_is_no_number_is_refused(
    make: Make, field: str, *, low: float, high: float, whole: bool, value: object
) -> None:
    """Truth values, "not a number", texts and infinities are refused, never taken for something else."""
    assert {field} == refused(make, **{field: value}).keys()


@EVERY_RANGE
def test_nothing_is_never_taken_for_the_default(make: Make, field: str, low: float, high: float, whole: bool) -> None:
    """Zero is zero: where it is out of range it is refused, where it is in range it is kept."""
    if low > 0:
        assert {field} == refused(make, **{field: 0}).keys()
    else:
        assert getattr(make(**{field: 0}), field) == 0


@EVERY_RANGE
def test_a_part_of_a_call_is_no_number_of_calls(make: Make, field: str, low: float, high: float, whole: bool) -> None:
    """Where calls are counted, half a call is refused."""
    if whole:
        assert "whole number" in refused(make, **{field: low + 0.5})[field]


def test_all_problems_are_listed_at_once() -> None:
    """Whoever made three mistakes hears of three."""
    found = refused(RateLimit, calls=0, per_s=0, kind="leaky", burst=-1, wait_max_s=-1)

    assert ["burst", "calls", "kind", "per_s", "wait_max_s"] == sorted(found)
    assert "must be one of token-bucket, sliding-window, not 'leaky'" == found["kind"]


@pytest.mark.parametrize("kind", [None, 3, ["token-bucket"], "TOKEN_BUCKET"], ids=repr)
def test_an_unknown_kind_of_rate_limit_is_refused(kind: object) -> None:
    """Only the two names are kinds of rate limits."""
    assert {"kind"} == refused(RateLimit, kind=kind).keys()


def test_a_sliding_window_has_no_burst() -> None:
    """A burst given to a sliding window is refused instead of ignored."""
    assert "sliding window has no burst" in refused(RateLimit, kind="sliding-window", burst=3)["burst"]


def test_a_sliding_window_remembers_no_more_than_it_says() -> None:
    """A window of more calls than may be remembered is refused; a bucket of as many is not."""
    assert {"calls"} == refused(RateLimit, kind="sliding-window", calls=100_001).keys()
    assert RateLimit(kind="sliding-window", calls=100_000).calls == RateLimit(calls=100_000).calls


def test_a_queue_in_which_nobody_may_wait_is_refused() -> None:
    """A bulkhead with places to wait in and no time to wait says so at once."""
    assert "nobody could wait" in refused(Bulkhead, queue_max=5, wait_max_s=0)["wait_max_s"]
    assert 0 == Bulkhead(queue_max=0, wait_max_s=0).wait_max_s


def test_a_throttle_always_lets_something_through() -> None:
    """A share of everything is refused: nobody would see that the dependency is well again."""
    assert "below 1" in refused(Throttle, reject_max=1)["reject_max"]


def test_each_bound_of_an_adaptive_limit_is_looked_at() -> None:
    """All three wrong at once are three problems; left out, the first limit is the usual one or the bound next to it."""
    assert [7, 20, 30] == [AdaptiveLimit(low=low, high=high).begins_with for low, high in ((1, 7), (1, 50), (30, 50))]
    assert {"initial", "low", "high"} == refused(AdaptiveLimit, initial=0, low=True, high=2_000_000).keys()


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_the_bounds_of_an_adaptive_limit_have_to_be_in_order(low: int, initial: int, high: int) -> None:
    """The limit begins between its bounds, or is refused by the name of the value that is out of order."""
    if low <= initial <= high:
        assert initial == AdaptiveLimit(low=low, initial=initial, high=high).initial
    else:
        found = refused(AdaptiveLimit, low=low, initial=initial, high=high)
        assert {"high" if high < low else "initial"} == found.keys()
