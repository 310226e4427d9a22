"""The rows of correlation carry what was promised."""

from __future__ import annotations

from benchmarks.faults.correlation import SUITE, TARGETS, rows


def test_rows_carry_what_was_promised() -> None:
    """Each target has its row, and memory does not grow with the number of faults."""
    found = {row.case: row for row in rows(storm=6_000, window=3_500, rounds=1)}

    assert {case: row.target for case, row in found.items() if row.target} == TARGETS
    assert {row.suite for row in found.values()} == {SUITE}
    assert all(row.ours > 0 for row in found.values())
    assert found["memory after 10,000 faults"].met
    assert found["memory after the storm"].met
