"""RECOVERY-002, refresh then retry: renew the credential by its refresh action, once for all who wait for it, then repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.limits import why_absurd, why_not_repeat, why_too_late
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.REFRESH_THEN_RETRY


def consider(case: Case) -> Decision | Declined:
    """Refresh, if there is a credential with a refresh action and this action has not asked too often."""
    credential = case.rules.credential
    if credential is None:
        return Declined(way=WAY, reason="the action uses no credential that Holdfast knows")
    if not case.rules.can_refresh:
        return Declined(
            way=WAY,
            reason=f"no action refreshes the credential {credential!r} (a definition with refreshes: {credential})",
        )
    if case.ledger.refreshes >= case.bounds.refreshes_per_action_max:
        reason = f"it was refreshed {case.ledger.refreshes} times for this action and refused each time"
        return Declined(way=WAY, reason=reason)
    # Not a bare repeat: the credential changes in between, so `retryable: false` does not forbid it.
    told_s = case.verdict.retry_after_s or 0.0
    declined = (
        why_not_repeat(case, WAY, is_bare=False) or why_absurd(case, WAY) or why_too_late(case, WAY, wait_s=told_s)
    )
    if declined:
        return declined
    reason = f"the credential {credential!r} has expired; refresh it, then repeat"
    return Decision(
        move=Move.REFRESH, strategy=WAY, wait_s=told_s, is_recovery=True, rule="refresh-then-retry", reason=reason
    )
