"""What follows from a category alone, and how the taxonomies of the five specification documents map to one another. One table.

Categories are spec 000's, families spec 002's, labels with their priorities spec 001's, codes spec 004's and kinds spec 003's. The default
of `retryable` is the corpus rule (`true` for expired credentials, rate limits, network faults, malformed and unexpected answers); each
document's own answer stands beside it, with the reason where we differ. It does not know single faults: exceptions to the defaults
are decided where they are recognised. `docs/reference/taxonomy.md` is made from this table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from holdfast.faults.taxonomy import ErrorCategory, Family, Health, Severity

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

PRIORITY_DEFAULT = 10
"""Spec 001's priority of what has no label that it knows."""

_REPEATED_LABELS = frozenset({"network", "rate_limit", "server_error", "transient"})
_REPEATED_FAMILIES = frozenset({Family.TRANSIENT, Family.RESOURCE, Family.EXTERNAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The defaults that a category brings, and its words in the other documents.

    `code` is spec 004's code and `kind` spec 003's type of error, `None` where the document has no word for it. `differs` says why our
    `retryable` is not what one of the documents says.
    """

    family: Family
    labels: tuple[str, ...]
    retryable: bool
    health: Health
    severity: Severity
    code: str | None = None
    kind: str | None = None
    differs: str | None = None

    @property
    def retryable_001(self) -> bool:
        """Spec 001's `isRetryable`: by the labels network, rate_limit, server_error and transient."""
        return not _REPEATED_LABELS.isdisjoint(self.labels)

    @property
    def retryable_002(self) -> bool:
        """Spec 002's strategy matrix: whether a repeat is the first thing it does about the family."""
        return self.family in _REPEATED_FAMILIES

    @property
    def retryable_003(self) -> bool:
        """Spec 003's `execute_with_retry` repeats whatever failed."""
        return True

    @property
    def retryable_004(self) -> bool:
        """Spec 004's `retryableErrors`: by its four codes."""
        return self.code is not None


def traits_of(category: ErrorCategory) -> Traits:
    """Look up what a category means by itself."""
    return TRAITS[category]


def family_of(category: ErrorCategory, *, retryable: bool) -> Family:
    """The family of a verdict: an expired credential that no machine can renew is a matter for a person, hence SECURITY."""
    if category is ErrorCategory.AUTH_EXPIRED and not retryable:
        return Family.SECURITY
    return TRAITS[category].family


def severity_of(category: ErrorCategory, *, family: Family) -> Severity:
    """How serious a verdict is: CRITICAL only by severity or declaration; what a person has to put right about a credential is an error."""
    if family is Family.CRITICAL:
        return Severity.CRITICAL
    return Severity.ERROR if family is Family.SECURITY else TRAITS[category].severity


def priority_of(labels: Iterable[str]) -> int:
    """Spec 001's priority of several labels: the lowest of theirs, `PRIORITY_DEFAULT` where none is known."""
    return min((LABEL_PRIORITIES.get(label, PRIORITY_DEFAULT) for label in labels), default=PRIORITY_DEFAULT)


def categories_of_label(label: str) -> tuple[ErrorCategory, ...]:
    """The categories that a label of spec 001 stands for, in the order of the table; empty for a word that is none."""
    return tuple(category for category, traits in TRAITS.items() if label in traits.labels)


def category_of_code(code: str) -> ErrorCategory | None:
    """The category of a code of spec 004 (`RATE_LIMIT`) or a type of spec 003 (`ServiceUnavailable`), whatever their case; `None` for others.

    `RATE_LIMIT` does not tell the window, so it is the short one.
    """
    return _BY_CODE.get(code.replace("_", "").lower())


def _row(
    family: Family,
    labels: tuple[str, ...],
    *,
    retryable: bool,
    health: Health,
    severity: Severity,
    code: str | None = None,
    kind: str | None = None,
    differs: str | None = None,
) -> Traits:
    return Traits(
        family=family,
        labels=labels,
        retryable=retryable,
        health=health,
        severity=severity,
        code=code,
        kind=kind,
        differs=differs,
    )


TRAITS: MappingProxyType[ErrorCategory, Traits] = MappingProxyType(
    {
        # An expired or wrong credential says nothing about whether the dependency is well.
        ErrorCategory.AUTH_EXPIRED: _row(
            Family.EXTERNAL,
            ("authentication",),
            retryable=True,
            health=Health.NEUTRAL,
            severity=Severity.WARNING,
            differs="A machine renews the credential and repeats; 001 and 004 know no refresh.",
        ),
        ErrorCategory.AUTH_INVALID: _row(
            Family.SECURITY,
            ("authentication",),
            retryable=False,
            health=Health.NEUTRAL,
            severity=Severity.ERROR,
            differs="A wrong credential stays wrong, and repeats lock accounts; 003 repeats whatever failed.",
        ),
        # Throttling is the dependency protecting itself: a breaker that opened on it would turn a wait into an outage.
        ErrorCategory.RATE_LIMIT_DAILY: _row(
            Family.RESOURCE,
            ("rate_limit",),
            retryable=True,
            health=Health.NEUTRAL,
            severity=Severity.WARNING,
            code="RATE_LIMIT",
        ),
        ErrorCategory.RATE_LIMIT_BURST: _row(
            Family.TRANSIENT,
            ("transient", "rate_limit"),
            retryable=True,
            health=Health.NEUTRAL,
            severity=Severity.INFO,
            code="RATE_LIMIT",
        ),
        ErrorCategory.NETWORK_TIMEOUT: _row(
            Family.TRANSIENT,
            ("transient", "network"),
            retryable=True,
            health=Health.FAILURE,
            severity=Severity.WARNING,
            code="TIMEOUT",
            kind="Timeout",
        ),
        ErrorCategory.NETWORK_CONNECTION_REFUSED: _row(
            Family.TRANSIENT,
            ("transient", "network"),
            retryable=True,
            health=Health.FAILURE,
            severity=Severity.WARNING,
            code="NETWORK_ERROR",
            kind="Network",
        ),
        ErrorCategory.API_RESPONSE_MALFORMED: _row(
            Family.EXTERNAL,
            ("server_error",),
            retryable=True,
            health=Health.FAILURE,
            severity=Severity.ERROR,
            differs="An answer that was spoilt on its way may come whole the next time; 004 has no code for it.",
        ),
        ErrorCategory.API_ENDPOINT_REMOVED: _row(
            Family.EXTERNAL,
            ("client_error",),
            retryable=False,
            health=Health.NEUTRAL,
            severity=Severity.ERROR,
            differs="What is gone does not come back; 002 repeats all that is EXTERNAL, 003 whatever failed.",
        ),
        ErrorCategory.API_UNEXPECTED_STATUS: _row(
            Family.EXTERNAL,
            ("server_error",),
            retryable=True,
            health=Health.FAILURE,
            severity=Severity.ERROR,
            code="SERVICE_UNAVAILABLE",
            kind="ServiceUnavailable",
        ),
        ErrorCategory.VALIDATION_FAILED: _row(
            Family.VALIDATION,
            ("client_error",),
            retryable=False,
            health=Health.SUCCESS,
            severity=Severity.ERROR,
            differs="The request has to change first; 003 repeats whatever failed.",
        ),
        ErrorCategory.STATE_INCONSISTENT: _row(
            Family.LOGIC,
            ("client_error",),
            retryable=False,
            health=Health.SUCCESS,
            severity=Severity.WARNING,
            differs="The world has to be looked at first; 003 repeats whatever failed.",
        ),
        ErrorCategory.USER_CANCELLED: _row(
            Family.NONE,
            ("unknown",),
            retryable=False,
            health=Health.NEUTRAL,
            severity=Severity.INFO,
            differs="Somebody wanted it to stop; 003 repeats whatever failed.",
        ),
    }
)

_BY_CODE = MappingProxyType(
    {
        word.replace("_", "").lower(): category
        for category, traits in TRAITS.items()
        if category is not ErrorCategory.RATE_LIMIT_DAILY
        for word in (traits.code, traits.kind)
        if word is not None
    }
)
