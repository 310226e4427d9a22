"""One rule's answer to what a fault is, before it becomes a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff, Health, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one rule says; `None` leaves the part to the defaults of the category or to the evidence of the attempt."""

    category: ErrorCategory
    rule: str
    retryable: bool | None = None
    outcome: Outcome | None = None
    health: Health | None = None
    suggestion: str | None = None
    backoff: Backoff | None = None
    limit: str | None = None
    critical: bool = False
