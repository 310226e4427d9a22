"""Events in and out as SQL: the inbox that knows what has arrived, and the outbox that a reader with a cursor goes through.

PostgreSQL hands out sequence numbers in one order and commits in another: a reader who goes by them alone passes by an event that commits late.
So the outbox is read in the order of (transaction, sequence), and only as far as every transaction has ended: `pg_snapshot_xmin` of the reader's
own snapshot is the oldest one that has not. SQLite has one writer, whose sequence numbers are in the order of its commits.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import bindparam

from holdfast.adapters.sql import schema
from holdfast.ports.rows import EventRow, InboxRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

__all__ = ["SAVE_INBOX", "event_from", "inbox", "outbox", "outbox_end"]

M, V = schema.inbox, schema.events
SAVE_INBOX = sa.update(M).where(M.c.event_id == bindparam("k_event_id")).values(outcome=bindparam("v_outcome"))
SELECT_INBOX = sa.select(M).where(M.c.event_id == bindparam("event_id"))
BEYOND = (
    sa.select(V)
    .where(sa.tuple_(V.c.xid, V.c.sequence) > sa.tuple_(bindparam("xid"), bindparam("sequence")))
    .order_by(V.c.xid, V.c.sequence)
    .limit(bindparam("most"))
)
FROM = sa.select(V).where(V.c.sequence >= bindparam("sequence")).order_by(V.c.sequence).limit(1)
LAST = sa.select(V.c.xid, V.c.sequence).order_by(V.c.xid.desc(), V.c.sequence.desc()).limit(1)
HAVE_ENDED = V.c.xid < sa.literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
OF_TYPES = V.c.type.in_(bindparam("types", expanding=True))


def inbox(connection: Connection, event_id: str) -> InboxRow | None:
    """Return what is known of an event from outside."""
    found = connection.execute(SELECT_INBOX, {"event_id": event_id}).first()
    return None if found is None else InboxRow(**found._mapping)


def outbox(connection: Connection, *, after: tuple[int, int], types: Sequence[str], limit: int) -> list[EventRow]:
    """Return the events beyond a place that no other event can appear before any more."""
    query = settled(connection, BEYOND)
    values: dict[str, object] = {"xid": after[0], "sequence": after[1], "most": limit}
    if types:
        query = query.where(OF_TYPES)
        values["types"] = list(types)
    rows = connection.execute(query, values)
    return [EventRow(**{**row._mapping, "data": json.loads(row.data)}) for row in rows]


def event_from(connection: Connection, sequence: int) -> EventRow | None:
    """Return the first event that has this sequence or a higher one."""
    found = connection.execute(FROM, {"sequence": sequence}).first()
    return None if found is None else EventRow(**{**found._mapping, "data": json.loads(found.data)})


def outbox_end(connection: Connection) -> tuple[int, int]:
    """Return the place of the last event that a reader may see; (0, 0) when there is none."""
    found = connection.execute(settled(connection, LAST)).first()
    return (0, 0) if found is None else (int(found.xid), int(found.sequence))


def settled(connection: Connection, query: sa.Select[tuple[object, ...]]) -> sa.Select[tuple[object, ...]]:
    """Leave out, on PostgreSQL, what a transaction that is still open could yet be ahead of."""
    return query.where(HAVE_ENDED) if connection.dialect.name == "postgresql" else query
