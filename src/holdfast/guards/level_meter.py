"""The level meter of one policy: counts its calls and lesser answers, and tells when the level of degradation changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from holdfast.guards.world import WORLD
from holdfast.policies.levels import Level, Levels, Window, force, step

__all__ = ["LevelMeter"]

OnChange = Callable[["LevelMeter", int, int], None]


class LevelMeter:
    """Where one policy stands between 0 (full answers) and 3. Safe over threads; constant memory.

    `on_change(meter, before, after)` is called outside the lock, once for each change.
    """

    __slots__ = ("__weakref__", "_level", "_lock", "_on_change", "_settings", "_window", "policy")

    def __init__(self, policy: str, settings: Levels, *, on_change: OnChange) -> None:
        self.policy = policy
        self._settings = settings
        self._on_change = on_change
        self._window = Window(settings.window_s)
        self._level = Level()
        self._lock = threading.Lock()

    def record(self, *, lesser: bool) -> None:
        """Count a call that ended; `lesser` says that it got a lesser answer, or none."""
        now = WORLD.monotonic()
        with self._lock:
            self._window.add(now, lesser=lesser)
            if not lesser and self._level.number == 0:
                return  # a full answer raises nothing, and there is nothing to lower
            before, after = self._look(now)
        self._tell(before, after)

    @property
    def level(self) -> int:
        """The level now; time alone may have lowered it."""
        now = WORLD.monotonic()
        with self._lock:
            before, after = self._look(now)
        self._tell(before, after)
        return after

    @property
    def share(self) -> float:
        """The share of calls in the window that got no full answer, 0 to 1; 0 when there were none."""
        with self._lock:
            calls, lesser = self._window.counts(WORLD.monotonic())
        return lesser / calls if calls else 0.0

    def force(self, number: int | None) -> None:
        """Set the level by hand (0 to 3); None lets it go by the calls again."""
        with self._lock:
            before = self._level.number
            self._level = force(self._level, number)
            after = self._level.number
        self._tell(before, after)

    def update(self, settings: Levels) -> None:
        """Go on by other settings; what was counted is kept unless the window is another one."""
        with self._lock:
            if settings.window_s != self._settings.window_s:
                self._window = Window(settings.window_s)
            self._settings = settings

    def _look(self, now: float) -> tuple[int, int]:
        calls, lesser = self._window.counts(now)
        before = self._level.number
        share = lesser / calls if calls else 0.0
        self._level = step(self._settings, self._level, share=share, calls=calls, now=now)
        return before, self._level.number

    def _tell(self, before: int, after: int) -> None:
        if before != after:
            self._on_change(self, before, after)
