"""How settings of policies are checked: every value, all problems at once, with the range in the message.

Values are looked at as plain objects, because callers without a type checker send anything. Nothing is ever taken for "not given": 0 is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from holdfast.errors import BadSettings, Problem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["by_fields", "choice_problem", "function_problem", "number_problem", "refuse", "take_words"]


def number_problem(
    value: object, low: float, high: float, *, whole: bool = False, optional: bool = False
) -> str | None:
    """What is wrong with a number that may be `low` to `high`, both included; None when it is fine.

    Truth values and "not a number" are no numbers. With `whole` it has to be an int; with `optional`, None is fine.
    """
    if optional and value is None:
        return None
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if is_number and low <= value <= high:  # type: ignore[operator]  # it is a number by now
        return None
    most = "more" if math.isinf(high) else f"{high:_.12g}"
    join = "or" if math.isinf(high) else "to"
    return f"must be a {'whole ' if whole else ''}number from {low:_.12g} {join} {most}, not {value!r}"


def choice_problem(value: object, kind: type) -> str | None:
    """What is wrong with a value that has to be a member of an enumeration; None when it is fine."""
    if isinstance(value, kind):
        return None
    words = ", ".join(str(word) for word in kind) if issubclass(kind, Enum) else f"a {kind.__name__}"
    return f"must be {'one of ' if issubclass(kind, Enum) else ''}{words}, not {value!r}"


def take_words(settings: object, **kinds: type[StrEnum]) -> None:
    """Put the member in the place of its word, in the fields that are named; what is no word stays, and is refused later."""
    for name, kind in kinds.items():
        word: object = getattr(settings, name)
        if isinstance(word, str) and word in set(kind):
            object.__setattr__(settings, name, kind(word))


def by_fields(settings: DataclassInstance) -> tuple[object, ...]:
    """How settings that hold a read-only mapping are copied and pickled: by their fields, and checked again. For use as `__reduce__`."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    plain = {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in values.items()}
    return _made_again, (type(settings), plain)


def _made_again(kind: Callable[..., object], values: dict[str, object]) -> object:
    return kind(**values)


def function_problem(value: object, *, optional: bool = False) -> str | None:
    """What is wrong with a value that has to be something to call; None when it is fine."""
    if optional and value is None:
        return None
    return None if callable(value) else f"must be a function, not {value!r}"


def refuse(source: str, found: Iterable[tuple[str, str | None]]) -> None:
    """Raise if anything is wrong: `found` are pairs of a field's name and what is wrong with it, or None.

    Raises:
        BadSettings: listing all of them, with `source` as the place.
    """
    problems = [Problem(source=source, path=name, message=message) for name, message in found if message is not None]
    if problems:
        raise BadSettings(problems)
