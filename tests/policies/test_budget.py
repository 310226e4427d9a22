"""What a retry budget lets through."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.policies.budget import Budget, give_back, open_purse, refill, withdraw

budgets = st.builds(Budget, ratio=st.floats(0, 10), floor_per_s=st.floats(0, 100), window_s=st.floats(0.1, 3_600))
steps = st.lists(st.tuples(st.floats(0, 1_000), st.integers(0, 50), st.booleans()), max_size=60)


@given(budgets, steps)
def test_repeats_stay_within_the_share_and_the_floor(budget: Budget, taken: list[tuple[float, int, bool]]) -> None:
    """Over any time: repeats ≤ ratio * calls + floor * seconds + what was in the purse at first, and the purse is never overdrawn."""
    now, first_calls, repeats = 0.0, 0, 0
    purse = open_purse(budget, calls=0, now=now)
    initial = purse.tokens

    for passed_s, made, _ in taken:
        now, first_calls = now + passed_s, first_calls + made
        # Repeats are calls, too, once they are made.
        purse, paid = withdraw(budget, purse, calls=first_calls + repeats, now=now)
        repeats += paid

        assert purse.tokens >= 0
        assert repeats <= budget.ratio * first_calls + budget.floor_per_s * now + initial + 1e-6 * (1 + repeats)


@given(budgets, steps)
def test_what_is_given_back_is_as_if_never_taken(budget: Budget, taken: list[tuple[float, int, bool]]) -> None:
    """A repeat that was never made costs nothing at all."""
    now, calls = 0.0, 0
    purse = open_purse(budget, calls=0, now=now)

    for passed_s, made, _ in taken:
        now, calls = now + passed_s, calls + made
        untouched = refill(budget, purse, calls=calls, now=now)
        purse, paid = withdraw(budget, purse, calls=calls, now=now)
        if paid:
            purse = give_back(purse)

        assert untouched.tokens == pytest.approx(purse.tokens)
        assert (untouched.calls, untouched.at) == (purse.calls, purse.at)


def test_a_steady_outage_is_repeated_by_the_ratio_alone() -> None:
    """A fifth of the calls means a fifth: the repeats themselves bring no further repeats."""
    budget = Budget(ratio=0.2, floor_per_s=0)
    purse = open_purse(budget, calls=0, now=0)
    repeats = 0

    for number in range(1, 10_001):
        purse, paid = withdraw(budget, purse, calls=number + repeats, now=number / 100)
        repeats += paid

    assert 1_990 <= repeats <= 2_000


def test_nothing_is_repeated_without_ratio_and_floor() -> None:
    """0 is 0: no repeat, ever."""
    budget = Budget(ratio=0, floor_per_s=0)

    _, paid = withdraw(budget, open_purse(budget, calls=0, now=0), calls=10_000, now=10_000)

    assert paid is False


@pytest.mark.parametrize(
    ("floor_per_s", "ratio", "expected"),
    [
        pytest.param(3, 0, 30, id="default-floor"),
        pytest.param(0.05, 0, 1, id="less-than-one-in-a-window"),
        pytest.param(0, 0.5, 0, id="no-floor"),
    ],
)
def test_a_fresh_purse_holds_the_floor(floor_per_s: float, ratio: float, expected: int) -> None:
    """A program that was quiet may repeat at once, by the floor of one window, and at least once where there is a floor."""
    budget = Budget(ratio=ratio, floor_per_s=floor_per_s)
    purse, count, paid = open_purse(budget, calls=0, now=5), 0, True

    while paid:
        purse, paid = withdraw(budget, purse, calls=count, now=5)
        count += paid

    assert expected == count


def test_a_floor_below_one_a_window_saves_up() -> None:
    """A floor of one repeat in 20 s allows one every 20 s, although the window is 10 s."""
    budget = Budget(ratio=0, floor_per_s=0.05, window_s=10)
    purse = open_purse(budget, calls=0, now=0)
    paid_at = []

    for now in range(101):
        purse, paid = withdraw(budget, purse, calls=0, now=now)
        paid_at += [now] if paid else []

    assert [0, 20, 40, 60, 80, 100] == pytest.approx(paid_at, abs=1)


def test_old_calls_are_forgotten() -> None:
    """Calls of an hour ago allow no repeats now: of those since then, only the share of one window counts."""
    budget = Budget(ratio=0.5, floor_per_s=0, window_s=10)
    purse = refill(budget, open_purse(budget, calls=0, now=0), calls=100, now=1)

    later = refill(budget, purse, calls=136, now=3_601)

    assert 50 == purse.tokens
    assert pytest.approx(1 + 0.5 * 36 * 10 / 3_600) == later.tokens


def test_half_a_window_forgets_half() -> None:
    """What is beyond one token fades over the window."""
    budget = Budget(ratio=1, floor_per_s=0, window_s=10)
    purse = refill(budget, open_purse(budget, calls=0, now=0), calls=41, now=0)

    assert 21 == refill(budget, purse, calls=41, now=5).tokens


def test_time_and_calls_never_run_backwards() -> None:
    """Two threads that read the clock in one order and come in the other take nothing from the purse."""
    budget = Budget()
    purse = refill(budget, open_purse(budget, calls=5, now=10), calls=9, now=12)

    again = refill(budget, purse, calls=7, now=11)

    assert purse == again


def test_the_defaults_are_the_documented_ones() -> None:
    """A fifth of the calls of 10 s, and three a second."""
    assert Budget(ratio=0.2, floor_per_s=3, window_s=10) == Budget()


def test_refuses_all_bad_settings_at_once() -> None:
    """Every number out of range is told."""
    with pytest.raises(BadSettings) as refused:
        Budget(ratio=10.1, floor_per_s=-1, window_s=math.nan)

    assert ["ratio", "floor_per_s", "window_s"] == [problem.path for problem in refused.value.problems]
    assert {"budget"} == {problem.source for problem in refused.value.problems}
    assert "must be a number from 0 to 10, not 10.1" == refused.value.problems[0].message


@pytest.mark.parametrize(
    "edge",
    [
        pytest.param({"ratio": 10, "floor_per_s": 1_000_000, "window_s": 3_600}, id="most"),
        pytest.param({"ratio": 0, "floor_per_s": 0, "window_s": 0.1}, id="least"),
    ],
)
def test_takes_the_edges_of_each_range(edge: dict[str, float]) -> None:
    """The ends of a range belong to it."""
    assert edge["window_s"] == Budget(**edge).window_s


@pytest.mark.parametrize(
    "wrong", [{"floor_per_s": 1_000_001}, {"window_s": 0.09}, {"window_s": 3_601}, {"ratio": -0.1}]
)
def test_refuses_what_lies_just_outside(wrong: dict[str, float]) -> None:
    """The neighbour of an edge is refused."""
    with pytest.raises(BadSettings):
        Budget(**wrong)


def test_the_only_repeat_that_is_given_back_leaves_nothing_behind() -> None:
    """It is no call any more, and what is in the purse never counts less than none."""
    budget = Budget()
    full = open_purse(budget, calls=0, now=0)
    paid, enough = withdraw(budget, full, calls=0, now=0)

    assert enough
    assert 1 == paid.calls
    assert full == give_back(paid)
    assert 0 == give_back(full).calls
