"""Skip: the plan goes on without the action, because somebody prescribed it; never without a critical one, and never past an open outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.clearing import clear_up
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.SKIP


def consider(case: Case) -> Decision | Declined:
    """Leave it out. What may have taken effect is cleared up first: a plan that goes on as if nothing had happened would be wrong."""
    if case.rules.is_critical:
        return Declined(way=WAY, reason="the action is marked as critical: the plan cannot go on without it")
    if case.outcome is not Outcome.NOT_EXECUTED:
        return clear_up(case)
    reason = f"{case.verdict.category}: the plan goes on without this action"
    return Decision(move=Move.CONTINUE, strategy=WAY, rule="skip", reason=reason)
