"""Checks of outcomes, and outputs as they are kept and shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given as for_all, strategies as st

from holdfast.plans.outcome import flaw_of_comparison, holds, unmet
from holdfast.plans.output import DEPTH_MAX, as_output, output_text, shown
from holdfast.plans.references import MISSING
from tests.plans.samples import action_wire, plan


@pytest.mark.parametrize(
    ("value", "operator", "expected", "result"),
    [
        pytest.param("x", "exists", None, True, id="exists"),
        pytest.param(False, "exists", None, True, id="false-exists"),
        pytest.param(None, "exists", None, False, id="null"),
        pytest.param(MISSING, "exists", None, False, id="missing"),
        pytest.param(MISSING, "equals", "MISSING", False, id="missing-equals-nothing"),
        pytest.param(4900, "equals", "4900", True, id="number"),
        pytest.param(True, "equals", "true", True, id="boolean"),
        pytest.param("4900", "equals", "490", False, id="prefix"),
        pytest.param({"a": [1]}, "equals", '{"a":[1]}', True, id="object"),
        pytest.param(["a", "b"], "contains", "b", True, id="item"),
        pytest.param(["ab"], "contains", "b", False, id="part-of-an-item"),
        pytest.param("abc", "contains", "b", True, id="part-of-a-text"),
        pytest.param({"key": "value"}, "contains", "key", True, id="key"),
        pytest.param({"key": "value"}, "contains", "value", False, id="value-of-a-key"),
        pytest.param("cus_1f", "matches", "^cus_[0-9a-f]+$", True, id="matches"),
        pytest.param("cus_1g", "matches", "^cus_[0-9a-f]+$", False, id="matches-not"),
    ],
)
def test_compares_as_the_plan_says(value: object, operator: str, expected: str | None, result: bool) -> None:
    """Each operator compares texts, other values by their JSON text."""
    assert result == holds(value, operator, expected)


@pytest.mark.parametrize(
    ("operator", "value", "is_fine"),
    [
        pytest.param("exists", None, True, id="exists"),
        pytest.param("equals", "", True, id="equals-nothing"),
        pytest.param("equals", None, False, id="equals-what"),
        pytest.param("contains", None, False, id="contains-what"),
        pytest.param("matches", "a+", True, id="matches"),
        pytest.param("matches", "", False, id="matches-nothing"),
        pytest.param("matches", "(", False, id="matches-broken"),
    ],
)
def test_says_what_is_wrong_with_a_comparison(operator: str, value: str | None, is_fine: bool) -> None:
    """A comparison that could not be made is known before anything runs."""
    assert is_fine == (flaw_of_comparison(operator, value) is None)


def test_names_the_checks_that_do_not_hold() -> None:
    """Of a finished plan's checks exactly those that fail are named."""
    checks = [
        {"name": name, "reference": f"${{a.output.{name}}}", "operator": "equals", "value": "1"}
        for name in ("one", "two", "three")
    ]
    the_plan = plan(action_wire("a"), validations=tuple(checks))

    assert ("two", "three") == unmet(the_plan, lambda action: {"output": {"one": 1, "two": 2}})


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@for_all(st.dictionaries(st.text(max_size=9), JSON_VALUES, max_size=5))
def test_an_object_is_the_output_as_it_is(value: dict[str, object]) -> None:
    """A JSON object in an answer is the output, and survives being stored as text that any database takes."""
    output = as_output(json.dumps(value).encode())

    stored = output_text(output)
    assert value == json.loads(stored)
    assert stored == stored.encode("utf-8").decode("utf-8")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", {}, id="empty"),
        pytest.param(b" \r\n", {}, id="blank"),
        pytest.param(b"[1]", {"body": [1]}, id="list"),
        pytest.param(b"null", {"body": None}, id="null"),
        pytest.param(b"<html>", {"body": "<html>"}, id="text"),
        pytest.param(b"\xff\xfe!", {"body": "\ufffd\ufffd!"}, id="binary"),
        pytest.param(b'{"x": NaN}', {"body": '{"x": NaN}'}, id="not-a-number"),
        pytest.param(b'{"x": 1e999}', {"body": '{"x": 1e999}'}, id="beyond-doubles"),
        pytest.param(b'{"half": "\\ud800"}', {"half": "\ud800"}, id="half-a-pair"),
    ],
)
def test_anything_else_stands_under_body(body: bytes, expected: dict[str, object]) -> None:
    """A body that is no JSON object stands under `body`, as a value or as text, and can be stored."""
    output = as_output(body)

    assert expected == output
    assert expected == json.loads(output_text(output).encode("utf-8"))


@pytest.mark.parametrize(
    "depth",
    [
        pytest.param(DEPTH_MAX, id="allowed"),
        pytest.param(DEPTH_MAX + 1, id="too-deep"),
        pytest.param(100_000, id="absurd"),
    ],
)
def test_deeply_nested_answers_are_texts(depth: int) -> None:
    """Nesting beyond the limit is kept as the text it came as."""
    body = "[" * depth + "]" * depth

    assert (depth > DEPTH_MAX) == (as_output(body.encode()) == {"body": body})


def test_shows_each_key_as_text() -> None:
    """On the wire each top-level key is a text, others as JSON text."""
    assert {"a": "x", "b": "1", "c": '["é"]', "d": "null"} == shown({"a": "x", "b": 1, "c": ["é"], "d": None})
