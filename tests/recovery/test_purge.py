"""Erasing under the protocol: late answers, strays, executions that change meanwhile, and files that are gone already."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.contract import ActionDefinition
from holdfast.errors import UnknownExecution
from holdfast.ports.rows import DeadLetterRow
from holdfast.recovery import erasure
from holdfast.recovery.erasure import purge_personal
from holdfast.recovery.purge import purge
from tests.recovery.bench import EXECUTION, TIMEOUT, Bench, action, definition, frozen

pytestmark = pytest.mark.anyio
FIND = ActionDefinition.from_wire({**definition("find", "GET").to_wire(), "personal": ["mail"]})
PLAN = frozen([action("find")], [FIND])


async def test_a_late_answer_brings_nothing_back(tmp_path: Path) -> None:
    """A call that was given up on answers after its execution was erased: nothing of it is written, and its step is finished."""
    bench = Bench()
    bench.start(frozen([action("pay")]))
    step = bench.begin_attempt()
    bench.settle(step, TIMEOUT)
    bench.cancel()
    await purge(bench.store, FileOutputs(tmp_path), execution_id=EXECUTION)

    bench.settle(step, {"id": "late"})

    assert bench.read(lambda snapshot: snapshot.execution(EXECUTION)) is None
    assert ([], []) == (bench.events(), bench.attempts())


async def test_a_step_of_an_erased_execution_is_a_no_op(tmp_path: Path) -> None:
    """A step that an engine still delivers after the erasure does nothing and makes no call."""
    bench = Bench()
    bench.start(PLAN)
    step = bench.take()
    bench.cancel()
    await purge(bench.store, FileOutputs(tmp_path), execution_id=EXECUTION)

    bench.perform(step)

    assert [] == bench.performer.calls


async def test_strays_of_an_execution_that_was_never_here_are_erased(tmp_path: Path) -> None:
    """What events from outside left under an unknown id can be erased by it, once."""
    bench = Bench()
    stray = DeadLetterRow(
        execution="x", action="e", reason="r", detail='"Ada"', added_at=bench.clock.now(), kind="event"
    )
    bench.transact(lambda tx: tx.insert_dead_letter(stray))

    purged = await purge(bench.store, FileOutputs(tmp_path), execution_id="x")

    assert {"dead_letters": 1} == purged.rows
    with pytest.raises(UnknownExecution):
        await purge(bench.store, FileOutputs(tmp_path), execution_id="x")


async def test_an_execution_that_changes_meanwhile_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late answer that comes while files are read is not overwritten: everything is gathered anew."""
    bench = Bench({"find": [{"mail": "ada@x.example", "city": "London"}]})
    bench.start(PLAN)
    bench.run()
    change_of, seen = erasure.change_of, []

    async def interrupted(kept: erasure.Kept, outputs: FileOutputs) -> erasure.Change:
        change = await change_of(kept, outputs)
        if not seen:
            bench.transact(lambda tx: tx.lock(EXECUTION))
        seen.append(kept.execution.version)
        return change

    monkeypatch.setattr(erasure, "change_of", interrupted)
    await purge_personal(bench.store, FileOutputs(tmp_path), plans=bench.plans, execution_id=EXECUTION)

    assert 2 == len(seen)
    assert {"mail": "[personal]", "city": "London"} == json.loads(bench.row("find").output or "")


async def test_other_executions_of_the_plan_keep_theirs(tmp_path: Path) -> None:
    """Erasing what is personal in one execution leaves the plan and the outputs of another one of the same plan."""
    bench = Bench({"find": [{"mail": "ada@x.example"}, {"mail": "ada@x.example"}]})
    plan = frozen([action("find", inputs={"mail": "ada@x.example"})], [FIND])
    for name in (EXECUTION, "other"):
        bench.start(plan, name)
    bench.run()

    await purge_personal(bench.store, FileOutputs(tmp_path), plans=bench.plans, execution_id=EXECUTION)

    documents = [
        bench.read(lambda s, name=name: s.document(s.execution(name).document)) for name in (EXECUTION, "other")
    ]
    assert [False, True] == ["ada@x.example" in text for text in documents]
    assert '{"mail":"ada@x.example"}' == (bench.row("find", "other").output or "").replace(" ", "")


async def test_a_file_that_is_gone_already_keeps_nobody_from_erasing(tmp_path: Path) -> None:
    """An output that cannot be read any more is left out; the rest is erased."""
    bench = Bench()
    bench.start(frozen([action("find", inputs={"mail": "ada@x.example"})], [FIND]))
    bench.run()
    lost = json.dumps({"path": str(tmp_path / "gone"), "checksum": "0", "metadata": {}})
    row = replace(bench.row("find"), output=None, location=lost)
    bench.transact(lambda tx: tx.save_actions([row]))

    await purge_personal(bench.store, FileOutputs(tmp_path), plans=bench.plans, execution_id=EXECUTION)

    assert "ada@x" not in bench.read(lambda s: s.document(s.execution(EXECUTION).document))
