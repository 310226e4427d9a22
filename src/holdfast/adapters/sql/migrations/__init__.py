"""Bringing an older database up to today's schema, by Alembic, without an ini file. Only `database.prepare` calls this.

Each revision in `versions/` is frozen text: it says what the schema was, so it never imports today's. A new one changes `schema.metadata`
and `schema.SCHEMA_VERSION` in the same commit; the tests compare what all revisions together make with what the metadata makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def upgrade(connection: Connection, *, to: str = "head", versions: tuple[Path, ...] = ()) -> None:
    """Run all revisions that this database lacks, inside the caller's transaction, which is rolled back if one fails.

    `to` stops at an older revision and `versions` adds directories of revisions: both are for tests.
    """
    here = Path(__file__).parent
    config = Config()
    config.set_main_option("script_location", escaped(here))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(escaped(path) for path in (here / "versions", *versions)))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def escaped(path: Path) -> str:
    """Return a path as a setting: percent signs would be taken for references to other settings."""
    return str(path).replace("%", "%%")
