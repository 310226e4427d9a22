"""Performing a recovery: the two drivers, one for threads and one for event loops, of the course that is decided elsewhere.

Both take a step, have the same `Session` begin it, wait if it is something to wait for, and send the report. They decide nothing, so the same facts
lead to the same steps in both. What a step raises is a report as well: neither a broken cache nor a broken queue ends a recovery or hides the error
that it is about. Cancellation and the like pass through.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Token
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.errors import BadInput, Exhausted, Problem, TimedOut
from holdfast.faults.redact import redact_text
from holdfast.faults.verdict import Verdict
from holdfast.guards.alarm import Alarm, Alert
from holdfast.guards.ambient import DEADLINE, put_deadline, take_deadline_back
from holdfast.guards.credential_refreshing import CredentialRefresher, RefreshFailed
from holdfast.guards.later_queue import Later, LaterSink
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.recovery_purses import Purses
from holdfast.guards.strikes import Strikes
from holdfast.guards.world import WORLD
from holdfast.policies.recovery_course import (
    Ask,
    CallAgain,
    Course,
    Ending,
    Keep,
    LookUp,
    Pause,
    Renew,
    Report,
    Spend,
    Step,
    Trip,
    Warn,
)

__all__ = ["AnswerCache", "Circuit", "KeptAnswer", "Kit", "Session", "alerted", "attempts_of", "drive", "drive_async"]


class KeptAnswer(Protocol):
    """An answer in a cache."""

    @property
    def value(self) -> object:
        """What was answered."""


class AnswerCache(Protocol):
    """Keeps good answers by key; it throws away by itself what is too old. `is_local`: its verbs take microseconds and may be called on a loop."""

    @property
    def is_local(self) -> bool:
        """Whether its verbs take microseconds."""

    def get(self, key: str) -> KeptAnswer | None:
        """The answer under a key; None when there is none."""

    def put(self, key: str, value: object, *, keep_s: float) -> object:
        """Keep an answer for at most so many seconds."""


class Circuit(Protocol):
    """A circuit that can be opened from outside: a `Policy` with a breaker."""

    def trip(self, because: str, seconds: float, *, key: str | None = None) -> None:
        """Open it for so many seconds; with a key, that part of it alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What steps are performed with; made once by the engine."""

    judge: Callable[[BaseException], Verdict]
    failed_answer: Callable[[RecoveryCall, object], Exception | None]
    queue: LaterSink
    alarm: Alarm
    strikes: Strikes
    purses: Purses
    cache: AnswerCache | None = None
    keep_answers_s: float = 300.0
    alternatives: Mapping[str, Callable[..., object] | str] = field(default_factory=dict)
    reduced: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    circuits: Mapping[str, Circuit] = field(default_factory=dict)
    refreshers: Mapping[str, CredentialRefresher] = field(default_factory=dict)
    on_alert: Callable[[Alert], object] | None = None
    tell: Callable[..., None] = field(kw_only=True)


class _Missing(Exception):
    """Something that a measure names is not there; its text says what."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One recovery under way: begins its steps and makes reports of how they went."""

    kit: Kit
    call: RecoveryCall
    generation: int | None

    def begin(self, step: Step, *, is_async: bool) -> object:
        """Begin a step: returns its answer, or something to await. Raises what the step raises."""
        match step:
            case Spend():
                return self.kit.purses.pay(self.call.depends_on, now=WORLD.monotonic())
            case CallAgain():
                self.generation = self.generation_now()
                return self.call.make()
            case Renew():
                return self._renew(step, is_async=is_async)
            case LookUp():
                return self._look_up(is_async=is_async)
            case Ask():
                return self._ask(step)
            case Trip():
                return self._trip(step)
            case Keep():
                return self._keep(step)
            case Warn():
                return self._warn(step)
            case Pause():
                return WORLD.asleep(step.seconds) if is_async else WORLD.sleep(step.seconds)

    def worked(self, step: Step, answer: object) -> Report:
        """The report of a step that raised nothing."""
        now, draw = WORLD.monotonic(), WORLD.draw()
        match step:
            case CallAgain() | Ask() if (failed := self.kit.failed_answer(self.call, answer)) is not None:
                return self.broke(step, failed)
            case Trip() | Spend():
                return Report(now=now, draw=draw, done=bool(answer), why="" if answer else "not yet")
            case _:
                return Report(now=now, draw=draw, answer=answer)

    def broke(self, step: Step, error: Exception) -> Report:
        """The report of a step that raised."""
        now, draw = WORLD.monotonic(), WORLD.draw()
        if isinstance(step, CallAgain):
            verdict = self.kit.judge(error)
            return Report(now=now, draw=draw, done=False, verdict=verdict, attempts=attempts_of(error))
        if isinstance(error, _Missing | RefreshFailed):
            return Report(now=now, draw=draw, done=False, why=str(error))
        if isinstance(step, Ask):
            verdict = self.kit.judge(error)
            return Report(now=now, draw=draw, done=False, verdict=verdict, why=verdict.message)
        self.kit.tell("recovery.impaired", step=type(step).__name__, error=type(error).__name__)
        return Report(now=now, draw=draw, done=False, why=type(error).__name__)

    def generation_now(self) -> int | None:
        """The generation of the credential that a call made now will use."""
        refresher = self.kit.refreshers.get(self.call.credential or "")
        return None if refresher is None else refresher.generation

    def _renew(self, step: Renew, *, is_async: bool) -> object:
        refresher = self.kit.refreshers.get(step.credential or "")
        if refresher is None:
            which = (
                "the call names no credential" if step.credential is None else f"{step.credential!r} has no refresher"
            )
            raise _Missing(which)
        since = refresher.generation if self.generation is None else self.generation
        if is_async:
            return refresher.renew_async(since=since, timeout_s=step.timeout_s)
        return refresher.renew(since=since, timeout_s=step.timeout_s)

    def _look_up(self, *, is_async: bool) -> object:
        cache, key = self.kit.cache, self.call.key()
        if cache is None or key is None:
            raise _Missing("the engine has no cache" if cache is None else "the call declares no key_inputs")

        def look() -> object:
            kept = cache.get(key)
            if kept is None:
                raise _Missing("no good answer of this call is kept")
            return kept.value

        if is_async and not cache.is_local:
            import asyncio  # noqa: PLC0415 - only who has a loop pays for it

            return asyncio.to_thread(look)
        return look()

    def _ask(self, step: Ask) -> object:
        kind = "reduced version" if step.reduced else "alternative"
        found = (self.kit.reduced if step.reduced else self.kit.alternatives).get(step.name)
        if found is None:
            raise _Missing(f"no {kind} is called {step.name!r}")
        if not isinstance(found, str):
            return found(*self.call.args, **self.call.kwargs)
        if self.call.elsewhere is None:
            raise _Missing(f"{step.name!r} is an address, and the call is no request that could go there")
        return self.call.elsewhere(found)

    def _trip(self, step: Trip) -> bool:
        name = step.circuit or self.call.depends_on
        counted, now = (name, self.call.circuit_key), WORLD.monotonic()
        strikes = self.kit.strikes.strike(counted, now=now, window_s=step.window_s, most=step.threshold)
        if strikes < step.threshold:
            return False
        circuit = self.kit.circuits.get(name)
        if circuit is None:
            raise _Missing(f"no circuit is called {name!r}")
        because = f"{strikes} calls within {step.window_s:g} s came to recovery"
        circuit.trip(because, step.open_s, key=self.call.circuit_key)
        self.kit.strikes.forget(counted)
        return True

    def _keep(self, step: Keep) -> object:
        later = Later(
            call=self.call,
            verdict=step.verdict,
            outcome=step.outcome,
            queue=step.queue,
            due_at_s=WORLD.monotonic() + step.after_s,
            attempts=step.attempts,
        )
        return self.kit.queue.keep(later)

    def _warn(self, step: Warn) -> object:
        kit, call = self.kit, self.call
        repeated = kit.alarm.admit((call.depends_on, step.remedy, step.message), now=WORLD.monotonic())
        if repeated is None:
            return None
        summary = redact_text(step.verdict.message)
        alert = Alert(
            message=step.message,
            severity=step.severity,
            remedy=step.remedy,
            dependency=call.depends_on,
            operation=call.name,
            error=summary,
            repeated=repeated,
        )
        kit.tell(
            "alert.raised",
            message=step.message,
            severity=step.severity.value,
            remedy=step.remedy,
            operation=call.name,
            error=summary,
            repeated=repeated,
        )
        return None if kit.on_alert is None else kit.on_alert(alert)


