"""RECOVERY-003, wait until: repeat when the server said that it may be repeated, never earlier. Without a word of it: back off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies.back_off import growing_wait_s, told_wait_s
from holdfast.decisions.strategies.limits import why_absurd, why_not_repeat, why_too_late
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["consider"]

WAY = RecoveryStrategy.WAIT_UNTIL
SPREAD_MAX_S = 0.25
"""Waiters of one limit are spread over so much *after* the stated time, so that they do not all knock at once; never before it."""


def consider(case: Case) -> Decision | Declined:
    """Wait as long as the server says, if that is believable and within the bounds."""
    told = case.verdict.retry_after_s
    if (
        told is None
        and case.verdict.category is ErrorCategory.RATE_LIMIT_DAILY
        and not (case.override and case.override.delay_s)
    ):
        return Declined(way=WAY, reason="the quota is used up and the server does not say when it opens again")
    wait_s = growing_wait_s(case) if told is None else told_wait_s(case) + case.draw * SPREAD_MAX_S
    declined = (
        why_absurd(case, WAY) or why_not_repeat(case, WAY, is_bare=True) or why_too_late(case, WAY, wait_s=wait_s)
    )
    if declined:
        return declined
    says = (
        f"the server says to come back in {told:.1f} s"
        if told is not None
        else "the server does not say when; backing off"
    )
    reason = f"{case.verdict.category}: {says}; repeat in {wait_s:.1f} s"
    return Decision(move=Move.RETRY, strategy=WAY, wait_s=wait_s, is_recovery=True, rule="wait-until", reason=reason)
