"""Ask a person: what no machine can know or mend becomes a question, a row that waits without costing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.ASK_PERSON


def consider(case: Case) -> Decision | Declined:
    """Ask, unless people have answered about this action often enough: whoever says "again" each time does not mend it."""
    if case.ledger.questions >= case.bounds.questions_max:
        made = case.ledger.questions
        reason = f"{made} questions were asked about this action, the bound is {case.bounds.questions_max}"
        return Declined(way=WAY, reason=reason)
    reason = f"the outcome is {case.outcome} and no machine can tell: a person decides whether it happened"
    if case.outcome is Outcome.NOT_EXECUTED:
        reason = f"{case.verdict.category}: a person decides how to go on"
    return Decision(move=Move.ASK, strategy=WAY, rule="ask-person", reason=reason)
