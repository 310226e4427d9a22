"""Personal values stay out of what is told of an attempt: its trace, its verdict and its messages."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from holdfast.contract import ActionDefinition
from holdfast.plans.frozen import FunctionRules
from holdfast.plans.personal import VALUES_MAX
from holdfast.testing import FaultApi
from tests.drivers.test_perform import OPENED, assignment, at, performer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from holdfast.recovery.answer import Answer

pytestmark = pytest.mark.anyio
NAME, AGE = "Ada Lovelace", 36


@pytest.fixture(autouse=True)
async def _close_connections() -> AsyncIterator[None]:
    """Give back what a test has opened."""
    yield
    while OPENED:
        await OPENED.pop().close()


def told(answer: Answer) -> str:
    """Everything that is kept of an attempt except its output."""
    return json.dumps([answer.trace, asdict(answer.verdict) if answer.verdict else None], default=str)


def marked(definition: ActionDefinition, *names: str) -> ActionDefinition:
    """The definition with personal fields."""
    return ActionDefinition.from_wire({**definition.to_wire(), "personal": list(names)})


def api(body: object, /, **fault: object) -> dict[str, object]:
    """An API with one route per method."""
    routes = [
        {
            "name": method,
            "method": method,
            "path": "/pay",
            "body": body,
            "faults": [{"calls": [1], **fault}] if fault else [],
        }
        for method in ("GET", "POST")
    ]
    return {"routes": routes}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_trace_has_no_personal_values(tmp_path: Path, method: str) -> None:
    """Names and ages are sent and kept in the output, and stand neither in the address nor in the bodies of the trace, however short they are."""
    inputs = {"name": NAME, "age": AGE, "size": 3}
    answer = {"customer": {"name": NAME, "age": AGE}, "greeting": f"Dear {NAME}", "size": 3}
    with FaultApi(api(answer)) as fake:
        made = marked(at(fake, method=method), "name", "age")

        got = await performer(tmp_path).perform(assignment(made, inputs=inputs))

    assert answer == json.loads(got.output or "")
    exchange = json.loads(got.trace or "")[0]
    assert [] == [
        form
        for form in (NAME, "Ada%20Lovelace", "Ada+Lovelace", "age=36", '"age": 36', '"age":36')
        if form in told(got)
    ]
    assert "personal" in exchange["request"]["body" if method == "POST" else "url"]
    assert '"size":3' in exchange["response"]["body"]


async def test_an_error_that_quotes_is_told_without_the_quotation(tmp_path: Path) -> None:
    """An API that repeats what it got in its message and headers: category and status are told, the person is not."""
    body = {"error": {"message": f"{NAME} has no letter box"}}
    with FaultApi(api({}, kind="status", status=422, headers={"X-Debug": NAME}, body=body)) as fake:
        made = marked(at(fake), "name")

        got = await performer(tmp_path).perform(assignment(made, inputs={"name": NAME}))

    assert got.verdict is not None
    assert "has no letter box" in got.verdict.message
    assert NAME not in told(got)


async def test_a_text_that_is_no_json_is_not_kept(tmp_path: Path) -> None:
    """A page or a form, in which fields cannot be found, is left out of the trace of an action with personal fields."""
    with FaultApi(api({}, kind="garbage")) as fake:
        got = await performer(tmp_path).perform(assignment(marked(at(fake), "name"), inputs={}))

    assert "not kept: it is no JSON" in told(got)


async def test_more_values_than_can_be_looked_for_are_not_quoted_at_all(tmp_path: Path) -> None:
    """An answer with thousands of personal values is kept by its structure only, in bounded time, and its message not at all."""
    people = [{"name": f"Person number {n}"} for n in range(5 * VALUES_MAX)]
    body = {"error": {"message": "Person number 777 is missing"}, "people": people}
    with FaultApi(api({}, kind="status", status=422, body=body)) as fake:
        got = await performer(tmp_path).perform(assignment(marked(at(fake), "name"), inputs={}))

    assert got.verdict is not None
    assert "not kept" in got.verdict.message
    assert '"people"' in json.loads(got.trace or "")[0]["response"]["body"]
    assert "number 777" not in got.verdict.message
    assert "Person number 8" not in told(got)


async def test_a_function_that_fails_tells_no_personal_input(tmp_path: Path) -> None:
    """The message of an exception is kept without the personal values that it quotes."""

    def write(name: str) -> None:
        raise ValueError(f"no letter box for {name}")

    made = FunctionRules(name="write", personal=("name",))
    got = await performer(tmp_path, functions={"write": write}).perform(assignment(made, inputs={"name": NAME}))

    assert got.verdict is not None
    assert "no letter box for" in got.verdict.message
    assert NAME not in told(got)
