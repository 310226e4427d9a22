"""Adaptive limit: how many calls may be under way at once, found out by how long they take.

Pure. More calls at once than a server has room for do not make it faster: they wait in its queue. So the time a call takes is compared with the
time it takes at rest, and the ratio of both says by how much too many there are:

    gradient = tolerance * rest_s / latest_s, between 0.5 and 1
    limit    = (1 - smoothing) * limit + smoothing * (limit * gradient + queue_calls)

This is the idea of the gradient limits of Netflix's concurrency-limits (`Gradient2Limit`: a long and a short average, a tolerance, an allowance for a
queue, smoothing, no growth while less than half of the limit is used). Two things differ, because with them the limit of a server that is kept busy
creeps up for ever, as the long average learns the queue that the limit itself has made. First, time at rest is measured: every `probe_s` seconds half
of the limit is let through for a round (and half of that, if that was much faster), too little to queue; Envoy's gradient controller and BBR measure
theirs likewise. Second, the limit is looked at once per round: a round has as many calls as may be under way, all begun after the last change, so
that none tells of an older limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, unique

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Verdict
from holdfast.policies.checks import number_problem, refuse

__all__ = ["AdaptiveLimit", "LiveLimit", "Reading", "read"]

CALLS_BOUND = 1_000_000
PROBE_BOUND_S = 86_400.0
INITIAL = 20
GRADIENT_MIN = 0.5
BACKOFF = 0.9
"""What is left of the limit after a round that failed (`AIMDLimit` of concurrency-limits has the same)."""

CHANGED_RATIO = 1.1
"""Fewer calls at once, and each takes longer than this share of its time before: it is not the queue that has changed."""

BUSY_RATIO = 0.5
PROBE_RATIO = 0.5
QUEUE_RATIO = 0.75
"""Half of the calls, and each is faster than this share of its time before: the rest of its time may have been spent in a queue, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveLimit:
    """As many calls at once as the dependency bears without becoming slower, from `low` to `high`, beginning with `initial`.

    Defaults: 20, or the bound next to it, from 4 to 200 (each 1 to 1 000 000). `smoothing` is the weight of the newest round (0.2; 0.01 to 1),
    `tolerance` how many times slower than at rest a call may be before the limit shrinks (1.2; 1 to 10), `queue_calls` by how many calls the
    limit grows when there is room (4; 1 to 1000). A round in which more than `failure_ratio_max` of the calls failed (0.1; 0 to 1) shrinks the
    limit to nine tenths. A round has at least `samples_min` calls (10; 1 to 10 000). Every `probe_s` seconds (60; 1 s to a day) half of the limit
    is let through for a round, to see how long calls take at rest.

    Raises:
        BadSettings: one or more values are out of range, or `low`, `initial` and `high` are not in this order; all problems are listed.
    """

    initial: int | None = None
    low: int = 4
    high: int = 200
    smoothing: float = 0.2
    tolerance: float = 1.2
    queue_calls: int = 4
    failure_ratio_max: float = 0.1
    samples_min: int = 10
    probe_s: float = 60.0

    def __post_init__(self) -> None:
        problems = {
            "initial": number_problem(self.initial, 1, CALLS_BOUND, whole=True, optional=True),
            "low": number_problem(self.low, 1, CALLS_BOUND, whole=True),
            "high": number_problem(self.high, 1, CALLS_BOUND, whole=True),
        }
        if not any(problems.values()):
            if self.high < self.low:
                problems["high"] = f"must be a whole number from {self.low} (low) to {CALLS_BOUND:_}, not {self.high}"
            elif self.initial is not None and not self.low <= self.initial <= self.high:
                problems["initial"] = (
                    f"must be a whole number from {self.low} (low) to {self.high} (high), not {self.initial}"
                )
        refuse(
            "adaptive",
            (
                *problems.items(),
                ("smoothing", number_problem(self.smoothing, 0.01, 1)),
                ("tolerance", number_problem(self.tolerance, 1, 10)),
                ("queue_calls", number_problem(self.queue_calls, 1, 1_000, whole=True)),
                ("failure_ratio_max", number_problem(self.failure_ratio_max, 0, 1)),
                ("samples_min", number_problem(self.samples_min, 1, 10_000, whole=True)),
                ("probe_s", number_problem(self.probe_s, 1, PROBE_BOUND_S)),
            ),
        )

    @property
    def begins_with(self) -> int:
        """The limit while nothing is known."""
        return min(self.high, max(self.low, INITIAL)) if self.initial is None else self.initial


@unique
class Reading(Enum):
    """What the end of a call says about the limit."""

    SAMPLE = "sample"
    """It was answered: how long it took counts."""

    DROP = "drop"
    """It failed, timed out or was refused for being one too many."""

    NOTHING = "nothing"
    """It was cancelled, or went wrong for a reason that has nothing to do with load."""


