"""How settings are checked."""

from __future__ import annotations

import math
from enum import StrEnum
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.policies.checks import choice_problem, function_problem, number_problem, refuse


class Colour(StrEnum):
    """Something to choose from."""

    RED = "red"


@pytest.mark.parametrize(
    "value",
    [pytest.param(value, id=repr(value)) for value in (True, False, "1", None, math.nan, 1j, Fraction(1, 2), [1])],
)
def test_what_is_no_number_is_refused(value: object) -> None:
    """Truth values and "not a number" are none either."""
    assert number_problem(value, 0, 2) == f"must be a number from 0 to 2, not {value!r}"


@given(st.integers() | st.floats(), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_number_is_fine_exactly_inside_its_range(value: float, low: float, span: float) -> None:
    """Both ends belong to it."""
    found = number_problem(value, low, low + span)

    assert (found is None) == (low <= value <= low + span)


@pytest.mark.parametrize(
    ("value", "whole", "optional", "expected"),
    [
        pytest.param(1.0, True, False, "must be a whole number from 1 to 1_000_000, not 1.0", id="not-whole"),
        pytest.param(0, True, False, "must be a whole number from 1 to 1_000_000, not 0", id="zero-is-a-value"),
        pytest.param(0, True, True, "must be a whole number from 1 to 1_000_000, not 0", id="zero-is-not-none"),
        pytest.param(None, True, True, None, id="none-where-it-may-be"),
        pytest.param(None, True, False, "must be a whole number from 1 to 1_000_000, not None", id="none"),
        pytest.param(1_000_000, True, False, None, id="most"),
        pytest.param(1.5, False, False, None, id="a-fraction"),
    ],
)
def test_says_the_range(value: object, whole: bool, optional: bool, expected: str | None) -> None:
    """The message says what may be, and what was given."""
    assert expected == number_problem(value, 1, 1_000_000, whole=whole, optional=optional)


def test_an_open_range_says_or_more() -> None:
    """Without an upper end, infinity itself is fine."""
    assert number_problem(-1, 0, math.inf) == "must be a number from 0 or more, not -1"
    assert number_problem(math.inf, 0, math.inf) is None


def test_a_choice_is_a_member() -> None:
    """A text that looks like one is none."""
    assert choice_problem(Colour.RED, Colour) is None
    assert choice_problem("red", Colour) == "must be one of red, not 'red'"


def test_a_function_is_what_can_be_called() -> None:
    """None is fine only where it is said to be."""
    assert function_problem(len) is None
    assert function_problem(len, optional=True) is None
    assert function_problem(None, optional=True) is None
    assert function_problem(None) == "must be a function, not None"
    assert function_problem(7, optional=True) == "must be a function, not 7"


def test_all_problems_are_told_at_once() -> None:
    """And nothing is raised where there is none."""
    refuse("x", [("a", None)])
    with pytest.raises(BadSettings) as refused:
        refuse("x", [("a", "is wrong"), ("b", None), ("c", "is wrong, too")])

    assert [("x", "a"), ("x", "c")] == [(problem.source, problem.path) for problem in refused.value.problems]
