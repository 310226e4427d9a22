"""Entries that build on others: `extends` names an entry whose rules hold after the own ones and whose parts stand in for missing ones.

Pure, over entries as JSON values. The three APIs of one vendor share how they say no; each keeps what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from holdfast.errors import BadInput, Problem

DEPTH_MAX = 5
"""How many entries may stand above one another."""

RULES = ("errorMappings", "waits", "recoveryStrategies", "quotaWindows")
"""Lists of rules: the own ones come first, the other entry's after them."""

_OWN = frozenset(
    {
        "apiId",
        "name",
        "version",
        "baseUrl",
        "baseUrls",
        "aliases",
        "examples",
        "extends",
        "notes",
        "healthCheck",
        "kind",
    }
)
"""What an entry never takes from another."""

Wire = Mapping[str, object]
Find = Callable[[str], Wire | None]


def resolve(entry: Wire, find: Find, *, source: str = "", path: str = "") -> Wire:
    """The entry with everything it takes over from the entries it extends; itself when it extends none.

    Args:
        entry: the entry.
        find: gives the entry of an id as it is written, or `None`.
        source: the file the entry came from, for the messages.
        path: its place in the source.

    Raises:
        BadInput: an entry that is extended does not exist, or the entries extend one another in a circle or too deeply (5).
    """
    return reduce(take_over, lineage(entry, find, source=source, path=path))


def lineage(entry: Wire, find: Find, *, source: str = "", path: str = "") -> tuple[Wire, ...]:
    """The entry, the one it extends, the one that extends, and so on.

    Raises:
        BadInput: as for `resolve`.
    """
    found, parent_id = [entry], entry.get("extends")
    while isinstance(parent_id, str):
        if len(found) > DEPTH_MAX:
            message = f"entries extend one another in a circle, or more than {DEPTH_MAX} deep"
            raise _refused(source, path, message)
        parent = find(parent_id)
        if parent is None:
            raise _refused(source, path, f"{parent_id!r} is no entry of this catalog")
        found.append(parent)
        parent_id = parent.get("extends")
    return tuple(found)


def take_over(own: Wire, other: Wire) -> dict[str, object]:
    """An entry with what it takes over from one other."""
    joined = {name: value for name, value in other.items() if name not in _OWN} | dict(own)
    for name in RULES:
        first, second = own.get(name), other.get(name)
        if isinstance(first, list) and isinstance(second, list):
            joined[name] = [*first, *second]
    return joined


def _refused(source: str, path: str, message: str) -> BadInput:
    return BadInput([Problem(source=source, path=f"{path}.extends" if path else "extends", message=message)])
