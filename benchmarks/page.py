"""`docs/reference/benchmarks.md`: the rows as tables for people, and back again for `--check`, so that what is committed stands in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bounds import BOUNDS
from benchmarks.rows import Row

__all__ = ["read_rows", "render"]

HEADER = ("Case", "Ours", "Unit", "Peer in the same run", "Peer's value", "Ratio", "Target", "Met", "Note")
ABOUT = {
    "throughput": "One worker, settings as shipped, a transport that answers at once. A plan is a diamond of five actions without a fault:"
    " five claims and five settles. A recovery is one failed attempt settled and its retry settled. `tuned` polls every 0.02 s, 50 steps at once.",
    "raw engine": "The same engine with a performer that does nothing: what Holdfast's own transactions stand beside.",
    "decision latency": "From a failed attempt in hand to its decision committed, in one transaction. Light load is a failing plan every 50 ms;"
    " saturated is all of them at once, sixteen in flight.",
    "lateness": "Steps due in 1.0 s, delivered to a worker that is idle otherwise. Never early.",
    "waiting recoveries": "A recovery that waits is a row. These wait for an hour while a worker is idle, sweeps them, and carries out other plans.",
    "launch": "From `holdfast.wiring` imported to an open store, and imports beyond the start of the interpreter. New processes, bytecode cached.",
    "resume after SIGKILL": "A worker is killed with eight calls in flight; the next process makes them again with the same idempotency keys.",
    "takeover": "PostgreSQL, two workers, settings as shipped; the busy one is killed, the idle one makes its calls.",
    "policies": "Guarded calls, in bare calls: both are timed by turns in many short runs, and the quietest run of each is taken."
    " The peer is the fastest of all that were measured, whatever it leaves out; every peer's number is on [the comparison](comparison.md).",
    "classification": "Labelled failures of real APIs and libraries. The development corpus was there while the rules were written;"
    " the others were written by people who did not know the rules, and of each the half is shown that was never read."
    " Every vendor is on [a page of its own](classification.md).",
    "classification speed": "From a captured fault to its verdict; the faults of a round differ from one another where nothing else is said.",
    "correlation": "What a fault costs to record and a window to analyse, in processor time; storms run on a clock of their own.",
}
INTRODUCTION = """\
What Holdfast costs, each number beside a peer that was measured in the same run, by turns with it.
Compare ratios rather than numbers: the peer had the same machine at the same time.
For a rate a higher ratio is better, for a time a lower one."""
AGAIN = """\
`make bench` measures everything in about ten minutes, and writes `build/bench.json` and this page.
`python -m benchmarks --suite launch` measures one suite and prints it; `--quick` measures less.
`python -m benchmarks --page` writes this page anew from `build/bench.json`.
`make bench-check` measures little and fails when a ratio has become three times worse than on this page, or a generous bound is broken."""
MACHINE = {
    "processor": "Processor", "cores": "Cores", "memory_gb": "Memory (GB)", "system": "System", "file_system": "File system",
    "load_before": "Load before the run", "sqlite": "SQLite", "postgresql": "PostgreSQL", "python": "Python",
}  # fmt: skip


def render(rows: Sequence[Row], *, machine: Mapping[str, object], python: str) -> str:
    """Return the page."""
    suites = list(dict.fromkeys(row.suite for row in rows))
    parts = [
        "# Benchmarks",
        "<!-- Written by `python -m benchmarks`. Measure again instead of editing. -->",
        INTRODUCTION,
        verdict(rows),
        "## How to measure again",
        AGAIN,
        "## The machine",
        table(
            ("What", "Value"),
            [(MACHINE.get(name, name), str(value)) for name, value in {**machine, "python": python}.items()],
        ),
    ]
    if comparison := adapters(rows):
        parts += ["## The adapters compared", comparison]
    for suite in suites:
        own = [row for row in rows if row.suite == suite]
        parts += [f"## {suite[0].upper()}{suite[1:]}", ABOUT.get(suite, ""), table(HEADER, [line(row) for row in own])]
        parts += explained(own)
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(rows: Sequence[Row]) -> str:
    """Say how many targets are met, and name those that are not."""
    judged = [row for row in rows if row.met is not None]
    missed = [row for row in judged if not row.met]
    summary = f"{len(judged) - len(missed)} of {len(judged)} targets are met."
    if not missed:
        return summary
    names = "\n".join(f"- {row.name}: {shown(row.ours)} {row.unit}, target {row.target}" for row in missed)
    return f"{summary} Missed, with what bounds them in the sections below:\n\n{names}"


def explained(rows: Sequence[Row]) -> list[str]:
    """Return what bounds the numbers that miss their targets, and what was tried."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.met is False:
            reason = next(
                (text for (suite, part), text in BOUNDS.items() if suite == row.suite and part in row.case),
                "Not explained yet.",
            )
            reasons.setdefault(reason, []).append(row.case)
    return ["\n".join(f"- **{'; '.join(cases)}.** {reason}" for reason, cases in reasons.items())] if reasons else []


