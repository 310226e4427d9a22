"""What the store keeps of other people's APIs: entries of the catalog that were added, and how each API's last health checks went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["CatalogRow", "HealthRow", "KnowsApis", "LearnsApis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """An entry of the catalog, or part of one. `version` is empty when it is about all versions; `body` is JSON text."""

    api_id: str
    version: str
    body: str
    added_at: datetime
    added_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRow:
    """How an API's health checks went.

    `due_at` is when the next one is due. `is_healthy` is what the last one said, None before the first; `since` is since when it has been so.
    `results` are the last ones as JSON text, the newest first.
    """

    api_id: str
    due_at: datetime
    is_healthy: bool | None = None
    since: datetime | None = None
    checked_at: datetime | None = None
    results: str = "[]"


class KnowsApis(Protocol):
    """Reading verbs."""

    def catalog_rows(self) -> list[CatalogRow]:
        """Return all entries that were added, the newest first."""
        ...

    def catalog_revision(self) -> str:
        """Return a text that differs whenever an entry was added, replaced or removed."""
        ...

    def health_rows(self) -> list[HealthRow]:
        """Return how each API is that was ever checked, in the order of their ids."""
        ...

    def health_row(self, api_id: str) -> HealthRow | None:
        """Return how one API is."""
        ...


class LearnsApis(KnowsApis, Protocol):
    """Writing verbs."""

    def put_catalog_row(self, row: CatalogRow) -> bool:
        """Add an entry, in place of the one of the same id and version; says whether there was one."""
        ...

    def drop_catalog_rows(self, api_id: str, version: str | None) -> int:
        """Remove one version of an entry, or all (None); returns how many went."""
        ...

    def take_health_check(self, api_id: str, *, next_at: datetime) -> bool:
        """Take the check of an API that is due, and say when the next one will be; False when none is due: of all workers one takes it."""
        ...

    def put_health_row(self, row: HealthRow) -> None:
        """Write how an API is; when its next check is due stays as it is."""
        ...
