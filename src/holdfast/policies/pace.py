"""How often calls may begin: exactly so many in any window, and those who have to wait come back one after the other.

Pure. A limit of `requests` in a window has so many places. Whoever comes draws the next place, round and round; a call may begin at its place once
the call before it there is a whole window old. No window of that length can then hold two calls of one place, so it never holds more than
`requests`, wherever it begins (a counter per fixed window lets twice as many through around its edge).

The place decides; `next_at` only spreads those who have to wait, a spacing apart (the idea of GCRA, ITU-T I.371), so that each finds its place free
when it comes and nobody overtakes the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["IDLE_MAX_S", "Admission", "Pace", "admit"]

IDLE_MAX_S = 5.0
"""A place that is free for so long although a queue is said to stand there goes to whoever comes: those in the queue were cancelled, or went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """At most `requests` calls begin in any `window_s` seconds."""

    requests: int
    window_s: float

    @property
    def window(self) -> timedelta:
        """The window as a span of time."""
        return timedelta(seconds=self.window_s)

    @property
    def spacing(self) -> timedelta:
        """What lies between two calls when the limit is used evenly, rounded up: a round of them is never shorter than the window."""
        return -(-self.window // self.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a call may begin now (`due_at` is None), else when to come again; and the hint for whoever has to wait next."""

    due_at: datetime | None
    next_at: datetime | None


def admit(
    pace: Pace, *, before: datetime | None, next_at: datetime | None, now: datetime, has_waited: bool
) -> Admission:
    """Return whether one more call may begin at `now`.

    Args:
        pace: the limit.
        before: when the last call at the same place began; None when there was none.
        next_at: the hint, as it was kept.
        now: read once the limit was locked, so that nobody else's call is newer.
        has_waited: whether this call was told to come again, at this place. Whoever comes new goes behind those who were.
    """
    free_at = now if before is None else before + pace.window
    if has_waited:
        return Admission(due_at=None if free_at <= now else free_at, next_at=next_at)
    queue_end = next_at if next_at is not None and next_at > now else None
    if queue_end is not None and (now - free_at).total_seconds() >= IDLE_MAX_S:
        queue_end = None
    if free_at <= now and queue_end is None:
        return Admission(due_at=None, next_at=None)
    due_at = free_at if queue_end is None else max(free_at, queue_end)
    return Admission(due_at=due_at, next_at=due_at + pace.spacing)
