"""Whether an execution moves, and if not, what it waits for. Pure: rows in, a standing out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from holdfast.ports.rows import ActionState, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from holdfast.ports.rows import ActionRow, CredentialRow, ExecutionRow, QuestionRow

__all__ = ["Standing", "Stands", "standing_of"]


class Stands(StrEnum):
    """How an execution stands."""

    MOVING = "moving"
    WAITING = "waiting"
    """For a time that is far."""
    ASKING = "asking"
    """For a person, and for nothing else that is near."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an execution stands. `due_at` is when the next step is due, if it waits for a time; `questions` are the open ones,
    `credentials` those that a person is asked for.
    """

    stands: Stands
    execution: ExecutionRow
    due_at: datetime | None = None
    questions: tuple[QuestionRow, ...] = ()
    credentials: tuple[CredentialRow, ...] = ()


def standing_of(
    execution: ExecutionRow,
    actions: Sequence[ActionRow],
    *,
    questions: Sequence[QuestionRow],
    now: datetime,
    wait_max_s: float,
    credentials: Sequence[CredentialRow] = (),
) -> Standing:
    """Return how an execution stands, when waiting longer than `wait_max_s` is not moving."""
    if execution.state is not RunState.RUNNING:
        return Standing(stands=Stands.ENDED, execution=execution)
    is_busy = any(row.in_flight or row.state in (ActionState.RUNNING, ActionState.PROBING) for row in actions)
    asked_for = {credential.name for credential in credentials}
    waiting = [row for row in actions if row.state is ActionState.SCHEDULED and row.waits_for not in asked_for]
    # A credential that nobody is asked for (any more) is being renewed or has just come: its waiters are woken before their own step is due.
    dues = [None if row.waits_for is not None else row.due_at for row in waiting]
    asked = tuple(question for question in questions if question.answered_at is None)
    due_at = min((due for due in dues if due is not None), default=None)
    is_lapsed = any(question.deadline is not None and question.deadline <= now for question in asked)
    is_soon = None in dues or is_lapsed or (due_at is not None and (due_at - now).total_seconds() <= wait_max_s)
    # Nothing busy, nothing due and nobody asked is between two steps: the next transaction changes it.
    is_asked = bool(asked or asked_for)
    stands = (
        Stands.MOVING
        if is_busy or is_soon or not (is_asked or due_at)
        else Stands.ASKING
        if is_asked
        else Stands.WAITING
    )
    return Standing(stands=stands, execution=execution, due_at=due_at, questions=asked, credentials=tuple(credentials))
