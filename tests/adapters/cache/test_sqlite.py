"""The cache in a SQLite file: shared by processes, private, bounded, and never in somebody else's database."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.adapters import cache_sqlite
from holdfast.adapters.cache_sqlite import PRUNE_EVERY, SqliteCache
from holdfast.errors import BadSettings
from tests.guards.quiet_time import QuietTime


def test_values_outlive_the_process_and_are_shared(tmp_path: Path) -> None:
    """Another process finds what this one kept, and this one what the other kept."""
    path = tmp_path / "cache.db"
    cache = SqliteCache(path)
    cache.put("ours", {"a": [1, None]}, keep_s=60)
    program = (
        "import sys\n"
        "from holdfast.adapters.cache_sqlite import SqliteCache\n"
        "cache = SqliteCache(sys.argv[1])\n"
        "cache.put('theirs', cache.get('ours').value, keep_s=60)\n"
        "cache.close()\n"
    )

    subprocess.run([sys.executable, "-c", program, str(path)], check=True)

    assert {"a": [1, None]} == cache.get("theirs").value
    cache.close()


def test_a_forked_child_opens_the_file_anew(tmp_path: Path) -> None:
    """A connection is not carried over a fork, where using it could damage the file."""
    path = tmp_path / "cache.db"
    program = (
        "import os, sys\n"
        "from holdfast.adapters.cache_sqlite import SqliteCache\n"
        "cache = SqliteCache(sys.argv[1])\n"
        "cache.put('key', 1, keep_s=60)\n"
        "before = cache._connection\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    cache.put('child', cache.get('key').value, keep_s=60)\n"
        "    os._exit(0 if cache._connection is not before else 7)\n"
        "_, status = os.waitpid(child, 0)\n"
        "assert status == 0, status\n"
        "assert cache.get('child').value == 1 and cache._connection is before\n"
        "cache.close()\n"
    )

    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_programs_that_start_together_wait_for_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening waits for seconds while another one prepares the file; what is kept later is not worth that."""
    waits_ms: list[int] = []
    prepare = cache_sqlite._prepare

    def looking(connection: sqlite3.Connection) -> None:
        waits_ms.extend(connection.execute("PRAGMA busy_timeout").fetchone())
        prepare(connection)

    monkeypatch.setattr(cache_sqlite, "_prepare", looking)
    cache = SqliteCache(tmp_path / "cache.db", busy_timeout_s=0.02)

    waits_ms.extend(cache._connection.execute("PRAGMA busy_timeout").fetchone())
    assert [5000, 20] == waits_ms
    cache.close()


def test_a_file_that_somebody_opens_at_the_same_moment_is_used_as_it_is(tmp_path: Path) -> None:
    """How the file is written to can only be changed by whoever is alone with it; the cache works without."""

    class Shared(sqlite3.Connection):
        def execute(self, sql: str, *given: object) -> sqlite3.Cursor:
            if "journal_mode" in sql:
                raise sqlite3.OperationalError("database is locked")
            return super().execute(sql, *given)

    connection = sqlite3.connect(tmp_path / "cache.db", isolation_level=None, factory=Shared)
    cache_sqlite._prepare(connection)
    connection.close()

    cache = SqliteCache(tmp_path / "cache.db")
    cache.put("key", 1, keep_s=60)
    assert 1 == cache.get("key").value
    cache.close()


def test_the_file_is_private(tmp_path: Path) -> None:
    """Answers may be personal, so only their owner reads the file."""
    path = tmp_path / "cache.db"

    cache = SqliteCache(path)
    cache.put("key", 1, keep_s=60)

    assert {0o600} == {stat.S_IMODE(found.stat().st_mode) for found in tmp_path.iterdir()}
    cache.close()


def test_the_oldest_values_go_first(tmp_path: Path) -> None:
    """Its number of values is bounded, up to what is put between two looks."""
    clock = QuietTime(1_750_000_000.0)
    cache = SqliteCache(tmp_path / "cache.db", entries_max=10, now_s=clock)
    for number in range(3 * PRUNE_EVERY + 1):
        clock.advance(1)
        cache.put(f"{number}", number, keep_s=1e6)

    last = 3 * PRUNE_EVERY
    found = [number for number in range(last + 1) if cache.get(f"{number}") is not None]

    assert list(range(last - 9, last + 1)) == found
    cache.close()


def test_values_past_their_time_are_deleted_and_not_only_hidden(tmp_path: Path) -> None:
    """What may no longer be answered does not rest in the file for ever."""
    clock = QuietTime(1_750_000_000.0)
    cache = SqliteCache(tmp_path / "cache.db", now_s=clock)
    cache.put("old", 1, keep_s=5)
    clock.advance(6)
    for number in range(PRUNE_EVERY):
        cache.put(f"{number}", number, keep_s=60)

    (count,) = cache._connection.execute("SELECT count(*) FROM kept WHERE key = 'old'").fetchone()

    assert 0 == count
    cache.close()


def test_a_wall_clock_that_was_set_back_gives_no_negative_age(tmp_path: Path) -> None:
    """The value counts as new then."""
    clock = QuietTime(1_750_000_000.0)
    cache = SqliteCache(tmp_path / "cache.db", now_s=clock)
    cache.put("key", 1, keep_s=60)
    clock.advance(-3600)

    assert 0.0 == cache.get("key").age_s
    cache.close()


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A cache is not made among the tables of another program."""
    path = tmp_path / "holdfast.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE executions (id TEXT)")
    other.close()
    before = path.read_bytes()

    with pytest.raises(BadSettings, match="a database of something else"):
        SqliteCache(path)

    assert before == path.read_bytes()


@pytest.mark.parametrize(
    "content", [pytest.param(b"no database at all, but long enough to look like one" * 20, id="text")]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is not overwritten."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)

    with pytest.raises(BadSettings, match="cannot be used"):
        SqliteCache(path)

    assert content == path.read_bytes()


def test_a_directory_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    """Wrong settings are noticed when the cache is made, all of them."""
    with pytest.raises(BadSettings, match="cannot be used"):
        SqliteCache(tmp_path / "missing" / "cache.db")
    with pytest.raises(BadSettings) as caught:
        SqliteCache(tmp_path / "cache.db", entries_max=0, value_size_max_bytes=0, busy_timeout_s=60)

    assert {"entries_max", "value_size_max_bytes", "busy_timeout_s"} == {
        problem.path for problem in caught.value.problems
    }


def test_a_lock_of_another_program_is_not_waited_for(tmp_path: Path) -> None:
    """Whoever holds the file longer than the bound is not waited for; reading goes on meanwhile."""
    path = tmp_path / "cache.db"
    cache = SqliteCache(path, busy_timeout_s=0)
    cache.put("key", 1, keep_s=60)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        cache.put("key", 2, keep_s=60)
    found = cache.get("key")
    other.execute("ROLLBACK")
    other.close()

    assert 1 == found.value
    assert cache.put("key", 2, keep_s=60)
    cache.close()


def test_a_closed_cache_opens_again(tmp_path: Path) -> None:
    """Closing twice is fine, and so is using it afterwards."""
    cache = SqliteCache(tmp_path / "cache.db")
    cache.put("key", 1, keep_s=60)

    cache.close()
    cache.close()

    assert 1 == cache.get("key").value
    assert os.fspath(cache.path).endswith("cache.db")
    cache.close()
