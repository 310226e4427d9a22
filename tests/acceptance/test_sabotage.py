"""The suite is worth something only if it notices: each sabotage of the protocol breaks invariants that the storm looks at."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from holdfast.adapters.sql.database import open_engine, parse_url
from tests.acceptance.fleet import WorkerConfig
from tests.acceptance.invariants import violations
from tests.acceptance.storm import SETTINGS, Chaos, World, diamond, summary

STALL_MAX_S = 2.0
PLANS = 30


def found_after(
    directory: Path,
    database: str,
    *,
    sabotages: tuple[str, ...],
    workers: int = 1,
    deliver_twice: bool = False,
    index: bool = True,
) -> dict[str, int]:
    """Run diamonds without any other trouble under sabotage, and return what broke."""
    config = WorkerConfig(
        database=database,
        settings={**SETTINGS, "worker.engine": "sql"},
        sabotages=sabotages,
        deliver_twice=deliver_twice,
    )
    with World(directory, database, seed=4, faults=False) as world:
        world.begin([], workers=0, config=config)  # creates the tables
        if not index:
            drop_terminal_index(database)
        world.begin([diamond(world.rng, f"p{number:04}") for number in range(PLANS)], workers=workers, config=config)
        result = world.storm(Chaos(), stall_max_s=STALL_MAX_S)
        found = violations(database)
        print(f"{sabotages}: {found}; {summary(world, result)}")
    return found


def drop_terminal_index(database: str) -> None:
    """Take away the belt: the unique index on terminal events."""
    engine = open_engine(parse_url(database), synchronous="full", busy_timeout_s=30, pool_size=1)
    with engine.connect().execution_options(holdfast_writes=True) as connection, connection.begin():
        connection.execute(sa.text("DROP INDEX one_terminal_event"))
    engine.dispose()


def test_reading_before_locking_is_caught_on_postgresql(tmp_path: Path, fresh_postgres_url: str) -> None:
    """Two settles that read before they lock each miss the other: the action after both is never scheduled."""
    found = found_after(tmp_path, fresh_postgres_url, sabotages=("read-before-locking",), workers=2)

    assert found.get("stuck", 0) > 0


def test_reading_before_locking_is_caught_on_sqlite(tmp_path: Path) -> None:
    """The same on SQLite, once several connections write: the file's lock alone does not help who has read before taking it."""
    found = found_after(
        tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", sabotages=("read-before-locking", "drop-the-single-writer")
    )

    assert found.get("stuck", 0) > 0


def test_several_writers_that_lock_first_are_fine_on_sqlite(tmp_path: Path) -> None:
    """It is the order that matters: without the single writer, but locking first, nothing breaks."""
    assert found_after(tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", sabotages=("drop-the-single-writer",)) == {}


def test_late_settles_that_win_are_caught(tmp_path: Path) -> None:
    """Where the last settle wins instead of the first, and no index forbids it, executions end twice."""
    database = f"sqlite:///{tmp_path / 'holdfast.db'}"

    found = found_after(tmp_path, database, sabotages=("let-every-settle-win",), deliver_twice=True, index=False)

    assert found.get("several terminal events", 0) > 0
    assert found.get("completed twice", 0) > 0


def test_the_index_alone_forbids_a_second_terminal_event(tmp_path: Path) -> None:
    """The belt to the braces: with the guard gone, the unique index still keeps an execution from ending twice."""
    database = f"sqlite:///{tmp_path / 'holdfast.db'}"

    found = found_after(tmp_path, database, sabotages=("let-every-settle-win",), deliver_twice=True)

    assert "several terminal events" not in found
    assert found.get("completed twice", 0) > 0
