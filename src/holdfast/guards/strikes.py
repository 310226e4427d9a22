"""Counting what comes to recovery, by dependency, so that a circuit is opened for many failures and not for one."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

__all__ = ["Strikes"]

Name = tuple[str, str | None]
"""A circuit, and the key of the part of it."""

NAMES_MAX = 1_000


class Strikes:
    """The moments of the last failures of each dependency: at most 1000 dependencies, the one unused longest is forgotten. Safe over threads."""

    __slots__ = ("_by_name", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: OrderedDict[Name, deque[float]] = OrderedDict()

    def strike(self, name: Name, *, now: float, window_s: float, most: int) -> int:
        """Count one more; returns how many there were within the window, this one included, at most `most`."""
        with self._lock:
            moments = self._by_name.pop(name, None) or deque()
            moments.append(now)
            while len(moments) > most or now - moments[0] > window_s:
                moments.popleft()
            self._by_name[name] = moments
            while len(self._by_name) > NAMES_MAX:
                self._by_name.popitem(last=False)
            return len(moments)

    def forget(self, name: Name) -> None:
        """Begin again: the dependency answered well, or its circuit was opened."""
        if name in self._by_name:
            with self._lock:
                self._by_name.pop(name, None)
