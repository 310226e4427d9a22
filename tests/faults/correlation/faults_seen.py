"""Verdicts as they are in a storm, for the tests of correlation."""

from __future__ import annotations

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import family_of, traits_of
from holdfast.faults.verdict import Outcome, Verdict

__all__ = ["seen"]


def seen(
    category: ErrorCategory = ErrorCategory.API_UNEXPECTED_STATUS,
    *,
    at: str | None = "crm",
    message: str = "it broke",
    rule: str = "generic:server-error",
    fingerprint: str | None = None,
    credential: str | None = None,
    status: int | None = None,
    outcome: Outcome = Outcome.UNKNOWN,
) -> Verdict:
    """A verdict on one failed call."""
    return Verdict(
        category=category,
        family=family_of(category, retryable=True),
        labels=(),
        retryable=True,
        health=traits_of(category).health,
        outcome=outcome,
        message=message,
        fingerprint=fingerprint or f"2:{category.value}-{at}",
        rule=rule,
        status=status,
        api_id=at,
        credential=credential,
    )
