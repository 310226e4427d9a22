"""FHIR's `OperationOutcome` and SCIM's errors: standard vocabularies of whole industries.

Sources: https://hl7.org/fhir/valueset-issue-type.html and RFC 7644 §3.12.
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import table

FHIR_ISSUES = table(
    (m.REQUEST, "invalid"),
    (
        m.BAD_INPUT,
        "structure required value invariant too-long code-invalid extension not-supported business-rule too-costly",
    ),
    (m.DENIED, "security login forbidden suppressed unknown"),
    (m.EXPIRED, "expired"),
    (m.MISSING, "not-found deleted multiple-matches"),
    (m.DUPLICATE, "duplicate"),
    (m.CONFLICT, "conflict"),
    (m.LOCKED, "lock-error"),
    (m.BROKEN, "processing transient exception incomplete"),
    (m.UNAVAILABLE, "no-store"),
    (m.TIMEOUT, "timeout"),
    (m.BURST, "throttled"),
)
SCIM_TYPES = table(
    (m.DUPLICATE, "uniqueness"),
    (
        m.BAD_INPUT,
        "invalidFilter tooMany mutability invalidSyntax invalidPath noTarget invalidValue invalidVers sensitive",
    ),
)
