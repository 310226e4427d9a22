"""The probes find who falls into a trap, leave alone who does not, and outlast whoever hangs."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.policies import probes_breaker as breakers, probes_calls as calls
from benchmarks.policies.peer import NotOffered, Peer, load
from benchmarks.policies.traps import TRAPS, Finding, Result, Trap, probe, run
from tests.benchmarks.policies.fakes import careful, careless

Probe = Callable[..., Awaitable[str | None]]
NOTHING = Peer(name="nothing", package="nothing")
CLOCKLESS: dict[Probe, str] = {
    breakers.shutdown_counts: "open after 5 times KeyboardInterrupt",
    breakers.tripping_call_hides: "got Open for a call that was made",
    calls.async_under_sync: "10 of 10 failing calls went through",
    calls.error_keeps_frames: "locals of 1 failed calls were kept alive",
    calls.overflow: "OverflowError after 10 of 1000 attempts",
    calls.generator_restarts: "the caller got [1, 2, 1, 2, 3]",
}
"""The probes that need no time, and what the careless contestant does at each."""


def trap_with(function: Probe) -> Trap:
    """A trap of which only the probe matters."""
    return Trap(number=99, words="made up", probe=function)


@pytest.mark.parametrize("function", [pytest.param(function, id=function.__name__) for function in CLOCKLESS])
def test_careless_contestant_is_found_out(function: Probe) -> None:
    """A library with the fault falls into the trap, and the finding says what happened."""
    finding = probe(trap_with(function), careless)

    assert Result.FELL is finding.result
    assert CLOCKLESS[function] in finding.what


@pytest.mark.parametrize(
    "function", [pytest.param(function, id=function.__name__) for function in (*CLOCKLESS, calls.callable_shapes)]
)
def test_careful_contestant_passes(function: Probe) -> None:
    """A library without the fault does not fall: the probe tells the two apart."""
    finding = probe(trap_with(function), careful)

    assert (Result.PASSED, "") == (finding.result, finding.what)


@pytest.mark.parametrize("trap", [pytest.param(trap, id=str(trap.number)) for trap in TRAPS])
def test_no_feature_is_no_failure(trap: Trap) -> None:
    """Who has no such feature is not applicable, at every probe."""
    finding = probe(trap, NOTHING)

    assert Result.NOT_APPLICABLE is finding.result
    assert finding.what


def test_either_colour_is_enough_to_fall() -> None:
    """A library that fails with coroutines only has fallen, and it is said with which."""

    async def only_async(peer: Peer, *, is_async: bool) -> str | None:
        return "went wrong" if is_async else None

    finding = probe(trap_with(only_async), careful)

    assert (Result.FELL, "async: went wrong") == (finding.result, finding.what)


def test_probe_that_raises_is_a_failure_of_the_contestant() -> None:
    """A library that breaks under a probe has not withstood it."""

    async def raising(peer: Peer, *, is_async: bool) -> str | None:
        if is_async:
            raise NotOffered("not that")
        raise RuntimeError("broken")

    finding = probe(trap_with(raising), careful)

    assert (Result.FELL, "sync: RuntimeError: broken") == (finding.result, finding.what)


def test_contestant_that_hangs_is_left_behind() -> None:
    """Nobody holds up the run: what is not over in time has fallen."""
    release = threading.Event()

    async def hanging(peer: Peer, *, is_async: bool) -> str | None:
        if is_async:
            raise NotOffered("not that")
        release.wait(30)
        return None

    finding = probe(trap_with(hanging), careful, limit_s=-0.9)
    release.set()

    assert Result.FELL is finding.result
    assert "hung" in finding.what


def test_run_leaves_out_baselines_and_other_settings_of_the_same_library() -> None:
    """One column for each library: neither the bare call nor a second form of somebody is probed."""

    async def passing(peer: Peer, *, is_async: bool) -> str | None:
        return None

    peers = [careful, Peer(name="bare call"), Peer(name="careful, with a window", package="careful")]

    findings = run(peers, [trap_with(passing)])

    assert [Finding(trap=99, peer="careful", result=Result.PASSED)] == findings
    assert {"trap": 99, "peer": "careful", "result": "passed", "what": ""} == json.loads(
        json.dumps(findings[0].to_json())
    )


def test_traps_are_numbered_once() -> None:
    """The numbers are those of the list of traps: each stands once, in order."""
    numbers = [trap.number for trap in TRAPS]

    assert sorted(set(numbers)) == numbers


@pytest.mark.long
@pytest.mark.parametrize("trap", [pytest.param(trap, id=str(trap.number)) for trap in TRAPS])
def test_ours_falls_into_none(trap: Trap) -> None:
    """Holdfast passes every probe that is put to its peers, in threads and in tasks, on the real clock."""
    (ours, *_), absent = load(["ours"])

    finding = probe(trap, ours)

    assert {} == absent
    assert Result.FELL is not finding.result, finding.what
