"""SETTLE: an answer is there; write it on the ledger, decide, change the plan's rows, in one transaction. The first settle wins.

A late true answer to an attempt that was settled as unknown is kept and resolves the wait for a probe or a person; it never re-opens what is final.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.decisions.decision import Decision, Move
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import ActionState, AttemptRow, Purpose
from holdfast.recovery import probing, questions, refreshing
from holdfast.recovery.answer import Answer, Deciding
from holdfast.recovery.consequences import carry_out, complete, seconds
from holdfast.recovery.detail import decision_json, error_detail, lost_worker_verdict, verdict_json
from holdfast.recovery.doubt import due_after, last_word, late_answer_json
from holdfast.recovery.judging import decision_about, is_to_be_repeated
from holdfast.recovery.turn import Turn, iso

if TYPE_CHECKING:
    from holdfast.ports.rows import ActionRow
    from holdfast.ports.steps import Step, Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["apply_answer", "set_aside", "settle"]


def settle(tx: Tx, steps: Steps, *, plans: Plans, step: Step, answer: Answer, deciding: Deciding) -> None:
    """Settle the attempt that `step` made."""
    turn = Turn.open(tx, steps, plans=plans, execution_id=step.execution)
    if turn is None:
        # It ended without this attempt, and was erased since: a late answer must not bring anything of it back.
        steps.finish(tx, step.key)
        return
    attempt = tx.attempt(step.execution, step.action, purpose=step.purpose, n=step.n)
    assert attempt is not None, "what is settled was claimed"
    if attempt.outcome is None:
        apply_answer(turn, attempt, answer=answer, deciding=deciding)
    else:
        answered_late(turn, attempt, answer=answer, deciding=deciding)
    steps.finish(tx, step.key)
    turn.finish()


def apply_answer(turn: Turn, attempt: AttemptRow, *, answer: Answer, deciding: Deciding) -> None:
    """Write an answer on the ledger and let it take effect."""
    row = turn.put(replace(turn.rows[attempt.action], in_flight=turn.rows[attempt.action].in_flight - 1))
    match attempt.purpose:
        case Purpose.PERFORM:
            performed(turn, row, attempt=attempt, answer=answer, deciding=deciding)
        case Purpose.PROBE:
            won = record(turn, attempt, answer=answer, decision=None)
            assert won, "the ledger was read under the lock"
            probed(turn, row, attempt=attempt, answer=answer, deciding=deciding)
        case Purpose.REFRESH:
            won = record(turn, attempt, answer=answer, decision=None)
            assert won, "the ledger was read under the lock"
            refreshing.refreshed(turn, attempt, answer=answer, deciding=deciding)


def performed(turn: Turn, row: ActionRow, *, attempt: AttemptRow, answer: Answer, deciding: Deciding) -> None:
    """An attempt at the action itself: it worked, or a decision follows."""
    if answer.verdict is None:
        record(turn, attempt, answer=answer, decision=None)
        complete(turn, row, answer=answer, attempt=attempt)
        return
    detail = error_detail(answer.verdict, observed_at=answer.observed_at)
    turn.emit("action.execute.failed", actionId=row.action, attemptNumber=attempt.n, error=detail.to_wire())
    decision = decision_about(turn, row, attempt=attempt, verdict=answer.verdict, deciding=deciding)
    record(turn, attempt, answer=answer, decision=decision)
    if decision.outcome is Outcome.UNKNOWN:
        detail = detail.model_copy(
            update={"outcome": decision.outcome.value}
        )  # an earlier attempt may have taken effect
    carry_out(turn, turn.rows[row.action], decision=decision, detail=detail, attempt=attempt, deciding=deciding)


def record(turn: Turn, attempt: AttemptRow, *, answer: Answer, decision: Decision | None) -> bool:
    """Settle the ledger's entry."""
    verdict = answer.verdict
    due_at = None
    if decision is not None and decision.move is Move.RETRY:
        due_at = iso(turn.now + seconds(decision.wait_s))
    return turn.tx.settle_attempt(
        replace(
            attempt,
            settled_at=turn.now,
            result="success" if verdict is None else "failure",
            outcome=Outcome.EXECUTED.value if verdict is None else verdict.outcome.value,
            category=verdict.category.value if verdict else None,
            verdict=verdict_json(verdict) if verdict else None,
            decision=decision_json(decision, due_at=due_at) if decision else None,
            trace=answer.trace,
        )
    )


