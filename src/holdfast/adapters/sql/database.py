"""Opening a database: address, connection settings, schema version, and what its complaints mean.

A new database gets today's schema in one go; an older one is migrated by Alembic, which is imported only then; a newer one is used as it is if it
says that this release may (the fact `compatible_from`, docs/decisions/0011), and else refused.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.adapters.sql.network_disk import is_network
from holdfast.adapters.sql.prepared import await_answers
from holdfast.errors import (
    BadInput,
    MissingExtra,
    Problem,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMissing,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
)

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.engine import Connection, Engine

__all__ = ["database_id", "is_worth_repeating", "open_engine", "parse_url", "prepare", "store_error"]

log = logging.getLogger("holdfast.store")

DATABASE_ID = "database-id"
"""The fact that tells databases apart."""
MIGRATIONS_LOCK = 0x401DFA57
"""The PostgreSQL advisory lock under which one process creates or migrates the schema."""
MIGRATION_LOCK_WAIT_S = 2
"""A migration waits so long for one table's lock. Meanwhile every worker waits behind it, so it lets them through and tries again."""
MIGRATION_TRIES_MAX = 30
MIGRATION_PAUSE_S = (0.2, 1.0)
TRANSACTION_MAX_S = 30
"""A transaction of ours waits for nothing but the server. One that is open for so long belongs to a process that was stopped, or to a host that is
gone, and would hold its row lock, and so its execution, for ever: the server ends it."""
TRANSACTION_TIMEOUT_SINCE = 170_000
"""PostgreSQL 17 bounds a transaction as such. Before, only one that is idle between two round trips, which one inside a pipeline is not."""


def parse_url(text: str) -> sa.URL:
    """Turn what a user writes into a database address: `sqlite:///file`, `postgresql://…`, or simply a path.

    Raises:
        BadInput: it is none of these.
    """
    if "://" not in text:
        text = f"sqlite:///{text}"
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as err:
        raise BadInput(
            [
                Problem(
                    source="--db",
                    path="",
                    message=f"{text!r} is not a database address. Write sqlite:///FILE or postgresql://…",
                )
            ]
        ) from err
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            message = "an in-memory database forgets everything when the process ends, so nothing in it is durable. Name a file"
            raise BadInput([Problem(source="--db", path="", message=message)])
        return url
    message = f"{backend!r} databases are not supported. Write sqlite:///FILE or postgresql://…"
    raise BadInput([Problem(source="--db", path="", message=message)])


def open_engine(url: sa.URL, *, synchronous: str, busy_timeout_s: float, pool_size: int) -> Engine:
    """Create the engine for `url`, with its connection settings; connects to nothing yet.

    Raises:
        MissingExtra: PostgreSQL without its driver.
    """
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(url, synchronous=synchronous, busy_timeout_s=busy_timeout_s)
    try:
        # READ COMMITTED is what the lock-first rule is proved under; SERIALIZABLE would only add retries.
        engine = sa.create_engine(
            url,
            pool_size=pool_size,
            max_overflow=2,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    except ImportError as err:
        raise MissingExtra("PostgreSQL", "postgres") from err
    sa.event.listen(engine, "connect", lambda connection, _: bound_transactions(connection))
    sa.event.listen(engine, "after_cursor_execute", lambda connection, *_: await_answers(connection))
    return engine


def bound_transactions(connection: psycopg.Connection[object]) -> None:
    """Have the server end what a stopped process leaves open."""
    is_new = connection.info.server_version >= TRANSACTION_TIMEOUT_SINCE
    connection.execute(
        f"SET {'transaction_timeout' if is_new else 'idle_in_transaction_session_timeout'} = '{TRANSACTION_MAX_S}s'"
    )
    connection.commit()


def sqlite_engine(url: sa.URL, *, synchronous: str, busy_timeout_s: float) -> Engine:
    """Create an engine on one SQLite file: WAL, a busy timeout, and `BEGIN` under our control."""
    engine = sa.create_engine(
        url, connect_args={"check_same_thread": False, "timeout": busy_timeout_s}, pool_size=4, max_overflow=4
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3 would begin transactions lazily and deferred, by which two readers that both want to write deadlock: we begin them ourselves.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous.upper()}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "secure_delete=ON",  # what is purged must not be left in free space; see docs/how-to/keep-and-erase.md
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if connection.get_execution_options().get("holdfast_writes") else "BEGIN"
        )

    return engine


