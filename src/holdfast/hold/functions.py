"""Whether a Python function can be an action: its inputs arrive by keyword, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
from holdfast.guards.handable import flaws_of_parameters
from holdfast.plans.value_schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["flawed_schemas", "problems_of"]


def problems_of(function: Callable[..., object], name: str, *, taken: bool) -> list[Problem]:
    """Return why a function cannot be an action; empty when it can."""
    source = f"@action({name!r})"
    problems: list[Problem] = []
    if taken:
        problems.append(
            Problem(source=source, path="", message="the name is taken by another function; give each its own")
        )
    return problems + [
        Problem(source=source, path=path, message=message) for path, message in flaws_of_parameters(function)
    ]


def flawed_schemas(name: str, *, input_schema: Mapping[str, str], output_schema: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with the schemas of a function."""
    problems: list[Problem] = []
    for field, texts in (("input_schema", input_schema), ("output_schema", output_schema)):
        for key, text in texts.items():
            try:
                schema_of(text)
            except BadInput as err:
                message = err.problems[0].message
                problems.append(Problem(source=f"@action({name!r})", path=f"{field}.{key}", message=message))
    return problems
