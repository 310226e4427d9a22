"""Outputs too large for a row, and secrets too precious for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Outputs", "Sealer", "StoredOutput"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutput:
    """Where a large output lies: a local path, its size in bytes and its SHA-256 in hexadecimal."""

    path: str
    size: int
    checksum: str
    content_type: str


class Outputs(Protocol):
    """Keeps large outputs by their digest."""

    async def put(self, body: bytes, *, content_type: str) -> StoredOutput:
        """Keep `body` durably; the same body twice is one file, put at the later time."""
        ...

    async def get(self, path: str, *, checksum: str) -> bytes:
        """Return a kept body, verified.

        Raises:
            StoreCorrupt: it is gone, or is not what was kept.
        """
        ...

    async def remove(self, path: str, *, put_before: datetime) -> bool:
        """Remove a kept body that nobody refers to; True when it is gone.

        False, and it stays, when it was put (again) since `put_before`: the attempt that put it is about to refer to it. False also for a
        path that is not of this keeping.
        """
        ...

    async def old(self, *, put_before: datetime, after: str, limit: int) -> list[str]:
        """Return the paths of what was last put before `put_before`, in order, those above `after`: what was begun and never finished, too."""
        ...


class Sealer(Protocol):
    """Encrypts secrets that rest in the database."""

    def seal(self, secret: str) -> bytes:
        """Encrypt.

        Raises:
            SecretKeyMissing: there is no key.
        """
        ...

    def digest(self, secret: str) -> str:
        """Return a name for a secret that tells nothing of it without the key; the same secret has the same one.

        Raises:
            SecretKeyMissing: there is no key.
        """
        ...

    def open(self, sealed: bytes) -> str:
        """Decrypt.

        Raises:
            SecretKeyMissing: there is no key, or it is another one.
        """
        ...
