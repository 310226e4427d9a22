"""From rows to what the platform shows: `ExecutionState` of spec 000, with metrics and the recoveries that were decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.contract import (
    ActionExecutionState,
    ActionFailure,
    ActionSkipped,
    ActionStatus,
    ActionSuccess,
    Confirmation,
    ErrorDetail,
    ExecutionMetrics,
    ExecutionState,
    ExecutionStatus,
    HttpExchange,
    RecoveryRecord,
)
from holdfast.plans.output import output_on_the_wire
from holdfast.ports.rows import ActionState, Purpose, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from holdfast.ports.rows import ActionRow, AttemptRow, CredentialRow, ExecutionRow, QuestionRow

__all__ = ["execution_state", "status_of"]

UNDECIDED = (None, "withdrawn")
ANSWERED_NO = ("give-up", "reject", "skip", "fallback")
STATUS = {
    ActionState.PENDING: ActionStatus.PENDING,
    ActionState.CONFIRMING: ActionStatus.PENDING,
    ActionState.SCHEDULED: ActionStatus.RUNNING,
    ActionState.RUNNING: ActionStatus.RUNNING,
    ActionState.PROBING: ActionStatus.RUNNING,
    ActionState.ASKING: ActionStatus.RUNNING,
    ActionState.COMPLETED: ActionStatus.COMPLETED,
    ActionState.FAILED: ActionStatus.FAILED,
    ActionState.SKIPPED: ActionStatus.SKIPPED,
}


def status_of(
    row: ExecutionRow, questions: Sequence[QuestionRow], *, credentials: Sequence[CredentialRow] = ()
) -> ExecutionStatus:
    """Return the wire status: any open question means paused, one about a credential too; a failure that still drains means running."""
    if row.state is not RunState.RUNNING:
        return ExecutionStatus(row.state.value)
    is_asked = bool(credentials) or any(question.answered_at is None for question in questions)
    is_waiting = row.closing is None and is_asked
    return ExecutionStatus.PAUSED_FOR_CONFIRMATION if is_waiting else ExecutionStatus.RUNNING


def execution_state(
    row: ExecutionRow,
    actions: Sequence[ActionRow],
    *,
    attempts: Sequence[AttemptRow],
    questions: Sequence[QuestionRow],
    database: str,
    credentials: Sequence[CredentialRow] = (),
) -> ExecutionState:
    """Return the state of an execution. `database` is where outputs kept in rows are said to lie, `credentials` those a person is asked for."""
    states = {
        action.action: action_state(action, [a for a in attempts if a.action == action.action], database=database)
        for action in actions
    }
    return ExecutionState(
        id=row.id,
        plan_id=row.plan_id,
        status=status_of(row, questions, credentials=credentials),
        started_at=row.started_at,
        completed_at=row.ended_at,
        action_states=states,
        confirmations=tuple(confirmation(question) for question in questions),
        error=ErrorDetail.from_json(row.error) if row.error else None,
        metrics=ExecutionMetrics(
            total_actions=len(actions),
            completed_actions=sum(action.state is ActionState.COMPLETED for action in actions),
            failed_actions=sum(action.state is ActionState.FAILED for action in actions),
            skipped_actions=sum(action.state is ActionState.SKIPPED for action in actions),
            total_duration=milliseconds(row.started_at, row.ended_at),
        ),
    )


def action_state(row: ActionRow, attempts: Sequence[AttemptRow], *, database: str) -> ActionExecutionState:
    """Return the state of one action with its trace and what recovery decided about it."""
    performed = [attempt for attempt in attempts if attempt.purpose is Purpose.PERFORM]
    is_begun = row.state is not ActionState.SCHEDULED or bool(performed)
    trace = tuple(
        HttpExchange.from_wire(exchange)
        for attempt in attempts
        if attempt.trace
        for exchange in json.loads(attempt.trace)
    )
    recoveries = tuple(record for attempt in attempts if (record := recovery_record(attempt)) is not None)
    return ActionExecutionState(
        action_id=row.action,
        status=STATUS[row.state] if is_begun else ActionStatus.PENDING,
        started_at=row.started_at,
        completed_at=row.ended_at if row.started_at else None,
        duration=milliseconds(row.started_at, row.ended_at),
        attempts=len(performed),
        result=result_of(row, database=database),
        http_trace=trace,
        recoveries=recoveries or None,
    )


def result_of(row: ActionRow, *, database: str) -> ActionSuccess | ActionFailure | ActionSkipped | None:
    """Return how an action ended; None while it has not."""
    match row.state:
        case ActionState.COMPLETED:
            output, location = output_on_the_wire(row, database=database)
            return ActionSuccess(status="success", output=output, output_location=location)
        case ActionState.FAILED:
            assert row.error is not None, "a failed action knows its error"
            partial = output_on_the_wire(row, database=database)[0] if row.absorbed == "fallback" else None
            return ActionFailure(status="failure", error=ErrorDetail.from_json(row.error), partial_output=partial)
        case ActionState.SKIPPED:
            return ActionSkipped(status="skipped", reason=row.reason or "")
        case _:
            return None


def recovery_record(attempt: AttemptRow) -> RecoveryRecord | None:
    """Return what was decided after a failed attempt; None for one that worked or is in flight."""
    if attempt.decision is None or attempt.settled_at is None or attempt.category is None:
        return None
    decided = json.loads(attempt.decision)
    return RecoveryRecord.from_wire(
        {
            "attempt": attempt.n,
            "at": attempt.settled_at.isoformat().replace("+00:00", "Z"),
            "category": attempt.category,
            "strategy": decided.get("strategy") or decided["rule"],
            "decision": decided["move"],
            "reason": decided["reason"],
            "rule": decided["rule"],
            **({"dueAt": decided["dueAt"]} if decided.get("dueAt") else {}),
        }
    )


def confirmation(question: QuestionRow) -> Confirmation:
    """Return a question to a person as the platform's confirmation; one that the end of the execution closed was neither confirmed nor refused."""
    return Confirmation(
        action_id=question.action,
        requested_at=question.asked_at,
        responded_at=question.answered_at,
        confirmed=None if question.answer in UNDECIDED else question.answer not in ANSWERED_NO,
        user_id=question.answered_by,
    )


def milliseconds(start: datetime | None, end: datetime | None) -> int | None:
    """Return the time between two moments; None unless both are known, never negative."""
    return None if start is None or end is None else max(0, round((end - start).total_seconds() * 1000))
