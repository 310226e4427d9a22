"""Does the plan's expected outcome hold? Comparisons of spec 000 (`exists`, `equals`, `contains`, `matches`), also those of probes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.errors import BadInput
from holdfast.faults.patterns import compile_pattern
from holdfast.plans.references import LOCATION, MISSING, parse_reference, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.contract import ExecutionPlan
    from holdfast.plans.references import Reference

__all__ = ["flaw_of_comparison", "holds", "unmet", "value_of"]


def holds(value: object, operator: str, expected: str | None) -> bool:
    """Whether a value passes a check. Values that are no text are compared as their JSON text; `contains` also looks into lists and keys."""
    if value is MISSING:
        return False
    if operator == "exists":
        return value is not None
    wanted = expected or ""
    if operator == "equals":
        return as_text(value) == wanted
    if operator == "contains":
        if isinstance(value, list):
            return any(as_text(item) == wanted for item in value)
        return wanted in (value if isinstance(value, dict) else as_text(value))
    return compile_pattern(wanted, source="expectedOutcome", path="validations").is_in(as_text(value))


def flaw_of_comparison(operator: str, expected: str | None) -> str | None:
    """Return what is wrong with the value a check compares with; None when it can be used."""
    if operator == "exists":
        return None
    if expected is None:
        return f"is missing; {operator} needs something to compare with"
    if operator != "matches":
        return None
    try:
        compile_pattern(expected, source="", path="")
    except BadInput as err:
        return err.problems[0].message
    return None


def as_text(value: object) -> str:
    """Return a value as the text it is compared by."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def value_of(reference: Reference, parts: Mapping[str, object]) -> object:
    """Return what a check looks at; for an output that lies in a file, what was noted of it when it was kept."""
    location = parts.get(LOCATION)
    if reference.part != "output" or not isinstance(location, dict):
        return resolve(reference, parts)
    noted = location.get("metadata", {}).get(reference.text)
    return MISSING if noted is None else json.loads(noted)


def unmet(plan: ExecutionPlan, parts_of: Callable[[str], Mapping[str, object]]) -> tuple[str, ...]:
    """Return the names of the plan's validations that do not hold; `parts_of` gives `output`, `status` and `error` of an action."""
    failed: list[str] = []
    for validation in plan.expected_outcome.validations:
        reference = parse_reference(validation.reference)
        value = value_of(reference, parts_of(reference.action)) if reference else MISSING
        if not holds(value, validation.operator, validation.value):
            failed.append(validation.name)
    return tuple(failed)
