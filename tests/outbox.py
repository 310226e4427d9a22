"""Waiting until the outbox shows everything: any transaction on the same PostgreSQL server, even its own, may hold it up for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema

if TYPE_CHECKING:
    from holdfast.ports.store import Snapshot

__all__ = ["LOOKS_MAX", "is_caught_up"]

LOOKS_MAX = 20_000


def is_caught_up(snapshot: Snapshot) -> bool:
    """Whether a reader of the outbox sees the newest event that is there."""
    events = schema.events.c
    newest = sa.select(events.xid, events.sequence).order_by(events.xid.desc(), events.sequence.desc()).limit(1)
    row = snapshot.connection.execute(newest).first()  # type: ignore[attr-defined]  # SQL's own
    return (tuple(row) if row else (0, 0)) == tuple(snapshot.outbox_end())
