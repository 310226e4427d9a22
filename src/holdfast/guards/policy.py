"""A policy: what a user puts around calls. One object, one state, for plain functions, coroutines, generators and blocks of code.

It holds no decision of its own: the composition says what stands around a call, the lanes remember, the course tells what follows, loops do it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import update_wrapper
from threading import Lock
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast, overload

from holdfast.errors import BadSettings, Problem
from holdfast.faults.rules import ApiRules
from holdfast.guards.admission import ADMISSION
from holdfast.guards.answers import Answer, full_async, mark, mark_of
from holdfast.guards.circuit import LONGER_WAY, CircuitHealth, Mode
from holdfast.guards.course import Course, First, Guarded, Progress, course
from holdfast.guards.fitting import (
    Disturbance,
    answering_for,
    looks_at_results,
    own_word,
    refuse_arguments,
    refuse_copy,
    refuse_hedge,
    shape_of_fuse,
    update_answering,
)
from holdfast.guards.forms import AttemptBlock, Attempts, one_attempt
from holdfast.guards.fused import fuse_async, fuse_sync
from holdfast.guards.generators import AsyncRows, Rows, stream_async, stream_sync
from holdfast.guards.judging import Judge, ResultJudge
from holdfast.guards.knowing import known_api
from holdfast.guards.lanes import Lane, Lanes, key_text
from holdfast.guards.listening import Event, Listener, Listening
from holdfast.guards.loops import run_async, run_sync
from holdfast.guards.shapes import Shape, shape_of
from holdfast.guards.sharing import Sharing
from holdfast.policies.adaptive import AdaptiveLimit
from holdfast.policies.breaker import SECONDS_BOUND, Breaker
from holdfast.policies.bulkhead import Bulkhead
from holdfast.policies.checks import number_problem
from holdfast.policies.composition import KINDS, Composition, explain
from holdfast.policies.hedge import Hedge
from holdfast.policies.rate_limit import RateLimit
from holdfast.policies.retry import Retry, RetryDecision
from holdfast.policies.throttle import Throttle
from holdfast.policies.timeout import Timeout
from holdfast.ports.breaker_store import BreakerStore

if TYPE_CHECKING:
    from holdfast.guards.degrading import DegradationRuntime
    from holdfast.policies.cache import Cache
    from holdfast.policies.degradation import Degradation

__all__ = ["Disturbance", "Event", "Policy", "policy"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Guardable = TypeVar("Guardable", bound=Callable[..., object])


def policy(
    name: str,
    *,
    retry: Retry | None = None,
    timeout: Timeout | None = None,
    breaker: Breaker | None = None,
    degradation: Degradation | None = None,
    cache: Cache | None = None,
    hedge: Hedge | None = None,
    throttle: Throttle | None = None,
    rate_limit: RateLimit | None = None,
    adaptive: AdaptiveLimit | None = None,
    bulkhead: Bulkhead | None = None,
    repeatable: bool = False,
    returns_last: bool = False,
    classify: Mapping[type[Exception], object] | None = None,
    result: ResultJudge | None = None,
    api: ApiRules | str | None = None,
    key: Callable[..., object] | None = None,
    keys_max: int = 1_000,
    store: BreakerStore | None = None,
    quorum: int = 1,
) -> Policy:
    """Make a policy; without any strategy it watches and changes nothing.

    Args:
        name: the dependency, such as `payments-api`; what errors, events and pages call it.
        retry: whether and when a failed attempt is repeated.
        timeout: how long an attempt and the whole call may take.
        breaker: when calls are turned away because the dependency is known to fail.
        degradation: what is answered when a call fails.
        cache: for how long answers are given again without a call.
        hedge: when a late async call is made once more; only for calls that are `repeatable`.
        throttle: which share of the calls is turned away because the dependency refuses many.
        rate_limit: how many calls begin in a span of time.
        adaptive: how many calls are under way at once, found out by how long they take.
        bulkhead: how many calls are under way at once.
        repeatable: your word that doing a call twice does no harm. Without it, a call whose outcome is unknown is not repeated.
        returns_last: when attempts are used up because of their *results*, return the last result instead of raising `Exhausted`.
        classify: what your exceptions mean: class → `Judgement`, `ErrorCategory`, or `"failure"`, `"success"`, `"neutral"` (a business error:
            not repeated, and not held against the dependency).
        result: looks at each result and says whether it is a failure: a truth value, a `Judgement`, a `Verdict` or None.
        api: what is known of the API: the name of one that comes with Holdfast (`stripe`), or the rules of a catalog of yours.
        key: from the call's arguments, the part of the dependency it is for (host, tenant, credential); each has a state of its own.
        keys_max: how many of them are remembered (1 to 1_000_000).
        store: where several processes share that a circuit tripped and whose turn it is to probe; a background thread talks to it, calls never do.
        quorum: how many processes have to see it fail before it opens in the others (1 to 1_000).

    Raises:
        BadSettings: something is out of range or of the wrong kind; all of it is listed.
    """
    composition = Composition(
        name=name,
        retry=retry,
        timeout=timeout,
        breaker=breaker,
        degradation=degradation,
        cache=cache,
        hedge=hedge,
        throttle=throttle,
        rate_limit=rate_limit,
        adaptive=adaptive,
        bulkhead=bulkhead,
        repeatable=repeatable,
        returns_last=returns_last,
    )
    refuse_arguments(key=key, keys_max=keys_max, quorum=quorum, result=result)
    made = Policy(composition, classify=classify, result=result, api=api, key=key, keys_max=keys_max)
    return made if store is None else made.share(store, quorum=quorum).start(made)


class Policy:
    """Strategies around calls, and what they remember; made by `holdfast.policy`. Safe to use from several threads and event loops at once."""

    __slots__ = (
        "_answering", "_composition", "_declared", "_disturbance", "_fused", "_judge", "_key", "_lanes", "_listening", "_lock", "_reshaped",
        "_sharing", "announcements",
    )  # fmt: skip

    def __init__(
        self,
        composition: Composition,
        *,
        classify: Mapping[type[Exception], object] | None,
        result: ResultJudge | None,
        api: ApiRules | str | None,
        key: Callable[..., object] | None,
        keys_max: int,
    ) -> None:
        self._composition = composition
        self._declared = (classify, result, known_api(api, source="policy"))
        self._judge = self._judge_for(composition)
        self._lock = Lock()
        self._listening = Listening(composition.name)
        self.announcements = self._listening.announcements
        self._key = key
        self._lanes = Lanes(composition, self._listening, makers=ADMISSION, most=keys_max)
        self._fused = False
        self._reshaped = False
        self._sharing: Sharing | None = None
        self._disturbance: Disturbance | None = None
        self._answering = answering_for(composition, self._judge, self._listening, part_of=key)

    def __repr__(self) -> str:
        return f"<holdfast policy {self.name!r}>"

    __reduce__ = refuse_copy

    @property
    def name(self) -> str:
        """The dependency."""
        return self._composition.name

    @property
    def composition(self) -> Composition:
        """The strategies as they are now."""
        return self._composition

    # --- around calls ---

    def __call__(self, function: Guardable) -> Guardable:
        """Guard a function: a decorator. Sync and async functions, generators and async generators stay what they are.

        Raises:
            BadInput: it cannot be guarded; the reason and the way out are said.
        """
        return self.guard()(function)

    def guard(
        self,
        *,
        repeatable: bool | None = None,
        restartable: bool = False,
        handover: str | None = None,
        personal: Iterable[str] = (),
    ) -> Callable[[Guardable], Guardable]:
        """A decorator with settings of this one function's.

        Args:
            repeatable: your word for this function, instead of the policy's.
            restartable: a generator may be started again after it has delivered something.
            handover: the name under which a failed call can go on durably: `error.hand_over()`. The function is then one that a worker can import
                and whose arguments are JSON; anything else is refused when it is decorated.
            personal: which of its arguments are personal, once they rest in a database.

        Raises:
            BadInput: the function cannot be guarded, or cannot be handed over; everything is listed.
        """
        own = own_word(self._composition, repeatable=repeatable)

        def decorate(function: Guardable) -> Guardable:
            guarded = _Guard(self, repeatable=own, restartable=restartable).around(function)
            if handover is not None:
                from holdfast.guards.resuming import register, resumable  # noqa: PLC0415 - costs who hands nothing over 5 ms

                registered = register(
                    handover, function, composition=self._composition, repeatable=own, personal=tuple(personal)
                )
                guarded = resumable(guarded, registered)
            return cast("Guardable", guarded)

        return decorate

    def call(self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call a function under the policy, once: for a coroutine function, the result is to be awaited.

        Raises:
            PolicyError: as for a guarded function.
        """
        guard = _Guard(self, repeatable=self._composition.repeatable, restartable=False)
        return cast("Result", guard.around(function, fused=False)(*args, **kwargs))

    @overload
    def answer(  # type: ignore[overload-overlap]  # a coroutine function is the more exact of the two
        self,
        function: Callable[Arguments, Coroutine[object, object, Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Awaitable[Answer[Result]]: ...

    @overload
    def answer(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Answer[Result]: ...

    def answer(self, function: Callable[..., object], *args: object, **kwargs: object) -> object:
        """Call a function under the policy, guarded by it already or not, and get the full answer, which says whether it is degraded.

        For a coroutine function, the answer is to be awaited.

        Raises:
            DegradationFailed: the call failed, and no lesser answer could be given.
            PolicyError: as for a guarded function.
        """
        if inspect.ismethod(function) and mark_of(function.__func__, self) is not None:
            args, function = (function.__self__, *args), function.__func__
        marked = mark_of(function, self)
        if marked is None:
            guard = _Guard(self, repeatable=self._composition.repeatable, restartable=False)
            marked = mark_of(guard.around(function, fused=False), self)
            assert marked is not None, "whatever is guarded bears a mark"
        if marked.answer is not None:
            return marked.answer(*args, **kwargs)
        value = marked.function(*args, **kwargs)
        return full_async(value) if inspect.isawaitable(value) else Answer(value=value)

    @property
    def degradation(self) -> DegradationRuntime | None:
        """How degraded it is, and what waits in its queues; None if it was made without degradation."""
        return None if self._answering is None else self._answering.runtime

    def attempt(self) -> AttemptBlock:
        """One attempt at a block of code, without repeats: `with policy.attempt() as attempt:` or `async with`."""
        refuse_hedge(self._composition, "a block of code", repeatable=True, asynchronous=False)
        composition = replace(self._composition, retry=None)
        guarded = self._guarded(self._lanes.only, repeatable=False, composition=composition)
        return one_attempt(self.name, course(guarded))

    def attempts(self, *, repeatable: bool | None = None) -> Attempts:
        """The attempts of one call as a loop: `for attempt in policy.attempts():` with `with attempt:` inside, or `async for`."""
        refuse_hedge(self._composition, "a block of code", repeatable=True, asynchronous=False)
        own = own_word(self._composition, repeatable=repeatable)
        return Attempts(self.name, course(self._guarded(self._lanes.only, repeatable=own)))

    # --- looking and steering ---

    def explain(self) -> str:
        """The policy in words, one line for each strategy, in the order in which a call meets them."""
        return explain(self._composition)

    def health(self, key: str | None = None) -> CircuitHealth:
        """How its circuit stands, of one key where there are keys."""
        return (self._lanes.only if key is None else self._lanes.look(key)).cell.health()

    def healths(self) -> tuple[CircuitHealth, ...]:
        """How all its circuits stand: that of calls without a key first."""
        return tuple(lane.cell.health() for lane in self._lanes)

    def isolate(self, because: str = "", *, key: str | None = None) -> None:
        """Turn every call away until `resume`, of all keys or of one; `because` stands in the rejections."""
        self._set_mode(Mode.ISOLATED, because, key)

    def disable(self, *, key: str | None = None) -> None:
        """Let every call through and count nothing, until `resume`."""
        self._set_mode(Mode.DISABLED, "", key)

    def shadow(self, *, key: str | None = None) -> None:
        """Let every call through and tell when the circuit would have opened, until `resume`."""
        self._set_mode(Mode.SHADOW, "", key)

    def resume(self, *, key: str | None = None) -> None:
        """Give the circuit back to its own judgement; it begins closed."""
        self._set_mode(Mode.AUTOMATIC, "", key)

    def trip(self, because: str, seconds: float, *, key: str | None = None) -> None:
        """Open the circuit for so many seconds (0 to 7 days), as a failure would.

        Raises:
            BadSettings: the number is out of range.
        """
        if (message := number_problem(seconds, 0, SECONDS_BOUND)) is not None:
            raise BadSettings([Problem(source="trip", path="seconds", message=message)])
        for lane in list(self._lanes) if key is None else [self._lanes.of(key)]:
            lane.cell.force_open(because, seconds)

    def update(self, **changes: object) -> None:
        """Change strategies while the policy is in use, all at once: `policy.update(retry=Retry(attempts_max=1), breaker=None)`.

        Calls under way end as they began. A changed breaker begins anew with a closed circuit; limits go on with what they know, and still count
        the calls that are under way. A hedge that is added serves functions that can be hedged, and leaves others as they are.

        Raises:
            BadSettings: a strategy is unknown or wrong; nothing was changed.
        """
        names = {*KINDS, "repeatable", "returns_last"}
        if unknown := sorted(set(changes) - names):
            message = f"is no part that can be changed; there are: {', '.join(sorted(names))}"
            raise BadSettings([Problem(source="policy", path=name, message=message) for name in unknown])
        with self._lock:  # two changes at once are made one after the other, and both hold
            before = self._composition
            after = replace(before, **changes)  # type: ignore[arg-type]  # checked by the composition itself
            update_answering(self._answering, after)
            self._composition, self._judge = after, self._judge_for(after)
            self._lanes.update(after)
            if self._fused and (shape_of_fuse(before) != shape_of_fuse(after) or not _can_fuse(self)):
                self._reshaped = True
                self._lanes.only.cell.rest_at(LONGER_WAY)
        self._listening.tell("policy.updated", changed=", ".join(sorted(changes)))

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called for each event of that name, or for all with `*`; returns what takes it back.

        Listeners run where the event happens, outside every lock; what they raise is ignored and logged once.

        Raises:
            ValueError: no event has that name.
        """
        return self._listening.add(event, listener)

    def disturb(self, disturbance: Disturbance | None) -> None:
        """Put something between the policy and the calls, or take it away again (None): for `holdfast.testing`, which makes calls fail on purpose."""
        self._disturbance = disturbance
        self._lanes.only.cell.rest_at(LONGER_WAY if disturbance is not None or self._reshaped else None)

    def share(self, store: BreakerStore, *, quorum: int = 1, process: str | None = None) -> Sharing:
        """Share the circuits with other processes; `policy(…, store=…)` does this and starts it. `process` names this one, at random by default."""
        self._sharing = Sharing(self._lanes, self._listening, store=store, quorum=quorum, process=process)
        return self._sharing

    # --- for the guards ---

    @property
    def judge(self) -> Judge:
        """What judges its calls."""
        return self._judge

    def key_of(self, *args: object, **kwargs: object) -> str | None:
        """The key of a call with these arguments; None without keys, and for a call that has none."""
        part = None if self._key is None else self._key(*args, **kwargs)
        return None if part is None else key_text(part, policy=self.name)

    @property
    def has_keys(self) -> bool:
        """Whether calls have keys."""
        return self._key is not None

    def course_of(
        self,
        key: str | None,
        *,
        repeatable: bool,
        judge: Judge,
        composition: Composition,
        once: RetryDecision | None = None,
    ) -> Course:
        """The course of one call about which more is known than of a function: a request of an HTTP client.

        Args:
            key: the part of the dependency that it is for.
            repeatable: whether doing this one twice does no harm.
            judge: judges its results and exceptions.
            composition: this policy's strategies, as far as they are right for it.
            once: why it cannot be made twice at all.
        """
        lane = self._lane(key)
        return course(self._guarded(lane, repeatable=repeatable, judge=judge, composition=composition, once=once))

    def _guarded(
        self,
        lane: Lane,
        *,
        repeatable: bool,
        restartable: bool = False,
        progress: Progress | None = None,
        composition: Composition | None = None,
        may_hedge: bool = False,
        judge: Judge | None = None,
        once: RetryDecision | None = None,
    ) -> Guarded:
        composition = composition or self._composition
        return Guarded(
            composition=composition,
            lane=lane,
            judge=judge or self._judge,
            once=once,
            listening=self._listening,
            repeatable=repeatable,
            restartable=restartable,
            progress=progress,
            hedge=composition.hedge if may_hedge else None,
        )

    def _judge_for(self, composition: Composition) -> Judge:
        classify, result, api = self._declared
        return Judge(composition.name, declared=classify, result=looks_at_results(composition.retry, result), api=api)

    def _lane(self, key: str | None) -> Lane:
        return self._lanes.only if key is None else self._lanes.of(key)

    def _set_mode(self, mode: Mode, because: str, key: str | None) -> None:
        if key is None:
            self._lanes.set_mode(mode, because)
        else:
            self._lanes.of(key).cell.set_mode(mode, because)


class _Guard:
    """One guarded function: how its calls become courses."""

    __slots__ = ("policy", "repeatable", "restartable")

    def __init__(self, policy: Policy, *, repeatable: bool, restartable: bool) -> None:
        self.policy = policy
        self.repeatable = repeatable
        self.restartable = restartable

    def around(self, function: Callable[..., object], *, fused: bool = True) -> Callable[..., object]:
        """The guarded function, of the same shape."""
        inner = self._inside(function, fused=fused)
        answering = self.policy._answering
        if answering is None:
            mark(inner, self.policy, answer=None)
            return inner
        from holdfast.guards.answering import plain_async, plain_sync  # noqa: PLC0415 - it is loaded where there is one

        shape = shape_of(function)
        answer = answering.around(inner, function, shape=shape, repeatable=self.repeatable)
        plain = (plain_async if shape is Shape.ASYNC else plain_sync)(answer, function)
        mark(plain, self.policy, answer=answer)
        return plain

    def _inside(self, function: Callable[..., object], *, fused: bool) -> Callable[..., object]:
        """The function with its attempts guarded, without what is answered in their place."""
        shape = shape_of(function)
        name = getattr(function, "__qualname__", repr(function))
        is_async = shape is Shape.ASYNC
        refuse_hedge(self.policy.composition, name, repeatable=self.repeatable, asynchronous=is_async)
        match shape:
            case Shape.SYNC:
                return self._sync(function, fused=fused)
            case Shape.ASYNC:
                return self._async(cast("Callable[..., Awaitable[object]]", function), fused=fused)
            case Shape.GENERATOR:
                return self._rows(cast("Callable[..., Rows]", function))
            case Shape.ASYNC_GENERATOR:
                return self._async_rows(cast("Callable[..., AsyncRows]", function))

    def longer(
        self,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        first: First | None = None,
    ) -> object:
        """A sync call as a course."""
        disturbance = self.policy._disturbance
        if disturbance is not None:
            function = disturbance.around_sync(function)
        return run_sync(self.policy.name, self._course(args, kwargs, first=first), function, args, kwargs)

    async def longer_async(
        self,
        function: Callable[..., Awaitable[object]],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        first: First | None = None,
    ) -> object:
        """An async call as a course."""
        disturbance = self.policy._disturbance
        if disturbance is not None:
            function = disturbance.around_async(function)
        steps = self._course(args, kwargs, first=first, may_hedge=self.repeatable)
        return await run_async(self.policy.name, steps, function, args, kwargs)

    def _sync(self, function: Callable[..., object], *, fused: bool) -> Callable[..., object]:
        policy = self.policy
        if fused and _can_fuse(policy):
            policy._fused = True
            timed, limit_s = shape_of_fuse(policy.composition)
            return fuse_sync(
                policy.name,
                function,
                cell=policy._lanes.only.cell,
                longer=self.longer,
                timed=timed,
                limit_s=limit_s,
            )

        def call(*args: object, **kwargs: object) -> object:
            return self.longer(function, args, kwargs)

        return update_wrapper(call, function)

    def _async(self, function: Callable[..., Awaitable[object]], *, fused: bool) -> Callable[..., object]:
        policy = self.policy
        if fused and _can_fuse(policy):
            policy._fused = True
            timed, limit_s = shape_of_fuse(policy.composition)
            timeout = policy.composition.timeout
            return fuse_async(
                policy.name,
                function,
                cell=policy._lanes.only.cell,
                longer=self.longer_async,
                timed=timed,
                limit_s=limit_s,
                limit="deadline" if timeout is None or timeout.attempt_s is None else "attempt",
            )

        async def call(*args: object, **kwargs: object) -> object:
            return await self.longer_async(function, args, kwargs)

        return update_wrapper(call, function)

    def _rows(self, function: Callable[..., Rows]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> Rows:
            progress = Progress()
            steps = self._course(args, kwargs, progress=progress)
            return (yield from stream_sync(self.policy.name, steps, function, args, kwargs, progress=progress))

        return update_wrapper(call, function)

    def _async_rows(self, function: Callable[..., AsyncRows]) -> Callable[..., object]:
        def begin(args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[Course, Progress]:
            progress = Progress()
            return self._course(args, kwargs, progress=progress), progress

        return update_wrapper(stream_async(self.policy.name, begin, function), function)

    def _course(
        self,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        first: First | None = None,
        progress: Progress | None = None,
        may_hedge: bool = False,
    ) -> Course:
        policy = self.policy
        guarded = policy._guarded(
            policy._lane(policy.key_of(*args, **kwargs)),
            repeatable=self.repeatable,
            restartable=self.restartable,
            progress=progress,
            may_hedge=may_hedge,
        )
        return course(guarded, first=first)


def _can_fuse(policy: Policy) -> bool:
    """Whether nothing stands around a call but what a fused closure knows."""
    is_plain = len(policy._lanes.only.stages) == 1 and policy._composition.hedge is None
    return is_plain and policy._key is None and not policy._judge.judges_results
