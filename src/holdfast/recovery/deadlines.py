"""Nobody answered in time: the step of a waiting action is its deadline, and makes no attempt.

No purpose of its own: a worker of an older release, which knows nothing of deadlines, takes such a step for a stale duplicate and finishes it; the
sweep of a newer one enqueues it again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from holdfast.ports.rows import ActionState, Purpose
from holdfast.recovery.answering import act_on
from holdfast.recovery.questions import DEADLINE, asked, settle_question

if TYPE_CHECKING:
    from holdfast.ports.steps import Step
    from holdfast.recovery.turn import Turn

__all__ = ["expire", "is_deadline"]

log = logging.getLogger("holdfast.worker")


def is_deadline(turn: Turn, step: Step) -> bool:
    """Whether a step is the deadline that its action rests on now; an earlier one, or one that was answered, is a duplicate."""
    row = turn.rows[step.action]
    is_waiting = row.state in (ActionState.CONFIRMING, ActionState.ASKING)
    return turn.is_live and is_waiting and step.purpose is Purpose.PERFORM and row.step_key == step.key


def expire(turn: Turn, step: Step) -> None:
    """Answer for whoever was asked, unless the time is not over after all (a step may be enqueued anew, or come early)."""
    row = turn.rows[step.action]
    for question in asked(turn, step.action):
        if question.deadline is None or question.default_answer is None:
            continue
        if question.deadline > turn.now:
            turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=question.deadline)
        elif settle_question(turn, question, answer=question.default_answer, by=DEADLINE, reason=None):
            log.warning(
                "nobody answered about action %s of execution %s in time: %s",
                step.action,
                step.execution,
                question.default_answer,
            )
            act_on(turn, row, question=question, choice=question.default_answer, output=None)
