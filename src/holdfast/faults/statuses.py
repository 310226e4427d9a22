"""What an HTTP answer means when nobody knows the API: by its status, helped by obvious codes and words.

The generic rules at the end of the order. They follow RFC 9110 and the practice written down in the labelling rules
of the corpus. Error codes count before words, words only where a status leaves room, because words may be a user's
own data. They know no vendor: that is the catalog's part.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.delays import LONG_WINDOW_S
from holdfast.faults.evidence import Evidence
from holdfast.faults.fault import BodyKind, Fault
from holdfast.faults.reading import Reading
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome

_EXPIRED_CODES = frozenset(
    {
        "expiredtoken",
        "tokenexpired",
        "expiredtokenexception",
        "accesstokenexpired",
        "sessionexpired",
        "jwtexpired",
        "authexpired",
    }
)
_AUTH_CODES = frozenset(
    {
        "invalidgrant",
        "invalidclient",
        "unauthorizedclient",
        "insufficientscope",
        "accessdenied",
        "invalidauth",
        "tokenrevoked",
        "invalidapikey",
        "unauthorized",
    }
    | {"notauthed", "unauthenticated", "permissiondenied", "forbidden", "authenticationerror", "invalidcredentials"}
)
_BURST_CODES = frozenset(
    {
        "ratelimited",
        "ratelimit",
        "ratelimitexceeded",
        "toomanyrequests",
        "toomanyrequestsexception",
        "throttled",
        "throttling",
        "throttlingexception",
    }
    | {"requestlimitexceeded", "slowdown", "requestthrottled", "concurrencylimitexceeded"}
)
_STATE_CODES = frozenset({"alreadyexists", "duplicatevalue", "conflict", "resourcealreadyexists"})

_LONG_WINDOW = re.compile(r"per day|daily|per month|monthly|\bday limit|24 hours|\b1 day\b|today", re.IGNORECASE)
_EXPIRED = re.compile(r"\bexpired?\b|\bhas timed out\b", re.IGNORECASE)
_CREDENTIAL = re.compile(
    r"\b(?:access |bearer |id |session |auth(?:entication|orization)? )?token\b|\bsession\b|\bjwt\b", re.IGNORECASE
)
_THROTTLED = re.compile(
    r"rate.?limit(?:s|ed)? (?:has been |was |is )?(?:exceeded|reached|hit)|secondary rate limit|exceeded .{0,40}rate limit"
    r"|too many requests|throttl",
    re.IGNORECASE,
)
_ROUTE = re.compile(
    r"cannot (?:get|post|put|patch|delete) /|no route|(?:route|endpoint|method|service|api|path) (?:was )?not found"
    r"|unknown (?:url|path|method|endpoint)|no such (?:route|method|endpoint)|unrecognized request url|invalid ?endpoint",
    re.IGNORECASE,
)
_LOCKED = re.compile(
    r"\block(?:ed)?\b|in progress|concurren|another (?:operation|request)|try again|being (?:updated|processed)",
    re.IGNORECASE,
)
_IN_PROGRESS = re.compile(r"idempoten|same key|in progress", re.IGNORECASE)
_REFUSING = re.compile(
    r"overload|at capacity|over capacity|maintenance|starting up|start.?up|shutting down|shutdown|server ?busy|too busy|warming up",
    re.IGNORECASE,
)
_INVALID_TOKEN = re.compile(r"error\s{0,3}=\s{0,3}\"?(invalid_token|expired_token)\b", re.IGNORECASE)
_OTHER_AUTH = re.compile(r"error\s{0,3}=\s{0,3}\"?(insufficient_scope|invalid_request|invalid_client)\b", re.IGNORECASE)
_BROKEN_TOKEN = re.compile(r"signature|revoked|malformed|wrong issuer|audience", re.IGNORECASE)

# (category, retryable, outcome); None = the category's default.
_Row = tuple[ErrorCategory, bool | None, Outcome]
_NOT, _UNKNOWN = Outcome.NOT_EXECUTED, Outcome.UNKNOWN
_FIXED: MappingProxyType[int, _Row] = MappingProxyType(
    {
        304: (ErrorCategory.STATE_INCONSISTENT, None, _NOT),
        402: (ErrorCategory.VALIDATION_FAILED, None, _NOT),
        405: (ErrorCategory.API_ENDPOINT_REMOVED, None, _NOT),
        407: (ErrorCategory.NETWORK_CONNECTION_REFUSED, False, _NOT),
        408: (ErrorCategory.NETWORK_TIMEOUT, None, _UNKNOWN),
        424: (ErrorCategory.API_UNEXPECTED_STATUS, None, _UNKNOWN),
        412: (ErrorCategory.STATE_INCONSISTENT, None, _NOT),
        420: (ErrorCategory.RATE_LIMIT_BURST, None, _NOT),
        423: (ErrorCategory.STATE_INCONSISTENT, True, _NOT),
        425: (ErrorCategory.STATE_INCONSISTENT, True, _NOT),
        449: (ErrorCategory.STATE_INCONSISTENT, True, _NOT),
        498: (ErrorCategory.AUTH_EXPIRED, None, _NOT),
        499: (ErrorCategory.USER_CANCELLED, None, _UNKNOWN),
        501: (ErrorCategory.API_ENDPOINT_REMOVED, None, _NOT),
        505: (ErrorCategory.API_UNEXPECTED_STATUS, False, _NOT),
        507: (ErrorCategory.API_UNEXPECTED_STATUS, False, _NOT),
        508: (ErrorCategory.API_UNEXPECTED_STATUS, False, _UNKNOWN),
        511: (ErrorCategory.AUTH_INVALID, None, _NOT),
        # Cloudflare's and other edges' own: the origin was never reached, or refused before work.
        521: (ErrorCategory.API_UNEXPECTED_STATUS, None, _NOT),
        522: (ErrorCategory.API_UNEXPECTED_STATUS, None, _NOT),
        523: (ErrorCategory.API_UNEXPECTED_STATUS, None, _NOT),
        525: (ErrorCategory.API_UNEXPECTED_STATUS, None, _NOT),
        526: (ErrorCategory.API_UNEXPECTED_STATUS, False, _NOT),
        529: (ErrorCategory.API_UNEXPECTED_STATUS, None, _NOT),
        530: (ErrorCategory.API_UNEXPECTED_STATUS, None, _NOT),
    }
)


def read_status(fault: Fault, evidence: Evidence) -> Reading:
    """The generic reading of an answer; every status has one."""
    status = fault.status
    assert status is not None, "only answers have a status to read"
    if status < 300:
        return _read_success(fault, evidence)
    if status in _FIXED:
        category, retryable, outcome = _FIXED[status]
        return _reading(str(status), category, retryable=retryable, outcome=outcome)
    if status < 400:
        return _read_redirect(status)
    return _read_code(evidence, status) or _read_open(fault, evidence, status)


def is_long_window(evidence: Evidence, *, wait_s: float | None) -> bool:
    """Whether a rate limit's window is longer than an hour, by the stated wait or else by the words of the error."""
    if wait_s is not None and wait_s > LONG_WINDOW_S:
        return True
    return _LONG_WINDOW.search(evidence.message or evidence.text[:500]) is not None


