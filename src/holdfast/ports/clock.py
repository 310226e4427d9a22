"""Time as a port, so that everything that waits can be run under a virtual clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Clock"]


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the present time, timezone-aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` (never negative) without blocking the event loop."""
        ...
