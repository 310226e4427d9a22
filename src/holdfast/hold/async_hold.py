"""The whole door as an asyncio program sees it: accept plans, look at executions, answer, and be a worker."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from holdfast.contract import ExecutionStatus
from holdfast.errors import BadInput, Problem, UnknownExecution
from holdfast.hold.accepting import accept, checked
from holdfast.hold.credentials import CredentialDoor
from holdfast.hold.entries import CatalogEntries
from holdfast.hold.erasing import CanErase
from holdfast.hold.events import Events
from holdfast.hold.executors import checked_executor
from holdfast.hold.faults import Faults
from holdfast.hold.functions import flawed_schemas, problems_of
from holdfast.hold.handed import TakesOver
from holdfast.hold.people import ForPeople
from holdfast.hold.replacing import Replacing
from holdfast.hold.secrets import seal_own
from holdfast.hold.upkeep import Upkeep
from holdfast.journal.timeline import explain
from holdfast.plans.frozen import FunctionRules, freeze
from holdfast.plans.personal import flaws_of_names, without_personal
from holdfast.plans.state import execution_state
from holdfast.recovery.begin import begin
from holdfast.recovery.closing import cancel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


class AsyncHold(CatalogEntries, ForPeople, CredentialDoor, Replacing, TakesOver, CanErase, Upkeep, Events, Faults):
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

    def check(
        self, plan: PlanSource, actions: Iterable[ActionSource] = (), *, external: str | None = None
    ) -> tuple[Problem, ...]:
        """Check a plan with its definitions as `start` does, and start nothing; returns what is worth a warning.

        It takes what `start` takes. With `external`, variables of the environment need not be set here.

        Raises:
            BadInput: the plan, a definition or the environment has problems; all of them are listed.
        """
        _, _, found = checked(self._parts, plan, actions, is_external=external is not None)
        return found.warnings

    async def start(
        self,
        plan: PlanSource,
        actions: Iterable[ActionSource] = (),
        *,
        id: str | None = None,  # noqa: A002 - the word users know it by, also on the command line
        tenant: str = "",
        priority: int = 0,
        secrets: Mapping[str, str] | None = None,
        external: str | None = None,
    ) -> str:
        """Accept a plan for execution and return the execution's id; it is durable when this returns.

        `plan` and `actions` are models, parsed JSON, or paths of JSON or YAML files. The same `id` again is the same execution.
        `secrets` are the values of secrets that definitions ask the user for (`user_input`), by their names; they rest sealed, serve this
        execution only and are forgotten when it has ended. One that is missing pauses the execution until somebody sets it.
        `external` names an executor outside Holdfast: it hears of each attempt in the outbox, performs it with credentials of its own, and answers
        with events (`emit`). Workers only decide.

        Raises:
            BadInput: the plan, a definition or the environment has problems; all of them are listed.
            ExecutionConflict: `id` belongs to an execution of something else.
            Overloaded: as many executions are live as worker.executions_max allows.
            SecretKeyMissing: the plan has secrets to keep and there is no key to seal them with.
            StoreError: the database cannot be used.
        """
        parts = self._parts
        external = checked_executor(external)
        await parts.apis.look()
        accepted = accept(parts, plan, actions, is_external=external is not None)
        execution_id = str(uuid.UUID(id)) if id else str(uuid.uuid4())
        own = seal_own(secrets or {}, accepted.definitions, sealer=parts.sealer, execution=execution_id)
        frozen = freeze(
            accepted.plan,
            accepted.definitions,
            functions=parts.registry.rules,
            entries=accepted.entries,
            external=external,
        )
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
                secrets={**own, **accepted.sealed},
                external=external,
            )
        )
        return execution_id

    async def state(self, execution_id: str, *, hides_personal: bool = False) -> ExecutionState:
        """Return the state of an execution, as the platform's schema has it; with `hides_personal`, without personal values in outputs.

        Raises:
            UnknownExecution: no such execution.
        """

        def look(snapshot: Snapshot) -> ExecutionState:
            row = snapshot.execution(execution_id)
            if row is None:
                raise UnknownExecution(execution_id)
            actions = snapshot.actions(execution_id)
            if hides_personal:
                plan = self._parts.plans.get(snapshot, row.document)
                actions = [without_personal(action, plan.actions[action.action].personal) for action in actions]
            return execution_state(
                row,
                actions,
                attempts=snapshot.attempts(execution_id),
                questions=snapshot.questions(execution_id),
                database=self._parts.database,
                credentials=snapshot.asked_for(execution_id),
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
        asking = asyncio.ensure_future(self._parts.health.watch(stop))
        try:
            await self._parts.worker.run(stop)
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            self._parts.leave_worker_place()

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
        """Register a function, plain or async, as an action that plans name. Its arguments are the action's inputs, by keyword.

        `repeatable` is your statement that doing it twice is doing it once; without it an attempt of unknown outcome is never repeated. A parameter
        named `idempotency_key` receives the key that is stable over all attempts. `personal` names inputs and outputs that are personal.
        The schemas say what inputs and the keys of a returned dict must be, as they do in a definition: a JSON type word or the text of a JSON
        Schema.

        Raises:
            BadInput: the name is taken, a parameter cannot be given by keyword, a personal field has no name, or a schema is none.
        """
        fields = tuple(personal)

        def register(function: F) -> F:
            known = self._parts.registry.functions.get(name)
            problems = problems_of(function, name, taken=known is not None and known is not function)
            problems += [Problem(source=name, path="personal", message=flaw) for flaw in flaws_of_names(fields)]
            problems += flawed_schemas(name, input_schema=input_schema or {}, output_schema=output_schema or {})
            if problems:
                raise BadInput(problems)
            self._parts.registry.functions[name] = function
            self._parts.registry.rules[name] = FunctionRules(
                name=name,
                repeatable=repeatable,
                timeout_s=timeout_s,
                attempts_max=attempts_max,
                personal=fields,
                input_schema=dict(input_schema or {}),
                output_schema=dict(output_schema or {}),
            )
            return function

        return register

    async def close(self) -> None:
        """Give back threads, connections and files. Safe to call twice."""
        await self._parts.close()
