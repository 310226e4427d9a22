"""Steps in memory: a queue that survives its (simulated) workers, since it stands for the engine.

Who takes a step, when, and who dies holding it is the caller's choice: `take` and `release` are the seams that a simulator turns.
`run` is the same thing as a worker loop, for the conformance suite.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from holdfast.ports.steps import NotNow, always

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from holdfast.ports.clock import Clock
    from holdfast.ports.steps import MayClaim, Perform, Step, StopSignal
    from holdfast.ports.store import Tx

__all__ = ["MemorySteps"]


AGAIN_DELAY = timedelta(seconds=1)
"""A step whose performer raised is delivered again after so long."""


class CommitHooks(Protocol):
    """What a transaction must offer for a queue outside the database to be atomic with it."""

    after_commit: list[Callable[[], None]]
    now: datetime


class MemorySteps:
    """Steps held in a dictionary; those being performed are leased until finished, released, or their worker is declared dead."""

    def __init__(self, clock: Clock, *, concurrency: int = 8) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._waiting: dict[str, Step] = {}
        self._leased: dict[str, tuple[Step, str]] = {}
        self._last_tenant = ""

    def enqueue(self, tx: Tx, steps: Sequence[Step]) -> None:
        """Add steps when `tx` commits; if it does not, they never were."""
        hooks: CommitHooks = tx  # type: ignore[assignment]  # the adapter's transaction has hooks; the port does not promise them
        due = [step if step.due_at else replace(step, due_at=hooks.now) for step in steps]
        hooks.after_commit.append(lambda: self._add(due))

    def finish(self, tx: Tx, key: str) -> None:
        """Remove a step when `tx` commits."""
        hooks: CommitHooks = tx  # type: ignore[assignment]  # as above
        hooks.after_commit.append(lambda: self._drop(key))

    async def missing(self, keys: Sequence[str]) -> set[str]:
        """Return the keys that are neither waiting nor leased."""
        return {key for key in keys if key not in self._waiting and key not in self._leased}

    async def run(self, perform: Perform, stop: StopSignal, *, may_claim: MayClaim = always) -> None:
        """Perform due steps, a bounded number at once, until `stop`."""
        running: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            while may_claim() and len(running) < self._concurrency and (step := self.take("run")):
                task = asyncio.ensure_future(self._perform(perform, step))
                running.add(task)
                task.add_done_callback(running.discard)
            await self._clock.sleep(0.01)
        await asyncio.gather(*running, return_exceptions=True)

    def take(self, worker: str) -> Step | None:
        """Lease the next due step to `worker`: tenants take turns, then priority, then due time."""
        now = self._clock.now()
        due = [step for step in self._waiting.values() if step.due_at is None or step.due_at <= now]
        if not due:
            return None
        tenants = sorted({step.tenant for step in due})
        tenant = next((name for name in tenants if name > self._last_tenant), tenants[0])
        self._last_tenant = tenant
        step = min(
            (step for step in due if step.tenant == tenant), key=lambda step: (step.priority, step.due_at, step.key)
        )
        del self._waiting[step.key]
        self._leased[step.key] = (step, worker)
        return step

    def release(self, worker: str) -> None:
        """Declare `worker` dead: its steps can be taken again."""
        for key, (step, owner) in list(self._leased.items()):
            if owner == worker:
                del self._leased[key]
                self._waiting[key] = step

    def next_due_at(self) -> datetime | None:
        """Return when the earliest waiting step is due."""
        return min((step.due_at for step in self._waiting.values() if step.due_at), default=None)

    @property
    def held(self) -> dict[str, Step]:
        """Every step that the engine holds, waiting or leased."""
        return {**self._waiting, **{key: step for key, (step, _) in self._leased.items()}}

    def lose(self, key: str) -> None:
        """Forget a step, as no engine should: for tests of the sweep."""
        self._drop(key)

    async def _perform(self, perform: Perform, step: Step) -> None:
        try:
            await perform(step)
        except NotNow as later:
            self._again(step, timedelta(seconds=later.wait_s))
        except Exception:  # noqa: BLE001 - whatever a performer raises means: deliver it again
            self._again(step, AGAIN_DELAY)
        else:
            self._drop(step.key)

    def _again(self, step: Step, delay: timedelta) -> None:
        if step.key in self._leased:
            del self._leased[step.key]
            self._waiting[step.key] = replace(step, due_at=self._clock.now() + delay)

    def _add(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.key not in self._leased:
                self._waiting.setdefault(step.key, step)

    def _drop(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._leased.pop(key, None)
