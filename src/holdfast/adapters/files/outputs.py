"""Large outputs as files named by their SHA-256: written beside, synced, renamed; the same output twice is one file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from holdfast.errors import StoreCorrupt, StoreFull
from holdfast.ports.outputs import StoredOutput

__all__ = ["FileOutputs"]


class FileOutputs:
    """The `Outputs` port over one directory. With several machines the directory has to be shared between them."""

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

    def _write(self, checksum: str, body: bytes) -> Path:
        path = self._directory / checksum[:2] / checksum
        if path.exists():
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
