"""A hundred thousand executions that wait for a recovery: one made by the real code, the others copied from it by SQL.

Making each by the code would take minutes and give the same rows; what is measured is what they cost while they wait.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

__all__ = ["multiply"]

TABLES = ("executions", "actions", "attempts", "events", "steps")


def multiply(url: str, execution: str, *, count: int) -> int:
    """Copy every row of a waiting execution until there are `count` of them; returns how many executions wait.

    Each copy has an id of its own wherever the original's id stood: in keys, step keys and the data of its events.
    """
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")  # of this connection only: what is written here is scenery
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TEMP TABLE copies (id TEXT)")
        numbers = "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        # 600613 is coprime to 1,000,003, so the ids come in a mixed order, as random ones would, and each only once.
        connection.execute(
            f"INSERT INTO copies {numbers} SELECT printf('%08x-0000-4000-8000-%012d', (i * 600613) % 1000003, i) FROM n",
            [count],
        )
        for table in TABLES:
            copy(connection, table, execution)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(connection.execute("SELECT count(*) FROM steps WHERE state = 'waiting'").fetchone()[0])


def copy(connection: sqlite3.Connection, table: str, execution: str) -> None:
    """Copy one table's rows of the original for every id in `copies`."""
    columns = [(row[1], str(row[2]).upper(), row[5]) for row in connection.execute(f"PRAGMA table_info({table})")]
    owner = "id" if table == "executions" else "execution"
    kept = [(name, kind) for name, kind, key in columns if not (key and name == "sequence")]
    values = ", ".join(value_of(table, name, kind) for name, kind in kept)
    names = ", ".join(f'"{name}"' for name, _ in kept)
    connection.execute(
        f'INSERT INTO {table} ({names}) SELECT {values} FROM copies c CROSS JOIN {table} o WHERE o."{owner}" = :original',
        {"original": execution},
    )


def value_of(table: str, name: str, kind: str) -> str:
    """Return the SQL of a copied value: the new id wherever the old one stood; an event's own id is new."""
    if table == "events" and name == "id":
        return "lower(hex(randomblob(16)))"
    if kind.startswith(("TEXT", "VARCHAR")):
        return f'replace(o."{name}", :original, c.id)'
    return f'o."{name}"'
