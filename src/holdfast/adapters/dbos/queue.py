"""DBOS as a queue: the only module that imports it, and the only one that knows its traps.

What DBOS is asked for: insert a workflow row inside our transaction, dequeue, delay, tell what is pending, put back, delete. Not asked for:
its steps, its sleep, its datasources, its recovery of dead executors (commercial since 3.0) and its retention (the same).

Traps of DBOS 3.4, each held by a test of its name in `tests/adapters/dbos`:
- one instance per process, and a second configuration is ignored without a word: we compare `DBOS.executor_id` and refuse;
- the default executor id is `local` for everyone, and a launch takes over whatever was pending under its id: ours is never shared;
- its own recovery goes through an internal queue that is polled once a second: we put work back on our queue before it launches;
- a queue without `worker_concurrency` claims the whole backlog: it and the polling interval are always set;
- the default serializer is pickle: ours is JSON;
- work of another `application_version` is never dequeued: ours is the version of the workflow's contract, not of the release;
- `destroy()` waits for a listener that sleeps a second: its interval is 50 ms here;
- a workflow is dead-lettered after 100 recoveries, but attempts are counted in our ledger: its bound is out of reach.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    import sqlalchemy as sa
    from dbos import DBOSConfig, EnqueueOptions

__all__ = ["Held", "StepQueue", "migrate"]

APPLICATION = "holdfast"
SCHEMA = "holdfast_dbos"
"""DBOS's own tables live here on PostgreSQL (on SQLite in the same file), away from those of a user's own DBOS application."""
QUEUE = "holdfast.steps"
WORKFLOW = "holdfast.step.v1"
CONTRACT_VERSION = "1"
"""Goes up with the workflow's arguments or meaning, never with the release. A worker dequeues its own version only."""

LIVE = ["ENQUEUED", "DELAYED", "PENDING"]
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
LOOKED_AT_MAX = 500
"""So many ids per query: below every limit on bound parameters."""
PRIORITY_ZERO = 1 << 30
PRIORITY_MAX = (1 << 31) - 1
"""DBOS wants 1 … 2³¹-1; ours may be negative."""
RECOVERIES_MAX = 1 << 30
LISTENER_INTERVAL_S = 0.05
POOL_SIZE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A workflow that DBOS says is being performed by `executor`."""

    id: str
    executor: str


def migrate(engine: sa.Engine) -> None:
    """Create or bring up to date DBOS's own tables beside ours. Safe to call from several processes at once."""
    silence()
    DBOS.migrate(address(engine), schema=SCHEMA)


def silence() -> None:
    """Keep DBOS from adding a console handler and from writing about every queue: what matters we log ourselves."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.CRITICAL)


def address(engine: sa.Engine) -> str:
    """Return the engine's address with its password, as DBOS wants it."""
    return engine.url.render_as_string(hide_password=False)


