"""Every way to today's schema leads to the same schema: made new, or migrated from any version there ever was."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from holdfast.adapters.sql import database, migrations, schema
from holdfast.errors import StoreCorrupt, StoreMissing, StoreNewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSIONS = Path(migrations.__file__).parent / "versions"
REVISIONS = sorted(revision.revision for revision in ScriptDirectory(str(VERSIONS.parent)).walk_revisions())

NEXT = '''
"""A revision that may come one day."""
import sqlalchemy as sa
from alembic import op

revision = "{version}"
down_revision = "{before}"


def upgrade():
    op.add_column("steps", sa.Column("colour", sa.Text()))
    {then}
'''


@pytest.fixture(params=["sqlite", "postgres"])
def new_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], sa.Engine]]:
    """Makes engines on databases that are empty."""
    engines: list[sa.Engine] = []

    def make() -> sa.Engine:
        text = (
            f"sqlite:///{tmp_path / f'{len(engines)}.db'}"
            if request.param == "sqlite"
            else request.getfixturevalue("fresh_postgres_url")
        )
        engine = database.open_engine(database.parse_url(text), synchronous="off", busy_timeout_s=5, pool_size=2)
        engines.append(engine)
        if request.param == "postgres":
            with engine.begin() as connection:
                connection.execute(sa.text("DROP SCHEMA public CASCADE"))
                connection.execute(sa.text("CREATE SCHEMA public"))
        return engine

    yield make
    for engine in engines:
        engine.dispose()


def tables_of(engine: sa.Engine) -> list[tuple[object, ...]]:
    """Return everything that the database itself says about our tables, in one order."""
    if engine.dialect.name == "sqlite":
        queries = [
            """SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m, pragma_table_info(m.name) c
               WHERE m.type = 'table' AND m.name NOT IN ('alembic_version', 'sqlite_sequence')""",
            "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name <> 'alembic_version'",
            "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version'",
        ]
    else:
        queries = [
            """SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name <> 'alembic_version'""",
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
            """SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'""",
        ]
    with engine.connect() as connection:
        return sorted((tuple(row) for query in queries for row in connection.execute(sa.text(query))), key=repr)


def version_of(engine: sa.Engine) -> str | None:
    """Return the version that the database says it has."""
    return database.stored_version(engine)


def migrate(engine: sa.Engine, *, to: str) -> None:
    """Bring an engine's database to an older version."""
    with engine.connect().execution_options(holdfast_writes=True) as connection, connection.begin():
        migrations.upgrade(connection, to=to)


def test_the_newest_revision_is_the_schemas_version() -> None:
    """A changed schema without its revision, or the reverse, does not pass."""
    assert schema.SCHEMA_VERSION == REVISIONS[-1]


def test_all_revisions_together_make_todays_schema(new_engine: Callable[[], sa.Engine]) -> None:
    """An empty database that is migrated gets exactly the tables, columns and indexes that a new one gets."""
    migrated = new_engine()
    migrate(migrated, to="head")
    by_revisions, version = tables_of(migrated), version_of(migrated)

    created = new_engine()
    with created.begin() as connection:
        schema.metadata.create_all(connection)

    assert version == schema.SCHEMA_VERSION
    assert tables_of(created) == by_revisions
    assert len(by_revisions) > 20


@pytest.mark.parametrize("version", REVISIONS)
def test_opening_a_database_of_any_version_brings_it_up_to_date(
    new_engine: Callable[[], sa.Engine], version: str
) -> None:
    """Whatever release wrote it, opening it makes it today's; opening it twice changes nothing."""
    old = new_engine()
    migrate(old, to=version)

    database.prepare(old)
    once = tables_of(old)
    database.prepare(old)

    assert version_of(old) == schema.SCHEMA_VERSION
    assert tables_of(old) == once
    new = new_engine()
    database.prepare(new)
    assert tables_of(new) == once


