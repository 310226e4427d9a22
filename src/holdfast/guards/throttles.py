"""The throttle at work: it counts what the dependency takes, and turns calls away by a draw."""

from __future__ import annotations

import threading

from holdfast.errors import Rejection, Throttled
from holdfast.guards.listening import Listening
from holdfast.guards.spells import Spell
from holdfast.guards.stage import Lasting, Permit, Signal
from holdfast.guards.world import WORLD
from holdfast.policies.throttle import Tally, Throttle, reject_ratio, was_taken

__all__ = ["ThrottleStage"]


class ThrottleStage(Lasting):
    """The throttle of one dependency. Safe to use from several threads and event loops at once.

    A call counts when it has ended: while it is under way nobody knows whether it is taken, and many that begin at once on a quiet morning are no
    sign of trouble. One that is turned away counts at once.
    """

    name = "throttle"

    def __init__(self, settings: Throttle, listening: Listening, *, key: str | None = None) -> None:
        # Re-entrant: the collector may close a coroutine that leaves here while this thread holds the lock.
        self._lock = threading.RLock()
        self._policy = listening.policy
        self._spell = Spell(self.name, listening, key=key)
        self._settings = settings
        self._tally = Tally(settings.window_s)

    def ratio(self, now: float) -> float:
        """The share of calls that is turned away at `now`, 0 to 1."""
        with self._lock:
            self._tally.move_on(now)
            return reject_ratio(self._settings, requests=self._tally.requests, accepts=self._tally.accepts)

    def enter(self, now: float) -> Permit:
        """Ask to make one attempt.

        Raises:
            Throttled: the draw was against it; it counts as a request that was not taken.
        """
        with self._lock:
            tally, settings = self._tally, self._settings
            tally.move_on(now)
            ratio = reject_ratio(settings, requests=tally.requests, accepts=tally.accepts)
            requests, accepts = tally.requests, tally.accepts
            passes = ratio == 0 or WORLD.draw() >= ratio
            if not passes:
                tally.count(now, taken=False)
        if not passes:
            rejection = _rejection(settings, self._policy, requests=requests, accepts=accepts, ratio=ratio)
            self._spell.rejected(now, rejection.because)
            raise Throttled(rejection, None)
        if self._spell.is_on:
            self._spell.passed(now)
        return _Pass(self)

    def adopt(self, newer: ThrottleStage) -> None:
        """Go on with other settings; what was counted stays, unless the window is another one."""
        with self._lock:
            if newer._settings.window_s != self._settings.window_s:
                self._tally = newer._tally
            self._settings = newer._settings

    def settle(self, signal: Signal) -> None:
        """Count a call that has ended."""
        taken = None if signal.cancelled else was_taken(signal.health, signal.verdict)
        if taken is not None:
            with self._lock:
                self._tally.count(WORLD.monotonic(), taken=taken)


class _Pass:
    """Leave to make one attempt."""

    __slots__ = ("_stage",)

    def __init__(self, stage: ThrottleStage) -> None:
        self._stage: ThrottleStage | None = stage

    def leave(self, signal: Signal) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            stage.settle(signal)


def _rejection(settings: Throttle, policy: str, *, requests: int, accepts: int, ratio: float) -> Rejection:
    return Rejection(
        policy=policy,
        because=(
            f"{policy!r} took {accepts} of {requests} calls in the last {settings.window_s:g} s,"
            f" so {ratio:.0%} of them are not sent, this one among them"
        ),
        next_step="Use a fallback, or send less; it ends by itself when calls are taken again.",
    )
