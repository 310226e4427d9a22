"""A person answers: the first answer wins, and it continues the execution. What an answer leads to is the same when the deadline gives it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.decisions.decision import Decision, Move
from holdfast.errors import QuestionClosed, UnknownExecution
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.plans.output import output_text
from holdfast.ports.rows import ActionState, Purpose
from holdfast.recovery.answer import Answer
from holdfast.recovery.consequences import carry_out, complete
from holdfast.recovery.questions import (
    AGAIN,
    CONFIRM,
    CONFIRMATION,
    DEADLINE,
    FALLBACK,
    GIVE_UP,
    HAPPENED,
    SKIP,
    open_question,
    settle_question,
)
from holdfast.recovery.refusing import refusal, refuse
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import ActionRow, QuestionRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["act_on", "answer"]

RULE = "not-confirmed"
REASONS = {
    GIVE_UP: "a person decided to let it fail",
    SKIP: "a person decided to go on without it",
    FALLBACK: "a person decided to take the fallback value",
}


def answer(
    tx: Tx,
    steps: Steps,
    *,
    plans: Plans,
    execution_id: str,
    action_id: str | None,
    choice: str,
    by: str | None,
    reason: str | None,
    output: Mapping[str, object] | None,
) -> str:
    """Record a person's answer and go on accordingly; returns the action it was about.

    Raises:
        UnknownExecution: no such execution.
        QuestionClosed: nobody waits for an answer, or somebody (or the deadline) was quicker; it says who, and with what.
        BadInput: the answer is none of the options, or it could answer several questions and no action is named.
    """
    turn = Turn.open(tx, steps, plans=plans, execution_id=execution_id)
    if turn is None:
        raise UnknownExecution(execution_id)
    question = open_question(turn, action_id, choice=choice) if turn.is_live else None
    if question is None:
        raise closed(turn, action_id)
    if has_lapsed(turn, question):
        raise QuestionClosed(
            execution_id, question.action, answer=question.default_answer, by=DEADLINE, at=question.deadline
        )
    if not settle_question(turn, question, answer=choice, by=by, reason=reason):
        raise closed(turn, question.action)
    act_on(turn, turn.rows[question.action], question=question, choice=choice, output=output)
    turn.finish()
    return question.action


def has_lapsed(turn: Turn, question: QuestionRow) -> bool:
    """Whether a yes comes too late. The plan says that no answer in time is a no, also while no worker runs that could say so.

    Other questions are answered as long as they are open: what really happened is worth hearing after the time, the plan's leave is not.
    """
    return question.kind == CONFIRMATION and question.deadline is not None and question.deadline <= turn.now


def closed(turn: Turn, action_id: str | None) -> QuestionClosed:
    """Return the error that says what was answered instead, and by whom."""
    answered = [
        question
        for question in turn.tx.questions(turn.execution.id)
        if question.answered_at is not None and action_id in (None, question.action)
    ]
    if not answered:
        return QuestionClosed(turn.execution.id, action_id)
    last = max(answered, key=lambda question: (question.answered_at or question.asked_at, question.n))
    return QuestionClosed(turn.execution.id, last.action, answer=last.answer, by=last.answered_by, at=last.answered_at)


def act_on(
    turn: Turn, row: ActionRow, *, question: QuestionRow, choice: str, output: Mapping[str, object] | None
) -> None:
    """Go on as the person, or the deadline, said."""
    if question.kind == CONFIRMATION:
        confirmed(turn, row, choice=choice)
        return
    attempt = turn.tx.attempt(row.execution, row.action, purpose=Purpose.PERFORM, n=row.n)
    assert attempt is not None, "a question follows an attempt"
    if choice == HAPPENED:
        told = Answer(output=output_text(output or {}), observed_at=turn.now)
        complete(turn, row, answer=told, attempt=attempt)
        return
    if choice == AGAIN:
        # A person's word is the one thing that may repeat an unknown outcome. With a new key: the old one may stand for work that was done.
        row = replace(row, state=ActionState.SCHEDULED, n=row.n + 1, epoch=row.epoch + 1, strategy="ask-person")
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n)
        return
    detail = ErrorDetail.from_json(row.error or "")
    decision = Decision(move=move_of(turn, row, choice=choice, detail=detail), rule="person", reason=REASONS[choice])
    carry_out(turn, row, decision=decision, detail=detail, attempt=attempt)


def confirmed(turn: Turn, row: ActionRow, *, choice: str) -> None:
    """A person, or the deadline, has said yes or no to an action that was not begun."""
    if choice == CONFIRM:
        turn.schedule(replace(row, state=ActionState.SCHEDULED, n=1), purpose=Purpose.PERFORM, n=1)
        return
    message = f"{row.action!r} was not performed: it was not confirmed."
    refuse(turn, row, detail=refusal(ErrorCategory.USER_CANCELLED, message, rule=RULE), rule=RULE)


def move_of(turn: Turn, row: ActionRow, *, choice: str, detail: ErrorDetail) -> Move:
    """Return how an action ends that is not performed again: as was said, or as the plan provides for a failure.

    The alternative takes over only from what surely did nothing.
    """
    rules = turn.plan.actions[row.action].rules
    if choice == SKIP:
        return Move.CONTINUE
    if choice == GIVE_UP and rules.alternative is not None and detail.outcome == Outcome.NOT_EXECUTED.value:
        return Move.ALTERNATIVE
    if rules.has_fallback:
        return Move.FALLBACK
    return Move.CONTINUE if rules.continue_on_failure else Move.GIVE_UP
