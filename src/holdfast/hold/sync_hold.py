"""The one synchronous façade: an event loop in a thread of its own, and every call handed to it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self, TypeVar

from holdfast.errors import WorkerAlreadyRunning
from holdfast.guards.handover import HANDOVERS
from holdfast.hold.handed import Door
from holdfast.hold.people import QUESTIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from holdfast.contract import ExecutionState
    from holdfast.errors import Problem
    from holdfast.faults.correlation.settings import Correlation
    from holdfast.hold.async_hold import AsyncHold
    from holdfast.hold.credentials import Credential
    from holdfast.hold.envelopes import EventSource
    from holdfast.hold.events import OutboxPage
    from holdfast.hold.faults import FaultReport
    from holdfast.hold.sources import ActionSource, PlanSource
    from holdfast.plans.replacement import Replacement
    from holdfast.ports.rows import DeadLetterRow, ExecutionRow, QuestionRow
    from holdfast.recovery.inbox import Receipt
    from holdfast.recovery.purge import Purged
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

    @property
    def questions(self) -> list[QuestionRow]:
        """What people are asked about it now, oldest first."""
        return self._hold.questions(self.id)

    def confirm(self, action: str | None = None, *, by: str | None = None, reason: str | None = None) -> str:
        """Say yes to an action that waits to be confirmed; returns the action."""
        return self._hold.confirm(self.id, action, by=by, reason=reason)

    def reject(self, action: str | None = None, *, by: str | None = None, reason: str | None = None) -> str:
        """Say no to an action that waits to be confirmed; returns the action."""
        return self._hold.reject(self.id, action, by=by, reason=reason)

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
        self._door = Door(self.inner, loop=self._loop, owner=self, accepted=self._accepted)
        try:
            HANDOVERS.opened(self._door)
        except BaseException:
            self.close()
            raise

    async def _accepted(self, execution_id: str) -> Execution:
        """A call was handed over: see to it that it goes on here."""
        if self._wants_worker and self._working is None:
            await self._begin_work()
        return Execution(self, execution_id)

    def call(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the façade's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def action(
        self,
        name: str,
        *,
        repeatable: bool = False,
        timeout_s: float = 300.0,
        attempts_max: int = 3,
        personal: Iterable[str] = (),
        input_schema: Mapping[str, str] | None = None,
        output_schema: Mapping[str, str] | None = None,
    ) -> Callable[[F], F]:
        """Register a function as an action; see `AsyncHold.action`."""
        return self.inner.action(
            name,
            repeatable=repeatable,
            timeout_s=timeout_s,
            attempts_max=attempts_max,
            personal=personal,
            input_schema=input_schema,
            output_schema=output_schema,
        )

    def check(
        self, plan: PlanSource, actions: Iterable[ActionSource] = (), *, external: str | None = None
    ) -> tuple[Problem, ...]:
        """Check a plan with its definitions and start nothing; returns the warnings; see `AsyncHold.check`."""
        return self.inner.check(plan, actions, external=external)

    def start(
        self,
        plan: PlanSource,
        actions: Iterable[ActionSource] = (),
        *,
        id: str | None = None,  # noqa: A002 - the word users know it by, also on the command line
        tenant: str = "",
        priority: int = 0,
        secrets: Mapping[str, str] | None = None,
        external: str | None = None,
    ) -> Execution:
        """Accept a plan and begin to carry it out; see `AsyncHold.start`."""
        execution_id = self.call(
            self.inner.start(plan, actions, id=id, tenant=tenant, priority=priority, secrets=secrets, external=external)
        )
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

    def replace_plan(self, execution_id: str, plan: PlanSource, actions: Iterable[ActionSource] = ()) -> Replacement:
        """Let an execution go on with another plan; see `AsyncHold.replace_plan`."""
        return self.call(self.inner.replace_plan(execution_id, plan, actions))

    def cancel(self, execution_id: str) -> bool:
        """Cancel an execution; see `AsyncHold.cancel`."""
        return self.call(self.inner.cancel(execution_id))

    def purge(self, execution_id: str, *, only_personal: bool = False) -> Purged:
        """Erase an ended execution, or only what is personal in it; see `AsyncHold.purge`."""
        return self.call(self.inner.purge(execution_id, only_personal=only_personal))

    def questions(self, execution_id: str | None = None, *, limit: int = QUESTIONS_MAX) -> list[QuestionRow]:
        """Return what people are asked now, oldest first; see `AsyncHold.questions`."""
        return self.call(self.inner.questions(execution_id, limit=limit))

    def confirm(
        self, execution_id: str, action: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> str:
        """Say yes to an action that waits to be confirmed; see `AsyncHold.confirm`."""
        return self.call(self.inner.confirm(execution_id, action, by=by, reason=reason))

    def reject(
        self, execution_id: str, action: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> str:
        """Say no to an action that waits to be confirmed; see `AsyncHold.reject`."""
        return self.call(self.inner.reject(execution_id, action, by=by, reason=reason))

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

    def authenticator(self, name: str) -> Callable[[F], F]:
        """Register a function that authenticates requests; see `AsyncHold.authenticator`."""
        return self.inner.authenticator(name)

    def credentials(self, *, limit: int = 1000) -> list[Credential]:
        """Return the credentials that rest here, without their values; see `AsyncHold.credentials`."""
        return self.call(self.inner.credentials(limit=limit))

    def set_credential(
        self,
        name: str,
        *,
        access_token: str | None = None,
        refresh_token: str | None = None,
        expires_in_s: float | None = None,
        execution_id: str | None = None,
        generation: int | None = None,
        by: str | None = None,
    ) -> int:
        """Provide a credential; see `AsyncHold.set_credential`."""
        return self.call(
            self.inner.set_credential(
                name,
                access_token=access_token,
                refresh_token=refresh_token,
                expires_in_s=expires_in_s,
                execution_id=execution_id,
                generation=generation,
                by=by,
            )
        )

    def give_up_credential(
        self, name: str, *, execution_id: str | None = None, generation: int | None = None, by: str | None = None
    ) -> None:
        """Say that a credential will not come; see `AsyncHold.give_up_credential`."""
        self.call(self.inner.give_up_credential(name, execution_id=execution_id, generation=generation, by=by))

    def sweep(self) -> Swept:
        """Repair at once what lost its step; see `AsyncHold.sweep`."""
        return self.call(self.inner.sweep())

    def recover_restored(self, *, dry_run: bool = False) -> Restored:
        """Treat the database as restored from a copy, while no worker runs; see `AsyncHold.recover_restored`."""
        return self.call(self.inner.recover_restored(dry_run=dry_run))

    def emit(self, event: EventSource, *, type: str | None = None) -> Receipt:  # noqa: A002 - CloudEvents' word
        """Take in an event from outside; see `AsyncHold.emit`."""
        return self.call(self.inner.emit(event, type=type))

    def outbox(self, after: str | None = None, *, limit: int = 100, types: Sequence[str] = ()) -> OutboxPage:
        """Return what happened after a cursor, in all executions; see `AsyncHold.outbox`."""
        return self.call(self.inner.outbox(after, limit=limit, types=types))

    def faults(self, *, since_s: float = 86_400.0, settings: Correlation | None = None) -> FaultReport:
        """Return what failed within the last seconds (1 to 31 days), over all workers: groups by fingerprint, and incidents."""
        return self.call(self.inner.faults(since_s=since_s, settings=settings))

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
            HANDOVERS.closed(self._door)
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
