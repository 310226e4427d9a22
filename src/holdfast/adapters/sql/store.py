"""The store on SQLite and PostgreSQL: who runs a transaction's function, where, and how often.

SQLite has one writer, so one thread writes, and commits in groups: whatever functions have queued while the disk was busy run one after the
other in one transaction and share one fsync. A function's result is handed out only after that commit.
PostgreSQL has row locks, so a small pool of threads runs functions side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sqlite3
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from holdfast.adapters.sql.database import is_worth_repeating, shown, sqlite_error, store_error
from holdfast.adapters.sql.fate import Fate, fate_of
from holdfast.adapters.sql.prepared import pipelined
from holdfast.adapters.sql.transaction import SqlSnapshot, SqlTx
from holdfast.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine

    from holdfast.ports.store import Snapshot, Tx

__all__ = ["InlineStore", "PostgresStore", "SqliteStore", "open_store"]

T = TypeVar("T")
log = logging.getLogger("holdfast.store")
GROUP_MAX = 64
"""At most so many functions share one commit: bounds the latency of the first of them."""
REPEATS_MAX = 20
"""So often a transaction is run again when the database asks for it, with 5 to 50 ms between, before it is an error."""


class Work:
    """One queued function."""

    __slots__ = ("function", "future", "result", "tx")

    def __init__(self, function: Callable[[Tx], object]) -> None:
        self.function = function
        self.future: Future[object] = Future()
        self.future.set_running_or_notify_cancel()  # it will be committed or not, whoever still waits
        self.result: object = None
        self.tx: SqlTx | None = None

    def run(self, connection: Connection, clock: Callable[[], datetime] | None) -> None:
        """Run the function and write what it buffered; keeps the result for after the commit."""
        self.tx = SqlTx(connection, clock)
        self.result = self.function(self.tx)
        self.tx.flush()

    def hand_out(self) -> None:
        """The commit is done: run what was registered for it, then give the result to whoever waits."""
        assert self.tx is not None
        run_callbacks(self.tx)
        self.future.set_result(self.result)

    def fail(self, err: BaseException) -> None:
        """Tell whoever waits that nothing was kept."""
        if not self.future.done():
            self.future.set_exception(err)


class SqliteStore:
    """One file, one writer thread, group commit. Safe to use from one event loop; reads run on their own connections."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self._clock = clock
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="holdfast-read")
        self._writer = threading.Thread(target=self._write, name="holdfast-write", daemon=True)
        self._writer.start()
        self._closed = False

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on the writer thread; returns after the commit it took part in."""
        if self._closed:
            raise StoreError(shown(self.engine.url), "the store was closed")
        job = Work(work)
        self._queue.put(job)
        # shield: a caller that is cancelled must not undo a transaction that others share.
        return await asyncio.shield(asyncio.wrap_future(job.future))  # type: ignore[arg-type]  # the job's own result type

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Run `work` against one snapshot (WAL gives it without a lock)."""
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, read_once, self.engine, self._clock, work
        )

    async def scrub(self) -> bool:
        """Bring the write-ahead log into the file and cut it to nothing; deleted rows are overwritten in the file itself (secure_delete)."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, cut_log, self.engine)

    async def close(self) -> None:
        """End the threads after what is queued."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            self._readers.shutdown()
            self.engine.dispose()

    def _write(self) -> None:
        """Take what is queued, run it as one group, until told to end."""
        connection: Connection | None = None
        while (first := self._queue.get()) is not None:
            group, is_last = [first], False
            while len(group) < GROUP_MAX and not self._queue.empty():
                job = self._queue.get()
                if job is None:
                    is_last = True
                    break
                group.append(job)
            try:
                if connection is None:
                    connection = self.engine.connect().execution_options(holdfast_writes=True)
                self._commit(connection, group)
            except sa.exc.DBAPIError as err:
                self._abandon(connection)
                connection = None
                for job in group:
                    job.fail(store_error(err, self.engine.url))
            except Exception as err:  # noqa: BLE001 - the loop's top: a defect must reach its callers, not end the only writer
                self._abandon(connection)
                connection = None
                for job in group:
                    job.fail(err)
            if is_last:
                break
        self._abandon(connection)

    def _abandon(self, connection: Connection | None) -> None:
        """Drop a connection whose state is unknown."""
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _commit(self, connection: Connection, group: list[Work]) -> None:
        """Run a group in one transaction and hand out the results.

        A function that raises is left out and the others run again, as they can: it is rare, and a savepoint around each would cost every group a
        quarter of its time.
        """
        left = list(group)
        while left:
            failed = self._attempt(connection, left)
            if failed is None:
                for job in left:
                    job.hand_out()
                return
            job, err = failed
            left.remove(job)
            job.fail(err)

    def _attempt(self, connection: Connection, group: list[Work]) -> tuple[Work, Exception] | None:
        """Run and commit a group; on a function's own mistake, keep nothing and return the function with what it raised."""
        with connection.begin() as transaction:
            for job in group:
                try:
                    job.run(connection, self._clock)
                except Exception as err:
                    if is_trouble_of_all(err):
                        raise  # the database's trouble: nobody's function would fare better
                    transaction.rollback()
                    return job, err
        return None


