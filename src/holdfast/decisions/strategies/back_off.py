"""Back off: repeat after a wait that grows with each recovery attempt, half of it drawn, never before the server's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.limits import why_absurd, why_not_repeat, why_too_late
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider", "growing_wait_s", "told_wait_s"]

WAY = RecoveryStrategy.BACK_OFF


def growing_wait_s(case: Case) -> float:
    """Seconds to wait: exponential with equal jitter (half fixed, half drawn), capped; at least what the server or the catalog says.

    Equal jitter keeps a floor under the wait, which full jitter does not: a host that is restarting gains nothing from a repeat after 3 ms.
    Source of the formula: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    bounds = case.bounds
    exponent = min(
        case.ledger.recoveries_in_category, 64
    )  # 2**64 s is beyond any cap; the bound keeps the power finite
    ceiling = min(bounds.backoff_max_s, bounds.backoff_initial_s * bounds.backoff_multiplier**exponent)
    return max(ceiling / 2 + case.draw * ceiling / 2, told_wait_s(case))


def told_wait_s(case: Case) -> float:
    """Seconds that the server, its catalog entry's advice or its prescribed backoff ask for at least; 0 when nobody asks."""
    advised = case.override.delay_s if case.override else None
    stated = case.verdict.retry_after_s
    if stated is None and case.verdict.backoff is not None:
        stated = case.verdict.backoff.initial_delay_s
    return max(stated or 0.0, advised or 0.0)


def consider(case: Case) -> Decision | Declined:
    """Repeat after a growing wait, if repeating is safe and there is room."""
    wait_s = growing_wait_s(case)
    declined = (
        why_not_repeat(case, WAY, is_bare=True) or why_absurd(case, WAY) or why_too_late(case, WAY, wait_s=wait_s)
    )
    if declined:
        return declined
    return Decision(
        move=Move.RETRY,
        strategy=WAY,
        wait_s=wait_s,
        is_recovery=True,
        rule="back-off",
        reason=f"{case.verdict.category}: mostly passes; repeat in {wait_s:.1f} s (recovery attempt {case.ledger.recoveries + 1})",
    )
