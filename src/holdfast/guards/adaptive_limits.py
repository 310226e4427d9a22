"""The adaptive limit at work: it counts who is under way, and tells the limit how long each took."""

from __future__ import annotations

import threading

from holdfast.errors import LimitReached, Rejection
from holdfast.guards.listening import Listening
from holdfast.guards.spells import Spell
from holdfast.guards.stage import Lasting, Permit, Signal
from holdfast.policies.adaptive import AdaptiveLimit, LiveLimit, Reading, read

__all__ = ["AdaptiveStage"]


class AdaptiveStage(Lasting):
    """The adaptive limit of one dependency. Safe to use from several threads and event loops at once."""

    name = "adaptive limit"

    def __init__(self, settings: AdaptiveLimit, listening: Listening, *, key: str | None = None) -> None:
        # Re-entrant: the collector may close a coroutine that leaves here while this thread holds the lock.
        self._lock = threading.RLock()
        self._policy = listening.policy
        self._spell = Spell(self.name, listening, key=key)
        self._settings = settings
        self._live = LiveLimit(settings)
        self._active = 0
        self._rejection = _rejection(self._live.calls_max, listening.policy)
        self._rejection_of = self._live.calls_max

    @property
    def calls_max(self) -> int:
        """How many calls may be under way at once, as of now."""
        return self._live.calls_max

    @property
    def active(self) -> int:
        """How many calls are under way."""
        return self._active

    def enter(self, now: float) -> Permit:
        """Ask to make one attempt.

        Raises:
            LimitReached: as many calls are under way as the dependency bears.
        """
        with self._lock:
            calls_max = self._live.calls_max
            has_room = self._active < calls_max
            if has_room:
                self._active += 1
            elif self._rejection_of != calls_max:
                self._rejection_of = calls_max
                self._rejection = _rejection(calls_max, self._policy)
            rejection = self._rejection
        if not has_room:
            self._spell.rejected(now, rejection.because)
            raise LimitReached(rejection, None)
        if self._spell.is_on:
            self._spell.passed(now)
        return _Slot(self, began_at=now)

    def adopt(self, newer: AdaptiveStage) -> None:
        """Go on with other settings; what is known of the dependency stays."""
        with self._lock:
            self._settings = newer._settings
            self._live.adopt(newer._settings)

    def settle(self, reading: Reading, *, began_at: float, took_s: float) -> None:
        """Take a call that has ended off the count, and learn from it."""
        with self._lock:
            self._live.ended(reading, began_at=began_at, took_s=took_s, in_flight=self._active)
            self._active -= 1


class _Slot:
    """Leave to make one attempt."""

    __slots__ = ("_began_at", "_stage")

    def __init__(self, stage: AdaptiveStage, *, began_at: float) -> None:
        self._stage: AdaptiveStage | None = stage
        self._began_at = began_at

    def leave(self, signal: Signal) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            reading = read(signal.health, signal.verdict, cancelled=signal.cancelled)
            stage.settle(reading, began_at=self._began_at, took_s=signal.took_s)


def _rejection(calls_max: int, policy: str) -> Rejection:
    calls = "call" if calls_max == 1 else "calls"
    return Rejection(
        policy=policy,
        because=f"{policy!r} has {calls_max} {calls} under way, and bears no more without becoming slower",
        next_step="Try again when some of them have ended; the limit grows again when calls become faster.",
    )
