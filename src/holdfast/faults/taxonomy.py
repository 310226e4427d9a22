"""The closed lists everything else speaks in: what went wrong (`ErrorCategory` and the words beside it), what can be done (`RecoveryStrategy`).

A fault is classified into exactly one category; a category, together with the outcome of the attempt, leads to a recovery strategy.
This module holds the words only. It knows neither how a fault is recognised nor when a strategy is chosen, and imports nothing but the
standard library. The values of `ErrorCategory` are those of spec 000 §4.1 (`ErrorCategorySchema`) and never change.
"""

from __future__ import annotations

from enum import StrEnum, unique
from types import MappingProxyType

__all__ = ["ErrorCategory", "Family", "Health", "RecoveryStrategy", "Severity"]


@unique
class ErrorCategory(StrEnum):
    """What kind of thing went wrong, as told on the wire (spec 000 §4.1); decides the route, never whether a repeat is safe."""

    AUTH_EXPIRED = "auth_expired"
    """A credential was accepted before and has run out; a fresh one would be accepted."""

    AUTH_INVALID = "auth_invalid"
    """The credential is wrong, revoked or lacks a right; a fresh one of the same kind would not help."""

    RATE_LIMIT_DAILY = "rate_limit_daily"
    """A long quota (day, month, plan) is used up; it opens again at a known hour."""

    RATE_LIMIT_BURST = "rate_limit_burst"
    """Too many requests in a short time; a wait of seconds to minutes is enough."""

    NETWORK_TIMEOUT = "network_timeout"
    """No answer within the time allowed; whether the request took effect is not known from this alone."""

    NETWORK_CONNECTION_REFUSED = "network_connection_refused"
    """No connection, or a connection that was cut; look at the outcome to learn whether the request was sent."""

    API_RESPONSE_MALFORMED = "api_response_malformed"
    """An answer came but cannot be read: broken JSON, the wrong type, a page where data should be."""

    API_ENDPOINT_REMOVED = "api_endpoint_removed"
    """The address no longer exists at the other side; the same request will not work again."""

    API_UNEXPECTED_STATUS = "api_unexpected_status"
    """The other side answered with a status nothing more exact is known about, such as 500 or 503."""

    VALIDATION_FAILED = "validation_failed"
    """The request itself is wrong (missing field, bad value); it has to change before it can work."""

    STATE_INCONSISTENT = "state_inconsistent"
    """The world is not as the request assumes: a conflict, a duplicate, a stale version."""

    USER_CANCELLED = "user_cancelled"
    """A person stopped it or declined; there is nothing to recover."""


@unique
class RecoveryStrategy(StrEnum):
    """A route recovery can take for a failed action, as named in plans, catalog entries and execution states."""

    REFRESH_THEN_RETRY = "refresh-then-retry"
    """Renew the credential through its refresh action, then repeat the failed action."""

    WAIT_UNTIL = "wait-until"
    """Wait until the moment the other side named, then repeat."""

    WAIT_DAILY = "wait-daily"
    """Wait until the long quota opens again, then repeat."""

    RETRY_LARGER_TIMEOUT = "retry-larger-timeout"
    """Repeat and allow more time for the answer."""

    BACK_OFF = "back-off"
    """Repeat after a wait that grows with each attempt."""

    PROBE = "probe"
    """Ask the other side whether the side effect happened before anything is repeated."""

    ALTERNATIVE = "alternative"
    """Run the plan's alternative action instead."""

    FALLBACK = "fallback"
    """Take the plan's fallback value as the output."""

    SKIP = "skip"
    """Leave the action out and go on with the plan."""

    ROLL_BACK = "roll-back"
    """Undo what was done, in reverse order."""

    ASK_PERSON = "ask-person"
    """Pause and let a person decide."""

    GIVE_UP = "give-up"
    """End recovery; the plan's own error handling takes over."""


@unique
class Health(StrEnum):
    """What the attempt says about the dependency, for circuit breakers and health pages."""

    FAILURE = "failure"
    """The dependency did not do its part (timeouts, lost connections, 5xx, unreadable answers)."""

    SUCCESS = "success"
    """The dependency is well; it answered, and the request was at fault."""

    NEUTRAL = "neutral"
    """Says nothing about its health (throttled, credentials, our own side)."""


@unique
class Family(StrEnum):
    """The eight families of spec 002; `NONE` for what is no failure of anything (a person stopped it)."""

    TRANSIENT = "TRANSIENT"
    RESOURCE = "RESOURCE"
    VALIDATION = "VALIDATION"
    LOGIC = "LOGIC"
    EXTERNAL = "EXTERNAL"
    SECURITY = "SECURITY"
    CRITICAL = "CRITICAL"
    NONE = "NONE"


@unique
class Severity(StrEnum):
    """How serious something is, from a remark to what needs a person at once."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @classmethod
    def _missing_(cls, value: object) -> Severity | None:
        """The documents' other words (`SEVERITY_ALIASES`), whatever their case: `ERROR`, `medium`, `high`."""
        word = value.lower() if isinstance(value, str) else ""
        return next((one for one in cls if one.value == SEVERITY_ALIASES.get(word, word)), None)


SEVERITY_ALIASES = MappingProxyType(
    {"low": "info", "medium": "warning", "warn": "warning", "high": "error", "fatal": "critical"}
)
"""Document 001 says `medium` and `high`, logs say `warn` and `fatal`."""
