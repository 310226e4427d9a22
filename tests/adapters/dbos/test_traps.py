"""The traps of DBOS 3.4 that this adapter stands over, one test each; a new minor version of DBOS must pass them before it is allowed."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from holdfast.errors import BadInput, MissingExtra, StoreError, StoreLocked
from tests.conformance.steps.engines import Bench, Tempo, a_step, open_bench
from tests.conformance.steps.performer import Performer, eventually, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from holdfast.ports.store import Tx

pytestmark = pytest.mark.anyio

HOUR_S = 3600


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """DBOS on a SQLite file."""
    bench = await asyncio.to_thread(open_bench, "dbos-sqlite", f"sqlite:///{tmp_path / 'steps.db'}")
    yield bench
    await bench.store.close()


async def rows(bench: Bench, statement: str) -> list[tuple[object, ...]]:
    """Ask the database behind the engine's back."""
    return await bench.store.read(
        lambda snapshot: [tuple(row) for row in snapshot.connection.execute(sa.text(statement))]
    )  # type: ignore[attr-defined]  # our SQL snapshot


async def change(bench: Bench, statement: str) -> None:
    """Change the database behind the engine's back."""
    await bench.store.transact(lambda tx: tx.connection.execute(sa.text(statement)) and None)  # type: ignore[attr-defined]  # our SQL transaction


def has(bench: Bench, statement: str, expected: object) -> Callable[[], bool]:
    """Build the question whether a statement returns one expected value."""
    engine = bench.store.engine  # type: ignore[attr-defined]  # our SQL store

    def ask() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text(statement)) == expected)

    return ask


async def test_a_second_configuration_is_refused_rather_than_ignored(bench: Bench, tmp_path: Path) -> None:
    """Where the program uses DBOS itself, our worker refuses to start in the same process, and leaves the other alone."""
    from dbos import DBOS

    theirs = DBOS(
        config={"name": "theirs", "system_database_url": f"sqlite:///{tmp_path / 'theirs.db'}", "executor_id": "theirs"}
    )
    try:
        with pytest.raises(BadInput, match="already runs DBOS"):
            await bench.open("ours", Tempo()).run(Performer(), asyncio.Event())

        assert DBOS.executor_id == "theirs"
        assert DBOS(config={"name": "again"}) is theirs
        assert await rows(bench, "SELECT id FROM workers") == []
    finally:
        DBOS.destroy()


async def test_no_worker_bears_the_default_executor_id(bench: Bench) -> None:
    """Every run claims under a name of its own, so no launch takes over what another is doing."""
    steps, names = bench.open("host-1", Tempo()), set()
    for key in ("one", "two"):
        performer = Performer(is_open=False)
        await bench.enqueue(steps, a_step(key))
        async with running(steps, performer):
            await performer.until(lambda p: p.at_once == 1)
            names |= set(await rows(bench, "SELECT executor_id FROM workflow_status WHERE status = 'PENDING'"))

    assert len(names) == 2
    assert all(str(name).startswith("host-1/") for (name,) in names)


async def test_orphans_come_back_on_our_queue_before_the_launch(bench: Bench) -> None:
    """What a dead worker of a SQLite file held is put back on our queue at once, not through DBOS's own queue a second later."""
    steps = bench.open("a", Tempo())
    await bench.enqueue(steps, a_step("orphan"))
    await change(bench, "UPDATE workflow_status SET status = 'PENDING', executor_id = 'dead/1'")

    await asyncio.to_thread(steps._fleet.sign_on, "a/1")  # type: ignore[attr-defined]  # the moment before the launch

    found = await rows(bench, "SELECT status, queue_name FROM workflow_status")
    assert found == [("ENQUEUED", "holdfast.steps")]


async def test_the_queue_always_has_its_bounds(bench: Bench) -> None:
    """The queue is registered with a bound per worker and a polling interval, so it never claims a whole backlog."""
    async with running(bench.open("a", Tempo(concurrency=3, poll_interval_s=0.05)), Performer()):
        await eventually(has(bench, "SELECT count(*) FROM queues", 1))
        found = await rows(bench, "SELECT name, worker_concurrency, polling_interval_sec FROM queues")

    assert found == [("holdfast.steps", 3, 0.05)]


