"""What others say of a failure, as a verdict: an `ErrorDetail` from outside is believed as far as that is safe, and no further. Pure.

Who performed the attempt knows best whether it took effect, and says so in `outcome`. Where that is missing, only what refuses a request before it
is carried out (throttling, credentials, a request that is wrong, an address that is gone) counts as not executed. An attempt that a worker of ours
has in flight is another matter: nobody outside can know that it will do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.faults.fingerprint import fingerprint
from holdfast.faults.redact import redact_text
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import family_of, traits_of
from holdfast.faults.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.contract import ErrorDetail

__all__ = ["extract", "verdict_told"]

REFUSED = frozenset(
    {
        ErrorCategory.AUTH_EXPIRED,
        ErrorCategory.AUTH_INVALID,
        ErrorCategory.RATE_LIMIT_BURST,
        ErrorCategory.RATE_LIMIT_DAILY,
        ErrorCategory.VALIDATION_FAILED,
        ErrorCategory.API_ENDPOINT_REMOVED,
    }
)
"""Failures of these categories happen before the work begins."""
EXTRACT_MAX_CHARS = 300
CODE_MAX_CHARS = 100
STATUSES = range(100, 600)


def verdict_told(
    detail: ErrorDetail, *, now: datetime, is_in_our_hands: bool, api_id: str | None = None, place: str = ""
) -> Verdict:
    """Return the verdict that an error from outside amounts to.

    Args:
        detail: what was told.
        now: the store's time; a `retryAfter` in the past means at once.
        is_in_our_hands: a worker of ours made the attempt, and may still be making it: then it is never known to have done nothing.
        api_id: the API's catalog entry by the plan; what the sender says of it is not looked at.
        place: what was performed, for the fingerprint of an action without an API.
    """
    traits = traits_of(detail.category)
    wait_s = max(0.0, (detail.retry_after - now).total_seconds()) if detail.retry_after is not None else None
    message = extract(detail.message) or detail.category.value
    code = extract(detail.code, most=CODE_MAX_CHARS) if detail.code else None
    status = detail.status_code if detail.status_code in STATUSES else None
    return Verdict(
        category=detail.category,
        family=family_of(detail.category, retryable=detail.retryable),
        labels=traits.labels,
        retryable=detail.retryable,
        health=traits.health,
        outcome=outcome_told(detail, is_in_our_hands=is_in_our_hands),
        message=message,
        fingerprint=fingerprint(detail.category, api_id or place, message=message, status=status, code=code),
        rule="told",
        retry_after_s=wait_s,
        code=code or None,
        status=status,
        suggestion=extract(detail.suggestion) or None if detail.suggestion else None,
        api_id=api_id,
    )


def outcome_told(detail: ErrorDetail, *, is_in_our_hands: bool) -> Outcome:
    """Return whether the side effect happened, as far as it can be believed."""
    by_category = Outcome.NOT_EXECUTED if detail.category in REFUSED else Outcome.UNKNOWN
    outcome = by_category if detail.outcome is None else Outcome(detail.outcome)
    return Outcome.UNKNOWN if is_in_our_hands and outcome is Outcome.NOT_EXECUTED else outcome


def extract(text: str, *, most: int = EXTRACT_MAX_CHARS) -> str:
    """Return the beginning of somebody's text on one line, without secrets and without what no database takes (NUL, half surrogate pairs)."""
    # Redacted before it is cut: half a secret would not be recognised.
    line = " ".join(redact_text(writable(text[: 8 * most])).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def writable(text: str) -> str:
    """Return a text that every database takes."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
