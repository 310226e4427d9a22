"""The usual way to classify a failure, as the bar: a table of statuses, and words searched in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import cast

from benchmarks.faults.corpus import Case, Said

__all__ = ["by_status_and_words"]

STATUSES = {
    400: "validation_failed",
    401: "auth_expired",
    403: "auth_invalid",
    404: "api_endpoint_removed",
    408: "network_timeout",
    409: "state_inconsistent",
    410: "api_endpoint_removed",
    412: "state_inconsistent",
    422: "validation_failed",
    429: "rate_limit_burst",
}
WORDS = (
    ("user_cancelled", r"cancel"),
    ("network_timeout", r"timed? ?out"),
    ("network_connection_refused", r"refused|reset by peer|name or service|connect|disconnected"),
    ("auth_expired", r"(?:token|session).*expired|expired.*token"),
    (
        "auth_invalid",
        r"unauthori[sz]ed|invalid.*(?:token|key|credential)|authentication|password|permission|forbidden|access denied",
    ),
    ("rate_limit_daily", r"daily|per day|quota"),
    ("rate_limit_burst", r"rate.?limit|too many|throttl|\b429\b"),
    ("api_response_malformed", r"json|decode|unexpected token|incompleteread"),
    ("api_endpoint_removed", r"deprecated|no longer|removed|sunset"),
    ("api_unexpected_status", r"\b5\d\d\b|server error|unavailable"),
    ("state_inconsistent", r"conflict|duplicate|already exists"),
    ("validation_failed", r"invalid|required|missing|validation"),
)
LIMITS = re.compile(r"rate.?limit|quota|daily|too many", re.IGNORECASE)
NOT_RETRYABLE = frozenset(
    {"auth_invalid", "api_endpoint_removed", "state_inconsistent", "validation_failed", "user_cancelled"}
)
UNKNOWN = frozenset({"network_timeout", "api_unexpected_status", "api_response_malformed", "user_cancelled"})


def by_status_and_words(case: Case) -> Said:
    """Classify as most programs do."""
    category = _category(case)
    outcome = "unknown" if category in UNKNOWN else "not_executed"
    return Said(
        category=category,
        retryable=category not in NOT_RETRYABLE,
        outcome=outcome,
        retry_after_s=_retry_after_s(case),
    )


def _category(case: Case) -> str:
    if case["kind"] == "exception":
        raised = cast("Mapping[str, str]", case["exception"])
        return _by_words(f"{raised['type']} {raised['message']}")
    status, body = cast(int, case["status"]), cast(str, case["body"])
    if status in {403, 429} and LIMITS.search(body):
        found = _by_words(body)
        return found if found in {"rate_limit_daily", "rate_limit_burst", "auth_invalid"} else STATUSES[status]
    if status in STATUSES:
        return STATUSES[status]
    if status >= 500:
        return "api_unexpected_status"
    if status >= 300:
        return "validation_failed"
    try:
        json.loads(body)
    except ValueError:
        return "api_response_malformed"
    return _by_words(body)


def _by_words(text: str) -> str:
    return next(
        (category for category, words in WORDS if re.search(words, text, re.IGNORECASE)), "api_unexpected_status"
    )


def _retry_after_s(case: Case) -> float | None:
    now = datetime.fromisoformat(cast(str, case["observed_at"]))
    for name, value in cast("Mapping[str, str]", case["headers"]).items():
        key = name.lower()
        try:
            if key == "retry-after":
                return float(value) if value.isdecimal() else (parsedate_to_datetime(value) - now).total_seconds()
            if key.endswith(("ratelimit-reset", "rate-limit-reset")):
                return float(value) - now.timestamp()
        except ValueError:
            return None
    return None
