"""One measurement, in a process of its own: `python -m benchmarks.sample NAME JSON` prints its numbers as one line of JSON.

A process each, because what ran before it (threads, caches, DBOS's one instance) would be measured along with it. `BEGAN` is taken before any
import that costs something, so that a worker's way from its start to its first claim can be read.
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()

import asyncio  # noqa: E402 - the first line above is what is measured
import json  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Coroutine, Mapping  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

from benchmarks import workload  # noqa: E402
from benchmarks.rows import percentile  # noqa: E402
from holdfast.adapters.sql.database import open_engine, parse_url, prepare  # noqa: E402
from holdfast.adapters.sql.steps import LeaseSettings, SqlSteps  # noqa: E402
from holdfast.adapters.sql.store import open_store  # noqa: E402
from holdfast.ports.rows import Purpose  # noqa: E402
from holdfast.ports.steps import Step  # noqa: E402

if TYPE_CHECKING:
    from holdfast.ports.http import HttpAnswer, HttpRequest
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Store

__all__ = ["SAMPLES", "main"]

IMPORTED = time.monotonic()
BATCH = 100
"""So many steps are enqueued per transaction, where enqueueing is not what is measured."""


def say(**facts: object) -> None:
    """Print one line for whoever started this process."""
    print(json.dumps(facts), flush=True)


async def plans(*, url: str, engine: str, shape: str, count: int, settings: Mapping[str, object]) -> dict[str, object]:
    """Carry out plans of a shape, accepted beforehand; `warm` of them first, so that statements are compiled."""
    kind = workload.SHAPES[shape]
    transport = workload.InstantTransport(fails_once=kind.fails_once)
    opened = await workload.open_with(url, engine, transport=transport, settings=settings)
    took = await workload.run_plans(opened, kind, count=count)
    await opened.hold.close()
    return {"per_s": count / took, "calls": transport.calls}


async def noop(*, url: str, engine: str, count: int) -> dict[str, object]:
    """Deliver steps to a performer that does nothing: the lease table without Holdfast."""
    assert engine == "sql", "DBOS without Holdfast is `dbos_noop`"
    store, steps = engine_of(url)
    await enqueue(store, steps, [a_step(f"noop-{index}") for index in range(count)])
    stop, done = asyncio.Event(), 0

    async def perform(step: Step) -> None:  # noqa: ARG001 - the port's signature
        nonlocal done
        done += 1
        if done == count:
            stop.set()

    began = time.perf_counter()
    await steps.run(perform, stop)
    took = time.perf_counter() - began
    await store.close()
    return {"per_s": count / took}


def dbos_noop(*, url: str, count: int, concurrency: int, poll_interval_s: float) -> dict[str, object]:
    """Run workflows that do nothing on a DBOS queue of the same concurrency and polling: DBOS without Holdfast."""
    from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer  # noqa: PLC0415 - 0.3 s that only this sample pays

    prepare(open_engine(parse_url(url), synchronous="full", busy_timeout_s=30, pool_size=4))  # WAL, as ours has it
    address = parse_url(url).render_as_string(hide_password=False)
    DBOS.migrate(address)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": address,
            "executor_id": "bench",
            "application_version": "1",
            "serializer": DBOSPortableJSONSerializer(),
            "notification_listener_polling_interval_sec": 0.05,
            "max_executor_threads": 4 * concurrency + 16,
        }
    )
    done = threading.Semaphore(0)

    @DBOS.workflow(name="bench.noop")
    def nothing(_number: int) -> None:
        done.release()

    client = DBOSClient(system_database_url=address, serializer=DBOSPortableJSONSerializer())
    client.register_queue(
        "bench", worker_concurrency=concurrency, polling_interval_sec=poll_interval_s, on_conflict="always_update"
    )
    for number in range(count):
        client.enqueue({"workflow_name": "bench.noop", "queue_name": "bench", "app_version": "1"}, number)
    DBOS.listen_queues(["bench"])
    began = time.perf_counter()
    DBOS.launch()
    for _ in range(count):
        assert done.acquire(timeout=120), "DBOS stopped delivering"
    took = time.perf_counter() - began
    client.destroy()
    DBOS.destroy()
    return {"per_s": count / took}


def commits(*, url: str, count: int) -> dict[str, object]:
    """Commit one small row at a time with the bare driver, durably: the floor under everything else."""
    if url.startswith("sqlite"):
        import sqlite3  # noqa: PLC0415 - one driver per sample

        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        begin, insert = "BEGIN IMMEDIATE", "INSERT INTO floor VALUES (?, ?)"
        execute: Callable[..., object] = connection.execute
        close: Callable[[], None] = connection.close
    else:
        import psycopg  # noqa: PLC0415 - one driver per sample

        server = psycopg.connect(url, autocommit=True)
        begin, insert = "BEGIN", "INSERT INTO floor VALUES (%s, %s)"
        execute, close = server.execute, server.close
    execute("CREATE TABLE floor (n INTEGER PRIMARY KEY, body TEXT)")
    times: list[float] = []
    for number in range(count):
        began = time.perf_counter()
        execute(begin)
        execute(insert, (number, "x" * 200))
        execute("COMMIT")
        times.append(time.perf_counter() - began)
    close()
    return {
        "per_s": count / sum(times),
        "p50_ms": 1000 * percentile(times, 0.5),
        "p99_ms": 1000 * percentile(times, 0.99),
    }


async def decisions(
    *, url: str, engine: str, count: int, interval_s: float, settings: Mapping[str, object]
) -> dict[str, object]:
    """Time from a failed attempt in hand to its decision committed; plans come one per `interval_s`, or all at once if that is 0."""
    shape = workload.SHAPES["recovery"]
    opened = await workload.open_with(
        url, engine, transport=workload.InstantTransport(fails_once=True), settings=settings
    )
    stop = asyncio.Event()
    working = asyncio.ensure_future(opened.hold.work(stop))
    if interval_s:
        for _ in range(count):
            await workload.start_plan(opened.hold, shape, count=1)
            await asyncio.sleep(interval_s)
    else:
        await workload.start_plan(opened.hold, shape, count=count)
    await opened.gauge.reach(shape.steps * count)
    stop.set()
    await working
    await opened.hold.close()
    times = opened.gauge.decision_s
    assert len(times) == count, f"{len(times)} decisions for {count} failed attempts"
    return {"p50_ms": 1000 * percentile(times, 0.5), "p99_ms": 1000 * percentile(times, 0.99)}


async def lateness(
    *, url: str, engine: str, count: int, due_s: float, gap_s: float, settings: Mapping[str, object]
) -> dict[str, object]:
    """How late steps due in `due_s` reach an otherwise idle worker, enqueued one per `gap_s`."""
    opened = await workload.open_with(url, engine, transport=workload.InstantTransport(), settings=settings)
    store, steps = opened.hold._parts.store, opened.hold._parts.steps
    stop, late = asyncio.Event(), list[float]()

    async def perform(step: Step) -> None:
        assert step.due_at is not None, "every step here has a due time"
        late.append((datetime.now(UTC) - step.due_at).total_seconds())
        if len(late) == count:
            stop.set()

    running = asyncio.ensure_future(steps.run(perform, stop))
    await asyncio.sleep(0.5)
    for index in range(count):
        due_at = datetime.now(UTC) + timedelta(seconds=due_s)
        await enqueue(store, steps, [a_step(f"late-{index}", due_at=due_at)])
        await asyncio.sleep(gap_s)
    async with asyncio.timeout(due_s + 30):
        await running
    await opened.hold.close()
    return {"p50_s": percentile(late, 0.5), "max_s": max(late), "min_s": min(late)}


async def idle(*, url: str, engine: str, seconds: float, settings: Mapping[str, object]) -> dict[str, object]:
    """Memory and threads of a worker that has nothing to do, before and after it has swept every waiting execution once."""
    opened = await workload.open_with(url, engine, transport=workload.InstantTransport(), settings=settings)
    stop = asyncio.Event()
    working = asyncio.ensure_future(opened.hold.work(stop))
    await asyncio.sleep(seconds)
    resting = memory()
    began = time.perf_counter()
    swept = await opened.hold.sweep()
    swept_s = time.perf_counter() - began
    await asyncio.sleep(min(seconds, 1.0))
    after = memory()
    stop.set()
    await working
    await opened.hold.close()
    return {
        "rss_mb": resting["VmRSS"] / 1024,
        "rss_swept_mb": after["VmRSS"] / 1024,
        "peak_mb": after["VmHWM"] / 1024,
        "threads": after["Threads"],
        "looked_at": swept.looked_at,
        "swept_s": swept_s,
    }


def memory() -> dict[str, int]:
    """Read this process's memory (KiB) and threads from the system."""
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[0] in ("VmRSS:", "VmHWM:", "Threads:")}


