"""Levels: how degraded a policy is, from 0 (not at all) to 3, by the share of its calls that got no full answer.

```
          share ≥ up[0]            share ≥ up[1]            share ≥ up[2]
   0 ───────────────────▶ 1 ───────────────────▶ 2 ───────────────────▶ 3
     ◀───────────────────   ◀───────────────────   ◀───────────────────
      share ≤ down[0]          share ≤ down[1]          share ≤ down[2]
      for fall_after_s         for fall_after_s         for fall_after_s
```

It rises as far as the share says, at once; it falls one level at a time, and only after the share has been low enough without a break for
`fall_after_s`. Between `down` and `up` nothing changes: that is the hysteresis. The levels and their number are spec 003's
(`degradation_level`, `max_degradation_level`), which leaves open when they change.

Pure: the share is counted by `Window`, the clock is the caller's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from holdfast.policies.checks import number_problem, refuse

__all__ = ["LEVEL_MAX", "Level", "Levels", "Window", "force", "step"]

LEVEL_MAX = 3
BUCKETS = 10
WINDOW_BOUND_S = 24 * 3600.0
CALLS_BOUND = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """When the level of degradation changes.

    Counted are the calls of the last `window_s` (1 s to a day; default 60 s, in tenths). From `calls_min` calls in it (1 to 1 000 000; default
    10) a share of lesser or missing answers of `up[0]`, `up[1]`, `up[2]` or more raises the level to 1, 2, 3 (defaults 10 %, 30 %, 60 %). A share
    of at most `down[n]` for `fall_after_s` (0 to a day; default 30 s) lowers it to n (defaults 5 %, 15 %, 30 %); a window without calls counts
    as a share of 0. `up` must rise, and each `down` must lie below its `up`.
    """

    window_s: float = 60.0
    calls_min: int = 10
    up: tuple[float, float, float] = (0.10, 0.30, 0.60)
    down: tuple[float, float, float] = (0.05, 0.15, 0.30)
    fall_after_s: float = 30.0

    def __post_init__(self) -> None:
        up_problem = _shares_problem(self.up, low=0.001)
        down_problem = _shares_problem(self.down, low=0.0)
        crossing = None
        if up_problem is None and down_problem is None:
            crossing = _crossing_problem(self.up, self.down)
        refuse(
            "degradation.levels",
            [
                ("window_s", number_problem(self.window_s, 1, WINDOW_BOUND_S)),
                ("calls_min", number_problem(self.calls_min, 1, CALLS_BOUND, whole=True)),
                ("up", up_problem),
                ("down", down_problem),
                ("down", crossing),
                ("fall_after_s", number_problem(self.fall_after_s, 0, WINDOW_BOUND_S)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Where a policy stands.

    `number` is 0 to 3. `low_since` is since when the share has been low enough to fall, None while it is not. `forced` is a level that a
    person set; while it is set, nothing else changes the number.
    """

    number: int = 0
    low_since: float | None = None
    forced: int | None = None


def step(settings: Levels, level: Level, *, share: float, calls: int, now: float) -> Level:
    """The level after looking at the window at `now` (monotonic seconds): `share` (0 to 1) of its `calls` got no full answer."""
    if level.forced is not None:
        return level
    reached = sum(1 for threshold in settings.up if share >= threshold) if calls >= settings.calls_min else 0
    if reached > level.number:
        return Level(number=reached)
    if level.number == 0 or share > settings.down[level.number - 1]:
        return level if level.low_since is None else replace(level, low_since=None)
    since = now if level.low_since is None else level.low_since
    if now - since < settings.fall_after_s:
        return level if level.low_since is not None else replace(level, low_since=since)
    # The next level down has a clock of its own: however long nobody looked, it falls one at a time.
    return Level(number=level.number - 1, low_since=now if level.number > 1 else None)


def force(level: Level, number: int | None) -> Level:
    """Set the level by hand (0 to 3), or let it go again (None): it then goes on from where it stands."""
    assert number is None or 0 <= number <= LEVEL_MAX, f"a level lies between 0 and {LEVEL_MAX}"
    return Level(number=level.number if number is None else number, forced=number)


@dataclass(slots=True)
class Window:
    """Counts of the calls of the last `window_s` seconds, in ten buckets: constant memory, constant time for each call.

    The oldest bucket is dropped as a whole, so what is counted covers nine to ten tenths of the window. Not safe over threads by itself.
    """

    window_s: float
    _calls: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    _lesser: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    _newest: int = 0

    def add(self, now: float, *, lesser: bool) -> None:
        """Count a call that ended at `now`; `lesser` says that it got a lesser answer, or none."""
        self._turn(now)
        place = self._newest % BUCKETS
        self._calls[place] += 1
        if lesser:
            self._lesser[place] += 1

    def counts(self, now: float) -> tuple[int, int]:
        """How many calls the window holds at `now`, and how many of them got no full answer."""
        self._turn(now)
        return sum(self._calls), sum(self._lesser)

    def _turn(self, now: float) -> None:
        bucket = math.floor(now * BUCKETS / self.window_s)
        if bucket == self._newest:
            return
        # A moment that is a little in the past (another thread was quicker) is counted with the newest.
        for stale in range(max(self._newest + 1, bucket - BUCKETS + 1), bucket + 1):
            self._calls[stale % BUCKETS] = self._lesser[stale % BUCKETS] = 0
        self._newest = max(self._newest, bucket)


def _shares_problem(value: object, *, low: float) -> str | None:
    if not isinstance(value, tuple) or len(value) != LEVEL_MAX:
        return f"must be {LEVEL_MAX} shares, for the levels 1 to {LEVEL_MAX}, not {value!r}"
    problem = next((found for item in value if (found := number_problem(item, low, 1)) is not None), None)
    if problem is not None:
        return problem
    return None if list(value) == sorted(value) else f"must not fall from one level to the next: {value!r}"


def _crossing_problem(up: tuple[float, ...], down: tuple[float, ...]) -> str | None:
    crossed = [place for place in range(LEVEL_MAX) if down[place] >= up[place]]
    if not crossed:
        return None
    return f"must lie below up, or the level would go up and down at once: {down[crossed[0]]!r} is not below {up[crossed[0]]!r}"
