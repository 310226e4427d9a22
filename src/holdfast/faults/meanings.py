"""What error codes and words can mean: a short list that every pack and every generic rule chooses from.

A meaning is not yet a reading: what it says about category and outcome may still depend on the status it came with
(a timeout that a gateway reports is a server's error; a record named in the URL is our picture being wrong, one named
in the body is bad input). `read_meaning` settles that in one place, by the labelling rules of the corpus. It does not
know how a meaning was recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from functools import lru_cache

from holdfast.faults.reading import Reading
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome


@unique
class Weight(IntEnum):
    """How much a meaning says beyond the status it came with."""

    VAGUE = 0
    """No more than a class of statuses (`invalid_request_error`, `INTERNAL_SERVER_ERROR`): the words may still be more exact."""

    PLAIN = 1
    """Names the thing in general (`unauthorized`, `not_found`): words of the same kind may refine it."""

    EXACT = 2
    """Names the very cause: nothing refines it."""


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """One thing that an answer can mean. `retryable` and `outcome` are `None` where the category and the status decide.

    Each is one of the constants below and equal only to itself, which makes looking one up in a set cheap.
    """

    name: str
    category: ErrorCategory
    retryable: bool | None = None
    outcome: Outcome | None = None
    weight: Weight = Weight.EXACT


_C = ErrorCategory
_NOT, _UNKNOWN, _EXECUTED = Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.EXECUTED

EXPIRED = Meaning("expired", _C.AUTH_EXPIRED)
RENEWABLE = Meaning("invalid-token", _C.AUTH_EXPIRED)
"""A token that is invalid or expired, nobody says which, and that a machine renews (RFC 6750 §3.1)."""
LOGIN_OVER = Meaning("login-over", _C.AUTH_EXPIRED, retryable=False)
INVALID = Meaning("credential", _C.AUTH_INVALID)
DENIED = Meaning("denied", _C.AUTH_INVALID, weight=Weight.PLAIN)
SKEWED = Meaning("clock", _C.AUTH_INVALID, retryable=False)
BURST = Meaning("throttled", _C.RATE_LIMIT_BURST)
BURST_STOP = Meaning("attempts", _C.RATE_LIMIT_BURST, retryable=False)
DAILY = Meaning("quota", _C.RATE_LIMIT_DAILY)
CREDIT = Meaning("credit", _C.RATE_LIMIT_DAILY, retryable=False)
LIMIT = Meaning("limit", _C.RATE_LIMIT_BURST, weight=Weight.PLAIN)
"""A limit of nobody knows what: a rate where the status is one of throttling, a size or a count elsewhere."""
TIMEOUT = Meaning("timeout", _C.NETWORK_TIMEOUT, outcome=_UNKNOWN)
TIMEOUT_ANYWHERE = Meaning("operation-timeout", _C.NETWORK_TIMEOUT, outcome=_UNKNOWN)
"""A store's own code for a timeout: one whatever the status."""
NOT_RECEIVED = Meaning("request-not-received", _C.NETWORK_TIMEOUT, retryable=True, outcome=_NOT)
STOPPED = Meaning("statement-stopped", _C.NETWORK_TIMEOUT, retryable=True, outcome=_NOT)
"""The server says that it stopped a statement, which a database takes back."""
CANCELLED = Meaning("cancelled", _C.USER_CANCELLED, outcome=_UNKNOWN)
ROUTE = Meaning("route", _C.API_ENDPOINT_REMOVED)
PATH = Meaning("path", _C.API_ENDPOINT_REMOVED, weight=Weight.PLAIN)
"""A path, an address or a method that is no good: the request's own where the status says so, else a value in it."""
MISSING = Meaning("record", _C.STATE_INCONSISTENT, weight=Weight.PLAIN)
"""An unknown record; where it was named decides, hence the status."""
MISSING_HERE = Meaning("record", _C.STATE_INCONSISTENT)
STATE = Meaning("state", _C.STATE_INCONSISTENT)
ODD_STATE = Meaning("state", _C.STATE_INCONSISTENT, weight=Weight.PLAIN)
"""An unexpected state: the record's where the status blames the request, else the server's own."""
CONFLICT = Meaning("conflict", _C.STATE_INCONSISTENT, weight=Weight.PLAIN)
DUPLICATE = Meaning("duplicate", _C.STATE_INCONSISTENT)
DUPLICATE_ID = Meaning("own-id-exists", _C.STATE_INCONSISTENT, outcome=_EXECUTED)
DONE = Meaning("already-done", _C.STATE_INCONSISTENT)
"""Something was done before; whether it is what this request wanted, the address tells."""
DONE_HERE = Meaning("already-done", _C.STATE_INCONSISTENT, outcome=_EXECUTED)
LOCKED = Meaning("locked", _C.STATE_INCONSISTENT, retryable=True, outcome=_NOT)
IN_PROGRESS = Meaning("in-progress", _C.STATE_INCONSISTENT, retryable=True, outcome=_UNKNOWN)
NOT_READY = Meaning("not-ready", _C.STATE_INCONSISTENT, retryable=True)
BAD_INPUT = Meaning("input", _C.VALIDATION_FAILED)
REFUSED_BUSINESS = Meaning("declined", _C.VALIDATION_FAILED)
REQUEST = Meaning("request", _C.VALIDATION_FAILED, weight=Weight.VAGUE)
RENEW_NONCE = Meaning("nonce", _C.VALIDATION_FAILED, retryable=True)
BROKEN = Meaning("server", _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN, weight=Weight.VAGUE)
UNAVAILABLE = Meaning("unavailable", _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN, weight=Weight.VAGUE)
OVERLOADED = Meaning("overloaded", _C.API_UNEXPECTED_STATUS, retryable=True)
NOT_STARTED = Meaning("origin-unreachable", _C.API_UNEXPECTED_STATUS, retryable=True, outcome=_NOT)
NOT_STARTED_STOP = Meaning("origin-refused", _C.API_UNEXPECTED_STATUS, retryable=False, outcome=_NOT)
UNCERTAIN = Meaning("uncertain", _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)
FULL = Meaning("full", _C.API_UNEXPECTED_STATUS, retryable=False, outcome=_NOT)
FULL_MIDWAY = Meaning("memory", _C.API_UNEXPECTED_STATUS, retryable=False, outcome=_UNKNOWN)
AT_WORK = Meaning("at-work", _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)
CONFIGURATION = Meaning("configuration", _C.API_UNEXPECTED_STATUS, retryable=False, outcome=_NOT)
SECURE_CONNECTION = Meaning("tls", _C.NETWORK_CONNECTION_REFUSED, retryable=False, outcome=_NOT)

