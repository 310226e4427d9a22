"""Admission: how many executions may live at once. Beyond that new ones are refused, with a time that is worth coming back at.

The count is looked up rarely and kept: far from the bound once a second at most, near it more often. Several processes on one database may
exceed the bound by what they start between two looks; it protects a database, it is no quota.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from holdfast.errors import Overloaded

if TYPE_CHECKING:
    from holdfast.ports.clock import Clock
    from holdfast.ports.store import Snapshot, Store

__all__ = ["Admission", "is_stale", "retry_after_s"]

KEPT_S = 1.0
KEPT_WHEN_FULL_S = 0.2
SHARE_TRUSTED = 0.25
"""Once this process alone has used up so much of the room that it last saw, it looks again: others may have used as much."""
RATE_WINDOW_S = 60.0
RETRY_LEAST_S = 1.0
RETRY_MOST_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many executions lived when somebody looked, and how many had ended in the minute before."""

    live: int
    ended: int
    at: datetime


class Admission:
    """Counts and refuses. `most` is worker.executions_max; 0 means no bound."""

    def __init__(self, store: Store, *, clock: Clock, most: int) -> None:
        self._store = store
        self._clock = clock
        self._most = most
        self._load: Load | None = None
        self._started = 0

    async def admit(self, execution_id: str | None) -> None:
        """Let one more execution in, unless there are too many; one that exists already (`execution_id`) is always let in.

        Raises:
            Overloaded: as many live as may.
            StoreError: the database cannot be used.
        """
        if self._most == 0:
            return
        if self._load is None or is_stale(self._load, now=self._clock.now(), started=self._started, most=self._most):
            self._load, self._started = await self._store.read(self._look), 0
        if self._load.live + self._started < self._most:
            self._started += 1
            return
        if execution_id and await self._store.read(lambda snapshot: snapshot.execution(execution_id)) is not None:
            return
        live = self._load.live + self._started
        wait_s = retry_after_s(excess=live - self._most + 1, ended=self._load.ended)
        raise Overloaded(live=live, most=self._most, retry_after_s=wait_s)

    def _look(self, snapshot: Snapshot) -> Load:
        live = snapshot.count_live(most=self._most)
        since = snapshot.now - timedelta(seconds=RATE_WINDOW_S)
        # Only who is refused wants to know how fast things end.
        ended = snapshot.count_ended(since=since, most=self._most) if live >= self._most else 0
        return Load(live=live, ended=ended, at=self._clock.now())


def is_stale(load: Load, *, now: datetime, started: int, most: int) -> bool:
    """Whether to count anew: the count is old, or much of the room that it showed is used up. A clock set back makes it old."""
    room = most - load.live
    kept_s = KEPT_S if started < room else KEPT_WHEN_FULL_S
    is_old = not 0 <= (now - load.at).total_seconds() < kept_s
    return is_old or (room > 0 and started >= max(1, math.ceil(room * SHARE_TRUSTED)) and started < room)


def retry_after_s(*, excess: int, ended: int) -> float:
    """Return when `excess` more executions will have ended, at the rate of the last minute; from a second to five minutes."""
    if ended == 0:
        return RETRY_MOST_S
    return min(max(excess * RATE_WINDOW_S / ended, RETRY_LEAST_S), RETRY_MOST_S)
