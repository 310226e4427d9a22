"""Google's dialects: AIP-193 (`error.status`, `ErrorInfo.reason`) and the older `errors[].reason` with a domain.

Services of others that put gRPC behind JSON write the same names of states. Sources: https://google.aip.dev/193,
google/rpc/code.proto and google/api/error_reason.proto in https://github.com/googleapis/googleapis, the error pages of
Drive, Calendar, Gmail, YouTube and BigQuery.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.faults import meanings as m
from holdfast.faults.evidence import Evidence
from holdfast.faults.meanings import Weight
from holdfast.faults.packs.table import Match, best_of, table

REASONS = table(
    (
        m.BURST,
        "rateLimitExceeded userRateLimitExceeded rateLimitExceededUnreg concurrentLimitExceeded servingLimitExceeded",
    ),
    (m.BURST, "sharingRateLimitExceeded"),
    (m.DAILY, "dailyLimitExceeded quotaExceeded variableTermLimitExceeded"),
    (
        m.INVALID,
        "dailyLimitExceededUnreg keyInvalid keyExpired API_KEY_INVALID API_KEY_SERVICE_BLOCKED ipRefererBlocked",
    ),
    (
        m.INVALID,
        "API_KEY_HTTP_REFERRER_BLOCKED API_KEY_IP_ADDRESS_BLOCKED API_KEY_ANDROID_APP_BLOCKED API_KEY_IOS_APP_BLOCKED",
    ),
    (
        m.INVALID,
        "SERVICE_DISABLED BILLING_DISABLED CONSUMER_INVALID CONSUMER_SUSPENDED accessNotConfigured SERVICE_NOT_VISIBLE",
    ),
    (
        m.INVALID,
        "insufficientPermissions insufficientFilePermissions ACCESS_TOKEN_SCOPE_INSUFFICIENT IAM_PERMISSION_DENIED",
    ),
    (m.INVALID, "ACCESS_TOKEN_TYPE_UNSUPPORTED CREDENTIALS_MISSING ACCOUNT_STATE_INVALID USER_PROJECT_DENIED"),
    (
        m.INVALID,
        "SECURITY_POLICY_VIOLATED LOCATION_POLICY_VIOLATED domainPolicy appNotAuthorizedToFile youtubeSignupRequired",
    ),
    (
        m.INVALID,
        "SESSION_COOKIE_INVALID USER_BLOCKED_BY_ADMIN RESOURCE_USAGE_RESTRICTION_VIOLATED accountDisabled accountDeleted",
    ),
    (m.INVALID, "billingNotEnabled"),
    (m.EXPIRED, "ACCESS_TOKEN_EXPIRED SESSION_COOKIE_EXPIRED OAUTH_TOKEN_EXPIRED"),
    (m.BAD_INPUT, "storageQuotaExceeded teamDriveFileLimitExceeded numChildrenInNonRootLimitExceeded uploadTooLarge"),
    (m.BAD_INPUT, "responseTooLarge invalidQuery invalidParameter parseError"),
    (m.STATE, "conditionNotMet fullSyncRequired updatedMinTooLongAgo failedPrecondition"),
    (m.DUPLICATE, "fileAlreadyExists alreadyExists"),
    (m.DUPLICATE_ID, "duplicate"),
    (m.MISSING, "notFound"),
    (m.BROKEN, "backendError internalError"),
    (m.CANCELLED, "stopped"),
    (m.LOCKED, "CONCURRENT_MODIFICATION resourceInUseByAnotherResource"),
)
"""Reasons: of `ErrorInfo`, of `errors[]` and of jobs."""

STATES = table(
    (m.CANCELLED, "CANCELLED"),
    (m.TIMEOUT, "DEADLINE_EXCEEDED"),
    (m.BURST, "RESOURCE_EXHAUSTED"),
    (m.RENEWABLE, "UNAUTHENTICATED"),
    (m.DENIED, "PERMISSION_DENIED"),
    (m.MISSING, "NOT_FOUND"),
    (m.CONFLICT, "FAILED_PRECONDITION"),
    (m.DUPLICATE, "ALREADY_EXISTS"),
    (m.LOCKED, "ABORTED"),
    (m.ROUTE, "UNIMPLEMENTED"),
    (m.REQUEST, "INVALID_ARGUMENT OUT_OF_RANGE"),
    (m.BROKEN, "INTERNAL UNKNOWN DATA_LOSS"),
    (m.UNAVAILABLE, "UNAVAILABLE"),
)
"""The names of gRPC's codes, as a JSON gateway writes them."""


def match(evidence: Evidence, error: Mapping[object, object]) -> Match | None:
    """Read an `error` object in one of Google's dialects; `None` when it is in neither."""
    state = error.get("status")
    details = error.get("details")
    if isinstance(state, str) and state.isupper():
        window = _quota_window(details) if isinstance(details, list) else None
        if window is not None:
            return window
        reason = best_of(evidence.named, REASONS, pack="google")
        if reason is not None and reason[1].weight is Weight.EXACT:
            return reason
        return best_of((state,), STATES, pack="google") if not _is_more_exact(evidence, state) else None
    listed = error.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else error
    if isinstance(first, dict) and ("domain" in first or "reason" in first):
        return best_of(evidence.named, REASONS, pack="google")
    return None


def _is_more_exact(evidence: Evidence, state: str) -> bool:
    """Whether the answer carries other words for codes beside the state: an `ErrorInfo` or a service's own enumeration."""
    return any(code != state and not code.isdecimal() and code.isupper() for code in evidence.named)


def _quota_window(details: list[object]) -> Match | None:
    """Which allowance a `QuotaFailure` names: an id with `PerDay` or `PerMonth` is a long window, whatever else is said."""
    for item in details[:8]:
        violations = item.get("violations") if isinstance(item, dict) else None
        if not isinstance(violations, list):
            continue
        for one in violations[:8]:
            name = one.get("quotaId") if isinstance(one, dict) else None
            if isinstance(name, str) and ("PerDay" in name or "PerMonth" in name):
                return "pack:google/QuotaFailure", m.DAILY
    return None
