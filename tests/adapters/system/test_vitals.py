"""Measuring a real disk and a real database's clock."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.sql import database
from holdfast.adapters.sql.store import open_store
from holdfast.adapters.system.vitals import Vitals, disk_of
from holdfast.recovery.gate import GateBounds, reasons_to_wait

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.ports.clock import Clock

pytestmark = pytest.mark.anyio


class ShiftedClock:
    """The wall clock, wrong by some seconds."""

    def __init__(self, by_s: float) -> None:
        self._by = timedelta(seconds=by_s)

    def now(self) -> datetime:
        """Return the wrong time."""
        return datetime.now(UTC) + self._by

    async def sleep(self, seconds: float) -> None:
        """Never asked for."""
        raise NotImplementedError(seconds)


@pytest.mark.parametrize(
    ("by_s", "word"),
    [
        pytest.param(-5.0, "behind", id="behind"),
        pytest.param(5.0, "ahead of", id="ahead"),
        pytest.param(0.0, None, id="right"),
    ],
)
async def test_a_wrong_clock_is_seen_on_postgresql(postgres_url: str, by_s: float, word: str | None) -> None:
    """A worker whose clock is five seconds off finds out, and which way; one whose clock is right does not."""
    clock: Clock = ShiftedClock(by_s)
    engine = database.open_engine(database.parse_url(postgres_url), synchronous="full", busy_timeout_s=5, pool_size=2)
    await asyncio.to_thread(database.prepare, engine)
    store = open_store(engine, clock=clock.now, pool_size=2)

    measured = await Vitals(store, places=(), clock=clock, has_own_clock=True)()
    await store.close()

    reasons = reasons_to_wait(measured, GateBounds())
    assert [word in reason for reason in reasons if word] == [True] * bool(word)
    assert bool(reasons) is bool(word)


def test_a_disk_is_measured_where_the_files_will_be(tmp_path: Path) -> None:
    """A directory that is not made yet stands on the disk of the nearest one above it, and only what our user can fill counts."""
    disk = disk_of(tmp_path / "not" / "yet")
    there = os.statvfs(tmp_path)

    assert disk is not None
    assert disk.place == str(tmp_path / "not" / "yet")
    whole = there.f_blocks - there.f_bfree + there.f_bavail
    assert disk.free_fraction == pytest.approx(there.f_bavail / whole, abs=0.02)


async def test_a_full_disk_keeps_a_real_worker_from_claiming(tmp_path: Path) -> None:
    """With a bound that no disk meets, a worker on SQLite performs nothing, and everything can be read."""
    from holdfast import wiring
    from holdfast.settings import load
    from tests.adapters.sql.test_fate import PLAN

    settings = load(arguments={"worker.disk_free_min_fraction": 0.9, "worker.poll_interval_s": 0.01})
    hold = await wiring.open_async(f"sqlite:///{tmp_path / 'h.db'}", settings=settings)
    if (disk_of(tmp_path) or pytest.fail("no disk")).free_fraction >= 0.9:
        pytest.skip("this disk is nearly empty")

    @hold.action("pay")
    def pay() -> dict[str, object]:
        raise AssertionError("it was claimed")

    stop = asyncio.Event()
    working = asyncio.ensure_future(hold.work(stop))
    execution = await hold.start(PLAN)
    state = await hold.wait(execution, timeout_s=0.3)
    stop.set()
    await working
    attempts = await hold.read(lambda snapshot: snapshot.attempts(execution))
    await hold.close()

    assert (state.status.value, attempts) == ("running", [])