def set_aside(turn: Turn, attempt: AttemptRow) -> None:
    """A step that has killed its worker too often: its action fails, whatever its rules, and only its own execution with it."""
    row = turn.put(replace(turn.rows[attempt.action], in_flight=turn.rows[attempt.action].in_flight - 1))
    verdict = lost_worker_verdict(claims=attempt.claims)
    answer = Answer(verdict=verdict, observed_at=turn.now)
    decision = Decision(
        move=Move.GIVE_UP, rule="worker-lost", reason=f"its worker died {attempt.claims} times while performing it"
    )
    record(turn, attempt, answer=answer, decision=decision)
    detail = error_detail(verdict, observed_at=turn.now)
    if attempt.purpose is Purpose.REFRESH:
        refreshing.refreshed(turn, attempt, answer=answer, deciding=None)
        return
    if attempt.purpose is Purpose.PERFORM:
        turn.emit("action.execute.failed", actionId=row.action, attemptNumber=attempt.n, error=detail.to_wire())
    if not row.state.is_final:  # a probe may outlive the question it was to answer
        carry_out(turn, row, decision=decision, detail=detail, attempt=attempt)


def answered_late(turn: Turn, attempt: AttemptRow, *, answer: Answer, deciding: Deciding) -> None:
    """Somebody else settled this attempt first. If it was settled as unknown, this answer is the truth that a probe or a person was to find."""
    if attempt.purpose is Purpose.REFRESH:
        refreshing.refreshed_late(turn, attempt, answer=answer)
        return
    if attempt.outcome != Outcome.UNKNOWN or attempt.late_answer is not None or attempt.purpose is not Purpose.PERFORM:
        return
    result = "success" if answer.verdict is None else answer.verdict.outcome.value
    turn.tx.keep_late_answer(replace(attempt, late_answer=late_answer_json(answer.verdict, at=turn.now)))
    turn.emit("attempt.answered_late", actionId=attempt.action, attemptNumber=attempt.n, result=result)
    row = turn.rows[attempt.action]
    is_waiting = row.state in (ActionState.ASKING, ActionState.PROBING) and row.n == attempt.n and turn.is_live
    if not is_waiting or (answer.verdict is not None and answer.verdict.outcome is not Outcome.NOT_EXECUTED):
        return  # a failure that may have taken effect (or did) is no news: the question stays
    if row.state is ActionState.ASKING:
        questions.withdraw(turn, row, answer=result)
    if answer.verdict is None:
        complete(turn, row, answer=answer, attempt=attempt)
        return
    detail = error_detail(answer.verdict, observed_at=answer.observed_at)
    decision = decision_about(turn, row, attempt=attempt, verdict=answer.verdict, deciding=deciding)
    carry_out(turn, row, decision=decision, detail=detail, attempt=attempt, deciding=deciding)


def probed(turn: Turn, row: ActionRow, *, attempt: AttemptRow, answer: Answer, deciding: Deciding) -> None:
    """A probe has answered: the attempt took effect, it did not, or the probe itself failed."""
    if row.state is not ActionState.PROBING or not turn.is_live:
        return  # answered otherwise in the meantime, or the execution is ending: `finish` sees to the row
    asked = turn.tx.attempt(row.execution, row.action, purpose=Purpose.PERFORM, n=row.n)
    assert asked is not None, "a probe follows an attempt"
    finding = probing.finding_of(turn, row, answer=answer)
    turn.emit(
        "probe.answered", actionId=row.action, attemptNumber=row.n, happened=finding.happened, reason=finding.reason
    )
    if finding.happened is True:
        complete(turn, row, answer=answer, attempt=asked)
    elif finding.happened is False:
        did_not_happen(turn, row, asked=asked, deciding=deciding)
    elif not probing.again(turn, row, number=attempt.n, bounds=deciding.bounds):
        within_s = deciding.bounds.answer_within_s
        questions.ask(turn, row, detail=ErrorDetail.from_json(row.error or ""), within_s=within_s)


def did_not_happen(turn: Turn, row: ActionRow, *, asked: AttemptRow, deciding: Deciding) -> None:
    """Perform it again, as soon as the server allows.

    A wait that nobody believes, and a prescribed route that does not repeat, are decided about like any other failure that did nothing.
    """
    verdict = last_word(asked)
    believed_max_s = deciding.bounds.retry_after_max_s
    if (verdict.retry_after_s or 0.0) <= believed_max_s and is_to_be_repeated(
        turn, row, attempt=asked, verdict=verdict, deciding=deciding
    ):
        due_at = due_after(asked, believed_max_s=believed_max_s) or turn.now
        probing.did_not_happen(turn, row, asked=asked, wait_s=max(0.0, (due_at - turn.now).total_seconds()))
        return
    decision = decision_about(turn, row, attempt=asked, verdict=verdict, deciding=deciding, is_cleared_up=True)
    verdict = replace(verdict, outcome=Outcome.NOT_EXECUTED)
    carry_out(
        turn,
        row,
        decision=decision,
        detail=error_detail(verdict, observed_at=asked.settled_at or turn.now),
        attempt=asked,
        deciding=deciding,
    )
