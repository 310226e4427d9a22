"""Which events a worker logs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from holdfast.cli.worker import Newest
from holdfast.ports.rows import EventRow, RunState
from tests.cli.test_terminal import execution

if TYPE_CHECKING:
    from holdfast.ports.rows import ExecutionRow
    from holdfast.ports.store import Snapshot


class Rows:
    """Executions and their events, as a snapshot shows them."""

    def __init__(self) -> None:
        self.states: dict[str, RunState] = {}
        self.rows: list[EventRow] = []

    def happen(self, one: str, *, is_terminal: bool = False) -> int:
        """Let something happen in an execution; returns its sequence."""
        sequence = len(self.rows) + 1
        time = datetime(2026, 1, 15, tzinfo=UTC)
        row = EventRow(sequence=sequence, id=str(sequence), execution=one, type="x", time=time, data={})
        self.rows.append(replace(row, is_terminal=is_terminal))
        self.states[one] = RunState.COMPLETED if is_terminal else RunState.RUNNING
        return sequence

    def executions(self, *, state: str | None, limit: int) -> list[ExecutionRow]:
        """Return executions, newest first."""
        rows = [replace(execution(kind), id=one) for one, kind in reversed(self.states.items())]
        return [row for row in rows if state in (None, row.state)][:limit]

    def events(self, one: str, *, after: int = 0) -> list[EventRow]:
        """Return the events of an execution."""
        return [row for row in self.rows if row.execution == one and row.sequence > after]


def look(newest: Newest, rows: Rows) -> list[int]:
    """Return the sequences that a look finds."""
    return [event.sequence for event in newest.look(cast("Snapshot", rows))]


def test_every_event_since_the_start_is_told_once() -> None:
    """What happened before the worker started is not told; what happens afterwards is, once, even if it begins and ends between two looks."""
    rows, newest = Rows(), Newest()
    rows.happen("old")
    assert [] == look(newest, rows)

    more = rows.happen("old")
    quick = [rows.happen("quick"), rows.happen("quick", is_terminal=True)]

    assert sorted([more, *quick]) == sorted(look(newest, rows))
    assert [] == look(newest, rows)
    assert [rows.happen("old", is_terminal=True)] == look(newest, rows)
    assert [] == look(newest, rows)


def test_a_worker_that_starts_on_an_empty_database_tells_everything() -> None:
    """The first execution of a database is told from its first event."""
    rows, newest = Rows(), Newest()
    assert [] == look(newest, rows)

    assert [rows.happen("first")] == look(newest, rows)


def test_the_end_of_an_execution_that_left_the_window_is_told() -> None:
    """An execution that ends while many newer ones begin is told to its end."""
    rows, newest = Rows(), Newest()
    look(newest, rows)
    rows.happen("old")
    look(newest, rows)
    for number in range(150):
        rows.happen(f"new {number}")

    end = rows.happen("old", is_terminal=True)

    assert end in look(newest, rows)


def test_an_old_execution_that_enters_the_window_brings_no_past() -> None:
    """When newer executions end and an older one comes into view, only what is new in it is told."""
    rows, newest = Rows(), Newest()
    rows.happen("old")
    for number in range(100):
        rows.happen(f"new {number}")
    look(newest, rows)

    ends = [rows.happen(f"new {number}", is_terminal=True) for number in range(100)]
    fresh = rows.happen("old")

    assert sorted([*ends, fresh]) == sorted(look(newest, rows))
