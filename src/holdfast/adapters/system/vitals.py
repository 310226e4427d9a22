"""Measuring what a worker depends on: room on its disks, and how far its clock is from the database's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from holdfast.recovery.gate import Disk, Measured, Skew, skew_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from holdfast.ports.clock import Clock
    from holdfast.ports.store import Snapshot, Store

__all__ = ["Vitals", "disk_of"]

ASKED = 3
"""Of so many questions for the time the quickest counts: a slow network is no wrong clock."""


class Vitals:
    """Measures `places` and, if `has_own_clock`, the database's clock against `clock`."""

    def __init__(self, store: Store, *, places: Sequence[Path], clock: Clock, has_own_clock: bool) -> None:
        self._store = store
        self._places = tuple(places)
        self._clock = clock
        self._has_own_clock = has_own_clock

    async def __call__(self) -> Measured:
        """Measure once.

        Raises:
            StoreError: the database is away.
        """
        disks = tuple(disk for place in self._places if (disk := disk_of(place)) is not None)
        skew = await self._skew() if self._has_own_clock else None
        return Measured(disks=disks, skew=skew)

    async def _skew(self) -> Skew:
        found = [await self._store.read(self._ask) for _ in range(ASKED)]
        return min(found, key=lambda skew: skew.uncertain_s)

    def _ask(self, snapshot: Snapshot) -> Skew:
        # Around the one statement, not around the transaction: its beginning is a round trip of its own.
        asked_at = self._clock.now()
        told = snapshot.now
        answered_at = self._clock.now()
        return skew_of(asked_at.timestamp(), told.timestamp(), answered_at.timestamp())


def disk_of(place: Path) -> Disk | None:
    """Return the file system on which a place stands, or will stand once it is made; None where the system does not tell."""
    there = next((path for path in (place, *place.parents) if path.exists()), None)
    if there is None:
        return None
    try:
        usage = shutil.disk_usage(there)
    except OSError:
        return None
    # Without what is kept for root: `used + free` is what our user can ever fill.
    whole = usage.used + usage.free
    return None if whole == 0 else Disk(place=str(place), free_fraction=usage.free / whole)
