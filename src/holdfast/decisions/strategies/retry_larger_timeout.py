"""RECOVERY-004, retry with a larger timeout: give the answer more time, up to a bound, when a repeat is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.back_off import growing_wait_s
from holdfast.decisions.strategies.limits import why_absurd, why_not_repeat, why_too_late
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.RETRY_LARGER_TIMEOUT


def consider(case: Case) -> Decision | Declined:
    """Repeat with the timeout multiplied, if repeating is safe and there is room."""
    used_s = case.ledger.timeout_s or case.rules.timeout_s
    # A definition may ask for more than the bound by itself; recovery never gives an action less time than it had.
    timeout_s = max(used_s, min(used_s * case.bounds.timeout_multiplier, case.bounds.timeout_max_s))
    wait_s = growing_wait_s(case)
    declined = (
        why_not_repeat(case, WAY, is_bare=True)
        or why_absurd(case, WAY)
        or why_too_late(case, WAY, wait_s=wait_s + timeout_s)
    )
    if declined:
        return declined
    return Decision(
        move=Move.RETRY,
        strategy=WAY,
        wait_s=wait_s,
        timeout_s=timeout_s,
        is_recovery=True,
        rule="retry-larger-timeout",
        reason=f"no answer within {used_s:.1f} s; a repeat is safe ({case.rules.safety}); again in {wait_s:.1f} s with {timeout_s:.1f} s",
    )
