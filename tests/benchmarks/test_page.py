"""The page of measurements, written for people and read back by the check."""

from __future__ import annotations

import pytest

from benchmarks.page import HEADER, read_rows, render
from benchmarks.rows import Row

ROWS = [
    Row(
        suite="throughput",
        case="sql-sqlite: plans",
        ours=100.0,
        unit="plans/s",
        peer="raw",
        peer_value=400.0,
        target="≥ 80",
        note="3 rounds",
    ),
    Row(
        suite="raw engine",
        case="sql-sqlite: no-op steps",
        ours=2000.0,
        unit="steps/s",
        peer="commits",
        peer_value=4321.0,
    ),
    Row(suite="resume after SIGKILL", case="sql-sqlite: to first call", ours=2.5, unit="s", target="≤ 2"),
]


def a_page(rows: list[Row] | None = None) -> str:
    """Write a page of a machine that has nothing to it."""
    return render(rows or ROWS, machine={"cores": 2}, python="3.11.0")


def test_page_is_read_back_as_it_was_written() -> None:
    """What is committed stands in one place: the page."""
    page = a_page()

    rows = read_rows(page)

    assert rows == ROWS


def test_page_begins_with_the_targets_that_are_missed() -> None:
    """Nobody has to look for the bad news."""
    page = a_page()

    beginning = page.partition("## ")[0]

    assert "1 of 2 targets are met" in beginning
    assert "- resume after SIGKILL / sql-sqlite: to first call: 2.5 s, target ≤ 2" in beginning


def test_page_compares_the_adapters() -> None:
    """The table from which a default is chosen has a line for each adapter that was measured."""
    page = a_page()

    lines = [line for line in page.splitlines() if line.startswith("| sql-sqlite |")]

    assert ["| sql-sqlite | 500 | — | not measured | not measured | at once (one worker per file) |"] == lines


def test_tables_that_are_no_measurements_are_not_read() -> None:
    """The machine and the comparison are for people only."""
    page = a_page()

    cases = {row.case for row in read_rows(page)}

    assert "Cores" not in cases
    assert "sql-sqlite" not in cases


def test_broken_table_is_refused() -> None:
    """A page that was edited into nonsense is said to be so."""
    page = a_page().replace("| ≥ 80 ", "")

    with pytest.raises(ValueError, match=f"instead of {len(HEADER)}"):
        read_rows(page)


def test_bar_in_a_note_does_not_break_the_table() -> None:
    """A note may say anything."""
    rows = [Row(suite="launch", case="c", ours=1.0, unit="ms", note="a|b")]

    read = read_rows(a_page(rows))

    assert ["a/b"] == [row.note for row in read]
