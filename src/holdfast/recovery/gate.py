"""The gate before claiming: a worker that could do harm takes no new work, stays readable, says so once, and goes on when the reason is gone.

What may close it: a disk that is nearly full (an answer that cannot be kept is a question to a person), and a clock that is not the database's
(due times, leases and deadlines would be judged by two clocks). Measuring is the caller's; deciding is pure.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from holdfast.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.ports.steps import StopSignal

__all__ = ["Disk", "Gate", "GateBounds", "Measured", "Measuring", "Skew", "reasons_to_wait", "skew_of"]

log = logging.getLogger("holdfast.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A file system that we write to: where, and which fraction of it is free (0 to 1)."""

    place: str
    free_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How far the database's clock is ahead of ours (negative: behind), in seconds, and how uncertain that is: half the round trip."""

    ahead_s: float
    uncertain_s: float

    @property
    def least_s(self) -> float:
        """The distance of the clocks that is certain, whatever the network did."""
        return max(abs(self.ahead_s) - self.uncertain_s, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found; `skew` is None where the database has no clock of its own."""

    disks: Sequence[Disk] = ()
    skew: Skew | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBounds:
    """From when on a worker takes no work: less than this fraction of a disk free, clocks further apart than this; looked at so often."""

    disk_free_min_fraction: float = 0.05
    clock_skew_max_s: float = 2.0
    interval_s: float = 5.0


class Measuring(Protocol):
    """Measures disks and clocks."""

    async def __call__(self) -> Measured:
        """Measure once; may take as long as the database does, and raise StoreError when it is away."""
        ...


def skew_of(asked_at_s: float, told_s: float, answered_at_s: float) -> Skew:
    """Return the skew from one question: the database's time was read somewhere between the asking and the answer, all in seconds since 1970."""
    return Skew(ahead_s=told_s - (asked_at_s + answered_at_s) / 2, uncertain_s=max(answered_at_s - asked_at_s, 0.0) / 2)


def reasons_to_wait(measured: Measured, bounds: GateBounds) -> tuple[str, ...]:
    """Return why a worker should take no work now, a sentence each; empty when it should."""
    reasons = [
        f"{disk.place} has {disk.free_fraction:.1%} free, and worker.disk_free_min_fraction asks for {bounds.disk_free_min_fraction:.1%}:"
        " free some space"
        for disk in measured.disks
        if disk.free_fraction < bounds.disk_free_min_fraction
    ]
    skew = measured.skew
    if skew is not None and skew.least_s > bounds.clock_skew_max_s:
        way = "behind" if skew.ahead_s > 0 else "ahead of"
        reasons.append(
            f"this machine's clock is {abs(skew.ahead_s):.1f} s {way} the database's, and worker.clock_skew_max_s allows"
            f" {bounds.clock_skew_max_s:g} s: set it right"
        )
    return tuple(reasons)


class Gate:
    """Open unless the last measurement said otherwise. `is_open` may be asked at any time; `watch` keeps it true."""

    def __init__(self, measure: Measuring, bounds: GateBounds) -> None:
        self._measure = measure
        self._bounds = bounds
        self.reasons: tuple[str, ...] = ()
        """Why it is shut; empty while it is open."""

    def is_open(self) -> bool:
        """Whether the worker may take work."""
        return not self.reasons

    async def look(self) -> None:
        """Measure, and say what has changed. A database that is away says nothing about clocks: all stays as it was."""
        try:
            found = reasons_to_wait(await self._measure(), self._bounds)
        except StoreError:
            return
        if found and not self.reasons:
            log.error("no new work is taken: %s. What was begun goes on, and everything can be read.", "; ".join(found))
        elif self.reasons and not found:
            log.warning("new work is taken again")
        self.reasons = found

    async def watch(self, stop: StopSignal) -> None:
        """Look again and again until `stop`."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), self._bounds.interval_s)
            except TimeoutError:
                await self.look()
