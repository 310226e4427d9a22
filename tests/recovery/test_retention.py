"""What is kept and for how long: old executions go with their files, live ones stay, and no file goes from under an attempt."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.ports.rows import RunState
from holdfast.recovery.retention import ORPHAN_AGE_S, Keeper, Retention
from tests.recovery.bench import INVALID, Bench, action, frozen

pytestmark = pytest.mark.anyio
DAY = 86_400.0
PLAN = frozen([action("pay")])


class Kept:
    """A deployment with a directory for outputs, and executions that are put into it."""

    def __init__(self, directory: Path, *, script: dict[str, list[object]] | None = None, **retention: object) -> None:
        self.bench = Bench(script)
        self.outputs = FileOutputs(directory)
        self.directory = directory
        self.retention = Retention(**{"executions_s": DAY, **retention})  # type: ignore[arg-type]  # its own keywords

    def keeper(self) -> Keeper:
        """One worker's."""
        return Keeper(self.bench.store, self.outputs, clock=self.bench.clock, retention=self.retention)

    def run(self, *names: str) -> None:
        """Start executions and carry them out."""
        for name in names:
            self.bench.start(PLAN, name)
        self.bench.run()

    async def file(self, execution: str, body: bytes) -> Path:
        """Let the output of an execution lie in a file, put at the execution's end."""
        stored = await self.outputs.put(body, content_type="application/json")
        row = self.bench.row(execution=execution)
        location = json.dumps({"path": stored.path, "checksum": stored.checksum})
        self.bench.transact(lambda tx: tx.save_actions([replace(row, location=location, output=None)]))
        self.touch(Path(stored.path))
        return Path(stored.path)

    def touch(self, path: Path) -> None:
        """Let a file have been put now, by the bench's clock."""
        now = self.bench.clock.now().timestamp()
        os.utime(path, (now, now))

    def left(self) -> list[str]:
        """The executions that are still there."""
        return sorted(row.id for row in self.bench.read(lambda snapshot: snapshot.executions(state=None, limit=99)))


async def test_old_executions_go_and_young_and_live_ones_stay(tmp_path: Path) -> None:
    """After the time, and not before, everything of an ended execution is gone; a live one stays however old it is."""
    kept = Kept(tmp_path)
    kept.run("old")
    kept.bench.start(PLAN, "live")
    kept.bench.clock.advance(DAY)
    too_early = await kept.keeper().look()
    kept.bench.clock.advance(0.001)

    gone = await kept.keeper().look()

    assert (0, 1, ["live"]) == (too_early, gone, kept.left())


async def test_nothing_goes_by_default(tmp_path: Path) -> None:
    """Without a setting everything is kept for ever."""
    kept = Kept(tmp_path, executions_s=None)
    kept.run("old")
    kept.bench.clock.advance(1000 * DAY)

    assert (0, ["old"]) == (await kept.keeper().look(), kept.left())


@pytest.mark.parametrize(
    ("letters_s", "days", "expected"),
    [
        pytest.param(None, 1000, ["failed"], id="for ever"),
        pytest.param(3 * DAY, 2, ["failed"], id="longer"),
        pytest.param(3 * DAY, 4, [], id="over"),
        pytest.param(60.0, 0.5, ["failed", "good"], id="never shorter than others"),
    ],
)
async def test_executions_with_a_letter_are_kept_as_long_as_letters(
    tmp_path: Path, letters_s: float | None, days: float, expected: list[str]
) -> None:
    """Work that was set aside is for a person to look at: its execution stays as long as the setting for letters says."""
    kept = Kept(tmp_path, script={"pay": [INVALID]}, letters_s=letters_s)
    kept.run("failed")
    kept.run("good")
    assert RunState.FAILED is kept.bench.ended("failed")
    kept.bench.clock.advance(days * DAY)

    await kept.keeper().look()

    assert expected == kept.left()


async def test_batches_follow_one_another_until_nothing_is_old(tmp_path: Path) -> None:
    """One look erases all that is old, however small a batch is, and two workers at once erase each execution once."""
    kept = Kept(tmp_path, batch=2)
    kept.run(*(f"e{n}" for n in range(9)))
    kept.bench.clock.advance(2 * DAY)
    kept.run("young")

    gone = await asyncio.gather(kept.keeper().look(), kept.keeper().look())

    assert (9, ["young"]) == (sum(gone), kept.left())


async def test_files_go_with_the_last_row_that_names_them(tmp_path: Path) -> None:
    """A file that two executions share goes with the second of them."""
    kept = Kept(tmp_path)
    kept.run("one")
    path = await kept.file("one", b"{}")
    kept.bench.clock.advance(DAY)
    kept.run("two")
    await kept.file("two", b"{}")
    kept.bench.clock.advance(1)

    await kept.keeper().look()
    is_there = path.exists()
    kept.bench.clock.advance(DAY)
    await kept.keeper().look()

    assert (True, False) == (is_there, path.exists())


async def test_a_file_that_an_attempt_has_just_put_stays(tmp_path: Path) -> None:
    """The row of a shared file is gone, but an attempt that has not settled put the same bytes since: the file is there when it does."""
    kept = Kept(tmp_path)
    kept.run("one")
    path = await kept.file("one", b"{}")
    kept.bench.clock.advance(DAY + 1)
    kept.touch(path)

    gone = await kept.keeper().look()

    assert (1, True) == (gone, path.exists())


async def test_orphans_go_after_an_hour(tmp_path: Path) -> None:
    """A file that no row names, as a crash leaves it, goes once it is an hour old; one that a row names stays, and so does a young one."""
    kept = Kept(tmp_path, executions_s=None)
    kept.run("one")
    named = await kept.file("one", b"named")
    orphan, young = [Path((await kept.outputs.put(body, content_type="x")).path) for body in (b"orphan", b"young")]
    kept.touch(orphan)
    keeper = kept.keeper()
    kept.bench.clock.advance(ORPHAN_AGE_S - 60)
    kept.touch(young)
    await keeper.look()
    before = orphan.exists()
    kept.bench.clock.advance(61)

    await keeper.look()

    assert (True, False, True, True) == (before, *(one.exists() for one in (orphan, named, young)))


async def test_the_worker_looks_after_each_sweep(tmp_path: Path) -> None:
    """A worker with a time to keep erases what is older by itself."""
    kept = Kept(tmp_path)
    kept.run("old")
    kept.bench.clock.advance(2 * DAY)
    stop = asyncio.Event()
    looked: list[int] = []

    async def look() -> None:
        looked.append(await kept.keeper().look())
        stop.set()

    worker = kept.bench.worker
    worker._after_sweep = look
    sweeping = asyncio.ensure_future(worker._sweep_until(stop))
    for _ in range(20):
        await asyncio.sleep(0)
        kept.bench.clock.advance(timedelta(minutes=2).total_seconds())
    await asyncio.wait_for(sweeping, 5)

    assert ([1], []) == (looked, kept.left())
