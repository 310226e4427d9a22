"""One worker per SQLite file, by a lock of the operating system: freed at once when its holder dies, however it dies."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.errors import WorkerAlreadyRunning

__all__ = ["WorkerLock"]


class WorkerLock:
    """An exclusive lock on `FILE.worker`, held as long as the process lives or until `release`."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".worker")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            WorkerAlreadyRunning: another process has it.
        """
        import fcntl  # noqa: PLC0415 - POSIX only; elsewhere the import says so at the one place that needs it

        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).strip()
            os.close(descriptor)
            raise WorkerAlreadyRunning(
                str(self._path.with_suffix("")), int(holder) if holder.isdigit() else None
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
