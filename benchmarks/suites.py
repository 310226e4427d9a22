"""The suites: what is measured, how often, beside which peer, and what the target is.

Every suite takes several rounds, ours and its peers by turns, and reports the medians: what the machine does meanwhile hits all alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import crowd
from benchmarks.databases import Databases
from benchmarks.faults import correlation
from benchmarks.faults.speed import speed_rows
from benchmarks.faults.suite import PAGE as VENDORS_PAGE, accuracy_rows, render_vendors
from benchmarks.policies import suite as guarded
from benchmarks.processes import Child, run_code, sample
from benchmarks.rows import Row, median

__all__ = ["ADAPTERS", "QUICK", "STANDARD", "SUITES", "TINY", "Scale"]

ADAPTERS = ("sql-sqlite", "sql-postgres", "dbos-sqlite", "dbos-postgres")
TUNED = {"worker.poll_interval_s": 0.02, "worker.concurrency": 50}
"""DBOS takes at most `concurrency` steps per poll: these lift the 80 steps/s that the defaults allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured. `rounds` of each; `plans` per round; `steps` for raw engines; `samples` of latencies; `crowd` waiting executions.

    `cell_rounds` of `cell_ms` each for a guarded call; `has_extras`: also what only the page needs, which keeps its numbers in `build/`.
    """

    adapters: tuple[str, ...] = ADAPTERS
    rounds: int = 3
    plans: int = 300
    steps: int = 1500
    samples: int = 60
    late: int = 50
    crowd: int = 100_000
    idle_s: float = 3.0
    launches: int = 7
    resumes: int = 5
    has_extras: bool = True
    cell_rounds: int = 41
    cell_ms: float = 2.0


STANDARD = Scale()
QUICK = Scale(
    adapters=("sql-sqlite", "sql-postgres"),
    rounds=2,
    plans=20,
    steps=200,
    samples=8,
    late=3,
    crowd=2000,
    idle_s=0.2,
    launches=3,
    resumes=1,
    has_extras=False,
    cell_rounds=15,
    cell_ms=1.0,
)
TINY = Scale(
    adapters=("sql-sqlite",),
    rounds=1,
    plans=2,
    steps=5,
    samples=2,
    late=2,
    crowd=20,
    idle_s=0.1,
    launches=1,
    resumes=1,
    has_extras=False,
    cell_rounds=1,
    cell_ms=0.1,
)


def engine_of(adapter: str) -> str:
    """Return the value of `worker.engine` for an adapter."""
    return adapter.partition("-")[0]


def throughput(databases: Databases, scale: Scale) -> Iterator[Row]:
    """Plans and recoveries per second, beside the raw engine and bare commits, in interleaved rounds."""
    for adapter in scale.adapters:
        yield from throughput_of(adapter, databases, scale=scale, settings={}, label=adapter)
    if scale.has_extras:
        for adapter in ("dbos-sqlite", "dbos-postgres"):
            yield from throughput_of(adapter, databases, scale=scale, settings=TUNED, label=f"{adapter}, tuned")


def throughput_of(
    adapter: str, databases: Databases, *, scale: Scale, settings: dict[str, float], label: str
) -> Iterator[Row]:
    """Measure one adapter."""
    rates: dict[str, list[float]] = {"commits": [], "raw": [], "diamond": [], "recovery": []}
    # As shipped, DBOS delivers 80 steps/s: the same work would take minutes without telling more.
    count = max(2, scale.plans // 4) if adapter.startswith("dbos") else scale.plans
    for _ in range(scale.rounds):
        where = databases.directory
        rates["commits"].append(
            sample("commits", directory=where, url=databases.new(adapter), count=scale.steps)["per_s"]
        )
        rates["raw"].append(raw(adapter, databases, count=scale.steps, settings=settings))
        for shape in ("diamond", "recovery"):
            more = {"engine": engine_of(adapter), "settings": settings, "shape": shape, "count": count}
            rates[shape].append(sample("plans", directory=where, url=databases.new(adapter), **more)["per_s"])
    now = {name: median(values) for name, values in rates.items()}
    target = "" if settings else "≥ 80"
    yield Row(
        suite="throughput", case=f"{label}: plans (diamond of five)", ours=now["diamond"], unit="plans/s", target=target,
        peer="raw engine, five no-op steps", peer_value=now["raw"] / 5, note=spread(rates["diamond"]),
    )  # fmt: skip
    yield Row(
        suite="throughput", case=f"{label}: recoveries (failure + retry)", ours=now["recovery"], unit="recoveries/s", target=target,
        peer="raw engine, two no-op steps", peer_value=now["raw"] / 2, note=spread(rates["recovery"]),
    )  # fmt: skip
    yield Row(
        suite="raw engine", case=f"{label}: no-op steps", ours=now["raw"], unit="steps/s",
        peer="durable commits, bare driver", peer_value=now["commits"], note=spread(rates["raw"]),
    )  # fmt: skip


def raw(adapter: str, databases: Databases, *, count: int, settings: dict[str, float]) -> float:
    """Measure the engine without Holdfast: the lease table, or DBOS's own queue."""
    url, where = databases.new(adapter), databases.directory
    if adapter.startswith("sql"):
        return sample("noop", directory=where, url=url, engine="sql", count=count)["per_s"]
    concurrency, poll_s = settings.get("worker.concurrency", 16), settings.get("worker.poll_interval_s", 0.2)
    return sample(
        "dbos_noop", directory=where, url=url, count=max(2, count // 3), concurrency=concurrency, poll_interval_s=poll_s
    )["per_s"]


def spread(values: list[float]) -> str:
    """Say how far the rounds lie apart."""
    return f"{len(values)} rounds, {min(values):.3g} … {max(values):.3g}" if len(values) > 1 else ""


def decision(databases: Databases, scale: Scale) -> Iterator[Row]:
    """From a failed attempt in hand to its decision committed: one transaction. A plan every 50 ms, and all at once."""
    for adapter in scale.adapters:
        where, floors = databases.directory, list[float]()
        found: dict[str, list[dict[str, float]]] = {"light load": [], "saturated": []}
        for _ in range(scale.rounds):
            floors.append(
                sample("commits", directory=where, url=databases.new(adapter), count=scale.steps // 3 + 1)["p50_ms"]
            )
            for load, interval_s in (("light load", 0.05), ("saturated", 0.0)):
                more = {"engine": engine_of(adapter), "count": scale.samples, "interval_s": interval_s, "settings": {}}
                found[load].append(sample("decisions", directory=where, url=databases.new(adapter), **more))
        for load, rounds in found.items():
            p50, p99 = (median([numbers[name] for numbers in rounds]) for name in ("p50_ms", "p99_ms"))
            yield Row(
                suite="decision latency", case=f"{adapter}: {load}, p50", ours=p50, unit="ms", target="≤ 15",
                peer="one durable commit, p50", peer_value=median(floors), note=f"p99 {p99:.3g} ms",
            )  # fmt: skip


def lateness(databases: Databases, scale: Scale) -> Iterator[Row]:
    """How late a step due in one second reaches an idle worker."""
    for adapter in scale.adapters:
        target = "≤ 0.3" if adapter.startswith("sql") else "≤ 1.5"
        # The gap shares no divisor with the polling interval, so that every phase of it is met.
        more = {"engine": engine_of(adapter), "count": scale.late, "due_s": 1.0, "gap_s": 0.137, "settings": {}}
        late = sample("lateness", directory=databases.directory, url=databases.new(adapter), **more)
        note = f"p50 {late['p50_s']:.3g} s, earliest {late['min_s']:.3g} s, of {scale.late}"
        yield Row(
            suite="lateness",
            case=f"{adapter}: step due in 1 s, latest",
            ours=late["max_s"],
            unit="s",
            target=target,
            note=note,
        )


def waiting(databases: Databases, scale: Scale) -> Iterator[Row]:
    """What waiting recoveries on SQLite cost a worker: memory, threads, and the speed of a plan among them."""
    where, idle, rates = databases.directory, dict[str, list[dict[str, float]]](), dict[str, list[float]]()
    url = databases.new("sql-sqlite")
    execution = str(sample("park", directory=where, url=url, engine="sql")["execution"])
    waits = crowd.multiply(url, execution, count=scale.crowd)
    assert waits == scale.crowd, f"{waits} steps wait, not {scale.crowd}"
    for _ in range(scale.rounds):
        for name, address in (("alone", databases.new("sql-sqlite")), ("crowd", url)):
            found = sample("idle", directory=where, url=address, engine="sql", seconds=scale.idle_s, settings={})
            idle.setdefault(name, []).append(found)
            more = {"engine": "sql", "shape": "diamond", "count": scale.plans, "settings": {}}
            rates.setdefault(name, []).append(sample("plans", directory=where, url=address, **more)["per_s"])
    looked_at = {int(found["looked_at"]) for found in idle["crowd"]}
    assert min(looked_at) >= scale.crowd, f"the sweep looked at {looked_at} waiting actions, not at {scale.crowd}"
    many, none = (
        {name: median([found[name] for found in idle[key]]) for name in idle[key][0]} for key in ("crowd", "alone")
    )
    made = f"{scale.crowd:,} waiting, one made by the real code, the others copied from it by SQL"
    for label, name in (("idle worker", "rss_mb"), ("after a sweep of them all", "rss_swept_mb")):
        yield Row(
            suite="waiting recoveries", case=f"extra memory, {label}", ours=max(0.0, many[name] - none[name]), unit="MB", target="≤ 10",
            note=f"{many[name]:.1f} MB with, {none[name]:.1f} MB without; {made}",
        )  # fmt: skip
    yield Row(
        suite="waiting recoveries",
        case="threads of an idle worker",
        ours=many["threads"],
        unit="threads",
        target="≤ 12",
        note=made,
    )
    note = f"{scale.crowd:,} executions looked at; once a minute, on a reader's thread"
    yield Row(suite="waiting recoveries", case="one sweep of them all", ours=many["swept_s"], unit="s", note=note)
    yield Row(
        suite="waiting recoveries", case="live plans among them", ours=median(rates["crowd"]), unit="plans/s",
        peer="the same without them", peer_value=median(rates["alone"]), note=spread(rates["crowd"]),
    )  # fmt: skip


LAUNCH = """
import asyncio, json, sys, time
from holdfast import wiring
from holdfast.settings import load
settings = load(arguments={"worker.engine": sys.argv[2]}, environ={})
async def main():
    began = time.perf_counter()
    hold = await wiring.open_async(sys.argv[1], settings=settings, environ={})
    took = time.perf_counter() - began
    await hold.close()
    print(json.dumps({"ms": 1000 * took}))
asyncio.run(main())
"""
IMPORT = """
import sys, time
before = time.perf_counter()
__import__(sys.argv[1])
took = time.perf_counter() - before
heavy = [name for name in ("asyncio", "pydantic", "sqlalchemy") if name in sys.modules]
import json
print(json.dumps({"ms": 1000 * took, "heavy": len(heavy)}))
"""
PEER_IMPORT = {"holdfast.contract": "pydantic", "holdfast.wiring": "sqlalchemy"}


def launch(databases: Databases, scale: Scale) -> Iterator[Row]:
    """Time to open a database after the import, and the imports themselves; each in a new process, bytecode cached."""
    where = databases.directory
    for adapter in scale.adapters if scale.has_extras else scale.adapters[:1]:
        engine = engine_of(adapter)
        url = databases.new(adapter)
        run_code(LAUNCH, url, engine, directory=where)
        for kind in ("fresh", "warm"):
            times = list[float]()
            for _ in range(scale.launches):
                address = databases.new(adapter) if kind == "fresh" else url
                times.append(run_code(LAUNCH, address, engine, directory=where)["ms"])
            yield Row(
                suite="launch",
                case=f"{adapter}: open a {kind} database",
                ours=median(times),
                unit="ms",
                target="≤ 60",
                note=spread(times),
            )
    for module, target in (
        ("holdfast", "≤ 25"),
        ("holdfast.policies.retry", "≤ 25"),
        ("holdfast.contract", ""),
        ("holdfast.wiring", ""),
    ):
        yield imports(module, databases, scale=scale, target=target)


def imports(module: str, databases: Databases, *, scale: Scale, target: str) -> Row:
    """Measure one import beyond the interpreter's start, its largest dependency by turns with it."""
    peer, where = PEER_IMPORT.get(module, "json"), databases.directory
    run_code(IMPORT, module, directory=where)  # writes the bytecode
    ours, peers, heavy = list[float](), list[float](), 0.0
    for _ in range(scale.launches):
        found = run_code(IMPORT, module, directory=where)
        ours.append(found["ms"])
        heavy = max(heavy, found["heavy"])
        peers.append(run_code(IMPORT, peer, directory=where)["ms"])
    assert not (target and heavy), f"{module} loads one of asyncio, pydantic, SQLAlchemy"
    note = "neither asyncio nor pydantic nor SQLAlchemy is loaded" if target else ""
    value = median(peers)
    return Row(
        suite="launch",
        case=f"import {module}",
        ours=median(ours),
        unit="ms",
        target=target,
        peer=f"import {peer}",
        peer_value=value,
        note=note,
    )


def resume(databases: Databases, scale: Scale) -> Iterator[Row]:
    """After SIGKILL on SQLite with calls in flight: from the start of the next process to its first call."""
    whole, after_imports = list[float](), list[float]()
    more = {"engine": "sql", "shape": "diamond", "settings": {}}
    for _ in range(scale.resumes):
        url = databases.new("sql-sqlite")
        with Child(directory=databases.directory, url=url, starts=8, hangs=True, **more) as victim:
            victim.until("sent")
            victim.kill()
        with Child(directory=databases.directory, url=url, starts=0, hangs=False, **more) as heir:
            imported = number(heir.until("imported")["imported"])
            sent = number(heir.until("sent")["sent"])
        whole.append(sent - heir.spawned)
        after_imports.append(sent - imported)
    for case, times, target in (
        ("process start to first call", whole, "≤ 2"),
        ("imports done to first call", after_imports, ""),
    ):
        yield Row(
            suite="resume after SIGKILL",
            case=f"sql-sqlite: {case}",
            ours=median(times),
            unit="s",
            target=target,
            note=spread(times),
        )


def takeover(databases: Databases, scale: Scale) -> Iterator[Row]:
    """On PostgreSQL, settings as shipped: a worker is killed with calls in flight, another that was idle makes them."""
    if not scale.has_extras:
        return
    for adapter in ("sql-postgres", "dbos-postgres"):
        more = {"url": databases.new(adapter), "engine": engine_of(adapter), "shape": "single", "settings": {}}
        with Child(directory=databases.directory, starts=4, hangs=True, **more) as victim:
            keys = {str(victim.until("sent")["key"]) for _ in range(4)}
            with Child(directory=databases.directory, starts=0, hangs=False, **more) as heir:
                heir.until("up")
                time.sleep(1.0)
                killed, made = victim.kill(), dict[str, float]()
                while keys - set(made):
                    call = heir.until("sent")
                    made[str(call["key"])] = number(call["sent"])
        times = [made[key] - killed for key in keys]
        yield Row(
            suite="takeover", case=f"{adapter}: killed worker to last of its calls made", ours=max(times), unit="s", target="≤ 35",
            note=f"4 calls in flight, first after {min(times):.3g} s; heartbeat 5 s, taken for dead after 30 s",
        )  # fmt: skip


def policies(databases: Databases, scale: Scale) -> Iterator[Row]:
    """Guarded calls beside every peer that is installed, in bare calls."""
    found = guarded.measure(
        directory=databases.directory, rounds=scale.cell_rounds, run_ms=scale.cell_ms, cells=10 * scale.samples
    )
    for name, reason in {**found["absent"], **found["problems"]}.items():
        print(f"  not measured: {name} ({reason})", flush=True)
    yield from guarded.rows_of(found)
    if scale.has_extras:
        trapped = guarded.probe(directory=databases.directory)
        yield from guarded.trap_rows(trapped)
        guarded.keep(found, trapped)


def faults(_databases: Databases, scale: Scale) -> Iterator[Row]:
    """How well failures are recognised, how fast, and what a storm of them costs."""
    yield from accuracy_rows()
    yield from speed_rows(rounds=scale.cell_rounds, count=5 * scale.samples)
    yield from correlation.rows(storm=10 * scale.crowd, window=max(scale.crowd // 10, 10), rounds=scale.rounds)
    if scale.has_extras:
        VENDORS_PAGE.write_text(render_vendors(), encoding="utf-8")


def number(value: object) -> float:
    """Read a number out of a worker's line."""
    assert isinstance(value, (int, float)), f"{value!r} is not a number"
    return float(value)


Suite = Callable[[Databases, Scale], Iterator[Row]]
SUITES: dict[str, Suite] = {
    suite.__name__: suite
    for suite in (throughput, decision, lateness, waiting, launch, resume, takeover, policies, faults)
}
