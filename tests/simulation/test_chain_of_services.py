"""Three services in a row, the last one down: with policies the first still answers, without them all three fall.

A simulated quarter of an hour in virtual time. Each service has a few threads' worth of room: a call that hangs keeps its place until it times
out, and when a service has no place left it refuses, which is how one failure becomes three.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import holdfast
from holdfast.testing import controlled_world
from holdfast.testing.world import ControlledWorld

DURATION_S = 900
CALLS_PER_S = 5
DOWN = range(60, 660)
HANG_S = 10.0
ROOM = 20


@dataclass
class Service:
    """Answers through the next one; `room` calls at a time, each for as long as it takes."""

    world: ControlledWorld
    name: str
    onward: Callable[[], str] | None
    calls: int = 0
    busy_until: list[float] = field(default_factory=list)

    def __call__(self) -> str:
        """One call: refused without room, else as long as what it calls takes."""
        self.calls += 1
        now = self.world.elapsed_s
        while self.busy_until and self.busy_until[0] <= now:
            heapq.heappop(self.busy_until)
        if len(self.busy_until) >= ROOM:
            raise ConnectionRefusedError(f"{self.name} has no room")
        if self.onward is not None:
            return self.onward()
        if int(now) in DOWN:
            raise ConnectionResetError(f"{self.name} hangs, and the connection is cut in the end")
        return "fresh"


@dataclass(kw_only=True)
class Story:
    """What became of the calls."""

    answered: int = 0
    degraded: int = 0
    failed: int = 0
    during: int = 0
    last_reached: int = 0


def tell(*, guarded: bool) -> Story:
    """Send `CALLS_PER_S` calls a second to the first of three services and count."""
    story = Story()
    with controlled_world() as world:
        last = Service(world, "last", None)

        def policy(name: str, *, answers: bool = False) -> holdfast.Policy:
            stale = holdfast.Degradation.of(holdfast.Default(value="stale")) if answers else None
            return holdfast.policy(
                name, retry=holdfast.Retry(), breaker=holdfast.Breaker(), degradation=stale, repeatable=True
            )

        middle = Service(world, "middle", policy("middle→last")(last) if guarded else last)
        first = Service(world, "first", policy("first→middle", answers=True)(middle) if guarded else middle)
        for tick in range(DURATION_S * CALLS_PER_S):
            begun_s = tick / CALLS_PER_S
            if world.elapsed_s < begun_s:
                world.advance(begun_s - world.elapsed_s)
            before, down = last.calls, int(begun_s) in DOWN
            try:
                answer = first()
            except Exception:  # noqa: BLE001 - whatever reaches the user is a failure
                answer = "failed"
            if not guarded and answer == "failed" and last.calls > before:
                # Nobody ended it: the call kept a place in all three for as long as it hung.
                for service in (last, middle, first):
                    heapq.heappush(service.busy_until, begun_s + HANG_S)
            story.answered += answer == "fresh"
            if down:
                story.during += 1
                story.degraded += answer == "stale"
                story.failed += answer == "failed"
                story.last_reached += last.calls - before
    return story


def test_without_policies_the_chain_falls() -> None:
    """While the last service is down nobody gets an answer from the first."""
    story = tell(guarded=False)

    assert story.during == story.failed


def test_with_policies_the_first_still_answers() -> None:
    """Every call gets an answer, a degraded one while the last service is down, which is hardly called at all then and comes back by itself."""
    story = tell(guarded=True)

    assert 0 == story.failed
    assert story.during == story.degraded
    assert story.last_reached <= 0.02 * story.during
    # More than what was answered before the outage: it comes back by itself.
    assert story.answered > DOWN.start * CALLS_PER_S
