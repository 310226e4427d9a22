"""Steps by a lease table beside our own tables: exact due times, fairness between tenants, no server.

```
waiting ── due ──→ ready ── claimed ──→ leased ── finished ──→ (gone)
                     ↑                    │
                     └── owner is dead, or the performer raised ──┘
```
A worker proves that it lives by its heartbeat, written from a thread of its own, so that a blocked event loop is not taken for a death.
On SQLite one worker per file is ensured by an operating-system lock (see `worker_lock`); whoever holds it knows that every lease is orphaned.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite

from holdfast.adapters.sql import schema
from holdfast.adapters.sql.prepared import Prepared
from holdfast.adapters.sql.transaction import SqlTx
from holdfast.errors import StoreError
from holdfast.ports.steps import NotNow, Step, always

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from holdfast.adapters.sql.transaction import SqlSnapshot
    from holdfast.ports.rows import Purpose
    from holdfast.ports.steps import MayClaim, Perform, StopSignal
    from holdfast.ports.store import Snapshot, Store, Tx

__all__ = ["LeaseSettings", "SqlSteps"]

log = logging.getLogger("holdfast.steps")
S, W = schema.steps, schema.workers

PROMOTED_MAX = 1000
"""So many waiting steps become ready in one transaction: a storm of due steps must not hold the write lock for long."""
TENANTS_MAX = 256
"""So many tenants take turns in one claim; the others come first in the next."""
RELEASE_DELAY_S = 1.0
"""A step whose performer raised is tried again after so long, times the number of its claims, up to a minute."""

WAITING, READY, LEASED = "waiting", "ready", "leased"

DUE = (
    sa.select(S.c.key)
    .where(S.c.state == WAITING, S.c.at <= bindparam("k_now", type_=S.c.at.type))
    .order_by(S.c.at)
    .limit(PROMOTED_MAX)
)
# PostgreSQL evaluates a subquery once: two workers that promote the same rows would wait for each other, and the second would then make rows
# ready that the first has leased meanwhile. So it skips what is locked, and looks at the state of the row itself again.
PROMOTE: Prepared[dict[str, Any]] = Prepared(
    sa.update(S).where(S.c.key.in_(DUE.with_for_update(skip_locked=True)), S.c.state == WAITING).values(state=READY),
    dict,
)
FINISH: Prepared[dict[str, Any]] = Prepared(sa.delete(S).where(S.c.key == bindparam("k_key")), dict)
RELEASE = (
    sa.update(S)
    .where(S.c.key == bindparam("k_key"), S.c.owner == bindparam("k_owner"))
    .values(state=WAITING, owner=None, at=bindparam("v_at", type_=S.c.at.type))
)
IS_READY = S.c.state == READY
LOOK: Prepared[dict[str, Any]] = Prepared(
    sa.select(
        sa.select(sa.func.min(S.c.at)).where(S.c.state == WAITING).scalar_subquery().label("earliest"),
        sa.select(sa.func.min(S.c.tenant)).where(IS_READY).scalar_subquery().label("first"),
        sa.select(sa.func.max(S.c.tenant)).where(IS_READY).scalar_subquery().label("last"),
    ),
    dict,
)
NEXT_OF_TENANT = (
    sa.select(S.c.key)
    .where(IS_READY, S.c.tenant == bindparam("k_tenant"))
    .order_by(S.c.priority, S.c.at)
    .limit(bindparam("k_most", type_=sa.Integer))
)


def as_step(
    *,
    key: str,
    purpose: Purpose,
    execution: str,
    action: str,
    n: int,
    tenant: str,
    priority: int,
    at: datetime,
    **_: object,
) -> Step:
    """Turn a row's columns into a step; how it is held is not the performer's business."""
    return Step(
        key=key, purpose=purpose, execution=execution, action=action, n=n, tenant=tenant, priority=priority, due_at=at
    )


TAKE = Prepared(
    sa.update(S)
    .where(S.c.key.in_(NEXT_OF_TENANT.with_for_update(skip_locked=True)), IS_READY)
    .values(state=LEASED, owner=bindparam("v_owner"), claims=S.c.claims + 1)
    .returning(*S.c),
    as_step,
)


def tenants_with_work() -> sa.Select[str]:
    """Distinct tenants of ready steps, by hopping along the index: its cost depends on the number of tenants, not of steps."""
    first = sa.select(sa.func.min(S.c.tenant).label("tenant")).where(IS_READY)
    hops = first.cte("tenants", recursive=True)
    following = (
        sa.select(sa.func.min(S.c.tenant)).where(IS_READY, S.c.tenant > hops.c.tenant).correlate(hops).scalar_subquery()
    )
    hops = hops.union_all(sa.select(following).where(hops.c.tenant.is_not(None)))
    return sa.select(hops.c.tenant).where(hops.c.tenant.is_not(None)).limit(TENANTS_MAX)


TENANTS = tenants_with_work()


def insert_once(insert_into: Callable[[sa.Table], sqlite.Insert | postgresql.Insert]) -> Prepared[dict[str, object]]:
    """Build the insertion of steps for one database; a key that exists is left as it is."""
    values = {column.name: bindparam(f"v_{column.name}", type_=column.type) for column in S.c}
    return Prepared(insert_into(S).values(values).on_conflict_do_nothing(), dict)


ENQUEUE = {"sqlite": insert_once(sqlite.insert), "postgresql": insert_once(postgresql.insert)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """How a worker claims: `concurrency` steps at once, looking every `poll_interval_s`, alive by a heartbeat every `heartbeat_interval_s`,
    taken for dead after `takeover_after_s` without one."""

    worker: str
    concurrency: int
    poll_interval_s: float
    heartbeat_interval_s: float
    takeover_after_s: float


class SqlSteps:
    """The lease table as an engine."""

    def __init__(self, store: Store, *, engine: sa.Engine, lease: LeaseSettings) -> None:
        self._store = store
        self._engine = engine
        self._lease = lease
        self._is_postgres = engine.dialect.name == "postgresql"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._last_tenant = ""
        self._running: set[asyncio.Task[None]] = set()
        self._open: set[str] = set()
        self._is_stopping = False
        self._is_poked = True

    def enqueue(self, tx: Tx, steps: Sequence[Step]) -> None:
        """Add steps inside `tx`; those due now are looked for as soon as it has committed."""
        sql = cast("SqlTx", tx)
        if not steps:
            return
        rows = [row_of(step, sql.now) for step in steps]
        ENQUEUE[self._engine.dialect.name].execute_many(sql.connection, rows)
        if any(row["v_state"] == READY for row in rows):
            sql.after_commit.append(self._poke)
        else:
            sql.after_commit.append(self._poke_idle)

    def finish(self, tx: Tx, key: str) -> None:
        """Remove a step inside `tx`."""
        sql = cast("SqlTx", tx)
        FINISH.execute(sql.connection, {"k_key": key})
        sql.after_commit.append(lambda: self._open.discard(key))

    async def missing(self, keys: Sequence[str]) -> set[str]:
        """Return the keys that are not in the table."""
        wanted = list(keys)

        def look(snapshot: Snapshot) -> set[str]:
            held: set[str] = set()
            for start in range(0, len(wanted), 500):
                query = sa.select(S.c.key).where(S.c.key.in_(wanted[start : start + 500]))
                held.update(cast("SqlSnapshot", snapshot).connection.scalars(query))
            return set(wanted) - held

        return await self._store.read(look)

    async def run(self, perform: Perform, stop: StopSignal, *, may_claim: MayClaim = always) -> None:
        """Claim and perform until `stop`; then wait for what was taken."""
        self._loop = asyncio.get_running_loop()
        self._is_stopping = False
        await self._store.transact(self._sign_on)
        heartbeat = Heartbeat(self._engine, self._lease) if self._is_postgres else None
        watcher = asyncio.ensure_future(self._poke_when(stop))
        try:
            if heartbeat:
                heartbeat.start()
            await self._claim_until(perform, stop, may_claim=may_claim)
            self._is_stopping = True
            await asyncio.gather(*self._running, return_exceptions=True)
        finally:
            self._is_stopping = True
            watcher.cancel()
            if heartbeat:
                await asyncio.to_thread(heartbeat.stop)
            with contextlib.suppress(StoreError):
                await self._store.transact(self._sign_off)

    async def _claim_until(self, perform: Perform, stop: StopSignal, *, may_claim: MayClaim) -> None:
        """The loop: claim as many as there is room for, start them, wait for room, work or time."""
        trouble = 0
        while not stop.is_set():
            self._wake.clear()
            room = self._lease.concurrency - len(self._running)
            wait_s: float | None = None
            if room > 0 and not may_claim():
                wait_s = self._lease.poll_interval_s
            elif room > 0:
                try:
                    taken, wait_s = await self._claim(room)
                    trouble = 0
                except StoreError as err:
                    trouble += 1
                    taken, wait_s = [], min(self._lease.poll_interval_s * 2**trouble, 5.0)
                    log.warning("cannot claim work: %s", err)
                for step in taken:
                    task = asyncio.ensure_future(self._perform(perform, step))
                    self._running.add(task)
                    task.add_done_callback(self._ended)
                if taken:
                    continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)

    async def _claim(self, room: int) -> tuple[list[Step], float]:
        """Take up to `room` steps; returns them and how long to wait if there were none."""
        if not self._is_poked:
            # Nobody here has enqueued anything: a glance without the write lock, since mostly there is nothing.
            wait_s = self._wait_s(await self._store.read(self._look))
            if wait_s is not None:
                return [], wait_s
        self._is_poked = False
        taken, view = await self._store.transact(lambda tx: self._take(cast("SqlTx", tx), room))
        # Nothing, although something is ready: another worker has it locked. Looking again at once would only burn both processors.
        wait_s = self._wait_s(view)
        return taken, self._lease.poll_interval_s if wait_s is None else wait_s

    def _look(self, snapshot: Snapshot) -> View:
        """Return what there is to do."""
        found = LOOK.first(cast("SqlSnapshot", snapshot).connection, {})
        assert found is not None, "a query of subqueries has one row"
        return View(earliest=found["earliest"], first=found["first"], last=found["last"], now=snapshot.now)

    def _wait_s(self, view: View) -> float | None:
        """Return how long there is nothing to do; None when there is something now."""
        if view.first is not None or (view.earliest is not None and view.earliest <= view.now):
            return None
        poll_s = self._lease.poll_interval_s
        return poll_s if view.earliest is None else min(poll_s, max((view.earliest - view.now).total_seconds(), 0.001))

    def _take(self, tx: SqlTx, room: int) -> tuple[list[Step], View]:
        """Promote what is due, then let tenants take turns: each gives its first steps by priority and due time."""
        view = self._look(tx)
        if view.earliest is not None and view.earliest <= view.now:
            PROMOTE.execute(tx.connection, {"k_now": view.now})
            view = replace(self._look(tx), now=view.now)
        if view.first is None:
            return [], view
        tenants: list[str] = [view.first] if view.first == view.last else list(tx.connection.scalars(TENANTS))
        turn = [tenant for tenant in tenants if tenant > self._last_tenant] + [
            tenant for tenant in tenants if tenant <= self._last_tenant
        ]
        share = max(1, room // len(turn))
        taken: list[Step] = []
        for tenant in turn:
            most = min(share, room - len(taken))
            if most <= 0:
                break
            rows = TAKE.all(tx.connection, {"k_tenant": tenant, "k_most": most, "v_owner": self._lease.worker})
            taken.extend(sorted(rows, key=lambda step: (step.priority, step.due_at)))
            self._last_tenant = tenant
        return taken, view

    async def _perform(self, perform: Perform, step: Step) -> None:
        """Perform one step; give it back when that raises."""
        self._open.add(step.key)
        try:
            await perform(step)
            if step.key in self._open:  # the performer had nothing to settle: its step ends all the same
                await self._store.transact(lambda tx: self.finish(tx, step.key))
        except asyncio.CancelledError:
            raise
        except NotNow as later:
            await self._give_back(step, wait_s=later.wait_s)
        except StoreError as err:
            log.warning("step %s will be delivered again: %s", step.key, err)
            await self._give_back(step)
        except Exception:
            # The loop's top: a defect must cost this step a delay, never the worker.
            log.exception("step %s will be delivered again", step.key)
            await self._give_back(step)
        finally:
            self._open.discard(step.key)

    async def _give_back(self, step: Step, *, wait_s: float | None = None) -> None:
        """Release a step, however long the database is away: nobody else would, as long as this worker lives."""
        trouble = 0
        while True:
            try:
                return await self._store.transact(lambda tx: self._release(cast("SqlTx", tx), step.key, wait_s))
            except StoreError as err:
                if self._is_stopping:
                    return None  # signing off releases it, or the next worker does
                trouble += 1
                log.warning("cannot hand step %s back yet: %s", step.key, err)
                await asyncio.sleep(min(0.1 * 2**trouble, 5.0))

    def _release(self, tx: SqlTx, key: str, wait_s: float | None) -> None:
        claims = tx.connection.scalar(sa.select(S.c.claims).where(S.c.key == key)) or 1
        delay_s = min(RELEASE_DELAY_S * claims, 60.0) if wait_s is None else wait_s
        tx.connection.execute(
            RELEASE, {"k_key": key, "k_owner": self._lease.worker, "v_at": tx.now + timedelta(seconds=delay_s)}
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    def _poke(self) -> None:
        """Work is due: take it at once. Called from the thread that committed."""
        self._is_poked = True
        self._poke_idle()

    def _poke_idle(self) -> None:
        """Something will be due: look when. Called from the thread that committed."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _poke_when(self, stop: StopSignal) -> None:
        await stop.wait()
        self._wake.set()

    def _sign_on(self, tx: Tx) -> None:
        """Tell that this worker lives; on SQLite, where it is alone, take over everything at once."""
        connection = cast("SqlTx", tx).connection
        identity = {
            "id": self._lease.worker,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "started_at": tx.now,
            "beat_at": tx.now,
        }
        if not self._is_postgres:
            connection.execute(sa.delete(W))
            connection.execute(sa.update(S).where(S.c.state == LEASED).values(state=READY, owner=None))
        # A name that is taken is that of a process which died and came back under it.
        self._sign_off(tx)
        connection.execute(sa.insert(W), identity)

    def _sign_off(self, tx: Tx) -> None:
        """Give back what is still leased and leave."""
        connection = cast("SqlTx", tx).connection
        connection.execute(
            sa.update(S).where(S.c.state == LEASED, S.c.owner == self._lease.worker).values(state=READY, owner=None)
        )
        connection.execute(sa.delete(W).where(W.c.id == self._lease.worker))


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a worker sees: when the earliest waiting step is due, and the first and last tenant with a ready one."""

    earliest: datetime | None
    first: str | None
    last: str | None
    now: datetime


class Heartbeat:
    """A worker's sign of life on PostgreSQL, and its eye on the others: one thread, one connection, one beat every interval."""

    def __init__(self, engine: sa.Engine, lease: LeaseSettings) -> None:
        self._engine = engine
        self._lease = lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="holdfast-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _beat_until_stopped(self) -> None:
        while not self._stop.wait(self._lease.heartbeat_interval_s):
            try:
                with self._engine.begin() as connection:
                    self._beat(connection)
            except (
                sa.exc.SQLAlchemyError
            ) as err:  # a lost server, but also no free connection: the thread must outlive both
                log.warning("no heartbeat: %s", type(err).__name__)

    def _beat(self, connection: sa.Connection) -> None:
        """Beat; sign on again if somebody took us for dead; hand the dead ones' steps back."""
        tx = SqlTx(connection, None)
        beat = connection.execute(sa.update(W).where(W.c.id == self._lease.worker).values(beat_at=tx.now))
        if beat.rowcount == 0:
            identity = {
                "id": self._lease.worker,
                "host": socket.gethostname(),
                "process": os.getpid(),
                "started_at": tx.now,
                "beat_at": tx.now,
            }
            connection.execute(sa.insert(W), identity)
        take_over(connection, silent_since=tx.now - timedelta(seconds=self._lease.takeover_after_s))


def take_over(connection: sa.Connection, *, silent_since: datetime) -> list[str]:
    """Make the steps of workers that have been silent since then claimable again; returns those workers."""
    dead = list(
        connection.scalars(sa.select(W.c.id).where(W.c.beat_at < silent_since).with_for_update(skip_locked=True))
    )
    for worker in dead:
        taken = connection.execute(
            sa.update(S).where(S.c.state == LEASED, S.c.owner == worker).values(state=READY, owner=None)
        ).rowcount
        connection.execute(sa.delete(W).where(W.c.id == worker))
        log.warning("worker %s is silent; %d of its steps are taken over", worker, taken)
    return dead


def row_of(step: Step, now: datetime) -> dict[str, object]:
    """Turn a step into the parameters of its insertion."""
    at = step.due_at or now
    return {
        "v_key": step.key,
        "v_purpose": step.purpose,
        "v_execution": step.execution,
        "v_action": step.action,
        "v_n": step.n,
        "v_tenant": step.tenant,
        "v_priority": step.priority,
        "v_state": WAITING if at > now else READY,
        "v_at": at,
        "v_owner": None,
        "v_claims": 0,
    }
