"""The inbox and the outbox of every store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.ports.rows import InboxRow
from tests.conformance.store.rows import THEN, an_execution
from tests.outbox import LOOKS_MAX, is_caught_up

if TYPE_CHECKING:
    from holdfast.adapters.sql.store import PostgresStore
    from holdfast.ports.store import Store, Tx

pytestmark = pytest.mark.anyio
START = (0, 0)


def an_event(name: str = "e") -> InboxRow:
    """Build an event from outside."""
    return InboxRow(event_id=name, execution="run", type="error.occurred", received_at=THEN)


async def record(store: Store, *types: str, name: str = "run") -> None:
    """Record events of an execution, in one transaction."""

    def work(tx: Tx) -> None:
        tx.insert_execution(an_execution(name), [])
        tx.lock(name)
        for kind in types:
            tx.emit(name, kind, data={"executionId": name})

    await store.transact(work)
    await caught_up(store)


async def caught_up(store: Store) -> None:
    """Wait until the outbox shows what was committed."""
    for _ in range(LOOKS_MAX):
        if await store.read(is_caught_up):
            return
    raise AssertionError("the outbox is held up")


async def read_all(store: Store, *, limit: int, types: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Read the outbox from the beginning, a page at a time."""
    found: list[tuple[str, str]] = []
    after = START
    while page := await store.read(lambda s, after=after: s.outbox(after=after, types=types, limit=limit)):
        found += [(row.execution, row.type) for row in page]
        after = (page[-1].xid, page[-1].sequence)
    return found


async def test_an_event_is_noted_once(store: Store) -> None:
    """The second note of an id is refused; what came of the first is kept."""
    first = await store.transact(lambda tx: tx.insert_inbox(an_event()))
    await store.transact(lambda tx: tx.save_inbox("e", "settled"))
    second = await store.transact(lambda tx: tx.insert_inbox(an_event()))

    row = await store.read(lambda s: s.inbox("e"))
    assert (True, False) == (first, second)
    assert row is not None
    assert ("settled", THEN, "run") == (row.outcome, row.received_at, row.execution)
    assert await store.read(lambda s: s.inbox("nobody")) is None


async def test_of_many_at_once_one_notes_an_event(store: Store) -> None:
    """Twenty deliveries of one event at the same time are one."""
    noted = await asyncio.gather(*(store.transact(lambda tx: tx.insert_inbox(an_event())) for _ in range(20)))

    assert 1 == sum(noted)


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_the_outbox_is_everything_in_order(store: Store, limit: int) -> None:
    """Pages of any size make up all events of all executions, each once, those of one execution in their order."""
    await record(store, "a", "b", "c")
    await record(store, "d", "e", name="other")
    await record(store, "f")

    assert [("run", "a"), ("run", "b"), ("run", "c"), ("other", "d"), ("other", "e"), ("run", "f")] == await read_all(
        store, limit=limit
    )


async def test_erasing_the_newest_events_frees_no_number(store: Store) -> None:
    """A reader who has seen everything misses nothing that comes after the newest execution was erased."""
    await record(store, "a", "b", name="old")
    await record(store, "c", name="newest")
    [*_, last] = await store.read(lambda s: s.outbox(after=START, types=(), limit=10))
    await store.transact(lambda tx: tx.erase("newest"))

    await record(store, "d", name="later")

    page = await store.read(lambda s: s.outbox(after=(last.xid, last.sequence), types=(), limit=10))
    assert [("later", "d")] == [(row.execution, row.type) for row in page]


async def test_the_outbox_can_be_filtered(store: Store) -> None:
    """Only the types asked for come, and the end of the outbox lies behind what was left out."""
    await record(store, "a", "b", "a")

    rows = await store.read(lambda s: s.outbox(after=START, types=("b",), limit=10))
    end = await store.read(lambda s: s.outbox_end())
    everything = await store.read(lambda s: s.outbox(after=START, types=(), limit=10))

    assert ["b"] == [row.type for row in rows]
    assert end == (everything[-1].xid, everything[-1].sequence)
    assert [] == await store.read(lambda s: s.outbox(after=end, types=(), limit=10))


