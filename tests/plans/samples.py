"""Plans, actions and definitions for the tests of the rooms that judge them, made by changing a small valid one."""

from __future__ import annotations

import copy

from holdfast.contract import ActionDefinition, ExecutionPlan
from holdfast.errors import BadInput, Problem
from holdfast.plans.check import Checked, check
from holdfast.plans.files import SourcedDefinition, definitions_in, gather_definitions

PLAN_FILE = "plan.json"
ACTIONS_FILE = "actions.json"


def changed(document: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    """A copy with some values set, at paths such as `endpoint.url`."""
    made = copy.deepcopy(document)
    for path, value in changes.items():
        *above, last = path.split(".")
        at = made
        for name in above:
            at = at.setdefault(name, {})
        at[last] = value
    return made


def definition_wire(definition_id: str = "shop.get", **changes: object) -> dict[str, object]:
    """A valid definition (GET without parameters); dots in names of changes are written as two underscores."""
    document: dict[str, object] = {
        "id": definition_id,
        "name": "A call",
        "description": "Does something.",
        "version": "1.0.0",
        "endpoint": {"url": "https://shop.example/things", "method": "GET", "headers": {}, "timeout": 1000},
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": 1,
            "initialDelay": 0,
            "maxDelay": 0,
            "backoffMultiplier": 1,
            "retryableErrors": [],
            "jitter": False,
        },
        "knownErrors": [],
        "examples": [],
    }
    return changed(document, {name.replace("__", "."): value for name, value in changes.items()})


def definition(definition_id: str = "shop.get", **changes: object) -> ActionDefinition:
    """The same, read."""
    return ActionDefinition.from_wire(definition_wire(definition_id, **changes))


def action_wire(action_id: str, *dependencies: str, **changes: object) -> dict[str, object]:
    """A valid action."""
    document: dict[str, object] = {
        "id": action_id,
        "actionDefinitionId": "shop.get",
        "inputs": {},
        "dependencies": list(dependencies),
        "errorHandling": {"continueOnFailure": False},
    }
    return changed(document, {name.replace("__", "."): value for name, value in changes.items()})


def plan_wire(*actions: dict[str, object], validations: tuple[dict[str, object], ...] = ()) -> dict[str, object]:
    """A valid plan of these actions."""
    return {
        "id": "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21",
        "name": "A plan",
        "description": "For tests.",
        "intent": {"original": "Do it", "interpreted": "It is done", "confidence": 1},
        "actions": list(actions),
        "expectedOutcome": {"description": "It is done.", "validations": list(validations)},
        "metadata": {"createdAt": "2026-01-15T09:00:00.000Z", "estimatedDuration": 1000, "tags": []},
    }


def plan(*actions: dict[str, object], validations: tuple[dict[str, object], ...] = ()) -> ExecutionPlan:
    """The same, read."""
    return ExecutionPlan.from_wire(plan_wire(*actions, validations=validations))


def given(*definitions: dict[str, object]) -> dict[tuple[str, str], SourcedDefinition]:
    """Definitions as if read from one file; without any, the one that `action_wire` names."""
    problems: list[Problem] = []
    document = list(definitions) or [definition_wire()]
    found = gather_definitions(definitions_in(document, source=ACTIONS_FILE, problems=problems), problems=problems)
    assert not problems, problems
    return found


def judged(the_plan: ExecutionPlan, *definitions: dict[str, object], **more: object) -> Checked | list[str]:
    """What `check` says: what passed, or the problems as text."""
    try:
        return check(the_plan, given(*definitions), plan_source=PLAN_FILE, **more)
    except BadInput as err:
        return [str(problem) for problem in err.problems]


def passed(the_plan: ExecutionPlan, *definitions: dict[str, object], **more: object) -> Checked:
    """What passed; fails with the problems otherwise."""
    result = judged(the_plan, *definitions, **more)
    assert isinstance(result, Checked), result
    return result
