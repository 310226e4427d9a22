"""What every store promises of rate limits and of plans that are replaced."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.conformance.store.rows import THEN, an_action, an_execution

if TYPE_CHECKING:
    from holdfast.ports.rows import BucketRow
    from holdfast.ports.store import Store, Tx

pytestmark = pytest.mark.anyio


async def test_whoever_locks_a_limit_reads_the_time_after_that(store: Store) -> None:
    """From eight sides at once, each lock sees what the one before wrote, and a time that is no earlier."""

    def draw(tx: Tx) -> BucketRow:
        kept = tx.lock_bucket("limit")
        tx.save_bucket(replace(kept, position=kept.position + 1))
        return kept

    async def draw_often() -> list[BucketRow]:
        return [await store.transact(draw) for _ in range(12)]

    drawn = [row for rows in await asyncio.gather(*(draw_often() for _ in range(8))) for row in rows]

    drawn.sort(key=lambda row: row.position)
    assert list(range(96)) == [row.position for row in drawn]
    assert drawn == sorted(drawn, key=lambda row: row.now)


async def test_a_limit_is_kept_as_it_was_written(store: Store) -> None:
    """Position and hint come back to the microsecond; limits of other names are others."""
    hint = THEN + timedelta(microseconds=1)
    await store.transact(lambda tx: tx.save_bucket(replace(tx.lock_bucket("limit"), position=3, next_at=hint)))

    kept, other = await store.transact(lambda tx: (tx.lock_bucket("limit"), tx.lock_bucket("other")))

    assert (3, hint) == (kept.position, kept.next_at)
    assert ("other", 0, None) == (other.name, other.position, other.next_at)


async def test_a_place_holds_the_last_moment(store: Store) -> None:
    """Writing a place twice keeps the second moment; what lies after a moment can be drawn back to it, in this limit only."""
    later = THEN + timedelta(hours=1)

    def write(tx: Tx) -> None:
        for bucket in ("limit", "other"):
            tx.keep_start(bucket, slot=0, at=later)
            tx.keep_start(bucket, slot=1, at=THEN - timedelta(hours=1))
        tx.keep_start("limit", slot=1, at=THEN)
        tx.draw_back_starts("limit", to=THEN + timedelta(minutes=1))

    await store.transact(write)

    kept = await store.transact(lambda tx: [tx.rate_start(b, s) for b in ("limit", "other") for s in (0, 1, 2)])
    assert [THEN + timedelta(minutes=1), THEN, None, later, THEN - timedelta(hours=1), None] == kept


async def test_actions_come_go_and_move(store: Store) -> None:
    """Actions of one execution are added, removed and put in another order; those of others stay."""
    for name in ("run", "other"):
        rows = [an_action(one, execution=name, position=at) for at, one in enumerate("abc")]
        await store.transact(lambda tx, name=name, rows=rows: tx.insert_execution(an_execution(name), rows))

    def edit(tx: Tx) -> None:
        tx.lock("run")
        tx.delete_actions("run", ["b"])
        tx.insert_actions([an_action("n", position=0)])
        tx.move_actions("run", {"a": 2, "c": 1})
        tx.insert_actions([])
        tx.delete_actions("run", [])
        tx.move_actions("run", {})

    await store.transact(edit)

    assert ["n", "c", "a"] == [row.action for row in await store.read(lambda s: s.actions("run"))]
    assert ["a", "b", "c"] == [row.action for row in await store.read(lambda s: s.actions("other"))]


async def test_the_name_of_a_plan_may_change(store: Store) -> None:
    """An execution is shown under the name of the plan that it goes on with."""
    await store.transact(lambda tx: tx.insert_execution(an_execution(), []))

    await store.transact(lambda tx: tx.save_execution(replace(an_execution(), plan_name="Other", document="new")))

    row = await store.read(lambda s: s.execution("run"))
    assert row is not None
    assert ("Other", "new") == (row.plan_name, row.document)
