"""What is known of APIs, kept up to date while a process runs: entries may be added to the database, and files of the directory may change.

A catalog is read once and never changes; here stands the one that counts now. Looking again costs one small query and the sizes and times of
the files. What turns out to be broken never takes away what was good: it is told once, and the last good catalog stays.
Executions are no concern of this: each keeps the entries it began with.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.catalog.directory import load_directory, state_of
from holdfast.catalog.stored import stored_layer
from holdfast.errors import BadInput, MissingExtra, StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.catalog.entries import Catalog
    from holdfast.ports.apis import CatalogRow
    from holdfast.ports.clock import Clock
    from holdfast.ports.store import Store

__all__ = ["KnownApis"]

log = logging.getLogger("holdfast.catalog")

Mark = tuple[str, tuple[tuple[str, int, int], ...]]
"""What the layers looked like: the revision of the database's entries, and name, time and size of each file."""


class KnownApis:
    """The catalog as it is now; made by `KnownApis.load`. Belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        *,
        mark: Mark,
        directory: str | None,
        shipped: bool,
        clock: Clock,
        every_s: float,
    ) -> None:
        self.catalog = catalog
        self.problem: BadInput | MissingExtra | None = None
        """Why the newest files or entries do not count; None when they do."""
        self._store = store
        self._mark = mark
        self._directory = directory
        self._shipped = shipped
        self._clock = clock
        self._every_s = every_s
        self._looked_at: datetime = clock.now()
        self._looking: asyncio.Lock = asyncio.Lock()

    @classmethod
    async def load(
        cls, store: Store, *, directory: str | None, shipped: bool, clock: Clock, every_s: float
    ) -> KnownApis:
        """Read all layers for the first time.

        Raises:
            BadInput: entries are not valid; all problems are listed.
            MissingExtra: there are YAML files, and the package that reads them is not installed.
            StoreError: the database cannot be read.
        """
        mark = await _mark(store, directory)
        rows = await store.read(lambda snapshot: snapshot.catalog_rows())
        catalog = await asyncio.to_thread(_made, rows, directory=directory, shipped=shipped)
        return cls(store, catalog, mark=mark, directory=directory, shipped=shipped, clock=clock, every_s=every_s)

    async def look(self) -> Catalog:
        """Look whether something has changed, if the last look is long enough ago, and return the catalog that counts. Never raises."""
        async with self._looking:
            if (self._clock.now() - self._looked_at).total_seconds() >= self._every_s:
                self._looked_at = self._clock.now()
                await self._look()
        return self.catalog

    async def _look(self) -> None:
        try:
            mark = await _mark(self._store, self._directory)
            if mark == self._mark:
                return
            rows = await self._store.read(lambda snapshot: snapshot.catalog_rows())
        except StoreError as err:
            log.warning(
                "what is known of APIs could not be looked at again (%s); what was known still counts", err.slug
            )
            return
        # Whatever comes of it: the same files and entries are not tried again.
        self._mark = mark
        try:
            self.catalog = await asyncio.to_thread(_made, rows, directory=self._directory, shipped=self._shipped)
            self.problem = None
            log.info("what is known of APIs has changed: %d entries of users' own", len(self.catalog.own_ids()))
        except (BadInput, MissingExtra) as err:
            self.problem = err
            log.warning("changed catalog entries are not used, those from before still count: %s", err)


async def _mark(store: Store, directory: str | None) -> Mark:
    """What the layers look like now. What changes between this and the reading of it is seen by the next look."""
    revision = await store.read(lambda snapshot: snapshot.catalog_revision())
    return revision, () if directory is None else await asyncio.to_thread(state_of, Path(directory))


def _made(rows: list[CatalogRow], *, directory: str | None, shipped: bool) -> Catalog:
    return load_directory(directory, shipped=shipped, below=[stored_layer(rows)])
