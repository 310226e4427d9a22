"""The Python door on a real SQLite file: what a program that embeds Holdfast relies on."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import BadInput, ExecutionConflict, UnknownExecution
from holdfast.recovery import claim


def plan(validation: dict[str, str] | None = None) -> dict[str, Any]:
    """A plan of one Python action."""
    return {
        "id": str(uuid.uuid4()),
        "name": "one",
        "description": "one action",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": [
            {
                "id": "fetch",
                "actionDefinitionId": "data.fetch",
                "inputs": {"size": 200_000},
                "dependencies": [],
                "errorHandling": {"continueOnFailure": False},
            }
        ],
        "expectedOutcome": {"description": "", "validations": [validation] if validation else []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }


def fetch(size: int) -> dict[str, object]:
    """Return a large output with a small part in it."""
    return {"id": "r-1", "rows": "x" * size}


@pytest.mark.parametrize(
    ("value", "expected"),
    [pytest.param("r-1", "completed", id="holds"), pytest.param("r-2", "failed", id="does not hold")],
)
def test_the_expected_outcome_is_checked_in_outputs_too_large_for_a_row(
    tmp_path: Path, value: str, expected: str
) -> None:
    """An output that lies in a file of its own counts for the expected outcome like any other."""
    check = {"name": "the right one", "reference": "${fetch.output.id}", "operator": "equals", "value": value}
    with holdfast.open(f"sqlite:///{tmp_path}/h.db") as hold:
        hold.action("data.fetch", repeatable=True)(fetch)

        state = hold.start(plan(check)).wait(timeout_s=20)

    assert expected == state.status
    assert state.action_states["fetch"].result.output_location.size > 200_000  # type: ignore[union-attr]  # it succeeded


def test_a_worker_without_the_function_leaves_the_plan_to_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten import costs a wait and a warning, never a plan."""
    monkeypatch.setattr(claim, "UNABLE_PAUSE_S", 0.05)
    url = f"sqlite:///{tmp_path}/h.db"
    with holdfast.open(url, worker=False) as first:
        first.action("data.fetch")(fetch)
        execution_id = first.start(plan()).id

    with holdfast.open(url) as without:
        waiting = without.execution(execution_id).wait(timeout_s=0.5)
    with holdfast.open(url) as having:
        having.action("data.fetch")(fetch)
        done = having.execution(execution_id).wait(timeout_s=20)

    assert ("running", 0) == (waiting.status, waiting.action_states["fetch"].attempts)
    assert ("completed", 1) == (done.status, done.action_states["fetch"].attempts)


def test_the_same_id_is_the_same_execution(tmp_path: Path) -> None:
    """Starting twice with one id starts once; another plan under that id is refused."""
    one, name = plan(), str(uuid.uuid4())
    with holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False) as hold:
        hold.action("data.fetch")(fetch)

        ids = [hold.start(one, id=name).id, hold.start(one, id=name).id]
        with pytest.raises(ExecutionConflict):
            hold.start(plan(), id=name)
        listed = [row.id for row in hold.executions()]

    assert [name, name] == ids
    assert [name] == listed


def test_an_unknown_execution_is_an_error(tmp_path: Path) -> None:
    """Asking for what is not there says so."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False) as hold, pytest.raises(UnknownExecution):
        hold.state(str(uuid.uuid4()))


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda value, /: value, id="positional only"),
        pytest.param(lambda *values: values, id="any number"),
        pytest.param(lambda value=object(): value, id="default that is no JSON"),  # noqa: B008 - what is tested
    ],
)
def test_functions_that_cannot_be_actions_are_refused_at_decoration(tmp_path: Path, function: Any) -> None:
    """What inputs could never reach is told where it is written, not when it runs."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False) as hold, pytest.raises(BadInput):
        hold.action("f")(function)


def test_a_cancelled_execution_stays_cancelled(tmp_path: Path) -> None:
    """Cancelling before anything ran ends the execution, once."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False) as hold:
        hold.action("data.fetch")(fetch)
        execution = hold.start(plan())

        answers = [hold.cancel(execution.id), hold.cancel(execution.id)]

        assert [True, False] == answers
        assert "cancelled" == execution.state.status
