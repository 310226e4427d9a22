"""Windows: what happened to the calls of late, counted so that a success costs next to nothing.

A success only adds one to `ok`. Failures and slow calls are what a circuit is decided by, they are few, and each is written down as a bit in the row
of calls (count window) or in its bucket of time (time window); rates follow from these and from `ok`. The pure model that they are held to is a
plain list of all calls, in the tests.

No lock and no clock here. One thread may add to `ok` while another writes a failure; everything else is done under the lock of whoever owns the
window. A window belongs to one era of a circuit: when the state changes, a new one is begun, and results of calls that began before fall into
the old one, where nobody looks.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

__all__ = ["CountWindow", "Counts", "TimeWindow", "Window"]

BUCKETS = 10
"""A time window moves in tenths of its length, as in Polly v8, opossum and failsafe-go: memory does not grow with the calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a window holds: `calls` in all (neutral ones are none), and how many of them failed or were slow."""

    calls: int
    failures: int
    slow: int
    consecutive: int

    @property
    def failure_ratio(self) -> float:
        """The share of calls that failed, 0 to 1; 0 without calls."""
        return self.failures / self.calls if self.calls else 0.0

    @property
    def slow_ratio(self) -> float:
        """The share of calls that were slow, 0 to 1; 0 without calls."""
        return self.slow / self.calls if self.calls else 0.0


class Window:
    """Counts without forgetting: what a circuit needs that is decided by consecutive failures alone, and the ground of the other two.

    `ok` are successes that were not slow, `failed` and `dragged` (slow successes) the others, and `slow` were slow either way, all since the
    window was begun. `edge` is the moment at which `turn` has to be called; never, here.
    """

    __slots__ = ("_ok_then", "consecutive", "dragged", "edge", "failed", "ok", "slow")

    def __init__(self) -> None:
        self.ok = 0
        self.failed = 0
        self.dragged = 0
        self.slow = 0
        self.consecutive = 0
        self._ok_then = 0
        self.edge = math.inf

    def add(self, *, failure: bool, slow: bool, now: float) -> Counts:
        """Write down a call that failed or was slow (or both), and return what the window holds with it."""
        if failure:
            # Consecutive: nothing succeeded since the last failure, and that is seen without asking each success to say so.
            self.consecutive = self.consecutive + 1 if self.ok + self.dragged == self._ok_then else 1
            self._ok_then = self.ok + self.dragged
            self.failed += 1
        else:
            self.dragged += 1
        self.slow += slow
        self._note(failure=failure, slow=slow)
        return self.counts(now)

    def turn(self, now: float) -> None:
        """Move on to the bucket of `now`."""

    def counts(self, now: float) -> Counts:  # noqa: ARG002 - windows of time need it
        """What the window holds at `now`."""
        return Counts(calls=self.total, failures=self.failed, slow=self.slow, consecutive=self._running())

    @property
    def total(self) -> int:
        """All calls since the window was begun."""
        return self.ok + self.failed + self.dragged

    def _running(self) -> int:
        return self.consecutive if self.ok + self.dragged == self._ok_then else 0

    def _note(self, *, failure: bool, slow: bool) -> None:
        """Write down what the rates need."""


class CountWindow(Window):
    """The last `size` calls, as two rows of bits: the youngest call is the lowest bit, set if it failed or was slow.

    Only failures and slow calls touch them. A row is moved up by the successes since it was written last, cut to its size, and gets its new
    bit; a thousand calls take 150 bytes, and a window that never saw a failure takes none.
    """

    __slots__ = ("_failures", "_size", "_slow", "_written")

    def __init__(self, size: int) -> None:
        assert size >= 1, "a window holds at least one call"
        super().__init__()
        self._size = size
        self._failures = 0
        self._slow = 0
        # How many calls there were when the rows were written last.
        self._written = 0

    def _note(self, *, failure: bool, slow: bool) -> None:
        total = self.total
        self._failures, self._slow = self._rows(total)
        self._failures |= failure
        self._slow |= slow
        self._written = total

    def counts(self, now: float) -> Counts:  # noqa: ARG002 - windows of time need it
        """What the last `size` calls were."""
        total = self.total
        failures, slow = self._rows(total)
        return Counts(
            # A run of failures may be longer than the window: it is counted by itself.
            calls=min(total, self._size),
            failures=failures.bit_count(),
            slow=slow.bit_count(),
            consecutive=self._running(),
        )

    def _rows(self, total: int) -> tuple[int, int]:
        """Both rows as they stand at call number `total`."""
        since = total - self._written
        if since >= self._size:
            return 0, 0
        mask = (1 << self._size) - 1
        return (self._failures << since) & mask, (self._slow << since) & mask


class TimeWindow(Window):
    """The calls of the last `seconds`, in `BUCKETS` buckets: it covers between nine tenths of that time and all of it.

    Whoever adds to `ok` calls `turn` when the time has reached `edge`; a success that is counted at a wrong moment would be counted in a
    wrong bucket. The oldest bucket falls out as a new one begins, and all of them after an idle window.
    """

    __slots__ = ("_buckets", "_failed_before", "_length", "_ok_before", "_slow_before")

    def __init__(self, seconds: float, now: float) -> None:
        assert seconds > 0, "a window has a length"
        super().__init__()
        self._length = seconds / BUCKETS
        self.edge = now + self._length
        # Closed buckets as (end, ok, failures, slow), the oldest first; the open one is what the counters hold beyond `_ok_before`.
        self._buckets: deque[tuple[float, int, int, int]] | None = None
        self._ok_before = 0
        self._failed_before = 0
        self._slow_before = 0

    def add(self, *, failure: bool, slow: bool, now: float) -> Counts:
        """Write down a call that failed or was slow (or both), in the bucket of `now`."""
        if now >= self.edge:
            self.turn(now)
        return super().add(failure=failure, slow=slow, now=now)

    def turn(self, now: float) -> None:
        """Close the open bucket if its time is over, and begin the one that `now` lies in."""
        if now < self.edge:
            return
        if self._buckets is None:
            self._buckets = deque(maxlen=BUCKETS - 1)
        # Read once: a success that another thread counts between two looks would be in no bucket.
        ok, failed, slow = self.ok + self.dragged, self.failed, self.slow
        self._buckets.append((self.edge, ok - self._ok_before, failed - self._failed_before, slow - self._slow_before))
        self._ok_before, self._failed_before, self._slow_before = ok, failed, slow
        self.edge += self._length * (math.floor((now - self.edge) / self._length) + 1)
        if self.edge <= now:  # by rounding
            self.edge += self._length

    def counts(self, now: float) -> Counts:
        """What the buckets hold that are young enough at `now`."""
        self.turn(now)
        self._drop()
        ok, failures, slow = self._open()
        for _, bucket_ok, bucket_failures, bucket_slow in self._buckets or ():
            ok, failures, slow = ok + bucket_ok, failures + bucket_failures, slow + bucket_slow
        return Counts(calls=ok + failures, failures=failures, slow=slow, consecutive=self._running())

    def _open(self) -> tuple[int, int, int]:
        return (
            self.ok + self.dragged - self._ok_before,
            self.failed - self._failed_before,
            self.slow - self._slow_before,
        )

    def _drop(self) -> None:
        # The open bucket ends at `edge`; what ended a whole window before that is over. Half a bucket of slack, against rounding: ends lie
        # whole buckets apart.
        oldest = self.edge - self._length * (BUCKETS - 0.5)
        while self._buckets and self._buckets[0][0] <= oldest:
            self._buckets.popleft()
