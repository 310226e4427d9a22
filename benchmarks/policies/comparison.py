"""`docs/reference/comparison.md`: Holdfast beside its peers, from one measurement and one run of the probes, with what they do better said first."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from benchmarks.page import shown, table
from benchmarks.policies.peer import BASELINES, OURS
from benchmarks.policies.suite import Kept, Measured, Trapped, is_ours
from benchmarks.policies.traps import TRAPS, Result

__all__ = ["faster_peers", "read_features", "render_comparison"]

FEATURES = Path(__file__).with_name("features.toml")
MACHINE = {
    "processor": "Processor",
    "cores": "Cores",
    "memory_gb": "Memory (GB)",
    "system": "System",
    "load_before": "Load before the run",
}
BREAKERS = ("closed breaker, sync", "closed breaker, async", "open rejection, sync", "open rejection, async")
POOLS = ("8 threads, calls that do nothing", "8 threads, calls of 5 ms")
RETRIES = (
    "retry success, sync", "retry success, async", "one failure and a retry, sync", "one failure and a retry, async",
    "retry and breaker, sync", "retry and breaker, async", "retry, breaker and timeout, sync", "retry, breaker and timeout, async",
)  # fmt: skip
INTRODUCTION = """\
Holdfast's policies beside the libraries that Python programs use for the same: what a guarded call costs, who falls into which known trap, and
what each can do.
The first two were measured, all in one run on one machine; the last is kept by hand and says so."""
AGAIN = """\
`make bench SUITE=policies` installs the peers into an environment of their own, measures everything anew, runs the probes, and writes this page.
Releases follow one another quickly: before you decide for or against a library because of this page, run it with today's versions."""
HOW = """\
A number is how many bare calls a guarded call takes: both are timed by turns in many short runs, and the quietest run of each is taken.
Lower is better. `—` is: it has no such thing. Every breaker opens after five failures in a row or, where it judges by a rate, at half of its window
of a hundred calls; both are called a breaker here, though they do different amounts of work. `holdfast` is the one with everything on: a window of
calls, the rate of failures and of slow calls, failures in a row, late results dropped, harmless errors told apart. Every retry has three attempts
and waits for nothing."""
TRAPS_ABOUT = """\
Each probe puts a library before a dependency under its control and looks at what reaches it, in threads and in tasks.
`falls`: it fell into the trap in at least one of the two. `—`: it has no such feature, or no such form of it."""


class Features(TypedDict):
    """What `features.toml` holds."""

    libraries: list[str]
    feature: list[dict[str, object]]
    better: list[dict[str, str]]


def read_features(path: Path = FEATURES) -> Features:
    """Read the table that is kept by hand.

    Raises:
        ValueError: a line has another number of values than there are libraries.
    """
    value = tomllib.loads(path.read_text(encoding="utf-8"))
    for feature in value["feature"]:
        if len(feature["values"]) != len(value["libraries"]):
            raise ValueError(
                f"{feature['name']!r} has {len(feature['values'])} values for {len(value['libraries'])} libraries"
            )
    return Features(libraries=value["libraries"], feature=value["feature"], better=value["better"])


