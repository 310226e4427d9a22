"""Virtual time, as a test sees it: it stands still until somebody moves it."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from holdfast.testing import VirtualClock


@pytest.mark.anyio
async def test_sleepers_wake_in_order_when_time_passes() -> None:
    """Nobody wakes early, everybody wakes when due, and a cancelled sleeper disturbs no one."""
    clock = VirtualClock()
    woken: list[float] = []

    rest = clock.sleep

    async def sleeper(seconds: float) -> None:
        await rest(seconds)
        woken.append(seconds)

    tasks = [asyncio.ensure_future(sleeper(seconds)) for seconds in (3.0, 1.0, 2.0, 0.0)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    clock.advance(0.5)
    await asyncio.sleep(0)
    assert [0.0] == woken
    clock.advance(2.5)
    await asyncio.gather(*tasks, return_exceptions=True)

    assert ([0.0, 1.0, 3.0], None) == (woken, clock.next_wake_at())


def test_time_stands_still_and_never_runs_backwards() -> None:
    """Only `advance` moves it, forwards."""
    clock = VirtualClock()
    before = clock.now()

    clock.advance(1.5)

    assert 1.5 == (clock.now() - before).total_seconds()
    with pytest.raises(ValueError, match="cannot be advanced"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        VirtualClock(datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused
