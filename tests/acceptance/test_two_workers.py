"""Two workers on PostgreSQL, one of them killed: the other takes over, and nothing is lost or done twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.fleet import WorkerConfig
from tests.acceptance.invariants import calls_beyond_attempts, rows, violations
from tests.acceptance.storm import SETTINGS, Chaos, World, diamond, summary

ENGINES = ["sql", pytest.param("dbos", marks=pytest.mark.long)]
STEPS = {"sql": "SqlSteps", "dbos": "DbosSteps"}
TAKEOVER_MAX_S = 35.0
PLANS = 60
FROZEN_MAX_S = 60.0
CALLS_OF_THE_DOOMED = 20


def lose_one_of_two(directory: Path, database: str, *, engine: str, settings: dict[str, object]) -> float:
    """Kill one of two workers before its twentieth call; returns after how many seconds the last of its attempts was taken over."""
    config = WorkerConfig(database=database, settings={**settings, "worker.engine": engine})
    doomed = WorkerConfig(database=database, settings=config.settings, kill_after=CALLS_OF_THE_DOOMED)
    with World(directory, database, seed=5, faults=False) as world:
        world.begin([], workers=0, config=config)  # creates the tables
        victim, other = world.fleet.launch(doomed), world.fleet.launch(config)
        victim.wait_until_up()
        other.wait_until_up()
        world.begin([diamond(world.rng, f"p{number:04}") for number in range(PLANS)], workers=0, config=config)
        assert victim.facts["steps"] == STEPS[engine]
        victim.wait_until_killed()

        result = world.storm(Chaos(), stall_max_s=TAKEOVER_MAX_S + 10)

        extra, _, beyond = calls_beyond_attempts(database, world.ledger())
        taken_over = taken_over_from(victim.name, database)
        took_s = max(taken_over, default=0.0)
        print(
            f"{engine}: {len(taken_over)} in flight at the death, taken over within {took_s:.1f} s, {extra} extra calls; {summary(world, result)}"
        )
        assert taken_over, "it died before a call that was on the ledger"
        assert violations(database) == {}, world.fleet.complaints()
        assert result.states == {"completed": PLANS}
        assert world.ledger().route("keyed").effects == PLANS * 5
        assert beyond == []
        assert extra <= len(taken_over)
    return took_s


def taken_over_from(worker: str, database: str) -> list[float]:
    """For each attempt that was taken over from a worker: the seconds since that worker had claimed it, a little more than since its death."""
    started = {
        (e, a, n): int(str(at))
        for e, a, n, at in rows(database, "select execution, action, n, started_at from attempts")
    }
    events = rows(database, "select execution, data, time from events where type = 'attempt.reclaimed'")
    told = [(execution, json.loads(str(data)), int(str(at))) for execution, data, at in events]
    return [
        (at - started[execution, data["actionId"], data["attemptNumber"]]) / 1_000_000
        for execution, data, at in told
        if data["lostWorker"] == worker
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_other_worker_takes_over(engine: str, tmp_path: Path, fresh_postgres_url: str) -> None:
    """What a killed worker had in flight is settled by the other one; every execution ends, each effect once."""
    lose_one_of_two(tmp_path, fresh_postgres_url, engine=engine, settings=SETTINGS)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["sql", "dbos"])
def test_takeover_takes_at_most_35_seconds_by_default(engine: str, tmp_path: Path, fresh_postgres_url: str) -> None:
    """With the settings as they are, a dead worker's attempts are settled by another one within 35 seconds."""
    settings: dict[str, object] = {"worker.concurrency": 8}

    took_s = lose_one_of_two(tmp_path, fresh_postgres_url, engine=engine, settings=settings)

    assert took_s <= TAKEOVER_MAX_S


@pytest.mark.long
def test_a_worker_frozen_inside_a_transaction_does_not_hold_its_execution_for_ever(
    tmp_path: Path, fresh_postgres_url: str
) -> None:
    """Whoever stops in the middle of a transaction still holds its row lock: the server ends such a transaction, and another worker goes on."""
    config = WorkerConfig(database=fresh_postgres_url, settings={**SETTINGS, "worker.engine": "sql"})
    frozen = replace(config, freeze_at="e/perform/1/settling")
    with World(tmp_path, fresh_postgres_url, seed=8, faults=False) as world:
        world.begin([], workers=0, config=config)  # creates the tables
        stopped = world.fleet.start(frozen)
        world.begin([diamond(world.rng, "p0000")], workers=0, config=config)
        stopped.wait_until_frozen()
        world.fleet.start(config)

        result = world.storm(Chaos(), stall_max_s=FROZEN_MAX_S)

        print(summary(world, result))
        assert result.states == {"completed": 1}
        assert violations(fresh_postgres_url) == {}
        assert world.ledger().route("keyed").effects == 5
