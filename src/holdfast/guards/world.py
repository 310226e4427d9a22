"""Time and chance as guards see them: one object, so that tests can take it over while policies are in use.

Everything that waits, measures or draws goes through `WORLD`. It is the only state of this room that belongs to the process and not to a policy;
`holdfast.testing` swaps what it does, and puts it back.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

__all__ = ["WORLD", "World"]


async def _asleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - costs 30 ms, which a program without an event loop need not pay

    await asyncio.sleep(seconds)


def _wait(event: threading.Event, seconds: float) -> bool:
    return event.wait(min(seconds, threading.TIMEOUT_MAX))


def _now() -> datetime:
    return datetime.now(UTC)


class World:
    """What a guard asks of the world.

    `monotonic()` never goes back and is in seconds; all periods are measured by it, so that a corrected wall clock changes nothing. `now()` is
    the wall clock in UTC, for people and for dates that servers state. `sleep` blocks the thread, `asleep` the task, and `wait` the
    thread until an event is set, at most so many seconds (it returns whether it was set). `draw()` is uniform in [0, 1).
    `attempts_max` caps the attempts of every policy, for tests; None: no cap.
    """

    __slots__ = ("asleep", "attempts_max", "draw", "monotonic", "now", "sleep", "wait")

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
        asleep: Callable[[float], Awaitable[None]] = _asleep,
        draw: Callable[[], float] = random.random,
        wait: Callable[[threading.Event, float], bool] = _wait,
        attempts_max: int | None = None,
    ) -> None:
        self.monotonic = monotonic
        self.now = now
        self.sleep = sleep
        self.asleep = asleep
        self.draw = draw
        self.wait = wait
        self.attempts_max = attempts_max


WORLD = World()
"""The world of this process. Guards read its attributes at each use; nothing but tests replaces them."""
