"""The cache in a SQLite file: JSON values that outlive the process and are shared by all processes of one machine.

One small table. Losing it costs nothing but kept values, so nothing is flushed to the device for each of them. Writers wait for one another a
moment at most, and then do without; only opening the file waits for longer.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.errors import BadSettings, Problem
from holdfast.guards.caches.json_values import json_text, json_value
from holdfast.policies.checks import number_problem, refuse
from holdfast.ports.cache import Entry

__all__ = ["SqliteCache"]

ENTRIES_BOUND = 10_000_000
VALUE_BOUND_BYTES = 100_000_000
BUSY_BOUND_S = 5.0
PRUNE_EVERY = 64
"""How many values are put between two looks at their number, because counting costs more than putting. Each process exceeds the bound by this
much at most."""

OPENING_BUSY_S = 5.0
"""How long opening waits for a lock: programs that start together prepare the file one after the other, and none of them should fail over it."""

APPLICATION_ID = 0x48464361
"""`HFCa`: the mark of our files, so that a cache is never made in somebody else's database."""

FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, stored_s REAL NOT NULL, until_s REAL NOT NULL
) WITHOUT ROWID
"""
_BY_AGE = "CREATE INDEX IF NOT EXISTS kept_by_age ON kept (stored_s)"


class SqliteCache:
    """Keeps JSON values in the file `path`; made with mode 0600 if it is not there, because answers are nobody else's business.

    At most about `entries_max` values (1 to 10 000 000; default 10 000), each at most `value_size_max_bytes` of JSON (1 to 100 000 000; default
    1 000 000); those put in longest ago go first. A lock of another process is waited for `busy_timeout_s` at most (0 to 5; default 0.05). Ages
    are measured by the wall clock, which processes share: setting it back makes values look younger by as much. Safe over threads, processes and
    forks.
    """

    keeps = "json"
    is_local = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        entries_max: int = 10_000,
        value_size_max_bytes: int = 1_000_000,
        busy_timeout_s: float = 0.05,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Opens the file.

        Raises:
            BadSettings: a bound is out of range, or the file cannot be used: it cannot be opened, or it is something else than a cache of ours.
        """
        refuse(
            "sqlite_cache",
            [
                ("entries_max", number_problem(entries_max, 1, ENTRIES_BOUND, whole=True)),
                ("value_size_max_bytes", number_problem(value_size_max_bytes, 1, VALUE_BOUND_BYTES, whole=True)),
                ("busy_timeout_s", number_problem(busy_timeout_s, 0, BUSY_BOUND_S)),
            ],
        )
        self.path = Path(path)
        self._entries_max = entries_max
        self._value_max_bytes = value_size_max_bytes
        self._busy_s = busy_timeout_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._puts = 0
        self._inherited: list[sqlite3.Connection] = []
        self._process = os.getpid()
        try:
            self._connection: sqlite3.Connection | None = _opened(self.path, busy_s=busy_timeout_s)
        except (sqlite3.Error, OSError) as error:
            raise BadSettings(
                [Problem(source="sqlite_cache", path="path", message=f"{self.path} cannot be used: {error}")]
            ) from error

    def get(self, key: str) -> Entry | None:
        """The value under a key with its age, or None.

        Raises:
            sqlite3.Error: the file cannot be read now.
        """
        now = self._now_s()
        with self._lock:
            rows = self._open().execute("SELECT value, stored_s, until_s FROM kept WHERE key = ?", (key,)).fetchall()
        if not rows or rows[0][2] < now:
            return None
        return Entry(value=json_value(rows[0][0]), age_s=max(0.0, now - rows[0][1]))

    def put(self, key: str, value: object, *, keep_s: float) -> bool:
        """Keep a JSON value for at most `keep_s` seconds; False when it is too large.

        Raises:
            BadInput: the value is not JSON, or would not come back as it went in.
            sqlite3.Error: the file cannot be written now.
        """
        text = json_text(value)
        if len(text) > self._value_max_bytes:
            self.remove(key)
            return False
        now = self._now_s()
        with self._lock:
            connection = self._open()
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", (key, text, now, now + keep_s))
            if self._puts % PRUNE_EVERY == 0:
                self._prune(connection, now)
            self._puts += 1
        return True

    def remove(self, key: str) -> None:
        """Forget a key.

        Raises:
            sqlite3.Error: the file cannot be written now.
        """
        with self._lock:
            self._open().execute("DELETE FROM kept WHERE key = ?", (key,))

    def close(self) -> None:
        """Close the file; using the cache again opens it again."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._process != os.getpid() and self._connection is not None:
            # SQLite forbids to use, and even to close, a connection in the child of a fork.
            self._inherited.append(self._connection)
            self._connection = None
        if self._connection is None:
            self._process = os.getpid()
            self._connection = _opened(self.path, busy_s=self._busy_s)
        return self._connection

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        connection.execute("DELETE FROM kept WHERE until_s < ?", (now,))
        (count,) = connection.execute("SELECT count(*) FROM kept").fetchone()
        excess = count - self._entries_max
        if excess > 0:
            connection.execute(
                "DELETE FROM kept WHERE key IN (SELECT key FROM kept ORDER BY stored_s LIMIT ?)", (excess,)
            )


def _opened(path: Path, *, busy_s: float) -> sqlite3.Connection:
    """Open the file, and make it if need be.

    Raises:
        sqlite3.Error: it cannot be opened, or is something else.
        OSError: it cannot be made.
    """
    # Made by us first: SQLite would make it readable for all.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    # Each statement is a transaction of its own, and the lock of this cache keeps threads apart.
    connection = sqlite3.connect(path, timeout=OPENING_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
        connection.execute(f"PRAGMA busy_timeout = {round(busy_s * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if mark == APPLICATION_ID and version == FORMAT:
        connection.execute("PRAGMA synchronous = NORMAL")
        return
    connection.execute("BEGIN IMMEDIATE")
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (mark, version) != (APPLICATION_ID, FORMAT) and tables:
        connection.execute("ROLLBACK")
        raise sqlite3.DatabaseError("it is a database of something else; name a file of its own for the cache")
    connection.execute(_SCHEMA)
    connection.execute(_BY_AGE)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    # Readers and the writer do not wait for each other, and nothing is flushed for each value.
    with contextlib.suppress(sqlite3.OperationalError):  # somebody else has just opened it, too; it works without
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
