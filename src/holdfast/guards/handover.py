"""Handover: what a guard gives up goes on durably, with the attempts made so far on the ledger already.

```
call fails → Exhausted, Rejected, … with `resume` → hand_over() → FailedCall → the open database → an execution
```
Here the functions stand that calls can be handed over to, and the databases that are open; both belong to the process. What becomes of a call is
none of this room's business: a hold takes it (`holdfast.ports.handover`), or nobody does.
"""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, HandoverUnavailable, Problem
from holdfast.guards.handable import KEY, flaws_of, is_same_function, sent_by_name
from holdfast.guards.world import WORLD
from holdfast.ports.handover import FailedCall, FailedRequest, Registered

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from holdfast.errors import Attempted
    from holdfast.ports.handover import Accepted, Coming, Handover

__all__ = ["HANDOVERS", "CallFacts", "Handovers", "Way", "resume_for"]

NAME_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What a guard knows of a call that it could not bring to success.

    Either `registered` with `args` and `kwargs`, or `request` with the `action` it is to be called, and whether it is `repeatable`. `began_s` is when
    the first attempt began, or when the call was turned away, by `WORLD.monotonic()`. `retry_after_s` is what a rejection said, counted from
    `began_s`. `key` is the idempotency key that the attempts were made with; a function that takes `idempotency_key` need not be told.
    """

    policy: str
    reason: str
    began_s: float
    attempts: tuple[Attempted, ...] = ()
    retry_after_s: float | None = None
    key: str | None = None
    registered: Registered | None = None
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    request: FailedRequest | None = None
    action: str = ""
    repeatable: bool = False


class Handovers:
    """The functions that can be handed over and the databases that are open, of one process. Safe to use from several threads.

    `first_looks` is held while a failed call is looked at for the first time, or while it is noted who has it, which takes microseconds: two threads
    that hand over one failure hand over one id, to one database.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.first_looks = threading.Lock()
        self._functions: dict[str, Registered] = {}
        self._doors: list[Handover] = []

    def register(self, registered: Registered) -> Registered:
        """Let calls of a function be handed over, in every database that is or will be open.

        Raises:
            BadInput: the name is taken, or the function cannot be called by a worker or with JSON; everything is listed.
        """
        source = f"handover={registered.name!r}"
        with self._lock:
            is_action = any(door.has_action(registered.name, registered.function) for door in self._doors)
            problems = [
                Problem(source=source, path=path, message=message)
                for path, message in flaws_of(registered.function, is_action=is_action)
            ]
            if not (registered.name.strip() and registered.name.isprintable() and len(registered.name) <= NAME_MAX):
                message = f"must be a name of 1 to {NAME_MAX} characters that can be shown, such as 'crm.create'"
                problems.append(Problem(source=source, path="", message=message))
            known = self._functions.get(registered.name)
            if known is not None and not is_same_function(known.function, registered.function):
                message = "the name is taken by another function; give each its own"
                problems.append(Problem(source=source, path="", message=message))
            if not all(field.strip() for field in registered.personal):
                problems.append(Problem(source=source, path="personal", message="must be names of fields"))
            if problems:
                raise BadInput(problems)
            for door in self._doors:
                door.adopt(registered)
            self._functions[registered.name] = registered
        return registered

    @property
    def functions(self) -> dict[str, Registered]:
        """The functions by their names, as they are now."""
        with self._lock:
            return dict(self._functions)

    def opened(self, door: Handover) -> None:
        """A database was opened: it takes what is handed over from now on, and knows the functions."""
        with self._lock:
            for registered in self._functions.values():
                door.adopt(registered)
            self._doors.append(door)

    def closed(self, door: Handover) -> None:
        """A database is being closed. Safe to call twice."""
        with self._lock:
            self._doors = [one for one in self._doors if one is not door]

    def door(self, hold: object = None) -> Handover | None:
        """Return who takes what is handed over: `hold`, or the database opened last; None when it is not open."""
        with self._lock:
            return next((one for one in reversed(self._doors) if hold is None or one.owner is hold), None)


HANDOVERS = Handovers()
"""Those of this process. Nothing but tests makes others."""


def resume_for(
    facts: CallFacts | Callable[[], CallFacts], *, handovers: Handovers = HANDOVERS
) -> Callable[[object], Way]:
    """Return what `resume` of an error is: it hands the call over. Costs next to nothing until it is called, and `facts` may be told only then."""
    return Resume(facts, handovers)


