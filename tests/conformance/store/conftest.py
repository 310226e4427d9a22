"""Each store in turn, on an empty database of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.sql import database
from holdfast.adapters.sql.store import InlineStore, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from holdfast.adapters.sql.store import PostgresStore, SqliteStore


@pytest.fixture(params=["sqlite", "postgres", "inline"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SqliteStore | PostgresStore | InlineStore]:
    """A store on an empty database."""
    if request.param == "inline":
        inline = InlineStore(lambda: datetime.now(UTC))
        yield inline
        await inline.close()
        return
    text = (
        f"sqlite:///{tmp_path / 'store.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("fresh_postgres_url")
    )
    engine = database.open_engine(database.parse_url(text), synchronous="normal", busy_timeout_s=20, pool_size=8)
    database.prepare(engine)
    real = open_store(engine, clock=lambda: datetime.now(UTC), pool_size=8)
    yield real
    await real.close()
