"""A connection to PostgreSQL that is lost at the COMMIT: the transaction's fate is found out, and nothing happens twice or not at all."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from holdfast import wiring
from holdfast.adapters.sql import database
from holdfast.adapters.sql.fate import Fate, Mark, fate_of, is_borne_out
from holdfast.adapters.sql.store import PostgresStore, open_store
from holdfast.adapters.system.clock import SystemClock
from holdfast.errors import StoreUnreachable
from holdfast.settings import load
from tests.adapters.sql.cutting_proxy import CuttingProxy
from tests.conformance.store.rows import an_execution
from tests.recovery.bench import action

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from holdfast.ports.store import Tx

pytestmark = pytest.mark.anyio

SIDES = ["before the server has it", "before the answer is through"]
TRANSACTIONS = [
    pytest.param("INSERT INTO executions", id="start"),
    pytest.param("owner=", id="take"),
    pytest.param("INSERT INTO attempts", id="claim"),
    pytest.param("UPDATE attempts SET settled_at", id="settle"),
]
WITHIN_S = 40.0
PLAN: dict[str, object] = {
    "id": "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21",
    "name": "A plan",
    "description": "For tests.",
    "intent": {"original": "Pay", "interpreted": "It is paid", "confidence": 1},
    "actions": [action("pay")],
    "expectedOutcome": {"description": "Paid.", "validations": []},
    "metadata": {"createdAt": "2026-01-15T09:00:00.000Z", "estimatedDuration": 1000, "tags": []},
}


@pytest.fixture
def proxy(fresh_postgres_url: str) -> Iterator[CuttingProxy]:
    """A proxy before an empty database."""
    with CuttingProxy(fresh_postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: CuttingProxy) -> AsyncIterator[PostgresStore]:
    """A store whose connections lead through the proxy."""
    engine = database.open_engine(database.parse_url(proxy.url), synchronous="full", busy_timeout_s=5, pool_size=2)
    await asyncio.to_thread(database.prepare, engine)
    store = open_store(engine, clock=SystemClock().now, pool_size=2)
    assert isinstance(store, PostgresStore)
    yield store
    await store.close()


@pytest.mark.parametrize("statement", TRANSACTIONS)
@pytest.mark.parametrize("side", SIDES)
async def test_an_unsafe_action_is_called_once_and_nobody_is_asked(
    proxy: CuttingProxy, side: str, statement: str
) -> None:
    """Whichever transaction loses its connection at the COMMIT, and on whichever side of it: one call, no question, completed."""
    calls: list[str] = []
    settings = load(arguments={"worker.poll_interval_s": 0.02, "sweep.interval_s": 3600.0})
    hold = await wiring.open_async(proxy.url, settings=settings)

    @hold.action("pay")
    async def pay() -> dict[str, object]:
        calls.append("pay")
        return {"id": "p1"}

    proxy.cut(statement, side)  # type: ignore[arg-type]  # a parameter is a plain text
    stop = asyncio.Event()
    working = asyncio.ensure_future(hold.work(stop))
    execution = await hold.start(PLAN)
    state = await hold.wait(execution, timeout_s=WITHIN_S)
    questions = await hold.read(lambda snapshot: snapshot.questions(execution))
    attempts = await hold.read(lambda snapshot: snapshot.attempts(execution))
    stop.set()
    await working
    await hold.close()

    assert proxy.cuts == 1
    assert (state.status.value, calls, questions) == ("completed", ["pay"], [])
    assert [attempt.claims for attempt in attempts] == [1]


@pytest.mark.parametrize(
    ("side", "runs"), [pytest.param(SIDES[0], 2, id="not-kept"), pytest.param(SIDES[1], 1, id="kept")]
)
async def test_a_transaction_takes_effect_once(store: PostgresStore, proxy: CuttingProxy, side: str, runs: int) -> None:
    """A function runs again only if its transaction was not kept; its result and callbacks come once, also if the server is away for a while."""
    await store.transact(lambda tx: tx.insert_execution(an_execution(), []))
    seen: list[str] = []

    def work(tx: Tx) -> int:
        seen.append("run")
        row = tx.lock("run")
        assert row is not None
        tx.after_commit.append(lambda: seen.append("committed"))  # type: ignore[attr-defined]  # the adapter's own
        return row.version

    proxy.cut("UPDATE executions", side)  # type: ignore[arg-type]  # a parameter is a plain text
    proxy.is_refusing = 2
    version = await store.transact(work)

    row = await store.read(lambda snapshot: snapshot.execution("run"))
    assert row is not None
    assert (1, 1) == (version, row.version)
    assert seen == ["run"] * runs + ["committed"]


async def test_without_a_number_nobody_can_tell(store: PostgresStore, proxy: CuttingProxy) -> None:
    """A transaction that asked neither for a lock nor for the time is an error when its COMMIT is lost: the caller repeats what is safe to repeat."""
    proxy.cut("INSERT INTO documents", "before the answer is through")

    with pytest.raises(StoreUnreachable):
        await store.transact(lambda tx: tx.insert_document("d", "{}"))


async def test_a_transaction_that_is_still_open_is_ended(store: PostgresStore, fresh_postgres_url: str) -> None:
    """A connection that the server still believes in holds its row's lock: it is ended, so that the function can run again at once."""
    await store.transact(lambda tx: tx.insert_execution(an_execution(), []))
    engine = database.open_engine(
        database.parse_url(fresh_postgres_url), synchronous="full", busy_timeout_s=5, pool_size=1
    )
    lost = engine.connect()
    lost.execute(sa.text("UPDATE executions SET version = 1"))
    number = lost.scalar(sa.text("SELECT pg_current_xact_id()::text::bigint"))

    fate = await asyncio.to_thread(
        fate_of, store.engine, Mark(number=number, execution="run", version=1), pause=threading.Event().wait
    )

    assert fate is Fate.ABORTED
    lost.invalidate()
    engine.dispose()


@pytest.mark.parametrize(
    ("execution", "behind", "other", "is_believed"),
    [
        pytest.param("run", 0, 0, True, id="it-wrote-the-row"),
        pytest.param("run", 1, 7, True, id="others-have-followed"),
        pytest.param("run", 0, 7, False, id="another-wrote-this-version"),
        pytest.param("run", -1, 0, False, id="the-row-is-older"),
        pytest.param("gone", 0, 0, False, id="the-row-is-gone"),
    ],
)
async def test_a_number_given_twice_is_not_believed(
    store: PostgresStore, execution: str, behind: int, other: int, is_believed: bool
) -> None:
    """A crashed server may give a number again: the execution's row must bear out that this transaction was the one that was committed."""
    await store.transact(lambda tx: tx.insert_execution(an_execution(), []))
    await store.transact(lambda tx: tx.lock("run"))

    with store.engine.connect() as connection:
        version, number = connection.execute(sa.text("SELECT version, xmin::text::bigint FROM executions")).one()
        mark = Mark(number=number + other, execution=execution, version=version - behind)
        believed = is_borne_out(connection, mark)

    assert believed is is_believed


async def test_a_number_of_the_future_is_unknown(store: PostgresStore) -> None:
    """A server that never saw the number (a standby that took over too early) cannot tell, and is not asked for long."""
    assert fate_of(store.engine, Mark(number=1 << 40), pause=lambda _: None) is Fate.UNKNOWN
