"""What follows: a decision turned into rows, steps and events, and the way an action ends, well or badly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.contract import ActionSuccess
from holdfast.decisions.decision import Decision, Move
from holdfast.plans.output import output_on_the_wire
from holdfast.plans.personal import without_personal
from holdfast.ports.rows import ActionState, Purpose, RunState
from holdfast.recovery import credentials, probing, questions
from holdfast.recovery.absorbing import absorb, by_fallback, ended, hand_over
from holdfast.recovery.detail import cancelled_detail
from holdfast.recovery.history import with_history
from holdfast.recovery.turn import Turn, iso

if TYPE_CHECKING:
    from holdfast.contract import ErrorDetail
    from holdfast.ports.rollback import Rollback
    from holdfast.ports.rows import ActionRow, AttemptRow
    from holdfast.recovery.answer import Answer, Deciding

__all__ = ["carry_out", "complete", "seconds"]


def complete(turn: Turn, row: ActionRow, *, answer: Answer, attempt: AttemptRow) -> None:
    """The action is done; its output is what references read from now on."""
    has_recovered = row.error is not None
    elapsed_s = (turn.now - (row.started_at or turn.now)).total_seconds()
    row = turn.put(
        replace(
            row,
            state=ActionState.COMPLETED,
            output=answer.output,
            location=answer.location,
            ended_at=turn.now,
            step_key=None,
            due_at=None,
            error=None,
        )
    )
    if answer.sealed_token is not None:
        credentials.renewed_by_plan(turn, row, sealed=answer.sealed_token, expires_s=answer.token_expires_s)
    # An event goes to whoever subscribes: what is personal in an output stays where outputs are.
    told = without_personal(row, turn.plan.actions[row.action].personal)
    output, location = output_on_the_wire(told, database="database")
    result = ActionSuccess(status="success", output=output, output_location=location)
    turn.emit("action.execute.completed", actionId=row.action, attemptNumber=attempt.n, result=result.to_wire())
    if has_recovered:
        turn.emit("recovery.succeeded", actionId=row.action, attemptNumber=attempt.n, elapsedS=round(elapsed_s, 3))


def carry_out(
    turn: Turn,
    row: ActionRow,
    *,
    decision: Decision,
    detail: ErrorDetail,
    attempt: AttemptRow,
    deciding: Deciding | None = None,
) -> None:
    """Turn a decision into rows, steps and events. `deciding` is what it was made with; None where nobody decided (a person did, or a defect)."""
    row = replace(row, error=detail.to_json(), step_key=None)
    if decision.is_recovery:
        row = replace(row, recoveries=row.recoveries + 1)
        turn.put_execution(replace(turn.execution, recoveries=turn.execution.recoveries + 1))
    announce(turn, row, decision=decision, detail=detail, attempt=attempt)
    match decision.move:
        case Move.RETRY:
            strategy = decision.strategy.value if decision.strategy else None
            epoch = row.epoch + 1 if decision.is_new_epoch else row.epoch
            row = replace(
                row,
                state=ActionState.SCHEDULED,
                n=row.n + 1,
                epoch=epoch,
                strategy=strategy,
                timeout_s=decision.timeout_s or row.timeout_s,
            )
            turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, wait_s=decision.wait_s)
        case Move.REFRESH:
            epoch = row.epoch + 1 if decision.is_new_epoch else row.epoch
            credentials.request_refresh(turn, replace(row, epoch=epoch), attempt=attempt)
        case Move.PROBE:
            probing.begin(turn, row)
        case Move.ASK:
            assert deciding is not None, "only a decision asks"
            questions.ask(turn, row, detail=detail, within_s=deciding.bounds.answer_within_s)
        case Move.ALTERNATIVE:
            hand_over(turn, row, detail=with_history(turn, row, detail=detail, decision=decision))
        case Move.FALLBACK:
            turn.put(by_fallback(turn, row))
        case Move.CONTINUE:
            turn.put(ended(turn, row, absorbed="continue"))
        case Move.ROLL_BACK | Move.GIVE_UP:
            give_up(turn, row, decision=decision, detail=detail, rollback=deciding.rollback if deciding else None)


def announce(turn: Turn, row: ActionRow, *, decision: Decision, detail: ErrorDetail, attempt: AttemptRow) -> None:
    """Record what was decided: `retry.scheduled` for the action's own policy, `error.occurred` and `recovery.decided` for everything beyond it."""
    facts: dict[str, object] = {
        "actionId": row.action,
        "attemptNumber": attempt.n,
        "rule": decision.rule,
        "reason": decision.reason,
    }
    if decision.move is Move.RETRY:
        facts |= {"waitS": round(decision.wait_s, 3), "dueAt": iso(turn.now + seconds(decision.wait_s))}
    if decision.rule.startswith("retry-policy"):
        turn.emit("retry.scheduled", **facts)
        return
    turn.emit("error.occurred", actionId=row.action, attemptNumber=attempt.n, error=detail.to_wire())
    turn.emit(
        "recovery.decided",
        **facts,
        category=detail.category.value,
        outcome=detail.outcome,
        move=decision.move.value,
        strategy=decision.strategy.value if decision.strategy else None,
        timeoutS=decision.timeout_s,
        rejected=[{"way": declined.way, "reason": declined.reason} for declined in decision.rejected],
    )


def give_up(turn: Turn, row: ActionRow, *, decision: Decision, detail: ErrorDetail, rollback: Rollback | None) -> None:
    """RECOVERY-008: the action has failed for good; if nothing absorbs it, the plan fails. The work is set aside either way.

    A decision to roll back asks for that first, in the same transaction.
    """
    if decision.move is Move.ROLL_BACK:
        assert rollback is not None, "the decision knew of it"
        to = rollback.request(turn.tx, row.execution, action=row.action, reason=decision.reason)
        turn.emit("rollback.requested", actionId=row.action, attemptNumber=row.n, to=to, reason=decision.reason)
    if turn.execution.closing is RunState.CANCELLED:
        detail = cancelled_detail()
    detail = with_history(turn, row, detail=detail, decision=decision)
    row = turn.put(replace(ended(turn, row, absorbed=None), error=detail.to_json()))
    reason = decision.rule if decision.rule in ("worker-lost", "closing") else detail.category.value
    turn.bury(
        row,
        reason=reason,
        detail={"error": detail.to_wire(), "rule": decision.rule, "because": decision.reason, "attempts": row.n},
    )
    # What was undone cannot be made up for: nobody stands in for it any more.
    if decision.move is Move.ROLL_BACK or not absorb(turn, row.action):
        turn.close(RunState.FAILED, error=detail, action=row.action)


def seconds(value: float) -> timedelta:
    """Return seconds as a timedelta."""
    return timedelta(seconds=value)
