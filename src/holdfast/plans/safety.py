"""What makes repeating an action safe: RFC 9110 §9.2.2 for HTTP methods, unless the definition or the user says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.facts import Safety

if TYPE_CHECKING:
    from holdfast.contract import ActionDefinition

__all__ = ["safety_of"]


def safety_of(definition: ActionDefinition | None, *, has_key: bool, repeatable: bool = False) -> Safety:
    """Return the safety of an HTTP action (`definition`) or of a Python function (`repeatable` is its author's statement)."""
    if definition is None:
        return Safety.IDEMPOTENT if repeatable else Safety.UNSAFE
    method = definition.endpoint.method
    if definition.repeatable is not False and method == "GET":
        return Safety.READ_ONLY
    if definition.repeatable is not False and (definition.repeatable or method in ("PUT", "DELETE")):
        return Safety.IDEMPOTENT
    if has_key:
        return Safety.KEYED
    return Safety.PROBED if definition.probe is not None else Safety.UNSAFE
