"""The verbs of `holdfast.ports.apis` as SQL. None of it is on a hot path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.ports.apis import CatalogRow, HealthRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.engine import Connection

__all__ = ["ApiReads", "ApiWrites"]

C, H = schema.catalog_entries, schema.api_health


class ApiReads:
    """Reading verbs; to be mixed into a snapshot."""

    connection: Connection

    @property
    def now(self) -> datetime:
        """The store's time."""
        raise NotImplementedError

    def catalog_rows(self) -> list[CatalogRow]:
        """Return all entries that were added, the newest first."""
        query = sa.select(C).order_by(C.c.added_at.desc(), C.c.api_id, C.c.version)
        return [CatalogRow(**row) for row in self.connection.execute(query).mappings()]

    def catalog_revision(self) -> str:
        """Return a text that differs whenever an entry was added, replaced or removed."""
        found = self.connection.execute(sa.select(sa.func.count(), sa.func.max(C.c.added_at))).one()
        return f"{found[0]}:{found[1].isoformat() if found[1] else ''}"

    def health_rows(self) -> list[HealthRow]:
        """Return how each API is that was ever checked."""
        return [HealthRow(**row) for row in self.connection.execute(sa.select(H).order_by(H.c.api_id)).mappings()]

    def health_row(self, api_id: str) -> HealthRow | None:
        """Return how one API is."""
        row = self.connection.execute(sa.select(H).where(H.c.api_id == api_id)).mappings().first()
        return None if row is None else HealthRow(**row)


class ApiWrites(ApiReads):
    """Writing verbs; to be mixed into a transaction."""

    def put_catalog_row(self, row: CatalogRow) -> bool:
        """Add an entry, in place of the one of the same id and version."""
        values = {"body": row.body, "added_at": row.added_at, "added_by": row.added_by}
        there = sa.select(sa.literal(1)).where(C.c.api_id == row.api_id, C.c.version == row.version)
        was_there = self.connection.scalar(there) is not None
        adding = self._insert(C).values(api_id=row.api_id, version=row.version, **values)
        self.connection.execute(adding.on_conflict_do_update(index_elements=[C.c.api_id, C.c.version], set_=values))
        return was_there

    def drop_catalog_rows(self, api_id: str, version: str | None) -> int:
        """Remove one version of an entry, or all."""
        query = sa.delete(C).where(C.c.api_id == api_id)
        return self.connection.execute(query if version is None else query.where(C.c.version == version)).rowcount

    def take_health_check(self, api_id: str, *, next_at: datetime) -> bool:
        """Take the check of an API that is due."""
        due = sa.update(H).where(H.c.api_id == api_id, H.c.due_at <= self.now).values(due_at=next_at)
        if self.connection.execute(due).rowcount:
            return True
        if self.connection.scalar(sa.select(sa.literal(1)).where(H.c.api_id == api_id)):
            return False
        first = self._insert(H).values(api_id=api_id, due_at=next_at, results="[]").on_conflict_do_nothing()
        return self.connection.scalar(first.returning(H.c.api_id)) is not None

    def put_health_row(self, row: HealthRow) -> None:
        """Write how an API is."""
        values = {
            "is_healthy": row.is_healthy,
            "since": row.since,
            "checked_at": row.checked_at,
            "results": row.results,
        }
        adding = self._insert(H).values(api_id=row.api_id, due_at=row.due_at, **values)
        self.connection.execute(adding.on_conflict_do_update(index_elements=[H.c.api_id], set_=values))

    def _insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """Begin an INSERT that says what happens when the row is there already; two processes may add the same one at once."""
        if self.connection.dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - only the dialect in use is loaded

            return postgresql.insert(table)
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - as above

        return sqlite.insert(table)
