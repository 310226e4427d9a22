"""The verbs of `holdfast.ports.store` that concern the database as a whole: its facts, its load, its workers, and its life after a restore."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import bindparam

from holdfast.adapters.sql import schema
from holdfast.ports.rows import RunState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

__all__ = ["UpkeepReads", "UpkeepWrites"]

E, V, F, S, W = schema.executions, schema.events, schema.facts, schema.steps, schema.workers

FACT = sa.select(F.c.value).where(F.c.name == bindparam("name"))
# Bounded by what is asked for: counting a hundred thousand to learn that there are more than ten would be felt.
LIVE_UP_TO = sa.select(sa.func.count()).select_from(
    sa.select(sa.literal(1)).where(E.c.state == RunState.RUNNING).limit(bindparam("most")).subquery()
)
ENDED_UP_TO = sa.select(sa.func.count()).select_from(
    sa.select(sa.literal(1))
    .where(E.c.ended_at > bindparam("since", type_=E.c.ended_at.type))
    .limit(bindparam("most"))
    .subquery()
)
LIVE_IDS = (
    sa.select(E.c.id)
    .where(E.c.state == RunState.RUNNING, E.c.id > bindparam("after"))
    .order_by(E.c.id)
    .limit(bindparam("most"))
)
NEWEST_EVENT = sa.select(V.c.sequence, V.c.time).order_by(V.c.sequence.desc()).limit(1)


class UpkeepReads:
    """Reading verbs; to be mixed into a snapshot."""

    connection: Connection

    @property
    def now(self) -> datetime:
        """The store's time."""
        raise NotImplementedError

    def fact(self, name: str) -> str | None:
        """Return one fact about this database."""
        return self.connection.scalar(FACT, {"name": name})

    def count_live(self, *, most: int) -> int:
        """Return how many executions live, counting no further than `most`."""
        return int(self.connection.scalar(LIVE_UP_TO, {"most": most}) or 0)

    def count_ended(self, *, since: datetime, most: int) -> int:
        """Return how many executions have ended since a moment, counting no further than `most`."""
        return int(self.connection.scalar(ENDED_UP_TO, {"since": since, "most": most}) or 0)

    def live(self, *, after: str, limit: int) -> list[str]:
        """Return the ids of live executions above `after`, in their order."""
        return list(self.connection.scalars(LIVE_IDS, {"after": after, "most": limit}))

    def newest_event(self) -> tuple[int, datetime] | None:
        """Return the sequence and time of the newest event."""
        found = self.connection.execute(NEWEST_EVENT).first()
        return None if found is None else (int(found.sequence), found.time)

    def beating(self, *, within_s: float) -> Sequence[str]:
        """Return the workers that gave a sign of life within so many seconds."""
        return list(
            self.connection.scalars(sa.select(W.c.id).where(W.c.beat_at > self.now - timedelta(seconds=within_s)))
        )


class UpkeepWrites(UpkeepReads):
    """Writing verbs; to be mixed into a transaction."""

    def put_fact(self, name: str, value: str) -> None:
        """Note a fact about this database in place of what was noted under that name."""
        self.drop_fact(name)
        self.connection.execute(sa.insert(F), {"name": name, "value": value})

    def drop_fact(self, name: str) -> None:
        """Forget a fact."""
        self.connection.execute(sa.delete(F).where(F.c.name == name))

    def forget_the_past(self) -> None:
        """Free every lease, forget every worker, and let all events count as committed long ago: they are of another database's life."""
        self.connection.execute(sa.update(S).where(S.c.state == "leased").values(state="ready", owner=None))
        self.connection.execute(sa.delete(W))
        self.connection.execute(sa.update(V).where(V.c.xid != 0).values(xid=0))
