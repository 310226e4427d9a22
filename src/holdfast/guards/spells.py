"""Spells of rejections: what a stage tells about calls that it turns away, once when that begins and once when it is over.

A stage that is full turns away every other call, lets one in, turns the next away. Told one by one, that is a flood and no news. A spell begins with
a rejection and is over with the first call that is let in after a quiet minute.
"""

from __future__ import annotations

import threading

from holdfast.guards.listening import Listening

__all__ = ["Spell"]

QUIET_S = 60.0


class Spell:
    """The rejections of one stage. Safe to use from several threads; holds its lock for its own arithmetic alone."""

    __slots__ = ("_count", "_key", "_last_at", "_listening", "_lock", "_stage")

    def __init__(self, stage: str, listening: Listening, *, key: str | None) -> None:
        self._stage = stage
        self._listening = listening
        self._key = key
        self._lock = threading.RLock()
        self._count = 0
        self._last_at = 0.0

    @property
    def is_on(self) -> bool:
        """Whether there is a spell; read without the lock by who only wants to know whether `passed` is worth calling."""
        return self._count > 0

    def rejected(self, now: float, because: str) -> None:
        """A call was turned away."""
        with self._lock:
            self._count += 1
            self._last_at = max(now, self._last_at)
            begins = self._count == 1
        if begins:
            self._listening.tell("rejections.began", self._key, stage=self._stage, because=because)

    def passed(self, now: float) -> None:
        """A call was let in."""
        with self._lock:
            count = self._count
            if not count or now - self._last_at < QUIET_S:
                return
            self._count = 0
        self._listening.tell("rejections.ended", self._key, stage=self._stage, rejections=count)