def _read_open(fault: Fault, evidence: Evidence, status: int) -> Reading:
    """Statuses that leave room for what the answer says."""
    words = evidence.message or ""
    if status == 401:
        return _read_401(fault, evidence)
    if status == 403:
        throttled = fault.header_values("retry-after") or _THROTTLED.search(words)
        return _reading(
            "403-throttled" if throttled else "403",
            ErrorCategory.RATE_LIMIT_BURST if throttled else ErrorCategory.AUTH_INVALID,
        )
    if status in {404, 410}:
        return _read_gone(fault, evidence, status)
    if status == 409:
        return _read_conflict(evidence)
    if status == 429:
        return _reading("429", ErrorCategory.RATE_LIMIT_BURST)
    if status >= 500:
        return _read_5xx(fault, evidence, status)
    return _reading(str(status), ErrorCategory.VALIDATION_FAILED)


def _read_code(evidence: Evidence, status: int) -> Reading | None:
    """Codes that mean the same at every API; they count before the status."""
    code = re.sub(r"[^a-z]", "", (evidence.code or "").lower()) if evidence.code else ""
    if code in _EXPIRED_CODES:
        return _reading("code-expired", ErrorCategory.AUTH_EXPIRED)
    if code in _BURST_CODES:
        return _reading("code-throttled", ErrorCategory.RATE_LIMIT_BURST)
    if code == "invalidtoken" and status in {400, 401, 403}:
        return _invalid_token(evidence.message or "")
    if code in _AUTH_CODES and status in {200, 400, 401, 403}:
        return _reading("code-auth", ErrorCategory.AUTH_INVALID)
    if "inprogress" in code and status >= 400:
        # Our own first request may be the one at work: whether it will succeed is not known yet.
        return _reading("code-in-progress", ErrorCategory.STATE_INCONSISTENT, retryable=True, outcome=_UNKNOWN)
    if code in _STATE_CODES and status in {200, 400, 409, 422}:
        return _reading("code-state", ErrorCategory.STATE_INCONSISTENT)
    return None


