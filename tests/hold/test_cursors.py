"""Cursors into the outbox."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadInput, StaleCursor
from holdfast.hold.cursors import LARGEST, Cursor


@given(era=st.integers(0, 999), xid=st.integers(0, LARGEST), sequence=st.integers(0, LARGEST))
def test_a_cursor_survives_being_written(era: int, xid: int, sequence: int) -> None:
    """What is handed out is what is read."""
    cursor = Cursor(era=era, xid=xid, sequence=sequence)

    assert cursor == Cursor.read(str(cursor), era=era)


@given(text=st.one_of(st.text(), st.from_regex(r"\d+\.\d+\.\d+", fullmatch=True)))
def test_any_other_text_is_refused(text: str) -> None:
    """A text is a cursor within the databases' range, of this era, or an error that says what to do."""
    try:
        cursor = Cursor.read(text, era=0)
    except (BadInput, StaleCursor) as err:
        told = str(err)
    else:
        told = "beginning" if max(cursor.xid, cursor.sequence) <= LARGEST else "out of range"

    assert "beginning" in told


def test_a_cursor_from_before_a_restore_is_refused() -> None:
    """After a restore the places mean something else; the reader is told to begin again."""
    with pytest.raises(StaleCursor, match="without a cursor") as caught:
        Cursor.read("1.7.9", era=2)

    assert (2, 1) == (caught.value.era, caught.value.cursor_era)
