"""Plans and definitions in whatever form users have them: a model, parsed JSON, or the path of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.contract import ActionDefinition, ExecutionPlan
from holdfast.errors import BadInput, Problem
from holdfast.plans.files import SourcedDefinition, gather_definitions, read_definitions, read_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.plans.files import Definitions

__all__ = ["ActionSource", "PlanSource", "as_definitions", "as_plan"]

PlanSource = ExecutionPlan | Mapping[str, object] | str | Path
"""A plan as a model, as parsed JSON, or as the path of a JSON or YAML file."""
ActionSource = ActionDefinition | Mapping[str, object] | str | Path
"""A definition as a model or as parsed JSON, or the path of a file with one or several."""


def as_plan(plan: PlanSource, *, size_max_bytes: int) -> tuple[ExecutionPlan, str]:
    """Return a plan and the name of its source, from whatever form it has."""
    if isinstance(plan, ExecutionPlan):
        return plan, "plan"
    if isinstance(plan, (str, Path)):
        return read_plan(plan, size_max_bytes=size_max_bytes), str(plan)
    return ExecutionPlan.from_wire(plan, source="plan"), "plan"


def as_definitions(actions: Iterable[ActionSource], *, size_max_bytes: int) -> Definitions:
    """Return definitions by id and version, from whatever form they have.

    Raises:
        BadInput: some have problems, or an id and version occurs twice; everything wrong with any of them is listed.
    """
    found: list[SourcedDefinition] = []
    problems: list[Problem] = []
    for index, action in enumerate(actions):
        source = f"actions[{index}]"
        try:
            if isinstance(action, (str, Path)):
                found.extend(read_definitions([action], size_max_bytes=size_max_bytes).values())
            elif isinstance(action, ActionDefinition):
                found.append(SourcedDefinition(definition=action, source=source))
            else:
                found.append(
                    SourcedDefinition(definition=ActionDefinition.from_wire(action, source=source), source=source)
                )
        except BadInput as err:
            problems.extend(err.problems)
    gathered = gather_definitions(found, problems=problems)
    if problems:
        raise BadInput(problems)
    return gathered
