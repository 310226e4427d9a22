"""One worker per SQLite file, even after a SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.adapters.sql.worker_lock import WorkerLock
from holdfast.errors import WorkerAlreadyRunning

SRC = Path(__file__).parents[3] / "src"
HOLD = """
import sys
from pathlib import Path
from holdfast.adapters.sql.worker_lock import WorkerLock
lock = WorkerLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock; returns when it has it."""
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_worker_is_told_who_has_the_file(tmp_path: Path) -> None:
    """While a process holds the lock another is refused, with the file and the process named; a killed holder frees it at once."""
    path = tmp_path / "work.db"
    holder = hold_elsewhere(path)

    with pytest.raises(WorkerAlreadyRunning) as refusal:
        WorkerLock(path).acquire()
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    lock = WorkerLock(path)
    lock.acquire()
    lock.release()

    assert (str(path), holder.pid) == (refusal.value.path, refusal.value.pid)


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    """Releasing gives the file to the next, and doing it twice is no error."""
    first, second = WorkerLock(tmp_path / "work.db"), WorkerLock(tmp_path / "work.db")
    first.acquire()
    with pytest.raises(WorkerAlreadyRunning):
        second.acquire()

    first.release()
    first.release()
    second.acquire()

    with pytest.raises(WorkerAlreadyRunning):
        first.acquire()
    second.release()


def test_files_are_locked_apart(tmp_path: Path) -> None:
    """Two database files have a worker each."""
    one, other = WorkerLock(tmp_path / "one.db"), WorkerLock(tmp_path / "other.db")

    one.acquire()
    other.acquire()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.db.worker", "other.db.worker"]
    one.release()
    other.release()
