"""Fallback: the plan's fallback value stands in for the output, as a prescribed route or when recovery has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.FALLBACK


def consider(case: Case) -> Decision | Declined:
    """Take the value, if there is one."""
    if not case.rules.has_fallback:
        return Declined(way=WAY, reason="the action has no fallback value")
    reason = f"{case.verdict.category}: the fallback value stands in for the output"
    return Decision(move=Move.FALLBACK, strategy=WAY, rule="fallback", reason=reason)
