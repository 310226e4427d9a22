"""Time and giving way in the simulation: coroutines stop at suspension points and say how long; nobody but the fleet goes on with them."""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["START", "VirtualClock", "suspend"]

START = datetime(2026, 1, 1, tzinfo=UTC)


@types.coroutine
def suspend(seconds: float) -> Generator[float, None, None]:
    """Give way for so many virtual seconds; 0 means: any other may go first."""
    yield seconds


@dataclass(slots=True)
class VirtualClock:
    """A clock that stands still until the fleet moves it; `elapsed_s` counts from `START`."""

    elapsed_s: float = 0.0

    def now(self) -> datetime:
        """The virtual time."""
        return START + timedelta(seconds=self.elapsed_s)

    async def sleep(self, seconds: float) -> None:
        """Give way for `seconds`."""
        await suspend(seconds)