async def test_what_is_stored_is_json_never_pickle(bench: Bench) -> None:
    """Whoever can write to the database cannot make a worker run code."""
    await bench.enqueue(bench.open("a", Tempo()), a_step("plain"))

    [(inputs, serialization)] = await rows(
        bench,
        "SELECT i.inputs, s.serialization FROM workflow_status s JOIN workflow_input i ON i.workflow_uuid = s.workflow_uuid",
    )

    assert serialization == "portable_json"
    assert json.loads(str(inputs))["positionalArgs"][2]["key"] == "plain"


async def test_recoveries_never_dead_letter_a_step(bench: Bench) -> None:
    """A step that lived through a thousand restarts is still performed: our ledger counts attempts, DBOS's counter does not."""
    steps, performer = bench.open("a", Tempo()), Performer()
    await bench.enqueue(steps, a_step("old"))
    await change(bench, "UPDATE workflow_status SET recovery_attempts = 1000")

    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["old"])

    assert performer.begun == ["old"]


async def test_work_of_another_contract_version_is_left_alone(bench: Bench) -> None:
    """A worker neither performs nor takes over steps whose workflow has another contract, and says that it holds them."""
    steps, performer = bench.open("a", Tempo()), Performer()
    await bench.enqueue(steps, a_step("theirs"), a_step("dead"))
    await change(bench, "UPDATE workflow_status SET application_version = '0'")
    await change(
        bench, "UPDATE workflow_status SET status = 'PENDING', executor_id = 'gone' WHERE workflow_uuid = 'dead'"
    )

    await bench.enqueue(steps, a_step("ours"))
    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["ours"])

    assert performer.begun == ["ours"]
    assert await rows(bench, "SELECT status FROM workflow_status WHERE workflow_uuid = 'dead'") == [("PENDING",)]
    assert await steps.missing(["theirs", "dead"]) == set()


async def test_stopping_leaves_no_thread_behind(bench: Bench) -> None:
    """After a stop nothing of DBOS runs in the process any more."""
    before = {thread.ident for thread in threading.enumerate()}
    performer = Performer()
    steps = bench.open("a", Tempo())
    await bench.enqueue(steps, a_step("one"))

    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["one"])

    left = [thread.name for thread in threading.enumerate() if thread.ident not in before]
    assert [name for name in left if not name.startswith(("asyncio", "holdfast-read", "dbos-executor"))] == []


