"""What stands under the fleet: the real SQL with suspension points, the engine that delivers steps, and keepers of secrets and checkpoints.

Part of the simulation's story beside `fleet`, which plays with them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.memory import MemorySteps
from holdfast.adapters.sql import schema
from holdfast.adapters.sql.store import InlineStore
from holdfast.errors import StoreError
from tests.simulation.virtual_time import suspend

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime
    from typing import TypeVar

    from holdfast.ports.steps import Step
    from holdfast.ports.store import Snapshot, Tx
    from tests.simulation.fleet import Fleet
    from tests.simulation.virtual_time import VirtualClock

    T = TypeVar("T")

__all__ = ["Checkpoints", "SimulatedSteps", "SimulatedStore", "Unsealed", "run_through"]


class Checkpoints:
    """Keeps checkpoints of every second execution, in the simplest way: it knows that there are some, and rolls nothing back."""

    def can_roll_back(self, tx: Tx, execution: str, *, action: str) -> bool:
        """Whether this execution has one."""
        return int(execution[0], 16) % 2 == 0

    def request(self, tx: Tx, execution: str, *, action: str, reason: str) -> str:
        """Take note."""
        assert self.can_roll_back(tx, execution, action=action), "nothing is rolled back that has no checkpoint"
        return "the beginning"


class Unsealed:
    """Seals by reversing bits: enough to prove that nothing is written that was not sealed."""

    def seal(self, secret: str) -> bytes:
        """Hide."""
        return bytes(byte ^ 0xFF for byte in secret.encode())

    def open(self, sealed: bytes) -> str:
        """Show."""
        return bytes(byte ^ 0xFF for byte in sealed).decode()


class SimulatedStore(InlineStore):
    """The real SQL in memory, with a suspension point before and after each transaction, and now and then a database that is away."""

    fleet: Fleet

    def serve(self, fleet: Fleet) -> None:
        """Forget everything and work for another fleet: compiled statements and tables are what makes a new store slow."""
        self.fleet = fleet
        self._clock = fleet.clock.now
        with self._connection.begin():
            for table in schema.metadata.sorted_tables:
                self._connection.execute(sa.delete(table))

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work`; the caller may die before it, or after its commit."""
        await suspend(0.0)
        if self.fleet.spend("store_failures"):
            raise StoreError("simulated", "the database was away")
        result = await super().transact(work)
        await suspend(0.0)
        return result

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Read; what was read may be old when it is used."""
        result = await super().read(work)
        await suspend(0.0)
        return result


class SimulatedSteps(MemorySteps):
    """The engine, which remembers when it was given each step and every step that it ever delivered."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.given_at: dict[str, datetime] = {}
        self.delivered: list[Step] = []

    def enqueue(self, tx: Tx, steps: Sequence[Step]) -> None:
        """Take steps, noting the time."""
        for step in steps:
            self.given_at.setdefault(step.key, self._clock.now())
        super().enqueue(tx, steps)

    def take(self, worker: str) -> Step | None:
        """Deliver, and remember."""
        step = super().take(worker)
        if step is not None:
            self.delivered.append(step)
        return step

    def put_back(self, key: str, due_at: datetime) -> None:
        """A performer raised: deliver again later, as the engine's own loop would."""
        if key in self._leased:
            step, _ = self._leased.pop(key)
            self._waiting[key] = replace(step, due_at=due_at)

    def done(self, key: str, worker: str) -> None:
        """A performer returned: the engine forgets the step, unless it has leased it to another in the meantime."""
        if self._leased.get(key, (None, ""))[1] == worker:
            self._drop(key)

    @property
    def waiting_keys(self) -> list[str]:
        """What can be lost."""
        return sorted(self._waiting)

    def is_due(self) -> bool:
        """Whether a step could be taken now."""
        at = self.next_due_at()
        return at is not None and at <= self._clock.now()


def run_through(coroutine: Coroutine[float, None, T]) -> T:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # the coroutine's own result
    raise AssertionError("it suspended")
