"""The verbs of `holdfast.ports.keeping` as SQL: finding what is old, and erasing. None of it is on a hot path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.ports.keeping import Erased
from holdfast.ports.rows import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from holdfast.ports.keeping import Place

__all__ = ["SqlErases", "SqlKeeps"]

E, A, D = schema.executions, schema.actions, schema.dead_letters
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


class SqlErases:
    """Writing verbs on one connection, inside one transaction."""

    connection: Connection
    is_postgres: bool

    def erase(self, execution_id: str) -> Erased:
        """Delete every row of an execution, and its document when nobody else runs it."""
        located = sa.select(A.c.location).where(A.c.execution == execution_id, A.c.location.is_not(None))
        locations = tuple(self.connection.scalars(located))
        found = self.connection.execute(sa.select(E.c.document, E.c.ended_at).where(E.c.id == execution_id)).first()
        rows = {
            table.name: self._delete(sa.delete(table).where(table.c.execution == execution_id))
            for table in OF_AN_EXECUTION
        }
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
