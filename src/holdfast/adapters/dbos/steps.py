"""Steps on DBOS: the port's promises, kept with a queue that has no due order, no second chance and no sense of death.

```
enqueued ── dequeued ──→ pending ── performed ──→ ended, deleted after a while
   ↑  ↑                     │
   │  └── executor silent ──┤
   └─ delayed under a new id, if the performer raised
```
A step is a workflow whose id is the step's key and whose body is one call of the performer. One that raised is enqueued again as `key~2`,
`key~3` … with a growing delay, in a transaction that also notes the newest of them in the `steps` table, so that `missing` knows.
Due times are exact to DBOS's sweep: up to 1 s + one polling interval late, never early. Among the due steps of a tenant the order is
priority, then time of *enqueueing*, which is all that DBOS offers; tenants take turns by being polled in random order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, cast
from uuid import uuid4

import sqlalchemy as sa

from holdfast.adapters.dbos.settings import DbosSettings
from holdfast.errors import MissingExtra, StoreError
from holdfast.ports.rows import Purpose
from holdfast.ports.steps import NotNow, Step, always

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.adapters.dbos.fleet import Fleet
    from holdfast.adapters.dbos.queue import StepQueue
    from holdfast.ports.steps import MayClaim, Perform, StopSignal
    from holdfast.ports.store import Snapshot, Store, Tx

__all__ = ["DbosSettings", "DbosSteps", "prepare"]

log = logging.getLogger("holdfast.steps")

AGAIN_DELAY_S = 1.0
"""A step whose performer raised is tried again after so long, times the number of its deliveries, up to a minute."""
REFUSED_DELAY_S = 2.0
"""A step that was taken while this worker may not claim is offered again after so long."""
DRAIN_MAX_S = 10.0
"""So long a stopping worker waits for DBOS to record what was performed; the rest is given back and delivered again."""
DRAIN_LOOK_S = 0.02
LOOKS_MAX = 10
"""So often `missing` follows a step that is delivered again while it looks; deliveries are a second apart, so once is the rule."""

AGAIN = "again"
COLUMNS = ("key", "purpose", "execution", "action", "n", "tenant", "priority", "state", "at", "owner", "claims")
MIRROR = sa.table("steps", *(sa.column(name) for name in COLUMNS))
"""The lease table of the other engine, which stands empty here: it keeps the newest delivery of each step whose performer raised."""


class SqlConnection(Protocol):
    """What a transaction must offer beyond the port: its SQLAlchemy connection."""

    connection: sa.Connection


class LeftPending(BaseException):
    """Ends a workflow without an outcome, so that DBOS leaves it pending and it is given back: an Exception would be recorded as its end."""


class StoppingError(Exception):
    """A step was claimed while the worker was stopping, and is not begun."""


def prepare(engine: sa.Engine) -> None:
    """Create or update the engine's own tables; once before the first `enqueue`, blocking. Safe to call again and from several processes.

    Raises:
        MissingExtra: DBOS is not installed.
    """
    try:
        from holdfast.adapters.dbos.queue import migrate  # noqa: PLC0415 - DBOS takes 0.3 s to import; only its users pay
    except ImportError as err:
        raise MissingExtra("Steps on DBOS", "postgres") from err
    migrate(engine)


class DbosSteps:
    """DBOS as an engine. `prepare` must have been called on the database."""

    def __init__(self, store: Store, *, engine: sa.Engine, settings: DbosSettings) -> None:
        """Open the queue; connects to nothing yet.

        Raises:
            MissingExtra: DBOS is not installed.
        """
        try:
            from holdfast.adapters.dbos.fleet import Fleet  # noqa: PLC0415 - as in prepare
            from holdfast.adapters.dbos.queue import StepQueue  # noqa: PLC0415 - as in prepare
        except ImportError as err:
            raise MissingExtra("Steps on DBOS", "postgres") from err
        self._store = store
        self._settings = settings
        self._queue: StepQueue = StepQueue(engine)
        self._open: set[str] = set()
        self._fleet: Fleet = Fleet(engine, queue=self._queue, settings=settings, performing=self._open)
        self._is_stopping = False

    def enqueue(self, tx: Tx, steps: Sequence[Step]) -> None:
        """Add steps inside `tx`. A key is known until its workflow is deleted, `retention_s` after it ended."""
        for step in steps:
            delay_s = (step.due_at - tx.now).total_seconds() if step.due_at else 0.0
            self._insert(tx, step, delivery=1, delay_s=delay_s)

    def finish(self, tx: Tx, key: str) -> None:
        """Nothing to do: the workflow ends when the performer returns."""

    async def missing(self, keys: Sequence[str]) -> set[str]:
        """Return the keys of which neither the workflow nor a later delivery of it is enqueued, delayed or pending."""
        wanted = set(keys)
        lost = wanted - await self._live(wanted)
        seen: dict[str, int] = {}
        for _ in range(LOOKS_MAX):
            # A delivery that fails notes the next before it ends. So whoever finds one ended must look for a newer note, and only then say lost.
            newest = await self._newest(frozenset(lost))
            newer = {key: delivery_id(key, delivery) for key, delivery in newest.items() if seen.get(key) != delivery}
            if not newer:
                break
            seen.update(newest)
            live = await self._live(set(newer.values()))
            lost -= {key for key, workflow in newer.items() if workflow in live}
        return lost

    async def _newest(self, keys: frozenset[str]) -> dict[str, int]:
        """Read which of the keys were delivered more than once, and the number of the newest delivery."""
        return await self._store.read(lambda snapshot: newest_deliveries(connection_of(snapshot), keys))

    async def _live(self, workflows: set[str]) -> set[str]:
        """Ask the queue, under the store's translation of what a database may complain about."""
        return await self._store.read(lambda _: self._queue.live(workflows))

    async def run(self, perform: Perform, stop: StopSignal, *, may_claim: MayClaim = always) -> None:
        """Claim and perform until `stop`; then wait for what was taken. One worker per process.

        Raises:
            BadInput: this process uses DBOS for something else.
            StoreError: the database cannot be reached.
        """
        self._is_stopping = False

        async def perform_if_allowed(step: Step) -> None:
            # DBOS itself cannot be told to pause. What it takes meanwhile goes back to the queue, where a worker that may claim finds it.
            if not may_claim():
                raise NotNow(REFUSED_DELAY_S)
            await perform(step)

        executor = f"{self._settings.worker}/{uuid4().hex[:8]}"
        body = self._body(perform_if_allowed, asyncio.get_running_loop())
        await asyncio.to_thread(self._fleet.sign_on, executor)
        try:
            await asyncio.to_thread(self._launch, body, executor)
            await stop.wait()
        finally:
            self._is_stopping = True
            self._queue.stop_claiming()
            await self._drain(executor)
            await asyncio.to_thread(self._queue.destroy)
            await asyncio.to_thread(self._fleet.sign_off)

    def _launch(self, body: Body, executor: str) -> None:
        settings = self._settings
        self._queue.launch(
            body, executor=executor, concurrency=settings.concurrency, poll_interval_s=settings.poll_interval_s
        )
        self._fleet.start()

    def _body(self, perform: Perform, loop: asyncio.AbstractEventLoop) -> Body:
        """Build the workflow: it holds a thread of DBOS's and waits for our loop, where the performer belongs.

        A coroutine on DBOS's own loop would spare the thread, but took 40 % longer per step (280 steps/s instead of 385 on PostgreSQL).
        """
        room = asyncio.Semaphore(self._settings.concurrency)

        def step(workflow: str, delivery: int, values: dict[str, object]) -> None:
            try:
                work = self._deliver(perform, as_step(values), workflow=workflow, delivery=delivery, room=room)
                asyncio.run_coroutine_threadsafe(work, loop).result()
            except Exception as err:
                # A workflow that raises an Exception has ended for DBOS, and its step would be lost.
                raise LeftPending(workflow) from err

        return step

    async def _deliver(
        self, perform: Perform, step: Step, *, workflow: str, delivery: int, room: asyncio.Semaphore
    ) -> None:
        """Perform one step; see to it that it comes again when that raises."""
        self._open.add(workflow)
        try:
            async with room:
                if self._is_stopping:
                    raise StoppingError
                await self._perform(perform, step, delivery)
        finally:
            self._open.discard(workflow)

    async def _perform(self, perform: Perform, step: Step, delivery: int) -> None:
        try:
            await perform(step)
        except asyncio.CancelledError:
            raise
        except NotNow as later:
            wait_s = later.wait_s
            await self._insist(lambda tx: self._again(tx, step, delivery, wait_s=wait_s))
        except Exception:
            # The loop's top: a defect or a lost database must cost this step a delay, never the worker.
            log.exception("step %s will be delivered again", step.key)
            await self._insist(lambda tx: self._again(tx, step, delivery))
        else:
            if delivery > 1:
                await self._insist(lambda tx: forget(connection_of(tx), step.key))

    async def _insist(self, work: Transaction) -> None:
        """Run a transaction until it succeeds: if the workflow ended without it, the step would be lost."""
        trouble = 0
        while True:
            try:
                await self._store.transact(work)
            except StoreError as err:
                trouble += 1
                log.warning("cannot hand a step back yet: %s", err)
                if self._is_stopping:
                    raise  # the step stays pending, and whatever is pending is taken over when we are gone
                await asyncio.sleep(min(0.1 * 2**trouble, 5.0))
            else:
                return

    def _again(self, tx: Tx, step: Step, delivery: int, *, wait_s: float | None = None) -> None:
        delay_s = min(AGAIN_DELAY_S * delivery, 60.0) if wait_s is None else wait_s
        note(connection_of(tx), step, delivery=delivery + 1, at=tx.now + timedelta(seconds=delay_s))
        self._insert(tx, step, delivery=delivery + 1, delay_s=delay_s)

    def _insert(self, tx: Tx, step: Step, *, delivery: int, delay_s: float) -> None:
        workflow = delivery_id(step.key, delivery)
        arguments = (workflow, delivery, as_values(step))
        delay = delay_s if delay_s > 0 else None
        self._queue.enqueue(
            connection_of(tx), arguments, workflow=workflow, priority=step.priority, tenant=step.tenant, delay_s=delay
        )

    async def _drain(self, executor: str) -> None:
        """Wait for what is being performed, then until DBOS has recorded it."""
        while self._open:  # noqa: ASYNC110 - a stop may take 20 ms longer; an event would cost every step
            await asyncio.sleep(DRAIN_LOOK_S)
        deadline = asyncio.get_running_loop().time() + DRAIN_MAX_S
        with contextlib.suppress(sa.exc.DBAPIError):
            while asyncio.get_running_loop().time() < deadline:
                if not await asyncio.to_thread(self._queue.performing, executor=executor, limit=1):
                    return
                await asyncio.sleep(DRAIN_LOOK_S)


