"""Hedge: when an answer is late, ask once more and take what comes first.

Pure settings and arithmetic. Most of a slow tail is chance (a queue, a pause, a lost packet), and a second request rarely meets the same. Waiting for
the 95th percentile before asking again costs about 5 % more requests ("The Tail at Scale", J. Dean and L. A. Barroso, 2013). It knows no tasks; those
are in `holdfast.guards.hedging`.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.quantile import LatestValues

__all__ = ["Hedge", "delay_s", "misuse"]

DELAY_BOUND_S = 3_600.0
EXTRA_BOUND = 10
REMEMBERED = 256
"""So many durations are remembered; the 95th percentile is then the 13th longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Send a call that has not answered after `delay_s` seconds once more, at most `extra_max` times, one delay apart.

    Without `delay_s` (0 s to an hour) the delay is that which `quantile` of the latest calls stayed below: 0.95 by default (0.5 to 0.999), over
    the last 256 durations, and no hedge is sent before `samples_min` of them are known (20 by default, 2 to 256). It is never below `delay_min_s`
    (5 ms by default, 0 s to an hour), since who is that fast need not be hedged. `extra_max` is 1 by default (1 to 10).

    Hedging is for asynchronous calls that may be repeated: see `misuse`.

    Raises:
        BadSettings: one or more values are out of range; all of them are listed.
    """

    delay_s: float | None = None
    extra_max: int = 1
    quantile: float = 0.95
    samples_min: int = 20
    delay_min_s: float = 0.005

    def __post_init__(self) -> None:
        refuse(
            "hedge",
            (
                ("delay_s", number_problem(self.delay_s, 0, DELAY_BOUND_S, optional=True)),
                ("extra_max", number_problem(self.extra_max, 1, EXTRA_BOUND, whole=True)),
                ("quantile", number_problem(self.quantile, 0.5, 0.999)),
                ("samples_min", number_problem(self.samples_min, 2, REMEMBERED, whole=True)),
                ("delay_min_s", number_problem(self.delay_min_s, 0, DELAY_BOUND_S)),
            ),
        )


def delay_s(settings: Hedge, durations: LatestValues) -> float | None:
    """Return how long to wait for an answer before the call is sent once more; None while too little is known to say so."""
    if settings.delay_s is not None:
        return settings.delay_s
    if len(durations) < settings.samples_min:
        return None
    return max(settings.delay_min_s, durations.quantile(settings.quantile))


def misuse(*, repeatable: bool, asynchronous: bool) -> str | None:
    """Why a call cannot be hedged; None when it can.

    Two requests of one call are both made: without the caller's word that this does no harm, it may be done twice. And one of them has to be given up
    while it runs, which a plain function cannot be.
    """
    if not repeatable:
        return "needs a call that may be made twice: its loser may have taken effect, too. Say repeatable=True if that does no harm"
    if not asynchronous:
        return (
            "needs an async function: a plain one cannot be given up while it runs. Make it async, or leave hedge out"
        )
    return None
