"""The whole door as an asyncio program sees it: accept plans, look at executions, answer, and be a worker."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from holdfast.contract import ExecutionStatus
from holdfast.errors import BadInput, UnknownExecution
from holdfast.hold.functions import problems_of
from holdfast.hold.sources import as_definitions, as_plan
from holdfast.hold.upkeep import Upkeep
from holdfast.journal.timeline import explain
from holdfast.plans.check import check
from holdfast.plans.frozen import FunctionRules, freeze
from holdfast.plans.state import execution_state
from holdfast.recovery.answering import answer
from holdfast.recovery.begin import begin
from holdfast.recovery.closing import cancel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.contract import ExecutionState
    from holdfast.hold.parts import Registry
    from holdfast.hold.sources import ActionSource, PlanSource
    from holdfast.ports.rows import DeadLetterRow, EventRow, ExecutionRow
    from holdfast.ports.steps import StopSignal
    from holdfast.ports.store import Snapshot

__all__ = ["AsyncHold"]

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
UNFINISHED = (ExecutionStatus.RUNNING, ExecutionStatus.INITIALIZING)
WATCH_INTERVAL_S = 0.1
"""How often somebody who waits for an execution looks at it."""


class AsyncHold(Upkeep):
    """Durable recovery for asyncio programs. Every method may be called from any task of one event loop."""

    @property
    def registry(self) -> Registry:
        """The Python functions registered here."""
        return self._parts.registry

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Run a plain reading function against one consistent moment of the database.

        Raises:
            StoreError: the database cannot be used.
        """
        return await self._parts.store.read(work)

    async def start(
        self,
        plan: PlanSource,
        actions: Iterable[ActionSource] = (),
        *,
        id: str | None = None,  # noqa: A002 - the word users know it by, also on the command line
        tenant: str = "",
        priority: int = 0,
    ) -> str:
        """Accept a plan for execution and return the execution's id; it is durable when this returns.

        `plan` and `actions` are models, parsed JSON, or paths of JSON or YAML files. The same `id` again is the same execution.

        Raises:
            BadInput: the plan, a definition or the environment has problems; all of them are listed.
            ExecutionConflict: `id` belongs to an execution of something else.
            Overloaded: as many executions are live as worker.executions_max allows.
            SecretKeyMissing: the plan can refresh a credential and there is no key to seal it with.
            StoreError: the database cannot be used.
        """
        parts = self._parts
        wanted, source = as_plan(plan, size_max_bytes=parts.plan_size_max_bytes)
        checked = check(
            wanted,
            as_definitions(actions, size_max_bytes=parts.plan_size_max_bytes),
            functions=parts.registry.rules,
            catalog=parts.catalog,
            environ=parts.environ,
            actions_max=parts.actions_max,
            plan_source=source,
        )
        if any(definition.refreshes for definition in checked.definitions.values()):
            parts.require_secrets()
        frozen = freeze(wanted, checked.definitions, functions=parts.registry.rules, entries=checked.entries)
        execution_id = str(uuid.UUID(id)) if id else str(uuid.uuid4())
        await parts.admission.admit(execution_id if id else None)
        await parts.store.transact(
            lambda tx: begin(
                tx,
                parts.steps,
                plans=parts.plans,
                execution_id=execution_id,
                frozen=frozen,
                tenant=tenant,
                priority=priority,
            )
        )
        return execution_id

    async def state(self, execution_id: str) -> ExecutionState:
        """Return the state of an execution, as the platform's schema has it.

        Raises:
            UnknownExecution: no such execution.
        """

        def look(snapshot: Snapshot) -> ExecutionState:
            row = snapshot.execution(execution_id)
            if row is None:
                raise UnknownExecution(execution_id)
            return execution_state(
                row,
                snapshot.actions(execution_id),
                attempts=snapshot.attempts(execution_id),
                questions=snapshot.questions(execution_id),
                database=self._parts.database,
            )

        return await self._parts.store.read(look)

    async def events(self, execution_id: str, *, after: int = 0) -> list[EventRow]:
        """Return what happened in an execution, in order, from the sequence `after` on."""
        return await self._parts.store.read(lambda snapshot: snapshot.events(execution_id, after=after))

    async def executions(self, *, state: str | None = None, limit: int = 50) -> list[ExecutionRow]:
        """Return executions, newest first; `state` is running, completed, failed or cancelled."""
        return await self._parts.store.read(lambda snapshot: snapshot.executions(state=state, limit=limit))

    async def dead_letters(self, *, execution_id: str | None = None, limit: int = 50) -> list[DeadLetterRow]:
        """Return work that was set aside, newest first."""
        return await self._parts.store.read(
            lambda snapshot: snapshot.dead_letters(execution_id=execution_id, limit=limit)
        )

    async def why(self, execution_id: str, action_id: str | None = None) -> list[str]:
        """Return what happened and why, line by line: faults, verdicts, decisions with their rule, and the ways that were turned down.

        Raises:
            UnknownExecution: no such execution.
        """
        row = await self._parts.store.read(lambda snapshot: snapshot.execution(execution_id))
        if row is None:
            raise UnknownExecution(execution_id)
        return explain(await self.events(execution_id), action=action_id)

    async def cancel(self, execution_id: str) -> bool:
        """Cancel an execution; False when it has ended or is ending already. Attempts in flight are awaited.

        Raises:
            UnknownExecution: no such execution.
        """
        parts = self._parts
        return await parts.store.transact(
            lambda tx: cancel(tx, parts.steps, plans=parts.plans, execution_id=execution_id)
        )

    async def answer(
        self,
        execution_id: str,
        choice: str,
        *,
        action: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        output: Mapping[str, object] | None = None,
    ) -> str:
        """Answer the question an execution waits for; returns the action it was about. The first answer wins.

        `choice` is one of the question's options; `output` is the output of an action that is said to have happened.

        Raises:
            UnknownExecution: no such execution.
            QuestionClosed: nobody waits for an answer.
            BadInput: not one of the options, or several questions are open.
        """
        parts = self._parts
        return await parts.store.transact(
            lambda tx: answer(
                tx,
                parts.steps,
                plans=parts.plans,
                execution_id=execution_id,
                action_id=action,
                choice=choice,
                by=by,
                reason=reason,
                output=output,
            )
        )

    async def wait(self, execution_id: str, *, timeout_s: float | None = None) -> ExecutionState:
        """Wait until an execution ends or pauses for a person; returns its state, also when `timeout_s` is over first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                # Polling, because the worker may be another process: nothing in this one would hear of the end.
                while (await self.state(execution_id)).status in UNFINISHED:
                    await self._parts.clock.sleep(WATCH_INTERVAL_S)
        return await self.state(execution_id)

    async def work(self, stop: StopSignal) -> None:
        """Be a worker: carry out steps of every execution in this database until `stop` is set.

        Raises:
            WorkerAlreadyRunning: on SQLite, another process is.
        """
        self._parts.claim_worker_place()
        try:
            await self._parts.worker.run(stop)
        finally:
            self._parts.leave_worker_place()

    def action(
        self, name: str, *, repeatable: bool = False, timeout_s: float = 300.0, attempts_max: int = 3
    ) -> Callable[[F], F]:
        """Register a function, plain or async, as an action that plans name. Its arguments are the action's inputs, by keyword.

        `repeatable` is your statement that doing it twice is doing it once; without it an attempt of unknown outcome is never repeated. A parameter
        named `idempotency_key` receives the key that is stable over all attempts.

        Raises:
            BadInput: the name is taken, or a parameter cannot be given by keyword.
        """

        def register(function: F) -> F:
            problems = problems_of(function, name, taken=name in self._parts.registry.functions)
            if problems:
                raise BadInput(problems)
            self._parts.registry.functions[name] = function
            self._parts.registry.rules[name] = FunctionRules(
                name=name, repeatable=repeatable, timeout_s=timeout_s, attempts_max=attempts_max
            )
            return function

        return register

    async def close(self) -> None:
        """Give back threads, connections and files. Safe to call twice."""
        await self._parts.close()
