"""Large outputs as files by their digest."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.errors import StoreCorrupt, StoreFull

pytestmark = pytest.mark.anyio


async def test_the_same_output_twice_is_one_file(tmp_path: Path) -> None:
    """What was kept is found by its place and digest, once, and nothing half-written stays."""
    outputs = FileOutputs(tmp_path / "outputs")

    first, second = [await outputs.put(b"large", content_type="application/json") for _ in range(2)]

    assert (first, b"large") == (second, await outputs.get(first.path, checksum=first.checksum))
    assert [Path(first.path)] == [one for one in tmp_path.rglob("*") if one.is_file()]  # noqa: ASYNC240 - a test may wait for its disk


@pytest.mark.parametrize(
    "change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")], ids=["gone", "changed"]
)
async def test_an_output_that_is_not_what_was_kept_is_said(tmp_path: Path, change: object) -> None:
    """A file that is gone or was changed is an error, never an answer."""
    outputs = FileOutputs(tmp_path)
    kept = await outputs.put(b"large", content_type="application/json")

    change(Path(kept.path))

    with pytest.raises(StoreCorrupt):
        await outputs.get(kept.path, checksum=kept.checksum)


async def test_no_room_is_said(tmp_path: Path) -> None:
    """A place that cannot be written is an error of ours."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreFull):
        await FileOutputs(tmp_path / "file").put(b"x", content_type="text/plain")


LONG_AGO, HOUR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)


def aged(path: str, moment: datetime = LONG_AGO) -> str:
    """Let a file have been put at a moment."""
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return path


async def test_an_old_output_is_removed_and_one_put_since_stays(tmp_path: Path) -> None:
    """What was put again after the moment that is asked about stays where it was, whole; what was not is gone, and going twice is no error."""
    outputs = FileOutputs(tmp_path)
    old, again = [await outputs.put(body, content_type="text/plain") for body in (b"old", b"again")]
    aged(old.path)
    aged(again.path)
    await outputs.put(b"again", content_type="text/plain")

    gone = [await outputs.remove(one.path, put_before=LONG_AGO + HOUR) for one in (old, old, again)]

    assert [True, True, False] == gone
    assert [again.path] == [str(one) for one in tmp_path.rglob("*") if one.is_file()]  # noqa: ASYNC240 - as above
    assert b"again" == await outputs.get(again.path, checksum=again.checksum)


async def test_a_put_between_the_look_and_the_removal_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is put while its file is being taken away is there afterwards."""
    outputs = FileOutputs(tmp_path)
    kept = await outputs.put(b"x", content_type="text/plain")
    aged(kept.path)
    replace = Path.replace

    def touched_first(self: Path, target: Path) -> Path:
        if self == Path(kept.path):
            os.utime(self)  # another process puts the same now
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", touched_first)
    is_gone = await outputs.remove(kept.path, put_before=LONG_AGO + HOUR)

    assert (False, b"x") == (is_gone, await outputs.get(kept.path, checksum=kept.checksum))


async def test_what_lies_elsewhere_is_not_removed(tmp_path: Path) -> None:
    """A path outside of this directory, which may be another database's, is left alone."""
    mine, other = FileOutputs(tmp_path / "mine"), FileOutputs(tmp_path / "other")
    theirs = await other.put(b"x", content_type="text/plain")
    aged(theirs.path)

    assert not await mine.remove(theirs.path, put_before=LONG_AGO + HOUR)
    assert Path(theirs.path).exists()  # noqa: ASYNC240 - as above


async def test_old_files_come_in_pages(tmp_path: Path) -> None:
    """Every file that was last put before a moment comes once, page by page; what was begun and never finished comes too."""
    outputs = FileOutputs(tmp_path)
    paths = {aged((await outputs.put(bytes([n]), content_type="text/plain")).path) for n in range(7)}
    await outputs.put(b"new", content_type="text/plain")
    half = Path(min(paths)).with_name(".new-1")
    half.write_text("half")
    paths.add(aged(str(half)))

    found, after = [], ""
    while page := await outputs.old(put_before=LONG_AGO + HOUR, after=after, limit=3):
        found += page
        after = page[-1]

    assert sorted(paths) == found
