"""Threads for users' plain functions: a call that overruns its time cannot be interrupted, so it is left to itself and its result still awaited.

Each call has a thread of its own, which ends with the process. Those that overran are counted and bounded: beyond that no more are begun, so that
functions which hang cost a worker so many threads and not all its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ended", "FunctionThreads", "TooManyOverruns"]


class TooManyOverruns(Exception):
    """So many calls have overrun their time and run on that no more are begun; `number` of them."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"{number} functions have overrun their time limit and still run in this worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a function ended: what it returned, or what it raised."""

    value: object = None
    raised: BaseException | None = None


class FunctionThreads:
    """Runs plain functions, for one event loop."""

    def __init__(self, *, overruns_max: int) -> None:
        self._overruns_max = overruns_max
        self._overruns = 0

    async def run(self, function: Callable[[], object], *, timeout_s: float, late: Callable[[Ended], None]) -> Ended:
        """Return how a function ended. If that takes longer than `timeout_s`, `late` is called with it when it does, on the loop.

        Raises:
            TimeoutError: it takes longer.
            TooManyOverruns: it was not begun.
        """
        if self._overruns >= self._overruns_max:
            raise TooManyOverruns(self._overruns)
        running = begin(function)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(running)
        except TimeoutError:
            self._overruns += 1
            running.add_done_callback(lambda done: self._came_late(done, late))
            raise

    def _came_late(self, done: asyncio.Future[Ended], late: Callable[[Ended], None]) -> None:
        self._overruns -= 1
        if not done.cancelled():
            late(done.result())


def begin(function: Callable[[], object]) -> asyncio.Future[Ended]:
    """Start a function in a thread of its own; the future is the loop's."""
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[Ended] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        """Run it, and bring how it ended back to the loop."""
        try:
            ended = Ended(value=context.run(function))
        except BaseException as exc:  # noqa: BLE001 - whatever it raises, also to end a thread, is how the call ended
            ended = Ended(raised=exc)
        # The loop may have ended in the meantime: then nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, ending, ended)

    threading.Thread(target=work, name="holdfast-function", daemon=True).start()
    return ending


def settle(ending: asyncio.Future[Ended], ended: Ended) -> None:
    """Hand the result over, if anybody still waits."""
    if not ending.done():
        ending.set_result(ended)