def prepare(engine: Engine, *, create: bool = True) -> None:
    """Bring the database to today's schema: create it (unless told not to), migrate it, or find it in order.

    Raises:
        StoreMissing: there is none, and none is to be created.
        StoreNewer: a newer release wrote it, and does not say that this one may use it.
        StoreError: it cannot be reached, read or written.
    """
    url = engine.url
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database)).absolute()
        if not create and not path.exists():
            raise StoreMissing(shown(url), "there is no such file")
        make_directory(path.parent, url)
        warn_of_network_disk(str(path), read_mounts())
    try:
        version = stored_version(engine)
        if version == schema.SCHEMA_VERSION:
            return
        if version is None and not create:
            raise StoreMissing(shown(url), "no Holdfast database is there")
        change(engine)
    except sa.exc.DBAPIError as err:
        raise store_error(err, url) from err


def database_id(engine: Engine) -> str:
    """Return the name that this database has given itself, giving it one first if need be; a copy of it has the same.

    Raises:
        StoreError: it cannot be reached, read or written.
    """
    from sqlalchemy.dialects.postgresql import insert as insert_into  # noqa: PLC0415 - only a server is asked

    facts = schema.facts
    read = sa.select(facts.c.value).where(facts.c.name == DATABASE_ID)
    try:
        with engine.connect().execution_options(holdfast_writes=True) as connection, connection.begin():
            if connection.scalar(read) is None:
                values = {"name": DATABASE_ID, "value": str(uuid.uuid4())}
                connection.execute(insert_into(facts).values(values).on_conflict_do_nothing())
            return str(connection.scalar(read))
    except sa.exc.DBAPIError as err:
        raise store_error(err, engine.url) from err


def change(engine: Engine) -> None:
    """Create or migrate in one transaction; again, a bounded number of times, while workers hold what it needs."""
    for tries in range(1, MIGRATION_TRIES_MAX + 1):
        try:
            with engine.connect().execution_options(holdfast_writes=True) as connection, connection.begin():
                if engine.dialect.name == "postgresql":
                    wait_politely(connection)
                bring_up_to_date(connection)
        except sa.exc.DBAPIError as err:
            is_in_the_way = getattr(err.orig, "sqlstate", None) in ("55P03", "40P01")
            if tries == MIGRATION_TRIES_MAX or not is_in_the_way:
                raise
            time.sleep(random.uniform(*MIGRATION_PAUSE_S))  # noqa: S311 - spreading competitors, not a secret
        else:
            return


def wait_politely(connection: Connection) -> None:
    """Be the only one who migrates, for as long as it takes, but hold up nobody for long who works. Set locally, it ends with the transaction."""
    # Migrating a large database takes its time. An older server has no such setting.
    connection.execute(
        sa.text("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'")
    )
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATIONS_LOCK)))
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{round(MIGRATION_LOCK_WAIT_S * 1000)}ms'"))


def read_mounts() -> str:
    """Return what is mounted where; empty where the system does not tell in this form."""
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def warn_of_network_disk(path: str, mounts: str) -> None:
    """Warn when a SQLite file stands on a network file system."""
    if is_network(path, mounts):
        log.warning(
            "%s is on a network file system, where SQLite's locks may fail: use a local disk, or PostgreSQL", path
        )


def make_directory(directory: Path, url: sa.URL) -> None:
    """Create the directory of a SQLite file."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (PermissionError, FileExistsError, NotADirectoryError) as err:
        raise StoreReadOnly(shown(url), f"its directory cannot be created ({err.strerror})") from err
    except OSError as err:
        raise StoreFull(shown(url), f"its directory cannot be created ({err.strerror})") from err


def stored_version(engine: Engine) -> str | None:
    """Return the schema version that the database says it has; None when it has none."""
    with engine.connect() as connection:
        return read_version(connection)


def read_version(connection: Connection) -> str | None:
    """Return the version on this connection, looking before reading, so that a missing table is no error (PostgreSQL would abort)."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return None if version is None else str(version)


