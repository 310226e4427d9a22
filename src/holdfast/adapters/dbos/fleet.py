"""The fleet: who lives, whose work is orphaned, and what is old enough to be deleted.

DBOS's free core knows neither death nor retention, so this is ours: a row per worker in `workers`, a thread that beats, and one worker at
a time (by an advisory lock) that looks after the others. Whatever is pending under an executor that is not signed on is given back:
a worker that died, one that signed off in a hurry, or one that never told anybody. Taking a slow worker for dead costs one more
delivery, never state.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.dbos.queue import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.adapters.dbos.queue import StepQueue
    from holdfast.adapters.dbos.settings import DbosSettings

__all__ = ["Fleet"]

log = logging.getLogger("holdfast.steps")

LOOKING_AFTER_LOCK = 0x401DFA58
"""The PostgreSQL advisory lock of whoever looks after the others."""
PURGED_MAX = 1000
"""So many ended workflows are deleted at once, and ten times as many per beat: 2,000/s at the default interval."""
BATCHES_MAX = 10
WORKERS = sa.table("workers", *(sa.column(name) for name in ("id", "host", "process", "started_at", "beat_at")))
POSTGRES_NOW = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)


class Fleet:
    """This worker's sign of life and its eye on the others. One thread; it never touches the event loop."""

    def __init__(self, engine: sa.Engine, *, queue: StepQueue, settings: DbosSettings, performing: set[str]) -> None:
        self._engine = writing(engine)
        self._queue = queue
        self._settings = settings
        self._performing = performing
        self._is_postgres = engine.dialect.name == "postgresql"
        self._executor = settings.worker
        self._unclaimed_since: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def sign_on(self, executor: str) -> None:
        """Tell that `executor` lives, before it claims anything; on SQLite, where it is alone, put back everything that was taken."""
        self._executor = executor
        with self._engine.begin() as connection:
            if not self._is_postgres:
                connection.execute(sa.delete(WORKERS))
            self._insert(connection)
        if not self._is_postgres:
            self._queue.give_back([held.id for held in self._queue.performing()])

    def start(self) -> None:
        """Begin to beat."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="holdfast-heartbeat", daemon=True)
        self._thread.start()

    def sign_off(self) -> None:
        """End the thread, give back what is still taken, and leave. If the database is gone, the others take over when it is back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with contextlib.suppress(sa.exc.DBAPIError):
            self._queue.give_back([held.id for held in self._queue.performing(executor=self._executor)])
            with self._engine.begin() as connection:
                connection.execute(sa.delete(WORKERS).where(WORKERS.c.id == self._executor))

    def _beat_until_stopped(self) -> None:
        while not self._stop.wait(self._settings.heartbeat_interval_s):
            try:
                self._beat()
                self._give_back_unclaimed()
                with self._turn() as is_mine:
                    if is_mine:
                        self._look_after_others()
                        self._purge()
            except sa.exc.DBAPIError as err:
                log.warning("no heartbeat: %s", type(err.orig).__name__)
            except Exception:
                # The thread's top: without it this worker would be taken for dead while it works.
                log.exception("the heartbeat goes on after an unexpected error")

    def _beat(self) -> None:
        """Beat; sign on again if somebody took us for dead."""
        with self._engine.begin() as connection:
            now = self._now(connection)
            if (
                connection.execute(
                    sa.update(WORKERS).where(WORKERS.c.id == self._executor).values(beat_at=now)
                ).rowcount
                == 0
            ):
                self._insert(connection)

    def _look_after_others(self) -> None:
        """Drop the silent ones, then give back whatever is pending under nobody who lives."""
        # Pending first, the living second: a worker that signs on in between has claimed nothing of what we saw.
        pending = self._queue.performing()
        with self._engine.begin() as connection:
            silent_since = self._now(connection) - int(self._settings.takeover_after_s * 1_000_000)
            dead = list(
                connection.scalars(sa.delete(WORKERS).where(WORKERS.c.beat_at < silent_since).returning(WORKERS.c.id))
            )
            living = set(connection.scalars(sa.select(WORKERS.c.id)))
        orphans = [held.id for held in pending if held.executor not in living]
        if dead or orphans:
            log.warning("%d workers are silent (%s); %d steps are taken over", len(dead), ", ".join(dead), len(orphans))
        self._queue.give_back(orphans)

    def _give_back_unclaimed(self) -> None:
        """Give back what DBOS claimed for us and then never started (an error between the two strands it; dbos-transact-py #546)."""
        mine = {held.id for held in self._queue.performing(executor=self._executor)} - self._performing
        now = time.monotonic()
        self._unclaimed_since = {workflow: self._unclaimed_since.get(workflow, now) for workflow in mine}
        stranded = [
            workflow
            for workflow, since in self._unclaimed_since.items()
            if now - since > self._settings.takeover_after_s
        ]
        if stranded:
            log.warning("%d steps were claimed but never started; they are given back", len(stranded))
            self._queue.give_back(stranded)

    def _purge(self) -> None:
        before = datetime.now(UTC) - timedelta(seconds=self._settings.retention_s)
        for _ in range(BATCHES_MAX):
            if self._stop.is_set() or self._queue.purge(before, limit=PURGED_MAX) < PURGED_MAX:
                return

    @contextlib.contextmanager
    def _turn(self) -> Iterator[bool]:
        """Say whether it is this worker's turn to look after the others: one at a time, and on SQLite there is one."""
        if not self._is_postgres:
            yield True
            return
        with self._engine.begin() as connection:
            yield bool(connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(LOOKING_AFTER_LOCK))))

    def _insert(self, connection: sa.Connection) -> None:
        now = self._now(connection)
        values = {
            "id": self._executor,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "started_at": now,
            "beat_at": now,
        }
        connection.execute(sa.insert(WORKERS), values)

    def _now(self, connection: sa.Connection) -> int:
        """Return microseconds since 1970 by the database's clock on PostgreSQL, the process's elsewhere."""
        return int(str(connection.scalar(sa.select(POSTGRES_NOW)))) if self._is_postgres else time.time_ns() // 1000