_BY_NATURE = frozenset(
    {
        _C.RATE_LIMIT_BURST,
        _C.RATE_LIMIT_DAILY,
        _C.AUTH_EXPIRED,
        _C.AUTH_INVALID,
        _C.API_ENDPOINT_REMOVED,
        _C.VALIDATION_FAILED,
        _C.STATE_INCONSISTENT,
    }
)
"""Categories whose answers refuse: nothing was done, whatever the status, unless the meaning itself says more."""


@lru_cache(maxsize=2_048)  # of the meanings and rules in our tables, each at a few statuses
def read_meaning(meaning: Meaning, status: int, *, rule: str) -> Reading | None:
    """What a meaning says together with the status it came with; `None` when the status says more than it does.

    Args:
        meaning: what a code or words mean.
        status: the HTTP status of the answer (200 for protocols that carry their errors in successes).
        rule: the family of the rule, to which the name of the meaning is added (`generic:code`).
    """
    settled = _settled(meaning, status)
    if settled is None:
        return None
    outcome = settled.outcome
    if outcome is None:
        outcome = _NOT if settled.category in _BY_NATURE or 400 <= status < 500 else _UNKNOWN
    return Reading(category=settled.category, rule=rule, retryable=settled.retryable, outcome=outcome)


def _settled(meaning: Meaning, status: int) -> Meaning | None:
    """The meaning as it is to be taken at this status."""
    if meaning.weight is not Weight.EXACT:
        return _settled_weak(meaning, status)
    if meaning is TIMEOUT and status >= 500:
        return UNCERTAIN
    if meaning is OVERLOADED:
        if status == 429:
            return BURST
        return NOT_STARTED if status in {200, 503, 529} or 400 <= status < 500 else UNCERTAIN
    if meaning in {FULL, CONFIGURATION} and status < 500:
        return BAD_INPUT
    if meaning is IN_PROGRESS and status == 423:
        return LOCKED
    return meaning


def _settled_weak(meaning: Meaning, status: int) -> Meaning | None:
    if meaning is MISSING:
        if status >= 500:
            return None
        return MISSING_HERE if status in {404, 409, 410, 412} else BAD_INPUT
    if meaning is PATH:
        return ROUTE if status in {404, 405, 410, 501} else BAD_INPUT
    if meaning is LIMIT:
        return BURST if status in {200, 403, 420, 429, 503, 509} else BAD_INPUT
    if meaning in {BROKEN, UNAVAILABLE}:
        if status == 400:
            # A server's failure under a client's status: a vendor that has only one status for errors.
            return UNCERTAIN if meaning is BROKEN else NOT_STARTED
        return UNCERTAIN if status < 300 or status >= 500 else None
    if meaning is ODD_STATE:
        return STATE if 400 <= status < 500 else UNCERTAIN
    if meaning is REQUEST:
        return BAD_INPUT if status < 300 or status in {400, 402, 422} else None
    if meaning is DENIED:
        return INVALID if status < 300 or status in {400, 401, 403, 404, 422} or status >= 500 else None
    return meaning
