"""The rows: what a guarded call of ours costs in bare calls, beside the fastest peer of the same run, and what was promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, cast

from benchmarks.policies.peer import BASELINES, OURS
from benchmarks.policies.timing import Timed
from benchmarks.rows import Row

__all__ = [
    "BUILD", "SUITE", "TARGETS", "Kept", "Measured", "Trapped", "interpreter", "is_ours", "keep", "kept", "measure", "probe", "rows_of", "trap_rows",
]  # fmt: skip

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
SUITE = "policies"
IN_USE = f"{OURS}, one of many keys in use"
BARE_UNIT = "bare calls"
MEASURE_MAX_S = 900.0
TARGETS = {
    "closed breaker, sync": "≤ 9.5",
    "closed breaker, async": "≤ 4.8",
    "retry success, sync": "≤ 6.5",
    "retry success, async": "≤ 3.7",
    "retry and breaker, sync": "≤ 12",
    "retry and breaker, async": "≤ 5.6",
}
"""What was promised, in bare calls. The other targets depend on the run: half of the fastest peer, 1.2 of `asyncio.timeout` alone."""
LIMITED = "asyncio.timeout alone"
TIMED_SYNC, TIMED_ASYNC = "retry, breaker and timeout, sync", "retry, breaker and timeout, async"
NEEDS_NOTHING = "the timeout is a deadline that is passed down, so that no thread is started"


class Measured(TypedDict):
    """What `measure` prints."""

    python: str
    versions: dict[str, str]
    absent: dict[str, str]
    problems: dict[str, str]
    cells: dict[str, Timed]
    rates: dict[str, dict[str, float]]
    bytes: dict[str, float]
    single_ms: dict[str, dict[str, float]]


class Trapped(TypedDict):
    """What `traps` prints."""

    python: str
    versions: dict[str, str]
    absent: dict[str, str]
    findings: list[dict[str, object]]


class Kept(TypedDict):
    """What the comparison is written from."""

    measured_on: str
    measured: Measured
    trapped: Trapped


def interpreter() -> str:
    """Return the interpreter that has the peers; without it, the one that runs this, and the peers are missing from the rows."""
    beside = ROOT / ".venv-bench" / "bin" / "python"
    return str(beside) if beside.exists() else sys.executable


def measure(*, directory: Path, rounds: int, run_ms: float, cells: int) -> Measured:
    """Measure every cell of every contestant; see `benchmarks.policies.measure` for the arguments.

    Raises:
        AssertionError: it failed; its last words are in the message.
    """
    arguments = {"rounds": rounds, "run_ms": run_ms, "cells": cells}
    return cast(Measured, run("benchmarks.policies.measure", json.dumps(arguments), directory=directory))


def probe(*, directory: Path) -> Trapped:
    """Run every probe against every contestant.

    Raises:
        AssertionError: it failed; its last words are in the message.
    """
    return cast(Trapped, run("benchmarks.policies.traps", "", directory=directory))


def keep(measured: Measured, trapped: Trapped) -> None:
    """Write both below `build/`, with today's date."""
    BUILD.mkdir(exist_ok=True)
    dated = {"measured_on": datetime.now(UTC).date().isoformat(), **measured}
    for name, value in (("peers", dated), ("traps", trapped)):
        (BUILD / f"{name}.json").write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def kept() -> Kept | None:
    """Read both back; None if they were never written here."""
    paths = [BUILD / f"{name}.json" for name in ("peers", "traps")]
    if not all(path.exists() for path in paths):
        return None
    measured, trapped = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    return Kept(measured_on=measured.pop("measured_on"), measured=measured, trapped=trapped)


