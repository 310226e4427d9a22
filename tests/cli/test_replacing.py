"""`resume --with`: an execution goes on with another plan, or says everything that speaks against it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.shop import come_back_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Call, OpenShop

ID = "7d1f6a2c-0000-4000-8000-000000000002"


def extended(plan: Path, *, amount: int) -> Path:
    """The plan with another action after its first, whose amount may differ."""
    document = json.loads(plan.read_text())
    first = document["actions"][0]
    first["inputs"]["amount"] = amount
    document["actions"] = [first, {**first, "id": "again", "dependencies": ["order"]}]
    other = plan.with_name("other.json")
    other.write_text(json.dumps(document))
    return other


def test_an_execution_goes_on_with_another_plan(call: Call, open_shop: OpenShop) -> None:
    """What is left of the plan is exchanged while the execution waits; it ends as the new plan says."""
    files = open_shop(come_back_in(1))
    assert 3 == call("run", *files.arguments, "--id", ID, "--wait-max", "0").code
    other = extended(files.plan, amount=3)
    other.write_text(
        other.read_text().replace('"dependencies": ["order"]', '"dependencies": ["order"], "phase": "two"')
    )

    ended = call("resume", ID[:8], "--with", str(other), "--actions", str(files.actions), "--json")

    assert 0 == ended.code
    assert "warning: other.json: actions[1].phase: has no effect" in ended.err.replace(f"{other.parent}/", "")
    assert ["order", "again"] == list(ended.fields["actionStates"])  # type: ignore[call-overload]  # an object
    assert "the plan was replaced" in call("why", ID).out


def test_what_has_begun_may_not_change(call: Call, open_shop: OpenShop) -> None:
    """A plan that changes what has begun is refused with exit code 2, and the execution stands as before."""
    files = open_shop(come_back_in(60))
    assert 3 == call("run", *files.arguments, "--id", ID, "--wait-max", "0").code
    other = extended(files.plan, amount=4)

    ended = call("resume", ID, "--with", str(other), "--actions", str(files.actions))

    assert 2 == ended.code
    assert "action 'order' has begun" in ended.err
    assert ["order"] == list(call("executions", "show", ID, "--json").fields["actionStates"])  # type: ignore[call-overload]  # an object


@pytest.mark.parametrize(
    "arguments",
    [["--with", "plan.json"], ["a", "b", "--with", "plan.json"], ["--all", "--with", "plan.json"], ["a", "--actions", "x.json"]],
    ids=["none", "two", "all", "no plan"],
)  # fmt: skip
def test_one_plan_is_for_one_execution(call: Call, arguments: list[str]) -> None:
    """A new plan for no execution or for several, and definitions without a plan, are bad usage."""
    ended = call("resume", *arguments)

    assert 2 == ended.code
    assert "--with" in ended.err
