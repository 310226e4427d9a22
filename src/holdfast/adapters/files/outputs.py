"""Large outputs as files named by their SHA-256: written beside, synced, renamed; the same output twice is one file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import StoreCorrupt, StoreFull
from holdfast.ports.outputs import StoredOutput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["FileOutputs"]

GONE = ".gone-"
"""How the name of a file begins while it is being removed. One that a crash leaves behind is found like any other that nobody refers to."""


class FileOutputs:
    """The `Outputs` port over one directory. With several machines the directory has to be shared between them.

    It belongs to one database alone: what that database's rows do not name is removed one day.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put(self, body: bytes, *, content_type: str) -> StoredOutput:
        """Keep `body`; it is on the disk when this returns."""
        checksum = hashlib.sha256(body).hexdigest()
        path = await asyncio.to_thread(self._write, checksum, body)
        return StoredOutput(path=str(path), size=len(body), checksum=checksum, content_type=content_type)

    async def get(self, path: str, *, checksum: str) -> bytes:
        """Return a kept body, verified."""
        return await asyncio.to_thread(self._read, path, checksum)

    async def remove(self, path: str, *, put_before: datetime) -> bool:
        """Remove a body, unless it was put again since `put_before` or lies elsewhere."""
        return await asyncio.to_thread(self._remove, Path(path), put_before.timestamp())

    async def old(self, *, put_before: datetime, after: str, limit: int) -> list[str]:
        """Return what was last put before a moment, in the order of paths."""
        return await asyncio.to_thread(self._old, put_before.timestamp(), after, limit)

    def _write(self, checksum: str, body: bytes) -> Path:
        path = self._directory / checksum[:2] / checksum
        with contextlib.suppress(OSError):
            os.utime(path)  # it is there: put again, now, so that nobody removes it before this attempt has settled
            return path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(path)
            except OSError:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
            sync_directory(path.parent)
            sync_directory(self._directory)  # its subdirectory may be new as well
        except OSError as err:
            raise StoreFull(
                str(self._directory), f"an output of {len(body)} bytes cannot be kept ({err.strerror})"
            ) from err
        return path

    def _remove(self, path: Path, put_before_s: float) -> bool:
        if self._directory not in path.parents:
            return False
        aside = path.with_name(f"{GONE}{path.name}")
        try:
            if path.stat().st_mtime >= put_before_s:
                return False
            path.replace(aside)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        # Again, now that no put can find it: one that came before the rename has left its time, one that comes after it writes anew.
        if aside.stat().st_mtime < put_before_s:
            aside.unlink(missing_ok=True)
            return True
        aside.replace(path)  # whatever is there by now is the same: its name is the digest of what it holds
        return False

    def _old(self, put_before_s: float, after: str, limit: int) -> list[str]:
        found: list[str] = []
        for path in self._files(after):
            with contextlib.suppress(FileNotFoundError):  # another worker was quicker
                if path.stat().st_mtime < put_before_s:
                    found.append(str(path))
            if len(found) == limit:
                break
        return found

    def _files(self, after: str) -> Iterator[Path]:
        """Yield all files of this keeping above `after`, one directory in memory at a time."""
        first = Path(after).parent.name if after else ""
        for part in sorted(self._directory.iterdir()) if self._directory.is_dir() else ():
            if part.is_dir() and len(part.name) == len("ab") and part.name >= first:
                yield from (path for path in sorted(part.iterdir()) if str(path) > after)

    def _read(self, path: str, checksum: str) -> bytes:
        try:
            body = Path(path).read_bytes()
        except OSError as err:
            raise StoreCorrupt(path, f"a kept output cannot be read ({err.strerror})") from err
        if hashlib.sha256(body).hexdigest() != checksum:
            raise StoreCorrupt(path, "a kept output is not what was kept: its SHA-256 differs")
        return body


def sync_directory(directory: Path) -> None:
    """Make a rename durable: without this, a power cut may forget the name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
