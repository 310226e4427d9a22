"""A defect of ours inside a transaction about one step: the step is delivered again a few times, then its action is set aside, alone.

A defect that shows itself in every delivery would otherwise be tried for ever, with its execution alive and nobody told.
What the action did is not known to be nothing, so nothing stands in for it: its execution fails, and a dead letter says why.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.ports.rows import ActionState, DeadLetterRow, RunState
from holdfast.recovery.turn import TERMINAL_EVENTS, Turn

if TYPE_CHECKING:
    from holdfast.ports.rows import ExecutionRow
    from holdfast.ports.steps import Step, Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["Defects", "give_up_step", "give_up_unread"]

KEPT_MAX = 10_000
RULE = "defect"


class Defects:
    """How often each step has met a defect in this process; the longest untouched are forgotten first, and a restart begins anew."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: OrderedDict[str, int] = OrderedDict()

    def is_enough(self, key: str) -> bool:
        """Count one more for a step; says whether it is time to set it aside."""
        self._seen[key] = self._seen.pop(key, 0) + 1
        while len(self._seen) > KEPT_MAX:
            self._seen.popitem(last=False)
        return self._seen[key] >= self._most

    def forget(self, key: str) -> None:
        """The step went well, or was set aside."""
        self._seen.pop(key, None)


def give_up_step(tx: Tx, steps: Steps, *, plans: Plans, step: Step, error: str) -> None:
    """Fail the step's action, whatever would absorb it, and with it its execution, once what is in flight elsewhere has ended."""
    turn = Turn.open(tx, steps, plans=plans, execution_id=step.execution)
    steps.finish(tx, step.key)
    row = turn.rows.get(step.action) if turn is not None else None
    if turn is None or row is None or row.state.is_final:
        return
    detail = detail_of(step, error)
    attempt = tx.attempt(step.execution, step.action, purpose=step.purpose, n=step.n)
    if attempt is not None and attempt.outcome is None:
        tx.settle_attempt(
            replace(
                attempt,
                settled_at=turn.now,
                result="failure",
                outcome="unknown",
                category=detail.category.value,
                decision=json.dumps({"move": "give-up", "rule": RULE, "reason": detail.message, "isRecovery": False}),
            )
        )
        row = replace(row, in_flight=row.in_flight - 1)
    row = turn.put(
        replace(row, state=ActionState.FAILED, error=detail.to_json(), ended_at=turn.now, step_key=None, due_at=None)
    )
    turn.emit("action.execute.failed", actionId=row.action, attemptNumber=step.n, error=detail.to_wire())
    turn.bury(row, reason=RULE, detail={"error": detail.to_wire(), "rule": RULE, "because": error})
    turn.close(RunState.FAILED, error=detail, action=row.action)
    turn.finish()


def give_up_unread(tx: Tx, steps: Steps, *, step: Step, error: str) -> None:
    """End an execution that cannot even be read to be decided about (a damaged plan): in its own row, a letter and its last event."""
    execution = tx.lock(step.execution)
    steps.finish(tx, step.key)
    if execution is None or execution.state is not RunState.RUNNING:
        return
    detail = detail_of(step, error)
    letter = DeadLetterRow(
        execution=step.execution,
        action=step.action,
        reason=RULE,
        detail=json.dumps({"error": detail.to_wire(), "rule": RULE, "because": error}, ensure_ascii=False),
        added_at=tx.now,
    )
    tx.insert_dead_letter(letter)
    tx.emit(
        step.execution,
        "dead_letter.added",
        data={"executionId": step.execution, "actionId": step.action, "reason": RULE},
    )
    end(tx, execution, step=step, detail=detail)


def end(tx: Tx, execution: ExecutionRow, *, step: Step, detail: ErrorDetail) -> None:
    """Write the end of an execution as it always is written."""
    tx.save_execution(
        replace(
            execution,
            state=RunState.FAILED,
            closing=RunState.FAILED,
            ended_at=tx.now,
            error=detail.to_json(),
            failed_action=step.action,
        )
    )
    data = {
        "executionId": execution.id,
        "planId": execution.plan_id,
        "error": detail.to_wire(),
        "attempts": step.n,
        "actionId": step.action,
    }
    tx.emit(execution.id, TERMINAL_EVENTS[RunState.FAILED], data=data, is_terminal=True)


def detail_of(step: Step, error: str) -> ErrorDetail:
    """Return the error of an action that a defect of ours has stopped. Of the exception only its type is told: its text may quote a payload."""
    return ErrorDetail(
        category=ErrorCategory.STATE_INCONSISTENT,
        message=f"A defect of Holdfast stopped {step.action!r} every time it was taken up ({error}). The worker's log says more; please report it.",
        retryable=False,
        context={"rule": RULE},
        outcome="unknown",
    )
