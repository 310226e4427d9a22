"""Sealing with Fernet (AES-128-CBC and HMAC-SHA256, https://github.com/fernet/spec) of `cryptography`, imported at the first secret.

The key is `HOLDFAST_SECRET_KEY` (any text of at least 16 characters; a Fernet key is derived from it by scrypt) or, on SQLite only, a random one in a
file of mode 0600 beside the database.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import SecretKeyMissing

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

__all__ = ["FernetSealer"]

KEY_LENGTH_MIN = 16
SALT = b"holdfast.secret.v1"
"""Fixed on purpose: every worker must derive the same key from the same setting, and the setting is a random secret, not a password."""


class FernetSealer:
    """The `Sealer` port. Safe to use from several threads."""

    def __init__(self, *, key: str | None, key_file: Path | None) -> None:
        self._key = key
        self._key_file = key_file
        self._fernet: Fernet | None = None
        self._derived: bytes | None = None

    def seal(self, secret: str) -> bytes:
        """Encrypt."""
        return self._opened(create=True).encrypt(secret.encode())

    def digest(self, secret: str) -> str:
        """Return a keyed digest (HMAC-SHA256, under a key derived from the one that seals)."""
        key = hmac.digest(self._key_once(create=True), b"holdfast.secret.digest.v1", "sha256")
        return hmac.digest(key, secret.encode(), "sha256").hex()

    def open(self, sealed: bytes) -> str:
        """Decrypt."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - only who has secrets pays for the import

        try:
            return self._opened(create=False).decrypt(sealed).decode()
        except InvalidToken as err:
            raise SecretKeyMissing("they were sealed with another key") from err

    def check(self) -> None:
        """Make sure that secrets can be sealed here.

        Raises:
            SecretKeyMissing: there is no key and nowhere to keep one.
        """
        self._opened(create=True)

    def _opened(self, *, create: bool) -> Fernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

            self._fernet = Fernet(base64.urlsafe_b64encode(self._key_once(create=create)))
        return self._fernet

    def _key_once(self, *, create: bool) -> bytes:
        """Return the key, derived once: scrypt is slow on purpose."""
        if self._derived is None:
            self._derived = self._key_bytes(create=create)
        return self._derived

    def _key_bytes(self, *, create: bool) -> bytes:
        if self._key is not None:
            if len(self._key) < KEY_LENGTH_MIN:
                raise SecretKeyMissing(f"the key has fewer than {KEY_LENGTH_MIN} characters")
            return hashlib.scrypt(self._key.encode(), salt=SALT, n=2**14, r=8, p=1, dklen=32)
        if self._key_file is None:
            raise SecretKeyMissing("there is no key, and a shared database must not rely on a file of one machine")
        return key_of(self._key_file, create=create)


def key_of(path: Path, *, create: bool) -> bytes:
    """Return the key of a key file, creating the file with mode 0600 if need be."""
    if create and not path.exists():
        make_key(path)
    try:
        key = base64.urlsafe_b64decode(path.read_bytes())
    except (OSError, ValueError) as err:
        raise SecretKeyMissing(f"the key file {path.name} cannot be read") from err
    if len(key) != 32:
        raise SecretKeyMissing(f"the key file {path.name} is damaged")
    return key


def make_key(path: Path) -> None:
    """Write a new key beside its place and link it there: nobody ever sees half a key, and the first of several processes wins."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-key-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker; its key is as good
                os.link(temporary, path)
        finally:
            Path(temporary).unlink()
    except OSError as err:
        raise SecretKeyMissing(f"the key file {path.name} cannot be written ({err.strerror})") from err