async def park(*, url: str, engine: str) -> dict[str, object]:
    """Bring one real execution to where it waits for a recovery that is due in an hour."""
    shape = workload.Shape(needs={"a": ()}, fails_once=True)
    opened = await workload.open_with(url, engine, transport=workload.InstantTransport(fails_once=True))
    (execution,) = await workload.start_plan(opened.hold, shape, count=1, retry_delay_ms=3_600_000)
    stop = asyncio.Event()
    working = asyncio.ensure_future(opened.hold.work(stop))
    await opened.gauge.reach(1)
    stop.set()
    await working
    await opened.hold.close()
    return {"execution": execution}


async def worker(
    *, url: str, engine: str, shape: str, starts: int, hangs: bool, settings: Mapping[str, object]
) -> dict[str, object]:
    """Be a worker until standard input ends; prints a line when it is up and one for each call that it sends, with the time of each."""
    say(began=BEGAN, imported=IMPORTED)
    sent: asyncio.Queue[str] = asyncio.Queue()
    instant = workload.InstantTransport()
    transport = workload.HangingTransport(sent) if hangs else Announcing(instant, sent)
    opened = await workload.open_with(url, engine, transport=transport, settings=settings)
    if starts:
        await workload.start_plan(opened.hold, workload.SHAPES[shape], count=starts)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True).start()
    working = asyncio.ensure_future(opened.hold.work(stop))
    telling = asyncio.ensure_future(tell(sent))
    say(up=time.monotonic())
    await working
    telling.cancel()
    await opened.hold.close()
    return {"stopped": time.monotonic()}


