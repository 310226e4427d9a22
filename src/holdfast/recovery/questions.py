"""Questions to people: a wait is a row, and costs nothing until somebody answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
from holdfast.ports.rows import ActionState, QuestionRow

if TYPE_CHECKING:
    from holdfast.contract import ErrorDetail
    from holdfast.ports.rows import ActionRow
    from holdfast.recovery.turn import Turn

__all__ = ["AGAIN", "GIVE_UP", "HAPPENED", "OPTIONS", "ask", "open_question", "withdraw"]

HAPPENED = "happened"
AGAIN = "again"
GIVE_UP = "give-up"
OPTIONS = (HAPPENED, AGAIN, GIVE_UP)


def ask(turn: Turn, row: ActionRow, *, detail: ErrorDetail) -> None:
    """Ask whether an attempt took effect; the execution waits for the answer."""
    text = (
        f"Attempt {row.n} of {row.action!r} ended without a usable answer, and nothing can tell whether it took effect: {detail.message}"
        f" Look at the other side. Answer {HAPPENED!r} if it did, {AGAIN!r} to perform it again, {GIVE_UP!r} to let it fail."
    )
    question = QuestionRow(
        execution=row.execution,
        action=row.action,
        n=row.n,
        kind="outcome",
        text=text,
        options=OPTIONS,
        asked_at=turn.now,
    )
    turn.tx.insert_question(question)
    turn.put(replace(row, state=ActionState.ASKING, step_key=None, due_at=None))
    turn.emit(
        "question.asked", actionId=row.action, attemptNumber=row.n, kind=question.kind, text=text, options=list(OPTIONS)
    )


def withdraw(turn: Turn, row: ActionRow, *, answer: str) -> None:
    """Close a question whose answer came by itself."""
    question = open_question(turn, row.action)
    if question is not None:
        turn.tx.answer_question(replace(question, answered_at=turn.now, answer=answer, answered_by="late-answer"))
        turn.emit("question.answered", actionId=row.action, attemptNumber=row.n, answer=answer, by="late-answer")


def open_question(turn: Turn, action_id: str | None) -> QuestionRow | None:
    """Return the question that waits for an answer; None when there is none."""
    waiting = [
        q for q in turn.tx.questions(turn.execution.id) if q.answered_at is None and action_id in (None, q.action)
    ]
    if len(waiting) > 1 and action_id is None:
        names = ", ".join(question.action for question in waiting)
        raise BadInput([Problem(source="answer", path="", message=f"several questions are open; name one of: {names}")])
    return waiting[0] if waiting else None
