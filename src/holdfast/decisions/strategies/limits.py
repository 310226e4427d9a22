"""What every repeating strategy asks before it repeats: is it safe, is it allowed, and is there room left? RECOVERY-005 lives here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Declined
from holdfast.decisions.facts import Safety
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from holdfast.decisions.facts import Case

__all__ = ["out_of_room", "why_absurd", "why_not_repeat", "why_too_late"]


def why_not_repeat(case: Case, way: str, *, is_bare: bool) -> Declined | None:
    """Return why the action may not be performed again; None when it may.

    `is_bare` means that nothing but time changes between the attempts: a fault that is marked as not retryable forbids that.
    """
    if not case.may_repeat:
        return Declined(way=way, reason=why_unsafe(case))
    if is_bare and not case.verdict.retryable:
        return Declined(way=way, reason="the fault is marked as not retryable: the same request would fail again")
    return out_of_room(case, way)


def why_unsafe(case: Case) -> str:
    """Say why a repeat could do the work twice."""
    if case.outcome is Outcome.EXECUTED:
        return "the side effect happened: it is never repeated"
    if case.rules.safety is Safety.KEYED:
        return "the outcome is unknown and the idempotency key has outlived its lifetime at the API"
    return "the outcome is unknown and the action is neither idempotent nor keyed: a repeat could do it twice"


def out_of_room(case: Case, way: str) -> Declined | None:
    """Return which bound of recovery is used up; None while there is room."""
    ledger, bounds = case.ledger, case.bounds
    if ledger.recoveries >= bounds.attempts_per_action_max:
        return Declined(
            way=way,
            reason=f"{ledger.recoveries} recovery attempts of this action were made, the bound is {bounds.attempts_per_action_max}",
        )
    if ledger.recoveries_in_category >= bounds.attempts_per_category_max:
        made = ledger.recoveries_in_category
        reason = f"{made} recovery attempts were made for {case.verdict.category}, the bound is {bounds.attempts_per_category_max}"
        return Declined(way=way, reason=reason)
    if ledger.recoveries_in_execution >= bounds.attempts_per_execution_max:
        reason = f"{ledger.recoveries_in_execution} recovery attempts were made in this execution, the bound is {bounds.attempts_per_execution_max}"
        return Declined(way=way, reason=reason)
    return why_too_late(case, way, wait_s=0.0)


def why_absurd(case: Case, way: str) -> Declined | None:
    """Decline when the server asks for a wait beyond reason: it is not shortened, a person has to look."""
    told, bound = case.verdict.retry_after_s, case.bounds.retry_after_max_s
    if told is not None and told > bound:
        return Declined(
            way=way, reason=f"the server asks to wait {told:.0f} s, more than the {bound:.0f} s that are believed"
        )
    return None


def why_too_late(case: Case, way: str, *, wait_s: float) -> Declined | None:
    """Return why waiting `wait_s` would pass the bound on total elapsed time; None when it would not."""
    until_s = case.ledger.elapsed_s + wait_s
    if until_s > case.bounds.elapsed_max_s:
        return Declined(
            way=way,
            reason=f"it would last {until_s:.0f} s since the first attempt, the bound is {case.bounds.elapsed_max_s:.0f} s",
        )
    return None
