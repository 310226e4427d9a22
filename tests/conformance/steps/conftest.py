"""A prepared database per test and engine, copied from one that was prepared once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from tests.conformance.steps.engines import ENGINES, Bench, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ROOT = Path(__file__).parents[3]
WITHIN_S = 30.0


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables of both engines."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    close_now(open_bench("dbos-sqlite", f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a PostgreSQL database with the tables of both engines, to create others from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    close_now(open_bench("dbos-postgres", postgres_server.replace("/postgres?", f"/{name}?", 1)))
    return name


def close_now(bench: Bench) -> None:
    """Close a bench from outside an event loop."""
    asyncio.run(bench.store.close())


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a prepared database that belongs to one test."""
    if engine_name == "memory":
        yield "memory"
    elif engine_name.endswith("sqlite"):
        path = tmp_path / "steps.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
        name = f"steps_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(server, autocommit=True) as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        yield server.replace("/postgres?", f"/{name}?", 1)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def bench(engine_name: str, database_url: str) -> AsyncIterator[Bench]:
    """An engine on a database of its own."""
    bench = (
        await asyncio.to_thread(open_bench, engine_name, database_url)
        if engine_name != "memory"
        else open_bench("memory", "")
    )
    yield bench
    await bench.store.close()


class WorkerProcess:
    """A real worker in a real process, and what it has said so far."""

    def __init__(self, engine: str, url: str, *, worker: str, concurrency: int, step_s: float) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.conformance.steps.worker",
            engine,
            url,
            worker,
            str(concurrency),
            str(step_s),
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.strip())
                self._changed.notify_all()

    def said(self, word: str) -> list[str]:
        """Return the keys that it has `begun` or `ended`."""
        return [line.split(" ", 1)[1] for line in self.lines if line.startswith(f"{word} ")]

    def until(self, condition: Callable[[WorkerProcess], bool]) -> None:
        """Wait until something holds, at most `WITHIN_S`."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), WITHIN_S), f"the worker said only {self.lines}"

    def stop(self) -> None:
        """Let it end as it should."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(WITHIN_S) == 0
        self._reader.join(WITHIN_S)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(WITHIN_S)
        self._reader.join(WITHIN_S)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


@pytest.fixture
def start_worker(engine_name: str, database_url: str) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts worker processes on the test's database, and ends those that are left."""
    started: list[WorkerProcess] = []

    def start(worker: str, *, concurrency: int = 4, step_s: float = 0.0) -> WorkerProcess:
        process = WorkerProcess(engine_name, database_url, worker=worker, concurrency=concurrency, step_s=step_s)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
