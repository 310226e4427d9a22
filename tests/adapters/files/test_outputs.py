"""Large outputs as files by their digest."""

from __future__ import annotations

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
