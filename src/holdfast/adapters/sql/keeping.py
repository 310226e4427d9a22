"""The verbs of `holdfast.ports.keeping` as SQL: finding what is old, and erasing. None of it is on a hot path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.plans.authentication import own_rows
from holdfast.ports.keeping import Erased
from holdfast.ports.rows import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from holdfast.ports.keeping import Place

__all__ = ["SqlErases", "SqlKeeps", "begins_with"]

E, A, D = schema.executions, schema.actions, schema.dead_letters
C, R, S = schema.credentials, schema.rate_limits, schema.rate_starts
OF_AN_EXECUTION = (
    A,
    schema.attempts,
    schema.events,
    schema.questions,
    D,
    schema.inbox,
    schema.steps,
)
"""Every table with a column `execution`. A step that the lease table still holds is a no-op by now; another engine's ends as one."""
TEXTS = {
    E: ("plan_name", "error"),
    A: ("error", "reason"),
    schema.attempts: ("verdict", "decision", "trace", "late_answer"),
    schema.events: ("data",),
    schema.questions: ("text", "answer", "reason"),
    D: ("reason", "detail"),
}
"""The columns that tell of what happened and may quote a value. Stored outputs are not among them: they are changed by their structure."""


def begins_with(name: sa.Column[str], prefix: str) -> sa.ColumnElement[bool]:
    """Build the test whether a name begins so. Not LIKE: SQLite's knows no difference between small and capital letters."""
    return sa.func.substr(name, 1, len(prefix)) == prefix


def latest(*moments: datetime | None) -> datetime | None:
    """Return the last of the moments there are."""
    return max((moment for moment in moments if moment is not None), default=None)


class SqlKeeps:
    """Reading verbs on one connection."""

    connection: Connection

    def expired(self, *, before: datetime, letters_before: datetime | None, limit: int) -> list[str]:
        """Return executions that ended long ago, oldest end first."""
        may_go = ~sa.exists().where(D.c.execution == E.c.id)
        if letters_before is not None:
            may_go = sa.or_(may_go, E.c.ended_at < letters_before)
        query = (
            sa.select(E.c.id)
            .where(E.c.ended_at < before, E.c.state != RunState.RUNNING, may_go)
            .order_by(E.c.ended_at, E.c.id)
            .limit(limit)
        )
        return list(self.connection.scalars(query))

    def locations(self, *, after: Place, limit: int) -> list[tuple[Place, str]]:
        """Return a page of where outputs lie that have files."""
        query = (
            sa.select(A.c.execution, A.c.action, A.c.location)
            .where(A.c.location.is_not(None), sa.tuple_(A.c.execution, A.c.action) > sa.tuple_(*after))
            .order_by(A.c.execution, A.c.action)
            .limit(limit)
        )
        return [((row.execution, row.action), row.location) for row in self.connection.execute(query)]

    def unnamed(self, *, prefix: str, limit: int) -> list[str]:
        """Return credentials whose names begin so and stand in no document."""
        is_such = begins_with(C.c.name, prefix)
        return list(self.connection.scalars(sa.select(C.c.name).where(is_such, ~self._is_named()).limit(limit)))

    def limits(self, *, after: str, limit: int) -> list[tuple[str, datetime | None]]:
        """Return a page of rate limits."""
        newest = sa.select(sa.func.max(S.c.at)).where(S.c.bucket == R.c.bucket).scalar_subquery()
        query = sa.select(R.c.bucket, R.c.next_at, newest).where(R.c.bucket > after).order_by(R.c.bucket).limit(limit)
        return [(name, latest(*moments)) for name, *moments in self.connection.execute(query)]

    def limit_used_at(self, name: str) -> datetime | None:
        """Return when a rate limit was or will be used last."""
        next_at = self.connection.scalar(sa.select(R.c.next_at).where(R.c.bucket == name))
        return latest(next_at, self.connection.scalar(sa.select(sa.func.max(S.c.at)).where(S.c.bucket == name)))

    def _is_named(self) -> sa.Exists:
        """Whether the name of a credential stands in a document."""
        position = sa.func.strpos if self.connection.dialect.name == "postgresql" else sa.func.instr
        return sa.exists().where(position(schema.documents.c.body, C.c.name) > 0)


