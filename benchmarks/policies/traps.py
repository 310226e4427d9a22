"""Every probe against every contestant: `python -m benchmarks.policies.traps` prints one line of JSON, or a table with `--table`.

Each probe has a few seconds; what takes longer hangs, which is a failure too.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import platform
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.policies import probes_breaker as breakers, probes_calls as calls
from benchmarks.policies.peer import NotOffered, Peer, load, version_of

__all__ = ["TRAPS", "Finding", "Result", "Trap", "main", "probe", "run"]

PROBE_MAX_S = 8.0
Probe = Callable[..., Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """A trap by its number, in words for the page, with its probe."""

    number: int
    words: str
    probe: Probe


TRAPS = tuple(
    Trap(number=number, words=words, probe=function)
    for number, words, function in (
        (1, "Everybody is let through as soon as the open time is over", breakers.stampede),
        (2, "A probe that hangs keeps the circuit shut for ever", breakers.hung_probe),
        (3, "A cancelled probe closes the circuit", breakers.cancelled_probe_closes),
        (4, "Cancelled calls count as failures", breakers.cancel_counts),
        (5, "A cancelled call wipes out the failures before it", breakers.cancel_resets),
        (6, "Shutting down counts as a failure", breakers.shutdown_counts),
        (7, "An error declared harmless decides a probe", breakers.business_error_decides),
        (8, "A late success closes an open circuit", breakers.late_success_closes),
        (9, "A late failure makes the open time longer", breakers.late_failure_extends),
        (10, "A lock is held while a call is made", calls.lock_across_the_call),
        (11, "A coroutine function under the decorator for functions is unguarded", calls.async_under_sync),
        (12, "An object with an async `__call__`, or a `partial`, is unguarded", calls.callable_shapes),
        (13, "The call that opens the circuit hides its error", breakers.tripping_call_hides),
        (15, "It sleeps past its own deadline", calls.deadline_overshoot),
        (17, "Tasks that share a retry object disturb one another", calls.shared_retry_state),
        (18, "A cancelled call is made once more", calls.cancellation_is_repeated),
        (19, "A time limit by threads loses context and starves others", calls.thread_pool_timeout),
        (20, "The wait overflows after many attempts", calls.overflow),
        (21, "0 is taken for `not given`", breakers.zero_is_unset),
        (22, "The last error keeps its frames alive", calls.error_keeps_frames),
        (23, "A probe that meets another open circuit is never given back", breakers.nested_rejection),
        (27, "Who sleeps between attempts keeps a slot", calls.slot_held_while_asleep),
        (30, "A generator begins anew after it has delivered items", calls.generator_restarts),
    )
)


class Result(StrEnum):
    """What came of a probe."""

    PASSED = "passed"
    FELL = "fell into it"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a contestant did at one trap; `what` says more."""

    trap: int
    peer: str
    result: Result
    what: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the finding as it stands in `build/traps.json`."""
        return {"trap": self.trap, "peer": self.peer, "result": self.result.value, "what": self.what}


def probe(trap: Trap, peer: Peer, *, limit_s: float = PROBE_MAX_S) -> Finding:
    """Probe one contestant in both colours; one that falls in either has fallen."""
    fallen, reasons, passed = list[str](), list[str](), False
    for is_async in (False, True):
        try:
            what = bounded(trap.probe, peer, is_async=is_async, limit_s=limit_s)
        except NotOffered as error:
            reasons.append(str(error))
            continue
        except (asyncio.CancelledError, Exception) as error:  # noqa: BLE001 - a contestant that breaks under a probe has not withstood it
            what = f"{type(error).__name__}: {error}"
        passed = True
        if what is not None:
            fallen.append(f"{'async' if is_async else 'sync'}: {what}")
    if fallen:
        return Finding(trap=trap.number, peer=peer.name, result=Result.FELL, what="; ".join(fallen))
    if not passed:
        return Finding(trap=trap.number, peer=peer.name, result=Result.NOT_APPLICABLE, what=reasons[0])
    return Finding(trap=trap.number, peer=peer.name, result=Result.PASSED)


def bounded(function: Probe, peer: Peer, *, is_async: bool, limit_s: float) -> str | None:
    """Run a probe on an event loop and a thread of its own; what is not over in time is left behind."""
    came = list[str | BaseException | None]()

    def work() -> None:
        async def whole() -> str | None:
            async with asyncio.timeout(limit_s):
                return await function(peer, is_async=is_async)

        try:
            came.append(asyncio.run(whole()))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asked
            came.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit_s + 1)
    if not came:
        return f"hung for more than {limit_s:g} s"
    (result,) = came
    if isinstance(result, TimeoutError):
        return f"not over after {limit_s:g} s"
    if isinstance(result, BaseException):
        raise result
    return result


def run(peers: Sequence[Peer], traps: Sequence[Trap] = TRAPS) -> list[Finding]:
    """Probe every contestant, one after the other. Contestants of no package (the baselines) are nobody's claim."""
    chosen = [peer for peer in peers if peer.package and "," not in peer.name]
    return [probe(trap, peer) for trap in traps for peer in chosen]


def main(arguments: Sequence[str]) -> None:
    """Probe and print."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with redirect_stdout(sys.stderr):
        peers, absent = load()
        findings = run(peers)
    if "--table" in arguments:
        for finding in findings:
            print(f"{finding.trap:3d}  {finding.peer:16s} {finding.result.value:15s} {finding.what}")
    else:
        versions = {peer.package: version_of(peer.package) for peer in peers if peer.package}
        value = {
            "python": platform.python_version(),
            "versions": versions,
            "absent": absent,
            "findings": [finding.to_json() for finding in findings],
        }
        print(json.dumps(value))
    sys.stdout.flush()
    gc.disable()
    os._exit(0)  # probes that hang hold threads, which nothing else would end


if __name__ == "__main__":
    main(sys.argv[1:])
