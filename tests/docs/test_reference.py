"""The reference pages say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast import errors, settings
from holdfast.journal.events import EVENT_TYPES
from tools import reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_pages_are_up_to_date() -> None:
    """Settings, errors, events and commands are documented as they are; to write the pages: python -m tools.reference."""
    assert [] == reference.outdated()


def test_every_setting_is_documented() -> None:
    """Each setting stands in the table with its variable."""
    page = (ROOT / "docs/reference/settings.md").read_text()

    missing = [s.name for s in settings.table() if f"| `{s.name}` |" not in page or f"`{s.variable}`" not in page]

    assert [] == missing


def test_every_error_is_documented() -> None:
    """Each slug of an error is a heading that can be linked to."""
    page = (ROOT / "docs/reference/errors.md").read_text()
    kinds = [getattr(errors, name) for name in errors.__all__]

    missing = [
        kind.slug for kind in kinds if hasattr(kind, "slug") and not re.search(rf"^## {kind.slug}$", page, re.MULTILINE)
    ]

    assert [] == missing


def test_every_event_is_documented() -> None:
    """Each type of event stands in the table with its fields."""
    page = (ROOT / "docs/reference/events.md").read_text().splitlines()

    missing = [
        event.name
        for event in EVENT_TYPES.values()
        if not any(f"| `{event.name}` |" in line and all(f"`{name}`" in line for name in event.fields) for line in page)
    ]

    assert [] == missing


def test_events_are_named_for_what_happened() -> None:
    """An event's name is a noun and what happened to it, without data; it has a meaning and a level."""
    wrong = [
        name
        for name, event in EVENT_TYPES.items()
        if name != event.name
        or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name)
        or not event.meaning.endswith(".")
        or event.level not in {"debug", "info", "warning", "error"}
    ]

    assert [] == wrong


def test_every_command_is_documented() -> None:
    """Each command that can be typed is a heading of the command line's page."""
    page = (ROOT / "docs/reference/cli.md").read_text()
    headings = re.findall(r"^## (holdfast .+)$", page, re.MULTILINE)

    assert sorted(reference.command_names()) == sorted(headings)


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    """The tree on top of holdfast.errors shows every error below the one it belongs to."""
    drawn = re.findall(r"^([│ ]*)(?:├── |└── )?(\w+)", (errors.__doc__ or "").split("```")[1].strip(), re.MULTILINE)
    parents: dict[str, str] = {}
    path: list[str] = []
    for indent, name in drawn:
        depth = 0 if name == "HoldfastError" else len(indent) // 4 + 1
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"
    public = [getattr(errors, name) for name in errors.__all__]
    kinds = [kind for kind in public if issubclass(kind, Exception)]

    assert {kind.__name__: kind.__bases__[0].__name__ for kind in kinds} == parents
