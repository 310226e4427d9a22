"""The one synchronous façade: an event loop in a thread of its own, and every call handed to it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self, TypeVar

from holdfast.errors import WorkerAlreadyRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from holdfast.contract import ExecutionState
    from holdfast.hold.async_hold import AsyncHold
    from holdfast.hold.sources import ActionSource, PlanSource
    from holdfast.ports.rows import DeadLetterRow, ExecutionRow
    from holdfast.recovery.restoring import Restored
    from holdfast.recovery.sweep import Swept

__all__ = ["Execution", "Hold"]

F = TypeVar("F", bound="Callable[..., object]")
T = TypeVar("T")


class Execution:
    """One execution, as a `Hold` hands it out."""

    def __init__(self, hold: Hold, execution_id: str) -> None:
        self._hold = hold
        self.id = execution_id

    @property
    def state(self) -> ExecutionState:
        """Its state now."""
        return self._hold.state(self.id)

    def wait(self, timeout_s: float | None = None) -> ExecutionState:
        """Wait until it ends or pauses for a person; returns its state."""
        return self._hold.call(self._hold.inner.wait(self.id, timeout_s=timeout_s))

    def why(self, action: str | None = None) -> list[str]:
        """Return what happened and why."""
        return self._hold.why(self.id, action)

    def __repr__(self) -> str:
        return f"<Execution {self.id}>"


class Hold:
    """Durable recovery for plain programs. Safe to use from several threads; use it as a context manager or `close()` it."""

    def __init__(self, make: Callable[[], Coroutine[object, object, AsyncHold]], *, worker: bool) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="holdfast", daemon=True)
        self._thread.start()
        self._wants_worker = worker
        self._stop: asyncio.Event | None = None
        self._working: asyncio.Future[None] | None = None
        self._is_closed = False
        try:
            self.inner = self.call(make())
        except BaseException:
            self._end_loop()
            raise

    def call(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the façade's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def action(
        self, name: str, *, repeatable: bool = False, timeout_s: float = 300.0, attempts_max: int = 3
    ) -> Callable[[F], F]:
        """Register a function as an action; see `AsyncHold.action`."""
        return self.inner.action(name, repeatable=repeatable, timeout_s=timeout_s, attempts_max=attempts_max)

    def start(
        self,
        plan: PlanSource,
        actions: Iterable[ActionSource] = (),
        *,
        id: str | None = None,  # noqa: A002 - the word users know it by, also on the command line
        tenant: str = "",
        priority: int = 0,
    ) -> Execution:
        """Accept a plan and begin to carry it out; see `AsyncHold.start`."""
        execution_id = self.call(self.inner.start(plan, actions, id=id, tenant=tenant, priority=priority))
        self.begin_work()
        return Execution(self, execution_id)

    def execution(self, execution_id: str) -> Execution:
        """Return an execution that was started before, here or elsewhere, and see to it that it goes on."""
        self.state(execution_id)
        self.begin_work()
        return Execution(self, execution_id)

    def state(self, execution_id: str) -> ExecutionState:
        """Return the state of an execution; see `AsyncHold.state`."""
        return self.call(self.inner.state(execution_id))

    def executions(self, *, state: str | None = None, limit: int = 50) -> list[ExecutionRow]:
        """Return executions, newest first."""
        return self.call(self.inner.executions(state=state, limit=limit))

    def dead_letters(self, *, execution_id: str | None = None, limit: int = 50) -> list[DeadLetterRow]:
        """Return work that was set aside, newest first."""
        return self.call(self.inner.dead_letters(execution_id=execution_id, limit=limit))

    def why(self, execution_id: str, action: str | None = None) -> list[str]:
        """Return what happened and why, line by line."""
        return self.call(self.inner.why(execution_id, action))

    def cancel(self, execution_id: str) -> bool:
        """Cancel an execution; see `AsyncHold.cancel`."""
        return self.call(self.inner.cancel(execution_id))

    def answer(
        self,
        execution_id: str,
        choice: str,
        *,
        action: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        output: Mapping[str, object] | None = None,
    ) -> str:
        """Answer the question an execution waits for; see `AsyncHold.answer`."""
        return self.call(self.inner.answer(execution_id, choice, action=action, by=by, reason=reason, output=output))

    def sweep(self) -> Swept:
        """Repair at once what lost its step; see `AsyncHold.sweep`."""
        return self.call(self.inner.sweep())

    def recover_restored(self, *, dry_run: bool = False) -> Restored:
        """Treat the database as restored from a copy, while no worker runs; see `AsyncHold.recover_restored`."""
        return self.call(self.inner.recover_restored(dry_run=dry_run))

    def begin_work(self) -> None:
        """Start the background worker, unless it runs, was not wanted, or another process does the work of this file."""
        if self._wants_worker and self._working is None:
            self.call(self._begin_work())

    async def _begin_work(self) -> None:
        self._stop = asyncio.Event()
        self._working = asyncio.ensure_future(self._work(self._stop))
        await asyncio.sleep(0)

    async def _work(self, stop: asyncio.Event) -> None:
        try:
            await self.inner.work(stop)
        except WorkerAlreadyRunning:
            self._working = None  # the other process does it; ask again at the next start

    async def _end(self) -> None:
        if self._stop is not None:
            self._stop.set()
        if self._working is not None:
            await asyncio.gather(self._working, return_exceptions=True)
        await self.inner.close()

    def close(self) -> None:
        """Stop the worker after what is in flight, and give everything back. Safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            self.call(self._end())
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
