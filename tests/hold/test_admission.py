"""How many executions may live at once, and what those are told who come too many."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from holdfast import wiring
from holdfast.errors import Overloaded
from holdfast.hold.admission import retry_after_s
from holdfast.settings import load
from tests.adapters.sql.test_fate import PLAN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from holdfast.hold import AsyncHold

pytestmark = pytest.mark.anyio
MOST = 5


@pytest.fixture
async def hold(tmp_path: Path) -> AsyncIterator[AsyncHold]:
    """A deployment that lets five executions live."""
    settings = load(arguments={"worker.executions_max": MOST})
    hold = await wiring.open_async(f"sqlite:///{tmp_path / 'h.db'}", settings=settings)

    @hold.action("pay")
    def pay() -> dict[str, object]:
        return {}

    yield hold
    await hold.close()


async def test_beyond_the_bound_new_ones_are_refused(hold: AsyncHold) -> None:
    """The sixth is refused with a time to come back at, and nothing of it is kept; what lives goes on living."""
    for _ in range(MOST):
        await hold.start(PLAN)

    with pytest.raises(Overloaded) as refused:
        await hold.start(PLAN)

    assert (refused.value.live, refused.value.most) == (MOST, MOST)
    assert 1 <= refused.value.retry_after_s <= 300
    assert len(await hold.executions(state="running")) == MOST


async def test_the_same_id_again_is_let_in(hold: AsyncHold) -> None:
    """Whoever repeats a start whose answer was lost is not refused; a new id is."""
    ids = [str(uuid.uuid4()) for _ in range(MOST)]
    for one in ids:
        await hold.start(PLAN, id=one)

    assert await hold.start(PLAN, id=ids[0]) == ids[0]
    with pytest.raises(Overloaded):
        await hold.start(PLAN, id=str(uuid.uuid4()))


async def test_room_is_found_again(hold: AsyncHold) -> None:
    """Once something has ended there is room, without a restart."""
    ids = [await hold.start(PLAN) for _ in range(MOST)]
    with pytest.raises(Overloaded):
        await hold.start(PLAN)

    await hold.cancel(ids[0])
    hold._parts.admission._load = None  # as after the fifth of a second for which a count is kept when it is full
    again = await hold.start(PLAN)

    assert again not in ids


@pytest.mark.parametrize(
    ("excess", "ended", "wait_s"),
    [
        pytest.param(1, 0, 300.0, id="nothing-ends"),
        pytest.param(1, 600, 1.0, id="at-least-a-second"),
        pytest.param(10, 60, 10.0, id="at-the-rate-of-the-last-minute"),
        pytest.param(1000, 1, 300.0, id="at-most-five-minutes"),
    ],
)
def test_when_to_come_back(excess: int, ended: int, wait_s: float) -> None:
    """So long as the excess takes to end at the rate of the last minute, from a second to five minutes."""
    assert wait_s == retry_after_s(excess=excess, ended=ended)