async def test_an_event_is_found_by_its_place(store: Store) -> None:
    """The first event from a sequence on is found, across gaps; beyond the last there is none."""
    await record(store, "a", "b")
    first, last = [row.sequence for row in await store.read(lambda s: s.events("run"))]

    found = [
        await store.read(lambda s, sequence=sequence: s.event_from(sequence)) for sequence in (0, first, last, last + 1)
    ]

    assert ["a", "a", "b", None] == [row and row.type for row in found]


async def test_an_empty_outbox_has_an_end(store: Store) -> None:
    """Before anything happened, the end is the beginning."""
    assert START == await store.read(lambda s: s.outbox_end())


async def test_a_fact_is_read_by_name(store: Store) -> None:
    """What was noted of the database can be read; what was not is absent."""
    await store.transact(
        lambda tx: tx.connection.execute(sa.insert(schema.facts), {"name": "era", "value": "3"})  # type: ignore[attr-defined]  # SQL's own
    )

    assert ("3", None) == await store.read(lambda s: (s.fact("era"), s.fact("nothing")))


ONLY_POSTGRES = pytest.mark.parametrize("store", ["postgres"], indirect=True)
"""Elsewhere there is one writer, and no two transactions overlap."""


def insert_event(connection: sa.Connection, name: str) -> int:
    """Insert an event as a transaction of its own would, and return its sequence number."""
    columns = {"id": name, "execution": name, "type": "t", "time": THEN, "data": "{}", "is_terminal": False}
    return int(connection.execute(sa.insert(schema.events).values(columns).returning(schema.events.c.sequence)).scalar_one())  # fmt: skip


@ONLY_POSTGRES
async def test_a_reader_misses_nobody_who_commits_late(store: PostgresStore) -> None:
    """An event that was numbered first and commits last is still read; a reader who goes by numbers alone passes it by."""
    slow, fast = store.engine.connect(), store.engine.connect()
    with slow, fast:
        first = insert_event(slow, "slow")
        second = insert_event(fast, "fast")
        fast.commit()
        naive_last = second  # all that `sequence > n` remembers
        early = await store.read(lambda s: s.outbox(after=START, types=(), limit=10))
        early_end = await store.read(lambda s: s.outbox_end())
        slow.commit()
    await caught_up(store)
    late = await store.read(lambda s: s.outbox(after=early_end, types=(), limit=10))
    naive = await store.read(
        lambda s: s.connection.scalars(  # type: ignore[attr-defined]  # SQL's own
            sa.select(schema.events.c.id).where(schema.events.c.sequence > naive_last)
        ).all()
    )

    assert first < second
    assert ([], START) == (early, early_end)
    assert ["slow", "fast"] == [row.id for row in late]
    assert [] == naive


@ONLY_POSTGRES
async def test_readers_and_writers_side_by_side_lose_nothing(store: PostgresStore) -> None:
    """While eight writers commit in any order, a reader with a cursor sees each event exactly once."""
    written = 160
    seen: list[str] = []
    after = START

    async def write(number: int) -> None:
        def work(tx: Tx) -> None:
            insert_event(tx.connection, f"{number}")  # type: ignore[attr-defined]  # SQL's own
            if number % 3 == 0:  # some take longer between number and commit
                tx.connection.execute(sa.text("SELECT pg_sleep(0.005)"))  # type: ignore[attr-defined]  # as above

        await store.transact(work)

    writing = asyncio.gather(*(write(number) for number in range(written)))
    for _ in range(100_000):  # as long as the writers need on a loaded machine
        is_over = writing.done()
        page = await store.read(lambda s, after=after: s.outbox(after=after, types=(), limit=7))
        seen += [row.id for row in page]
        after = (page[-1].xid, page[-1].sequence) if page else after
        if is_over and not page and await store.read(is_caught_up):
            break
    await writing

    assert written == len(seen)
    assert sorted(str(number) for number in range(written)) == sorted(seen)
