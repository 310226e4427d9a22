"""Waiting calls: a queue in memory of calls that could not be made, to be made when the program says so.

Bounded, in order, and lost with the process: its receipts say `durable=False`. It begins nothing by itself. Where a call must not be lost, a durable
queue takes its place (`QueueForLater(sink=…)`).
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections import deque
from dataclasses import dataclass
from itertools import count

from holdfast.errors import QueueFull, Rejected
from holdfast.ports.later import KeptCall, Receipt

__all__ = ["Ran", "WaitingCalls"]

_log = logging.getLogger("holdfast.later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of waiting calls: how many were `done`, the one that `failed` with its `error` (None: none did), and how many are `left`.

    The first failure ends the run. A call that was turned away unsent is back at its place and not in `failed`; one that failed otherwise has
    left the queue, because whether it took effect is not for a queue to guess. So has one that was interrupted (cancelled, Ctrl-C), which ends the
    run without this: the log tells of it.
    """

    done: int
    left: int
    failed: KeptCall | None = None
    error: Exception | None = None


class WaitingCalls:
    """A queue in memory. Safe over threads."""

    def __init__(self, name: str, *, size_max: int) -> None:
        self.name = name
        self.size_max = size_max
        self._calls: deque[KeptCall] = deque()
        self._under_way = 0
        self._ids = count(1)
        self._lock = threading.Lock()

    def keep(self, call: KeptCall) -> Receipt:
        """Keep a call.

        Raises:
            QueueFull: there is no room; nothing was kept.
        """
        with self._lock:
            # One that is being made keeps its place: it may have to come back.
            place = len(self._calls) + self._under_way + 1
            if place > self.size_max:
                why = f"the queue {self.name!r} holds {self.size_max} calls already"
                raise QueueFull(call.policy, "queued", why=why)
            self._calls.append(call)
            return Receipt(queue=self.name, place=place, durable=False, id=f"{self.name}-{next(self._ids)}")

    def __len__(self) -> int:
        """How many calls wait."""
        return len(self._calls)

    def run(self, *, limit: int = 1_000_000) -> Ran:
        """Make waiting calls, oldest first, through their policies, until one fails, none is left, or `limit` are done.

        Raises:
            TypeError: the next one is of an async function; use `run_async`.
        """
        done = 0
        while done < limit and (call := self._take(is_async=False)) is not None:
            try:
                call.run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is handed back
                return self._stopped(call, error, done=done)
            except BaseException:
                self._interrupted(call)
                raise
            self._put_down()
            done += 1
        return Ran(done=done, left=len(self))

    async def run_async(self, *, limit: int = 1_000_000) -> Ran:
        """The same on an event loop, for calls of sync and async functions."""
        done = 0
        while done < limit and (call := self._take(is_async=True)) is not None:
            try:
                answer = call.run()
                if inspect.isawaitable(answer):
                    await answer
            except Exception as error:  # noqa: BLE001 - whatever it is, it is handed back
                return self._stopped(call, error, done=done)
            except BaseException:
                self._interrupted(call)
                raise
            self._put_down()
            done += 1
        return Ran(done=done, left=len(self))

    def _take(self, *, is_async: bool) -> KeptCall | None:
        with self._lock:
            if not self._calls:
                return None
            if self._calls[0].is_async and not is_async:
                raise TypeError(
                    f"The next call in {self.name!r} is of an async function: await run_async() instead of run()."
                )
            self._under_way += 1
            return self._calls.popleft()

    def _put_down(self, back: KeptCall | None = None) -> None:
        with self._lock:
            self._under_way -= 1
            if back is not None:
                self._calls.appendleft(back)

    def _interrupted(self, call: KeptCall) -> None:
        """A call was cut short: it may have taken effect, so it must not be made again unasked, and must not be lost in silence either."""
        self._put_down()
        _log.warning(
            "%s: a call of %s was interrupted and has left the queue; whether it took effect is not known",
            self.name,
            call.operation,
        )

    def _stopped(self, call: KeptCall, error: Exception, *, done: int) -> Ran:
        if isinstance(error, Rejected):
            self._put_down(call)
            return Ran(done=done, left=len(self), error=error)
        self._put_down()
        return Ran(done=done, left=len(self), failed=call, error=error)