def adapters(rows: Sequence[Row]) -> str:
    """Return the table from which a default is chosen: attempts/s, latency, lateness and takeover of each adapter."""
    names = list(dict.fromkeys(row.case.partition(":")[0] for row in rows if row.suite == "raw engine"))
    if not names:
        return ""
    lines = []
    for name in names:
        diamond = find(rows, "throughput", f"{name}: plans")
        recovery = find(rows, "throughput", f"{name}: recoveries")
        cells = (
            shown(diamond.ours * 5) if diamond else "—",
            shown(recovery.ours) if recovery else "—",
            value_of(find(rows, "decision latency", f"{name}: light load")),
            value_of(find(rows, "lateness", f"{name}:")),
            value_of(find(rows, "takeover", f"{name}:")) if "postgres" in name else "at once (one worker per file)",
        )
        lines.append((name, *cells))
    return table(
        ("Adapter", "Attempts/s (diamonds)", "Recoveries/s", "Decision p50", "Latest due step", "Takeover"), lines
    )


def find(rows: Sequence[Row], suite: str, start: str) -> Row | None:
    """Return the first row of a suite whose case begins so."""
    return next((row for row in rows if row.suite == suite and row.case.startswith(start)), None)


def value_of(row: Row | None) -> str:
    """Return a row's number with its unit."""
    return f"{shown(row.ours)} {row.unit}" if row else "not measured"


def line(row: Row) -> tuple[str, ...]:
    """Return a row's cells, in the order of `HEADER`."""
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    return (
        row.case, shown(row.ours), row.unit, row.peer, shown(row.peer_value), shown(row.ratio), row.target, met, row.note
    )  # fmt: skip


def shown(value: float | None) -> str:
    """Return three significant digits, without an exponent."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |" for cells in lines)


def read_rows(page: str) -> list[Row]:
    """Read the rows of a page that `render` wrote.

    Raises:
        ValueError: a table has been changed by hand into something that is none.
    """
    rows: list[Row] = []
    suite, is_measured = "", False
    for text in page.splitlines():
        if text.startswith("## "):
            suite, is_measured = text[3:4].lower() + text[4:], False
            suite = "resume after SIGKILL" if suite.lower() == "resume after sigkill" else suite
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")] if text.startswith("|") else []
        if tuple(cells) == HEADER:
            is_measured = True
        elif is_measured and cells and set(cells) != {"---"}:
            rows.append(read_line(suite, cells))
    return rows


def read_line(suite: str, cells: Sequence[str]) -> Row:
    """Read one line of a table of measurements."""
    if len(cells) != len(HEADER):
        raise ValueError(f"a line of {suite!r} has {len(cells)} cells instead of {len(HEADER)}: {cells[0]!r}")
    case, ours, unit, peer, peer_value, _ratio, target, _met, note = cells
    value = float(peer_value.replace(",", "")) if peer_value else None
    return Row(
        suite=suite,
        case=case,
        ours=float(ours.replace(",", "")),
        unit=unit,
        peer=peer,
        peer_value=value,
        target=target,
        note=note,
    )
