"""Refreshing: making a call again behind the caller's back, so that there is a fresh value next time.

Single flight by key, and bounded: at most `pending_max` refreshes are under way or waiting, and more are not begun. For async functions each is a
task on the caller's loop; for sync functions one daemon thread works them off and ends when there are none. A failure is logged once, until a
refresh works again.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING

from holdfast.guards.ambient import DEADLINE, SPENT

if TYPE_CHECKING:
    import asyncio

__all__ = ["Refresher"]

PENDING_MAX = 100

_log = logging.getLogger("holdfast.refreshing")


class Refresher:
    """The refreshes of one policy. Safe over threads, loops and forks."""

    def __init__(self, policy: str, *, pending_max: int = PENDING_MAX) -> None:
        self._policy = policy
        self._pending_max = pending_max
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._keys: set[str] = set()
        self._waiting: deque[tuple[str, Callable[[], object]]] = deque()
        self._thread: threading.Thread | None = None
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._is_failing = False

    def begin(self, key: str, refresh: Callable[[], object]) -> bool:
        """Refresh in the background thread; False when one for the key is under way, too many are, or no thread can be begun. Never raises."""
        if not self._take(key):
            return False
        context = _free_context()
        with self._lock:
            self._waiting.append((key, lambda: context.run(refresh)))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name=f"holdfast-refresh-{self._policy}", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError as error:  # there are too many, or the interpreter ends: the caller has its answer
                    self._thread = None
                    self._keys.difference_update([waiting for waiting, _ in self._waiting])
                    self._waiting.clear()
                    self._tell(error)
                    return False
        return True

    def begin_async(self, key: str, refresh: Callable[[], Awaitable[object]]) -> bool:
        """Refresh in a task of the running loop; False when one for the key is under way, or too many are."""
        import asyncio  # noqa: PLC0415 - only who has a loop pays for it

        self._forget_closed_loops()
        if not self._take(key):
            return False
        run: Coroutine[object, object, None] = self._run_async(refresh)
        task = asyncio.get_running_loop().create_task(run, context=_free_context())
        self._tasks[task] = key  # a loop holds its tasks weakly
        # A task that is cancelled before it began never reaches its own `finally`.
        task.add_done_callback(self._let_go)
        return True

    @property
    def pending(self) -> int:
        """How many refreshes are under way or waiting."""
        return len(self._keys)

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to work off what is waiting, at most so long; whether it has. For tests and shutdowns."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def _take(self, key: str) -> bool:
        with self._lock:
            if self._process != os.getpid():
                # A child of a fork has our lists, but not the thread that works them off.
                self._process, self._thread, self._keys = os.getpid(), None, set()
                self._waiting.clear()
            if key in self._keys or len(self._keys) >= self._pending_max:
                return False
            self._keys.add(key)
            return True

    def _let_go(self, task: asyncio.Task[None]) -> None:
        key = self._tasks.pop(task, None)
        if key is not None:
            self._keys.discard(key)

    def _forget_closed_loops(self) -> None:
        """Let go of tasks that never end, because their loop was closed around them."""
        for task in list(self._tasks):
            if task.get_loop().is_closed():
                self._let_go(task)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                key, refresh = self._waiting.popleft()
            try:
                refresh()
                self._is_failing = False
            except Exception as error:  # noqa: BLE001 - whatever a user's function raises, the next one has its turn
                self._tell(error)
            finally:
                self._keys.discard(key)

    async def _run_async(self, refresh: Callable[[], Awaitable[object]]) -> None:
        try:
            await refresh()
            self._is_failing = False
        except Exception as error:  # noqa: BLE001 - whatever a user's function raises, nobody awaits this task
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if self._is_failing:
            return
        self._is_failing = True
        # The exception's own words may hold what must not be logged; its kind says enough.
        _log.warning("%s: a value could not be refreshed in the background: %s", self._policy, type(error).__name__)


def _free_context() -> contextvars.Context:
    """The caller's context without its limits: the caller has an answer, and its deadline and attempts are not those of the refresh."""
    context = contextvars.copy_context()
    context.run(DEADLINE.set, None)
    context.run(SPENT.set, 0)
    return context
