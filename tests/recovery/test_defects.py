"""A defect of ours that every delivery of a step brings out, and executions that are for newer releases."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.errors import ExecutionNewer
from holdfast.ports.rows import ActionState, RunState
from holdfast.ports.steps import NotNow
from holdfast.recovery import claim as claiming
from holdfast.recovery.defects import KEPT_MAX, Defects
from tests.recovery.bench import EXECUTION, OTHER, Bench, action, definition, drive, frozen

SECRET = "4929-payload"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Two executions; whatever claims the action `pay` raises."""
    announce = claiming.announce

    def fail_for_pay(turn: object, assignment: claiming.Assignment) -> None:
        if assignment.step.action == "pay":
            raise LookupError(SECRET)
        announce(turn, assignment)  # type: ignore[arg-type]  # a turn it is

    monkeypatch.setattr(claiming, "announce", fail_for_pay)
    bench = Bench()
    bench.start(frozen([action("pay", goes_on=True), action("ship")]))
    bench.start(frozen([action("other")]), OTHER)
    return bench


def perform_all(bench: Bench) -> int:
    """Deliver every step until none is left, giving back those that raise; returns how many raised."""
    raised = 0
    while (step := bench.steps.take("w")) is not None:
        try:
            drive(bench.worker.perform(step))
        except LookupError:
            raised += 1
            bench.steps.release("w")
    return raised


def test_a_step_that_always_meets_a_defect_is_set_aside_alone(broken: Bench) -> None:
    """After as many deliveries as a worker may die for, its action fails with a dead letter, its execution ends, and the others go on."""
    raised = perform_all(broken)

    assert raised == 2  # the third of three sets it aside
    assert broken.letters() == {"pay": "defect"}
    assert broken.row("pay").state is ActionState.FAILED
    assert (broken.ended(), broken.ended(OTHER)) == (RunState.FAILED, RunState.COMPLETED)


def test_a_defect_quotes_nothing(broken: Bench) -> None:
    """Of the exception only its type is kept: its text may quote a payload."""
    perform_all(broken)

    kept = repr(broken.events()) + repr(broken.read(lambda s: s.dead_letters(execution_id=None, limit=9)))
    assert "LookupError" in kept
    assert SECRET not in kept


def test_an_execution_whose_plan_is_damaged_ends() -> None:
    """A frozen plan that cannot be read any more ends its execution with a dead letter and one terminal event."""
    bench = Bench()
    bench.start(frozen([action("pay")]))
    bench.transact(lambda tx: tx.connection.execute(sa.update(schema.documents).values(body="{}")))
    bench.plans._kept.clear()

    raised = 0
    while (step := bench.steps.take("w")) is not None:
        try:
            drive(bench.worker.perform(step))
        except KeyError:
            raised += 1
            bench.steps.release("w")

    assert raised == 2
    assert bench.execution().state is RunState.FAILED
    assert bench.letters() == {"pay": "defect"}
    assert [event.type for event in bench.events() if event.is_terminal] == ["plan.execute.failed"]


def test_counts_in_a_row_and_within_bounds() -> None:
    """A step that went well begins anew, and the count of the longest untouched is forgotten, so memory is bounded."""
    defects = Defects(2)

    first = defects.is_enough("a")
    defects.forget("a")
    again = defects.is_enough("a")
    for number in range(KEPT_MAX):
        defects.is_enough(f"other{number}")

    assert (first, again, defects.is_enough("a")) == (False, False, False)
    assert defects.is_enough("a")
    assert len(defects._seen) <= KEPT_MAX


def test_an_execution_for_newer_releases_is_left_to_them(caplog: pytest.LogCaptureFixture) -> None:
    """Its step is given back for a few seconds without reading further, and that is told once; all else goes on."""
    bench = Bench()
    bench.start(frozen([action("pay")], [definition("pay")]))
    word = "a state of tomorrow"
    bench.transact(
        lambda tx: (
            tx.connection.execute(sa.update(schema.executions).values(contract=3)),
            tx.connection.execute(sa.text("UPDATE actions SET state = :word, step_key = 'lost'"), {"word": word}),
        )
    )
    step = bench.take()

    with caplog.at_level(logging.WARNING, logger="holdfast.worker"):
        for _ in range(3):
            with pytest.raises(NotNow) as later:
                drive(bench.worker.perform(step))

    assert 1 <= later.value.wait_s <= 60
    assert len(caplog.records) == 1
    assert EXECUTION in caplog.records[0].getMessage()
    assert bench.sweep().looked_at == 0
    assert bench.performer.calls == []


def test_even_its_own_state_may_be_a_new_word() -> None:
    """The lock refuses a newer execution also when its row cannot be read."""
    bench = Bench()
    bench.start(frozen([action("pay")]))
    bench.transact(lambda tx: tx.connection.execute(sa.text("UPDATE executions SET state = 'sleeping', contract = 3")))

    with pytest.raises(ExecutionNewer, match="contract 3"):
        bench.transact(lambda tx: tx.lock(EXECUTION))


def test_a_start_repeated_across_an_upgrade_is_the_same_execution() -> None:
    """Begun by the release before, which kept the plan under its own digest, a repeated start is no conflict."""
    bench = Bench()
    plan = frozen([action("pay")])
    bench.start(plan)

    is_new = bench.start(replace(plan, digest="of the second contract", digest_before=plan.digest))

    assert not is_new
