"""Entries of the catalog that are kept in the database: added after a check, removed, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.catalog.stored import checked_rows
from holdfast.hold.parts import HasParts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.catalog.layers import Piece
    from holdfast.faults.health_checks import HealthResult
    from holdfast.ports.apis import CatalogRow, HealthRow
    from holdfast.ports.store import Tx

__all__ = ["CatalogEntries"]


class CatalogEntries(HasParts):
    """What an `AsyncHold` does about catalog entries."""

    async def catalog_rows(self) -> list[CatalogRow]:
        """The entries that are kept, the newest first.

        Raises:
            StoreError: the database cannot be read.
        """
        return await self._parts.store.read(lambda snapshot: snapshot.catalog_rows())

    async def add_to_catalog(self, pieces: Iterable[Piece], *, by: str | None = None) -> list[CatalogRow]:
        """Keep entries, or parts of such that override what lies below; all or none. Running processes use them within seconds.

        One of the same id and version takes the place of the older one; the newest version counts unless one is named.

        Raises:
            BadInput: an entry is not valid, by itself or with what lies below it; every problem is listed and nothing is kept.
            StoreError: the database cannot be written.
        """
        added = list(pieces)
        shipped = self._parts.ships_entries

        def work(tx: Tx) -> list[CatalogRow]:
            rows = checked_rows(added, kept=tx.catalog_rows(), shipped=shipped, at=tx.now, by=by)
            for row in rows:
                tx.put_catalog_row(row)
            return rows

        return await self._parts.store.transact(work)

    async def check_health(self, api_id: str) -> HealthResult | None:
        """Ask an API or integration at once whether it is well, and keep the result; None when nothing says how to ask it.

        Raises:
            StoreError: the database cannot be written.
        """
        return await self._parts.health.check(api_id)

    def checkable(self) -> list[str]:
        """The integrations and the users' own APIs that something says how to ask."""
        return self._parts.health.checkable()

    async def health(self) -> list[HealthRow]:
        """How each API is that was ever asked.

        Raises:
            StoreError: the database cannot be read.
        """
        return await self._parts.store.read(lambda snapshot: snapshot.health_rows())

    async def remove_from_catalog(self, api_id: str, version: str | None = None) -> int:
        """Remove one version of an entry, or all versions; returns how many went. What lies below it counts again.

        Raises:
            StoreError: the database cannot be written.
        """
        return await self._parts.store.transact(lambda tx: tx.drop_catalog_rows(api_id, version))