def delivery_id(key: str, delivery: int) -> str:
    """Return the workflow's id: the step's key, and from its second delivery on a number."""
    return key if delivery == 1 else f"{key}~{delivery}"


def connection_of(snapshot: Snapshot) -> sa.Connection:
    """Return the connection of a transaction of our SQL store."""
    return cast("SqlConnection", snapshot).connection


def newest_deliveries(connection: sa.Connection, keys: frozenset[str]) -> dict[str, int]:
    """Return, of `keys`, those that were delivered more than once, with the number of the newest delivery."""
    wanted = sorted(keys)
    newest: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        query = sa.select(MIRROR.c.key, MIRROR.c.claims).where(
            MIRROR.c.key.in_(wanted[start : start + 500]), MIRROR.c.state == AGAIN
        )
        newest.update((row.key, row.claims) for row in connection.execute(query))
    return newest


def note(connection: sa.Connection, step: Step, *, delivery: int, at: datetime) -> None:
    """Note the newest delivery of a step whose performer raised."""
    forget(connection, step.key)
    values = as_values(step) | {
        "state": AGAIN,
        "at": int(at.timestamp() * 1_000_000),
        "owner": None,
        "claims": delivery,
    }
    connection.execute(sa.insert(MIRROR), {name: values[name] for name in COLUMNS})


def forget(connection: sa.Connection, key: str) -> None:
    """Forget that a step was delivered more than once."""
    connection.execute(sa.delete(MIRROR).where(MIRROR.c.key == key))


def as_values(step: Step) -> dict[str, object]:
    """Turn a step into plain JSON values."""
    return {
        "key": step.key,
        "purpose": str(step.purpose),
        "execution": step.execution,
        "action": step.action,
        "n": step.n,
        "tenant": step.tenant,
        "priority": step.priority,
        "due_at": step.due_at.astimezone(UTC).isoformat() if step.due_at else None,
    }


def as_step(values: dict[str, object]) -> Step:
    """Read a step back; the values are ours, but a database is a boundary."""
    due_at = values["due_at"]
    return Step(
        key=str(values["key"]),
        purpose=Purpose(str(values["purpose"])),
        execution=str(values["execution"]),
        action=str(values["action"]),
        n=int(str(values["n"])),
        tenant=str(values["tenant"]),
        priority=int(str(values["priority"])),
        due_at=datetime.fromisoformat(str(due_at)) if due_at else None,
    )


if TYPE_CHECKING:
    from collections.abc import Callable

    Body = Callable[[str, int, dict[str, object]], None]
    Transaction = Callable[[Tx], None]
