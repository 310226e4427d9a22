"""Questions to people: a wait is a row, and costs nothing until somebody answers, or until its deadline answers for them.

```
confirmation   before the first attempt        confirm | reject                     nobody in time → reject, if the plan sets a time
outcome        nobody can tell if it happened  happened | again | give-up           nobody in time → give-up
next           it did not happen; what now?    again | skip | fallback | give-up    nobody in time → give-up
```
The deadline is a step like any other: an attempt that is not made, due when the time is over, remembered as the action's `step_key`
(`holdfast.recovery.deadlines`). Whoever answers first wins: a person, the deadline, a late answer of the API, or the end of the execution.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from holdfast.errors import BadInput, Problem
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import ActionState, Purpose, QuestionRow

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.contract import ErrorDetail
    from holdfast.plans.frozen import FrozenPlan
    from holdfast.ports.rows import ActionRow, ExecutionRow
    from holdfast.ports.store import Tx

__all__ = [
    "AGAIN",
    "CLOSING",
    "CONFIRM",
    "CONFIRMATION",
    "DEADLINE",
    "FALLBACK",
    "GIVE_UP",
    "HAPPENED",
    "LATE_ANSWER",
    "REJECT",
    "SKIP",
    "Asking",
    "ask",
    "ask_first",
    "asked",
    "close_questions",
    "open_question",
    "settle_question",
    "withdraw",
]

CONFIRM = "confirm"
REJECT = "reject"
HAPPENED = "happened"
AGAIN = "again"
SKIP = "skip"
FALLBACK = "fallback"
GIVE_UP = "give-up"
WITHDRAWN = "withdrawn"

CONFIRMATION = "confirmation"
OUTCOME = "outcome"
NEXT = "next"

LATE_ANSWER = "late-answer"
DEADLINE = "deadline"
CLOSING = "closing"
"""Who may answer besides people."""


class Asking(Protocol):
    """What is needed of an open turn to ask and to stop asking."""

    tx: Tx
    taken_back: list[str]
    execution: ExecutionRow
    plan: FrozenPlan
    rows: dict[str, ActionRow]

    @property
    def now(self) -> datetime:
        """The store's time."""
        ...

    def put(self, row: ActionRow) -> ActionRow:
        """Change an action."""
        ...

    def emit(self, event_type: str, **data: object) -> None:
        """Record an event."""
        ...

    def schedule(
        self, row: ActionRow, *, purpose: Purpose, n: int, wait_s: float = 0.0, due_at: datetime | None = None
    ) -> ActionRow:
        """Enqueue a step and remember its key."""
        ...


def ask_first(turn: Asking, row: ActionRow) -> None:
    """Ask a person whether an action may be performed at all; its execution pauses, other actions go on."""
    asked_for = turn.plan.actions[row.action].confirmation
    assert asked_for is not None, "only actions that need a yes are asked about"
    words = [asked_for.title.strip(), asked_for.message.strip()]
    question = QuestionRow(
        execution=row.execution,
        action=row.action,
        n=0,
        kind=CONFIRMATION,
        text=": ".join(word for word in words if word) or f"May {row.action!r} be performed?",
        options=(CONFIRM, REJECT),
        asked_at=turn.now,
        deadline=None if asked_for.timeout is None else turn.now + timedelta(milliseconds=asked_for.timeout),
        default_answer=None if asked_for.timeout is None else REJECT,
    )
    pose(turn, replace(row, state=ActionState.CONFIRMING), question)


def ask(turn: Asking, row: ActionRow, *, detail: ErrorDetail, within_s: float) -> None:
    """Ask how to go on after an attempt; the action waits for the answer, for at most `within_s` seconds (0: as long as it takes)."""
    did_nothing = detail.outcome == Outcome.NOT_EXECUTED.value
    has_fallback = turn.plan.actions[row.action].rules.has_fallback
    next_options = (AGAIN, SKIP, *((FALLBACK,) if has_fallback else ()), GIVE_UP)
    question = QuestionRow(
        execution=row.execution,
        action=row.action,
        n=free_number(turn, row),
        kind=NEXT if did_nothing else OUTCOME,
        text=text_of_next(row, detail) if did_nothing else text_of_outcome(row, detail),
        options=next_options if did_nothing else (HAPPENED, AGAIN, GIVE_UP),
        asked_at=turn.now,
        deadline=turn.now + timedelta(seconds=within_s) if within_s > 0 else None,
        default_answer=GIVE_UP if within_s > 0 else None,
        attempt=row.n,
    )
    pose(turn, replace(row, state=ActionState.ASKING), question)


