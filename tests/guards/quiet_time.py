"""A clock that stands still until a test moves it, in the place of the process's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.guards.world import WORLD

if TYPE_CHECKING:
    import pytest


@dataclass
class QuietTime:
    """Monotonic seconds; sleeping moves them on."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    async def asleep(self, seconds: float) -> None:
        """Sleep without waiting."""
        self.advance(seconds)


def quiet_time(monkeypatch: pytest.MonkeyPatch) -> QuietTime:
    """Take over the clock of all guards for one test."""
    clock = QuietTime()
    monkeypatch.setattr(WORLD, "monotonic", clock)
    monkeypatch.setattr(WORLD, "sleep", clock.advance)
    monkeypatch.setattr(WORLD, "asleep", clock.asleep)
    monkeypatch.setattr(WORLD, "draw", lambda: 0.5)
    return clock
