"""Outputs too large for a row, and secrets too precious for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
        """Keep `body` durably; the same body twice is one file."""
        ...

    async def get(self, path: str, *, checksum: str) -> bytes:
        """Return a kept body, verified.

        Raises:
            StoreCorrupt: it is gone, or is not what was kept.
        """
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
