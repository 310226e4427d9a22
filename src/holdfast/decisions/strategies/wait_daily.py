"""Wait daily: wait until a long quota opens again, then repeat. Who says when: the server, else the API's catalog entry, else an assumption.

The entry knows the quota's documented reset (`quotaWindows`), or its advice names a delay. A documented reset decides by the rule
`wait-daily.documented-reset`.

The assumption is the next midnight UTC, which is when most daily quotas are counted anew; the reason says that nobody told us. A wrong one costs a
refused call and another day, and ends at the bound on recoveries for the category or on elapsed time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.strategies import wait_until
from holdfast.decisions.strategies.back_off import told_wait_s
from holdfast.decisions.strategies.limits import why_absurd, why_not_repeat, why_too_late
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["SPREAD_MAX_S", "consider"]

WAY = RecoveryStrategy.WAIT_DAILY
SPREAD_MAX_S = 300.0
"""Clocks differ, and everybody whose quota ended today waits for the same midnight: they begin within so many seconds after it."""


def consider(case: Case) -> Decision | Declined:
    """Wait for the quota, if a repeat is safe and the bounds leave room for the wait."""
    wait_s, says = quota_wait(case)
    told, documented = case.verdict.retry_after_s, case.verdict.quota_resets_in_s
    rule = "wait-daily" if told is not None or documented is None else "wait-daily.documented-reset"
    declined = (
        why_absurd(case, WAY) or why_not_repeat(case, WAY, is_bare=True) or why_too_late(case, WAY, wait_s=wait_s)
    )
    if declined:
        return declined
    reason = f"{case.verdict.category}: {says}; repeat in {wait_s:.0f} s"
    return Decision(move=Move.RETRY, strategy=WAY, wait_s=wait_s, is_recovery=True, rule=rule, reason=reason)


def quota_wait(case: Case) -> tuple[float, str]:
    """Return how long to wait, in seconds, and on whose word."""
    told = case.verdict.retry_after_s
    least_s = told_wait_s(case)
    if told is not None:
        return least_s + case.draw * wait_until.SPREAD_MAX_S, f"the server says to come back in {told:.0f} s"
    documented = case.verdict.quota_resets_in_s
    if documented is not None:
        says = f"the server does not say when; by its documentation the quota opens in {documented:.0f} s"
        return max(least_s, documented) + case.draw * SPREAD_MAX_S, says
    if case.override is not None and case.override.delay_s is not None:
        says = f"the server does not say when; assuming {case.override.delay_s:.0f} s as {case.override.source} has it"
        return least_s + case.draw * wait_until.SPREAD_MAX_S, says
    says = "the server does not say when; assuming that the quota opens at the next midnight UTC"
    return max(least_s, case.quota_reset_s + case.draw * SPREAD_MAX_S), says
