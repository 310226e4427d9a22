"""What the five source documents ask for, line by line, and where it stands here: data in `docs/reference/spec-map/`, rendered to one page.

A part of a document (an interface, an enumeration, a list of tests) gives its lines a state, a name of ours and a test; a line may have its own.
`done` needs both a name and a test; `different` needs a reason; everything else names the issue that brings it, or `later`.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from holdfast import settings

__all__ = ["STATE", "Line", "flaws_of", "is_test", "lines", "page", "symbol"]

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "reference" / "spec-map"
STATE = re.compile(r"done|issue \d+|later|different")
MISSING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a document. `ours` is a dotted name of ours or `setting:<name>`, `test` is `<file>::<function>`; both may be empty."""

    document: str
    title: str
    part: str
    line: str
    state: str
    ours: str
    test: str
    note: str


def lines() -> list[Line]:
    """Every line of every document, in their order."""
    found: list[Line] = []
    for path in sorted(DATA.glob("*.toml")):
        data = tomllib.loads(path.read_text())
        for part in cast("list[dict[str, object]]", data["part"]):
            for item in cast("list[dict[str, str]]", part["lines"]):
                merged = {key: str(item.get(key, part.get(key, ""))) for key in ("state", "ours", "test")}
                place = {"document": str(data["document"]), "title": str(data["title"]), "part": str(part["name"])}
                # A note of the part stands above its table; only a line's own note stands in it.
                found.append(Line(**place, **merged, line=item["line"], note=item.get("note", "")))
    return found


def note_of_part(document: str, part: str) -> str:
    """The remark about a whole part, if there is one."""
    data = tomllib.loads((DATA / f"{document}.toml").read_text())
    parts = cast("list[dict[str, object]]", data["part"])
    return next(str(one.get("note", "")) for one in parts if one["name"] == part)


def flaws_of(line: Line) -> list[str]:
    """What is wrong with a line; empty when nothing is."""
    flaws = [] if STATE.fullmatch(line.state) else [f"has the state {line.state!r}"]
    if line.state == "done" and not (line.ours and line.test):
        flaws.append("is done without a name of ours and a test")
    if line.state == "different" and not (line.note or note_of_part(line.document, line.part)):
        flaws.append("differs without a reason")
    if line.ours and symbol(line.ours) is MISSING:
        flaws.append(f"names {line.ours}, which does not exist")
    if line.test and not is_test(line.test):
        flaws.append(f"names the test {line.test}, which does not exist")
    return [f"{line.document} {line.part} / {line.line}: {flaw}" for flaw in flaws]


def symbol(name: str) -> object:
    """What a dotted name stands for: a module, something in it, a field of a model or dataclass, or a setting; MISSING when nothing does."""
    if name.startswith("setting:"):
        return next((setting for setting in settings.table() if setting.name == name.removeprefix("setting:")), MISSING)
    words = name.split(".")
    for length in range(len(words), 0, -1):
        try:
            found: object = importlib.import_module(".".join(words[:length]))
        except ModuleNotFoundError:
            continue
        for word in words[length:]:
            found = member(found, word)
        return found
    return MISSING


def member(owner: object, name: str) -> object:
    """A member of a module, class or enumeration, fields of models and dataclasses included."""
    if owner is MISSING:
        return MISSING
    if isinstance(owner, type) and issubclass(owner, BaseModel) and name in owner.model_fields:
        return owner.model_fields[name]
    if dataclasses.is_dataclass(owner) and name in {field.name for field in dataclasses.fields(owner)}:
        return name
    return getattr(owner, name, MISSING)


def is_test(name: str) -> bool:
    """Whether a test of that name is in that file."""
    path, _, function = name.partition("::")
    file = ROOT / path
    return (
        file.is_file()
        and re.search(rf"^(?:async )?def {re.escape(function)}\(", file.read_text(), re.MULTILINE) is not None
    )


def page() -> str:
    """The page."""
    everything = lines()
    parts = [
        "# Where the source documents stand",
        "<!-- Written by `python -m tools.reference` from docs/reference/spec-map/*.toml. Change the data, not this page. -->",
        (
            "Holdfast was commissioned by five documents; this page has a line for each thing that they name.\n"
            "*done*: it is here, and the test named holds it.\n"
            "*issue N*: that issue brings it.\n"
            "*later*: a part without an issue yet.\n"
            "*different*: on purpose, with the reason.\n"
            "[A test](../../tests/docs/test_spec_map.py) checks that every name and every test exists and that no line lacks a state."
        ),
        summary(everything),
    ]
    for document in dict.fromkeys(line.document for line in everything):
        mine = [line for line in everything if line.document == document]
        parts.append(f"## {document} {mine[0].title}")
        for part in dict.fromkeys(line.part for line in mine):
            note = note_of_part(document, part)
            parts += [
                f"### {document}: {part}",
                *([note] if note else []),
                part_table([line for line in mine if line.part == part]),
            ]
    return "\n\n".join(parts) + "\n"


def summary(everything: list[Line]) -> str:
    """How many lines of each document have which state."""
    states = sorted({line.state for line in everything}, key=lambda state: (state != "done", state))
    rows = [["Document", *states, "lines"], ["---"] * (len(states) + 2)]
    for document in dict.fromkeys(line.document for line in everything):
        mine = [line.state for line in everything if line.document == document]
        rows.append([document, *(str(mine.count(state) or "") for state in states), str(len(mine))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def part_table(mine: list[Line]) -> str:
    """The lines of one part."""
    rows = [["Line", "Ours", "Test", "State"], ["---"] * 4]
    for line in mine:
        test = ""
        if line.test:
            path, _, function = line.test.partition("::")
            test = f"[{function}](../../{path})"
        state = f"{line.state}: {line.note}" if line.note else line.state
        rows.append([f"`{line.line}`", f"`{line.ours}`" if line.ours else "", test, state])
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
