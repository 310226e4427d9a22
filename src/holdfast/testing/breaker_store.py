"""A `BreakerStore` in memory: for tests, and for policies of one process that stand for several."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from holdfast.ports.breaker_store import SharedTrip

__all__ = ["MemoryBreakerStore"]


class MemoryBreakerStore:
    """Keeps trips and leases in dictionaries; `clock` is the time of the "server", in seconds. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # (policy, key) → process → (reported at, until) or until.
        self._trips: dict[tuple[str, str], dict[str, tuple[float, float]]] = defaultdict(dict)
        self._leases: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)

    def report(self, policy: str, key: str, *, process: str, open_s: float) -> None:
        """Keep a trip."""
        with self._lock:
            now = self._clock()
            self._trips[policy, key][process] = (now, now + open_s)

    def retract(self, policy: str, key: str, *, process: str) -> None:
        """Forget a trip."""
        with self._lock:
            self._trips[policy, key].pop(process, None)

    def trips(self, policy: str) -> Mapping[str, tuple[SharedTrip, ...]]:
        """Return the trips that are not over."""
        with self._lock:
            now = self._clock()
            return {
                key: tuple(
                    SharedTrip(process=process, age_s=now - at, left_s=until - now)
                    for process, (at, until) in rows.items()
                    if until > now
                )
                for (owner, key), rows in self._trips.items()
                if owner == policy
            }

    def lease(self, policy: str, key: str, *, process: str, lease_s: float, places: int) -> bool:
        """Take a place."""
        with self._lock:
            now = self._clock()
            rows = self._leases[policy, key]
            for other in [other for other, until in rows.items() if until <= now]:
                del rows[other]
            if process not in rows and len(rows) >= places:
                return False
            rows[process] = now + lease_s
            return True

    def release(self, policy: str, key: str, *, process: str) -> None:
        """Give a place back."""
        with self._lock:
            self._leases[policy, key].pop(process, None)
