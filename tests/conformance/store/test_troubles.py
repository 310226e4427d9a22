"""What a user is told when the database cannot be used: one error per cause, and nothing that was committed is lost."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import database
from holdfast.adapters.sql.store import SqliteStore, open_store
from holdfast.errors import StoreCorrupt, StoreError, StoreFull, StoreLocked, StoreReadOnly, StoreUnreachable
from tests.conformance.store.rows import an_execution
from tests.planted import MARK, PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

pytestmark = pytest.mark.anyio


def engine_on(path: Path, *, busy_timeout_s: float = 0.05) -> Engine:
    """Open a SQLite file."""
    return database.open_engine(
        database.parse_url(f"sqlite:///{path}"), synchronous="off", busy_timeout_s=busy_timeout_s, pool_size=2
    )


def store_on(engine: Engine) -> SqliteStore:
    """Open a store on a prepared engine."""
    return SqliteStore(engine, lambda: datetime.now(UTC))


async def test_a_database_that_may_not_be_written(tmp_path: Path) -> None:
    """A read-only database is named as such, and reading it still works."""
    engine = engine_on(tmp_path / "work.db")
    database.prepare(engine)
    engine.dispose()
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=ON"))
    store = store_on(engine)

    with pytest.raises(StoreReadOnly):
        await store.transact(lambda tx: tx.insert_execution(an_execution(), []))

    assert await store.read(lambda s: s.executions(state=None, limit=1)) == []
    await store.close()


async def test_a_disk_that_is_full_keeps_what_was_committed(tmp_path: Path) -> None:
    """When there is no room the transaction is refused whole; what was committed stays, and with room the work goes on."""
    engine = engine_on(tmp_path / "work.db")
    database.prepare(engine)
    engine.dispose()
    pages = {"limit": "PRAGMA max_page_count=60"}
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute(pages["limit"]))
    store = store_on(engine)
    await store.transact(lambda tx: tx.insert_execution(an_execution("before"), []))

    with pytest.raises(StoreFull):
        await store.transact(
            lambda tx: (tx.insert_execution(an_execution("lost"), []), tx.insert_document("big", "x" * 1_000_000))
        )
    pages["limit"] = "PRAGMA max_page_count=100000"
    await store.transact(lambda tx: tx.insert_execution(an_execution("after"), []))

    assert {row.id for row in await store.read(lambda s: s.executions(state=None, limit=9))} == {"before", "after"}
    await store.close()


async def test_a_database_that_somebody_holds(tmp_path: Path) -> None:
    """Beyond the busy timeout the database is named as locked; when it is free again the store goes on."""
    path = tmp_path / "work.db"
    engine = engine_on(path)
    database.prepare(engine)
    store = store_on(engine)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreLocked):
        await store.transact(lambda tx: tx.insert_execution(an_execution(), []))
    holder.execute("ROLLBACK")
    holder.close()

    assert await store.transact(lambda tx: tx.insert_execution(an_execution(), []))
    await store.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Another kind of file is refused and left as it is."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 500)

    with pytest.raises(StoreCorrupt):
        database.prepare(engine_on(path))

    assert path.read_text() == "Dear reader, " * 500


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """If a file stands where the directory should be, the user is told that the place cannot be written."""
    (tmp_path / "taken").write_text("")

    with pytest.raises(StoreReadOnly, match="directory"):
        database.prepare(engine_on(tmp_path / "taken" / "work.db"))


def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    """A directory is not a database file."""
    with pytest.raises(StoreReadOnly):
        database.prepare(engine_on(tmp_path))


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Work for a store that was closed is refused; it does not wait for ever."""
    engine = engine_on(tmp_path / "work.db")
    database.prepare(engine)
    store = store_on(engine)
    await store.close()

    with pytest.raises(StoreError, match="closed"):
        await store.transact(lambda tx: tx.lock("any"))


def test_a_server_that_is_not_there() -> None:
    """Without a server the user learns that it cannot be reached, and never sees the password."""
    url = database.parse_url(f"postgresql://user:{quote_plus(PASSWORD)}@127.0.0.1:1/none")
    engine = database.open_engine(url, synchronous="full", busy_timeout_s=1, pool_size=1)

    with pytest.raises(StoreUnreachable) as trouble:
        database.prepare(engine)

    assert MARK not in str(trouble.value)


async def test_a_server_that_goes_away_and_comes_back(fresh_postgres_url: str) -> None:
    """A transaction whose connection is cut fails as unreachable and is not kept; the next one finds a new connection."""
    engine = database.open_engine(
        database.parse_url(fresh_postgres_url), synchronous="full", busy_timeout_s=1, pool_size=2
    )
    database.prepare(engine)
    store = open_store(engine, clock=lambda: datetime.now(UTC), pool_size=2)

    def cut(tx: object) -> None:
        tx.insert_execution(an_execution("lost"), [])  # type: ignore[attr-defined]  # our SQL transaction
        tx.connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))  # type: ignore[attr-defined]  # as above

    with pytest.raises(StoreUnreachable):
        await store.transact(cut)
    await store.transact(lambda tx: tx.insert_execution(an_execution("kept"), []))

    assert [row.id for row in await store.read(lambda s: s.executions(state=None, limit=9))] == ["kept"]
    await store.close()