async def test_dbos_writes_nothing_to_the_console(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody reads about queues and executors who did not ask; our own log says what matters."""
    performer = Performer()
    steps = bench.open("a", Tempo())
    await bench.enqueue(steps, a_step("one"))

    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["one"])

    assert tuple(capfd.readouterr()) == ("", "")
    assert all(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("dbos").handlers)


async def test_ended_workflows_do_not_pile_up(bench: Bench) -> None:
    """What has ended is deleted after its retention, with its arguments; what still waits is not."""
    steps, performer = bench.open("a", Tempo(retention_s=0.1)), Performer()
    await bench.enqueue(steps, *(a_step(f"step-{number}") for number in range(20)))
    from datetime import UTC, datetime, timedelta

    await bench.enqueue(steps, a_step("waits", due_at=datetime.now(UTC) + timedelta(hours=1)))
    async with running(steps, performer):
        await performer.until(lambda p: len(p.ended) == 20)
        await eventually(has(bench, "SELECT count(*) FROM workflow_status", 1))

    assert await rows(bench, "SELECT workflow_uuid FROM workflow_input") == [("waits",)]


async def test_a_step_that_was_claimed_but_never_started_comes_back(bench: Bench) -> None:
    """DBOS may claim a batch and fail to start it; the worker notices that nobody performs what it holds, and gives it back."""
    steps, performer = bench.open("a", Tempo()), Performer()
    async with running(steps, performer):
        await eventually(has(bench, "SELECT count(*) FROM queues", 1))
        [(me,)] = await rows(bench, "SELECT id FROM workers")

        def claim_without_starting(tx: Tx) -> None:
            steps.enqueue(tx, [a_step("stranded")])
            tx.connection.execute(
                sa.text("UPDATE workflow_status SET status = 'PENDING', executor_id = :me"), {"me": me}
            )  # type: ignore[attr-defined]  # SQL

        await bench.store.transact(claim_without_starting)
        await performer.until(lambda p: p.ended == ["stranded"])

    assert performer.begun == ["stranded"]


async def test_work_of_an_executor_that_nobody_knows_is_taken_over(bench: Bench) -> None:
    """Whatever is pending under a worker that is not signed on is taken over, however that came about."""
    steps, performer = bench.open("a", Tempo()), Performer()
    async with running(steps, performer):
        await eventually(has(bench, "SELECT count(*) FROM queues", 1))

        def lose(tx: Tx) -> None:
            steps.enqueue(tx, [a_step("lost")])
            tx.connection.execute(sa.text("UPDATE workflow_status SET status = 'PENDING', executor_id = 'unheard of'"))  # type: ignore[attr-defined]  # SQL

        await bench.store.transact(lose)
        await performer.until(lambda p: p.ended == ["lost"])

    assert performer.begun == ["lost"]


async def test_a_step_survives_a_database_that_fails_while_it_is_handed_back(bench: Bench) -> None:
    """When the performer raised and the database is away too, the step waits for the database and then comes again."""
    steps, performer = bench.open("a", Tempo()), Performer(failures=1)
    await bench.enqueue(steps, a_step("unlucky"))
    transact, failures = bench.store.transact, [StoreLocked("url", "busy"), StoreError("url", "gone")]

    async def fail_twice(work: object) -> object:
        if failures and performer.failed:
            raise failures.pop()
        return await transact(work)  # type: ignore[arg-type]  # passed on as it came

    bench.store.transact = fail_twice  # type: ignore[method-assign, assignment]  # a store with a bad minute
    async with running(steps, performer):
        await performer.until(lambda p: p.ended == ["unlucky"])

    assert failures == []
    assert performer.begun == ["unlucky"] * 2


async def test_a_stop_while_the_database_is_away_loses_nothing(bench: Bench) -> None:
    """A step that could not be handed back before the stop is pending, not ended, and the next worker performs it."""
    steps, performer, later = bench.open("a", Tempo()), Performer(failures=1), Performer()
    await bench.enqueue(steps, a_step("unlucky"))
    transact = bench.store.transact

    async def fail(work: object) -> object:
        raise StoreError("url", "gone")

    async with running(steps, performer) as stop:
        bench.store.transact = fail  # type: ignore[method-assign, assignment]  # gone from now on
        await performer.until(lambda p: p.failed == ["unlucky"])
        stop.set()
    bench.store.transact = transact  # type: ignore[method-assign]  # back again
    held = await steps.missing(["unlucky"])
    async with running(bench.open("b", Tempo()), later):
        await later.until(lambda p: p.ended == ["unlucky"])

    assert held == set()


async def test_a_step_that_fails_again_and_again_keeps_one_trace(bench: Bench) -> None:
    """Each delivery has a workflow of its own, the step one note of the newest, which goes when it succeeds."""
    steps, performer = bench.open("a", Tempo()), Performer(failures=2)
    await bench.enqueue(steps, a_step("stubborn"))

    async with running(steps, performer):
        await performer.until(lambda p: len(p.failed) == 2)
        await eventually(has(bench, "SELECT claims FROM steps", 3))
        held = await steps.missing(["stubborn"])
        await performer.until(lambda p: p.ended == ["stubborn"])

    assert held == set()
    assert await rows(bench, "SELECT workflow_uuid FROM workflow_status ORDER BY 1") == [
        ("stubborn",),
        ("stubborn~2",),
        ("stubborn~3",),
    ]
    assert await rows(bench, "SELECT key FROM steps") == []


async def test_without_dbos_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks DBOS is told which extra to install."""
    from holdfast.adapters.dbos import steps

    monkeypatch.setitem(sys.modules, "dbos", None)
    for name in ("holdfast.adapters.dbos.queue", "holdfast.adapters.dbos.fleet"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    with pytest.raises(MissingExtra, match=r"holdfast\[postgres\]"):
        steps.prepare(sa.create_engine("sqlite://"))
