"""A stage: one gate that each attempt of a guarded call passes before it is made, and hears of when it has ended.

Throttle, rate limit, bulkhead and adaptive limit are stages. A stage knows no event loop: it answers at once, and whoever has to wait is told
for how long, or is given a place in a queue. The loops that wait are `holdfast.guards.loops`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from holdfast.errors import Rejected
from holdfast.faults.verdict import Health, Verdict

__all__ = ["Lasting", "Permit", "Place", "Signal", "Stage", "Wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """How an attempt ended, for whoever let it in.

    `health` is what it says about the dependency: a cancelled attempt (`cancelled`) says nothing and is neutral. `took_s` is how long it lasted.
    `verdict` is what went wrong, None after a success.
    """

    health: Health
    took_s: float
    verdict: Verdict | None = None
    cancelled: bool = False


class Permit(Protocol):
    """Leave to make one attempt."""

    def leave(self, signal: Signal) -> None:
        """Say how the attempt ended. Called exactly once, whatever happens; never raises and never blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The attempt may go on after `seconds` (at least 0), with `permit`, which is its own from now on.

    Whoever has not so much time gives the permit back and raises what `too_late` makes.
    """

    seconds: float
    permit: Permit
    too_late: Callable[[], Rejected]


class Place(abc.ABC):
    """A place in a queue for a permit. A class and not a protocol: it is told from a permit at each call."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def patience_s(self) -> float:
        """How long the stage lets anybody wait, in seconds."""

    @abc.abstractmethod
    def too_late(self) -> Rejected:
        """What is raised when the wait was in vain."""

    @abc.abstractmethod
    def wait(self, timeout_s: float) -> Permit | None:
        """Block this thread until it is our turn, at most `timeout_s`; None when the time was over (the place is given up then)."""

    @abc.abstractmethod
    async def wait_async(self, timeout_s: float) -> Permit | None:
        """The same on an event loop. A task that is cancelled here gives its place up and keeps no permit."""

    @abc.abstractmethod
    def give_up(self) -> None:
        """Leave the queue without waiting; a permit that was just granted goes to the next. Nothing once the wait is over."""


class Lasting(abc.ABC):
    """A stage whose memory outlives a change of its settings: calls under way are still under way."""

    __slots__ = ()

    @abc.abstractmethod
    def adopt(self, newer: Self) -> None:
        """Go on with the settings of `newer`, which is thrown away."""


class Stage(Protocol):
    """One gate. Safe to use from several threads and loops at once; holds a lock only for its own arithmetic, never across a call."""

    @property
    def name(self) -> str:
        """What it is called in explanations and events, such as `bulkhead`."""

    def enter(self, now: float) -> Permit | Wait | Place:
        """Ask to make one attempt at `now` (monotonic seconds).

        Raises:
            Rejected: the attempt may not be made; nothing is held.
        """
