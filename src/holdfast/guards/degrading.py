"""Degrading: gives a lesser answer when a guarded call has failed, and keeps the good ones for that.

Outermost around a call. What is done is told once, by a generator that asks for a call to be made or a kept value to be looked up; a small driver
for threads and one for event loops carry it out. Which strategies are tried is decided by `holdfast.policies.degradation`.

A failure that no rule is meant for is raised as it is, and so are mistakes in using Holdfast itself: a lesser answer would hide them.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Protocol, assert_never

from holdfast.errors import (
    AlternativeFailed,
    CacheMissed,
    DefaultMissing,
    DegradationFailed,
    Exhausted,
    FunctionalityReduced,
    HoldfastError,
    NoStrategy,
    PolicyError,
    QueueFull,
    Rejected,
)
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.answers import Answer, Degraded, LastAnswer, note_answer
from holdfast.guards.features import Features, features as process_features
from holdfast.guards.level_meter import LevelMeter
from holdfast.guards.shelf import Call, Found, Missing, Shelf
from holdfast.guards.snapshots import DEPTH_MAX, SIZE_UNBOUND_BYTES, TooLarge, snapshot
from holdfast.guards.waiting_calls import WaitingCalls
from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.degradation import Choice, Degradation, Failed, bar, choose, with_outcome
from holdfast.policies.lesser_answers import (
    Alternative,
    Cached,
    Default,
    QueueForLater,
    Reduced,
    Strategy,
    word_of,
)
from holdfast.policies.levels import LEVEL_MAX
from holdfast.ports.later import KeptCall, Later

__all__ = ["Call", "DegradationRuntime", "Failure", "degrade_async", "degrade_sync", "remember", "remember_async"]

_REFUSALS = frozenset(kind.slug for kind in Rejected.__subclasses__())


class Tell(Protocol):
    """Where events go: `holdfast.guards.listening.Listening.tell`."""

    def __call__(self, name: str, key: str | None = None, **facts: object) -> None:
        """Tell an event with its facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a guarded call failed: the exception that its caller would get, and its verdict; None for a call that was turned away.

    `hides_attempts` says that it is the last of several attempts' own exception, which tells nothing of the others. `judge` gives the verdict on
    what another way of answering raises; without one, its outcome is unknown.
    """

    exception: Exception
    verdict: Verdict | None = None
    hides_attempts: bool = False
    judge: Callable[[BaseException], Verdict] | None = None

    @property
    def reason(self) -> str:
        """In one word: the slug of a refusal, else the category."""
        if isinstance(self.exception, Rejected):
            return self.exception.slug
        return "unknown" if self.verdict is None else str(self.verdict.category)


class DegradationRuntime:
    """What one policy needs to give lesser answers: kept values, queues, and its level.

    `shelves` are where good values are kept, empty without a `Cached` rule; `full` is what is remembered of each full answer. It outlives changes
    of settings. Safe over threads and loops.
    """

    def __init__(self, policy: str, settings: Degradation, *, tell: Tell, features: Features | None = None) -> None:
        """Prepares for the settings; nothing is opened or started."""
        self.policy = policy
        self.features = process_features if features is None else features
        self._tell = tell
        self.full = LastAnswer(policy=policy)
        self._queues: dict[str, WaitingCalls] = {}
        self._shelves: dict[Cached, Shelf] = {}
        self.shelves: tuple[Shelf, ...] = ()
        self.meter = LevelMeter(policy, settings.levels, on_change=self._changed)
        self.features.attach(self.meter)
        self.update(settings)

    def update(self, settings: Degradation) -> None:
        """Go on by other settings. What is kept and queued stays, as far as the new settings speak of it; queued calls always do."""
        strategies = [rule.strategy for rule in settings.ordered]
        cached = [strategy for strategy in strategies if isinstance(strategy, Cached)]
        shelves = {strategy: self._shelves.get(strategy) or self._shelf(strategy) for strategy in cached}
        for strategy in strategies:
            if isinstance(strategy, QueueForLater) and strategy.sink is None:
                self.queue(strategy.queue, size_max=strategy.size_max).size_max = strategy.size_max
        self._shelves, self.shelves = shelves, tuple(shelves.values())
        self.meter.update(settings.levels)

    @property
    def level(self) -> int:
        """The policy's level of degradation, 0 to 3."""
        return self.features.level(self.policy)

    def set_level(self, number: int | None) -> None:
        """Set the level by hand (0 to 3), or let it go by the calls again (None).

        Raises:
            BadSettings: it is no level.
        """
        refuse("degradation", [("level", number_problem(number, 0, LEVEL_MAX, whole=True, optional=True))])
        self.meter.force(number)

    def shelf(self, strategy: Cached) -> Shelf:
        """The shelf of a `Cached` rule; settings that were replaced a moment ago get a new one, which is empty."""
        return self._shelves.get(strategy) or self._shelf(strategy)

    def queue(self, name: str, *, size_max: int = 1000) -> WaitingCalls:
        """The queue in memory of that name; made when it is first asked for."""
        return self._queues.setdefault(name, WaitingCalls(name, size_max=size_max))

    def check(self, function: Callable[..., object]) -> None:
        """Look at a function when it is decorated.

        Raises:
            BadSettings: its answers should be kept, but its calls have no stable key.
        """
        for shelf in self.shelves:
            shelf.check(function)

    def gave(
        self, failure: Failure, strategy: Strategy, value: object, *, found: Found | None = None
    ) -> Answer[object]:
        """Put together a lesser answer, and tell it."""
        degraded = Degraded(
            strategy=word_of(strategy),
            level=self.level,
            reason=failure.reason,
            age_s=None if found is None else found.age_s,
            stale=found is not None and found.is_stale,
        )
        note_answer(LastAnswer(policy=self.policy, degraded=degraded))
        self._tell(
            "answer.degraded",
            strategy=degraded.strategy,
            level=degraded.level,
            reason=degraded.reason,
            age_s=degraded.age_s,
        )
        return Answer(value=value, degraded=degraded)

    def _shelf(self, strategy: Cached) -> Shelf:
        return Shelf(
            self.policy,
            ttl_s=strategy.ttl_s,
            stale_while_revalidate_s=strategy.stale_while_revalidate_s,
            key=strategy.key,
            cache=strategy.cache,
        )

    def _changed(self, meter: LevelMeter, before: int, after: int) -> None:
        self._tell("degradation.changed", before=before, after=after, share=round(meter.share, 3))


