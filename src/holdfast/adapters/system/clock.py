"""The process's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

__all__ = ["SystemClock"]


class SystemClock:
    """The `Clock` port: wall time in UTC, and real waiting."""

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
