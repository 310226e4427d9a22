"""The catalog of a process, kept up to date."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.adapters.sql.store import InlineStore
from holdfast.catalog.layers import Piece
from holdfast.catalog.stored import checked_rows
from holdfast.errors import BadInput, StoreError
from holdfast.hold.knowing import KnownApis

pytestmark = pytest.mark.anyio

CRM = {
    "apiId": "crm",
    "name": "CRM",
    "version": "1",
    "baseUrl": "https://crm.example",
    "errorMappings": [],
    "quirks": {},
}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, tzinfo=UTC)

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""
        raise AssertionError


class World:
    """A store, a directory, and what is known."""

    def __init__(self, store: InlineStore, directory: Path, apis: KnownApis, clock: Clock) -> None:
        self.store, self.directory, self.apis, self.clock = store, directory, apis, clock

    def write(self, name: str, wire: object) -> None:
        """Write a file, with a time of its own: two writes within one tick of the disk's clock look alike."""
        file = self.directory / name
        file.write_text(json.dumps(wire))
        self.clock.at += timedelta(seconds=5)
        os.utime(file, (self.clock.at.timestamp(), self.clock.at.timestamp()))

    async def add(self, *wires: dict[str, object]) -> None:
        """Add entries to the database."""
        self.clock.at += timedelta(seconds=5)
        pieces = [Piece(wire=wire, source="x") for wire in wires]
        at = self.clock.at

        def work(tx):  # type: ignore[no-untyped-def]  # a transaction
            for row in checked_rows(pieces, kept=tx.catalog_rows(), shipped=False, at=at, by=None):
                tx.put_catalog_row(row)

        await self.store.transact(work)

    async def names(self) -> dict[str, str]:
        """The names of all entries that are known now."""
        catalog = await self.apis.look()
        return {api_id: catalog.entry(api_id).name for api_id in catalog.ids()}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A process that knows one API."""
    clock = Clock()
    store = InlineStore(clock.now)
    (tmp_path / "crm.json").write_text(json.dumps(CRM))
    apis = await KnownApis.load(store, directory=str(tmp_path), shipped=False, clock=clock, every_s=5.0)
    yield World(store, tmp_path, apis, clock)
    await store.close()


async def test_changed_files_count_within_the_interval(world: World) -> None:
    """A file that is written, added or removed is seen by the next look, and not before it is due."""
    assert {"crm": "CRM"} == await world.names()

    (world.directory / "shop.json").write_text(json.dumps(CRM | {"apiId": "shop", "name": "Shop"}))
    assert {"crm": "CRM"} == await world.names()
    world.write("crm.json", CRM | {"name": "New"})
    assert {"crm": "New", "shop": "Shop"} == await world.names()
    (world.directory / "shop.json").unlink()
    world.clock.at += timedelta(seconds=5)
    assert {"crm": "New"} == await world.names()


async def test_entries_of_the_database_lie_under_the_directory(world: World) -> None:
    """What is added to the database counts within the interval, under the files; what is removed is gone."""
    await world.add(CRM | {"apiId": "mail", "name": "Mail"}, CRM | {"name": "Below", "kind": "crm"})

    assert {"crm": "CRM", "mail": "Mail"} == await world.names()
    assert "crm" == world.apis.catalog.entry("crm").kind
    await world.store.transact(lambda tx: tx.drop_catalog_rows("mail", None))
    world.clock.at += timedelta(seconds=5)
    assert {"crm": "CRM"} == await world.names()


@pytest.mark.parametrize("broken", ["{", json.dumps(CRM | {"baseUrl": 5})], ids=["no-json", "no-entry"])
async def test_a_broken_file_takes_nothing_away(world: World, broken: str, caplog: pytest.LogCaptureFixture) -> None:
    """The last good entries still count; it is told once, and mended by the next good file."""
    file = world.directory / "crm.json"
    file.write_text(broken)
    with caplog.at_level(logging.WARNING, logger="holdfast.catalog"):
        for _ in range(3):
            world.clock.at += timedelta(seconds=5)
            assert {"crm": "CRM"} == await world.names()

    assert 1 == len(caplog.records)
    assert "crm.json" in caplog.text
    assert isinstance(world.apis.problem, BadInput)
    world.write("crm.json", CRM | {"name": "Mended"})
    assert {"crm": "Mended"} == await world.names()
    assert world.apis.problem is None


async def test_a_directory_that_goes_takes_nothing_away(world: World) -> None:
    """Whoever moves the directory away for a moment loses nothing."""
    (world.directory / "crm.json").unlink()
    world.directory.rmdir()
    world.clock.at += timedelta(seconds=5)

    assert {"crm": "CRM"} == await world.names()


async def test_a_database_that_is_away_takes_nothing_away(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was known still counts, and the next look tries again."""

    async def away(*args: object) -> None:
        raise StoreError("the database", why="is away")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "read", away)
        world.write("crm.json", CRM | {"name": "New"})
        assert {"crm": "CRM"} == await world.names()
    world.clock.at += timedelta(seconds=5)
    assert {"crm": "New"} == await world.names()
    assert "could not be looked at" in caplog.text


async def test_what_is_broken_at_the_start_is_refused(tmp_path: Path) -> None:
    """A process does not begin with entries it cannot read."""
    (tmp_path / "crm.json").write_text("{")
    store = InlineStore(lambda: datetime(2026, 3, 2, tzinfo=UTC))

    with pytest.raises(BadInput, match=r"crm\.json"):
        await KnownApis.load(store, directory=str(tmp_path), shipped=False, clock=Clock(), every_s=5.0)
    await store.close()


def test_entries_are_checked_before_they_are_kept() -> None:
    """Those that do not fit, name no API or are too large are refused together, and with what is kept already."""
    at = datetime(2026, 3, 2, tzinfo=UTC)

    def rows(*wires: dict[str, object], kept: list = []):  # type: ignore[no-untyped-def]  # noqa: B006 - never changed
        pieces = [Piece(wire=wire, source=f"{n}.yaml") for n, wire in enumerate(wires)]
        return checked_rows(pieces, kept=kept, shipped=True, at=at, by="ada")

    (crm,) = rows(CRM)
    (part,) = rows({"apiId": "stripe", "name": "Ours"})
    assert ("crm", "1", "ada", at) == (crm.api_id, crm.version, crm.added_by, crm.added_at)
    assert "" == part.version
    assert [("mail", "1")] == [
        (row.api_id, row.version) for row in rows({**CRM, "apiId": "mail", "extends": "crm"}, kept=[crm])
    ]
    assert 1 == len(rows(CRM | {"name": "again"}, kept=[crm]))
    with pytest.raises(BadInput, match=r"1\.yaml"):
        rows(CRM, {"apiId": "other"})
    with pytest.raises(BadInput, match="larger than"):
        rows(CRM | {"notes": "x" * 1_100_000})
