"""Answering: the outermost part of a policy. Before a call it may answer from the cache, after one that failed with a lesser answer.

It stands around the guarded function and knows nothing of how that is guarded: it calls it, and sees what comes back. The full answer, which says
whether it is degraded, is `answer`; the plain call returns its value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import cast

from holdfast.errors import BadInput, BadSettings, Problem, Rejected
from holdfast.guards.answers import Answer, Degraded, LastAnswer, note_answer
from holdfast.guards.degrading import (
    DegradationRuntime,
    Failure,
    degrade_async,
    degrade_sync,
    remember,
    remember_async,
)
from holdfast.guards.features import Features
from holdfast.guards.judging import Judge
from holdfast.guards.listening import Listening
from holdfast.guards.shapes import Shape
from holdfast.guards.shelf import Call, Found, Missing, Shelf
from holdfast.policies.cache import Cache
from holdfast.policies.degradation import Degradation

__all__ = ["AT_ENDPOINT", "Answering", "plain_async", "plain_sync"]

AT_ENDPOINT = "__holdfast_at_endpoint__"
"""Where the function of an HTTP client has a second one, which takes a base address before its arguments and makes the same call there."""


class Answering:
    """What one policy answers from its cache and in the place of calls that failed. Safe over threads and loops.

    `returns_last` and `hides_attempts` say what else comes out of the guarded function: a last result that was judged a failure, and the exception
    of the last attempt without a word on the others. `part_of` is the policy's key: kept answers are as separate as everything else of its parts.
    """

    __slots__ = (
        "_cache",
        "_full",
        "_hides_attempts",
        "_judge",
        "_part_of",
        "_policy",
        "_returns_last",
        "_shelf",
        "runtime",
        "settings",
    )

    def __init__(
        self,
        policy: str,
        *,
        degradation: Degradation | None,
        cache: Cache | None,
        judge: Judge,
        listening: Listening,
        returns_last: bool = False,
        hides_attempts: bool = False,
        part_of: Callable[..., object] | None = None,
        features: Features | None = None,
    ) -> None:
        self._policy = policy
        self._judge = judge
        self.settings = degradation
        self.runtime: DegradationRuntime | None = None
        if degradation is not None:
            self.runtime = DegradationRuntime(policy, degradation, tell=listening.tell, features=features)
        self._cache = cache
        self._shelf = _shelf(policy, cache)
        self._returns_last = returns_last
        self._hides_attempts = hides_attempts
        self._part_of = part_of
        self._full = LastAnswer(policy=policy)

    def update(
        self,
        *,
        degradation: Degradation | None,
        cache: Cache | None,
        returns_last: bool = False,
        hides_attempts: bool = False,
    ) -> None:
        """Go on by other settings; what was kept in memory under another `Cache` is forgotten.

        Raises:
            BadSettings: degradation cannot be begun by an update: functions that were guarded without it have no place for it.
        """
        if degradation is not None and self.runtime is None:
            message = "can be changed, but not begun: give it when the policy is made"
            raise BadSettings([Problem(source="policy", path="degradation", message=message)])
        if degradation is not None and self.runtime is not None:
            self.runtime.update(degradation)
        self.settings = degradation
        self._returns_last, self._hides_attempts = returns_last, hides_attempts
        if cache != self._cache:
            self._cache, self._shelf = cache, _shelf(self._policy, cache)

    def around(
        self, inner: Callable[..., object], function: Callable[..., object], *, shape: Shape, repeatable: bool
    ) -> Callable[..., object]:
        """The full answers of the guarded function `inner`, with the cache before it and the lesser answers after it; `function` is what it guards.

        Raises:
            BadInput: it delivers values one by one, and a lesser answer could not take back those that were delivered.
            BadSettings: its answers should be kept, but its calls have no stable key.
        """
        if shape not in {Shape.SYNC, Shape.ASYNC}:
            name = getattr(function, "__qualname__", repr(function))
            message = "is a generator: neither a cache nor a lesser answer can stand in for it. Guard a function that returns all of it"
            raise BadInput([Problem(source=f"policy {self._policy!r}", path=name, message=message)])
        if self._shelf is not None:
            self._shelf.check(function)
        if self.runtime is not None:
            self.runtime.check(function)
        if shape is Shape.ASYNC:
            return self._around_async(cast("Callable[..., Awaitable[object]]", inner), function, repeatable=repeatable)
        return self._around_sync(inner, function, repeatable=repeatable)

    def _around_sync(
        self, inner: Callable[..., object], function: Callable[..., object], *, repeatable: bool
    ) -> Callable[..., object]:
        def called(args: tuple[object, ...], kwargs: dict[str, object]) -> Call:
            return Call(
                function=function,
                args=args,
                kwargs=kwargs,
                repeatable=repeatable,
                inner=inner,
                part_of=self._part_of,
                is_good=self._is_good,
                at_endpoint=_elsewhere(function, args, kwargs),
            )

        def answer(*args: object, **kwargs: object) -> Answer[object]:
            # The call is put together only for those who ask: it would be a good part of what a success costs.
            shelf, call = self._shelf, None
            if shelf is not None or self._shelves:
                call = called(args, kwargs)
                kept = self._before(shelf, call)
                if kept is not None:
                    return kept
            try:
                value = inner(*args, **kwargs)
            except Exception as exc:
                if (runtime := self.runtime) is None or (settings := self.settings) is None:
                    raise
                failure = self._failure(exc)
                try:
                    return degrade_sync(runtime, settings, failure=failure, call=call or called(args, kwargs))
                finally:
                    del failure  # a frame that holds the exception that holds it would stay until the collector comes
            self._after(shelf, call, value)
            return Answer(value=value)

        return answer

    def _around_async(
        self, inner: Callable[..., Awaitable[object]], function: Callable[..., object], *, repeatable: bool
    ) -> Callable[..., object]:
        def called(args: tuple[object, ...], kwargs: dict[str, object]) -> Call:
            return Call(
                function=function,
                args=args,
                kwargs=kwargs,
                repeatable=repeatable,
                inner=inner,
                at_endpoint=_elsewhere(function, args, kwargs),
                is_async=True,
            )

        async def answer(*args: object, **kwargs: object) -> Answer[object]:
            shelf, call = self._shelf, None
            if shelf is not None or self._shelves:
                call = called(args, kwargs)
                kept = await self._before_async(shelf, call)
                if kept is not None:
                    return kept
            try:
                value = await inner(*args, **kwargs)
            except Exception as exc:
                if (runtime := self.runtime) is None or (settings := self.settings) is None:
                    raise
                failure = self._failure(exc)
                try:
                    return await degrade_async(runtime, settings, failure=failure, call=call or called(args, kwargs))
                finally:
                    del failure
            await self._after_async(shelf, call, value)
            return Answer(value=value)

        return answer

    def _before(self, shelf: Shelf | None, call: Call) -> Answer[object] | None:
        """The answer from the cache, if there is one; else the keys of the call are made, as long as its arguments are what they are."""
        if shelf is not None:
            shelf.settle(call)
            kept = self._kept(shelf, call, shelf.find(call))
            if kept is not None:
                return kept
        for each in self._shelves:
            each.settle(call)
        return None

    def _after(self, shelf: Shelf | None, call: Call | None, value: object) -> None:
        """Keep a good answer, and count it."""
        if shelf is not None and call is not None:
            shelf.keep(call, value)
        if (runtime := self.runtime) is not None and self.settings is not None:
            remember(runtime, call, value=value)
        elif shelf is not None:
            note_answer(self._full)

    async def _before_async(self, shelf: Shelf | None, call: Call) -> Answer[object] | None:
        """The answer from the cache, if there is one; else the keys of the call are made, as long as its arguments are what they are."""
        if shelf is not None:
            shelf.settle(call)
            kept = self._kept(shelf, call, await shelf.find_async(call))
            if kept is not None:
                return kept
        for each in self._shelves:
            each.settle(call)
        return None

    async def _after_async(self, shelf: Shelf | None, call: Call | None, value: object) -> None:
        """Keep a good answer, and count it."""
        if shelf is not None and call is not None:
            await shelf.keep_async(call, value)
        if (runtime := self.runtime) is not None and self.settings is not None:
            await remember_async(runtime, call, value=value)
        elif shelf is not None:
            note_answer(self._full)

    @property
    def _shelves(self) -> tuple[Shelf, ...]:
        """Where good answers are kept for worse times."""
        runtime = self.runtime
        return () if runtime is None or self.settings is None else runtime.shelves

    def _is_good(self, value: object) -> bool:
        """Whether an answer is one to keep: the last of several bad ones, which a policy may return, is none."""
        return not (self._returns_last and self._judge.judges_results) or self._judge.result(value) is None

    def _kept(self, shelf: Shelf, call: Call, found: Found | Missing) -> Answer[object] | None:
        """The answer from the cache, if there is one; a stale one is refreshed behind the caller's back, and says that it is stale."""
        if isinstance(found, Missing):
            return None
        degraded = None
        if found.is_stale:
            # Where the shelves for worse times stand in the same cache, the new value must not come to lie there for a shorter time.
            shelf.refresh(call, found.key, also=self._shelves)
            level = 0 if self.runtime is None else self.runtime.level
            degraded = Degraded(strategy="cached", level=level, reason="stale", age_s=found.age_s, stale=True)
        note_answer(LastAnswer(policy=self._policy, degraded=degraded))
        return Answer(value=found.value, degraded=degraded)

    def _failure(self, exc: Exception) -> Failure:
        verdict = None if isinstance(exc, Rejected) else self._judge.exception(exc)
        return Failure(exception=exc, verdict=verdict, hides_attempts=self._hides_attempts, judge=self._judge.exception)


