"""A test bench for recovery: the real transactions in memory, a queue in memory, virtual time, and a performer that follows a script."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from holdfast.adapters.memory.steps import MemorySteps
from holdfast.adapters.sql.store import InlineStore
from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan, ExecutionState
from holdfast.decisions.facts import Bounds
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.faults.traits import family_of, traits_of
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.plans.frozen import FunctionRules, freeze
from holdfast.plans.state import execution_state
from holdfast.ports.rows import ActionState, Purpose, RunState
from holdfast.recovery.answer import Answer, Deciding
from holdfast.recovery.answering import answer
from holdfast.recovery.begin import begin
from holdfast.recovery.claim import claim
from holdfast.recovery.closing import cancel
from holdfast.recovery.settle import settle
from holdfast.recovery.sweep import Swept, sweep
from holdfast.recovery.turn import Plans
from holdfast.recovery.worker import Worker, WorkerSettings
from holdfast.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime

    from holdfast.plans.frozen import Frozen
    from holdfast.ports.rollback import Rollback
    from holdfast.ports.rows import ActionRow, AttemptRow, EventRow, ExecutionRow, QuestionRow
    from holdfast.ports.steps import Step
    from holdfast.recovery.assigning import Assignment

T = TypeVar("T")
EXECUTION = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
STEPS_MAX = 500
DRAW = 0.5
MET = {"name": "ok", "reference": "${pay.output.id}", "operator": "exists"}


class Died(Exception):
    """The worker was killed in the middle of an attempt."""


DIE = Died()


def drive(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine that never has to wait, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a coroutine's own result
    raise AssertionError("it waits for something")


def fault(
    category: str,
    outcome: str = "not_executed",
    *,
    retry_after_s: float | None = None,
    status: int | None = 500,
    code: str | None = None,
    message: str = "It failed.",
    retryable: bool | None = None,
    quota_resets_in_s: float | None = None,
) -> Verdict:
    """A verdict as classification makes them."""
    kind = ErrorCategory(category)
    traits = traits_of(kind)
    may_retry = traits.retryable if retryable is None else retryable
    return Verdict(
        category=kind,
        family=family_of(kind, retryable=may_retry),
        labels=traits.labels,
        retryable=may_retry,
        health=traits.health,
        outcome=Outcome(outcome),
        message=message,
        fingerprint=f"test:{category}",
        rule="test",
        retry_after_s=retry_after_s,
        quota_resets_in_s=quota_resets_in_s,
        code=code,
        status=status,
    )


TIMEOUT = fault("network_timeout", "unknown", status=None)
EXPIRED = fault("auth_expired", status=401)
REFUSED = fault("network_connection_refused", status=None)
INVALID = fault("validation_failed", status=422)
REMOVED = fault("api_endpoint_removed", status=410)
BROKEN = fault("api_unexpected_status", status=503)


def definition(
    definition_id: str,
    method: str = "POST",
    *,
    keyed: bool = False,
    probe: str | None = None,
    probe_inputs: dict[str, object] | None = None,
    happened_if: dict[str, object] | None = None,
    credential: str | None = None,
    refreshes: str | None = None,
    attempts: int = 1,
    retries: Sequence[str] = (),
    timeout: int = 10_000,
    delay: int = 1_000,
) -> ActionDefinition:
    """A definition; by default a POST that nothing makes safe to repeat, with one basic attempt."""
    wire: dict[str, object] = {
        "id": definition_id,
        "name": definition_id,
        "description": "For tests.",
        "version": "1.0.0",
        "endpoint": {
            "url": f"https://api.example/{definition_id}",
            "method": method,
            "headers": {},
            "timeout": timeout,
        },
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": attempts,
            "initialDelay": delay,
            "maxDelay": 30_000,
            "backoffMultiplier": 2,
            "retryableErrors": list(retries),
            "jitter": False,
        },
        "knownErrors": [],
        "examples": [],
    }
    if keyed:
        wire["idempotency"] = {"header": "Idempotency-Key"}
    if probe:
        condition = happened_if or {"reference": "${probe.output.found}", "operator": "equals", "value": "true"}
        wire["probe"] = {"actionDefinitionId": probe, "inputs": probe_inputs or {}, "happenedIf": condition}
    if credential:
        wire["authentication"] = {"type": "bearer", "token": credential, "tokenFrom": "env"}
    if refreshes:
        wire |= {"refreshes": refreshes, "tokenPath": "access_token"}
    return ActionDefinition.from_wire(wire)


def action(
    action_id: str,
    *dependencies: str,
    uses: str | None = None,
    inputs: dict[str, object] | None = None,
    alternative: str | None = None,
    fallback: dict[str, str] | None = None,
    goes_on: bool = False,
    recovery: dict[str, str] | None = None,
    when: str | None = None,
    otherwise: str = "skip",
    confirm: dict[str, object] | None = None,
) -> dict[str, object]:
    """A planned action that uses the definition of its own name. `when` is its condition; `confirm` changes the question asked before it."""
    handling: dict[str, object] = {"continueOnFailure": goes_on}
    if alternative:
        handling["alternativeActionId"] = alternative
    if fallback:
        handling["fallbackValue"] = fallback
    wire: dict[str, object] = {
        "id": action_id,
        "actionDefinitionId": uses or action_id,
        "inputs": inputs or {},
        "dependencies": list(dependencies),
        "errorHandling": handling,
    }
    if when is not None:
        wire["condition"] = {"if": when, "then": "execute", "else": otherwise}
    if confirm is not None:
        wire["userConfirmation"] = {"required": True, "title": "Really?", "message": "Please look.", **confirm}
    return wire | ({"recovery": recovery} if recovery else {})


def frozen(
    actions: Sequence[dict[str, object]],
    definitions: Sequence[ActionDefinition] = (),
    *,
    validations: Sequence[dict[str, object]] = (),
    catalog: dict[str, object] | None = None,
    functions: Sequence[FunctionRules] = (),
) -> Frozen:
    """Freeze a plan; actions without a definition of their own get an unsafe POST. `catalog` applies to every definition."""
    known = {one.id: one for one in definitions} | {}
    registered = {one.name: one for one in functions}
    for planned in actions:
        name = str(planned["actionDefinitionId"])
        if name not in registered:
            known.setdefault(name, definition(name))
    plan = ExecutionPlan.from_wire(
        {
            "id": "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21",
            "name": "A plan",
            "description": "For tests.",
            "intent": {"original": "Do it", "interpreted": "It is done", "confidence": 1},
            "actions": list(actions),
            "expectedOutcome": {"description": "Done.", "validations": list(validations)},
            "metadata": {"createdAt": "2026-01-15T09:00:00.000Z", "estimatedDuration": 1000, "tags": []},
        }
    )
    entry = ApiCatalogEntry.from_wire(catalog_wire(**catalog)) if catalog else None
    return freeze(plan, known, functions=registered, entries=dict.fromkeys(known, entry) if entry else {})


def catalog_wire(**changes: object) -> dict[str, object]:
    """A catalog entry of the API all definitions call."""
    return {
        "apiId": "example",
        "name": "Example",
        "version": "1",
        "baseUrl": "https://api.example/",
        "errorMappings": [],
        "quirks": {},
        **changes,
    }


@dataclass
class Performer:
    """Answers by a script: per action (`pay`, `probe:pay`, `refresh:renew`) what its attempts get, in order; afterwards, success."""

    clock: VirtualClock
    script: dict[str, list[object]] = field(default_factory=dict)
    calls: list[tuple[str, Assignment, datetime]] = field(default_factory=list)

    async def perform(self, assignment: Assignment) -> Answer:
        """Give the next answer of the script."""
        name = subject(assignment)
        self.calls.append((name, assignment, self.clock.now()))
        waiting = self.script.get(name, [])
        given = waiting.pop(0) if waiting else default(name)
        if given is DIE:
            raise DIE
        if callable(given):
            given = given(assignment)
        return told(given, self.clock.now())


def wants_new_token(assignment: Assignment) -> object:
    """Answer as an API whose first token has expired: refuse it, accept any renewed one."""
    return EXPIRED if assignment.sealed is None else {"id": assignment.action.id}


def subject(assignment: Assignment) -> str:
    """What the script calls an attempt."""
    if assignment.step.purpose is Purpose.PERFORM:
        return assignment.action.id
    return f"{assignment.step.purpose}:{assignment.action.id}"


def default(name: str) -> object:
    """What an attempt without a line in the script gets."""
    return "token" if name.startswith("refresh:") else {"id": name}


def told(given: object, now: datetime) -> Answer:
    """Turn a line of the script into an answer: a verdict, an output, or a new token (a text, or how many seconds it lives)."""
    if isinstance(given, Verdict):
        return Answer(verdict=given, observed_at=now)
    if isinstance(given, float):
        return Answer(output="{}", sealed_token=b"sealed short", token_expires_s=given, observed_at=now)
    if isinstance(given, str):
        return Answer(output='{"refreshed":"c"}', sealed_token=f"sealed {given}".encode(), observed_at=now)
    import json

    return Answer(output=json.dumps(given), observed_at=now)


class Bench:
    """One deployment in a box."""

    def __init__(
        self,
        script: dict[str, list[object]] | None = None,
        *,
        bounds: Bounds | None = None,
        crashes_max: int = 3,
        answer_within_s: float = 0.0,
        routes: dict[str, str] | None = None,
        rollback: Rollback | None = None,
    ) -> None:
        bounds = replace(bounds or Bounds(), answer_within_s=answer_within_s)  # people take as long as they take
        self.clock = VirtualClock()
        self.store = InlineStore(self.clock.now)
        self.steps = MemorySteps(self.clock)
        self.plans = Plans()
        self.performer = Performer(self.clock, script or {})
        own = {ErrorCategory(category): RecoveryStrategy(strategy) for category, strategy in (routes or {}).items()}
        self.deciding = Deciding(bounds=bounds, draw=DRAW, crashes_max=crashes_max, routes=own, rollback=rollback)
        settings = WorkerSettings(name="w", bounds=self.deciding.bounds, crashes_max=crashes_max, routes=own)
        self.worker = Worker(
            self.store,
            self.steps,
            plans=self.plans,
            performer=self.performer,
            clock=self.clock,
            draw=lambda: DRAW,
            settings=settings,
            rollback=rollback,
        )

    def transact(self, work: Callable[..., T]) -> T:
        """Run a transaction."""
        return drive(self.store.transact(work))

    def read(self, work: Callable[..., T]) -> T:
        """Read."""
        return drive(self.store.read(work))

    def start(self, plan: Frozen, execution: str = EXECUTION) -> bool:
        """Accept an execution."""
        return self.transact(lambda tx: begin(tx, self.steps, plans=self.plans, execution_id=execution, frozen=plan))

    def run(self, *, until: datetime | None = None) -> None:
        """Perform due steps and let time pass to the next one, until nothing is left (or until a moment)."""
        for _ in range(STEPS_MAX):
            step = self.steps.take("w")
            if step is not None:
                self.perform(step)
                continue
            due_at = self.steps.next_due_at()
            if due_at is None or (until is not None and due_at > until):
                return
            self.clock.advance((due_at - self.clock.now()).total_seconds())
        raise AssertionError("it does not come to an end")

    def run_now(self) -> None:
        """Perform what is due now; time stands still."""
        self.run(until=self.clock.now())

    def expire_all(self, number: int) -> None:
        """Begin so many attempts at once; all of them find the credential expired."""
        for step in [self.begin_attempt() for _ in range(number)]:
            self.settle(step, EXPIRED)

    def run_once(self) -> None:
        """Perform the next due step."""
        self.perform(self.take())

    def perform(self, step: Step) -> None:
        """Perform one step; a worker that dies gives it back."""
        try:
            drive(self.worker.perform(step))
        except Died:
            self.steps.release("w")

    def take(self, worker: str = "w") -> Step:
        """Take the next due step without performing it."""
        step = self.steps.take(worker)
        assert step is not None, "nothing is due"
        return step

    def claim(self, step: Step, worker: str = "w") -> Assignment | None:
        """Only claim."""
        return self.transact(
            lambda tx: claim(tx, self.steps, plans=self.plans, step=step, worker=worker, deciding=self.deciding)
        )

    def settle(self, step: Step, given: object) -> None:
        """Only settle."""
        reply = told(given, self.clock.now())
        self.transact(
            lambda tx: settle(tx, self.steps, plans=self.plans, step=step, answer=reply, deciding=self.deciding)
        )

    def begin_attempt(self, worker: str = "w") -> Step:
        """Take the next due step and claim it; the attempt is in flight from now on."""
        step = self.take(worker)
        assert self.claim(step, worker) is not None, "there was nothing to do"
        return step

    def cancel(self, execution: str = EXECUTION) -> bool:
        """Cancel."""
        return self.transact(lambda tx: cancel(tx, self.steps, plans=self.plans, execution_id=execution))

    def answer(
        self,
        choice: str,
        *,
        execution: str = EXECUTION,
        action_id: str | None = None,
        output: dict[str, object] | None = None,
    ) -> str:
        """Answer as a person."""
        return self.transact(
            lambda tx: answer(
                tx,
                self.steps,
                plans=self.plans,
                execution_id=execution,
                action_id=action_id,
                choice=choice,
                by="ada",
                reason="looked",
                output=output,
            )
        )

    def sweep(self) -> Swept:
        """Sweep."""
        return drive(sweep(self.store, self.steps, plans=self.plans))

    def questions(self, execution: str = EXECUTION) -> list[QuestionRow]:
        """What people were asked, oldest first."""
        return self.read(lambda snapshot: snapshot.questions(execution))

    def execution(self, execution: str = EXECUTION) -> ExecutionRow:
        """The execution's row."""
        row = self.read(lambda snapshot: snapshot.execution(execution))
        assert row is not None
        return row

    def row(self, action_id: str = "pay", execution: str = EXECUTION) -> ActionRow:
        """An action's row."""
        row = self.read(lambda snapshot: snapshot.action(execution, action_id))
        assert row is not None
        return row

    def attempts(
        self, action_id: str = "pay", purpose: Purpose = Purpose.PERFORM, execution: str = EXECUTION
    ) -> list[AttemptRow]:
        """The ledger of an action."""
        found = self.read(lambda snapshot: snapshot.attempts(execution, action_id))
        return [one for one in found if one.purpose is purpose]

    def events(self, kind: str | None = None, execution: str = EXECUTION) -> list[EventRow]:
        """What was recorded."""
        return [one for one in self.read(lambda snapshot: snapshot.events(execution)) if kind in {None, one.type}]

    def letters(self, execution: str = EXECUTION) -> dict[str, str]:
        """Dead letters: their reasons by action."""
        found = self.read(lambda snapshot: snapshot.dead_letters(execution_id=execution, limit=50))
        return {one.action: one.reason for one in found}

    def state(self, execution: str = EXECUTION) -> ExecutionState:
        """The execution as the platform sees it."""
        return self.read(
            lambda snapshot: execution_state(
                snapshot.execution(execution),
                snapshot.actions(execution),
                attempts=snapshot.attempts(execution),
                questions=snapshot.questions(execution),
                database="test.db",
            )
        )

    def calls(self, name: str) -> list[Assignment]:
        """The attempts made under a name of the script."""
        return [assignment for called, assignment, _ in self.performer.calls if called == name]

    def times(self, name: str) -> list[float]:
        """When they were made, in seconds from the first call of all."""
        first = self.performer.calls[0][2]
        return [(at - first).total_seconds() for called, _, at in self.performer.calls if called == name]

    def ended(self, execution: str = EXECUTION) -> RunState:
        """How the execution ended; checks what holds for every end."""
        row = self.execution(execution)
        actions = self.read(lambda snapshot: snapshot.actions(execution))
        terminal = [one for one in self.events(execution=execution) if one.is_terminal]
        assert [f"plan.execute.{row.state}"] == [one.type for one in terminal]
        assert all(one.state.is_final for one in actions)
        assert [0] * len(actions) == [one.in_flight for one in actions]
        return row.state

    def states(self, execution: str = EXECUTION) -> dict[str, ActionState]:
        """Where every action stands."""
        return {one.action: one.state for one in self.read(lambda snapshot: snapshot.actions(execution))}


def run(
    actions: Sequence[dict[str, object]],
    definitions: Sequence[ActionDefinition] = (),
    script: dict[str, list[object]] | None = None,
    *,
    bounds: Bounds | None = None,
    crashes_max: int = 3,
    **plan: object,
) -> Bench:
    """Run a plan to its end, or until it waits for a person."""
    bench = Bench(script, bounds=bounds, crashes_max=crashes_max)
    bench.start(frozen(actions, definitions, **plan))  # type: ignore[arg-type]  # the plan's own keywords
    bench.run()
    return bench
