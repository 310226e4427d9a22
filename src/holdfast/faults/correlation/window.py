"""A sliding window of counts in bounded memory: what was counted when, in at most 60 steps.

A step holds what is counted within one sixtieth of the window. What is counted further apart than that has a step of its own and leaves the
window exactly when its time is over; what shares a step leaves with the last of it, so at most one sixtieth of the window late and never early.
To do better takes memory that grows with the number of events (Datar, Gionis, Indyk and Motwani, SIAM J. Computing 2002).

Adding costs one number per row; a step that leaves is subtracted as a whole. Time that goes back a little counts as the newest moment; time that
goes back by more than a window is a clock that was set, and counting goes on from there.
"""

from __future__ import annotations

from array import array

__all__ = ["STEPS", "Counts"]

STEPS = 60
_PLACES = STEPS + 2  # those of a whole window, one that is half out of it, and the one that is being filled


class Counts:
    """Rows of counts over a sliding window. `counts` are right after `at` or `expire`.

    `counts` are those within the window, `gone` those that have left it: together all that ever was.
    """

    __slots__ = (
        "_first",
        "_lasts",
        "_length",
        "_place",
        "_rows",
        "_shift_s",
        "added",
        "base",
        "counts",
        "gone",
        "newest",
        "ring",
        "span_s",
        "step_end",
    )

    def __init__(self, rows: int, *, span_s: float) -> None:
        self._rows = rows
        self.span_s = span_s
        self.ring = array("I", bytes(4 * rows * _PLACES))
        self._lasts = array("d", bytes(8 * _PLACES))
        self.counts = array("q", bytes(8 * rows))
        self.gone = array("q", bytes(8 * rows))
        self._first = 0
        self._length = 0
        self._place = 0
        self.base = 0
        self.step_end = float("-inf")
        self.newest = float("-inf")
        self.added = float("-inf")
        self._shift_s = 0.0

    def at(self, now: float) -> float:
        """Let the window end at `now`; returns the moment as it counts here."""
        now += self._shift_s
        if now < self.newest:
            if now < self.newest - self.span_s:
                self._shift_s += self.newest - now
            now = self.newest
        else:
            self.newest = now
        self.expire()
        return now

    def enter(self, now: float) -> int:
        """Let what is counted next belong to `now`; returns where in `ring` its step begins, and `added` is the moment as it counts here.

        The hot way: within a step nothing is taken out of the window, so that `counts` are right only after `expire`.
        """
        if self.newest <= now < self.step_end and not self._shift_s:
            self.newest = self.added = self._lasts[self._place] = now
            return self.base
        return self._begin(self.at(now))

    def expire(self) -> None:
        """Take out what has left the window."""
        cutoff = self.newest - self.span_s
        while self._length and self._lasts[self._first] <= cutoff:
            self._drop_first()

    def moment(self, time: float) -> float:
        """A moment of this window as its caller's clock has it now."""
        return time - self._shift_s

    def clear(self, row: int) -> None:
        """Forget a row, so that it can count something else."""
        self.counts[row] = self.gone[row] = 0
        for place in range(row, len(self.ring), self._rows):
            self.ring[place] = 0

    def ever(self, row: int) -> int:
        """Everything that was counted in a row since it was last cleared."""
        return self.gone[row] + self.counts[row]

    def _begin(self, now: float) -> int:
        if now >= self.step_end or not self._length:
            self._place = (self._first + self._length) % _PLACES
            assert self._length < _PLACES, "steps begin at least a sixtieth apart, and older ones have left"
            self._length += 1
            self.base = self._place * self._rows
            self.step_end = now + self.span_s / STEPS
        self._lasts[self._place] = self.added = now
        return self.base

    def _drop_first(self) -> None:
        start, rows = self._first * self._rows, self._rows
        left = self.ring[start : start + rows]
        counts, gone = self.counts, self.gone
        for row, count in enumerate(left):
            if count:
                counts[row] -= count
                gone[row] += count
        self.ring[start : start + rows] = array("I", bytes(4 * rows))
        self._first = (self._first + 1) % _PLACES
        self._length -= 1
        if not self._length:
            self.step_end = float("-inf")