def _shelf(policy: str, cache: Cache | None) -> Shelf | None:
    if cache is None:
        return None
    return Shelf(
        policy,
        ttl_s=cache.ttl_s,
        stale_while_revalidate_s=cache.stale_while_revalidate_s,
        key=cache.key,
        cache=cache.cache,
    )


def _elsewhere(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> Callable[[str], object] | None:
    """How the call is made at another base address, if the function can do that."""
    at_endpoint: Callable[..., object] | None = getattr(function, AT_ENDPOINT, None)
    return None if at_endpoint is None else lambda base_url: at_endpoint(base_url, *args, **kwargs)


def plain_sync(answer: Callable[..., object], function: Callable[..., object]) -> Callable[..., object]:
    """The function of plain calls: the value of the full answer."""
    full = cast("Callable[..., Answer[object]]", answer)

    def plain(*args: object, **kwargs: object) -> object:
        return full(*args, **kwargs).value

    return update_wrapper(plain, function)


def plain_async(answer: Callable[..., object], function: Callable[..., object]) -> Callable[..., object]:
    """The same for coroutine functions."""
    full = cast("Callable[..., Awaitable[Answer[object]]]", answer)

    async def plain(*args: object, **kwargs: object) -> object:
        return (await full(*args, **kwargs)).value

    return update_wrapper(plain, function)