class Resume:
    """A failed call that may yet be handed over. It keeps the arguments alive as long as the error lives."""

    __slots__ = ("_facts", "_first", "_handovers", "_is_taken", "_taken_by", "_under_way")

    def __init__(self, facts: CallFacts | Callable[[], CallFacts], handovers: Handovers) -> None:
        # Nothing else happens here: a call that an open circuit turns away gets one of these.
        self._facts = facts
        self._handovers = handovers
        self._first: FailedCall | None = None
        # The database that has it, or may have it: a wait that was given up tells nothing. `_under_way` are the tries that have not ended.
        self._taken_by: str | None = None
        self._under_way = 0
        self._is_taken = False

    def __call__(self, hold: object) -> Way:
        """Begin to hand over; see `PolicyError.hand_over`."""
        door = self._handovers.door(hold)
        if door is None:
            why = "no database is open" if hold is None else "that database is not open, or no hold"
            raise HandoverUnavailable(self.facts.policy, why)
        self._look_whose(door)
        return Way(self, door)

    def begin(self, door: Handover) -> Coming:
        """Have a database take it; whoever is given what comes says by `ended` how that ended, unless nobody waited for it.

        Raises:
            HandoverUnavailable: another one has it, or may have it.
            BadInput: it cannot be kept as it is.
        """
        with self._handovers.first_looks:
            self._look_whose(door)
            self._taken_by = door.database
            self._under_way += 1
        try:
            return door.submit(self.call())
        except Exception:
            self.ended(is_taken=False)
            raise

    def ended(self, *, is_taken: bool) -> None:
        """Note how a try ended: a database that has refused it, every time, does not have it."""
        with self._handovers.first_looks:
            self._under_way -= 1
            self._is_taken |= is_taken
            if not self._is_taken and not self._under_way:
                self._taken_by = None

    def _look_whose(self, door: Handover) -> None:
        if self._taken_by not in (None, door.database):
            why = f"{self._taken_by} has taken it over already, or may have, and a second database would do it a second time"
            raise HandoverUnavailable(self.facts.policy, why)

    @property
    def facts(self) -> CallFacts:
        """What is known of the call."""
        facts = self._facts
        return facts if isinstance(facts, CallFacts) else facts()

    def call(self) -> FailedCall:
        """Return the call as of now. Its id, arguments and beginning are settled by the first look.

        Raises:
            BadInput: its arguments do not fit its function.
        """
        facts = self.facts
        ago_s = max(0.0, WORLD.monotonic() - facts.began_s)
        with self._handovers.first_looks:
            if self._first is None:
                self._first = first_look(facts, ago_s=ago_s)
        return replace(self._first, ago_s=ago_s, wait_s=max(0.0, (facts.retry_after_s or 0.0) - ago_s))


def first_look(facts: CallFacts, *, ago_s: float) -> FailedCall:
    """Return the call with an id of its own."""
    key, arguments, action, repeatable = facts.key, {}, facts.action, facts.repeatable
    if facts.registered is not None:
        action, repeatable = facts.registered.name, facts.registered.repeatable
        try:
            arguments = sent_by_name(facts.registered.function, facts.args, facts.kwargs)
        except TypeError as err:
            raise BadInput([Problem(source=f"handover of {action!r}", path="", message=str(err))]) from err
        # Durable attempts are given their key by whoever makes them.
        told = arguments.pop(KEY, None)
        key = told if key is None and isinstance(told, str) else key
    return FailedCall(
        execution=str(uuid.uuid4()),
        action=action,
        policy=facts.policy,
        reason=facts.reason,
        began_at=WORLD.now() - timedelta(seconds=ago_s),
        ago_s=ago_s,
        attempts=facts.attempts,
        arguments=arguments,
        key=key,
        request=facts.request,
        repeatable=repeatable,
    )


class Way:
    """A call on its way: awaitable on an event loop, done already elsewhere. What comes out is the execution."""

    __slots__ = ("_coming", "_done", "_door", "_resume")

    def __init__(self, resume: Resume, door: Handover) -> None:
        self._resume = resume
        self._door = door
        self._done: Accepted | None = None
        # A coroutine that nobody awaits is told of by Python itself: a forgotten `await` does not lose a call in silence.
        self._coming: Coroutine[object, object, Accepted] | None = self._come() if has_event_loop() else None
        if self._coming is None:
            self._done = self._result()

    def __await__(self) -> Generator[object, None, Accepted]:
        """Hand over without blocking the event loop; giving up the wait does not undo it."""
        if self._done is None:
            coming, self._coming = self._coming or self._come(), None
            self._done = yield from coming.__await__()
        return self._done

    def wait(self) -> Accepted:
        """Return the execution.

        Raises:
            HandoverUnavailable: waiting would block the very event loop that has to do it; `await` it there.
        """
        if self._done is None:
            if self._coming is not None:
                self._coming.close()
            if self._door.is_of_this_thread:
                why = "its database lives on this event loop, which must not wait for itself; await hand_over() instead"
                raise HandoverUnavailable(self._resume.facts.policy, why)
            self._done = self._result()
        return self._done

    def _result(self) -> Accepted:
        coming = self._resume.begin(self._door)
        try:
            accepted = coming.result()
        except Exception:
            self._resume.ended(is_taken=False)
            raise
        self._resume.ended(is_taken=True)
        return accepted

    async def _come(self) -> Accepted:
        coming = self._resume.begin(self._door)
        try:
            accepted = await coming
        except Exception:  # and not a wait that was cancelled: the database goes on
            self._resume.ended(is_taken=False)
            raise
        self._resume.ended(is_taken=True)
        return accepted


def has_event_loop() -> bool:
    """Whether an event loop runs in this thread."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