class PostgresStore:
    """A server with row locks: functions run side by side on a bounded pool of threads, again when the server asks for it."""

    def __init__(self, engine: Engine, *, pool_size: int) -> None:
        self.engine = engine
        self._threads = ThreadPoolExecutor(pool_size, thread_name_prefix="holdfast-sql")
        self._own = threading.local()
        self._opened: list[Connection] = []

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one READ COMMITTED transaction, repeated on 40001 and 40P01, and when a COMMIT that went unanswered was not kept."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work))

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Run `work` against one REPEATABLE READ snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, read_once, self.engine, None, work)

    async def scrub(self) -> bool:
        """Leave it to the server: its own VACUUM takes deleted rows out of its files."""
        return True

    async def close(self) -> None:
        """Give back threads and connections."""
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()
        self.engine.dispose()

    def _transact(self, work: Callable[[Tx], T]) -> T:
        for repeat in range(REPEATS_MAX + 1):
            connection: Connection | None = None
            committing: tuple[SqlTx, T] | None = None
            try:
                connection = self._connection()
                with pipelined(connection), connection.begin():
                    tx = SqlTx(connection, None)
                    result = work(tx)
                    tx.flush()
                    committing = (tx, result)
            except sa.exc.IntegrityError:
                self._forget(connection)  # a pipeline that was aborted takes no rollback
                raise
            except sa.exc.DBAPIError as err:
                is_lost = connection is not None and (
                    err.connection_invalidated or connection.invalidated or connection.closed
                )
                self._forget(connection)
                fate = self._fate(committing[0]) if is_lost and committing else Fate.UNKNOWN
                if committing and fate is Fate.COMMITTED:
                    run_callbacks(committing[0])
                    return committing[1]
                # A connection that was lost before the commit has kept nothing either: the server was restarted in the meantime, say.
                is_unkept = fate is Fate.ABORTED or (is_lost and committing is None and repeat == 0)
                if repeat == REPEATS_MAX or not (is_worth_repeating(err) or is_unkept):
                    raise store_error(err, self.engine.url) from err
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - spreading competitors, not a secret
            except BaseException:
                self._forget(connection)
                raise
            else:
                run_callbacks(tx)
                return result
        raise AssertionError("the loop returns or raises")

    def _fate(self, tx: SqlTx) -> Fate:
        """Return what became of a transaction whose connection was lost while it was being committed."""
        if tx.mark is None:
            return Fate.UNKNOWN
        fate = fate_of(self.engine, tx.mark, pause=time.sleep)
        log.warning("the connection was lost during a commit; the server says: %s", fate.name.lower())
        return fate

    def _connection(self) -> Connection:
        """Return this thread's connection. Each keeps its own: taking one out of a pool asks the server twice, a third of a short transaction."""
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self.engine.connect()
            self._opened.append(connection)
        return connection

    def _forget(self, connection: Connection | None) -> None:
        """Give up a connection whose state is unknown."""
        self._own.connection = None
        if connection is None:
            return
        if connection in self._opened:
            self._opened.remove(connection)
        with contextlib.suppress(sa.exc.DBAPIError):
            connection.invalidate()
            connection.close()


