"""The verdict: a classified fault, made once per attempt and read by everything after it.

In the story it stands between capture and decision (`fault → verdict → decision`). A verdict says what went wrong,
whether the same request may succeed if sent again, whether the side effect happened, and which rule said so. It does
not know what will be done about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from holdfast.faults.taxonomy import ErrorCategory, Family, Health, Severity
from holdfast.faults.traits import severity_of

__all__ = ["Backoff", "BackoffKind", "Family", "Health", "Outcome", "Verdict"]


@unique
class Outcome(StrEnum):
    """Whether the side effect of the attempt happened in the world; the only ground on which a repeat is safe or not."""

    NOT_EXECUTED = "not_executed"
    """Refused or lost before any work was done: a repeat does nothing twice."""

    UNKNOWN = "unknown"
    """It may or may not have happened: repeat only what is idempotent, keyed or probed."""

    EXECUTED = "executed"
    """It happened, although the caller got no usable answer: never repeat."""


@unique
class BackoffKind(StrEnum):
    """How the waits between attempts grow when a catalog entry prescribes it (spec 000 §4.1)."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    RESPECT_RESET = "respect_reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The waits an API asks for; `None` leaves the part to the retry policy.

    Delays are seconds. `respect_reset` waits for the reset the server named and, when it named none,
    `initial_delay_s` every time.
    """

    kind: BackoffKind
    initial_delay_s: float | None = None
    max_delay_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A classified fault.

    `retryable`: the same request, sent again by a machine after the wait (or after an automatic token refresh), may
    succeed. It never says that a repeat is safe: that is `outcome`. `retry_after_s` is the wait the other side
    stated, in seconds from the fault's `observed_at`, never negative and never shortened; `None` when it stated none.
    `message` is short, redacted and carries no payload. `rule` is the slug of the rule that decided, `runners_up` are
    the rules that matched as well and lost, best first. `advice` names the pieces of recovery advice of the API's entry
    (by their place in it) whose conditions on the answer's headers and body hold: the answer itself is not kept.
    `labels` are ordered by priority, most telling first. `notes` are short words for whoever reads why: an absurd wait, a clock
    that is off, knowledge that is old. `quota_resets_in_s` is how far off the documented reset of the used-up quota is, in seconds from
    `observed_at`: nobody stated it, so it is no `retry_after_s`. `trail` holds the ids by which the call can be followed and the digest of what was
    sent, as pairs of a name (`requestId`, `correlationId`, `traceId`, `sessionId`, `payloadSha256`, `payloadBytes`) and a value.
    """

    category: ErrorCategory
    family: Family
    labels: tuple[str, ...]
    retryable: bool
    health: Health
    outcome: Outcome
    message: str
    fingerprint: str
    rule: str
    retry_after_s: float | None = None
    code: str | None = None
    status: int | None = None
    suggestion: str | None = None
    api_id: str | None = None
    credential: str | None = None
    backoff: Backoff | None = None
    runners_up: tuple[str, ...] = ()
    advice: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    quota_resets_in_s: float | None = None
    trail: tuple[tuple[str, str], ...] = ()

    @property
    def severity(self) -> Severity:
        """How serious it is: critical where its rule or declaration says so, else by its category and by whether a machine may mend it."""
        return severity_of(self.category, family=self.family)
