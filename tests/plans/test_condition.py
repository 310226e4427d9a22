"""What a condition's value means: true, false, or neither; never a guess."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from holdfast.plans.condition import Condition, Verdict, judge, truth_of
from holdfast.plans.references import LOCATION, parse_reference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def condition(otherwise: str = "skip", text: str = "${a.output.ok}") -> Condition:
    """A condition on a value of `a`."""
    reference = parse_reference(text)
    assert reference is not None
    return Condition(reference=reference, otherwise=otherwise)  # type: ignore[arg-type]  # one of the two words


@pytest.mark.parametrize(("value", "truth"), [(True, True), ("true", True), (False, False), ("false", False)])
def test_true_and_false_are_known_as_json_and_as_words(value: object, truth: bool) -> None:
    """The two values and the two words are all that a condition understands."""
    assert truth is truth_of(value)


@pytest.mark.parametrize(
    "value",
    [None, 0, 1, 1.0, "", "TRUE", "True", "yes", "1", " true", "true\n", [], [True], {}, {"ok": True}],
    ids=repr,
)
def test_everything_else_is_neither(value: object) -> None:
    """What other languages take for true or false is neither here: a wrong guess could pay twice."""
    judged = judge(condition("fail"), {"output": {"ok": value}})

    assert Verdict.INVALID is judged.verdict


@given(JSON)
def test_no_value_is_both_or_breaks_it(value: object) -> None:
    """Any JSON value is true, false or neither, and only the four known ones are not neither."""
    known = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    expected = known if isinstance(known, bool) else None

    assert expected is truth_of(value)


@pytest.mark.parametrize("otherwise", ["skip", "fail"])
def test_a_false_condition_does_what_else_says(otherwise: str) -> None:
    """`else` decides between leaving an action out and letting it fail; the reason names the condition and its value."""
    judged = judge(condition(otherwise), {"output": {"ok": "false"}})

    assert (Verdict(otherwise), 'its condition ${a.output.ok} is "false"') == (judged.verdict, judged.reason)


def test_a_value_that_is_not_there_is_neither() -> None:
    """An output without the value is an error, and is told apart from null."""
    absent, null = (judge(condition(), {"output": output}).reason for output in ({}, {"ok": None}))

    assert ("is not there" in absent, "is null" in null) == (True, True)


def test_a_reason_never_repeats_what_an_api_answered() -> None:
    """A value that is no truth may be personal: only its kind is told."""
    judged = judge(condition(), {"output": {"ok": "ada@example.org"}})

    assert "is a text, and not true or false" in judged.reason
    assert "ada" not in judged.reason


def test_an_output_in_a_file_is_judged_by_what_was_noted_of_it() -> None:
    """No file is read to judge a condition: its value was noted when the output was kept."""
    noted = {LOCATION: {"metadata": {"${a.output.ok}": json.dumps(True)}}}

    assert Verdict.EXECUTE is judge(condition(), noted).verdict
    assert Verdict.INVALID is judge(condition(text="${a.output.other}"), noted).verdict


def test_an_error_can_be_asked_about() -> None:
    """A condition may look at the error of an action that failed without failing the plan."""
    parts: dict[str, object] = {"status": "failed", "error": {"retryable": False}}

    assert Verdict.SKIP is judge(condition(text="${a.error.retryable}"), parts).verdict
