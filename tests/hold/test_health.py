"""Health checks while a process works: real requests on the loopback, virtual time between them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.adapters.http.transport import Httpx2Transport
from holdfast.adapters.sql.store import InlineStore
from holdfast.errors import StoreLocked
from holdfast.faults.health_checks import HealthResult
from holdfast.hold.health import HealthTerms, HealthWatch, OwnCheck
from holdfast.hold.knowing import KnownApis
from holdfast.ports.rows import ExecutionRow
from tests.adapters.clients.server import Answer, Script, Stall, serving

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
BUSY = Answer(status=503)


class Clock:
    """A clock that stands still until somebody sleeps by it."""

    def __init__(self) -> None:
        self.at = AT
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The virtual time."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Watch(HealthWatch):
    """The checks of a worker whose plans call two APIs, of which one is known."""

    def _used(self, snapshot: object) -> set[str]:
        return {"crm", "nobody"}


class World:
    """A worker's health checks of one API, which a server plays."""

    def __init__(self, store: InlineStore, clock: Clock, transport: Httpx2Transport, directory: Path) -> None:
        self.store, self.clock, self.transport, self.directory = store, clock, transport, directory

    async def watch(
        self, url: str, *, draw: float = 0.5, expected: int = 200, timeout_ms: int = 5000, **terms: object
    ) -> HealthWatch:
        """A watch over an API at an address, in use."""
        entry = {
            "apiId": "crm", "name": "CRM", "version": "1", "baseUrl": f"{url}/v1", "quirks": {"requiresUserAgent": "me/1"},
            "errorMappings": [{"status": 503, "category": "api_unexpected_status", "retryable": True}],
            "healthCheck": {"endpoint": "/health", "expectedStatus": expected, "timeout": timeout_ms},
        }  # fmt: skip
        (self.directory / "crm.json").write_text(json.dumps(entry))
        apis = await KnownApis.load(
            self.store, directory=str(self.directory), shipped=False, clock=self.clock, every_s=5
        )
        return Watch(
            store=self.store, apis=apis, plans=None, transport=self.transport, clock=self.clock, draw=lambda: draw,
            terms=HealthTerms(**terms),
        )  # fmt: skip

    async def events(self) -> list[str]:
        """What the outbox has to tell."""
        rows = await self.store.read(lambda snapshot: snapshot.outbox(after=(0, 0), types=(), limit=100))
        return [f"{row.type} {row.data['apiId']} {row.execution}".strip() for row in rows]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A store, a clock and a way to the loopback."""
    clock = Clock()
    store = InlineStore(clock.now)
    transport = Httpx2Transport(connect_timeout_s=5, pool_connections_max=4, redirects_max=3)
    yield World(store, clock, transport, tmp_path)
    await transport.close()
    await store.close()


def asked(script: Script) -> list[str]:
    """The paths that the server was asked for."""
    return [received.path for received in script.received]


async def test_an_api_in_use_is_asked_when_its_time_has_come(world: World) -> None:
    """The endpoint below the base address, as whom the API insists on, and not again before the interval is over."""
    with serving([]) as script:
        watch = await world.watch(script.url)

        first = await watch.round()
        world.clock.at += timedelta(seconds=29)
        none = await watch.round()
        world.clock.at += timedelta(seconds=2)
        again = await watch.round()

    assert [1, 0, 1] == [len(first), len(none), len(again)]
    assert ["/v1/health"] * 2 == asked(script)
    assert "me/1" == script.received[0].headers["user-agent"]


@pytest.mark.parametrize(("draw", "due_s"), [(0.0, 27.0), (1.0, 33.0)], ids=["early", "late"])
async def test_intervals_are_spread(world: World, draw: float, due_s: float) -> None:
    """Many workers on many APIs do not ask all at once."""
    with serving([]) as script:
        await (await world.watch(script.url, draw=draw)).round()

    row = await world.store.read(lambda snapshot: snapshot.health_row("crm"))
    assert AT + timedelta(seconds=due_s) == row.due_at


async def test_of_all_workers_one_asks(world: World) -> None:
    """Whoever moves the due time on makes the check."""
    with serving([]) as script:
        watches = [await world.watch(script.url) for _ in range(4)]
        found = await asyncio.gather(*(watch.round() for watch in watches))

    assert 1 == sum(map(len, found))
    assert 1 == len(script.received)


async def test_a_failed_check_is_told_once_and_its_end_too(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A failure has a verdict by the API's own rules, is kept with its beginning, and is an event of no execution."""
    with serving([BUSY, BUSY]) as script, caplog.at_level(logging.INFO, logger="holdfast.health"):
        watch = await world.watch(script.url)
        results = []
        for _ in range(4):
            results += await watch.round()
            world.clock.at += timedelta(seconds=31)

    row = await world.store.read(lambda snapshot: snapshot.health_row("crm"))
    assert [False, False, True, True] == [result.passed for result in results]
    assert "catalog:crm/error-mappings[0]" == results[0].verdict.rule
    assert ["api.health_failed crm", "api.health_recovered crm"] == await world.events()
    assert (True, AT + timedelta(seconds=62), 4) == (row.is_healthy, row.since, len(json.loads(row.results)))
    assert 2 == len(caplog.records)


