"""The table by which every field of an entry is shown to act is honest: each row is about its own field."""

from __future__ import annotations

import pytest

from tests.catalog.test_every_field_acts import ROWS


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