def drive(course: Course, session: Session) -> Ending:
    """Perform a course in this thread."""
    try:
        step = next(course)
        while True:
            step = course.send(_perform(step, session))
    except StopIteration as stop:
        ending: Ending = stop.value
        return ending
    finally:
        course.close()


async def drive_async(course: Course, session: Session) -> Ending:
    """Perform a course in this task."""
    try:
        step = next(course)
        while True:
            step = course.send(await _perform_async(step, session))
    except StopIteration as stop:
        ending: Ending = stop.value
        return ending
    finally:
        course.close()


def alerted(kit: Kit, alert: Alert, *, is_async: bool) -> Awaitable[object] | None:
    """Tell an alert to whoever wants to hear of it, whatever that brings; returns what is to be awaited on an event loop."""
    if kit.on_alert is None:
        return None
    try:
        told = kit.on_alert(alert)
    except Exception as error:  # noqa: BLE001 - whoever hears of alerts must not break what they are about
        kit.tell("recovery.impaired", step="on_alert", error=type(error).__name__)
        return None
    if not inspect.isawaitable(told):
        return None
    if is_async:
        return _unbroken(told, kit)
    if inspect.iscoroutine(told):
        told.close()
    kit.tell("recovery.impaired", step="on_alert", error="it is async; use redo_async")
    return None