# --- after a success ---


def remember(runtime: DegradationRuntime, call: Call | None, *, value: object) -> None:
    """Count a good answer, and keep it for worse times; without a call (None) it is only counted. Never raises."""
    runtime.meter.record(lesser=False)
    if call is not None:
        for shelf in runtime.shelves:
            shelf.keep(call, value)
    note_answer(runtime.full)


async def remember_async(runtime: DegradationRuntime, call: Call | None, *, value: object) -> None:
    """The same on an event loop, without holding it up."""
    runtime.meter.record(lesser=False)
    if call is not None:
        for shelf in runtime.shelves:
            await shelf.keep_async(call, value)
    note_answer(runtime.full)


# --- after a failure ---


def degrade_sync(runtime: DegradationRuntime, settings: Degradation, *, failure: Failure, call: Call) -> Answer[object]:
    """Give a lesser answer for a call that failed.

    Raises:
        DegradationFailed: rules are meant for the failure, but none gave an answer; the failure itself is the cause.
        Exception: the failure as it is, when no rule is meant for it.
    """
    steps = _steps(runtime, settings, failure, call)
    told: _Told | None = None
    error: Exception | None = None
    try:
        while True:
            # The first send begins, and is the only one that has nothing to tell.
            ask = steps.send(told) if error is None else steps.throw(error)  # type: ignore[arg-type]  # None begins
            told = error = None
            try:
                told = _Told(_plain(ask.call()))
            except Exception as raised:  # noqa: BLE001 - whatever it is, the generator knows what follows
                error = raised
    except StopIteration as end:
        answer: Answer[object] = end.value
        return answer
    finally:
        steps.close()  # a cancelled or interrupted call gives back what it holds, here and now
        del steps, failure, error  # a frame that holds the exception that holds it would stay until the collector comes


