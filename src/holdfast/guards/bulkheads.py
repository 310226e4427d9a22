"""The bulkhead at work: it counts who is under way, and keeps those who wait in one queue, whatever thread or event loop they are on.

A place that becomes free is handed to the first who waits, before anybody new can take it: nobody is overtaken, and nobody wakes up for nothing.

```
          handed over              taken
WAITING --------------> GRANTED ----------> GONE       (the permit is the caller's)
   |                       |
   | time over, cancelled  | time over, cancelled
   v                       v
  GONE                    GONE                         (the permit goes to the next)
```
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, unique

from holdfast.errors import BulkheadFull, Rejection
from holdfast.guards.listening import Listening
from holdfast.guards.spells import Spell
from holdfast.guards.stage import Lasting, Permit, Place, Signal
from holdfast.guards.world import WORLD
from holdfast.policies.bulkhead import Admission, Bulkhead, admit

__all__ = ["BulkheadStage"]


class BulkheadStage(Lasting):
    """One bulkhead of one dependency. Safe to use from several threads and event loops at once."""

    name = "bulkhead"

    def __init__(self, settings: Bulkhead, listening: Listening, *, key: str | None = None) -> None:
        # Re-entrant: the collector may close a coroutine that waits here at any moment, also while this thread holds the lock.
        self._lock = threading.RLock()
        self._spell = Spell(self.name, listening, key=key)
        self._active = 0
        self._queue: OrderedDict[_Place, None] = OrderedDict()
        self._settings = settings
        self._full = _full(settings, listening.policy)
        self._late = _late(settings, listening.policy)

    @property
    def active(self) -> int:
        """How many calls are under way, or have been given a place and not taken it yet."""
        return self._active

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    def enter(self, now: float) -> Permit | _Place:
        """Ask to make one attempt.

        Raises:
            BulkheadFull: there is no room, neither to go on nor to wait.
        """
        with self._lock:
            settings = self._settings
            told = admit(settings, active=self._active, waiting=len(self._queue))
            if told is Admission.FULL and self._queue:
                self._clear_away(now)
                told = admit(settings, active=self._active, waiting=len(self._queue))
            entered: Permit | _Place | None = None
            if told is Admission.GO:
                self._active += 1
                entered = _Slot(self)
            elif told is Admission.QUEUE:
                entered = place = _Place(self, until=now + settings.wait_max_s)
                self._queue[place] = None
            rejection = self._full
        if entered is None:
            self._spell.rejected(now, rejection.because)
            raise BulkheadFull(rejection, None)
        if self._spell.is_on:
            self._spell.passed(now)
        return entered

    def adopt(self, newer: BulkheadStage) -> None:
        """Go on with other settings. Who is under way stays; when there is more room, those who wait move up at once."""
        with self._lock:
            self._settings, self._full, self._late = newer._settings, newer._full, newer._late
            more = max(0, min(self._settings.calls_max - self._active, len(self._queue)))
            self._active += more
        for _ in range(more):
            self.hand_on()

    def hand_on(self) -> None:
        """Give the place of a call that has ended to the first who waits and can still be reached; with nobody there, it is free."""
        while True:
            with self._lock:
                if not self._queue or self._active > self._settings.calls_max:
                    self._active -= 1
                    return
                place, _ = self._queue.popitem(last=False)
                place.state = _State.GRANTED
                wake = place.wake
            try:
                if wake is not None:
                    wake()
            except RuntimeError:  # its event loop is closed: nobody will come for the place
                with self._lock:
                    if place.state is not _State.GRANTED:  # it has given the place up itself
                        return
                    place.state = _State.GONE
            else:
                return

    def listen(self, place: _Place, wake: Callable[[], object]) -> bool:
        """Let `wake` be called once it is the turn of `place`; False if it is already."""
        with self._lock:
            place.wake = wake
            return place.state is _State.WAITING

    def leave_queue(self, place: _Place) -> bool:
        """Take `place` out of the queue; True if it had been handed a permit, which is now the caller's."""
        with self._lock:
            state, place.state, place.wake = place.state, _State.GONE, None
            self._queue.pop(place, None)
            return state is _State.GRANTED

    def too_late(self) -> BulkheadFull:
        """The error of a call that has waited in vain."""
        self._spell.rejected(WORLD.monotonic(), self._late.because)
        return BulkheadFull(self._late, None)

    def _clear_away(self, now: float) -> None:
        """Take out who has waited for too long and not left by itself: its event loop stands still, or is gone."""
        while self._queue:
            place = next(iter(self._queue))
            if (
                place.until > now
            ):  # and so are those behind it: they came later, and a rejection must not cost a look at the whole queue
                return
            del self._queue[place]
            place.state = _State.GONE


