"""The cache in memory: Python values of this process, bounded in number and in bytes; the one used longest ago goes first."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.guards.snapshots import SIZE_UNBOUND_BYTES, TooLarge, snapshot
from holdfast.guards.world import WORLD
from holdfast.policies.checks import number_problem, refuse
from holdfast.ports.cache import Entry

__all__ = ["MemoryCache"]

ENTRIES_BOUND = 10_000_000
SIZE_BOUND_BYTES = 1 << 40


def _monotonic() -> float:
    return WORLD.monotonic()


@dataclass(slots=True)
class _Kept:
    value: object
    size_bytes: int
    stored_s: float
    until_s: float


class MemoryCache:
    """Keeps values in this process's memory.

    At most `entries_max` values (1 to 10 000 000; default 1000) and about `size_max_bytes` in all (1 KiB to 1 TiB; default 64 MiB); a single
    value may be a tenth of that. Lists, dictionaries, sets and tuples are copied, so that nobody changes what somebody else is given; objects of
    other classes are kept as they are and counted without their insides. Ages are measured by the monotonic clock: setting the wall clock changes
    nothing. Safe over threads.
    """

    keeps = "python"
    is_local = True

    def __init__(
        self,
        *,
        entries_max: int = 1000,
        size_max_bytes: int = 64 * 1024 * 1024,
        monotonic: Callable[[], float] = _monotonic,
    ) -> None:
        """Opens an empty cache.

        Raises:
            BadSettings: a bound is out of range.
        """
        refuse(
            "memory_cache",
            [
                ("entries_max", number_problem(entries_max, 1, ENTRIES_BOUND, whole=True)),
                ("size_max_bytes", number_problem(size_max_bytes, 1024, SIZE_BOUND_BYTES, whole=True)),
            ],
        )
        self._entries_max = entries_max
        self._size_max_bytes = size_max_bytes
        self._value_max_bytes = max(1, size_max_bytes // 10)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._size_bytes = 0

    def get(self, key: str) -> Entry | None:
        """The value under a key with its age, or None."""
        now = self._monotonic()
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            if now > kept.until_s:
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            value, stored_s = kept.value, kept.stored_s
        # Copied outside the lock: what was put in is never changed, only replaced.
        # Without a bound: it was measured when it came, and a copy may be larger by the room that lists keep for growing.
        return Entry(value=snapshot(value, SIZE_UNBOUND_BYTES)[0], age_s=max(0.0, now - stored_s))

    def put(self, key: str, value: object, *, keep_s: float) -> bool:
        """Keep a value for at most `keep_s` seconds; False when it is too large."""
        try:
            copied, value_bytes = snapshot(value, self._value_max_bytes)
        except TooLarge:
            self.remove(key)
            return False
        size_bytes = value_bytes + sys.getsizeof(key)
        now = self._monotonic()
        with self._lock:
            self._drop(key)
            self._kept[key] = _Kept(value=copied, size_bytes=size_bytes, stored_s=now, until_s=now + keep_s)
            self._size_bytes += size_bytes
            while len(self._kept) > self._entries_max or self._size_bytes > self._size_max_bytes:
                self._drop(next(iter(self._kept)))
        return True

    def remove(self, key: str) -> None:
        """Forget a key."""
        with self._lock:
            self._drop(key)

    def __len__(self) -> int:
        """How many values are kept, those that are too old and were not asked for since included."""
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """About how many bytes the values and their keys take."""
        return self._size_bytes

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size_bytes -= kept.size_bytes
