"""Inputs and outputs are held to their schemas around a real call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdfast.contract import ActionDefinition
from holdfast.plans.frozen import FunctionRules, thaw
from holdfast.ports.rows import Purpose
from holdfast.testing import FaultApi
from tests.drivers.test_perform import OPENED, assignment, at, performer, scenario
from tests.recovery.bench import action, definition, frozen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from holdfast.recovery.answer import Answer

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _close_connections() -> AsyncIterator[None]:
    """Give back what a test has opened."""
    yield
    while OPENED:
        await OPENED.pop().close()


PARTS = {"big": {"output": {"id": "secret-value"}}}


def with_schemas(made: ActionDefinition, **schemas: dict[str, str]) -> ActionDefinition:
    """The same definition with schemas."""
    return ActionDefinition.from_wire({**made.to_wire(), **schemas})


async def test_a_referenced_input_that_does_not_fit_is_refused_before_the_call(tmp_path: Path) -> None:
    """Nothing is sent; the message names input and rule, and not the value."""
    with FaultApi(scenario()) as api:
        made = with_schemas(at(api), inputSchema={"amount": "integer", "note": "string?"})

        answer = await performer(tmp_path).perform(assignment(made, inputs={"amount": "${big.output.id}"}, parts=PARTS))

        assert 0 == api.ledger().route("pay").calls
    assert answer.verdict is not None
    assert ("validation_failed", "not_executed", "input-schema") == (
        answer.verdict.category,
        answer.verdict.outcome,
        answer.verdict.rule,
    )
    assert "the input 'amount' must be an integer, not a string" in answer.verdict.message
    assert "secret-value" not in answer.verdict.message


async def perform_once(tmp_path: Path, body: object, **schemas: dict[str, str]) -> Answer:
    """Call an API that answers with a body."""
    with FaultApi(scenario(body)) as api:
        return await performer(tmp_path).perform(assignment(with_schemas(at(api), **schemas)))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"id": "string"}, None),
        ({"id": "string", "more": "string?"}, None),
        ({"id": "integer"}, "'id' must be an integer, not a string"),
        ({"more": "string"}, "'more' is missing"),
        ({"id": '{"maxLength": 1}'}, "'id' breaks the rule maxLength: 1"),
    ],
    ids=["fits", "optional", "type", "missing", "rule"],
)
async def test_an_answer_is_held_to_its_schema(tmp_path: Path, schema: dict[str, str], told: str | None) -> None:
    """What does not fit is a malformed answer of something that was done; keys that no schema names are allowed."""
    answer = await perform_once(tmp_path, {"id": "p1", "extra": 1}, outputSchema=schema)

    if told is None:
        assert answer.verdict is None
        return
    assert answer.verdict is not None
    assert ("api_response_malformed", "executed", "output-schema", 200) == (
        answer.verdict.category,
        answer.verdict.outcome,
        answer.verdict.rule,
        answer.verdict.status,
    )
    assert told in answer.verdict.message
    assert answer.trace is not None


async def test_an_empty_answer_says_nothing_of_what_was_done(tmp_path: Path) -> None:
    """An empty 2xx may come from something in between: its outcome is unknown, as for every 2xx that cannot be read."""
    route = {"name": "pay", "method": "POST", "path": "/pay", "status": 204}
    with FaultApi({"routes": [route]}) as api:
        made = with_schemas(at(api), outputSchema={"id": "string"})
        answer = await performer(tmp_path).perform(assignment(made))

    assert answer.verdict is not None
    assert "unknown" == answer.verdict.outcome


async def test_a_probe_is_held_to_its_schema(tmp_path: Path) -> None:
    """A probe whose answer is not what it should be has found nothing out."""
    with FaultApi(scenario({"id": 5}, method="GET")) as api:
        made = with_schemas(at(api, method="GET"), outputSchema={"id": "string"})
        answer = await performer(tmp_path).perform(assignment(made, purpose=Purpose.PROBE))

    assert answer.verdict is not None
    assert "output-schema" == answer.verdict.rule


@pytest.mark.parametrize(
    ("given", "rule"), [({"n": 1}, None), ({"n": 2}, "output-schema"), ({"n": "x"}, "input-schema")], ids=str
)
async def test_functions_are_held_to_their_schemas(tmp_path: Path, given: dict[str, object], rule: str | None) -> None:
    """What a function takes and returns is checked by what its author said of it."""
    rules = FunctionRules(name="f", input_schema={"n": "integer"}, output_schema={"double": '{"maximum": 2}'})
    called: list[object] = []

    def double(n: int) -> dict[str, object]:
        """Double a number."""
        called.append(n)
        return {"double": 2 * n}

    answer = await performer(tmp_path, functions={"f": double}).perform(assignment(rules, inputs=given))

    assert rule == (answer.verdict.rule if answer.verdict else None)
    assert (rule != "input-schema") is bool(called)


async def test_a_large_output_is_checked_as_well(tmp_path: Path) -> None:
    """An output that goes to a file of its own is held to its schema before."""
    answer = await perform_once(tmp_path, {"id": "x" * 200_000}, outputSchema={"id": '{"maxLength": 9}'})

    assert answer.verdict is not None
    assert "output-schema" == answer.verdict.rule


async def test_a_plan_that_was_accepted_before_schemas_were_kept_goes_on_as_it_was_told() -> None:
    """A document of the release before keeps to no schemas: even what is no schema stops nothing."""
    made = with_schemas(definition("pay"), inputSchema={"x": "anything goes"}, outputSchema={"y": "string"})
    body = (
        frozen([action("pay")], [made])
        .body.replace('"format":2,', '"format":1,')
        .replace('"planOfContract2":', '"plan":')
    )

    plan = thaw(body)

    assert ({}, {}) == (plan.actions["pay"].takes, plan.actions["pay"].gives)
