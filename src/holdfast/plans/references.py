"""References such as `${charge.output.items[0].id}`: what they name, and the typed value they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOCATION", "MISSING", "Missing", "Reference", "parse_reference", "path_of", "resolve"]

# The shape of spec 000 (`ActionReferenceSchema`), split at the first dot; the rest is read segment by segment below.
SHAPE = re.compile(r"\$\{([a-zA-Z0-9_]+)\.([a-zA-Z0-9_.\[\]]+)\}\Z")
INDEX = re.compile(r"[0-9]{1,9}")  # bounded: Python refuses to read thousands of digits
SEGMENT = re.compile(r"([a-zA-Z0-9_]+)|\[(\d{1,9})\]")


LOCATION = "@location"
"""Where a large output lies, among what references can read; the name is none that a reference could have."""


class Missing:
    """The type of `MISSING`: a reference to something that is not there, which is different from null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A parsed reference: the action, the second segment (`output`, `status`, `error`, …) and the path inside."""

    text: str
    action: str
    part: str
    path: tuple[str | int, ...]


def parse_reference(value: object) -> Reference | None:
    """Return the reference that `value` is as a whole, or None when it is a literal. A reference inside a longer text is a literal."""
    if not isinstance(value, str):
        return None
    found = SHAPE.match(value)
    if found is None:
        return None
    segments = path_of(found.group(2))
    if not segments or not isinstance(segments[0], str):
        return None
    return Reference(text=value, action=found.group(1), part=segments[0], path=segments[1:])


def path_of(text: str) -> tuple[str | int, ...]:
    """Split `a.b[0].c` into its segments; empty when it is not well formed."""
    segments: list[str | int] = []
    position = 0
    while position < len(text):
        if segments and text[position] == ".":
            position += 1
        found = SEGMENT.match(text, position)
        if found is None or (found.group(2) is not None and text[position - 1] == "." and position > 0):
            return ()
        segments.append(found.group(1) if found.group(2) is None else int(found.group(2)))
        position = found.end()
        if position < len(text) and text[position] not in ".[":
            return ()
    return () if text.endswith(".") else tuple(segments)


def resolve(reference: Reference, parts: Mapping[str, object]) -> object:
    """Return the value that the reference stands for, typed, or `MISSING`. `parts` holds `output`, `status`, `error` of its action."""
    value = parts.get(reference.part, MISSING)
    for segment in reference.path:
        value = step_into(value, segment)
        if value is MISSING:
            return MISSING
    return value


def step_into(value: object, segment: str | int) -> object:
    """Take one segment of a path. A name of digits also indexes a list, as in `items.0`."""
    if isinstance(value, dict):
        return value.get(str(segment), MISSING)
    if isinstance(value, list) and (isinstance(segment, int) or INDEX.fullmatch(segment)):
        index = int(segment)
        return value[index] if index < len(value) else MISSING
    return MISSING
