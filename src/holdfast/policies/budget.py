"""Retry budget: how many repeats a dependency may be sent, as a share of the calls it gets anyway.

A dependency that is down is not helped by three times its usual load. A budget lets repeats through as long as they are few beside the calls: a
fifth of the recent ones, and a small floor so that a quiet program may repeat at all (the idea of Finagle's `RetryBudget` and of Envoy's
`retry_budget`, whose 20 % we keep). Repeats by a hedge come out of the same purse.

Pure: a purse is a value, time arrives as `now`. A repeat is paid for when it is decided, not when it is sent, so that those who still sleep
before theirs are counted, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.policies.checks import number_problem, refuse

__all__ = ["Budget", "Purse", "give_back", "open_purse", "refill", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many repeats are allowed beside the calls.

    `ratio` of the calls of the last `window_s` seconds (0 to 10; default 0.2 of 10 s), and `floor_per_s` repeats a second whatever the calls
    (0 to 1_000_000; default 3; below one a window, it saves up for one). With both at 0, nothing is ever repeated.

    Raises:
        BadSettings: one or more values are out of range; all of them are listed.
    """

    ratio: float = 0.2
    floor_per_s: float = 3.0
    window_s: float = 10.0

    def __post_init__(self) -> None:
        refuse(
            "budget",
            [
                ("ratio", number_problem(self.ratio, 0, 10)),
                ("floor_per_s", number_problem(self.floor_per_s, 0, 1_000_000)),
                ("window_s", number_problem(self.window_s, 0.1, 3_600)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What is left to spend: `tokens` repeats at `at` (monotonic seconds), when `calls` calls had been made in all."""

    tokens: float
    calls: int
    at: float


def open_purse(budget: Budget, *, calls: int, now: float) -> Purse:
    """A purse as it stands after a quiet time: the floor is in it, no share of calls."""
    return Purse(tokens=_floor_most(budget), calls=calls, at=now)


def refill(budget: Budget, purse: Purse, *, calls: int, now: float) -> Purse:
    """The purse at `now`, when `calls` calls have been made in all.

    What was in it beyond one token is forgotten over one window; the calls since then bring `ratio` each (of those spread over more than a window,
    only the window's share), and time brings the floor. At a steady rate `r` it therefore settles at about `window * (ratio * r + floor)`. The last
    token is kept, or a purse that fills slowly would never hold enough for one repeat.
    """
    passed_s = max(0.0, now - purse.at)
    made = max(0, calls - purse.calls)
    window_s = budget.window_s
    recent = made * window_s / passed_s if passed_s > window_s else float(made)
    forgotten = max(0.0, purse.tokens - 1.0) * min(1.0, passed_s / window_s)
    floor = min(budget.floor_per_s * passed_s, _floor_most(budget))
    tokens = purse.tokens - forgotten + budget.ratio * recent + floor
    return Purse(tokens=tokens, calls=max(calls, purse.calls), at=max(now, purse.at))


def withdraw(budget: Budget, purse: Purse, *, calls: int, now: float) -> tuple[Purse, bool]:
    """Pay for one repeat: the purse afterwards, and whether there was enough in it.

    The repeat is one of the calls that will be counted, and brings nothing: the ratio is one of calls, not of calls and repeats.
    """
    filled = refill(budget, purse, calls=calls, now=now)
    if filled.tokens < 1.0:
        return filled, False
    return Purse(tokens=filled.tokens - 1.0, calls=filled.calls + 1, at=filled.at), True


def give_back(purse: Purse) -> Purse:
    """Take back what a repeat cost that was never made, because its caller was cancelled while it waited."""
    return Purse(tokens=purse.tokens + 1.0, calls=max(0, purse.calls - 1), at=purse.at)


def _floor_most(budget: Budget) -> float:
    """What time alone can bring: the floor of one window, but a whole repeat where there is a floor at all."""
    return max(1.0, budget.floor_per_s * budget.window_s) if budget.floor_per_s > 0 else 0.0
