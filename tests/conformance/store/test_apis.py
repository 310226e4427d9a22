"""What a store keeps of other people's APIs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.ports.apis import CatalogRow, HealthRow
from holdfast.ports.store import Store

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
ENTRY = CatalogRow(api_id="crm", version="1", body='{"apiId": "crm"}', added_at=AT, added_by="ada")
NEXT = AT + timedelta(days=20_000)


async def test_entries_are_kept_newest_first(store: Store) -> None:
    """Versions stand beside one another; the same one again takes the place of the older."""
    newer = replace(ENTRY, version="2", added_at=AT + timedelta(seconds=1))
    again = replace(ENTRY, body="{}", added_at=AT + timedelta(seconds=2), added_by=None)

    replaced = [await store.transact(lambda tx, row=row: tx.put_catalog_row(row)) for row in (ENTRY, newer, again)]

    assert [False, False, True] == replaced
    assert [again, newer] == await store.read(lambda snapshot: snapshot.catalog_rows())


async def test_the_revision_changes_with_every_change(store: Store) -> None:
    """Whoever remembers the revision learns of additions, replacements and removals, of the newest and of older ones."""

    async def revision() -> str:
        return await store.read(lambda snapshot: snapshot.catalog_revision())

    changes = [
        lambda tx: tx.put_catalog_row(ENTRY),
        lambda tx: tx.put_catalog_row(replace(ENTRY, api_id="shop", added_at=AT + timedelta(seconds=1))),
        lambda tx: tx.put_catalog_row(replace(ENTRY, added_at=AT + timedelta(seconds=2))),
        lambda tx: tx.drop_catalog_rows("shop", "1"),
        lambda tx: tx.put_catalog_row(replace(ENTRY, api_id="shop", added_at=AT + timedelta(seconds=3))),
        lambda tx: tx.drop_catalog_rows("shop", None),
    ]
    seen = [await revision()]
    for change in changes:
        await store.transact(change)
        before, now = seen[-1], await revision()
        assert before != now
        seen.append(now)
    assert seen[-1] == await revision()


async def test_one_version_or_all_are_removed(store: Store) -> None:
    """Removing says how many went; what is not there is no error."""
    for version in ("1", "2", ""):
        await store.transact(lambda tx, version=version: tx.put_catalog_row(replace(ENTRY, version=version)))

    assert 1 == await store.transact(lambda tx: tx.drop_catalog_rows("crm", "2"))
    assert 0 == await store.transact(lambda tx: tx.drop_catalog_rows("crm", "2"))
    assert 2 == await store.transact(lambda tx: tx.drop_catalog_rows("crm", None))


async def test_a_check_is_taken_once(store: Store) -> None:
    """Of many workers one takes a check that is due; the next is due when it says."""
    taken = await asyncio.gather(
        *(store.transact(lambda tx: tx.take_health_check("crm", next_at=NEXT)) for _ in range(8))
    )

    assert [True] == [one for one in taken if one]
    assert not await store.transact(lambda tx: tx.take_health_check("crm", next_at=NEXT))
    row = await store.read(lambda snapshot: snapshot.health_row("crm"))
    assert HealthRow(api_id="crm", due_at=NEXT) == row


async def test_a_check_that_is_due_again_is_taken_again(store: Store) -> None:
    """What was due before now can be taken."""
    assert await store.transact(lambda tx: tx.take_health_check("crm", next_at=AT))

    assert await store.transact(lambda tx: tx.take_health_check("crm", next_at=NEXT))


async def test_how_an_api_is_is_kept(store: Store) -> None:
    """The last word of a check, since when, and the results; when the next is due stays."""
    row = HealthRow(api_id="crm", due_at=AT, is_healthy=False, since=AT, checked_at=AT, results='[{"a": 1}]')
    await store.transact(lambda tx: tx.take_health_check("crm", next_at=NEXT))

    await store.transact(lambda tx: tx.put_health_row(row))
    await store.transact(lambda tx: tx.put_health_row(replace(row, api_id="a", is_healthy=True)))

    assert [replace(row, api_id="a", is_healthy=True), replace(row, due_at=NEXT)] == await store.read(
        lambda snapshot: snapshot.health_rows()
    )
    assert None is await store.read(lambda snapshot: snapshot.health_row("nobody"))
