"""Bulkhead: how many calls of one dependency may be under way at once, and who may wait for a place.

Pure. A ship's bulkheads keep one leak from sinking it: a dependency that hangs can hold `calls_max` of the program's threads or tasks, and no more.
It knows neither how a caller waits nor when a call ends; that is `holdfast.guards.bulkheads`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from holdfast.policies.checks import number_problem, refuse

__all__ = ["Admission", "Bulkhead", "admit"]

CALLS_BOUND = 1_000_000
WAIT_BOUND_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulkhead:
    """At most `calls_max` calls at once, and at most `queue_max` more that wait for their turn, each at most `wait_max_s` seconds.

    Defaults: 25 calls (1 to 1 000 000; the default of resilience4j), no queue (0 to 1 000 000), 1 s (0 to a day). Without a queue nobody waits: a
    queue in front of something that hangs only hides that it hangs. Whoever waits goes in the order of arrival.

    Raises:
        BadSettings: one or more values are out of range, or there is a queue in which nobody may wait; all problems are listed.
    """

    calls_max: int = 25
    queue_max: int = 0
    wait_max_s: float = 1.0

    def __post_init__(self) -> None:
        wait_problem = number_problem(self.wait_max_s, 0, WAIT_BOUND_S)
        queue_problem = number_problem(self.queue_max, 0, CALLS_BOUND, whole=True)
        if wait_problem is None and queue_problem is None and self.queue_max > 0 and self.wait_max_s == 0:
            wait_problem = f"must be above 0 when there is a queue: nobody could wait in the {self.queue_max} places"
        refuse(
            "bulkhead",
            (
                ("calls_max", number_problem(self.calls_max, 1, CALLS_BOUND, whole=True)),
                ("queue_max", queue_problem),
                ("wait_max_s", wait_problem),
            ),
        )


@unique
class Admission(Enum):
    """What becomes of a call that comes."""

    GO = "go"
    QUEUE = "queue"
    FULL = "full"


def admit(settings: Bulkhead, *, active: int, waiting: int) -> Admission:
    """Return whether one more call may begin while `active` are under way and `waiting` wait.

    Whoever comes while others wait goes behind them, even if there is room: it is meant for the first of them.
    """
    if active < settings.calls_max and waiting == 0:
        return Admission.GO
    return Admission.QUEUE if waiting < settings.queue_max else Admission.FULL