def render_comparison(kept: Kept, *, features: Features, machine: Mapping[str, object]) -> str:
    """Return the page."""
    measured, trapped, measured_on = kept["measured"], kept["trapped"], kept["measured_on"]
    parts = [
        "# Comparison with other libraries",
        "<!-- Written by `python -m benchmarks --suite policies`: measure again instead of editing. Features: benchmarks/policies/features.toml -->",
        INTRODUCTION,
        "## Where others are better",
        better(measured, trapped, features),
        "## What a guarded call costs",
        HOW,
        "### Circuit breakers",
        costs(measured, BREAKERS, has_pools=True),
        "### Retries, and retry around breaker",
        costs(measured, RETRIES, has_pools=False),
        "## Who falls into which trap",
        TRAPS_ABOUT,
        *trap_tables(trapped),
        "## What each can do",
        "Kept by hand, read in the sources of the versions below. `—`: not found.",
        *feature_tables(features),
        "## Versions and machine",
        versions(measured, machine, measured_on=measured_on),
        absent(measured),
        "## How to run it again",
        AGAIN,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def faster_peers(measured: Measured) -> list[tuple[str, str, float, float]]:
    """Return where a peer is faster or smaller: what was measured, who, theirs, ours; the best peer of each."""
    found = list[tuple[str, str, float, float]]()
    for name, timed in measured["cells"].items():
        ratios = {peer: values["ratio"] for peer, values in timed.items()}
        found += beaten(name, ratios, more_is_better=False)
    for name, rates in measured["rates"].items():
        found += beaten(name, rates, more_is_better=True)
    return found + beaten("memory of one breaker", measured["bytes"], more_is_better=False)


def beaten(name: str, values: Mapping[str, float], *, more_is_better: bool) -> list[tuple[str, str, float, float]]:
    """Return the best peer, if it is better than ours by more than the noise of such a measurement (5 %)."""
    peers = {peer: value for peer, value in values.items() if peer not in BASELINES and not is_ours(peer)}
    if OURS not in values or not peers:
        return []
    own = values[OURS]
    best = (max if more_is_better else min)(peers, key=peers.__getitem__)
    is_beaten = peers[best] > own * 1.05 if more_is_better else peers[best] * 1.05 < own
    return [(name, best, peers[best], own)] if is_beaten else []


def better(measured: Measured, trapped: Trapped, features: Features) -> str:
    """Say plainly what others do better: what was measured, and what is known."""
    lines = [
        f"- **{name}**: {peer} {shown(theirs)}, Holdfast {shown(own)}."
        for name, peer, theirs, own in faster_peers(measured)
    ]
    words = {trap.number: trap.words for trap in TRAPS}
    lines += [
        f"- **Trap {finding['trap']}**, {words.get(int(str(finding['trap'])), '')}: Holdfast falls into it ({finding['what']})."
        for finding in trapped["findings"]
        if finding["peer"] == OURS and finding["result"] == Result.FELL
    ]
    lines += [f"- **{item['library']}**: {item['what']}" for item in features["better"]]
    return "\n".join(lines) or "Nothing was found in this run."


def costs(measured: Measured, cells: Sequence[str], *, has_pools: bool) -> str:
    """Return a table of contestants and cells; the baselines stand first, then ours, then the peers by the first cell that they fill."""
    found = {name: measured["cells"].get(name, {}) for name in cells}
    weighed = measured["bytes"] if has_pools else {}
    names = sorted(
        {*weighed, *(peer for timed in found.values() for peer in timed)}, key=lambda peer: order(peer, found)
    )
    rates = [measured["rates"][name] for name in POOLS] if has_pools else []
    header = ["Library", *(name[0].upper() + name[1:] for name in cells)]
    if has_pools:
        header += ["8 threads, million calls/s", "8 threads of 5 ms, % of unguarded", "Bytes per breaker"]
    lines = list[list[str]]()
    for name in names:
        line = [f"**{name}**" if is_ours(name) else name]
        line += [shown(timed[name]["ratio"]) if name in timed else "—" for timed in found.values()]
        if has_pools:
            per_s, share = (rate.get(name) for rate in rates)
            line += [
                "—" if per_s is None else shown(per_s / 1e6),
                shown(share) or "—",
                shown(measured["bytes"].get(name)) or "—",
            ]
        lines.append(line)
    return table(header, lines)


def order(name: str, found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> tuple[int, float, str]:
    """Return where a contestant stands in a table."""
    rank = 0 if name in BASELINES else 1 if name == OURS else 2 if is_ours(name) else 3
    first = next((timed[name]["ratio"] for timed in found.values() if name in timed), 0.0)
    return rank, first, name


def trap_tables(trapped: Trapped) -> list[str]:
    """Return who falls into what, how many each, and what happened."""
    results = {(str(f["peer"]), int(str(f["trap"]))): f for f in trapped["findings"]}
    peers = list(dict.fromkeys(peer for peer, _ in results))
    word = {Result.PASSED.value: "ok", Result.FELL.value: "**falls**"}
    lines = [
        [f"{trap.number}. {trap.words}", *(word.get(str(results[peer, trap.number]["result"]), "—") for peer in peers)]
        for trap in TRAPS
        if all((peer, trap.number) in results for peer in peers)
    ]
    fallen = [[str(f["result"]) for (name, _), f in results.items() if name == peer] for peer in peers]
    totals = [f"{own.count(Result.FELL)} of {len(own) - own.count(Result.NOT_APPLICABLE)}" for own in fallen]
    happened = [
        f"- {peer}, {number}: {finding['what']}"
        for (peer, number), finding in sorted(results.items(), key=lambda item: (peers.index(item[0][0]), item[0][1]))
        if finding["result"] == Result.FELL
    ]
    return [table(["Trap", *peers], [*lines, ["Fallen into", *totals]]), "### What happened", "\n".join(happened)]


def feature_tables(features: Features) -> list[str]:
    """Return the table kept by hand, in two halves that fit a page; ours stands in both."""
    names = features["libraries"]
    half = (len(names) + 1) // 2
    tables = list[str]()
    for chosen in (range(1, half), range(half, len(names))):
        columns = [0, *chosen]
        rows = [
            [str(feature["name"]), *(list(feature["values"])[column] for column in columns)]  # type: ignore[call-overload]  # a list, by TOML
            for feature in features["feature"]
        ]
        tables.append(table(["", *(names[column] for column in columns)], rows))
    return tables


def versions(measured: Measured, machine: Mapping[str, object], *, measured_on: str) -> str:
    """Return what was measured, on what, and when."""
    rows = [("Measured on", measured_on), ("Python", measured["python"])]
    rows += [(words, str(machine[name])) for name, words in MACHINE.items() if name in machine]
    rows += [(package, version or "this checkout") for package, version in sorted(measured["versions"].items())]
    return table(("What", "Value"), rows)


def absent(measured: Measured) -> str:
    """Return what could not be measured, if anything."""
    problems = {**measured["absent"], **measured["problems"]}
    lines = "\n".join(f"- {name}: {reason}" for name, reason in problems.items())
    return f"Not measured:\n\n{lines}" if lines else ""