def run(module: str, argument: str, *, directory: Path) -> object:
    """Run a module in a process of its own, with what is in this checkout and the peers' packages; its last line is JSON."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    # Holdfast needs no third-party package for its policies, so that it is not even installed beside the peers.
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [interpreter(), "-m", module, argument],
        cwd=directory, env=variables, capture_output=True, text=True, timeout=MEASURE_MAX_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{module} failed: {done.stderr[-2000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def rows_of(found: Measured) -> Iterator[Row]:
    """Return the rows of a measurement; without a cell of ours there is no row."""
    for name, timed in found["cells"].items():
        if OURS in timed:
            yield cell_row(name, timed)
    yield from timeout_rows(found["cells"])
    yield from pool_rows(found["rates"])
    if OURS in found["bytes"]:
        peer, value = best(found["bytes"], least=True)
        yield Row(
            suite=SUITE, case="memory of one breaker", ours=found["bytes"][OURS], unit="bytes", target="≤ 1229", peer=peer, peer_value=value,
            note=others(found["bytes"], form="{:,.0f} B"),
        )  # fmt: skip
    in_use = found["bytes"].get(IN_USE)
    if in_use is not None:
        yield Row(
            suite=SUITE, case="memory of one breaker in use", ours=in_use, unit="bytes", target="≤ 1229",
            note="one of many keys, with its name and place in the table, after 120 calls with a failure among them",
        )  # fmt: skip
    for name, target in (("breaker's decision, p99", "≤ 1"), ("answer by fallback, p99", "≤ 100")):
        times = found["single_ms"].get(name, {})
        if OURS in times:
            peer, value = best(times, least=True)
            yield Row(
                suite=SUITE, case=name, ours=times[OURS], unit="ms", target=target, peer=peer, peer_value=value, note="the target of spec 003"
            )  # fmt: skip


def cell_row(name: str, timed: Timed) -> Row:
    """Return the row of one cell: ours and the fastest peer, both in bare calls of their own moment."""
    own = timed[OURS]
    ratios = {peer: values["ratio"] for peer, values in timed.items()}
    peer, value = best(ratios, least=True)
    target = TARGETS.get(name, "")
    if name.startswith("open rejection") and value is not None:
        target = f"≤ {value / 2:.3g}"
    note = f"{own['ns']:,.0f} ns; median of the rounds {own['usual']:.3g}"
    return Row(
        suite=SUITE, case=name, ours=own["ratio"], unit=BARE_UNIT, target=target, peer=peer, peer_value=value, note=note,
    )  # fmt: skip


def timeout_rows(cells: Mapping[str, Timed]) -> Iterator[Row]:
    """Return what a timeout adds: to a coroutine beside the standard library's own, to a function in nanoseconds."""
    limited = cells.get(TIMED_ASYNC, {})
    if OURS in limited and LIMITED in limited:
        bare = limited[LIMITED]["ratio"]
        yield Row(
            suite=SUITE, case="retry, breaker and timeout, async, beside a timeout alone", ours=limited[OURS]["ratio"], unit=BARE_UNIT,
            target=f"≤ {bare * 1.2:.3g}", peer=LIMITED, peer_value=bare,
        )  # fmt: skip
    with_limit, without = cells.get(TIMED_SYNC, {}), cells.get("retry and breaker, sync", {})
    if OURS in with_limit and OURS in without:
        # A difference of two measurements: in a short run on a busy machine it can come out below nothing.
        added_ns = max(0.0, with_limit[OURS]["ns"] - without[OURS]["ns"])
        yield Row(
            suite=SUITE, case="what a timeout adds, sync", ours=added_ns, unit="ns", target="≤ 400", note=NEEDS_NOTHING
        )  # fmt: skip


def pool_rows(rates: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    """Return what eight threads on one breaker come to."""
    for name, unit, target in (
        ("8 threads, calls that do nothing", "calls/s", "≥ 4000000"),
        ("8 threads, calls that do nothing, share", "% of unguarded", "≥ 13.3"),
        ("8 threads, calls of 5 ms", "% of unguarded", "≥ 97"),
    ):
        if OURS in rates.get(name, {}):
            peer, value = best(rates[name], least=False)
            bare = rates[name].get("bare call")
            yield Row(
                suite=SUITE, case=name, ours=rates[name][OURS], unit=unit, target=target, peer=peer, peer_value=value,
                note=f"a bare call: {bare:,.4g}" if bare else "",
            )  # fmt: skip


def trap_rows(trapped: Trapped) -> Iterator[Row]:
    """Return into how many of the probed traps ours falls."""
    own = [finding for finding in trapped["findings"] if finding["peer"] == OURS]
    if own:
        fallen = [str(finding["trap"]) for finding in own if finding["result"] == "fell into it"]
        probed = sum(finding["result"] != "not applicable" for finding in own)
        note = f"number {', '.join(fallen)}" if fallen else f"of {probed} that are probed"
        yield Row(suite=SUITE, case="traps fallen into", ours=len(fallen), unit="traps", target="≤ 0", note=note)


def best(values: Mapping[str, float], *, least: bool) -> tuple[str, float | None]:
    """Return the best peer and its value; nobody, if none was measured."""
    peers = {name: value for name, value in values.items() if name not in BASELINES and not is_ours(name)}
    if not peers:
        return "", None
    name = (min if least else max)(peers, key=peers.__getitem__)
    return name, peers[name]


def others(values: Mapping[str, float], *, form: str) -> str:
    """Return the other forms of ours that were measured."""
    return "; ".join(
        f"{name}: {form.format(value)}" for name, value in values.items() if is_ours(name) and name != OURS
    )


def is_ours(name: str) -> bool:
    """Whether a contestant is ours, in whatever form."""
    return name == OURS or name.startswith(f"{OURS},")
