"""The table by which every field of an entry is shown to act is honest: each row is about its own field."""

from __future__ import annotations

import re

import pytest

from holdfast.catalog.lint import _fields
from holdfast.contract.catalog import ApiCatalogEntry
from tests.catalog.test_every_field_acts import PENDING, ROWS


def dropped(wire: object, path: list[str]) -> object:
    """The same without a field, and without parts that hold nothing."""
    if isinstance(wire, list):
        return [dropped(item, path) for item in wire]
    if not isinstance(wire, dict):
        return wire
    kept = {
        name: dropped(value, path[1:] if path[:1] == [name] else []) for name, value in wire.items() if path != [name]
    }
    return {name: value for name, value in kept.items() if value != {}}


@pytest.mark.parametrize("field", ROWS)
def test_the_entries_of_a_row_differ_in_nothing_else(field: str) -> None:
    """Without the field the two entries are one: what differs is its doing."""
    one, other, _ = ROWS[field]

    assert dropped(one, field.split(".")) == dropped(other, field.split("."))


def every_field() -> list[str]:
    """All fields of an entry and its parts, by their places."""
    names: list[str] = []
    todo = [("", ApiCatalogEntry)]
    while todo:
        path, model = todo.pop()
        for name, inner in _fields(model).items():
            place = f"{path}.{name}" if path else name
            names.append(place)
            if inner is not None:
                todo.append((place, inner))
    return names


def test_every_field_has_a_row() -> None:
    """A field that is added to the schema has to act, and to be shown here to do so."""
    assert sorted({*ROWS, *PENDING}) == sorted(every_field())
    assert {} == PENDING, re.sub(r"\s+", " ", "these fields do not act yet")
