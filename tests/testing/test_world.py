"""The controlled world: no test of a policy waits, and each comes out the same."""

from __future__ import annotations

import asyncio

import pytest

import holdfast
from holdfast.errors import Exhausted
from holdfast.guards.correlating import correlator
from holdfast.guards.world import WORLD
from holdfast.testing import ControlledWorld, controlled_world
from tests.faults.correlation.faults_seen import seen

FIXED = holdfast.Retry(attempts_max=3, initial_delay_s=10, jitter=holdfast.Jitter.NONE)


def refused() -> None:
    """Nobody listens."""
    raise ConnectionRefusedError


async def refused_async() -> None:
    """Nobody listens, on a loop."""
    raise ConnectionRefusedError


def test_waits_make_virtual_time_pass() -> None:
    """A policy that waits half a minute is tested in no time, and the clock says half a minute."""
    with controlled_world() as world:
        with pytest.raises(Exhausted):
            holdfast.policy("a", retry=FIXED).call(refused)

        assert [10, 20] == world.slept
        assert 30 == world.elapsed_s


def test_the_same_on_an_event_loop() -> None:
    """Coroutines wait in the same virtual time."""
    with controlled_world() as world:
        with pytest.raises(Exhausted):
            asyncio.run(holdfast.policy("a", retry=FIXED).call(refused_async))

        assert [10, 20] == world.slept
        assert 30 == world.elapsed_s


def test_sleepers_wake_in_the_order_of_their_time() -> None:
    """Whoever sleeps shorter wakes first, whoever began first."""
    order: list[str] = []

    async def main() -> None:
        async def one(name: str, seconds: float) -> None:
            await WORLD.asleep(seconds)
            order.append(f"{name}@{WORLD.monotonic() - 1000:g}")

        await asyncio.gather(one("long", 60), one("short", 1), one("middle", 5))

    with controlled_world():
        asyncio.run(main())

    assert ["short@1", "middle@5", "long@60"] == order


def test_without_waits_no_time_passes() -> None:
    """Waits are listed all the same."""
    with controlled_world(waits=False) as world:
        with pytest.raises(Exhausted):
            holdfast.policy("a", retry=FIXED).call(refused)
        with pytest.raises(Exhausted):
            asyncio.run(holdfast.policy("a", retry=FIXED).call(refused_async))

        assert [10, 20, 10, 20] == world.slept
        assert 0 == world.elapsed_s


def test_attempts_are_capped() -> None:
    """A cap for tests holds over what the policy says, and never raises it."""
    with controlled_world(attempts_max=2) as world, pytest.raises(Exhausted) as stopped:
        holdfast.policy("a", retry=FIXED).call(refused)

    assert 2 == len(stopped.value.attempts)
    assert [10] == world.slept


def test_the_same_seed_gives_the_same_jitter() -> None:
    """A test with jitter comes out the same each time."""

    def waits(seed: int) -> list[float]:
        with controlled_world(seed=seed) as world, pytest.raises(Exhausted):
            holdfast.policy("a", retry=holdfast.Retry(attempts_max=5)).call(refused)
        return world.slept

    assert waits(3) == waits(3)
    assert waits(3) != waits(4)


def test_everything_is_put_back() -> None:
    """After the test, policies live in the real world again, even if it failed."""
    before = {name: getattr(WORLD, name) for name in WORLD.__slots__}

    with pytest.raises(ZeroDivisionError), controlled_world(attempts_max=1):
        raise ZeroDivisionError

    assert before == {name: getattr(WORLD, name) for name in WORLD.__slots__}


def test_faults_of_a_world_stay_in_it() -> None:
    """What fails under a controlled world is no incident of the program, and what failed before is none of the test's."""
    correlator.record(seen())

    with controlled_world():
        inside = correlator.totals().total
        correlator.record(seen())

    assert (inside, correlator.totals().total) == (0, 0)


def test_time_does_not_run_backwards() -> None:
    """A negative step is a mistake in the test."""
    with controlled_world() as world, pytest.raises(ValueError, match="-1"):
        world.advance(-1)


def test_the_fixture_is_there_by_itself(pytestconfig: pytest.Config) -> None:
    """pytest finds the fixtures once the distribution is installed."""
    from importlib.metadata import entry_points

    found = {point.name: point.value for point in entry_points(group="pytest11")}

    if "holdfast" not in found:
        pytest.skip("the distribution is not installed here, only its sources are on the path")
    assert "holdfast.testing.pytest_plugin" == found["holdfast"]
    assert pytestconfig.pluginmanager.hasplugin("holdfast")


@pytest.mark.parametrize(("fixture", "elapsed_s"), [("holdfast_world", 30), ("holdfast_no_wait", 0)])
def test_the_fixtures_take_over_the_world(fixture: str, elapsed_s: float) -> None:
    """A test that names a fixture never waits."""
    from holdfast.testing import pytest_plugin

    steps = getattr(pytest_plugin, fixture).__wrapped__()
    world = next(steps)
    with pytest.raises(Exhausted):
        holdfast.policy("a", retry=FIXED).call(refused)

    assert isinstance(world, ControlledWorld)
    assert elapsed_s == world.elapsed_s
    assert [] == list(steps)
