"""Throttle: when a dependency refuses much of what it is sent, a share of the calls is not even sent.

Pure. The share grows with what is refused and shrinks as soon as calls are taken again; there is no state that flips, as a circuit has. Every client
decides for itself, by what it has seen, and yet together they offer the dependency little more than `k` times what it can take.

The formula is that of client-side throttling in "Handling Overload" (Site Reliability Engineering, B. Beyer and others, 2016, chapter 21):
`p = max(0, (requests - k * accepts) / (requests + 1))`. `requests` counts what was not sent as well, so that the share stays up while nothing is
taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Verdict
from holdfast.policies.checks import number_problem, refuse

__all__ = ["Tally", "Throttle", "reject_ratio", "was_taken"]

BUCKETS = 60
"""The window moves on in so many steps: 2 s each by default. A step's calls leave it together."""

WINDOW_BOUND_S = 86_400.0
K_BOUND = 100.0
CALLS_BOUND = 1_000_000

_UNANSWERED = frozenset({ErrorCategory.NETWORK_CONNECTION_REFUSED, ErrorCategory.NETWORK_TIMEOUT})
_REFUSED = frozenset({ErrorCategory.RATE_LIMIT_BURST, ErrorCategory.RATE_LIMIT_DAILY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Turn a share of the calls away, by how much of the last `window_s` seconds the dependency has taken.

    With `k` it is sent up to that many times what it takes: 2.0 by default, as in the source of the formula (1 to 100); lower reacts to less, and
    at 1 every refusal counts. The share is at most `reject_max` (0.9 by default, 0 to 1, 1 excluded): something must be sent, or nobody would see
    that it takes calls again. Below `calls_min` calls in the window (10 by default, 1 to 1 000 000) nothing is turned away: by the formula alone,
    one refused call after a quiet night would turn every other one away. The window is 120 s by default (1 s to a day).

    Raises:
        BadSettings: one or more values are out of range; all of them are listed.
    """

    k: float = 2.0
    window_s: float = 120.0
    reject_max: float = 0.9
    calls_min: int = 10

    def __post_init__(self) -> None:
        ratio_problem = number_problem(self.reject_max, 0, 1)
        if ratio_problem is None and self.reject_max == 1:
            ratio_problem = "must be below 1: if nothing is sent, nobody sees that the dependency takes calls again"
        refuse(
            "throttle",
            (
                ("k", number_problem(self.k, 1, K_BOUND)),
                ("window_s", number_problem(self.window_s, 1, WINDOW_BOUND_S)),
                ("reject_max", ratio_problem),
                ("calls_min", number_problem(self.calls_min, 1, CALLS_BOUND, whole=True)),
            ),
        )


def reject_ratio(settings: Throttle, *, requests: int, accepts: int) -> float:
    """Return the share of calls to turn away, 0 to `reject_max`; for the formula see the top of this module."""
    if requests < settings.calls_min:
        return 0.0
    return min(settings.reject_max, max(0.0, (requests - settings.k * accepts) / (requests + 1)))


def was_taken(health: Health, verdict: Verdict | None) -> bool | None:
    """Whether the dependency took a call (True), refused it or failed at it (False), or nothing can be said (None).

    An answer about the request itself, such as "not found" or "wrong password", is an answer: the call was taken. "Too many requests" is a refusal,
    although it says nothing about the dependency's health.
    """
    if verdict is None:
        return health is not Health.FAILURE
    if verdict.category is ErrorCategory.USER_CANCELLED:
        return None
    if health is Health.NEUTRAL and verdict.category in _UNANSWERED:
        return None  # nobody was asked: a policy further in turned the call away, or its time was over before it began
    return verdict.category not in _REFUSED and health is not Health.FAILURE


class Tally:
    """How many calls there were, and how many were taken, in a window that moves on. Not for several threads at once.

    It moves on whenever it is looked at, however long nobody did: after a quiet window it is empty.
    """

    __slots__ = ("_accepts", "_bucket_s", "_latest", "_requests", "accepts", "requests")

    def __init__(self, window_s: float) -> None:
        self._bucket_s = window_s / BUCKETS
        self._latest = 0
        self._requests = [0] * BUCKETS
        self._accepts = [0] * BUCKETS
        self.requests = 0
        self.accepts = 0

    def count(self, now: float, *, taken: bool) -> None:
        """Count one call that ended, or was turned away, at `now` (monotonic seconds)."""
        self.move_on(now)
        place = self._latest % BUCKETS
        self._requests[place] += 1
        self.requests += 1
        if taken:
            self._accepts[place] += 1
            self.accepts += 1

    def move_on(self, now: float) -> None:
        """Let go of what is older than the window at `now`. A clock that seems to go back (another thread's, read earlier) changes nothing."""
        latest = int(now / self._bucket_s)
        for bucket in range(max(self._latest + 1, latest - BUCKETS + 1), latest + 1):
            place = bucket % BUCKETS
            self.requests -= self._requests[place]
            self.accepts -= self._accepts[place]
            self._requests[place] = self._accepts[place] = 0
        self._latest = max(latest, self._latest)
