"""Both drivers tell the same story: same strategies and failures, same answers, errors and events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, strategies as st

from holdfast.errors import DegradationFailed
from holdfast.faults.verdict import Outcome
from holdfast.guards.degrading import Call, DegradationRuntime, Failure, degrade_async, degrade_sync, remember
from holdfast.guards.features import Features
from holdfast.guards.judging import Judge, Judgement
from holdfast.policies.degradation import Degradation
from holdfast.policies.lesser_answers import Alternative, Cached, Default, QueueForLater, Reduced


def refused(sku: str) -> None:
    """Another way, which does not begin."""
    raise ConnectionRefusedError(sku)


STRATEGIES = st.lists(
    st.sampled_from(
        [
            Cached(ttl_s=60),
            Cached(ttl_s=0),
            Alternative(call=lambda sku: f"{sku} elsewhere"),
            Alternative(call=lambda _: 1 / 0),
            Alternative(call=refused),
            Alternative(endpoint="backup.example.com"),
            Reduced(features=("ads",)),
            Reduced(features=("ads",), call=lambda sku: f"{sku} reduced"),
            Default(value=None),
            Default(factory=lambda: {}["x"]),
            QueueForLater(size_max=1),
        ]
    ),
    min_size=1,
    max_size=5,
)


def fetch(sku: str) -> str:
    """The function that was guarded."""
    return sku


def story(strategies: list[object], *, outcome: Outcome, is_async: bool, was_well: bool) -> list[object]:
    """What happens when two calls fail under these strategies, as far as anybody can see it."""
    settings = Degradation.of(*strategies)
    told: list[object] = []
    features = Features()

    def tell(name: str, key: str | None = None, **facts: object) -> None:
        told.append((name, key, {fact: value for fact, value in facts.items() if fact != "age_s"}))

    runtime = DegradationRuntime("shop", settings, tell=tell, features=features)
    call = Call(function=fetch, args=("book",), kwargs={}, inner=fetch)
    for shelf in runtime.shelves:
        shelf.settle(call)
    if was_well:
        remember(runtime, call, value="kept")
    exc = ConnectionError("no")
    verdict = Judge("shop", declared={ConnectionError: Judgement(outcome=outcome)}).exception(exc)
    failure = Failure(exception=exc, verdict=verdict, judge=Judge("shop").exception)
    for _ in range(2):
        try:
            if is_async:
                answer = asyncio.run(degrade_async(runtime, settings, failure=failure, call=call))
            else:
                answer = degrade_sync(runtime, settings, failure=failure, call=call)
        except DegradationFailed as error:
            told.append((type(error), str(error), error.__cause__ is exc))
        else:
            assert answer.degraded is not None
            told.append((answer.value, answer.degraded.strategy, answer.degraded.reason))
    return [*told, features.is_on("ads")]


@given(strategies=STRATEGIES, outcome=st.sampled_from(Outcome), was_well=st.booleans())
def test_threads_and_loops_tell_the_same_story(strategies: list[object], outcome: Outcome, was_well: bool) -> None:
    """Whatever is tried and whatever fails, an event loop and a thread come to the same end."""
    in_a_thread = story(strategies, outcome=outcome, is_async=False, was_well=was_well)
    on_a_loop = story(strategies, outcome=outcome, is_async=True, was_well=was_well)

    assert in_a_thread == on_a_loop


class World:
    """Where work is done, or may be: each entry is a way that got that far."""

    def __init__(self, first: Outcome) -> None:
        self.done = [] if first is Outcome.NOT_EXECUTED else ["call"]

    def way(self, ending: str) -> Callable[[str], str]:
        """A way of doing the work that ends like this."""

        def go(sku: str) -> str:
            if ending == "refused":
                raise ConnectionRefusedError
            self.done.append(ending)
            if ending == "lost":
                raise TimeoutError
            return sku

        return go


WAYS = st.lists(
    st.tuples(st.sampled_from(["alternative", "reduced"]), st.sampled_from(["refused", "lost", "done"])), max_size=5
)


@given(ways=WAYS, outcome=st.sampled_from(Outcome), with_queue=st.booleans())
def test_the_work_is_never_done_twice(ways: list[tuple[str, str]], outcome: Outcome, with_queue: bool) -> None:
    """Whatever fails in whatever way, one way at most has done the work or may have, a queued call included."""
    world = World(outcome)
    strategies: list[object] = [
        Alternative(call=world.way(ending)) if kind == "alternative" else Reduced(call=world.way(ending))
        for kind, ending in ways
    ]
    queue = [QueueForLater()] if with_queue else []
    settings = Degradation.of(*strategies, *queue, Default(value=None))
    runtime = DegradationRuntime("shop", settings, tell=lambda *_, **__: None, features=Features())
    judge = Judge("shop", declared={ConnectionError: Judgement(outcome=outcome)})
    exc = ConnectionError("no")
    failure = Failure(exception=exc, verdict=judge.exception(exc), judge=Judge("shop").exception)

    degrade_sync(runtime, settings, failure=failure, call=Call(function=fetch, args=("book",), kwargs={}, inner=fetch))

    assert len(world.done) + len(runtime.queue("later")) <= 1