def bring_up_to_date(connection: Connection) -> None:
    """Create or migrate, inside the caller's transaction and lock."""
    version = read_version(connection)  # again, now that we hold the lock: another process may have been quicker
    if version == schema.SCHEMA_VERSION:
        return
    if version is None:
        refuse_foreign_tables(connection)
        schema.metadata.create_all(connection)
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": schema.SCHEMA_VERSION})
        connection.execute(sa.insert(schema.facts), {"name": "compatible_from", "value": schema.COMPATIBLE_FROM})
        return
    if version > schema.SCHEMA_VERSION:
        use_newer(connection, version)
        return
    from holdfast.adapters.sql.migrations import upgrade  # noqa: PLC0415 - Alembic costs 0.1 s; only an old database pays it

    upgrade(connection)


def use_newer(connection: Connection, version: str) -> None:
    """Use a newer schema as it is, if it says that releases like this one may: it was only added to."""
    why = f"its schema has version {version}, this release knows up to {schema.SCHEMA_VERSION}"
    since = connection.scalar(sa.select(schema.facts.c.value).where(schema.facts.c.name == "compatible_from"))
    if since is None or since > schema.SCHEMA_VERSION:
        raise StoreNewer(shown(connection.engine.url), why)
    log.info("%s: %s; it says that it may be used all the same", shown(connection.engine.url), why)


def refuse_foreign_tables(connection: Connection) -> None:
    """Refuse a database in which somebody else's tables stand under our names."""
    taken = sorted(set(sa.inspect(connection).get_table_names()) & set(schema.metadata.tables))
    if taken:
        raise StoreCorrupt(
            shown(connection.engine.url), f"it has tables named {', '.join(taken)} that Holdfast did not make"
        )


def shown(url: sa.URL) -> str:
    """Return the address without its password."""
    return url.render_as_string(hide_password=True).replace("postgresql+psycopg://", "postgresql://")


def store_error(err: sa.exc.DBAPIError, url: sa.URL) -> StoreError:
    """Translate a driver's complaint into ours."""
    original = err.orig
    if isinstance(original, sqlite3.Error):
        return sqlite_error(original, shown(url))
    return postgres_error(
        str(getattr(original, "sqlstate", None) or ""),
        str(original).splitlines()[0] if str(original) else "no reason given",
        shown(url),
    )


def sqlite_error(err: sqlite3.Error, url: str) -> StoreError:
    """Translate by SQLite's result code (https://www.sqlite.org/rescode.html)."""
    code = getattr(err, "sqlite_errorcode", 0) & 0xFF
    kinds: dict[int, type[StoreError]] = {
        sqlite3.SQLITE_BUSY: StoreLocked,
        sqlite3.SQLITE_LOCKED: StoreLocked,
        sqlite3.SQLITE_FULL: StoreFull,
        sqlite3.SQLITE_READONLY: StoreReadOnly,
        sqlite3.SQLITE_CANTOPEN: StoreReadOnly,
        sqlite3.SQLITE_PERM: StoreReadOnly,
        sqlite3.SQLITE_CORRUPT: StoreCorrupt,
        sqlite3.SQLITE_NOTADB: StoreCorrupt,
    }
    return kinds.get(code, StoreError)(url, str(err))


def postgres_error(sqlstate: str, why: str, url: str) -> StoreError:
    """Translate by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html); none at all means no connection."""
    if sqlstate in ("53100", "53200"):
        return StoreFull(url, why)
    if sqlstate in ("25006", "42501"):
        return StoreReadOnly(url, why)
    if sqlstate in ("55P03", "40001", "40P01"):
        return StoreLocked(url, why)
    if not sqlstate or sqlstate.startswith(("08", "57P")) or sqlstate in ("28P01", "3D000"):
        return StoreUnreachable(url, why)
    return StoreError(url, why)


def is_worth_repeating(err: sa.exc.DBAPIError) -> bool:
    """Whether the database asks for the transaction to be run again: serialisation failure, deadlock, or busy."""
    if isinstance(err.orig, sqlite3.Error):
        return getattr(err.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(err.orig, "sqlstate", None) in ("40001", "40P01")
