"""Calls kept for later, in memory: what the recovery engine could not recover, to be made again when it is due, or looked at by a person.

Bounded, safe over threads, and lost when the process ends: it says so in the log when it keeps the first call. Where that will not do, the engine is
given a durable place instead, anything with the same `keep` and `durable = True`.
"""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from holdfast.errors import QueueFull
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.world import WORLD
from holdfast.policies.checks import number_problem, refuse

__all__ = ["Later", "LaterQueue", "LaterSink"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A call that is kept: what it is, what went wrong with it, whether it may have had its effect, and when it is due (monotonic seconds).

    `queue` is the name it was kept under, such as `dead-letter`. `tries` counts how often it was made again since it is kept.
    """

    call: RecoveryCall
    verdict: Verdict
    outcome: Outcome
    queue: str
    due_at_s: float
    attempts: int
    tries: int = 0
    id: int = 0

    @property
    def is_safe(self) -> bool:
        """Whether a machine may make it again: there is something to call, and doing so does nothing twice."""
        if self.call.function is None or self.outcome is Outcome.EXECUTED:
            return False
        return self.outcome is Outcome.NOT_EXECUTED or self.call.is_repeatable


class LaterSink(Protocol):
    """A place where calls are kept. `durable` says whether they outlive the process."""

    @property
    def durable(self) -> bool:
        """Whether what is kept outlives the process."""

    def keep(self, later: Later) -> object:
        """Keep a call; an awaitable is awaited where there is an event loop. Raises when it is not kept."""


class LaterQueue:
    """A queue in memory, of at most `size_max` calls (1 to 1 000 000; default 1000). Each holds its arguments, so mind their size.

    Raises:
        BadSettings: the size is out of range.
    """

    durable = False

    def __init__(self, *, size_max: int = 1000) -> None:
        refuse("later_queue", [("size_max", number_problem(size_max, 1, 1_000_000, whole=True))])
        self.size_max = size_max
        self._lock = threading.Lock()
        self._ids = count(1)
        self._heap: list[tuple[float, int]] = []
        self._kept: dict[int, Later] = {}
        self._told = False

    def keep(self, later: Later) -> Later:
        """Keep a call, and return it with its number.

        Raises:
            QueueFull: there is no room; nothing was kept.
        """
        with self._lock:
            if len(self._kept) >= self.size_max:
                why = f"{self.size_max} calls are kept for later already"
                raise QueueFull(later.call.name, "queued", why=why)
            kept = replace(later, id=next(self._ids))
            self._kept[kept.id] = kept
            heapq.heappush(self._heap, (kept.due_at_s, kept.id))
            tell, self._told = not self._told, True
        if tell:
            import logging  # noqa: PLC0415 - a program that keeps nothing logs nothing

            logging.getLogger("holdfast.guards").warning(
                "calls are kept for later in memory, and lost when the process ends"
            )
        return kept

    def put_back(self, later: Later) -> None:
        """Keep a call again that was taken out, under its own number; there is room for it, even if others came in the meantime."""
        with self._lock:
            self._kept[later.id] = later
            heapq.heappush(self._heap, (later.due_at_s, later.id))

    def __len__(self) -> int:
        """How many calls are kept."""
        return len(self._kept)

    def peek(self) -> tuple[Later, ...]:
        """All calls that are kept, those due first at first."""
        with self._lock:
            return tuple(sorted(self._kept.values(), key=lambda later: (later.due_at_s, later.id)))

    def take(self, number: int) -> Later | None:
        """Take a call out by its number, due or not; None when it is not there (any more)."""
        with self._lock:
            return self._kept.pop(number, None)

    def take_due(self) -> Later | None:
        """Take out the first call that is due and may be made again by a machine; None when there is none.

        What only a person can decide stays, to be seen with `peek` and taken with `take`.
        """
        now = WORLD.monotonic()
        with self._lock:
            found: Later | None = None
            while found is None and self._heap and self._heap[0][0] <= now:
                place = heapq.heappop(self._heap)
                later = self._kept.get(place[1])
                if later is None:
                    continue
                if later.is_safe:
                    found = self._kept.pop(later.id)
                # A call that is left to a person needs no place among those that fall due.
            return found

    def drain(self) -> tuple[Later, ...]:
        """Take out everything, for a shutdown that stores it elsewhere."""
        with self._lock:
            kept = tuple(sorted(self._kept.values(), key=lambda later: (later.due_at_s, later.id)))
            self._kept.clear()
            self._heap.clear()
            return kept
