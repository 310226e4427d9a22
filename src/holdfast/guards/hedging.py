"""Hedging at work: one call, sent again while its answer is late; the first success is the answer, and the others are given up.

```
primary  ├──────────────── late ─────────────────X  cancelled, and waited for
         │   delay   │
hedge    │           ├──────────── answer ──►  this is the result
```

Asynchronous only, since whoever loses has to be given up while it runs. What a loser's end says about the dependency is nothing: it was cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from holdfast.guards.world import WORLD
from holdfast.policies.hedge import REMEMBERED, Hedge, delay_s
from holdfast.policies.quantile import LatestValues

if TYPE_CHECKING:
    import asyncio

__all__ = ["HedgeState", "OnEvent", "hedged"]

T = TypeVar("T")

OnEvent = Callable[[str, Mapping[str, object]], None]
"""Called with an event's name and fields; must not raise."""

LOSER_WAIT_S = 1.0
"""A loser that has not ended so long after it was cancelled is no longer waited for: it must not hold up the answer that is there."""


class HedgeState:
    """What hedging remembers of one dependency: how long its latest calls took. Safe to use from several threads and event loops at once."""

    def __init__(self) -> None:
        # Re-entrant: the collector may close a call that ends here while this thread holds the lock.
        self._lock = threading.RLock()
        self._durations = LatestValues(REMEMBERED)
        self._tasks: set[asyncio.Future[object]] = set()

    def delay_s(self, settings: Hedge) -> float | None:
        """How long to wait for an answer before the call is sent again; None while too little is known."""
        with self._lock:
            return delay_s(settings, self._durations)

    def record(self, took_s: float) -> None:
        """Remember how long a call took; for one that was given up, how long it had taken by then, since it would have taken longer."""
        with self._lock:
            self._durations.add(took_s)

    def keep(self, task: asyncio.Future[object]) -> None:
        """Hold on to a task until it ends: a loser that is slow to end has nobody else, and the loop alone would not keep it alive."""
        self._tasks.add(task)
        task.add_done_callback(self._let_go)

    def _let_go(self, task: asyncio.Future[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that the loop does not report the error of a loser, which concerns nobody


async def hedged(
    call: Callable[[], Awaitable[T]],
    settings: Hedge,
    *,
    state: HedgeState,
    withdraw: Callable[[float], bool],
    on_event: OnEvent | None = None,
) -> T:
    """Make a call, and make it again while its answer is late.

    The first success is the result. When every one fails, the error of the first is raised: the others were only tries to be faster. Whoever loses is
    cancelled, and waited for, at most a second. If this task is cancelled, all of them are.

    Args:
        call: makes the call once; each time in a task of its own.
        settings: when, and how often.
        state: what is known of this dependency.
        withdraw: asked, with the time on the monotonic clock, before each hedge: whether the retry budget has room for one more call. If not,
            the call goes on without.
        on_event: hears of `hedge.sent` (`number`, `delay_s`), `hedge.won` (`number`, `took_s`) and `hedge.refused` (`number`); numbers count from 1.
    """
    import asyncio  # noqa: PLC0415 - a program without an event loop need not pay for it

    wait_s = state.delay_s(settings)
    if wait_s is None:
        began_at = WORLD.monotonic()
        result = await call()
        state.record(WORLD.monotonic() - began_at)
        return result
    race = _Race(call, state=state, on_event=on_event)
    timer: asyncio.Future[None] | None = None
    hedges_left = settings.extra_max
    try:
        race.start()
        while race.running and not race.is_won:
            if timer is None and hedges_left:
                timer = asyncio.ensure_future(WORLD.asleep(wait_s))
            timers = () if timer is None else (timer,)
            await asyncio.wait((*race.running, *timers), return_when=asyncio.FIRST_COMPLETED)
            race.look()
            if timer is not None and timer.done() and race.running and not race.is_won:
                timer = None
                if withdraw(WORLD.monotonic()):
                    hedges_left -= 1
                    race.start(after_s=wait_s)
                else:
                    hedges_left = 0
                    race.refuse()
        return race.result()
    finally:
        if timer is not None:
            timer.cancel()
        await race.give_up()


class _Race(Generic[T]):
    """The calls that are made for one; the first is the primary, and hedge number n is at place n."""

    def __init__(self, call: Callable[[], Awaitable[T]], *, state: HedgeState, on_event: OnEvent | None) -> None:
        self._call = call
        self._state = state
        self._on_event = on_event
        self._tasks: list[asyncio.Task[T]] = []
        self._began_at: list[float] = []
        self._winner: int | None = None

    @property
    def running(self) -> list[asyncio.Task[T]]:
        """Who has not ended."""
        return [task for task in self._tasks if not task.done()]

    @property
    def is_won(self) -> bool:
        """Whether one has succeeded."""
        return self._winner is not None

    def start(self, *, after_s: float | None = None) -> None:
        """Make the call once more; `after_s` is how late the answer is by now."""
        import asyncio  # noqa: PLC0415 - as above

        self._began_at.append(WORLD.monotonic())
        task = asyncio.ensure_future(_made(self._call))
        self._tasks.append(task)
        self._state.keep(task)  # type: ignore[arg-type]  # its result is read here alone
        if after_s is not None:
            self._tell("hedge.sent", number=len(self._tasks) - 1, delay_s=after_s)

    def refuse(self) -> None:
        """Tell that the next hedge may not be sent."""
        self._tell("hedge.refused", number=len(self._tasks))

    def look(self) -> None:
        """See whether one has succeeded; of several at once, the earliest sent."""
        for number, task in enumerate(self._tasks):
            if task.done() and not task.cancelled() and task.exception() is None:
                self._won(number)
                return

    def result(self) -> T:
        """The answer, or what the primary raised."""
        return self._tasks[self._winner or 0].result()

    async def give_up(self) -> None:
        """Cancel who is still under way, and wait until they have ended, within reason."""
        import asyncio  # noqa: PLC0415 - as above

        losers = self.running
        if not losers:
            return
        for task in losers:
            task.cancel()
        timer = asyncio.ensure_future(WORLD.asleep(LOSER_WAIT_S))
        try:
            while (running := self.running) and not timer.done():
                await asyncio.wait((*running, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()

    def _won(self, number: int) -> None:
        self._winner = number
        now = WORLD.monotonic()
        took_s = now - self._began_at[number]
        self._state.record(took_s)
        if number:
            # The primary would have taken at least so long. Without it, only the fast would be remembered, and hedges sent ever sooner.
            self._state.record(now - self._began_at[0])
            self._tell("hedge.won", number=number, took_s=took_s)

    def _tell(self, name: str, **fields: object) -> None:
        if self._on_event is not None:
            self._on_event(name, fields)


async def _made(call: Callable[[], Awaitable[T]]) -> T:
    """A call as a coroutine, which is what a task is made of; `call` may return any awaitable."""
    return await call()