@pytest.fixture
def tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets this process be the next release, which has one more revision."""

    def become(then: str) -> None:
        (tmp_path / "next").mkdir()
        text = NEXT.format(version="9999", before=REVISIONS[-1], then=then)
        (tmp_path / "next" / "v9999_colours.py").write_text(text)
        monkeypatch.setattr(schema, "SCHEMA_VERSION", "9999")
        monkeypatch.setattr(migrations, "upgrade", functools.partial(migrations.upgrade, versions=(tmp_path / "next",)))

    return become


def test_the_next_release_migrates_what_this_one_wrote(
    new_engine: Callable[[], sa.Engine], tomorrow: Callable[[str], None]
) -> None:
    """A database of this release, with work in it, is migrated by the next one and keeps its rows."""
    engine = new_engine()
    database.prepare(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(schema.documents), {"digest": "d", "body": "{}"})

    tomorrow("pass")
    database.prepare(engine)

    assert version_of(engine) == "9999"
    with engine.connect() as connection:
        assert connection.scalar(sa.select(schema.documents.c.body)) == "{}"
        assert "colour" in {column["name"] for column in sa.inspect(connection).get_columns("steps")}


def test_a_migration_that_fails_changes_nothing(
    new_engine: Callable[[], sa.Engine], tomorrow: Callable[[str], None]
) -> None:
    """If a revision fails half-way, the database is as it was, and the old release can go on with it."""
    engine = new_engine()
    database.prepare(engine)
    before = tables_of(engine)

    tomorrow("raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        database.prepare(engine)

    assert tables_of(engine) == before
    assert version_of(engine) == REVISIONS[-1]


def test_this_release_refuses_what_the_next_one_wrote(new_engine: Callable[[], sa.Engine]) -> None:
    """A newer database that has changed what this release relies on is refused with both versions named, and left as it is."""
    engine = new_engine()
    database.prepare(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("UPDATE facts SET value = '9000' WHERE name = 'compatible_from'"))

    with pytest.raises(StoreNewer, match=rf"9999.*{REVISIONS[-1]}"):
        database.prepare(engine)

    assert version_of(engine) == "9999"


def test_this_release_uses_a_newer_database_that_was_only_added_to(new_engine: Callable[[], sa.Engine]) -> None:
    """A newer database that says which releases may use it is used by those, as it is: they go on beside the newer one while workers are upgraded."""
    engine = new_engine()
    database.prepare(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text(f"UPDATE facts SET value = '{REVISIONS[-1]}' WHERE name = 'compatible_from'"))
    before = tables_of(engine)

    database.prepare(engine)

    assert (version_of(engine), tables_of(engine)) == ("9999", before)


@pytest.mark.parametrize("version", [None, REVISIONS[0]], ids=["new", "migrated"])
def test_every_database_says_which_releases_may_use_it(
    new_engine: Callable[[], sa.Engine], version: str | None
) -> None:
    """Made new or migrated, a database names the oldest schema whose releases may use it."""
    engine = new_engine()
    if version is not None:
        migrate(engine, to=version)

    database.prepare(engine)

    with engine.connect() as connection:
        facts = dict(connection.execute(sa.select(schema.facts)).all())  # type: ignore[arg-type]  # rows of two
    assert facts["compatible_from"] == schema.COMPATIBLE_FROM


OLD_EVENT = (
    "INSERT INTO events (id, execution, type, time, data, is_terminal) VALUES (:id, 'x', 'a', 1, '{}', :is_terminal)"
)


def test_events_keep_their_numbers_through_a_migration(new_engine: Callable[[], sa.Engine]) -> None:
    """What an outbox's reader has seen of the release before stays where it was, and no later event gets a number that was given out."""
    engine = new_engine()
    migrate(engine, to=REVISIONS[0])
    old_event = sa.text(OLD_EVENT)
    with engine.begin() as connection:
        connection.execute(old_event, [{"id": str(n), "is_terminal": n == 3} for n in range(1, 4)])
        connection.execute(sa.text("DELETE FROM events WHERE id = '2'"))

    database.prepare(engine)

    numbers = sa.text("SELECT id, sequence, xid FROM events ORDER BY sequence")
    with engine.begin() as connection:
        kept = [tuple(row) for row in connection.execute(numbers)]
        connection.execute(sa.text("DELETE FROM events WHERE id = '3'"))
        connection.execute(old_event, {"id": "4", "is_terminal": True})
        newest = connection.scalar(sa.text("SELECT max(sequence) FROM events"))
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(old_event, {"id": "5", "is_terminal": True})
    assert kept == [("1", 1, 0), ("3", 3, 0)]
    assert newest == 4


def test_looking_at_a_database_does_not_make_one(new_engine: Callable[[], sa.Engine]) -> None:
    """Where there is no database, a command that only looks says so and leaves nothing behind."""
    engine = new_engine()

    with pytest.raises(StoreMissing, match="does not create one"):
        database.prepare(engine, create=False)

    if engine.dialect.name == "sqlite":
        assert not Path(str(engine.url.database)).exists()
    else:
        assert sa.inspect(engine).get_table_names() == []


def test_a_migration_lets_workers_through(fresh_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody holds a row that the migration needs, it gives up its place and tries again: workers wait for moments only."""
    monkeypatch.setattr(database, "MIGRATION_LOCK_WAIT_S", 0.2)
    engine = database.open_engine(
        database.parse_url(fresh_postgres_url), synchronous="off", busy_timeout_s=5, pool_size=4
    )
    migrate(engine, to=REVISIONS[0])
    holder = engine.connect()
    holder.execute(sa.text("LOCK TABLE events IN ROW EXCLUSIVE MODE"))
    tries: list[float] = []

    def pause(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 2:
            holder.rollback()

    monkeypatch.setattr(database.time, "sleep", pause)
    database.prepare(engine)

    assert (len(tries), version_of(engine)) == (2, schema.SCHEMA_VERSION)
    holder.close()
    engine.dispose()


def test_somebody_elses_tables_are_not_touched(new_engine: Callable[[], sa.Engine]) -> None:
    """A database with a table of our names that we did not make is refused, not filled up."""
    engine = new_engine()
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (mine INTEGER)"))

    with pytest.raises(StoreCorrupt, match="events"):
        database.prepare(engine)

    assert sa.inspect(engine).get_table_names() == ["events"]