async def test_another_status_than_expected_fails(world: World) -> None:
    """`expectedStatus` is the only healthy one."""
    with serving([Answer(status=204)]) as script:
        (result,) = await (await world.watch(script.url)).round()
    with serving([Answer(status=401)]) as script:
        world.clock.at += timedelta(seconds=60)
        (stranger,) = await (await world.watch(script.url, expected=401)).round()

    assert (False, True) == (result.passed, stranger.passed)


async def test_no_answer_within_the_time_fails(world: World) -> None:
    """`timeout` of the entry counts; 0 leaves it to the setting."""
    with serving([Stall(), Stall()]) as script:
        (slow,) = await (await world.watch(script.url, timeout_ms=50)).round()
        world.clock.at += timedelta(seconds=60)
        (by_setting,) = await (await world.watch(script.url, timeout_ms=0, timeout_s=0.05)).round()

    assert ("network_timeout", "network_timeout") == (slow.verdict.category, by_setting.verdict.category)


async def test_the_watch_goes_on_until_it_is_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is away and a defect in one round put checks off; the next round makes them."""
    with serving([]) as script:
        watch = await world.watch(script.url)
        stop, rounds = asyncio.Event(), 0
        real = watch.round

        async def round_() -> list[HealthResult]:
            nonlocal rounds
            rounds += 1
            if rounds == 1:
                raise StoreLocked("sqlite:///x", why="is locked")
            if rounds == 2:
                raise ZeroDivisionError
            stop.set()
            return await real()

        monkeypatch.setattr(HealthWatch, "round", lambda self: round_())
        await watch.watch(stop)

    assert 3 == rounds
    assert 1 == len(script.received)
    assert [5.0, 5.0, 5.0] == world.clock.slept
    assert {"put off", "failed"} <= {word for word in ("put off", "failed") if word in caplog.text}


async def test_the_watch_can_be_switched_off(world: World) -> None:
    """With `health.enabled = false`, nobody is asked."""
    with serving([]) as script:
        await (await world.watch(script.url, enabled=False)).watch(asyncio.Event())

    assert [] == script.received


async def test_own_checks_have_their_own_interval(world: World) -> None:
    """An integration is asked as often as it says, whether or not a plan uses it."""
    with serving([]) as script:
        watch = await world.watch(script.url)
        made: list[datetime] = []

        async def perform() -> HealthResult:
            made.append(world.clock.at)
            return HealthResult(api_id="primary", at=world.clock.at, duration_s=0)

        watch.own = {"primary": OwnCheck(interval_s=120, perform=perform)}
        for _ in range(5):
            await watch.round()
            world.clock.at += timedelta(seconds=61)

    assert [0, 122, 244] == [(one - AT).seconds for one in made]


async def test_one_can_be_asked_at_once(world: World) -> None:
    """By name, due or not; None when nothing says how to ask."""
    with serving([BUSY]) as script:
        watch = await world.watch(script.url)

        assert not (await watch.check("crm")).passed
        assert (await watch.check("crm")).passed
        assert await watch.check("nobody") is None
        assert ["crm"] == watch.checkable()


async def test_an_api_without_a_check_is_left_alone(world: World) -> None:
    """Nobody is asked who has not said what to ask."""
    with serving([]) as script:
        watch = await world.watch(script.url)
        (world.directory / "nobody.json").write_text(
            json.dumps(
                {
                    "apiId": "nobody",
                    "name": "x",
                    "version": "1",
                    "baseUrl": "https://x.example",
                    "errorMappings": [],
                    "quirks": {},
                }
            )
        )
        world.clock.at += timedelta(seconds=6)

        assert ["crm"] == [result.api_id for result in await watch.round()]
        assert "nobody" in watch.apis.catalog.ids()
        assert await watch.check("nobody") is None


async def test_apis_in_use_are_those_of_running_plans(world: World) -> None:
    """What ended executions called is asked no more."""
    with serving([]) as script:
        watch = await world.watch(script.url)

    class Snapshot:
        def executions(self, *, state: str, limit: int) -> list[ExecutionRow]:
            assert ("running", 500) == (state, limit)
            return [type("Row", (), {"document": digest})() for digest in ("a", "a", "b")]

    class Plans:
        def get(self, snapshot: object, digest: str) -> object:
            entry = type("Entry", (), {"api_id": digest})()
            action = type("Action", (), {"entry": entry if digest == "a" else None})()
            return type("Plan", (), {"actions": {"x": action}})()

    watch.plans = Plans()

    assert {"a"} == HealthWatch._used(watch, Snapshot())
