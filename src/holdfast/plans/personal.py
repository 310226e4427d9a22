"""What is personal in inputs and outputs: which fields, what they hold, and values without them.

A definition marks fields by name (`email`), wherever they stand, or by a dotted path (`customer.email`) that ends there; lists in between do not
count, nor does upper or lower case. Everything under a marked field is personal. Pure; what is done about it is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from holdfast.ports.rows import ActionRow

__all__ = [
    "NOTHING",
    "PERSONAL",
    "VALUES_MAX",
    "Personal",
    "eraser",
    "flaws_of_names",
    "personal_of",
    "without_personal",
]

PERSONAL = "[personal]"
"""What stands where something personal stood."""
QUOTED_MIN = 4
"""Shorter values are taken out where they stand under their name or alone, and not looked for inside texts: `42` is part of too much else."""
VALUES_MAX = 256
"""So many different values of one answer are looked for in texts; looking for more takes too long. A text that may quote more is not kept."""
GIVEN = frozenset({"inputs", "output", "partialOutput"})
"""What is a user's own in an event."""
OURS = frozenset(
    {
        *(
            "actionId",
            "at",
            "attemptNumber",
            "category",
            "closing",
            "createdAt",
            "credential",
            "dueAt",
            "executionId",
            "family",
            "fingerprint",
        ),
        *(
            "health",
            "method",
            "move",
            "outcome",
            "planId",
            "retryAfter",
            "rule",
            "status",
            "strategy",
            "timestamp",
            "way",
        ),
    }
)
"""Keys whose values are words of ours, times or ids: somebody who is called `running` must not make an execution unreadable."""
NAME = re.compile(r"[^\s.]{1,200}(?:\.[^\s.]{1,200}){0,20}")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Which fields are personal; `names` as they were written."""

    names: tuple[str, ...] = ()
    ends: frozenset[Path] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.names)

    def also(self, names: Iterable[str]) -> Personal:
        """Return these and further fields."""
        return personal_of((*self.names, *names))

    def marks(self, path: Path) -> bool:
        """Whether a path of lower-case keys ends in a personal field."""
        return any(path[-len(end) :] == end for end in self.ends)

    def covers(self, path: Sequence[str | int]) -> bool:
        """Whether the end of a reference's path, or something on its way, is a personal field."""
        keys = tuple(key.casefold() for key in path if isinstance(key, str) and not key.isdigit())
        return any(self.marks(keys[: place + 1]) for place in range(len(keys)))

    def masked(self, value: object) -> object:
        """Return a copy of a JSON value with `PERSONAL` in place of everything personal."""
        return self._walk(value, lambda _: PERSONAL)

    def values(self, value: object) -> tuple[str, ...]:
        """Return the texts and numbers, as texts, of everything personal in a JSON value, the longest first, each once."""
        found: dict[str, None] = {}

        def note(marked: object) -> object:
            found.update(dict.fromkeys(scalars_of(marked)))
            return None

        self._walk(value, note)
        return tuple(sorted(found, key=len, reverse=True))

    def _walk(self, value: object, replaced: Callable[[object], object]) -> object:
        """Copy a value with an explicit stack, what is personal replaced; input of this depth would exhaust Python's own."""
        root: dict[str, object] | list[object] = [value]
        copy: list[object] = [None]
        stack: list[tuple[Mapping[str, object] | list[object], object, Path]] = [(root, copy, ())]
        while stack and self.ends:
            source, target, path = stack.pop()
            places = source.items() if isinstance(source, dict) else enumerate(source)
            for place, item in places:
                here = (*path[-20:], place.casefold()) if isinstance(place, str) else path
                new: object = item
                if isinstance(place, str) and item is not None and self.marks(here):
                    new = replaced(item)
                elif isinstance(item, dict):
                    new = {}
                    stack.append((item, new, here))
                elif isinstance(item, list):
                    new = [None] * len(item)
                    stack.append((item, new, here))
                target[place] = new  # type: ignore[index]  # place came from the source that the target copies
        return copy[0] if self.ends else value


NOTHING = Personal()


def personal_of(names: Iterable[str]) -> Personal:
    """Return the fields of these names and paths."""
    kept = tuple(dict.fromkeys(names))
    return Personal(names=kept, ends=frozenset(tuple(name.casefold().split(".")) for name in kept))


def flaws_of_names(names: Sequence[str]) -> list[str]:
    """Return what is wrong with the names of personal fields; no more than the first few hundred characters of a name are shown."""
    return [
        f"{name[:100]!r} is neither a field's name nor a path such as customer.email"
        for name in names
        if not NAME.fullmatch(name)
    ]


def scalars_of(value: object) -> list[str]:
    """Return all texts and numbers in a JSON value, as texts."""
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and item:
            found.append(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found.append(json.dumps(item))
    return found


def eraser(values: Iterable[str], *, personal: Personal = NOTHING) -> Callable[[str], str]:
    """Return what takes `values` out of a text, wherever it quotes one that is not too short.

    A JSON text stays one: its keys and texts are looked at one by one, and inputs and outputs in it lose what is personal by their structure, too.
    """
    forms = {
        form
        for value in values
        if len(value) >= QUOTED_MIN
        for form in (value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1])
    }
    # One pass over a text however many values there are, and the longest match first.
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None

    def inside(text: str) -> str:
        return pattern.sub(PERSONAL, text) if pattern else text

    def erase(text: str) -> str:
        try:
            value = json.loads(text) if text[:1] in ("{", "[") else text
        except (ValueError, RecursionError):
            value = text
        if isinstance(value, str):
            return inside(text)
        changed = rewritten(value, inside, personal=personal)
        return text if changed == value else json.dumps(changed, ensure_ascii=True, separators=(",", ":"))

    return erase


def rewritten(
    value: object, change: Callable[[str], str], *, personal: Personal = NOTHING, ours: frozenset[str] = OURS
) -> object:
    """Return a copy of a JSON value with every text and key changed, except under the keys `ours`, which we go on to read ourselves."""
    copy: list[object] = [None]
    stack: list[tuple[Mapping[str, object] | list[object], object]] = [([value], copy)]
    while stack:
        source, target = stack.pop()
        places = source.items() if isinstance(source, dict) else enumerate(source)
        for place, item in places:
            held = personal.masked(item) if place in GIVEN else item
            new: object = held
            if isinstance(held, str):
                new = held if place in ours else after_host(held, change) if ours and place == "url" else change(held)
            elif isinstance(held, dict):
                new = {}
                stack.append((held, new))
            elif isinstance(held, list):
                new = [None] * len(held)
                stack.append((held, new))
            target[change(place) if isinstance(place, str) and place not in ours else place] = new  # type: ignore[index]  # as above
    return copy[0]


def after_host(url: str, change: Callable[[str], str]) -> str:
    """Change an address after its host, so that it stays one."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + host + slash + change(path) if mark else change(url)


def without_personal(row: ActionRow, personal: Personal) -> ActionRow:
    """Return an action's row with an output that has nothing personal, for those who are told of it."""
    if not personal:
        return row
    output, location = row.output, row.location
    if output is not None:
        output = json.dumps(personal.masked(json.loads(output)), ensure_ascii=True, separators=(",", ":"))
    if location is not None:
        # What the expected outcome looks at is copied beside the address of a large output; it may be anything.
        kept = json.loads(location)
        metadata = {key: value for key, value in kept["metadata"].items() if key in ("execution", "action")}
        location = json.dumps({**kept, "metadata": metadata})
    return replace(row, output=output, location=location)
