"""One story, however it is told: fused or by the course, in a thread or on an event loop, as a function, a block or a generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings, strategies as st

from holdfast import Breaker, Budget, Retry, Timeout
from holdfast.errors import Exhausted, Rejected
from holdfast.guards.circuit import LONGER_WAY
from holdfast.guards.policy import Policy
from holdfast.guards.world import WORLD
from tests.guards.colours import Colour, Declined, Down, Maybe, Missing, StillWorld, heard, make

STRATEGIES: dict[str, Callable[[], dict[str, object]]] = {
    "nothing": dict,
    "retry": lambda: {"retry": Retry(initial_delay_s=1, jitter="full")},
    "repeatable": lambda: {"retry": Retry(attempts_max=4, initial_delay_s=0), "repeatable": True},
    "reraise": lambda: {"retry": Retry(reraise=True, on=(Missing,))},
    "budget": lambda: {"retry": Retry(attempts_max=5, budget=Budget(ratio=0.3, floor_per_s=0.05))},
    "breaker": lambda: {"breaker": Breaker(failures_consecutive=3, window_calls=5, calls_min=3, open_s=4)},
    "timed": lambda: {"breaker": Breaker(window_s=20, calls_min=3, slow_s=3, slow_ratio=0.6, open_s=4, probe_lease_s=2)},
    "deadline": lambda: {"timeout": Timeout(deadline_s=9), "retry": Retry(initial_delay_s=2, jitter="none")},
    "all": lambda: {
        "timeout": Timeout(deadline_s=20, attempt_s=10),
        "retry": Retry(initial_delay_s=2, budget=Budget(ratio=0.5)),
        "breaker": Breaker(failures_consecutive=4, open_s=6),
        "repeatable": True,
    },
}  # fmt: skip

Act = str | type[BaseException]
acts: st.SearchStrategy[Act] = st.sampled_from(["ok", "slow", Down, Maybe, Declined, Missing, KeyboardInterrupt])
calls = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0, 25.0]), st.lists(acts, max_size=5)), max_size=12)
Calls = list[tuple[float, list[Act]]]


@dataclass
class Script:
    """What the dependency does, attempt by attempt; it is well again when a call's part is over."""

    world: StillWorld
    left: list[Act]
    made: int = 0

    def act(self) -> int:
        """One attempt."""
        self.made += 1
        act = self.left.pop(0) if self.left else "ok"
        if act == "slow":
            self.world.pass_(3)
        if isinstance(act, type):
            raise act("as written")
        return self.made


def told(
    policy: Policy,
    script: Script,
    world: StillWorld,
    *,
    acts: Calls,
    way: Callable[[Policy, Script], Callable[[], object]],
) -> list[object]:
    """Everything that can be seen of a run: results, errors, waits, events, health."""
    events = heard(policy)
    call = way(policy, script)
    seen: list[object] = []
    for wait_s, part in acts:
        world.pass_(wait_s)
        script.left = list(part)
        try:
            seen.append(call())
        except Exhausted as exc:
            attempts = [(one.number, one.wait_s, one.verdict.category) for one in exc.attempts]
            seen.append((exc.reason, exc.outcome, attempts, exc.calls_made, str(exc), type(exc.__cause__)))
        except Rejected as exc:
            seen.append((type(exc), exc.retry_after_s, str(exc)))
        except BaseException as exc:  # noqa: BLE001 - Ctrl-C is part of the script
            seen.append((type(exc), getattr(exc, "__notes__", [])))
        seen.append((policy.health(), tuple(world.slept), world.seconds, script.made))
    facts = [(event.name, {name: fact for name, fact in event.facts.items() if name != "took_s"}) for event in events]
    return [*seen, *facts]


def fused(policy: Policy, script: Script) -> Callable[[], object]:
    """The hot way."""
    return policy(script.act)


def by_course(policy: Policy, script: Script) -> Callable[[], object]:
    """The longer way."""
    policy._lanes.only.cell.rest_at(LONGER_WAY)
    return policy(script.act)


def called(policy: Policy, script: Script) -> Callable[[], object]:
    """Without decoration."""
    return lambda: policy.call(script.act)


def in_a_loop(policy: Policy, script: Script) -> Callable[[], object]:
    """As attempts at a block."""

    def call() -> object:
        for attempt in policy.attempts():
            with attempt:
                attempt.result = script.act()
        return attempt.result

    return call


def as_rows(policy: Policy, script: Script) -> Callable[[], object]:
    """As a generator that fails before it delivers."""

    @policy
    def rows() -> Iterator[int]:
        yield script.act()

    return lambda: next(iter(list(rows())))


def on_a_loop(runner: asyncio.Runner, form: str) -> Callable[[Policy, Script], Callable[[], object]]:
    """The same, async."""

    def way(policy: Policy, script: Script) -> Callable[[], object]:
        if form == "course":
            policy._lanes.only.cell.rest_at(LONGER_WAY)

        @policy
        async def ask() -> int:
            return script.act()

        @policy
        async def rows() -> AsyncIterator[int]:
            yield script.act()

        async def call() -> object:
            if form == "rows":
                found = [row async for row in rows()]
                return found[0]
            if form == "loop":
                async for attempt in policy.attempts():
                    async with attempt:
                        attempt.result = script.act()
                return attempt.result
            return await (policy.call(ask.__wrapped__) if form == "called" else ask())  # type: ignore[attr-defined]  # the function itself

        return lambda: runner.run(call())

    return way


WAYS = {"course": by_course, "called": called, "loop": in_a_loop, "rows": as_rows}


def run(kind: str, script: Calls, way: Callable[[Policy, Script], Callable[[], object]]) -> list[object]:
    """One run in a world of its own."""
    world = StillWorld()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("monotonic", "now", "sleep", "asleep", "draw"):
            patch.setattr(WORLD, name, getattr(world, name))
        return told(make(**STRATEGIES[kind]()), Script(world, []), world, acts=script, way=way)


@pytest.mark.parametrize("kind", STRATEGIES)
@settings(max_examples=30)
@given(script=calls)
def test_every_way_tells_the_same_story(kind: str, script: Calls) -> None:
    """The same outcomes give the same results, errors, waits, events and health."""
    expected = run(kind, script, fused)

    for name, way in WAYS.items():
        assert expected == run(kind, script, way), name


@pytest.mark.parametrize("kind", STRATEGIES)
@pytest.mark.parametrize("form", ["fused", "course", "called", "loop", "rows"])
def test_both_colours_tell_the_same_story(kind: str, form: str) -> None:
    """On an event loop as in a thread. Ctrl-C is left out: a loop handles it in its own way."""
    # An async generator is stopped at its deadline between two values, a function only while it waits: the same time, another story.
    left_out = {KeyboardInterrupt} | ({"slow"} if form == "rows" and "timeout" in STRATEGIES[kind]() else set())
    with asyncio.Runner() as runner:

        @settings(max_examples=15)
        @given(script=calls)
        def compare(script: Calls) -> None:
            quiet = [(wait_s, [act for act in part if act not in left_out]) for wait_s, part in script]
            assert run(kind, quiet, fused) == run(kind, quiet, on_a_loop(runner, form))

        compare()


def test_the_colours_are_both_there(colour: Colour) -> None:
    """The fixture that other tests rely on calls what it guards, and on a loop where it says so."""
    found = []

    def look() -> None:
        try:
            found.append(asyncio.get_running_loop() is not None)
        except RuntimeError:
            found.append(False)

    colour.guard(make(), look)()

    assert [colour.is_async] == found
