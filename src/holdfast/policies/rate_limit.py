"""Rate limit: how many calls of one dependency may begin in a span of time, and when the next one may.

Pure, and exact: times are whole nanoseconds and no sum is ever rounded. Whoever comes is given the moment at which its call begins, or is told the
moment at which it is worth coming back; nobody has to ask twice. Both kinds serve in the order of arrival.

- `TokenBucket` lets `burst` calls begin at once and then `calls` per `per_s`. It is the virtual scheduling form of the generic cell rate algorithm
  (ITU-T I.371): one number remembers everything.
- `SlidingWindow` lets at most `calls` begin in any window of `per_s`, wherever it begins (a counter per fixed window lets twice as many through
  around its edge). It remembers the last `calls` beginnings: a call may begin when the one so many before it is a whole window old.
"""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Protocol

from holdfast.policies.checks import number_problem, refuse

__all__ = ["Booking", "RateKind", "RateLimit", "Schedule", "SlidingWindow", "TokenBucket", "schedule_of"]

SECOND_NS = 1_000_000_000
CALLS_BOUND = 1_000_000_000
WINDOW_CALLS_BOUND = 100_000
"""A sliding window remembers that many beginnings at most: about 12 MB when it is used up."""

PER_BOUND_S = 31 * 86_400.0
WAIT_BOUND_S = 86_400.0


@unique
class RateKind(StrEnum):
    """How the calls of a rate limit are counted."""

    TOKEN_BUCKET = "token-bucket"  # noqa: S105 - the name of an algorithm
    SLIDING_WINDOW = "sliding-window"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `calls` calls begin per `per_s` seconds; who would have to wait longer than `wait_max_s` seconds is turned away.

    `kind` is a `RateKind` or its text. A `token-bucket` lets `burst` calls begin at once (by default as many as `calls`) and spreads the others
    evenly, so that a span of time t never holds more than `burst + t * calls / per_s`. A `sliding-window` never holds more than `calls` in any window
    of `per_s`, has no burst, and is what to take for a limit that the other side enforces strictly.

    Defaults: 10 calls (1 to 1 000 000 000; a sliding window 1 to 100 000) per 1 s (0.001 s to 31 days), no wait (0 s to a day).

    Raises:
        BadSettings: one or more values are out of range, or a sliding window is given a burst; all problems are listed.
    """

    calls: int = 10
    per_s: float = 1.0
    kind: str = RateKind.TOKEN_BUCKET
    burst: int | None = None
    wait_max_s: float = 0.0

    def __post_init__(self) -> None:
        kind: object = self.kind
        is_window = kind == RateKind.SLIDING_WINDOW
        is_known = isinstance(kind, str) and kind in set(RateKind)
        burst_problem = number_problem(self.burst, 1, CALLS_BOUND, whole=True, optional=True)
        if is_window and self.burst is not None:
            burst_problem = "must be left out: a sliding window has no burst, only a token bucket has"
        most = WINDOW_CALLS_BOUND if is_window else CALLS_BOUND
        refuse(
            "rate_limit",
            (
                ("calls", number_problem(self.calls, 1, most, whole=True)),
                ("per_s", number_problem(self.per_s, 0.001, PER_BOUND_S)),
                ("kind", None if is_known else f"must be one of {', '.join(RateKind)}, not {kind!r}"),
                ("burst", burst_problem),
                ("wait_max_s", number_problem(self.wait_max_s, 0, WAIT_BOUND_S)),
            ),
        )
        object.__setattr__(self, "kind", RateKind(self.kind))

    def counts_like(self, other: RateLimit) -> bool:
        """Whether what was booked under `other` can go on under this limit: they differ in nothing but the wait."""
        return replace(self, wait_max_s=other.wait_max_s) == other

    @property
    def wait_max_ns(self) -> int:
        """The longest wait, in nanoseconds."""
        return _ns(self.wait_max_s)

    @property
    def burst_calls(self) -> int:
        """How many calls may begin at once."""
        return self.calls if self.burst is None else self.burst


@dataclass(frozen=True, slots=True, eq=False)
class Booking:
    """A moment at which one call begins: `start_ns` on the clock that was given; `mark` is for the schedule that made it."""

    start_ns: int
    mark: int


class Schedule(Protocol):
    """Gives every call the moment at which it begins, in the order of arrival. Not for several threads at once.

    `wait_max_ns` is how far ahead that may be; it may be changed while the schedule is in use.
    """

    wait_max_ns: int

    def book(self, now_ns: int) -> Booking | int:
        """Return the beginning of a call that comes at `now_ns`; or, when that is further ahead than it may wait, the moment to come back at.

        A refusal books nothing. Whoever comes back at that moment is let in, unless others have come in between.
        """

    def cancel(self, booking: Booking, now_ns: int) -> None:
        """Give a booking back whose call does not begin; at most once. Who comes next can have it, as far as that keeps the limit."""


def schedule_of(settings: RateLimit) -> Schedule:
    """Return the schedule of a limit that nobody has used yet."""
    if settings.kind == RateKind.SLIDING_WINDOW:
        return SlidingWindow(settings)
    return TokenBucket(settings)


class TokenBucket:
    """A bucket of `burst` tokens that fills at the rate of the limit.

    Time is kept in fractions of a nanosecond: in units of 1/`calls` ns a token takes exactly `per_s` in nanoseconds to arrive, a whole number.
    `full_at` is when the bucket will be full again if nobody comes: each call puts it off by one token, and may begin while it is less than a
    bucket ahead.
    """

    __slots__ = ("_bucket", "_calls", "_full_at", "_holes", "_latest_ns", "_token", "wait_max_ns")

    def __init__(self, settings: RateLimit) -> None:
        self._calls = settings.calls
        self._token = _ns(settings.per_s)
        self._bucket = (settings.burst_calls - 1) * self._token
        self.wait_max_ns = settings.wait_max_ns
        self._full_at = 0
        self._latest_ns = 0
        self._holes = _Holes()

    def book(self, now_ns: int) -> Booking | int:
        """See `Schedule.book`."""
        now_ns = self._latest_ns = max(now_ns, self._latest_ns)
        for stale in self._holes.passed(now_ns):
            self._undo(stale)
        hole = self._holes.take(now_ns + self.wait_max_ns)
        if hole is not None:
            return hole
        full_at = max(self._full_at, now_ns * self._calls)
        # Rounded up: a call that begins a fraction of a nanosecond late is within the limit, one that begins early is not.
        start_ns = max(now_ns, -((self._bucket - full_at) // self._calls))
        if start_ns - now_ns > self.wait_max_ns:
            return self._holes.soonest(start_ns) - self.wait_max_ns
        self._full_at = full_at + self._token
        return Booking(start_ns, self._full_at)

    def cancel(self, booking: Booking, now_ns: int) -> None:
        """Give a booking back: the newest is undone, an older one that lies ahead is left for who comes next. Else its token is gone."""
        self._latest_ns = max(now_ns, self._latest_ns)
        if not self._undo(booking) and booking.start_ns > self._latest_ns:
            self._holes.leave(booking)

    def _undo(self, booking: Booking) -> bool:
        """Undo the newest booking. An older one's token may be what others began by since, or what the bucket had no more room for."""
        if booking.mark != self._full_at:
            return False
        self._full_at -= self._token
        return True


