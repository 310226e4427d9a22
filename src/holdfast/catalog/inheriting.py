"""Entries that build on others: `extends` names an entry whose rules hold after the own ones and whose parts stand in for missing ones.

Pure, over entries as JSON values. The three APIs of one vendor share how they say no; each keeps what is its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.errors import BadInput, Problem

_DEPTH_MAX = 5
_LISTS = ("errorMappings", "waits", "recoveryStrategies", "quotaWindows")
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


def resolve(entry: Wire, entries: Mapping[str, Wire], *, source: str = "", path: str = "") -> Wire:
    """The entry with everything it takes over from the entries it extends; itself when it extends none.

    Args:
        entry: the entry.
        entries: all entries by id.
        source: the file the entry came from, for the messages.
        path: its place in the source.

    Raises:
        BadInput: an entry that is extended does not exist, or the entries extend one another in a circle or too deeply (5).
    """
    found, parent_id = dict(entry), entry.get("extends")
    for _ in range(_DEPTH_MAX):
        if not isinstance(parent_id, str):
            return found
        parent = entries.get(parent_id)
        if parent is None:
            raise _refused(source, path, f"{parent_id!r} is no entry of this catalog")
        found, parent_id = _joined(found, parent), parent.get("extends")
    if isinstance(parent_id, str):
        raise _refused(source, path, f"entries extend one another in a circle, or more than {_DEPTH_MAX} deep")
    return found


def _joined(own: Wire, other: Wire) -> dict[str, object]:
    joined = {name: value for name, value in other.items() if name not in _OWN} | dict(own)
    for name in _LISTS:
        first, second = own.get(name), other.get(name)
        if isinstance(first, list) and isinstance(second, list):
            joined[name] = [*first, *second]
    return joined


def _refused(source: str, path: str, message: str) -> BadInput:
    return BadInput([Problem(source=source, path=f"{path}.extends" if path else "extends", message=message)])
