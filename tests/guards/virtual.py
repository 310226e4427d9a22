"""A world without waiting for the tests of recovery: time passes when somebody waits, chance is what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from holdfast.guards.world import WORLD

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("monotonic", "now", "sleep", "asleep", "draw")


class VirtualWorld:
    """Replaces `WORLD`; `waits` are the pauses so far."""

    def __init__(self, *, draw: float = 0.0) -> None:
        self.at = 1000.0
        self.waits: list[float] = []
        self.chance = draw

    def monotonic(self) -> float:
        """Seconds of this world."""
        return self.at

    def now(self) -> datetime:
        """The wall clock of this world."""
        return BEGIN + timedelta(seconds=self.at)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.at += seconds

    async def asleep(self, seconds: float) -> None:
        """Let time pass, and others run."""
        self.sleep(seconds)
        await asyncio.sleep(0)

    def draw(self) -> float:
        """Chance as the test says."""
        return self.chance


@contextmanager
def virtual_world(*, draw: float = 0.0) -> Iterator[VirtualWorld]:
    """Take over the world for a while."""
    world = VirtualWorld(draw=draw)
    before = {name: getattr(WORLD, name) for name in NAMES}
    for name in NAMES:
        setattr(WORLD, name, getattr(world, name))
    try:
        yield world
    finally:
        for name, what in before.items():
            setattr(WORLD, name, what)
