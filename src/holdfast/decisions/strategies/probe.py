"""Probe: when nobody knows whether it happened, ask the API before anything else is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.limits import out_of_room
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.PROBE


def consider(case: Case) -> Decision | Declined:
    """Probe, if the definition says how, it has not been tried too often, and recovery has room left: a probe may lead to a repeat."""
    if not case.rules.has_probe:
        return Declined(way=WAY, reason="the definition has no probe that could tell whether it happened")
    if case.ledger.probes >= case.bounds.probes_max:
        return Declined(
            way=WAY,
            reason=f"{case.ledger.probes} probes were made for this action, the bound is {case.bounds.probes_max}",
        )
    declined = out_of_room(case, WAY)
    if declined:
        return declined
    reason = f"the outcome is {case.outcome}; ask the API whether it happened before doing anything again"
    return Decision(move=Move.PROBE, strategy=WAY, is_recovery=True, rule="probe", reason=reason)