@unique
class _State(Enum):
    """Where a place in the queue stands; see the top of this module."""

    WAITING = "waiting"
    GRANTED = "granted"
    GONE = "gone"


class _Slot:
    """Leave to make one attempt."""

    __slots__ = ("_stage",)

    def __init__(self, stage: BulkheadStage) -> None:
        self._stage: BulkheadStage | None = stage

    def leave(self, signal: Signal) -> None:  # noqa: ARG002 - however a call ends, its place is free
        stage, self._stage = self._stage, None
        if stage is not None:
            stage.hand_on()


class _Place(Place):
    """A place in the queue. `until` is when the bulkhead's own patience ends, on the monotonic clock."""

    __slots__ = ("_stage", "state", "until", "wake")

    def __init__(self, stage: BulkheadStage, *, until: float) -> None:
        self._stage = stage
        self.until = until
        self.state = _State.WAITING
        self.wake: Callable[[], object] | None = None

    @property
    def patience_s(self) -> float:
        """How long the bulkhead lets this call wait from now on, in seconds."""
        return max(0.0, self.until - WORLD.monotonic())

    def too_late(self) -> BulkheadFull:
        """The error of a call that has waited in vain."""
        return self._stage.too_late()

    def wait(self, timeout_s: float) -> Permit | None:
        """Block this thread until it is our turn, at most `timeout_s` seconds; None when the time was over."""
        turn = threading.Event()
        try:
            if self._stage.listen(self, turn.set):
                WORLD.wait(turn, timeout_s)
        except (
            BaseException
        ):  # an interrupt from the keyboard, for one: whoever does not wait must not be handed a place
            self.give_up()
            raise
        return self._settle()

    async def wait_async(self, timeout_s: float) -> Permit | None:
        """The same on an event loop. A task that is cancelled here gives its place up and keeps no permit."""
        import asyncio  # noqa: PLC0415 - a program without an event loop need not pay for it

        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        timer: asyncio.Future[None] | None = None
        try:
            if self._stage.listen(self, lambda: loop.call_soon_threadsafe(_come, turn)):
                timer = asyncio.ensure_future(WORLD.asleep(timeout_s))
                await asyncio.wait((turn, timer), return_when=asyncio.FIRST_COMPLETED)
        except BaseException:  # cancelled, or closed by the collector; passed on as it is
            self.give_up()
            raise
        finally:
            if timer is not None and not loop.is_closed():
                timer.cancel()
        return self._settle()

    def give_up(self) -> None:
        """Leave the queue; a permit that has just been handed over goes to the next."""
        if self._stage.leave_queue(self):
            self._stage.hand_on()

    def _settle(self) -> Permit | None:
        return _Slot(self._stage) if self._stage.leave_queue(self) else None


def _come(turn: object) -> None:
    """Resolve a future, on its own loop, unless its task was cancelled in the meantime."""
    if not turn.done():  # type: ignore[attr-defined]  # an asyncio.Future; naming the type would import asyncio
        turn.set_result(None)  # type: ignore[attr-defined]  # the same


def _full(settings: Bulkhead, policy: str) -> Rejection:
    queue = f", and {settings.queue_max} wait for a place" if settings.queue_max else ""
    calls = "call" if settings.calls_max == 1 else "calls"
    return Rejection(
        policy=policy,
        because=f"{policy!r} has {settings.calls_max} {calls} under way{queue}: the bulkhead is full",
        next_step="Try again when some of them have ended, or allow more with calls_max or queue_max.",
    )


def _late(settings: Bulkhead, policy: str) -> Rejection:
    return Rejection(
        policy=policy,
        because=f"{policy!r} had no place for this call within {settings.wait_max_s:g} s: {settings.calls_max} others are under way",
        next_step="Find out why they take so long, or allow more with calls_max or wait_max_s.",
    )
