"""Kubernetes' `Status` objects, which every server built on its API machinery answers with.

Source: the `StatusReason` constants of https://github.com/kubernetes/apimachinery (pkg/apis/meta/v1/types.go).
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.evidence import Evidence
from holdfast.faults.packs.table import Match, best_of, table

REASONS = table(
    (m.INVALID, "Unauthorized"),
    (m.DENIED, "Forbidden"),
    (m.MISSING, "NotFound"),
    (m.DUPLICATE, "AlreadyExists"),
    (m.STATE, "Conflict Gone Expired"),
    (m.BAD_INPUT, "Invalid BadRequest NotAcceptable UnsupportedMediaType RequestEntityTooLarge"),
    (m.BURST, "TooManyRequests"),
    (m.TIMEOUT, "Timeout ServerTimeout"),
    (m.ROUTE, "MethodNotAllowed"),
    (m.BROKEN, "InternalError StoreReadError"),
    (m.UNAVAILABLE, "ServiceUnavailable"),
)


def match(evidence: Evidence, reason: object) -> Match | None:
    """Read the `reason` of a `Status`."""
    if not isinstance(reason, str):
        return None
    if reason == "Forbidden" and "exceeded quota" in evidence.words:
        # A namespace's quota of objects: waiting does not free any.
        return "pack:kubernetes/quota", m.BAD_INPUT
    if reason == "NotFound" and "could not find the requested resource" in evidence.words:
        return "pack:kubernetes/route", m.ROUTE
    return best_of((reason,), REASONS, pack="kubernetes")
