"""A call that began in process goes on: its execution begins with the attempts that were made there on the ledger, settled.

One transaction does what as many CLAIMs and SETTLEs would have done, and the decision about the last attempt is the same function's as theirs: the
earlier attempts count against every bound, a stated wait counts from when it was stated, and what may have happened is cleared up first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Move
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.ports.rows import ActionState, AttemptRow, Purpose
from holdfast.recovery.begin import begin
from holdfast.recovery.consequences import carry_out, seconds
from holdfast.recovery.detail import decision_json, error_detail, verdict_json
from holdfast.recovery.judging import decision_about
from holdfast.recovery.turn import Turn, iso

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.errors import Attempted
    from holdfast.plans.frozen import Frozen
    from holdfast.ports.handover import FailedCall
    from holdfast.ports.rows import ActionRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.turn import Plans

__all__ = ["begin_handed_over"]

IN_PROCESS = "in-process"
"""The worker of an attempt that no worker made."""
REPEATED = "retry-policy.in-process"
"""The rule of a repeat that no worker decided on; it is no recovery, as the repeats of an action's own policy are none."""


def begin_handed_over(
    tx: Tx, steps: Steps, *, plans: Plans, call: FailedCall, frozen: Frozen, deciding: Deciding
) -> bool:
    """Insert the execution that a call becomes; False when it exists already. Safe to call again with the same call.

    Raises:
        ExecutionConflict: its id belongs to something else.
    """
    return begin(
        tx,
        steps,
        plans=plans,
        execution_id=call.execution,
        frozen=frozen,
        first=lambda turn: go_on(turn, call, deciding=deciding),
    )


def go_on(turn: Turn, call: FailedCall, *, deciding: Deciding) -> None:
    """Put what was done in process on the ledger of the plan's one action, and decide what follows."""
    (row,) = turn.rows.values()
    turn.emit(
        "call.handed_over",
        planId=turn.execution.plan_id,
        actionId=row.action,
        policy=call.policy,
        reason=call.reason,
        attempts=len(call.attempts),
        elapsedS=round(call.ago_s, 3),
    )
    if not call.attempts:
        # Nothing was sent: it is a first attempt like any other, but not before whoever turned it away would let it pass.
        row = replace(row, state=ActionState.SCHEDULED, n=1)
        turn.schedule(row, purpose=Purpose.PERFORM, n=1, wait_s=call.wait_s)
        return
    # In the store's time: the program's clock may be another one, and differ.
    began_at = turn.now - seconds(call.ago_s)
    for number, attempted in enumerate(call.attempts[:-1], start=1):
        note(turn, row, call=call, number=number, attempted=attempted, began_at=began_at)
    number = len(call.attempts)
    row = turn.put(replace(row, state=ActionState.RUNNING, n=number, started_at=began_at))
    decide_about(
        turn,
        row,
        attempt=attempt_of(row, call, number=number, attempted=call.attempts[-1], began_at=began_at),
        attempted=call.attempts[-1],
        deciding=deciding,
    )


def note(
    turn: Turn, row: ActionRow, *, call: FailedCall, number: int, attempted: Attempted, began_at: datetime
) -> None:
    """Put an attempt on the ledger that the policy repeated."""
    attempt = attempt_of(row, call, number=number, attempted=attempted, began_at=began_at)
    verdict = verdict_in(attempted)
    ended_at = ended(turn, attempt, attempted=attempted)
    decision = Decision(
        move=Move.RETRY,
        rule=REPEATED,
        reason=f"repeated in process by the policy {call.policy!r}",
        wait_s=attempted.wait_s,
    )
    due_at = iso(ended_at + seconds(attempted.wait_s))
    turn.tx.insert_attempt(settled(attempt, verdict=verdict, decision=decision, at=ended_at, due_at=due_at))
    detail = error_detail(verdict, observed_at=ended_at)
    turn.emit("action.execute.failed", actionId=row.action, attemptNumber=number, error=detail.to_wire())


def decide_about(turn: Turn, row: ActionRow, *, attempt: AttemptRow, attempted: Attempted, deciding: Deciding) -> None:
    """Put the last attempt on the ledger and let its failure take effect, as SETTLE does."""
    verdict = verdict_in(attempted)
    ended_at = ended(turn, attempt, attempted=attempted)
    detail = error_detail(verdict, observed_at=ended_at)
    turn.emit("action.execute.failed", actionId=row.action, attemptNumber=attempt.n, error=detail.to_wire())
    turn.tx.insert_attempt(attempt)
    decision = decision_about(
        turn, row, attempt=attempt, verdict=as_of(turn.now, verdict, seen_at=ended_at), deciding=deciding
    )
    due_at = iso(turn.now + seconds(decision.wait_s)) if decision.move is Move.RETRY else None
    won = turn.tx.settle_attempt(settled(attempt, verdict=verdict, decision=decision, at=ended_at, due_at=due_at))
    assert won, "it was inserted in this transaction"
    if decision.outcome is Outcome.UNKNOWN:
        # An earlier attempt may have taken effect.
        detail = detail.model_copy(update={"outcome": decision.outcome.value})
    carry_out(turn, row, decision=decision, detail=detail, attempt=attempt, deciding=deciding)


def attempt_of(
    row: ActionRow, call: FailedCall, *, number: int, attempted: Attempted, began_at: datetime
) -> AttemptRow:
    """Return an attempt as the ledger has it before it is settled. Without an idempotency key, its key is empty: none was sent."""
    return AttemptRow(
        execution=row.execution,
        action=row.action,
        purpose=Purpose.PERFORM,
        n=number,
        claims=1,
        key=call.key or "",
        started_at=began_at + seconds(attempted.started_s),
        worker=IN_PROCESS,
    )


def settled(
    attempt: AttemptRow, *, verdict: Verdict, decision: Decision, at: datetime, due_at: str | None
) -> AttemptRow:
    """Return a failed attempt as the ledger keeps it."""
    return replace(
        attempt,
        settled_at=at,
        result="failure",
        outcome=verdict.outcome.value,
        category=verdict.category.value,
        verdict=verdict_json(verdict),
        decision=decision_json(decision, due_at=due_at),
    )


def ended(turn: Turn, attempt: AttemptRow, *, attempted: Attempted) -> datetime:
    """Return when an attempt ended, which was not after now."""
    return min(turn.now, attempt.started_at + timedelta(seconds=max(0.0, attempted.took_s)))


def as_of(now: datetime, verdict: Verdict, *, seen_at: datetime) -> Verdict:
    """Return a verdict whose stated wait counts from now: a part of it has passed since it was stated."""
    if verdict.retry_after_s is None:
        return verdict
    return replace(verdict, retry_after_s=max(0.0, verdict.retry_after_s - (now - seen_at).total_seconds()))


def verdict_in(attempted: Attempted) -> Verdict:
    """Return the whole verdict of an attempt."""
    verdict = attempted.verdict
    assert isinstance(verdict, Verdict), (
        "a guard classifies by holdfast.faults, and whoever takes a call over has seen to it"
    )
    return verdict
