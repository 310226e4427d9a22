"""`python -m benchmarks [--suite NAME] [--quick] [--check]`: measure, write, compare.

With `--suite`, the suite's rows replace those of the last run in `build/bench.json`: a suite's peers are measured with it, so its ratios stay true.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.check import committed_problems, regressions
from benchmarks.databases import databases
from benchmarks.machine import describe
from benchmarks.page import read_rows, render
from benchmarks.policies.comparison import read_features, render_comparison
from benchmarks.policies.suite import kept
from benchmarks.rows import Row
from benchmarks.suites import QUICK, STANDARD, SUITES, Scale

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
JSON = ROOT / "build" / "bench.json"
COMPARISON = ROOT / "docs" / "reference" / "comparison.md"
PAGE_SUITES = (
    "throughput",
    "raw engine",
    "decision latency",
    "lateness",
    "waiting recoveries",
    "launch",
    "resume after SIGKILL",
    "takeover",
    "policies",
    "classification",
    "classification speed",
    "correlation",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as asked; 0 when done, 1 when `--check` found something."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what Holdfast costs, beside its peers."
    )
    parser.add_argument("--suite", action="append", choices=tuple(SUITES), help="only this suite; may be repeated")
    parser.add_argument("--quick", action="store_true", help="measure less; printed, not written")
    parser.add_argument("--check", action="store_true", help="measure little and compare with the committed page")
    parser.add_argument(
        "--page", action="store_true", help="measure nothing; write the page anew from build/bench.json"
    )
    chosen = parser.parse_args(arguments)
    if chosen.page:
        return rewrite()
    if chosen.check:
        return check(chosen.suite or tuple(SUITES))
    if chosen.quick:
        run(chosen.suite or tuple(SUITES), QUICK)
        return 0
    if not chosen.suite:
        JSON.unlink(missing_ok=True)
    for name in chosen.suite or tuple(SUITES):
        # Written suite by suite: ten minutes of measuring should not be lost to whatever happens in the eleventh.
        machine, rows = run([name], STANDARD)
        write(merged(rows), machine=machine)
    return 0


def run(suites: Sequence[str], scale: Scale) -> tuple[dict[str, object], list[Row]]:
    """Measure, printing each row as it comes."""
    with databases() as made:
        needs_server = any("postgres" in adapter for adapter in scale.adapters)
        machine = describe(made.directory, postgres=made.server.get_uri("postgres") if needs_server else None)
        rows = []
        for name in suites:
            began = time.monotonic()
            for row in SUITES[name](made, scale):
                rows.append(row)
                print(as_text(row), flush=True)
            print(f"  ({name}: {time.monotonic() - began:.0f} s)", flush=True)
    return machine, rows


def as_text(row: Row) -> str:
    """Return a row for a terminal."""
    beside = f", {row.ratio:.3g} of {row.peer} ({row.peer_value:.3g})" if row.ratio else ""
    judged = {True: f"  [{row.target}: met]", False: f"  [{row.target}: MISSED]", None: ""}[row.met]
    return f"{row.name}: {row.ours:.3g} {row.unit}{beside}{judged}"


def merged(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last run (or of the page) with these in place of theirs, in the order of the page."""
    if JSON.exists():
        before = [Row.from_json(row) for row in json.loads(JSON.read_text(encoding="utf-8"))["rows"]]
    else:  # a fresh checkout: what was committed stands on the page
        before = read_rows(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else []
    suites = {row.suite for row in rows}
    together = [*rows, *(row for row in before if row.suite not in suites)]
    return sorted(together, key=lambda row: PAGE_SUITES.index(row.suite))


def write(rows: Sequence[Row], *, machine: dict[str, object]) -> None:
    """Write the numbers and the page."""
    python = platform.python_version()
    JSON.parent.mkdir(exist_ok=True)
    value = {"machine": machine, "python": python, "rows": [row.to_json() for row in rows]}
    JSON.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(rows, machine=machine, python=python), encoding="utf-8")
    compare(machine)


def compare(machine: Mapping[str, object]) -> None:
    """Write the comparison of the policies with their peers from what was last measured here, if it was."""
    found = kept()
    if found is not None:
        page = render_comparison(found, features=read_features(), machine=machine)
        COMPARISON.write_text(page, encoding="utf-8")


def rewrite() -> int:
    """Write the pages from the numbers of the last run: after a change of its words."""
    value = json.loads(JSON.read_text(encoding="utf-8"))
    PAGE.write_text(
        render([Row.from_json(row) for row in value["rows"]], machine=value["machine"], python=value["python"]),
        encoding="utf-8",
    )
    compare(value["machine"])
    return 0


def check(suites: Sequence[str]) -> int:
    """Compare a small run with the page; a suspect is measured once more, since one bad moment of the machine is no regression."""
    committed = read_rows(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else []
    problems = list(stale(committed))
    if not problems:
        found = regressions(run(suites, QUICK)[1], committed)
        if found:
            print("Suspects, measured once more:", *found.values(), sep="\n  ")
            again = regressions(run(suites, QUICK)[1], committed)
            found = {name: again[name] for name in found if name in again}
        problems = list(found.values())
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def stale(committed: Sequence[Row]) -> Iterator[str]:
    """Say what is wrong with what was committed."""
    if not committed:
        yield f"{PAGE.relative_to(ROOT)} is missing or has no rows. Run: python -m benchmarks"
        return
    yield from committed_problems(committed, suites=PAGE_SUITES)


if __name__ == "__main__":
    # Whoever ends this from outside leaves no server and no files behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