def read(health: Health, verdict: Verdict | None, *, cancelled: bool) -> Reading:
    """Return what the end of a call says about the limit."""
    if cancelled:
        return Reading.NOTHING
    if health is Health.FAILURE or (verdict is not None and verdict.category is ErrorCategory.RATE_LIMIT_BURST):
        return Reading.DROP
    return Reading.SAMPLE if health is Health.SUCCESS else Reading.NOTHING


class LiveLimit:
    """The limit as it is now, and what it was found out from. Not for several threads at once.

    ```
              probe_s has passed                   a round is over, and no longer much faster than the one before
    MEASURING ------------------> PROBING (limit / 2) ----------------------> MEASURING (limit as before, time at rest known)
                                    |   ^
                                    +---+  a round is over, and much faster: half of the limit again, down to `low`
    ```
    The first round is followed by a probe, since nobody knows whether the initial limit is already too much.
    """

    __slots__ = (
        "_before_probe",
        "_count",
        "_drops",
        "_peak",
        "_probe_at",
        "_probe_s",
        "_round_at",
        "_settings",
        "_total_s",
        "limit",
        "rest_s",
    )

    def __init__(self, settings: AdaptiveLimit) -> None:
        self._settings = settings
        self.limit = float(settings.begins_with)
        self.rest_s: float | None = None
        self._probe_at = 0.0
        self._probe_s = 0.0
        self._before_probe: float | None = None
        self._round_at = -math.inf
        self._count = self._drops = self._peak = 0
        self._total_s = 0.0

    @property
    def calls_max(self) -> int:
        """How many calls may be under way at once."""
        return int(self.limit)

    def adopt(self, settings: AdaptiveLimit) -> None:
        """Go on with other settings: what is known of the dependency stays, the limit comes between the new bounds."""
        self._settings = settings
        self.limit = self._bounded(self.limit)
        if self._before_probe is not None:
            self._before_probe = self._bounded(self._before_probe)

    def ended(self, reading: Reading, *, began_at: float, took_s: float, in_flight: int) -> None:
        """Learn from a call that began at `began_at` (monotonic seconds) and has ended; `in_flight` were under way with it, itself included."""
        if reading is Reading.NOTHING or began_at < self._round_at:
            return
        self._count += 1
        self._peak = max(self._peak, in_flight)
        if reading is Reading.DROP:
            self._drops += 1
        else:
            self._total_s += took_s
        if self._count >= max(self._settings.samples_min, self.calls_max):
            self._close_round(began_at + took_s)

    def _begin_round(self, now: float) -> None:
        self._round_at = now
        self._count = self._drops = self._peak = 0
        self._total_s = 0.0

    def _close_round(self, now: float) -> None:
        samples = self._count - self._drops
        has_failed = self._drops > self._settings.failure_ratio_max * self._count or samples == 0
        latest_s = self._total_s / samples if samples else 0.0
        if self._before_probe is not None and not has_failed and self._is_still_queueing(latest_s):
            self._probe_deeper(latest_s)
        elif self._before_probe is not None:
            self.limit, self._before_probe = self._before_probe, None
            self._probe_at = now + self._settings.probe_s
            if has_failed:
                self.limit = self._bounded(self.limit * BACKOFF)
            elif latest_s > CHANGED_RATIO * self._probe_s:
                self._probe_at = now  # the dependency changed in the middle of it, so this tells of neither state
            else:
                self.rest_s = latest_s
        elif has_failed:
            self.limit = self._bounded(self.limit * BACKOFF)
        else:
            self._compare(latest_s)
            if now >= self._probe_at:
                self._before_probe = self.limit
                self._probe_deeper(latest_s)
        self._begin_round(now)

    def _is_still_queueing(self, latest_s: float) -> bool:
        """Whether a round of half the calls was so much faster than the one before it that these may still have queued."""
        return latest_s < QUEUE_RATIO * self._probe_s and self.limit > self._settings.low

    def _probe_deeper(self, latest_s: float) -> None:
        self._probe_s = latest_s
        self.limit = self._bounded(self.limit * PROBE_RATIO)

    def _compare(self, latest_s: float) -> None:
        """Move the limit by how long the calls of a round took, and learn how long they take at rest where that shows."""
        settings = self._settings
        rest_s = latest_s if self.rest_s is None else self.rest_s
        is_busy = self._peak >= self.limit * BUSY_RATIO
        if latest_s < rest_s or not is_busy:
            rest_s += settings.smoothing * (latest_s - rest_s)
        self.rest_s = rest_s
        if not is_busy:
            return
        gradient = 1.0
        if latest_s > 0:
            gradient = min(1.0, max(GRADIENT_MIN, settings.tolerance * rest_s / latest_s))
        wanted = self.limit * gradient + settings.queue_calls
        self.limit = self._bounded(self.limit + settings.smoothing * (wanted - self.limit))

    def _bounded(self, limit: float) -> float:
        return min(float(self._settings.high), max(float(self._settings.low), limit))
