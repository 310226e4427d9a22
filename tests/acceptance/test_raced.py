"""People, tokens, rate limits and an executor outside, raced while workers die: the first answer wins, and nothing happens twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.invariants import calls_beyond_attempts, rows, violations
from tests.acceptance.raced import World, config_for, summary
from tests.acceptance.raced_invariants import refreshes_of, violations as raced_violations
from tests.acceptance.raced_plans import CREDENTIALS, random_plan
from tests.acceptance.storm import Chaos, Result, summary as storm_summary
from tests.leaks import leaks_below, leaks_in_postgres

SHORT = Chaos(lasts_s=10.0, pause_s=(0.4, 1.0), cancel_share=0.04)
LONG = Chaos(lasts_s=60.0, pause_s=(0.4, 2.0), cancel_share=0.03)


def weather(directory: Path, database: str, *, seed: int, plans: int, workers: int, chaos: Chaos) -> None:
    """One storm, and everything that must hold after it."""
    with World(directory, database, seed=seed) as world:
        world.begin(
            [random_plan(world.rng, f"p{index:04}") for index in range(plans)],
            workers=workers,
            config=config_for(database),
        )

        result = world.storm(chaos)

        print(f"seed {seed}: {storm_summary(world, result)}\n{summary(world.told)}")
        assert_calm(world, result)
        assert_wild(world, result, is_freezing=chaos.freezes)
    assert list(leaks_below(directory)) == []
    assert (leaks_in_postgres(database) if database.startswith("postgres") else []) == []


def assert_calm(world: World, result: Result) -> None:
    """Nothing broke."""
    assert violations(world.database) == {}, world.fleet.complaints()
    assert raced_violations(world) == []
    extra, extra_claims, beyond = calls_beyond_attempts(world.database, world.ledger())
    assert beyond == [], "a key was called more often than it was claimed"
    assert extra <= extra_claims
    if not result.freezes:
        assert extra_claims <= result.in_flight_at_kills, "more was claimed again than had been in flight at the deaths"


def assert_wild(world: World, result: Result, *, is_freezing: bool) -> None:
    """A storm shows something only if everything it is about took place."""
    told, ledger = world.told, world.ledger()
    query = "select answered_by, answer, count(*) from questions group by 1, 2"
    answered = Counter[str]()
    for by, answer, count in rows(world.database, query):
        answered[str(answer)] += int(str(count))
        answered[str(by)] += int(str(count))
    results = {one.result for one in told.receipts}
    seen = {
        "a death": result.kills,
        **({"a freeze": result.freezes} if is_freezing else {}),
        **{one: answered[one] for one in ("confirm", "reject", "happened", "give-up", "deadline")},
        "an answer that lost to another person": sum(by.startswith("asker-") for by in told.losses),
        **{f"a refresh of {name}": refreshes_of(world, ledger, name).granted - 1 for name in CREDENTIALS},
        "a credential from a person": sum(refreshes_of(world, ledger, name).used for name in CREDENTIALS),
        "a probe": ledger.route("seek").calls,
        "a call that waited for its turn": rows(
            world.database, "select count(*) from events where type = 'action.paced'"
        )[0][0],
        **{f"a report that was {one}": one in results for one in ("settled", "late", "duplicate", "recorded")},
    }
    assert [name for name, count in seen.items() if not count] == []


def test_a_raced_storm_on_sqlite_breaks_nothing(tmp_path: Path) -> None:
    """One worker on a SQLite file is killed again and again while three people answer everything at once and an executor repeats itself."""
    weather(tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", seed=5, plans=45, workers=1, chaos=SHORT)


def test_a_raced_storm_on_postgresql_breaks_nothing(tmp_path: Path, fresh_postgres_url: str) -> None:
    """The same with three workers on PostgreSQL, frozen beyond the takeover and thawed."""
    weather(tmp_path, fresh_postgres_url, seed=6, plans=45, workers=3, chaos=replace(SHORT, freezes=True))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [31, 32])
def test_a_long_raced_storm_on_sqlite_breaks_nothing(seed: int, tmp_path: Path) -> None:
    """The same for a minute."""
    weather(tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", seed=seed, plans=500, workers=1, chaos=LONG)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [41, 42])
def test_a_long_raced_storm_on_postgresql_breaks_nothing(seed: int, tmp_path: Path, fresh_postgres_url: str) -> None:
    """The same for a minute, with three workers and freezes."""
    weather(tmp_path, fresh_postgres_url, seed=seed, plans=500, workers=3, chaos=replace(LONG, freezes=True))
