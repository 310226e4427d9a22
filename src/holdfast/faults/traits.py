"""What follows from a category alone: family, labels, the default retryability and what it says about health.

One table for the taxonomies of the five specification documents. Families are spec 002's, labels with their
priorities spec 001's; the default of `retryable` is the corpus rule (`true` for expired credentials, rate limits,
network faults, malformed and unexpected answers). It does not know single faults: exceptions to the defaults are
decided where they are recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Family, Health

LABEL_PRIORITIES: MappingProxyType[str, int] = MappingProxyType(
    {
        "transient": 1,
        "network": 2,
        "rate_limit": 3,
        "server_error": 4,
        "authentication": 5,
        "client_error": 6,
        "unknown": 7,
    }
)
"""Spec 001's labels; where several apply, the lowest number counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The defaults that a category brings."""

    family: Family
    labels: tuple[str, ...]
    retryable: bool
    health: Health


def traits_of(category: ErrorCategory) -> Traits:
    """Look up what a category means by itself."""
    return _TRAITS[category]


def family_of(category: ErrorCategory, *, retryable: bool) -> Family:
    """The family of a verdict: an expired credential that no machine can renew is a matter for a person, hence SECURITY."""
    if category is ErrorCategory.AUTH_EXPIRED and not retryable:
        return Family.SECURITY
    return _TRAITS[category].family


def _row(family: Family, labels: tuple[str, ...], *, retryable: bool, health: Health) -> Traits:
    return Traits(family=family, labels=labels, retryable=retryable, health=health)


_TRAITS: MappingProxyType[ErrorCategory, Traits] = MappingProxyType(
    {
        # An expired or wrong credential says nothing about whether the dependency is well.
        ErrorCategory.AUTH_EXPIRED: _row(Family.EXTERNAL, ("authentication",), retryable=True, health=Health.NEUTRAL),
        ErrorCategory.AUTH_INVALID: _row(Family.SECURITY, ("authentication",), retryable=False, health=Health.NEUTRAL),
        # Throttling is the dependency protecting itself: a breaker that opened on it would turn a wait into an outage.
        ErrorCategory.RATE_LIMIT_DAILY: _row(Family.RESOURCE, ("rate_limit",), retryable=True, health=Health.NEUTRAL),
        ErrorCategory.RATE_LIMIT_BURST: _row(
            Family.TRANSIENT, ("transient", "rate_limit"), retryable=True, health=Health.NEUTRAL
        ),
        ErrorCategory.NETWORK_TIMEOUT: _row(
            Family.TRANSIENT, ("transient", "network"), retryable=True, health=Health.FAILURE
        ),
        ErrorCategory.NETWORK_CONNECTION_REFUSED: _row(
            Family.TRANSIENT, ("transient", "network"), retryable=True, health=Health.FAILURE
        ),
        ErrorCategory.API_RESPONSE_MALFORMED: _row(
            Family.EXTERNAL, ("server_error",), retryable=True, health=Health.FAILURE
        ),
        ErrorCategory.API_ENDPOINT_REMOVED: _row(
            Family.EXTERNAL, ("client_error",), retryable=False, health=Health.NEUTRAL
        ),
        ErrorCategory.API_UNEXPECTED_STATUS: _row(
            Family.EXTERNAL, ("server_error",), retryable=True, health=Health.FAILURE
        ),
        ErrorCategory.VALIDATION_FAILED: _row(
            Family.VALIDATION, ("client_error",), retryable=False, health=Health.SUCCESS
        ),
        ErrorCategory.STATE_INCONSISTENT: _row(Family.LOGIC, ("client_error",), retryable=False, health=Health.SUCCESS),
        ErrorCategory.USER_CANCELLED: _row(Family.NONE, ("unknown",), retryable=False, health=Health.NEUTRAL),
    }
)
