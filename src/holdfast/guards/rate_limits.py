"""The rate limit at work: it hands out the moments at which calls begin, and takes back those of calls that do not."""

from __future__ import annotations

import threading

from holdfast.errors import RateLimited, Rejection
from holdfast.guards.listening import Listening
from holdfast.guards.spells import Spell
from holdfast.guards.stage import Lasting, Permit, Signal, Wait
from holdfast.guards.world import WORLD
from holdfast.policies.rate_limit import SECOND_NS, Booking, RateKind, RateLimit, Schedule, schedule_of

__all__ = ["RateLimitStage"]


class RateLimitStage(Lasting):
    """One rate limit of one dependency. Safe to use from several threads and event loops at once."""

    name = "rate limit"

    def __init__(self, settings: RateLimit, listening: Listening, *, key: str | None = None) -> None:
        # Re-entrant: the collector may close a coroutine that gives its booking back while this thread holds the lock.
        self._lock = threading.RLock()
        self._spell = Spell(self.name, listening, key=key)
        self._settings = settings
        self._schedule = schedule_of(settings)
        self._rejection = _rejection(settings, listening.policy)

    def enter(self, now: float) -> Permit | Wait:
        """Ask to make one attempt: it may begin at once, or after a wait that is booked for it.

        Raises:
            RateLimited: it would have to wait too long; `retry_after_s` is when to come back, to the nanosecond.
        """
        # Rounded down: a call that is taken to have come a fraction of a nanosecond early begins no earlier for it.
        now_ns = int(now * SECOND_NS)
        with self._lock:
            schedule = self._schedule
            told = schedule.book(now_ns)
            rejection = self._rejection
        if not isinstance(told, Booking):
            self._spell.rejected(now, rejection.because)
            # One more, since whoever comes back is rounded down, too.
            raise RateLimited(rejection, (told - now_ns + 1) / SECOND_NS)
        if self._spell.is_on:
            self._spell.passed(now)
        turn = _Turn(self, schedule, booking=told)
        wait_s = (told.start_ns - now_ns) / SECOND_NS
        if wait_s <= 0:
            return turn
        return Wait(seconds=wait_s, permit=turn, too_late=lambda: self._too_late(rejection, wait_s))

    def adopt(self, newer: RateLimitStage) -> None:
        """Go on with other settings. Moments that were booked stay as they are; a limit that counts differently begins unused."""
        with self._lock:
            if newer._settings.counts_like(self._settings):
                self._schedule.wait_max_ns = newer._settings.wait_max_ns
            else:
                self._schedule = newer._schedule
            self._settings, self._rejection = newer._settings, newer._rejection

    def cancel(self, schedule: Schedule, booking: Booking) -> None:
        """Take back the moment of a call that does not begin."""
        with self._lock:
            schedule.cancel(booking, int(WORLD.monotonic() * SECOND_NS))

    def _too_late(self, rejection: Rejection, wait_s: float) -> RateLimited:
        """The error of a call that has less time than its booked moment is ahead."""
        self._spell.rejected(WORLD.monotonic(), rejection.because)
        return RateLimited(rejection, wait_s)


class _Turn:
    """Leave to make one attempt, from a moment on."""

    __slots__ = ("_booking", "_schedule", "_stage")

    def __init__(self, stage: RateLimitStage, schedule: Schedule, *, booking: Booking) -> None:
        self._stage: RateLimitStage | None = stage
        self._schedule = schedule
        self._booking = booking

    def leave(self, signal: Signal) -> None:
        """A call that was cancelled before anything was sent has not begun: its moment is somebody else's."""
        stage, self._stage = self._stage, None
        if stage is not None and signal.cancelled and signal.took_s == 0:
            stage.cancel(self._schedule, self._booking)


def _rejection(settings: RateLimit, policy: str) -> Rejection:
    burst = f" (and {settings.burst_calls} at once)" if settings.kind == RateKind.TOKEN_BUCKET else ""
    wait = f" for longer than {settings.wait_max_s:g} s" if settings.wait_max_s else ""
    calls = "call" if settings.calls == 1 else "calls"
    return Rejection(
        policy=policy,
        because=f"{policy!r} may begin {settings.calls} {calls} per {settings.per_s:g} s{burst}, and the next would have to wait{wait}",
        next_step="Come back then, or let calls wait longer with wait_max_s.",
    )
