"""The recovery engine: makes a call, and when it fails, does about it what the remedies say. For functions, `async def` and HTTP requests alike.

Which remedies apply is decided by `holdfast.policies.remedies`, what follows what by `holdfast.policies.recovery_course`, and the steps are performed
by `holdfast.guards.recovering`. This is the door to them, with what they need: a cache, alternatives, circuits, a queue, refreshers of credentials.

Recovery has depth 1: whatever is called during a recovery, the engine's own calls included, is not recovered when it fails.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import ParamSpec, TypeVar, cast, overload

from holdfast.errors import AnswerFailed, BadInput, Problem
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.alarm import Alarm, Alert
from holdfast.guards.ambient import DEADLINE
from holdfast.guards.credential_refreshing import CredentialRefresher
from holdfast.guards.engine_checks import budget_problem, is_async_function, parts_problems, refused, remedies_problem
from holdfast.guards.judging import Judge, ResultJudge
from holdfast.guards.knowing import known_api
from holdfast.guards.later_queue import Later, LaterQueue, LaterSink
from holdfast.guards.listening import Listener, Listening
from holdfast.guards.recovering import AnswerCache, Circuit, Kit, Session, alerted, attempts_of, drive, drive_async
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.recovery_purses import Purses
from holdfast.guards.recovery_result import DIRECT, RecoveryResult
from holdfast.guards.strikes import Strikes
from holdfast.guards.world import WORLD
from holdfast.policies.budget import Budget
from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.recovery_course import NONE, SYSTEM_ERROR, Course, Ending, course
from holdfast.policies.remedies import SPEC_001, KeepForLater, Remedy, Severity, applies

__all__ = ["RecoveryEngine"]

P = ParamSpec("P")
T = TypeVar("T")

_INSIDE: ContextVar[bool] = ContextVar("holdfast_recovering", default=False)


class RecoveryEngine:
    """Recovers failed calls by remedies. Safe to use from several threads and event loops at once.

    Args:
        remedies: what to do, in any order; their names differ. Default: the five strategies of document 001.
        name: what it is called in events and logs.
        cache: where good answers of calls with `key_inputs` are kept, for `keep_answers_s` (0 to 7 days), and looked up by `UseCache`.
        alternatives: by name, functions that are called with the call's arguments, or addresses that requests go to instead.
        reduced: by name, lesser versions of calls, for `Degrade`.
        circuits: by name of the dependency, what `TripCircuit` opens.
        queue: where calls are kept; default a `LaterQueue` in memory.
        keep_exhausted: whether a call is kept when every remedy has failed.
        on_alert: called with each `Alert`; the same one at most every `alert_every_s` (0 to a day).
        refreshers: by credential, functions that renew it; more by `refresher`.
        redo_max: how often a call that is kept is made again before it is given up, with an alert (1 to 1000); the wait between is `redo_after_s`.
        budget: how many repeats a dependency may be sent beside its calls; those after a refresh are none. None: as many as the remedies say.
        classify: what your exceptions mean: class → `Judgement`, `ErrorCategory`, or `"failure"`, `"success"`, `"neutral"`, as of a policy.
        result: looks at each answer and says whether it is a failure, as of a policy; one that is counts as a failed call (`AnswerFailed`).
        api: what is known of the API: the name of one that comes with Holdfast (`stripe`), or the rules of a catalog of yours.
        judge: what exceptions mean, in place of `classify` and `api`.

    Raises:
        BadSettings: settings are out of range, or two remedies have one name; everything is listed.
    """

    def __init__(
        self,
        remedies: Sequence[Remedy] = SPEC_001,
        *,
        name: str = "recovery",
        cache: AnswerCache | None = None,
        keep_answers_s: float = 300.0,
        alternatives: Mapping[str, Callable[..., object] | str] | None = None,
        reduced: Mapping[str, Callable[..., object]] | None = None,
        circuits: Mapping[str, Circuit] | None = None,
        queue: LaterSink | None = None,
        keep_exhausted: bool = True,
        on_alert: Callable[[Alert], object] | None = None,
        alert_every_s: float = 60.0,
        refreshers: Mapping[str, Callable[[], object]] | None = None,
        redo_max: int = 5,
        redo_after_s: float = 300.0,
        budget: Budget | None = Budget(),  # noqa: B008 - a value that cannot be changed
        classify: Mapping[type[Exception], object] | None = None,
        result: ResultJudge | None = None,
        api: ApiRules | str | None = None,
        judge: Callable[[BaseException], Verdict] | None = None,
    ) -> None:
        refuse(
            "recovery engine",
            [
                ("remedies", remedies_problem(remedies)),
                ("keep_answers_s", number_problem(keep_answers_s, 0, 604_800)),
                ("redo_max", number_problem(redo_max, 1, 1000, whole=True)),
                ("redo_after_s", number_problem(redo_after_s, 0, 604_800)),
                ("budget", budget_problem(budget)),
                ("alert_every_s", number_problem(alert_every_s, 0, 86_400)),
                *parts_problems(alternatives, reduced, circuits),
            ],
        )
        self.name = name
        self.queue: LaterSink = LaterQueue() if queue is None else queue
        self.redo_max = redo_max
        self.redo_after_s = redo_after_s
        # A stable sort: among equals, the order of the list decides.
        self._remedies = tuple(sorted(remedies, key=lambda remedy: remedy.priority))
        self._last_resort = KeepForLater(after_s=redo_after_s) if keep_exhausted else None
        self._listening = Listening(name)
        self._judge = Judge(name, declared=classify, result=result, api=known_api(api, source="recovery engine"))
        self._judge_exception = self._judge.exception if judge is None else judge
        self._refreshers: dict[str, CredentialRefresher] = {}
        self._strikes = Strikes()
        self._purses = Purses(budget)
        self._kit = Kit(
            judge=self._verdict,
            failed_answer=self._failed_answer,
            queue=self.queue,
            alarm=Alarm(every_s=alert_every_s),
            strikes=self._strikes,
            purses=self._purses,
            cache=cache,
            keep_answers_s=keep_answers_s,
            alternatives=dict(alternatives or {}),
            reduced=dict(reduced or {}),
            circuits=dict(circuits or {}),
            refreshers=self._refreshers,
            on_alert=on_alert,
            tell=self._tell,
        )
        for credential, function in (refreshers or {}).items():
            self.refresher(credential, function)

    # --- setting up ---

    def refresher(
        self, credential: str, function: Callable[[], object], *, timeout_s: float = 30.0, rest_s: float = 5.0
    ) -> CredentialRefresher:
        """Say how a credential is renewed; replaces an earlier word on it. See `CredentialRefresher`.

        Raises:
            BadSettings: a number is out of range, or there is no function.
        """
        found = CredentialRefresher(credential, function, timeout_s=timeout_s, rest_s=rest_s)
        self._refreshers[credential] = found
        return found

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called for each such event, or for all with `*`; returns what takes it back.

        Raises:
            ValueError: no event has that name.
        """
        return self._listening.add(event, listener)

    def guard(self, function: Callable[P, T], **about: object) -> Callable[P, T]:
        """The function with recovery around it: it returns its answer, or another one by a remedy, or raises what went wrong at first.

        `about` are fields of `RecoveryCall`, such as `dependency`, `repeatable` or `credential`. Works for functions and for `async def`.
        """
        if is_async_function(function):

            @functools.wraps(function)
            async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> object:
                call = RecoveryCall(function, args, kwargs, **about)  # type: ignore[arg-type]  # its fields, checked when it is made
                return (await self.run_async(call)).unwrap()

            return cast("Callable[P, T]", guarded_async)

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            call = RecoveryCall(function, args, kwargs, **about)  # type: ignore[arg-type]  # its fields, checked when it is made
            return cast("T", self.run(call).unwrap())

        return guarded

    # --- calling ---

    @overload
    def run(self, call: RecoveryCall, /) -> RecoveryResult[object]: ...
    @overload
    def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> RecoveryResult[T]: ...
    def run(  # type: ignore[misc]  # the answer is whatever the function returns
        self, call: object, /, *args: object, **kwargs: object
    ) -> RecoveryResult[object]:
        """Make a call, and recover it if it fails.

        Raises:
            BadInput: it is async, or cannot be called.
        """
        found = _call_of(call, args, kwargs)
        if is_async_function(found.function):
            raise refused(found, "is async; use run_async")
        generation = self._generation(found)
        self._purses.count(found.depends_on)
        try:
            answer = found.make()
        except Exception as error:  # noqa: BLE001 - this is what the engine is for
            return self._recover(error, self._session(found, generation))
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise refused(found, "returned something to be awaited; use run_async")
        failed = self._failed_answer(found, answer)
        if failed is not None:
            return self._recover(failed, self._session(found, generation))
        self._succeeded(found, answer)
        return RecoveryResult(success=True, strategy=DIRECT, attempts=found.attempt, answer=answer)

    @overload
    async def run_async(self, call: RecoveryCall, /) -> RecoveryResult[object]: ...
    @overload
    async def run_async(
        self, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> RecoveryResult[T]: ...
    async def run_async(  # type: ignore[misc]  # as above
        self, call: object, /, *args: object, **kwargs: object
    ) -> RecoveryResult[object]:
        """The same on an event loop, for async functions and whatever returns something to be awaited.

        Raises:
            BadInput: it cannot be called.
        """
        found = _call_of(call, args, kwargs)
        generation = self._generation(found)
        self._purses.count(found.depends_on)
        try:
            answer = found.make()
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception as error:  # noqa: BLE001 - as in run
            return await self._recover_async(error, self._session(found, generation))
        failed = self._failed_answer(found, answer)
        if failed is not None:
            return await self._recover_async(failed, self._session(found, generation))
        await self._succeeded_async(found, answer)
        return RecoveryResult(success=True, strategy=DIRECT, attempts=found.attempt, answer=answer)

    def recover(self, error: Exception, call: RecoveryCall, *, generation: int | None = None) -> RecoveryResult[object]:
        """Recover a call that has failed with `error`.

        `generation` is that of the credential with which it was made (`CredentialRefresher.generation`); without it, the present one is assumed.

        Raises:
            BadInput: the call is async.
        """
        if is_async_function(call.function):
            raise refused(call, "is async; use recover_async")
        return self._recover(error, self._session(call, generation))

    async def recover_async(
        self, error: Exception, call: RecoveryCall, *, generation: int | None = None
    ) -> RecoveryResult[object]:
        """The same on an event loop."""
        return await self._recover_async(error, self._session(call, generation))

    # --- calls that were kept ---

    def redo(self, *, limit: int = 100) -> tuple[RecoveryResult[object], ...]:
        """Make calls again that are due, at most `limit` of them, each once and without recovery.

        One that fails is kept again for `redo_after_s` (longer when the other side says so), and given up with an alert after `redo_max` times.
        What a machine may not repeat stays for a person: see `LaterQueue.peek`.

        Raises:
            BadInput: the queue is not a `LaterQueue`, or a call in it is async.
        """
        results = []
        for later in self._due(limit):
            if is_async_function(later.call.function):
                self._put_back(later)
                raise refused(later.call, "is async; use redo_async")
            try:
                with _recovering():
                    answer = later.call.make()
                    self._refuse_failed(later.call, answer)
            except Exception as error:  # noqa: BLE001 - as in run
                results.append(self._redone(later, error))
                self._give_up(later, results[-1])
            except BaseException:
                self._put_back(later)
                raise
            else:
                self._succeeded(later.call, answer)
                results.append(self._redone(later, None, answer))
        return tuple(results)

    async def redo_async(self, *, limit: int = 100) -> tuple[RecoveryResult[object], ...]:
        """The same on an event loop, for calls of both kinds."""
        results = []
        for later in self._due(limit):
            try:
                with _recovering():
                    answer = later.call.make()
                    if inspect.isawaitable(answer):
                        answer = await answer
                    self._refuse_failed(later.call, answer)
            except Exception as error:  # noqa: BLE001 - as in run
                results.append(self._redone(later, error))
                told = self._give_up(later, results[-1], is_async=True)
                if told is not None:
                    await told
            except BaseException:
                self._put_back(later)
                raise
            else:
                await self._succeeded_async(later.call, answer)
                results.append(self._redone(later, None, answer))
        return tuple(results)

    # --- inside ---

    def _generation(self, call: RecoveryCall) -> int | None:
        """The generation of the credential that the call is about to use."""
        refresher = None if call.credential is None else self._refreshers.get(call.credential)
        return None if refresher is None else refresher.generation

    def _session(self, call: RecoveryCall, generation: int | None) -> Session:
        return Session(kit=self._kit, call=call, generation=generation)

    def _recover(self, error: Exception, session: Session) -> RecoveryResult[object]:
        began = WORLD.monotonic()
        try:
            decided = self._begin(error, session, now=began)
            if isinstance(decided, RecoveryResult):
                return decided
            with _recovering():
                ending = drive(decided, session)
        except Exception as defect:  # noqa: BLE001 - a mistake of the engine must not hide what went wrong with the call
            return self._broken(error, session, defect)
        if ending.success and not (ending.fallback_used or ending.degraded):
            self._succeeded(session.call, ending.answer)
        return self._result(ending, error, session, took_s=WORLD.monotonic() - began)

    async def _recover_async(self, error: Exception, session: Session) -> RecoveryResult[object]:
        began = WORLD.monotonic()
        try:
            decided = self._begin(error, session, now=began)
            if isinstance(decided, RecoveryResult):
                return decided
            with _recovering():
                ending = await drive_async(decided, session)
        except Exception as defect:  # noqa: BLE001 - as in the other driver
            return self._broken(error, session, defect)
        if ending.success and not (ending.fallback_used or ending.degraded):
            await self._succeeded_async(session.call, ending.answer)
        return self._result(ending, error, session, took_s=WORLD.monotonic() - began)

    def _begin(self, error: Exception, session: Session, *, now: float) -> Course | RecoveryResult[object]:
        """The course of a recovery; a result when there is nothing to do."""
        call = session.call
        verdict = self._verdict(error)
        facts = call.facts(error, attempt=call.attempt - 1 + attempts_of(error))
        if session.generation is None:
            session.generation = self._generation(call)
        if _INSIDE.get():
            return self._nothing(NONE, error, verdict, call=call, attempts=facts.attempt)
        chosen, defects = [], 0
        for remedy in self._remedies:
            try:
                if applies(remedy, verdict, facts=facts):
                    chosen.append(remedy)
            except Exception as defect:  # noqa: BLE001 - a predicate of the user's; the other remedies may still help
                defects += 1
                self._tell("recovery.impaired", step=f"conditions of {remedy.name}", error=type(defect).__name__)
        if not chosen:
            strategy = SYSTEM_ERROR if defects else NONE
            return self._nothing(strategy, error, verdict, call=call, attempts=facts.attempt)
        deadline = DEADLINE.get()
        return course(
            chosen,
            verdict,
            facts=facts,
            now=now,
            draw=WORLD.draw(),
            until=math.inf if deadline is None else deadline,
            last_resort=self._last_resort,
        )

    def _nothing(
        self, strategy: str, error: BaseException, verdict: Verdict | None, *, call: RecoveryCall, attempts: int
    ) -> RecoveryResult[object]:
        outcome = None if verdict is None else verdict.outcome
        result: RecoveryResult[object] = RecoveryResult(
            success=False, strategy=strategy, attempts=attempts, error=error, verdict=verdict, outcome=outcome
        )
        self._tell(
            "recovery.failed", strategy=strategy, attempts=attempts, took_s=0.0, queued=False, operation=call.name
        )
        return result

    def _broken(self, error: Exception, session: Session, defect: Exception) -> RecoveryResult[object]:
        self._tell("recovery.impaired", step="engine", error=type(defect).__name__)
        return self._nothing(SYSTEM_ERROR, error, None, call=session.call, attempts=session.call.attempt)

    def _result(self, ending: Ending, error: Exception, session: Session, *, took_s: float) -> RecoveryResult[object]:
        name = "recovery.succeeded" if ending.success else "recovery.failed"
        self._tell(
            name,
            strategy=ending.strategy,
            attempts=ending.attempts,
            took_s=round(took_s, 3),
            queued=ending.queued_for_later,
            operation=session.call.name,
        )
        return RecoveryResult(
            success=ending.success,
            strategy=ending.strategy,
            attempts=ending.attempts,
            answer=ending.answer,
            error=error,
            verdict=ending.verdict,
            outcome=ending.outcome,
            recovery_time_s=took_s,
            fallback_used=ending.fallback_used,
            degraded=ending.degraded,
            circuit_tripped=ending.circuit_tripped,
            queued_for_later=ending.queued_for_later,
            queue_is_durable=ending.queued_for_later and self.queue.durable,
            tried=ending.tried,
        )

    def _failed_answer(self, call: RecoveryCall, answer: object) -> AnswerFailed | None:
        """An answer that the user's word makes a failure."""
        if not self._judge.judges_results:
            return None
        try:
            verdict = self._judge.result(answer)
        except Exception as defect:  # noqa: BLE001 - a function of the user's; an answer that cannot be judged is one
            self._tell("recovery.impaired", step="result", error=type(defect).__name__)
            return None
        return None if verdict is None else AnswerFailed(call.name, answer=answer, verdict=verdict)

    def _verdict(self, error: BaseException) -> Verdict:
        if isinstance(error, AnswerFailed) and isinstance(error.verdict, Verdict):
            return error.verdict
        return self._judge_exception(error)

    def _succeeded(self, call: RecoveryCall, answer: object) -> None:
        """Keep a good answer, and begin counting anew. Trouble with the cache is no trouble of the call."""
        self._strikes.forget((call.depends_on, call.circuit_key))
        if self._kit.cache is None or call.key_inputs is None:
            return
        try:
            self._put(call, answer)
        except Exception as defect:  # noqa: BLE001 - a cache of any library; the call itself was well
            self._tell("recovery.impaired", step="cache", error=type(defect).__name__)

    async def _succeeded_async(self, call: RecoveryCall, answer: object) -> None:
        cache = self._kit.cache
        if cache is None or cache.is_local or call.key_inputs is None:
            self._succeeded(call, answer)
            return
        import asyncio  # noqa: PLC0415 - only who has a loop pays for it

        await asyncio.to_thread(self._succeeded, call, answer)

    def _put(self, call: RecoveryCall, answer: object) -> None:
        cache, key = self._kit.cache, call.key()
        assert cache is not None, "looked at before"
        assert key is not None, "looked at before"
        cache.put(key, answer, keep_s=self._kit.keep_answers_s)

    def _tell(self, name: str, **facts: object) -> None:
        if name == "recovery.impaired":
            key = ("", str(facts.get("step")), str(facts.get("error")))
            if self._kit.alarm.admit(key, now=WORLD.monotonic()) is None:
                return
        self._listening.tell(name, None, **facts)

    # --- what was kept ---

    def _due(self, limit: int) -> Iterator[Later]:
        queue = self.queue
        if not isinstance(queue, LaterQueue):
            message = "is made again by whoever keeps it; only a LaterQueue hands calls back"
            raise BadInput([Problem(source="recovery engine", path="queue", message=message)])
        for _ in range(limit):
            later = queue.take_due()
            if later is None:
                return
            yield later

    def _refuse_failed(self, call: RecoveryCall, answer: object) -> None:
        failed = self._failed_answer(call, answer)
        if failed is not None:
            raise failed

    def _put_back(self, later: Later) -> None:
        """Keep a call that was interrupted: whether it had its effect is not known any more."""
        queue = cast("LaterQueue", self.queue)
        outcome = later.outcome if later.outcome is Outcome.EXECUTED else Outcome.UNKNOWN
        queue.put_back(replace(later, outcome=outcome))

    def _redone(self, later: Later, error: Exception | None, answer: object = None) -> RecoveryResult[object]:
        """What came of making a call again that was kept."""
        attempts = later.attempts + (1 if error is None else attempts_of(error))
        if error is None:
            return RecoveryResult(success=True, strategy=later.queue, attempts=attempts, answer=answer)
        verdict = self._verdict(error)
        worst = Outcome.EXECUTED if verdict.outcome is Outcome.EXECUTED else later.outcome
        outcome = verdict.outcome if worst is Outcome.NOT_EXECUTED else worst
        tries = later.tries + 1
        kept = tries < self.redo_max
        if kept:
            wait_s = max(self.redo_after_s, verdict.retry_after_s or 0.0)
            again = replace(
                later,
                verdict=verdict,
                outcome=outcome,
                attempts=attempts,
                tries=tries,
                due_at_s=WORLD.monotonic() + wait_s,
            )
            cast("LaterQueue", self.queue).put_back(again)
        return RecoveryResult(
            success=False,
            strategy=later.queue,
            attempts=attempts,
            error=error,
            verdict=verdict,
            outcome=outcome,
            queued_for_later=kept,
        )

    def _give_up(
        self, later: Later, result: RecoveryResult[object], *, is_async: bool = False
    ) -> Awaitable[object] | None:
        """Tell that a call which was kept is kept no more; what comes back is to be awaited."""
        if result.queued_for_later or result.verdict is None or result.outcome is None:
            return None
        self._tell("call.given_up", operation=later.call.name, tries=self.redo_max, outcome=result.outcome.value)
        alert = Alert(
            message="A call that was kept for later is given up",
            severity=Severity.ERROR,
            remedy=later.queue,
            dependency=later.call.depends_on,
            operation=later.call.name,
            error=result.verdict.message,
        )
        return alerted(self._kit, alert, is_async=is_async)


@contextlib.contextmanager
def _recovering() -> Iterator[None]:
    """Whatever is called inside is not recovered."""
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)


def _call_of(call: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> RecoveryCall:
    if isinstance(call, RecoveryCall):
        if args or kwargs:
            raise refused(call, "has its arguments already; give them to the RecoveryCall")
        if call.function is None:
            raise refused(call, "has no function; it can be recovered from, not made")
        return call
    return RecoveryCall(cast("Callable[..., object]", call), args, kwargs)
