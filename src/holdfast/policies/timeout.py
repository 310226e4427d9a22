"""Timeout: how long one attempt, and how long the whole call with all its attempts and waits, may take.

Pure. Async calls are preempted; a sync call cannot be, so its remaining time is passed down (`holdfast.remaining_s`) to whatever client can keep to
it, and nothing new is begun once it is over. A thread pool that walks away from its threads is no timeout: the work goes on, and the pool fills.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.errors import BadSettings, Problem
from holdfast.policies.checks import number_problem, refuse

__all__ = ["Timeout", "allowed_s"]

SECONDS_MAX = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Limits in seconds: `deadline_s` for the whole call, `attempt_s` for one attempt; 0.001 s to 7 days, at least one of them.

    Raises:
        BadSettings: a value is out of range, both are missing, or an attempt may take longer than the whole call.
    """

    deadline_s: float | None = None
    attempt_s: float | None = None

    def __post_init__(self) -> None:
        refuse(
            "timeout",
            [
                ("deadline_s", number_problem(self.deadline_s, 0.001, SECONDS_MAX, optional=True)),
                ("attempt_s", number_problem(self.attempt_s, 0.001, SECONDS_MAX, optional=True)),
            ],
        )
        if self.deadline_s is None and self.attempt_s is None:
            raise BadSettings(
                [Problem(source="timeout", path="", message="limits nothing; give deadline_s, attempt_s or both")]
            )
        if self.deadline_s is not None and self.attempt_s is not None and self.attempt_s > self.deadline_s:
            message = f"must not be longer than deadline_s, {self.deadline_s:g}, not {self.attempt_s:g}"
            raise BadSettings([Problem(source="timeout", path="attempt_s", message=message)])


def allowed_s(timeout: Timeout | None, *, remaining_s: float | None) -> float | None:
    """How long the next attempt may take, given what remains of the deadline (negative when it is over); None without any limit."""
    limits = [limit for limit in (timeout.attempt_s if timeout else None, remaining_s) if limit is not None]
    return min(limits, default=None)