def _read_401(fault: Fault, evidence: Evidence) -> Reading:
    challenge = " ".join(fault.header_values("www-authenticate"))
    if _INVALID_TOKEN.search(challenge):
        return _invalid_token(f"{challenge} {evidence.message or ''}")
    if (
        not _OTHER_AUTH.search(challenge)
        and _EXPIRED.search(words := evidence.message or "")
        and _CREDENTIAL.search(words)
    ):
        return _reading("401-expired", ErrorCategory.AUTH_EXPIRED)
    return _reading("401", ErrorCategory.AUTH_INVALID)


def _invalid_token(words: str) -> Reading:
    """RFC 6750 §3.1 has one word for expired, revoked and malformed, and lets the client ask for a new token: refresh first, unless excluded."""
    if _BROKEN_TOKEN.search(words) and not _EXPIRED.search(words):
        return _reading("invalid-token-broken", ErrorCategory.AUTH_INVALID)
    return _reading("invalid-token", ErrorCategory.AUTH_EXPIRED)


def _read_gone(fault: Fault, evidence: Evidence, status: int) -> Reading:
    route = _ROUTE.search(f"{evidence.code or ''} {evidence.message or ''}")
    # A router that knows no such path answers in HTML or one plain line; an API that knows the path answers about the record.
    if status == 410 or route or fault.body_kind in {BodyKind.HTML, BodyKind.TEXT}:
        return _reading(f"{status}-route", ErrorCategory.API_ENDPOINT_REMOVED)
    return _reading(f"{status}-record", ErrorCategory.STATE_INCONSISTENT)


def _read_conflict(evidence: Evidence) -> Reading:
    words = f"{evidence.code or ''} {evidence.message or ''}"
    if not _LOCKED.search(words):
        return _reading("409", ErrorCategory.STATE_INCONSISTENT)
    # Our own key's first request is still at work: whether it will succeed is not known yet.
    outcome = _UNKNOWN if _IN_PROGRESS.search(words) else _NOT
    return _reading("409-in-progress", ErrorCategory.STATE_INCONSISTENT, retryable=True, outcome=outcome)


def _read_5xx(fault: Fault, evidence: Evidence, status: int) -> Reading:
    # Only what the body says: the message of an exception quotes addresses, which may hold any word.
    words = (
        evidence.text[:4_000] if fault.body_kind is BodyKind.HTML else f"{evidence.code or ''} {evidence.message or ''}"
    )
    nginx_limit = fault.body_kind is BodyKind.HTML and "<center>nginx" in words
    if status == 503 and (nginx_limit or _REFUSING.search(words)):
        return _reading("503-refused", ErrorCategory.API_UNEXPECTED_STATUS)
    return _reading(str(status), ErrorCategory.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)


def _read_redirect(status: int) -> Reading:
    # 303 is how a server says "done, look there"; 302 is used for it as well.
    outcome = _NOT if status in {301, 307, 308} else _UNKNOWN
    return _reading(f"{status}-redirect", ErrorCategory.API_UNEXPECTED_STATUS, retryable=False, outcome=outcome)


def _read_success(fault: Fault, evidence: Evidence) -> Reading:
    """A 2xx that its reader could not use: an error in the body, or no usable body at all."""
    if evidence.says_error:
        by_code = _read_code(evidence, 200)
        if by_code is not None:
            return by_code
        if _THROTTLED.search(evidence.message or ""):
            return _reading("200-throttled", ErrorCategory.RATE_LIMIT_BURST)
        return _reading("200-error-body", ErrorCategory.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)
    # A page in place of data, or nothing, may come from something in between; anything else is the API's own answer: the work was done.
    outcome = _UNKNOWN if fault.body_kind in {BodyKind.EMPTY, BodyKind.HTML} else Outcome.EXECUTED
    return _reading("2xx-unreadable", ErrorCategory.API_RESPONSE_MALFORMED, outcome=outcome)


def _reading(
    rule: str, category: ErrorCategory, *, retryable: bool | None = None, outcome: Outcome = Outcome.NOT_EXECUTED
) -> Reading:
    return Reading(category=category, rule=f"generic:{rule}", retryable=retryable, outcome=outcome)
