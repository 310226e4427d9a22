"""Whether a Python function can be an action: its inputs arrive by keyword, as JSON."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
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
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        problems.append(
            Problem(source=source, path="", message="a generator has no single result; return a value instead")
        )
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            message = "inputs are given by keyword; a positional-only parameter cannot receive one"
            problems.append(Problem(source=source, path=parameter.name, message=message))
        if parameter.default not in (inspect.Parameter.empty, None) and not is_json(parameter.default):
            problems.append(
                Problem(source=source, path=parameter.name, message="inputs are JSON; this default value is not")
            )
    return problems


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


def is_json(value: object) -> bool:
    """Whether a value can be written as JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
