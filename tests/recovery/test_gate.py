"""When a worker takes no new work, and when it goes on."""

from __future__ import annotations

import asyncio
import logging

import pytest

from holdfast.errors import StoreUnreachable
from holdfast.recovery.gate import Disk, Gate, GateBounds, Measured, Skew, reasons_to_wait, skew_of

pytestmark = pytest.mark.anyio
BOUNDS = GateBounds(disk_free_min_fraction=0.05, clock_skew_max_s=2.0, interval_s=0.001)
FULL = Measured(disks=(Disk(place="data", free_fraction=0.049),))
ROOM = Measured(disks=(Disk(place="data", free_fraction=0.05),))


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        pytest.param(Measured(), [], id="nothing-to-measure"),
        pytest.param(ROOM, [], id="just-enough-room"),
        pytest.param(FULL, ["data has 4.9% free"], id="too-little-room"),
        pytest.param(Measured(skew=Skew(ahead_s=2.0, uncertain_s=0.0)), [], id="clock-just-right"),
        pytest.param(Measured(skew=Skew(ahead_s=2.1, uncertain_s=0.0)), ["2.1 s behind"], id="clock-behind"),
        pytest.param(Measured(skew=Skew(ahead_s=-2.1, uncertain_s=0.0)), ["2.1 s ahead of"], id="clock-ahead"),
        pytest.param(Measured(skew=Skew(ahead_s=2.5, uncertain_s=0.6)), [], id="slow-network"),
        pytest.param(
            Measured(disks=FULL.disks, skew=Skew(ahead_s=9.0, uncertain_s=0.1)), ["free", "behind"], id="both"
        ),
    ],
)
def test_what_keeps_a_worker_from_claiming(measured: Measured, words: list[str]) -> None:
    """A disk below its part, or a clock that is certainly further off than allowed; each reason says what to do."""
    reasons = reasons_to_wait(measured, BOUNDS)

    assert len(words) == len(reasons)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


def test_half_the_round_trip_is_uncertain() -> None:
    """The database's time was read somewhere between question and answer."""
    assert skew_of(100.0, 107.0, 104.0) == Skew(ahead_s=5.0, uncertain_s=2.0)


async def test_says_once_that_it_shuts_and_once_that_it_opens(caplog: pytest.LogCaptureFixture) -> None:
    """However often it looks, a worker says once that it takes no work, and once that it does again."""
    found = [FULL, FULL, FULL, ROOM, ROOM]

    async def measure() -> Measured:
        return found.pop(0)

    gate = Gate(measure, BOUNDS)
    seen: list[bool] = []
    with caplog.at_level(logging.INFO, logger="holdfast.worker"):
        for _ in range(5):
            await gate.look()
            seen.append(gate.is_open())

    assert seen == [False, False, False, True, True]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_a_database_that_is_away_changes_nothing() -> None:
    """When it cannot be measured, what was found last stands."""
    away = False

    async def measure() -> Measured:
        if away:
            raise StoreUnreachable("postgresql://x", "gone")
        return FULL

    gate = Gate(measure, BOUNDS)
    await gate.look()
    away = True
    await gate.look()

    assert not gate.is_open()


async def test_keeps_looking_until_told_to_stop() -> None:
    """The gate opens by itself once there is room, and its watch ends with the worker."""
    looks = 0
    stop = asyncio.Event()

    async def measure() -> Measured:
        nonlocal looks
        looks += 1
        if looks == 3:
            stop.set()
        return ROOM if looks == 3 else FULL

    gate = Gate(measure, BOUNDS)
    await gate.watch(stop)

    assert (looks, gate.is_open()) == (3, True)
