"""Alternative: another action of the plan takes over, unless the first one may have done its work already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.ALTERNATIVE


def consider(case: Case) -> Decision | Declined:
    """Hand over, if there is somebody to hand over to and nothing would be done twice."""
    if case.rules.alternative is None:
        return Declined(way=WAY, reason="the action names no alternative")
    if case.outcome is not Outcome.NOT_EXECUTED:
        reason = f"the outcome is {case.outcome}: the alternative could do the same work a second time"
        return Declined(way=WAY, reason=reason)
    reason = f"{case.verdict.category}: {case.rules.alternative!r} takes over"
    return Decision(move=Move.ALTERNATIVE, strategy=WAY, rule="alternative", reason=reason)