class SqlErases(SqlKeeps):
    """Writing verbs on one connection, inside one transaction."""

    is_postgres: bool

    def erase(self, execution_id: str) -> Erased:
        """Delete every row of an execution, its own secrets, and its document when nobody else runs it."""
        located = sa.select(A.c.location).where(A.c.execution == execution_id, A.c.location.is_not(None))
        locations = tuple(self.connection.scalars(located))
        found = self.connection.execute(sa.select(E.c.document, E.c.ended_at).where(E.c.id == execution_id)).first()
        rows = {
            table.name: self._delete(sa.delete(table).where(table.c.execution == execution_id))
            for table in OF_AN_EXECUTION
        }
        rows["credentials"] = self._delete(sa.delete(C).where(begins_with(C.c.name, own_rows(execution_id))))
        rows["executions"] = self._delete(sa.delete(E).where(E.c.id == execution_id))
        rows["documents"] = int(found is not None and self.drop_document(found.document))
        kept = {table: count for table, count in rows.items() if count}
        return Erased(rows=kept, locations=locations, ended_at=found.ended_at if found else None)

    def rewrite(self, execution_id: str, change: Callable[[str], str]) -> int:
        """Put every text that tells of an execution through `change`."""
        return sum(self._rewrite_table(table, names, execution_id, change=change) for table, names in TEXTS.items())

    def drop_document(self, digest: str) -> bool:
        """Delete a document unless an execution runs it.

        On PostgreSQL it is locked first and the executions are looked at by another statement: one that starts at this moment has locked it
        as well (`hold_document`), and is seen by a statement that begins after the wait.
        """
        documents = schema.documents
        if self.is_postgres:
            self.connection.execute(
                sa.select(documents.c.digest).where(documents.c.digest == digest).with_for_update()
            ).all()
        is_run = sa.exists().where(E.c.document == digest)
        return self._delete(sa.delete(documents).where(documents.c.digest == digest, ~is_run)) == 1

    def hold_document(self, digest: str) -> bool:
        """Keep a document from being deleted before this transaction ends; False when it is gone already. SQLite has one writer anyway."""
        if not self.is_postgres:
            return True
        documents = schema.documents
        found = sa.select(documents.c.digest).where(documents.c.digest == digest)
        return self.connection.scalar(found.with_for_update(read=True, key_share=True)) is not None

    def forget_unnamed(self, name: str) -> bool:
        """Delete a credential unless a document names it."""
        return self._delete(sa.delete(C).where(C.c.name == name, ~self._is_named())) == 1

    def forget_limit(self, name: str) -> None:
        """Delete a rate limit with all its moments."""
        self.connection.execute(sa.delete(S).where(S.c.bucket == name))
        self.connection.execute(sa.delete(R).where(R.c.bucket == name))

    def _delete(self, statement: sa.Delete) -> int:
        return self.connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount

    def _rewrite_table(
        self, table: sa.Table, names: tuple[str, ...], execution_id: str, *, change: Callable[[str], str]
    ) -> int:
        keys = list(table.primary_key.columns)
        mine = (E.c.id if table is E else table.c.execution) == execution_id
        changed = 0
        for row in self.connection.execute(sa.select(*keys, *(table.c[name] for name in names)).where(mine)).all():
            texts = {name: row._mapping[name] for name in names if row._mapping[name] is not None}
            new = {name: after for name, before in texts.items() if (after := change(before)) != before}
            if new:
                this = [key == row._mapping[key.name] for key in keys]
                self.connection.execute(sa.update(table).where(*this).values(new))
                changed += len(new)
        return changed
