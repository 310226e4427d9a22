"""A place in a parsed JSON body, written as keys joined by dots: `error.errors.*.reason`.

What catalog entries use to say where a code, a message or a wait stands. `*` stands for every element of a list and
every value of an object; a number is a key of an object or a position in a list. Looking costs bounded time, whatever
the body: a path has at most 12 steps and yields at most 50 values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

Place = tuple[str, ...]
"""The steps from the top of the body."""

STEPS_MAX = 12
_FOUND_MAX = 50
_LOOKED_AT_MAX = 1_000


def parse_place(path: str) -> Place | None:
    """The steps of a path; `None` when it is empty, has an empty step or more than `STEPS_MAX` steps."""
    steps = tuple(path.split("."))
    return steps if len(steps) <= STEPS_MAX and all(steps) else None


def values_at(value: object, place: Place) -> tuple[object, ...]:
    """What stands at a place, in the order of the body; empty when nothing does."""
    level: list[object] = [value]
    for step in place:
        level = list(islice((item for one in level for item in _below(one, step)), _LOOKED_AT_MAX))
        if not level:
            return ()
    return tuple(level[:_FOUND_MAX])


def text_at(value: object, place: Place) -> str | None:
    """The first value at a place that is a text, a number or a truth value, as JSON writes it (texts without quotes)."""
    return next((text for item in values_at(value, place) if (text := as_text(item)) is not None), None)


def as_text(item: object) -> str | None:
    """A single value as JSON writes it, texts without quotes; `None` for objects, lists and nulls."""
    match item:
        case str():
            return item
        case bool():
            return "true" if item else "false"
        case int() if abs(item) >= 10**40:
            return None  # no code and no wait; writing out a number of a million digits would take its time
        case int() | float():
            return str(item)
        case _:
            return None


def _below(value: object, step: str) -> Iterator[object]:
    if isinstance(value, Mapping):
        if step == "*":
            yield from value.values()
        elif step in value:
            yield value[step]
    elif isinstance(value, list):
        if step == "*":
            yield from value
        elif step.isdecimal() and len(step) < 7 and int(step) < len(value):
            yield value[int(step)]