class InlineStore:
    """The same SQL on an in-memory database, run where it is called: for simulation and tests under a virtual clock.

    `pause` is awaited before each transaction: a simulator decides there who goes next, or who dies.
    """

    def __init__(self, clock: Callable[[], datetime], pause: Callable[[], object] | None = None) -> None:
        from holdfast.adapters.sql.schema import metadata  # noqa: PLC0415 - only this store creates tables without a version

        self.engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
        self._clock = clock
        self._pause = pause
        self._connection = self.engine.connect()
        metadata.create_all(self._connection)
        self._connection.commit()
        # Simulated worlds are forgotten by the thousand; since Python 3.13 a database that nobody closed is warned about.
        weakref.finalize(self, dispose, self._connection, self.engine)

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` now, in one transaction."""
        if self._pause is not None:
            await self._pause()  # type: ignore[misc]  # an async callable of the simulator
        with self._connection.begin():
            tx = SqlTx(self._connection, self._clock)
            result = work(tx)
            tx.flush()
        run_callbacks(tx)
        return result

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Run `work` now."""
        with self._connection.begin():
            return work(SqlSnapshot(self._connection, self._clock))

    async def scrub(self) -> bool:
        """Do nothing: there is no file."""
        return True

    async def close(self) -> None:
        """Forget everything."""
        dispose(self._connection, self.engine)


def dispose(connection: Connection, engine: Engine) -> None:
    """Close a connection and all others of its engine; twice does no harm."""
    connection.close()
    engine.dispose()


def run_callbacks(tx: SqlTx) -> None:
    """Run what was registered for after the commit; what is committed stays so, whatever a callback raises."""
    for callback in tx.after_commit:
        try:
            callback()
        except Exception:
            # Not this transaction's failure: reporting it as one would say that nothing was kept.
            log.exception("a callback after a commit failed")


def is_trouble_of_all(err: Exception) -> bool:
    """Whether an error says something of the database rather than of the one statement (`SQLITE_ERROR`: no such table, bad SQL)."""
    return (
        isinstance(err, sa.exc.OperationalError) and getattr(err.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    )


def read_once(engine: Engine, clock: Callable[[], datetime] | None, work: Callable[[Snapshot], T]) -> T:
    """Run a reading function on a connection of its own, against one snapshot."""
    try:
        with engine.connect() as connection, connection.begin():
            if clock is None:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return work(SqlSnapshot(connection, clock))
    except sa.exc.DBAPIError as err:
        raise store_error(err, engine.url) from err


def cut_log(engine: Engine) -> bool:
    """Checkpoint and truncate the write-ahead log; False when a reader kept SQLite from it for the busy timeout."""
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Straight to the driver: a checkpoint cannot run inside a transaction, not even one that has only begun.
            cursor = connection.connection.cursor()
            is_busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy
    except sqlite3.Error as err:
        raise sqlite_error(err, shown(engine.url)) from err
    except sa.exc.DBAPIError as err:
        raise store_error(err, engine.url) from err


def open_store(engine: Engine, *, clock: Callable[[], datetime], pool_size: int) -> SqliteStore | PostgresStore:
    """Return the store that fits the engine."""
    if engine.dialect.name == "postgresql":
        return PostgresStore(engine, pool_size=pool_size)
    return SqliteStore(engine, clock)
