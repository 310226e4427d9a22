"""Counts over a sliding window: exact for what is far apart, at most a sixtieth late for what is close together."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.correlation.window import STEPS, Counts

STEP_S = 1.0
SPAN_S = STEP_S * STEPS


def add(counts: Counts, now: float, row: int = 0) -> None:
    """Count one in a row."""
    base = counts.enter(now)
    counts.ring[base + row] += 1
    counts.counts[row] += 1


def test_what_is_far_apart_leaves_exactly_in_time() -> None:
    """An event that shares its step with no other is counted until exactly a window has passed."""
    counts = Counts(1, span_s=SPAN_S)
    add(counts, 0.0)
    add(counts, 2.5)

    found = [counts.at(now) is not None and counts.counts[0] for now in (59.999, 60.0, 62.499, 62.5)]

    assert found == [2, 1, 1, 0]


def test_events_of_one_moment_leave_together() -> None:
    """A thousand events of one moment leave exactly when a window has passed."""
    counts = Counts(1, span_s=SPAN_S)
    for _ in range(1_000):
        add(counts, 5.0)

    found = [counts.at(now) is not None and counts.counts[0] for now in (64.999, 65.0)]

    assert found == [1_000, 0]


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 2)), max_size=200), st.floats(0, 90))
def test_counts_are_those_of_the_window(events: list[tuple[float, int]], later_s: float) -> None:
    """No event is left out while its time lasts, and none stays longer than a sixtieth beyond it; those that left are counted, too."""
    counts, now, seen = Counts(3, span_s=SPAN_S), 1_000.0, list[tuple[float, int]]()

    for pause_s, row in events:
        now += pause_s
        add(counts, now, row)
        seen.append((now, row))
    now += later_s
    counts.at(now)

    for row in range(3):
        least = sum(1 for at, of in seen if of == row and at > now - SPAN_S)
        most = sum(1 for at, of in seen if of == row and at > now - SPAN_S - STEP_S)
        assert least <= counts.counts[row] <= most
        assert counts.ever(row) == sum(1 for _, of in seen if of == row)


@given(st.lists(st.floats(0, 3), max_size=150))
def test_an_uneven_window_never_runs_out_of_places(pauses: list[float]) -> None:
    """However events come, there is a step for each."""
    counts, now = Counts(1, span_s=1.1), 1.7e9

    for pause_s in [*pauses, *[1.1 / STEPS] * (2 * STEPS)]:
        now += pause_s
        add(counts, now)

    assert counts.counts[0] in (STEPS, STEPS + 1)


def test_time_that_goes_back_a_little_counts_as_now() -> None:
    """Two threads that come in the wrong order lose nothing."""
    counts = Counts(1, span_s=SPAN_S)
    add(counts, 100.0)
    add(counts, 99.0)

    assert counts.at(100.0) == 100.0
    assert counts.counts[0] == 2


def test_a_clock_that_was_set_back_does_not_stop_time() -> None:
    """After a clock that was years ahead is set right, events still leave the window a window later."""
    counts = Counts(1, span_s=SPAN_S)
    add(counts, 1e9)

    add(counts, 1_000.0)
    kept = counts.counts[0]
    counts.at(1_000.0 + SPAN_S)

    assert (kept, counts.counts[0]) == (2, 0)
    assert counts.moment(counts.added) == pytest.approx(1_000.0)


def test_a_clock_that_jumps_ahead_empties_the_window() -> None:
    """A jump of years is a long quiet time."""
    counts = Counts(1, span_s=SPAN_S)
    add(counts, 0.0)

    counts.at(1e9)

    assert (counts.counts[0], counts.ever(0)) == (0, 1)


def test_a_row_that_is_cleared_counts_anew() -> None:
    """Nothing of what a row counted before comes back when it is used for something else."""
    counts = Counts(2, span_s=SPAN_S)
    for _ in range(3):
        add(counts, 0.0, 0)
        add(counts, 0.0, 1)

    counts.clear(1)
    counts.at(SPAN_S)

    assert (counts.ever(0), counts.ever(1), counts.counts[1]) == (3, 0, 0)
