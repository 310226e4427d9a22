"""The engines under one roof: how the suite opens each of them, and what each is known not to do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from holdfast.adapters.dbos import steps as dbos_steps
from holdfast.adapters.memory import MemorySteps
from holdfast.adapters.sql import database, steps as sql_steps
from holdfast.adapters.sql.store import InlineStore, open_store
from holdfast.ports.rows import Purpose
from holdfast.ports.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Store

ENGINES = ("memory", "sql-sqlite", "sql-postgres", "dbos-sqlite", "dbos-postgres")
WITH_PROCESSES = tuple(name for name in ENGINES if name != "memory")
WITH_A_FLEET = ("sql-postgres", "dbos-postgres")

HAS_NO_DUE_ORDER = {
    "dbos-sqlite": "DBOS 3.4 dequeues by priority, then by the time a workflow row was created, on SQLite to the second",
    "dbos-postgres": "DBOS 3.4 dequeues by priority, then by the time a workflow row was created; it has no due order",
}
HAS_NO_WORKER_PROCESSES = {
    "memory": "it lives in one process, and dies with it; its simulator declares deaths by `release`"
}
HAS_ONE_WORKER = {
    "memory": HAS_NO_WORKER_PROCESSES["memory"],
    "sql-sqlite": "a SQLite file has one worker, kept alone by a lock of the operating system",
    "dbos-sqlite": "a SQLite file has one worker, kept alone by a lock of the operating system",
}


class RealClock:
    """The wall clock, for the engine that takes its time from a port."""

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)

    sleep = staticmethod(asyncio.sleep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How fast an engine under test looks, beats and gives up on others."""

    concurrency: int = 4
    poll_interval_s: float = 0.02
    heartbeat_interval_s: float = 0.2
    takeover_after_s: float = 0.6
    retention_s: float = 60.0


class Closing(Protocol):
    """Whatever a bench has to close."""

    async def close(self) -> None:
        """Give everything back."""
        ...


@dataclass(slots=True, kw_only=True)
class Bench:
    """One engine on one database."""

    name: str
    url: str
    store: Store
    open: Callable[[str, Tempo], Steps]
    _shared: list[Steps] = field(default_factory=list)

    async def enqueue(self, steps: Steps, *batch: Step) -> None:
        """Enqueue in a transaction of their own."""
        await self.store.transact(lambda tx: steps.enqueue(tx, batch))


def open_bench(name: str, url: str) -> Bench:
    """Open the engine `name` on the database at `url`."""
    if name == "memory":
        store = InlineStore(RealClock().now)
        held: dict[str, MemorySteps] = {}

        def memory(worker: str, tempo: Tempo) -> Steps:
            return held.setdefault("engine", MemorySteps(RealClock(), concurrency=tempo.concurrency))

        return Bench(name=name, url=url, store=store, open=memory)
    engine = database.open_engine(database.parse_url(url), synchronous="normal", busy_timeout_s=20, pool_size=6)
    database.prepare(engine)
    if name.startswith("dbos"):
        dbos_steps.prepare(engine)
    real = open_store(engine, clock=RealClock().now, pool_size=6)

    def lease_table(worker: str, tempo: Tempo) -> Steps:
        lease = sql_steps.LeaseSettings(
            worker=worker,
            concurrency=tempo.concurrency,
            poll_interval_s=tempo.poll_interval_s,
            heartbeat_interval_s=tempo.heartbeat_interval_s,
            takeover_after_s=tempo.takeover_after_s,
        )
        return sql_steps.SqlSteps(real, engine=engine, lease=lease)

    def dbos(worker: str, tempo: Tempo) -> Steps:
        settings = dbos_steps.DbosSettings(
            worker=worker,
            concurrency=tempo.concurrency,
            poll_interval_s=tempo.poll_interval_s,
            heartbeat_interval_s=tempo.heartbeat_interval_s,
            takeover_after_s=tempo.takeover_after_s,
            retention_s=tempo.retention_s,
        )
        return dbos_steps.DbosSteps(real, engine=engine, settings=settings)

    return Bench(name=name, url=url, store=real, open=dbos if name.startswith("dbos") else lease_table)


def a_step(key: str, *, tenant: str = "", priority: int = 0, due_at: datetime | None = None) -> Step:
    """Build a step of which only these matter."""
    return Step(
        key=key,
        purpose=Purpose.PERFORM,
        execution="execution",
        action="action",
        n=1,
        tenant=tenant,
        priority=priority,
        due_at=due_at,
    )