async def _unbroken(told: Awaitable[object], kit: Kit) -> None:
    try:
        await told
    except Exception as error:  # noqa: BLE001 - as above
        kit.tell("recovery.impaired", step="on_alert", error=type(error).__name__)


def attempts_of(error: BaseException) -> int:
    """How many calls at the far end an error stands for: a policy inside may have made several."""
    if isinstance(error, Exhausted):
        return max(1, int(getattr(error, "calls_made", 0) or len(error.attempts)))
    return 1


def _perform(step: Step, session: Session) -> Report:
    token = _pass_down(step)
    try:
        answer = session.begin(step, is_async=False)
    except Exception as error:  # noqa: BLE001 - whatever a step raises is how it went, and the course goes on from there
        return session.broke(step, error)
    finally:
        if token is not None:
            take_deadline_back(token)
    if not inspect.isawaitable(answer):
        return session.worked(step, answer)
    if inspect.iscoroutine(answer):
        answer.close()
    if isinstance(step, CallAgain):
        raise _mistake(session.call)
    return session.broke(step, _Missing("it is async; recover the call with run_async or recover_async"))


async def _perform_async(step: Step, session: Session) -> Report:
    import asyncio  # noqa: PLC0415 - only who has a loop pays for it

    limit_s = _limit_s(step)
    token = _pass_down(step)
    scope = asyncio.timeout(limit_s)
    try:
        async with scope:
            answer = session.begin(step, is_async=True)
            if inspect.isawaitable(answer):
                answer = await answer
    except TimeoutError as error:
        if scope.expired() and limit_s is not None:
            return session.broke(step, TimedOut(session.call.name, kind="attempt", limit_s=limit_s))
        return session.broke(step, error)
    except Exception as error:  # noqa: BLE001 - as in the other driver
        return session.broke(step, error)
    finally:
        if token is not None:
            take_deadline_back(token)
    return session.worked(step, answer)


KEEP_S = 1.0
"""How long keeping a call or telling an alert may take on an event loop: they are done even when the time of the remedy is over."""


def _limit_s(step: Step) -> float | None:
    match step:
        case CallAgain() | LookUp() | Ask():
            return step.timeout_s
        case Keep() | Warn():
            return KEEP_S
        case _:
            return None  # a pause is as long as it is, and a refresh keeps its time itself


def _pass_down(step: Step) -> Token[float | None] | None:
    """Tell clients how much time they have: `holdfast.remaining_s()`."""
    if not isinstance(step, CallAgain | Ask):
        return None
    until = WORLD.monotonic() + step.timeout_s
    outer = DEADLINE.get()
    return put_deadline(until if outer is None else min(until, outer))


def _mistake(call: RecoveryCall) -> BadInput:
    message = "returned something to be awaited; recover it with run_async or recover_async"
    return BadInput([Problem(source="recovery engine", path=call.name, message=message)])