async def degrade_async(
    runtime: DegradationRuntime, settings: Degradation, *, failure: Failure, call: Call
) -> Answer[object]:
    """The same on an event loop: functions may be async, and caches that leave the process are asked in a thread."""
    steps = _steps(runtime, settings, failure, call)
    told: _Told | None = None
    error: Exception | None = None
    try:
        while True:
            ask = steps.send(told) if error is None else steps.throw(error)  # type: ignore[arg-type]  # None begins
            told = error = None
            try:
                result = ask.call() if ask.call_async is None else ask.call_async()
                told = _Told(await result if inspect.isawaitable(result) else result)
            except Exception as raised:  # noqa: BLE001 - whatever it is, the generator knows what follows
                error = raised
    except StopIteration as end:
        answer: Answer[object] = end.value
        return answer
    finally:
        steps.close()
        del steps, failure, error


@dataclass(frozen=True, slots=True)
class _Ask:
    """Make this call and tell what it returned; `call_async` is how an event loop does it, None if in the same way."""

    call: Callable[[], object]
    call_async: Callable[[], Awaitable[object]] | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    value: object


_Steps = Generator[_Ask, "_Told", Answer[object]]


def _plain(value: object) -> object:
    """A value that is one: a coroutine, which only an event loop could wait for, is closed and refused.

    Raises:
        TypeError: it has to be awaited.
    """
    if inspect.iscoroutine(value):
        value.close()
    if inspect.isawaitable(value):
        raise TypeError("an async function cannot stand in for a sync one")
    return value


def _steps(runtime: DegradationRuntime, settings: Degradation, failure: Failure, call: Call) -> _Steps:
    last: DegradationFailed | None = None
    failed = _failed(failure, call)
    try:
        if isinstance(failure.exception, HoldfastError) and not isinstance(failure.exception, PolicyError):
            raise failure.exception
        choice = choose(settings, failed)
        if not choice.is_meant and not settings.strict:
            raise failure.exception
        runtime.meter.record(lesser=True)
        for strategy in choice.tries:
            if bar(strategy, failed) is not None:
                continue  # what was tried before it may have done the work
            try:
                return (yield from _try(runtime, strategy, failure, call))
            except DegradationFailed as error:
                last = error
                failed = with_outcome(failed, _outcome_of(error, failure))
        raise _no_answer(runtime.policy, choice, last) from failure.exception
    finally:
        del failure, last


def _no_answer(policy: str, choice: Choice, last: DegradationFailed | None) -> DegradationFailed:
    if last is not None:
        return last
    if not choice.is_meant:
        return NoStrategy(policy, "", why="no rule is meant for this kind of failure")
    reasons = "; ".join(f"{word_of(strategy)}: {why}" for strategy, why in choice.barred)
    return NoStrategy(policy, "", why=f"every strategy that is meant for it could do the work twice ({reasons})")


def _failed(failure: Failure, call: Call) -> Failed:
    exc, verdict = failure.exception, failure.verdict
    causes = (exc,) if exc.__cause__ is None else (exc, exc.__cause__)
    refusal = exc.slug if isinstance(exc, Rejected) else None
    outcome = Outcome.NOT_EXECUTED if verdict is None else verdict.outcome
    if isinstance(exc, Exhausted):
        # The worst of all attempts, not what the last of them says.
        outcome = Outcome(exc.outcome)
        refusal = exc.reason if exc.reason in _REFUSALS else None
    elif failure.hides_attempts and call.repeatable and outcome is Outcome.NOT_EXECUTED:
        outcome = Outcome.UNKNOWN  # an attempt before it may have been repeated although nobody knows how it ended
    return Failed(
        category=None if verdict is None else verdict.category,
        labels=() if verdict is None else verdict.labels,
        outcome=outcome,
        exceptions=tuple(type(cause) for cause in causes),
        refusal=refusal,
        repeatable=call.repeatable,
    )


def _outcome_of(error: DegradationFailed, failure: Failure) -> Outcome:
    """What a strategy that failed may have done in the world."""
    cause = error.__cause__
    if cause is None or isinstance(error, CacheMissed | DefaultMissing | QueueFull):
        return Outcome.NOT_EXECUTED  # nothing was made, or nothing but a value
    if isinstance(error, AlternativeFailed | FunctionalityReduced) and failure.judge is not None:
        return failure.judge(cause).outcome
    return Outcome.UNKNOWN


# --- the five strategies ---


