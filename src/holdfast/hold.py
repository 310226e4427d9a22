"""The Python door to durable recovery: `Hold`, what `holdfast.open()` returns, and the async core below it.

`AsyncHold` is the whole of it, on ports; `Hold` is the one synchronous façade: it keeps an event loop in a thread of its own and hands every call to
it. With `worker=True` (the default) executions started here are also carried out here, in the background, as long as the process lives; a killed
process goes on where it was when the next one opens the same database.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from holdfast.contract import ActionDefinition, ExecutionPlan, ExecutionStatus
from holdfast.errors import BadInput, Problem, UnknownExecution, WorkerAlreadyRunning
from holdfast.journal.timeline import explain
from holdfast.plans.check import check
from holdfast.plans.files import SourcedDefinition, gather_definitions, read_definitions, read_plan
from holdfast.plans.frozen import FunctionRules, freeze
from holdfast.plans.state import execution_state
from holdfast.recovery.answering import answer
from holdfast.recovery.begin import begin
from holdfast.recovery.closing import cancel
from holdfast.recovery.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable

    from holdfast.catalog.entries import Catalog
    from holdfast.contract import ExecutionState
    from holdfast.plans.files import Definitions
    from holdfast.ports.clock import Clock
    from holdfast.ports.rows import DeadLetterRow, EventRow, ExecutionRow
    from holdfast.ports.steps import Steps, StopSignal
    from holdfast.ports.store import Snapshot, Store
    from holdfast.recovery.sweep import Swept
    from holdfast.recovery.turn import Plans
    from holdfast.recovery.worker import Worker

__all__ = ["AsyncHold", "Execution", "Hold", "Parts"]

PlanSource = ExecutionPlan | Mapping[str, object] | str | Path
"""A plan as a model, as parsed JSON, or as the path of a JSON or YAML file."""
ActionSource = ActionDefinition | Mapping[str, object] | str | Path
"""A definition as a model or as parsed JSON, or the path of a file with one or several."""

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
UNFINISHED = (ExecutionStatus.RUNNING, ExecutionStatus.INITIALIZING)
WATCH_INTERVAL_S = 0.1
"""How often somebody who waits for an execution looks at it."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The Python functions that plans can name, and what their authors said of them."""

    functions: dict[str, Callable[..., object]] = field(default_factory=dict)
    rules: dict[str, FunctionRules] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What wiring puts together for an `AsyncHold`. `claim_worker_place` raises WorkerAlreadyRunning where only one worker may be."""

    store: Store
    steps: Steps
    plans: Plans
    clock: Clock
    worker: Worker
    catalog: Catalog | None
    environ: Mapping[str, str]
    database: str
    actions_max: int
    plan_size_max_bytes: int
    registry: Registry
    claim_worker_place: Callable[[], None]
    leave_worker_place: Callable[[], None]
    require_secrets: Callable[[], None]
    close: Callable[[], Awaitable[None]]


class AsyncHold:
    """Durable recovery for asyncio programs. Every method may be called from any task of one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

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

    async def sweep(self) -> Swept:
        """Check at once that every live execution has a step, an attempt, a person or a condition; a worker does so every minute."""
        return await sweep(self._parts.store, self._parts.steps, plans=self._parts.plans)

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


def as_plan(plan: PlanSource, *, size_max_bytes: int) -> tuple[ExecutionPlan, str]:
    """Return a plan and the name of its source, from whatever form it has."""
    if isinstance(plan, ExecutionPlan):
        return plan, "plan"
    if isinstance(plan, (str, Path)):
        return read_plan(plan, size_max_bytes=size_max_bytes), str(plan)
    return ExecutionPlan.from_wire(plan, source="plan"), "plan"


def as_definitions(actions: Iterable[ActionSource], *, size_max_bytes: int) -> Definitions:
    """Return definitions by id and version, from whatever form they have.

    Raises:
        BadInput: some have problems, or an id and version occurs twice; everything wrong with any of them is listed.
    """
    found: list[SourcedDefinition] = []
    problems: list[Problem] = []
    for index, action in enumerate(actions):
        source = f"actions[{index}]"
        try:
            if isinstance(action, (str, Path)):
                found.extend(read_definitions([action], size_max_bytes=size_max_bytes).values())
            elif isinstance(action, ActionDefinition):
                found.append(SourcedDefinition(definition=action, source=source))
            else:
                found.append(
                    SourcedDefinition(definition=ActionDefinition.from_wire(action, source=source), source=source)
                )
        except BadInput as err:
            problems.extend(err.problems)
    gathered = gather_definitions(found, problems=problems)
    if problems:
        raise BadInput(problems)
    return gathered


def problems_of(function: Callable[..., object], name: str, *, taken: bool) -> list[Problem]:
    """Return why a function cannot be an action; empty when it can."""
    source = f"@action({name!r})"
    problems: list[Problem] = []
    if taken:
        problems.append(
            Problem(source=source, path="", message="the name is taken by another function; give each its own")
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        problems.append(
            Problem(source=source, path="", message="a generator has no single result; return a value instead")
        )
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            message = "inputs are given by keyword; a positional-only parameter cannot receive one"
            problems.append(Problem(source=source, path=parameter.name, message=message))
        if parameter.default not in (inspect.Parameter.empty, None) and not is_json(parameter.default):
            problems.append(
                Problem(source=source, path=parameter.name, message="inputs are JSON; this default value is not")
            )
    return problems


def is_json(value: object) -> bool:
    """Whether a value can be written as JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
