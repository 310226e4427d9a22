"""What is timed does what it is timed for; who cannot be timed is left out with the reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.policies.measure import CELLS, Cell, measured, ready
from benchmarks.policies.peer import ASK, BreakerAsk, Call, NotOffered, Peer, load, version_of
from benchmarks.policies.timing import fitting, memory_of, pool_rate, summary
from tests.benchmarks.policies.fakes import Open, careful

CLOSED = next(cell for cell in CELLS if cell.name == "closed breaker, sync")
OPEN = next(cell for cell in CELLS if cell.name == "open rejection, sync")
REPEATED = next(cell for cell in CELLS if cell.name == "one failure and a retry, sync")


def readied(cell: Cell, peer: Peer) -> Call | None:
    """Get a contestant ready."""
    return asyncio.run(ready(cell, peer))


def unguarded(call: Call, ask: BreakerAsk) -> Call:
    """A breaker that is none."""
    return call


def test_open_circuit_is_timed_rejecting() -> None:
    """A contestant is brought to where it refuses, and nowhere else."""
    call = readied(OPEN, careful)

    assert call is not None
    with pytest.raises(Open):
        call()


def test_circuit_that_never_opens_is_not_timed() -> None:
    """Failures that pass through are not taken for quick rejections."""
    peer = Peer(name="p", package="p", breaker=unguarded, rejections=(Exception,))

    with pytest.raises(AssertionError, match="did not open"):
        readied(OPEN, peer)


def test_answer_that_is_lost_is_not_timed() -> None:
    """A wrapper that swallows the answer would be quick, and wrong."""
    peer = Peer(name="p", package="p", breaker=lambda call, ask: lambda: None)

    with pytest.raises(AssertionError, match="did not come back"):
        readied(CLOSED, peer)


def test_baseline_repeats_nothing() -> None:
    """A bare call has no retry, so that it has no number for one."""
    bare = Peer(name="bare call", retry=lambda call, ask: call)

    assert readied(REPEATED, bare) is None
    assert readied(REPEATED, careful) is not None


def test_missing_feature_leaves_a_cell_empty() -> None:
    """Who has no breaker has no number for one."""
    assert readied(CLOSED, Peer(name="p", package="p")) is None


def test_missing_package_takes_nobody_with_it() -> None:
    """A contestant that is not installed is named with the reason; the others are measured."""
    peers, absent = load(["baselines", "nowhere_suite"])

    assert "bare call" in [peer.name for peer in peers]
    assert ["nowhere"] == list(absent)
    assert "not installed" in absent["nowhere"]


def test_measurement_has_every_part_without_any_peer() -> None:
    """Ours and the baselines alone make a whole measurement, as where the peers are not installed."""
    found: Any = measured(rounds=1, run_ms=0.01, cells=2, modules=["baselines", "ours"])

    assert {} == found["absent"] == found["problems"]
    assert {cell.name for cell in CELLS} == set(found["cells"])
    assert all("holdfast" in timed for timed in found["cells"].values())
    assert {"holdfast", "bare call"} <= set(found["rates"]["8 threads, calls of 5 ms"])
    assert found["bytes"]["holdfast"] > 0
    assert version_of("no-such-package-at-all") == ""


def test_refusal_of_a_contestant_is_no_problem() -> None:
    """Saying `not offered` is an answer; it leaves no trace among the problems."""

    def refusing(call: Call, ask: BreakerAsk) -> Call:
        raise NotOffered("not that")

    with pytest.raises(NotOffered):
        readied(CLOSED, Peer(name="p", package="p", breaker=refusing))


def test_quietest_runs_are_compared() -> None:
    """What the machine does meanwhile makes runs longer, never shorter: rounds that were disturbed change nothing."""
    found = summary([(20.0, 35.0), (900.0, 10.0), (60.0, 20.0)])

    assert {"ns": 20.0, "ratio": 2.0, "usual": 3.0} == found


@pytest.mark.parametrize(
    ("took_ns", "count"),
    [
        pytest.param(100.0, 200_000, id="fills the run"),
        pytest.param(0.0, 400_000, id="at most"),
        pytest.param(1e9, 20, id="at least"),
    ],
)
def test_run_is_filled_within_bounds(took_ns: float, count: int) -> None:
    """Quick calls are timed many at once, slow ones a few."""
    assert count == fitting(took_ns, run_ms=20)


def test_failure_in_a_pool_reaches_whoever_measures() -> None:
    """A thread that fails must not look like a quick one."""

    def failing() -> int:
        raise ValueError("in a thread")

    with pytest.raises(ValueError, match="in a thread"):
        pool_rate(failing, threads=2, count=1)


def test_weight_is_that_of_one() -> None:
    """Memory is counted per object."""
    weight = memory_of(lambda: bytearray(10_000), count=50)

    assert 10_000 < weight < 11_000


def test_contestant_is_asked_alike() -> None:
    """What is measured is the same for everybody: open after five failures, for long."""
    assert (5, False, None) == (ASK.failures_max, ASK.in_a_row, ASK.ignored)
    assert ASK.open_s >= 60