def _try(runtime: DegradationRuntime, strategy: Strategy, failure: Failure, call: Call) -> _Steps:
    match strategy:
        case Cached():
            return (yield from _cached(runtime, strategy, failure, call))
        case Alternative():
            value = yield from _alternative(runtime.policy, strategy, call)
        case Reduced():
            value = yield from _reduced(runtime, strategy, call)
        case Default():
            value = yield from _default(runtime.policy, strategy)
        case QueueForLater():
            value = _queued(runtime, strategy, failure, call)
        case _:
            assert_never(strategy)
    return runtime.gave(failure, strategy, value)


def _cached(runtime: DegradationRuntime, strategy: Cached, failure: Failure, call: Call) -> _Steps:
    shelf = runtime.shelf(strategy)
    told = yield _Ask(lambda: shelf.find(call), lambda: shelf.find_async(call))
    found = told.value
    if isinstance(found, Missing):
        raise CacheMissed(runtime.policy, "cached", why=found.why)
    assert isinstance(found, Found), "a shelf finds it or not"
    if found.is_stale and _may_be_made_again(failure, call):
        shelf.refresh(call, found.key)
    return runtime.gave(failure, strategy, found.value, found=found)


def _may_be_made_again(failure: Failure, call: Call) -> bool:
    """A refresh is the same call once more, so what goes for a retry goes for it."""
    outcome = _failed(failure, call).outcome
    return outcome is Outcome.NOT_EXECUTED or (outcome is Outcome.UNKNOWN and call.repeatable)


def _alternative(policy: str, strategy: Alternative, call: Call) -> Generator[_Ask, _Told, object]:
    base_url, at_endpoint, other = strategy.base_url, call.at_endpoint, strategy.call
    if base_url is None:
        assert other is not None, "one of the two was given"
        way: Callable[[], object] = lambda: other(*call.args, **call.kwargs)  # noqa: E731 - either this or the next
    elif at_endpoint is None:
        why = "another endpoint is for calls of an HTTP client; give a function: Alternative(call=…)"
        raise AlternativeFailed(policy, "alternative", why=why)
    else:
        way = lambda: at_endpoint(base_url)  # noqa: E731 - as above
    try:
        told = yield _Ask(way)
    except Exception as error:
        raise AlternativeFailed(policy, "alternative", why=f"the other way failed with {_kind(error)}") from error
    return told.value


def _reduced(runtime: DegradationRuntime, strategy: Reduced, call: Call) -> Generator[_Ask, _Told, object]:
    runtime.features.switch_off(*strategy.features, seconds=strategy.off_s)
    less = strategy.call
    if less is None:
        off = ", ".join(strategy.features) or "no features"
        why = f"{off} switched off, and no reduced version is there to answer"
        raise FunctionalityReduced(runtime.policy, "reduced", why=why)
    try:
        with runtime.features.off_here(*strategy.features):
            told = yield _Ask(lambda: less(*call.args, **call.kwargs))
    except Exception as error:
        why = f"the reduced version failed with {_kind(error)}"
        raise FunctionalityReduced(runtime.policy, "reduced", why=why) from error
    return told.value


def _default(policy: str, strategy: Default) -> Generator[_Ask, _Told, object]:
    factory = strategy.factory
    if factory is None:
        try:
            return snapshot(strategy.value, SIZE_UNBOUND_BYTES)[0]
        except TooLarge:
            why = f"the default value lies deeper than {DEPTH_MAX} levels and cannot be copied; use a factory"
            raise DefaultMissing(policy, "default", why=why) from None
    try:
        told = yield _Ask(factory)
    except Exception as error:
        raise DefaultMissing(policy, "default", why=f"the factory failed with {_kind(error)}") from error
    return told.value


def _queued(runtime: DegradationRuntime, strategy: QueueForLater, failure: Failure, call: Call) -> object:
    queue: Later = runtime.queue(strategy.queue, size_max=strategy.size_max) if strategy.sink is None else strategy.sink
    own = call.own()
    kept = KeptCall(
        policy=runtime.policy,
        operation=own.operation,
        function=own.function,
        args=own.args,
        kwargs=own.kwargs,
        reason=failure.reason,
        run=own.again,
        is_async=own.is_async,
    )
    try:
        return queue.keep(kept)
    except QueueFull:
        raise
    except Exception as error:
        raise DegradationFailed(runtime.policy, "queued", why=f"the queue failed with {_kind(error)}") from error


def _kind(error: Exception) -> str:
    """The kind of an exception, without its words, which may hold what must not be told."""
    return type(error).__name__