class StepQueue:
    """One queue in one database; until `launch` it only enqueues and looks. Every method blocks: not for the event loop."""

    def __init__(self, engine: sa.Engine) -> None:
        silence()
        self._engine = writing(engine)
        self._client = DBOSClient(
            system_database_engine=self._engine,
            dbos_system_schema=SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )
        self._instance: DBOS | None = None

    def enqueue(
        self,
        connection: sa.Connection,
        arguments: Sequence[object],
        *,
        workflow: str,
        priority: int,
        tenant: str,
        delay_s: float | None,
    ) -> None:
        """Insert a workflow row inside the caller's transaction; an id that exists is left as it is."""
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": workflow,
            "app_version": CONTRACT_VERSION,
            "priority": min(max(PRIORITY_ZERO + priority, 1), PRIORITY_MAX),
            "queue_partition_key": f"tenant:{tenant}",
        }
        if delay_s is not None:
            options["delay_seconds"] = delay_s + 0.001  # DBOS cuts to whole milliseconds; early is never allowed
        self._client.enqueue_in_transaction(connection, options, *arguments)

    def live(self, ids: Iterable[str]) -> set[str]:
        """Return those of `ids` that are still to be performed, or being performed."""
        wanted, live = list(ids), set[str]()
        for start in range(0, len(wanted), LOOKED_AT_MAX):
            some = wanted[start : start + LOOKED_AT_MAX]
            found = self._client.list_workflows(workflow_ids=some, status=LIVE, load_input=False, load_output=False)
            live.update(row.workflow_id for row in found)
        return live

    def performing(self, *, executor: str | None = None, limit: int = 10_000) -> list[Held]:
        """Return the workflows of our contract version that are being performed, by anyone or by `executor`."""
        found = self._client.list_workflows(
            status="PENDING",
            name=WORKFLOW,
            app_version=CONTRACT_VERSION,
            executor_id=executor,
            load_input=False,
            load_output=False,
            limit=limit,
        )
        return [Held(id=row.workflow_id, executor=row.executor_id or "") for row in found]

    def give_back(self, ids: Sequence[str]) -> None:
        """Make workflows claimable again, whoever performs them; one that has ended stays ended."""
        for start in range(0, len(ids), LOOKED_AT_MAX):
            self._client.resume_workflows(list(ids[start : start + LOOKED_AT_MAX]), queue_name=QUEUE)

    def purge(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` workflows that ended before then; returns how many."""
        found = self._client.list_workflows(
            status=ENDED,
            name=WORKFLOW,
            completed_before=before.isoformat(),
            load_input=False,
            load_output=False,
            limit=limit,
        )
        if found:
            self._client.delete_workflows([row.workflow_id for row in found])
        return len(found)

    def launch(
        self,
        body: Callable[[str, int, dict[str, object]], None],
        *,
        executor: str,
        concurrency: int,
        poll_interval_s: float,
    ) -> None:
        """Begin to claim and to run `body` for each workflow, on a thread of DBOS's.

        Raises:
            BadInput: something else in this process uses DBOS already.
        """
        is_sqlite = self._engine.dialect.name == "sqlite"
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": address(self._engine),
            "dbos_system_schema": SCHEMA,
            "application_version": CONTRACT_VERSION,
            "executor_id": executor,
            "serializer": DBOSPortableJSONSerializer(),
            "notification_listener_polling_interval_sec": LISTENER_INTERVAL_S,
            "sys_db_pool_size": POOL_SIZE,
            "max_executor_threads": 4 * concurrency + 16,
            "run_migrations": False,
            "log_level": "CRITICAL",
            "enable_otlp": False,
        }
        if is_sqlite:
            config["system_database_engine"] = (
                self._engine
            )  # ours has WAL, the busy timeout and BEGIN IMMEDIATE; DBOS sets none of them
        instance = DBOS(config=config)
        if DBOS.executor_id != executor:
            raise BadInput([Problem(source="dbos", path="", message=ALREADY_USED)])
        self._instance = instance
        # Before the launch, so that its queue thread finds the queue at once rather than at its next look, a second later.
        self._client.register_queue(
            QUEUE,
            worker_concurrency=concurrency,
            partition_worker_concurrency=concurrency,  # makes the queue partitioned by tenant, and its partitions are polled in random order
            polling_interval_sec=poll_interval_s,
            on_conflict="always_update",
        )
        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RECOVERIES_MAX)(body)
        DBOS.listen_queues([QUEUE])
        DBOS.launch()

    def stop_claiming(self) -> None:
        """Claim no more; what runs goes on."""
        if self._instance is not None:
            for event in self._instance.background_thread_stop_events:
                event.set()

    def destroy(self) -> None:
        """End DBOS's threads; safe to call twice. What was still running stays pending."""
        if self._instance is not None:
            self._instance = None
            DBOS.destroy()


ALREADY_USED = (
    "this process already runs DBOS for something else, and DBOS allows one instance per process, so a second one would be ignored."
    " Start the worker in a process of its own: holdfast worker"
)


def writing(engine: sa.Engine) -> sa.Engine:
    """Return the engine with transactions that may write from their first statement on (SQLite: BEGIN IMMEDIATE)."""
    return (
        cast("sa.Engine", engine.execution_options(holdfast_writes=True)) if engine.dialect.name == "sqlite" else engine
    )
