"""YAML text in, as the same values that JSON has: what a person writes by hand becomes what the contract reads.

YAML's surprises stay out. A plain word is `true`, `false`, `null`, a number as JSON writes it, or a text: dates, `1.0.0`, `on`, `no`, `007`
and `12:30` are texts. Keys are texts. Aliases are allowed, but count as often as they are used, so a small file cannot mean billions of
values; nesting is bounded; a key that stands twice is refused. It knows nothing of plans.
"""

from __future__ import annotations

import re
from typing import NoReturn, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from holdfast.errors import BadInput, Problem

__all__ = ["DEPTH_MAX", "VALUES_MAX", "read_yaml"]

DEPTH_MAX = 100
"""Lists and maps inside one another; documents of the contract need about a dozen."""

VALUES_MAX = 1_000_000
"""Values in one document with every alias written out: beyond what a plan of the most actions needs."""

TEXT_PER_VALUE = 16
"""So many characters of text count as one more value: a long text may not be repeated by aliases for ever either."""

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
DIGITS_MAX = 300
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = frozenset({TAG + "str", TAG + "seq", TAG + "map"})


def read_yaml(text: str, *, source: str = "") -> object:
    """Parse a text with one YAML document.

    Raises:
        BadInput: it is not YAML, holds several documents or none, a tag or key that JSON has no form for, a key twice, more than
            `VALUES_MAX` values, or is nested deeper than `DEPTH_MAX`; with line and column, both counted from 1.
    """
    # Only the events are taken from the library; values are made here, without recursion and without its implicit types.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    building = Building(source)
    try:
        for event in yaml.parse(text, Loader=loader):
            building.take(event)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
        why = getattr(err, "problem", None) or getattr(err, "reason", None) or "it cannot be read"
        building.refuse(f"is not YAML: {why}", mark, cause=err)
    return building.result()


class Mark(Protocol):
    """A place in the text; both counted from 0."""

    line: int
    column: int


class Open:
    """A list or map that is being read."""

    __slots__ = ("anchor", "key", "merged", "size", "value")

    def __init__(self, value: list[object] | dict[str, object], *, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.merged: list[object] = []
        self.size = 1


class Building:
    """Makes values of a document's events, one by one."""

    __slots__ = ("anchors", "documents", "opened", "root", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.opened: list[Open] = []
        self.anchors: dict[str, tuple[object, int]] = {}
        self.root: object = None
        self.documents = 0

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.refuse("holds several documents; give each a file", event.start_mark)
            case CollectionStartEvent():
                self.open(event)
            case CollectionEndEvent():
                self.close(event)
            case ScalarEvent():
                self.scalar(event)
            case AliasEvent():
                self.alias(event)

    def result(self) -> object:
        """Return the document's value."""
        if self.documents == 0:
            self.refuse("is empty", None)
        return self.root

    def open(self, event: CollectionStartEvent) -> None:
        """Begin a list or a map."""
        if self.opened and isinstance(self.opened[-1].value, dict) and self.opened[-1].key is None:
            self.refuse("has a list or a map as a key; keys are texts", event.start_mark)
        if len(self.opened) >= DEPTH_MAX:
            self.refuse(f"is nested deeper than {DEPTH_MAX} levels", event.start_mark)
        if event.tag not in (None, "!", *PLAIN_TAGS):
            self.refuse("has a tag that JSON has no value for", event.start_mark)
        self.opened.append(Open({} if isinstance(event, MappingStartEvent) else [], anchor=event.anchor))

    def close(self, event: CollectionEndEvent) -> None:
        """End a list or a map."""
        done = self.opened.pop()
        value = done.value
        if isinstance(value, dict):
            for merged in done.merged:
                for one in merged if isinstance(merged, list) else [merged]:
                    if not isinstance(one, dict):
                        self.refuse("merges (<<) something that is no map", event.start_mark)
                    for key, inner in one.items():
                        value.setdefault(key, inner)
        self.put(value, size=done.size, anchor=done.anchor, mark=event.start_mark)

    def scalar(self, event: ScalarEvent) -> None:
        """Take a single value, or a key."""
        parent = self.opened[-1] if self.opened else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self.name(parent, str(event.value), mark=event.start_mark)
            return
        tag = event.tag
        if tag not in (None, "!", TAG + "str", TAG + "int", TAG + "float", TAG + "bool", TAG + "null"):
            self.refuse("has a tag that JSON has no value for", event.start_mark)
        is_plain = event.implicit[0] and tag is None
        value: object = plain_value(event.value) if is_plain or tag not in (None, "!", TAG + "str") else event.value
        self.put(value, size=1 + len(event.value) // TEXT_PER_VALUE, anchor=event.anchor, mark=event.start_mark)

    def name(self, parent: Open, key: str, *, mark: Mark | None) -> None:
        """Take the key of what comes next."""
        assert isinstance(parent.value, dict), "only maps have keys"
        if key in parent.value:
            self.refuse("has the same key twice in one map", mark)
        parent.key = key

    def alias(self, event: AliasEvent) -> None:
        """Take what an anchor named before."""
        if self.opened and isinstance(self.opened[-1].value, dict) and self.opened[-1].key is None:
            self.refuse("has an alias as a key; keys are texts", event.start_mark)
        found = self.anchors.get(event.anchor or "")
        if found is None:
            self.refuse("uses an alias before its anchor is complete", event.start_mark)
        self.put(found[0], size=found[1], anchor=None, mark=event.start_mark)

    def put(self, value: object, *, size: int, anchor: str | None, mark: Mark | None) -> None:
        """Give a complete value to the list or map that is open."""
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.opened:
            self.root = value
            return
        parent = self.opened[-1]
        parent.size += size
        if parent.size > VALUES_MAX:
            self.refuse(f"means more than {VALUES_MAX:,} values with its aliases written out", mark)
        if isinstance(parent.value, list):
            parent.value.append(value)
            return
        key, parent.key = parent.key, None
        assert key is not None, "a value in a map follows its key"
        if key == "<<" and isinstance(value, dict | list):
            parent.merged.append(value)
        else:
            parent.value[key] = value

    def refuse(self, why: str, mark: Mark | None, *, cause: Exception | None = None) -> NoReturn:
        """Refuse the document."""
        place = "" if mark is None else f", at line {mark.line + 1}, column {mark.column + 1}"
        raise BadInput([Problem(source=self.source, path="", message=why + place)]) from cause


def plain_value(word: str) -> object:
    """Return what a word without quotes means."""
    if word in WORDS:
        return WORDS[word]
    number = NUMBER.fullmatch(word)
    if number is None:
        return word
    is_whole = number[1] is None and number[2] is None
    # Beyond so many digits the exact value is lost on the wire anyway, and Python limits `int()`.
    return int(word) if is_whole and len(word) <= DIGITS_MAX else float(word)
