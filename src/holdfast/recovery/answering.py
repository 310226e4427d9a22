"""A person answers: the first answer wins, and it continues the execution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.decisions.decision import Decision, Move
from holdfast.errors import BadInput, Problem, QuestionClosed, UnknownExecution
from holdfast.plans.output import output_text
from holdfast.ports.rows import ActionState, Purpose
from holdfast.recovery.answer import Answer
from holdfast.recovery.consequences import carry_out, complete
from holdfast.recovery.questions import AGAIN, HAPPENED, open_question
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import ActionRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["answer"]


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
        QuestionClosed: nobody waits for an answer, or somebody was quicker.
        BadInput: the answer is none of the options, or several questions are open and no action is named.
    """
    turn = Turn.open(tx, steps, plans=plans, execution_id=execution_id)
    if turn is None:
        raise UnknownExecution(execution_id)
    question = open_question(turn, action_id) if turn.is_live else None
    if question is None:
        raise QuestionClosed(execution_id, action_id)
    if choice not in question.options:
        raise BadInput(
            [Problem(source="answer", path="", message=f"{choice!r} is none of: {', '.join(question.options)}")]
        )
    if not tx.answer_question(replace(question, answered_at=turn.now, answer=choice, answered_by=by, reason=reason)):
        raise QuestionClosed(execution_id, action_id)
    turn.emit(
        "question.answered", actionId=question.action, attemptNumber=question.n, answer=choice, by=by, reason=reason
    )
    act_on(turn, turn.rows[question.action], choice=choice, output=output)
    turn.finish()
    return question.action


def act_on(turn: Turn, row: ActionRow, *, choice: str, output: Mapping[str, object] | None) -> None:
    """Go on as the person said."""
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
    rules = turn.plan.actions[row.action].rules
    move = Move.FALLBACK if rules.has_fallback else Move.CONTINUE if rules.continue_on_failure else Move.GIVE_UP
    decision = Decision(move=move, rule="person", reason="a person decided to let it fail")
    carry_out(turn, row, decision=decision, detail=ErrorDetail.from_json(row.error or ""), attempt=attempt)
