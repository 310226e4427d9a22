"""Many random plans, workers that die, freeze and come back, an API that fails: no invariant breaks, and every side effect happens once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.fleet import WorkerConfig
from tests.acceptance.invariants import calls_beyond_attempts, violations
from tests.acceptance.storm import SETTINGS, Chaos, Result, World, diamond, random_plan, summary

SHORT = Chaos(lasts_s=10.0, pause_s=(0.4, 1.0), cancel_share=0.1)
LONG = Chaos(lasts_s=90.0, pause_s=(0.3, 2.0), cancel_share=0.05)
STEPS = {"sql": "SqlSteps", "dbos": "DbosSteps"}
ENGINES = ["sql", pytest.param("dbos", marks=pytest.mark.long)]


def weather(
    directory: Path, database: str, *, seed: int, plans: int, workers: int, chaos: Chaos, engine: str = "sql"
) -> None:
    """One storm, and everything that must hold after it."""
    config = WorkerConfig(database=database, settings={**SETTINGS, "worker.engine": engine})
    with World(directory, database, seed=seed) as world:
        world.begin([random_plan(world.rng, f"p{index:04}") for index in range(plans)], workers=workers, config=config)
        assert {worker.facts["steps"] for worker in world.fleet.started} == {STEPS[engine]}

        result = world.storm(chaos)

        print(f"seed {seed}: {summary(world, result)}")
        assert_calm(world, result)


def assert_calm(world: World, result: Result) -> None:
    """Nothing broke."""
    ledger = world.ledger()
    extra, extra_claims, beyond = calls_beyond_attempts(world.database, ledger)

    assert violations(world.database) == {}, world.fleet.complaints()
    assert list(ledger.violations) == []
    assert {
        name: count
        for route in ledger.routes.values()
        for name, count in route.effects_by_business_id.items()
        if count > 1
    } == {}
    assert beyond == [], "a key was called more often than it was claimed"
    assert extra <= extra_claims
    if not result.freezes:
        assert extra_claims <= result.in_flight_at_kills, "more was claimed again than had been in flight at the deaths"
    assert result.kills, "a storm without a death shows nothing"


def test_a_storm_on_sqlite_breaks_nothing(tmp_path: Path) -> None:
    """One worker on a SQLite file, killed again and again: every plan ends once, and its ledger has neither gaps nor doubles."""
    weather(tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", seed=1, plans=220, workers=1, chaos=SHORT)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_storm_on_postgresql_breaks_nothing(engine: str, tmp_path: Path, fresh_postgres_url: str) -> None:
    """Three workers on PostgreSQL, killed, frozen beyond the takeover and thawed: late settles lose, and nothing happens twice."""
    weather(
        tmp_path, fresh_postgres_url, seed=2, plans=200, workers=3, chaos=replace(SHORT, freezes=True), engine=engine
    )


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [11, 12])
def test_a_long_storm_on_sqlite_breaks_nothing(seed: int, tmp_path: Path) -> None:
    """The same for a minute and a half and hundreds of plans."""
    weather(tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", seed=seed, plans=2500, workers=1, chaos=LONG)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ["sql", "dbos"])
@pytest.mark.parametrize("seed", [21, 22])
def test_a_long_storm_on_postgresql_breaks_nothing(
    seed: int, engine: str, tmp_path: Path, fresh_postgres_url: str
) -> None:
    """The same with three workers, and with freezes."""
    weather(
        tmp_path, fresh_postgres_url, seed=seed, plans=2500, workers=3, chaos=replace(LONG, freezes=True), engine=engine
    )


def test_every_step_delivered_twice_at_once_changes_nothing(tmp_path: Path) -> None:
    """At least once is all that an engine promises: two performers of one attempt make two calls with one key, and one settle."""
    database = f"sqlite:///{tmp_path / 'holdfast.db'}"
    config = WorkerConfig(database=database, settings=SETTINGS, deliver_twice=True)
    with World(tmp_path, database, seed=3, faults=False) as world:
        world.begin([diamond(world.rng, f"p{index:04}") for index in range(20)], workers=1, config=config)

        result = world.storm(Chaos())

        print(summary(world, result))
        assert violations(world.database) == {}, world.fleet.complaints()
        assert world.ledger().route("keyed").effects == 100
        assert result.states == {"completed": 20}
