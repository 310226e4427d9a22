"""A quantile of the latest values, exact, in bounded memory: how long calls lately took.

Pure. A sketch over all values ever seen would answer for last week; what matters to whoever waits is how the dependency is now.
"""

from __future__ import annotations

import bisect
import math
from collections import deque

__all__ = ["LatestValues"]


class LatestValues:
    """The latest `size` values, in the order in which they came and by size. Not for several threads at once.

    Adding costs a search and a shift among `size` numbers, reading costs nothing.
    """

    __slots__ = ("_by_age", "_by_size")

    def __init__(self, size: int) -> None:
        assert size >= 1, "nothing is known of no values"
        self._by_age: deque[float] = deque(maxlen=size)
        self._by_size: list[float] = []

    def __len__(self) -> int:
        return len(self._by_age)

    def add(self, value: float) -> None:
        """Add a value; when there is no room, the oldest goes."""
        assert not math.isnan(value), "it has no place among numbers"
        if len(self._by_age) == self._by_age.maxlen:
            del self._by_size[bisect.bisect_left(self._by_size, self._by_age[0])]
        self._by_age.append(value)
        bisect.insort(self._by_size, value)

    def quantile(self, ratio: float) -> float:
        """The smallest of the values that at least `ratio` of them (0 to 1) do not exceed: the nearest rank, never in between two values."""
        assert self._by_size, "nothing is known yet"
        rank = math.ceil(ratio * len(self._by_size))
        return self._by_size[max(rank, 1) - 1]
