"""Taking over calls that failed in process: what an open database does for guards.

A guard may call from any thread, of a program with an event loop or without; the database works on a loop of its own. The door between them hands a
call over to that loop and gives back a future.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
from holdfast.faults.verdict import Verdict
from holdfast.guards.handable import is_same_function
from holdfast.hold.accepting import accept
from holdfast.hold.parts import HasParts
from holdfast.plans.frozen import FunctionRules, freeze
from holdfast.plans.handed import ACTION, arguments_of, definition_of, plan_of
from holdfast.plans.personal import eraser, flaws_of_names, personal_of
from holdfast.ports.handover import ATTEMPTS_MAX
from holdfast.recovery.handed import begin_handed_over

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping
    from concurrent.futures import Future

    from holdfast.contract import ActionDefinition, ApiCatalogEntry
    from holdfast.errors import Attempted
    from holdfast.ports.handover import Accepted, FailedCall, Registered

__all__ = ["Coming", "Door", "HandedOver", "Ready", "TakesOver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """The execution that a call became."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A call that can come to rest: checked, and nothing of it shared with the program any more."""

    call: FailedCall
    arguments: Mapping[str, object]
    definition: ActionDefinition | None


class TakesOver(HasParts):
    """The part of an `AsyncHold` that takes calls over from guards."""

    @property
    def database(self) -> str:
        """Which database this is, without its password."""
        return self._parts.database

    def ready(self, call: FailedCall) -> Ready:
        """Return a call as it can be kept. Needs no event loop and touches no database.

        Raises:
            BadInput: its arguments or its request cannot be kept; every reason is listed.
        """
        source = f"handover of {call.action!r}"
        assert call.request is not None or call.action in self._parts.registry.functions, (
            "whoever is open has adopted it"
        )
        if len(call.attempts) > ATTEMPTS_MAX or not all(isinstance(one.verdict, Verdict) for one in call.attempts):
            message = f"needs at most {ATTEMPTS_MAX} attempts, each with its whole verdict"
            raise BadInput([Problem(source=source, path="attempts", message=message)])
        if call.request is not None and call.action in self._parts.registry.functions:
            message = "the name belongs to a function; call the request something else, such as 'POST /customers'"
            raise BadInput([Problem(source=source, path="", message=message)])
        definition = None if call.request is None else definition_of(call)
        arguments = arguments_of(call, size_max_bytes=self._parts.plan_size_max_bytes)
        rules = self._parts.registry.rules.get(call.action) if definition is None else None
        if rules is not None and rules.personal:
            call = without_personal(call, personal_of(rules.personal).values(arguments))
        return Ready(call=call, arguments=arguments, definition=definition)

    async def take_over(self, ready: Ready) -> str:
        """Begin the execution that a call becomes, with its attempts on the ledger; returns its id. The same call again changes nothing.

        Raises:
            BadInput: its request cannot be made from here (a variable is missing).
            ExecutionConflict: its id belongs to something else.
            Overloaded: as many executions are live as worker.executions_max allows.
            StoreError: the database cannot be used.
        """
        parts, call = self._parts, ready.call
        plan = plan_of(call)
        definitions: Mapping[str, ActionDefinition] = {}
        entries: Mapping[str, ApiCatalogEntry] = {}
        if ready.definition is not None:
            await parts.apis.look()
            accepted = accept(parts, plan, [ready.definition])
            definitions, entries = accepted.definitions, accepted.entries
        frozen = freeze(
            plan,
            definitions,
            functions={} if ready.definition else parts.registry.rules,
            entries=entries,
            arguments={ACTION: ready.arguments},
        )
        await parts.admission.admit(call.execution)
        deciding = parts.worker.deciding()
        await parts.store.transact(
            lambda tx: begin_handed_over(
                tx, parts.steps, plans=parts.plans, call=call, frozen=frozen, deciding=deciding
            )
        )
        return call.execution

    def adopt(self, registered: Registered) -> None:
        """Make a function that calls are handed over to known to the workers here. One that is an action already keeps the rules of that.

        Raises:
            BadInput: its name belongs to another function, or a personal field has no name.
        """
        registry, name = self._parts.registry, registered.name
        known = registry.functions.get(name)
        source = f"handover={name!r}"
        problems = [
            Problem(source=source, path="personal", message=flaw) for flaw in flaws_of_names(registered.personal)
        ]
        if known is not None and not is_same_function(known, registered.function):
            message = "the name is taken by another action of the open database; give each its own"
            problems.append(Problem(source=source, path="", message=message))
        if problems:
            raise BadInput(problems)
        registry.functions[name] = registered.function
        if known is None:
            registry.rules[name] = FunctionRules(
                name=name,
                repeatable=registered.repeatable,
                timeout_s=registered.timeout_s,
                attempts_max=registered.attempts_max,
                personal=registered.personal,
            )

    def has_action(self, name: str, function: Callable[..., object]) -> bool:
        """Whether exactly this function is an action of that name here."""
        return self._parts.registry.functions.get(name) is function


def without_personal(call: FailedCall, values: tuple[str, ...]) -> FailedCall:
    """Return a call whose verdicts quote none of these values: in process, nobody knew that they are personal."""
    erase = eraser(values)

    def spoken(attempted: Attempted) -> Attempted:
        verdict = attempted.verdict
        assert isinstance(verdict, Verdict), "it was looked at before"
        code = None if verdict.code is None else erase(verdict.code)
        return replace(attempted, verdict=replace(verdict, message=erase(verdict.message), code=code))

    return replace(call, attempts=tuple(spoken(attempted) for attempted in call.attempts))


class Coming:
    """An execution on its way from the loop of its database to whatever waits for it."""

    def __init__(self, future: Future[Accepted]) -> None:
        self._future = future

    def __await__(self) -> Generator[object, None, Accepted]:
        """Wait on this thread's loop, which may be another one. A wait that is cancelled leaves the handover alone."""
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def result(self) -> Accepted:
        """Block this thread until it is durable."""
        return self._future.result()


class Door:
    """An open database as guards know it (`holdfast.ports.handover.Handover`).

    `loop` is where `inner` lives. `owner` is what the user has in hand. `accepted` makes of an id what the user gets, on that loop.
    """

    def __init__(
        self,
        inner: TakesOver,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: object,
        accepted: Callable[[str], Awaitable[Accepted]],
    ) -> None:
        self._inner = inner
        self._loop = loop
        self._owner = owner
        self._accepted = accepted

    @property
    def owner(self) -> object:
        """What the user has in hand."""
        return self._owner

    @property
    def database(self) -> str:
        """Which database it is."""
        return self._inner.database

    @property
    def is_of_this_thread(self) -> bool:
        """Whether the loop runs in this thread."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def submit(self, call: FailedCall) -> Coming:
        """Begin to take a call over; it is read, and refused if it cannot be kept, before this returns."""
        ready = self._inner.ready(call)
        return Coming(asyncio.run_coroutine_threadsafe(self._take_over(ready), self._loop))

    async def _take_over(self, ready: Ready) -> Accepted:
        return await self._accepted(await self._inner.take_over(ready))

    def adopt(self, registered: Registered) -> None:
        """Make a function known."""
        self._inner.adopt(registered)

    def has_action(self, name: str, function: Callable[..., object]) -> bool:
        """Whether exactly this function is an action of that name here."""
        return self._inner.has_action(name, function)
