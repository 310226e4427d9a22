"""Schemas and rate limits are looked at before anything runs: those that are none, and what is written out and does not fit."""

from __future__ import annotations

import pytest

from holdfast.plans.frozen import FunctionRules
from tests.plans.samples import action_wire as action, definition_wire as define, judged, passed, plan


@pytest.mark.parametrize(
    ("limit", "place"),
    [
        pytest.param({"requests": 100_000, "window": 1}, None, id="the most"),
        pytest.param({"requests": 100_001, "window": 1}, "rateLimit.requests", id="too many"),
        pytest.param({"requests": 1, "window": 31_536_000_000}, None, id="a year"),
        pytest.param({"requests": 1, "window": 31_536_000_001}, "rateLimit.window", id="too long"),
        pytest.param({"requests": 1, "window": 0}, "rateLimit.window", id="no time"),
    ],
)
def test_a_rate_limit_can_be_kept(limit: dict[str, object], place: str | None) -> None:
    """A limit of more calls than are remembered, of no time or of more than a year is refused."""
    result = judged(plan(action("a")), define(rateLimit={**limit, "scope": "global"}))

    assert [place] == (
        [one.split(": ")[1].removeprefix("[0].") for one in result] if isinstance(result, list) else [None]
    )


def test_literal_inputs_keep_to_their_schemas() -> None:
    """Every input that is written out and does not fit is told, and every one that is missing; references are looked at before the call."""
    made = define(inputSchema={"a": "integer", "b": "string", "c": "string", "d": "string?", "e": "integer"})
    the_plan = plan(
        action("first", inputs={"a": 1, "b": "x", "c": "y", "e": 2}),
        action("second", "first", inputs={"a": "five", "b": "${first.output.b}", "d": 4, "e": 2.5, "extra": True}),
    )

    assert [
        "plan.json: actions[1].inputs.a: must be an integer, not a string, says inputSchema",
        "plan.json: actions[1].inputs.c: is missing, says inputSchema",
        "plan.json: actions[1].inputs.d: must be a string, not an integer, says inputSchema",
        "plan.json: actions[1].inputs.e: must be an integer, not a number, says inputSchema",
    ] == judged(the_plan, made)


def test_inputs_of_functions_and_probes_keep_to_their_schemas() -> None:
    """What is written out for a function, or for a probe, is looked at like any other input."""
    probe = {
        "actionDefinitionId": "find",
        "inputs": {"id": 5},
        "happenedIf": {"reference": "${probe.output.id}", "operator": "exists"},
    }
    asked = define("ask", endpoint__method="POST", probe=probe)
    find = define("find", inputSchema={"id": "string"})
    functions = {"work": FunctionRules(name="work", input_schema={"n": "integer"})}
    the_plan = plan(action("a", actionDefinitionId="ask"), action("b", actionDefinitionId="work", inputs={"n": "x"}))

    assert {
        "actions.json: [0].probe.inputs.id: must be a string, not an integer, says inputSchema",
        "plan.json: actions[1].inputs.n: must be an integer, not a string, says inputSchema",
    } == set(judged(the_plan, asked, find, functions=functions))


def test_schemas_that_are_none_are_all_told() -> None:
    """Each schema that cannot be used is told with its place, in one go."""
    made = define(inputSchema={"x": "strng?", "y": "[1]"}, outputSchema={"z": '{"$ref": "https://elsewhere.example/"}'})

    result = judged(plan(action("a")), made)

    assert isinstance(result, list)
    assert ["[0].inputSchema.x", "[0].inputSchema.y", "[0].outputSchema.z"] == [
        one.split(": ")[1] for one in result if one.startswith("actions.json")
    ]


def test_examples_are_texts_that_stand_for_json() -> None:
    """An example writes every value as a text; one whose JSON fits its schema is right."""
    examples = [{"name": "one", "input": {"x": "5"}, "output": {"y": "[1]", "extra": "?"}}]
    made = define(inputSchema={"x": "integer?"}, outputSchema={"y": "array"}, examples=examples)

    assert () == passed(plan(action("a")), made).warnings
