"""Steps: the little that Holdfast asks of an engine.

An engine owes four things and holds no truth: enqueue inside our transaction; deliver at least once; not before the due time; claim by
lease. Everything else is in our own rows, so a step may be delivered twice, late, or to two workers, and state stays right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from holdfast.ports.rows import Purpose
    from holdfast.ports.store import Tx

__all__ = ["MayClaim", "NotNow", "Perform", "Step", "Steps", "StopSignal", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One short piece of work: attempt `n` at `purpose` for an action. `key` is unique; a repair or wake-up uses a new one.

    Lower `priority` goes first; tenants take turns. `due_at` None means now.
    """

    key: str
    purpose: Purpose
    execution: str
    action: str
    n: int
    tenant: str = ""
    priority: int = 0
    due_at: datetime | None = None


class NotNow(Exception):
    """Raised by a performer: this worker should not carry the step out (now). It is delivered again after `wait_s`, and nobody is alarmed."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"not now, but in {wait_s} s")


class MayClaim(Protocol):
    """Whether a worker may take more work at this moment. Asked before every claim, so it must answer at once, from memory."""

    def __call__(self) -> bool:
        """Whether to claim."""
        ...


def always() -> bool:
    """Claim whenever there is room."""
    return True


class Perform(Protocol):
    """What a worker does with a delivered step. Raising means: deliver it again later; `NotNow` says when."""

    async def __call__(self, step: Step) -> None:
        """Carry out `step`; returning means it is finished."""
        ...


class StopSignal(Protocol):
    """Something that is set once when the worker should take no more work (an `asyncio.Event` is one)."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    async def wait(self) -> object:
        """Wait until it is set."""
        ...


class Steps(Protocol):
    """An engine as a queue of steps. One conformance suite holds every adapter to this."""

    def enqueue(self, tx: Tx, steps: Sequence[Step]) -> None:
        """Add steps atomically with the rows that `tx` writes. A key that exists already is left as it is."""
        ...

    def finish(self, tx: Tx, key: str) -> None:
        """Remove a step atomically with the rows that `tx` writes: its work is settled. Unknown keys are ignored."""
        ...

    async def run(self, perform: Perform, stop: StopSignal, *, may_claim: MayClaim = always) -> None:
        """Deliver due steps to `perform`, bounded in number, until `stop` is set and what was taken has ended.

        While `may_claim` says no, none is performed that was not taken before; when it says yes again they go on, within a few polling intervals.
        """
        ...

    async def missing(self, keys: Sequence[str]) -> set[str]:
        """Return those of `keys` that the engine does not hold any more: the sweep repairs the executions that depend on them."""
        ...