def pose(turn: Asking, row: ActionRow, question: QuestionRow) -> None:
    """Put a question, with the step that answers it when nobody does in time."""
    turn.tx.insert_question(question)
    row = turn.put(replace(row, step_key=None, due_at=None))
    if question.deadline is not None:
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=question.deadline)
    turn.emit(
        "question.asked",
        actionId=row.action,
        attemptNumber=row.n,
        kind=question.kind,
        text=question.text,
        options=list(question.options),
        deadline=as_wire(question.deadline),
        defaultAnswer=question.default_answer,
    )


def text_of_outcome(row: ActionRow, detail: ErrorDetail) -> str:
    """Say that nobody knows whether an attempt took effect."""
    return (
        f"Attempt {row.n} of {row.action!r} ended without a usable answer, and nothing can tell whether it took effect: {detail.message}"
        f" Look at the other side. Answer {HAPPENED!r} if it did, {AGAIN!r} to perform it again, {GIVE_UP!r} to let it fail."
    )


def text_of_next(row: ActionRow, detail: ErrorDetail) -> str:
    """Say that an attempt did nothing, and that no machine knows how to go on."""
    return (
        f"Attempt {row.n} of {row.action!r} did not take effect, and a person is to say how to go on: {detail.message}"
        f" Answer {AGAIN!r} to perform it again, {SKIP!r} to go on without it, {GIVE_UP!r} to let it fail."
    )


def free_number(turn: Asking, row: ActionRow) -> int:
    """Return the number of a question: its attempt's, or the next free one where something was asked about that attempt before."""
    taken = [question.n for question in turn.tx.questions(row.execution) if question.action == row.action]
    return row.n if row.n not in taken else max(taken) + 1


def settle_question(turn: Asking, question: QuestionRow, *, answer: str, by: str | None, reason: str | None) -> bool:
    """Write down how a question was answered and by whom, and take its deadline back; False when somebody was quicker."""
    settled = replace(question, answered_at=turn.now, answer=answer, answered_by=by, reason=reason)
    if not turn.tx.answer_question(settled):
        return False
    row = turn.rows[question.action]
    if row.step_key is not None and row.state in (ActionState.CONFIRMING, ActionState.ASKING):
        turn.taken_back.append(row.step_key)  # where an engine cannot take a step back, it will find nothing to do
    turn.emit(
        "question.answered",
        actionId=question.action,
        attemptNumber=question.about,
        answer=answer,
        by=by,
        reason=reason,
    )
    return True


def withdraw(turn: Asking, row: ActionRow, *, answer: str) -> None:
    """Close a question whose answer came by itself."""
    for question in asked(turn, row.action):
        settle_question(turn, question, answer=answer, by=LATE_ANSWER, reason=None)


def close_questions(turn: Asking) -> None:
    """The execution is ending: nobody is asked any more."""
    if any(row.state in (ActionState.CONFIRMING, ActionState.ASKING) for row in turn.rows.values()):
        for question in asked(turn, None):
            settle_question(turn, question, answer=WITHDRAWN, by=CLOSING, reason=None)


def asked(turn: Asking, action_id: str | None) -> list[QuestionRow]:
    """Return the questions that wait for an answer, about one action or all of them."""
    return [
        question
        for question in turn.tx.questions(turn.execution.id)
        if question.answered_at is None and action_id in (None, question.action)
    ]


def open_question(turn: Asking, action_id: str | None, *, choice: str) -> QuestionRow | None:
    """Return the question that `choice` answers; None when there is none.

    Raises:
        BadInput: several questions could be meant, or none of those that wait can be answered like this.
    """
    waiting = asked(turn, action_id)
    fitting = [question for question in waiting if choice in question.options]
    if len(fitting) > 1:
        names = ", ".join(question.action for question in fitting)
        raise BadInput([Problem(source="answer", path="", message=f"several questions are open; name one of: {names}")])
    if waiting and not fitting:
        raise BadInput(
            [
                Problem(
                    source="answer",
                    path=question.action,
                    message=f"{choice!r} is no answer to what is asked here; the answers are: {', '.join(question.options)}",
                )
                for question in waiting
            ]
        )
    return fitting[0] if fitting else None


def as_wire(moment: datetime | None) -> str | None:
    """Return a moment as it stands on the wire."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
