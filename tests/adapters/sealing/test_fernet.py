"""Sealing secrets: with the deployment's key, or with a key file that nobody ever sees half-written."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.sealing.fernet import FernetSealer
from holdfast.errors import SecretKeyMissing

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a key of some length"


def test_what_is_sealed_opens_with_the_same_key_only() -> None:
    """A secret is unreadable at rest, opens for every worker with the key, and for no other."""
    sealed = FernetSealer(key=KEY, key_file=None).seal("hf-token")

    assert b"hf-token" not in sealed
    assert "hf-token" == FernetSealer(key=KEY, key_file=None).open(sealed)
    with pytest.raises(SecretKeyMissing):
        FernetSealer(key=KEY + "!", key_file=None).open(sealed)


@pytest.mark.parametrize("key", ["too short", None], ids=["short", "none"])
def test_without_a_key_nothing_is_sealed(key: str | None) -> None:
    """No key, or one that is too short, is refused before anything is started."""
    with pytest.raises(SecretKeyMissing):
        FernetSealer(key=key, key_file=None).check()


def test_the_key_file_is_private_and_shared(tmp_path: Path) -> None:
    """The first seal makes a key file of mode 0600; the next process uses it, and leaves nothing else behind."""
    path = tmp_path / "new" / "secret.key"

    sealed = FernetSealer(key=None, key_file=path).seal("t")

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "t" == FernetSealer(key=None, key_file=path).open(sealed)
    assert [path] == list(path.parent.iterdir())


def test_many_that_begin_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Whoever is quicker makes the key; nobody reads half of it."""
    path = tmp_path / "secret.key"

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda _: FernetSealer(key=None, key_file=path).seal("t"), range(24)))

    assert ["t"] * 24 == [FernetSealer(key=None, key_file=path).open(one) for one in sealed]


@pytest.mark.parametrize("content", [None, b"", b"c2hvcnQ="], ids=["gone", "empty", "short"])
def test_a_key_file_that_is_lost_or_damaged_is_said(tmp_path: Path, content: bytes | None) -> None:
    """Opening never makes a new key, and a damaged one is named without its content."""
    path = tmp_path / "secret.key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SecretKeyMissing, match=r"secret\.key"):
        FernetSealer(key=None, key_file=path).open(b"sealed")


def test_a_place_that_cannot_hold_a_key_is_said(tmp_path: Path) -> None:
    """A directory that cannot be made is an error of ours, not a bare OSError."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SecretKeyMissing):
        FernetSealer(key=None, key_file=tmp_path / "file" / "secret.key").seal("t")
