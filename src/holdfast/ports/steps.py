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

__all__ = ["Perform", "Step", "Steps", "StopSignal"]


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


class Perform(Protocol):
    """What a worker does with a delivered step. Raising means: deliver it again later."""

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

    async def run(self, perform: Perform, stop: StopSignal) -> None:
        """Deliver due steps to `perform`, bounded in number, until `stop` is set and what was taken has ended."""
        ...

    async def missing(self, keys: Sequence[str]) -> set[str]:
        """Return those of `keys` that the engine does not hold any more: the sweep repairs the executions that depend on them."""
        ...
