"""Time that passes only when somebody says so: the `Clock` port for tests and simulations, without any real waiting.

It knows no event loop policy and no threads: one loop, one clock.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

__all__ = ["VirtualClock"]

START = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)


class VirtualClock:
    """A clock that stands still until it is advanced.

    `start` is the first value of `now()`, timezone-aware (default 2026-01-15 09:00 UTC). Not thread-safe: use it on one event loop.

    Raises:
        ValueError: `start` has no time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("a virtual clock needs a start with a time zone")
        self._now = start.astimezone(UTC)
        self._order = count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the present virtual time, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by `seconds`; 0 or less only lets others run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass and wake whoever has slept long enough, in the order of their due times; they run when the loop next does.

        Raises:
            ValueError: `seconds` is negative: time does not run backwards.
        """
        if seconds < 0:
            raise ValueError(f"a clock cannot be advanced by {seconds} s")
        self._now += timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():  # a sleeper that was cancelled meanwhile
                woken.set_result(None)

    def next_wake_at(self) -> datetime | None:
        """Return when the next sleeper is due; None when nobody sleeps."""
        return min((due for due, _, woken in self._sleepers if not woken.done()), default=None)