async def tell(sent: asyncio.Queue[str]) -> None:
    """Print a line for each call."""
    while True:
        key = await sent.get()
        say(sent=time.monotonic(), key=key)


class Announcing:
    """A transport that tells of each call before it is made."""

    def __init__(self, inner: workload.InstantTransport, sent: asyncio.Queue[str]) -> None:
        self._inner = inner
        self._sent = sent

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Tell, then answer."""
        self._sent.put_nowait(workload.key_of(request))
        return await self._inner.send(request)

    async def close(self) -> None:
        """Nothing to close."""


def engine_of(url: str) -> tuple[Store, Steps]:
    """Open the lease table on a database, with the worker's settings as shipped."""
    address = parse_url(url)
    engine = open_engine(address, synchronous="full", busy_timeout_s=30, pool_size=10)
    prepare(engine)
    store = open_store(engine, clock=lambda: datetime.now(UTC), pool_size=10)
    lease = LeaseSettings(
        worker="bench", concurrency=16, poll_interval_s=0.2, heartbeat_interval_s=5.0, takeover_after_s=30.0
    )
    return store, SqlSteps(store, engine=engine, lease=lease)


async def enqueue(store: Store, steps: Steps, batch: list[Step]) -> None:
    """Enqueue steps that belong to no execution."""
    for start in range(0, len(batch), BATCH):
        some = batch[start : start + BATCH]
        await store.transact(lambda tx, some=some: steps.enqueue(tx, some))  # type: ignore[misc]  # mypy cannot infer the default argument


def a_step(key: str, *, due_at: datetime | None = None) -> Step:
    """Build a step of which only these matter."""
    return Step(key=key, purpose=Purpose.PERFORM, execution="none", action="none", n=1, due_at=due_at)


Sample = Callable[..., dict[str, object]] | Callable[..., Coroutine[object, object, dict[str, object]]]
SAMPLES: dict[str, Sample] = {
    sample.__name__: sample for sample in (plans, noop, dbos_noop, commits, decisions, lateness, idle, park, worker)
}


def main(name: str, arguments: str) -> None:
    """Take one sample and print it."""
    result = SAMPLES[name](**json.loads(arguments))
    say(**(asyncio.run(result) if asyncio.iscoroutine(result) else result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
