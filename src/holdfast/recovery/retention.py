"""What is kept and for how long: executions that ended long ago go, oldest first, and so does what no row names or uses any more:
files, secrets that stood in plans, rate limits.

Done by every worker after its sweep. One execution per transaction, so that nobody waits for more than one of them; several workers may do it at
once, and the one that finds an execution gone leaves the rest to whoever took it.
A file goes after the commit that took its last row. A crash in between leaves a file that the look for orphans finds later.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from holdfast.ports.rows import RunState
from holdfast.recovery.leftovers import forget_limits, forget_literals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.ports.clock import Clock
    from holdfast.ports.keeping import Erased, Place
    from holdfast.ports.outputs import Outputs
    from holdfast.ports.store import Snapshot, Store, Tx

__all__ = ["Keeper", "Retention", "has_expired", "remove_files"]

log = logging.getLogger("holdfast.retention")

BATCHES_MAX = 50
"""So many batches follow one sweep, so that the next sweep is not put off for long; what is left waits for it."""
ORPHAN_AGE_S = 3600.0
"""A file is an orphan only when it was put so long ago: an attempt puts its output before it settles, and may wait minutes for the database."""
ORPHAN_INTERVAL_S = 3600.0
SETTLE_MARGIN_S = 2.0
"""By so much the clocks of the disk and of the database may differ."""
PAGE = 1000
START: Place = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what has ended is kept, in seconds after its end; None: for ever. `letters_s` is for executions with a dead letter."""

    executions_s: float | None = None
    letters_s: float | None = None
    batch: int = 100

    def bounds(self, now: datetime) -> tuple[datetime, datetime | None] | None:
        """Return the moments before which an execution, and one with a dead letter, must have ended to go; None when nothing goes."""
        if self.executions_s is None:
            return None
        letters = None if self.letters_s is None else now - timedelta(seconds=max(self.letters_s, self.executions_s))
        return now - timedelta(seconds=self.executions_s), letters


class Keeper:
    """Does what is due after each sweep. One per worker, used by one task."""

    def __init__(self, store: Store, outputs: Outputs, *, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._outputs = outputs
        self._clock = clock
        self._retention = retention
        self._orphans_at = clock.now() + timedelta(seconds=ORPHAN_INTERVAL_S)

    async def look(self) -> int:
        """Erase what is old; returns how many executions went. Once an hour, what nobody names or uses any more.

        Raises:
            StoreError: the database cannot be used; what was erased stays erased, the rest is for the next look.
        """
        gone = 0
        for _ in range(BATCHES_MAX):
            found, erased = await self.erase_batch()
            gone += erased
            if erased < self._retention.batch or erased < found:
                break
        if gone:
            log.info("%d executions were kept long enough and are gone", gone)
        if self._clock.now() >= self._orphans_at:
            self._orphans_at = self._clock.now() + timedelta(seconds=ORPHAN_INTERVAL_S)
            await self.remove_orphans()
            await forget_literals(self._store)
            await forget_limits(self._store)
        return gone

    async def erase_batch(self) -> tuple[int, int]:
        """Erase one batch of old executions and their files; returns how many were found and how many went."""
        retention = self._retention
        found = await self._store.read(partial(expired, retention=retention))
        erased: list[Erased] = []
        for execution_id in found:
            one = await self._store.transact(partial(erase_expired, execution_id=execution_id, retention=retention))
            if one is None:
                break  # another worker is at it, or somebody has just added a letter: look anew next time
            erased.append(one)
        await remove_files(self._store, self._outputs, erased=erased)
        return len(found), len(erased)

    async def remove_orphans(self) -> int:
        """Remove files that nobody names and nobody is about to name; returns how many."""
        put_before = self._clock.now() - timedelta(seconds=ORPHAN_AGE_S)
        removed, after = 0, ""
        while page := await self._outputs.old(put_before=put_before, after=after, limit=PAGE):
            after = page[-1]
            for path in await unused(self._store, page):
                removed += await self._outputs.remove(path, put_before=put_before)
        if removed:
            log.info("%d files that no execution names any more are gone", removed)
        return removed


def expired(snapshot: Snapshot, *, retention: Retention) -> list[str]:
    """Return a batch of executions that may go."""
    bounds = retention.bounds(snapshot.now)
    if bounds is None:
        return []
    before, letters_before = bounds
    return snapshot.expired(before=before, letters_before=letters_before, limit=retention.batch)


def erase_expired(tx: Tx, *, execution_id: str, retention: Retention) -> Erased | None:
    """Erase an execution, if it is (still) there and may go; the lock first."""
    row = tx.lock(execution_id)
    if row is None or row.state is RunState.RUNNING:
        return None
    has_letter = bool(tx.dead_letters(execution_id=execution_id, limit=1))
    if not has_expired(row.ended_at, has_letter=has_letter, now=tx.now, retention=retention):
        return None
    return tx.erase(execution_id)


def has_expired(ended_at: datetime | None, *, has_letter: bool, now: datetime, retention: Retention) -> bool:
    """Whether something that ended then may go now."""
    bounds = retention.bounds(now)
    if bounds is None or ended_at is None:
        return False
    before, letters_before = bounds
    if has_letter:
        return letters_before is not None and ended_at < letters_before
    return ended_at < before


async def remove_files(store: Store, outputs: Outputs, *, erased: Sequence[Erased]) -> tuple[int, list[str]]:
    """Remove the files of erased rows, if no other row names them; returns how many went, and the paths that had to stay.

    A file that was put (again) after the last of these executions ended stays: the attempt that did so may be about to name it.
    """
    paths = list(dict.fromkeys(str(json.loads(location)["path"]) for one in erased for location in one.locations))
    ends = [one.ended_at for one in erased if one.ended_at is not None]
    if not paths or not ends:
        return 0, []
    put_before = max(ends) + timedelta(seconds=SETTLE_MARGIN_S)
    removed, left = 0, []
    for path in await unused(store, paths):
        if await outputs.remove(path, put_before=put_before):
            removed += 1
        else:
            left.append(path)
    return removed, left


async def unused(store: Store, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` that no row names, by their last part, which is the digest; reads the rows in pages."""
    wanted = {digest_of(path) for path in paths}
    after = START
    while wanted and (page := await store.read(partial(located, after=after))):
        after = page[-1][0]
        wanted -= {digest_of(str(json.loads(text)["path"])) for _, text in page}
    return [path for path in paths if digest_of(path) in wanted]


def located(snapshot: Snapshot, *, after: Place) -> list[tuple[Place, str]]:
    """Return the next page of places with a file."""
    return snapshot.locations(after=after, limit=PAGE)


def digest_of(path: str) -> str:
    """Return the last part of a path."""
    return path.replace("\\", "/").rpartition("/")[2]
