"""Time and chance of all policies under control: a test of an hour's outage takes no time, and comes out the same each time.

It takes over the world that `holdfast.guards` sees (`holdfast.guards.world.WORLD`), for the whole process, and puts it back. What your own code
reads from `time` stays real.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from holdfast.guards.correlating import correlator
from holdfast.guards.world import WORLD

__all__ = ["ControlledWorld", "controlled_world"]

START = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
_QUIET_ROUNDS = 10
_MOMENT_S = 0.05


class ControlledWorld:
    """The world of a test: made by `controlled_world`.

    `slept` lists the waits that policies have asked for, in seconds, in their order.
    """

    def __init__(self, *, seed: int, waits: bool) -> None:
        self.slept: list[float] = []
        self._waits = waits
        self._elapsed_s = 0.0
        self._start_s = 1_000.0
        self._lock = threading.Lock()
        self._dice = random.Random(seed)
        self._asleep: dict[int, float] = {}
        self._moves = 0

    @property
    def elapsed_s(self) -> float:
        """Virtual seconds that have passed since the test began."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: it is negative; time does not run backwards.
        """
        if seconds < 0:
            raise ValueError(f"time cannot be advanced by {seconds} s")
        with self._lock:
            self._elapsed_s += seconds
            self._moves += 1

    def monotonic(self) -> float:
        """What policies take for monotonic seconds."""
        return self._start_s + self._elapsed_s

    def now(self) -> datetime:
        """What policies take for the wall clock."""
        return START + timedelta(seconds=self._elapsed_s)

    def sleep(self, seconds: float) -> None:
        """What policies wait by in threads: time passes at once."""
        with self._lock:
            self.slept.append(seconds)
            if self._waits:
                self._elapsed_s += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """What policies wait by in threads for somebody else: if nobody comes within a moment, the time is over."""
        if event.wait(_MOMENT_S):
            return True
        self.sleep(seconds)
        return event.is_set()

    async def asleep(self, seconds: float) -> None:
        """What policies wait by on an event loop: time passes when nothing else has anything to do, for the first that is due."""
        self.slept.append(seconds)
        if not self._waits:
            await asyncio.sleep(0)
            return
        due_s = self._elapsed_s + seconds
        me = id(asyncio.current_task())
        self._asleep[me] = due_s
        quiet, moves = 0, self._moves
        try:
            while self._elapsed_s < due_s:
                await asyncio.sleep(0)
                quiet, moves = (quiet + 1, moves) if moves == self._moves else (0, self._moves)
                if quiet >= _QUIET_ROUNDS and due_s <= min(self._asleep.values()):
                    self._elapsed_s = max(self._elapsed_s, due_s)
                    self._moves += 1
        finally:
            del self._asleep[me]
            self._moves += 1

    def draw(self) -> float:
        """What policies take for chance: the same row of numbers for the same seed."""
        with self._lock:
            return self._dice.random()


@contextlib.contextmanager
def controlled_world(
    *, seed: int = 0, waits: bool = True, attempts_max: int | None = None
) -> Iterator[ControlledWorld]:
    """Take over time and chance of all policies of this process, and put them back at the end.

    Time stands still until somebody sleeps or calls `advance`. `asyncio`'s own timeouts go on in real time. Not to be used twice at once.

    Args:
        seed: of the jitter.
        waits: whether a policy's waiting makes time pass; without, waits are listed and take no time, not even a virtual one.
        attempts_max: caps the attempts of every policy, so that a test of a failure need not go through all of them.
    """
    world = ControlledWorld(seed=seed, waits=waits)
    names = ("monotonic", "now", "sleep", "asleep", "wait", "draw", "attempts_max")
    before = {name: getattr(WORLD, name) for name in names}
    taken: dict[str, object] = {name: getattr(world, name) for name in names[:-1]}
    try:
        for name, value in {**taken, "attempts_max": attempts_max}.items():
            setattr(WORLD, name, value)
        correlator.forget()  # what failed before is no incident of a test's, nor the other way round
        yield world
    finally:
        correlator.forget()
        for name, value in before.items():
            setattr(WORLD, name, value)