class SlidingWindow:
    """The last `calls` beginnings, so that each new one is a whole window after the one so many before it."""

    __slots__ = ("_holes", "_latest_ns", "_number", "_starts", "_window_ns", "wait_max_ns")

    def __init__(self, settings: RateLimit) -> None:
        self._window_ns = _ns(settings.per_s)
        self.wait_max_ns = settings.wait_max_ns
        self._starts: deque[Booking] = deque(maxlen=settings.calls)
        self._latest_ns = 0
        self._number = 0
        self._holes = _Holes()

    def book(self, now_ns: int) -> Booking | int:
        """See `Schedule.book`."""
        now_ns = self._latest_ns = max(now_ns, self._latest_ns)
        for stale in self._holes.passed(now_ns):
            self._forget(stale)
        hole = self._holes.take(now_ns + self.wait_max_ns)
        if hole is not None:
            return hole
        starts = self._starts
        # Nobody begins before those who came earlier: the last of the deque is always the latest beginning of all.
        start_ns = max(now_ns, starts[-1].start_ns) if starts else now_ns
        if len(starts) == starts.maxlen:
            start_ns = max(start_ns, starts[0].start_ns + self._window_ns)
        if start_ns - now_ns > self.wait_max_ns:
            return self._holes.soonest(start_ns) - self.wait_max_ns
        self._number += 1
        booking = Booking(start_ns, self._number)
        starts.append(booking)
        return booking

    def cancel(self, booking: Booking, now_ns: int) -> None:
        """Give a booking back: one that lies ahead is left for who comes next, one whose moment has come is forgotten."""
        self._latest_ns = max(now_ns, self._latest_ns)
        if booking.start_ns > self._latest_ns:
            self._holes.leave(booking)
        else:
            self._forget(booking)

    def _forget(self, booking: Booking) -> None:
        """Forget a beginning that has passed, if it is still remembered: it did not happen, so no window holds it.

        The beginning that it pushed out of the deque stays forgotten. That is safe: it is a whole window older than this one, and so at least as much
        older than whatever begins from now on. (For a beginning that lies ahead this would not hold; those are left as holes.)
        """
        index = bisect.bisect_left(self._starts, booking.mark, key=_mark)
        if index < len(self._starts) and self._starts[index] is booking:
            del self._starts[index]


class _Holes:
    """Bookings ahead that were given back, soonest first; never more than there were callers who waited."""

    __slots__ = ("_bookings",)

    def __init__(self) -> None:
        self._bookings: list[Booking] = []

    def leave(self, booking: Booking) -> None:
        bisect.insort(self._bookings, booking, key=_start_and_mark)

    def take(self, latest_ns: int) -> Booking | None:
        """The soonest, if it is no later than that; it is taken out."""
        if self._bookings and self._bookings[0].start_ns <= latest_ns:
            return self._bookings.pop(0)
        return None

    def soonest(self, otherwise_ns: int) -> int:
        """The moment of the soonest."""
        return self._bookings[0].start_ns if self._bookings else otherwise_ns

    def passed(self, now_ns: int) -> list[Booking]:
        """Those whose moment has passed, newest first; they are taken out."""
        count = bisect.bisect_left(self._bookings, now_ns, key=_start)
        found = self._bookings[:count]
        del self._bookings[:count]
        return found[::-1]


def _start(booking: Booking) -> int:
    return booking.start_ns


def _mark(booking: Booking) -> int:
    return booking.mark


def _start_and_mark(booking: Booking) -> tuple[int, int]:
    return booking.start_ns, booking.mark


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
