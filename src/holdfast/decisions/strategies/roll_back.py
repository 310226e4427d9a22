"""Roll back: what the execution did is undone, in reverse order, back to a checkpoint; the plan fails with that reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.clearing import clear_up
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.ROLL_BACK


def consider(case: Case) -> Decision | Declined:
    """Roll back, if there is anything to go back to. What may have taken effect is cleared up first: nobody can undo what nobody knows of."""
    if case.can_roll_back is None:
        return Declined(way=WAY, reason="this deployment has no checkpoints")
    if not case.can_roll_back:
        return Declined(way=WAY, reason="this execution has no checkpoint to go back to")
    if case.outcome is not Outcome.NOT_EXECUTED:
        return clear_up(case)
    reason = f"{case.verdict.category}: what was done is undone, back to the last checkpoint"
    return Decision(move=Move.ROLL_BACK, strategy=WAY, rule="roll-back", reason=reason)
