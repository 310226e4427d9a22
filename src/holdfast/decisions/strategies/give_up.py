"""Give up: recovery has nothing to offer for this fault. What the plan itself provides (alternative, fallback, continue) still applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Declined
from holdfast.decisions.routes import ROUTES
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]


def consider(case: Case) -> Declined:
    """Decline with the reason of whoever prescribed it: the action, the API's entry, or the table."""
    why = ROUTES[case.verdict.category].why
    if case.override is not None:
        why = f"prescribed by {case.override.source}" + (f" — {case.override.reason}" if case.override.reason else "")
    return Declined(way=RecoveryStrategy.GIVE_UP, reason=f"{case.verdict.category}: {why}")
