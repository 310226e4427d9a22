"""Refreshing a credential in process: one refresh for everybody who met the same expired token, over threads, tasks and event loops.

Single flight: who comes while a refresh is under way waits for it and shares its result, or its failure. Guarded by generation: a call that failed
with the token before the last refresh starts none, it is told that there is a newer one. A failure is remembered for a moment (`rest_s`), so that
a thousand calls do not ask a broken token endpoint a thousand times.

A task that leads a refresh may be cancelled: the refresh goes on without it. A loop that ends takes its refresh along; whoever waited elsewhere
begins another.
"""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from enum import Enum, unique
from typing import TYPE_CHECKING

from holdfast.guards.world import WORLD
from holdfast.policies.checks import function_problem, number_problem, refuse

if TYPE_CHECKING:
    import asyncio

__all__ = ["CredentialRefresher", "RefreshFailed"]

ROUNDS_MAX = 3
"""How often somebody who waits for a refresh that was given up takes part in the next one."""

_WITHIN: contextvars.ContextVar[tuple[_Flight, ...]] = contextvars.ContextVar("holdfast_refreshing", default=())
"""The refreshes on whose behalf something is called; threads and tasks begun for them carry it along."""

_NOT_BEGUN = "the refresh was given up before its end"


class RefreshFailed(Exception):
    """A credential was not renewed; the text says why, never with anything secret. What the refresher raised is the `__cause__`."""


@unique
class _Part(Enum):
    """What somebody who wants a newer credential has to do."""

    LEAD = "lead"
    WAIT = "wait"
    FRESH = "fresh"
    FAILED = "failed"


class _Flight:
    """One refresh under way: whoever waits for it, in threads and on loops."""

    __slots__ = ("_callbacks", "_event", "_lock", "abandoned", "answer", "error", "leased_until", "task", "thread")

    def __init__(self, *, leased_until: float) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._callbacks: list[Callable[[], object]] = []
        self.leased_until = leased_until
        self.thread = threading.get_ident()
        self.task: asyncio.Task[None] | None = None
        self.answer: object = None
        self.error: Exception | None = None
        self.abandoned = False

    def settle(self, *, answer: object = None, error: Exception | None = None, abandoned: bool = False) -> None:
        """Say how it ended; the first word counts."""
        with self._lock:
            if self._event.is_set():
                return
            self.answer, self.error, self.abandoned = answer, error, abandoned
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @property
    def is_settled(self) -> bool:
        """Whether it has ended."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Block this thread until it ends; False when that takes longer."""
        return self._event.wait(max(0.0, timeout_s))

    async def wait_async(self, timeout_s: float) -> bool:
        """The same for a task; being cancelled here changes nothing for the others."""
        import asyncio  # noqa: PLC0415 - only who has a loop pays for it

        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not ended.done():
                ended.set_result(None)

        def call_back() -> None:
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # its loop is closed: nobody waits there any more
                return

        with self._lock:
            if self._event.is_set():
                return True
            self._callbacks.append(call_back)
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await ended
        except TimeoutError:
            return self._event.is_set()
        finally:
            with self._lock:
                if call_back in self._callbacks:  # whoever does not wait any more is not remembered
                    self._callbacks.remove(call_back)
        return True


class CredentialRefresher:
    """Renews one credential by a function of yours, sync or async, which also puts the new token where calls find it.

    Safe to use from several threads and loops. `timeout_s` (default 30 s, 1 ms to an hour) bounds an async function, and is how long a refresh is
    waited for: one that takes longer loses its lead, and another may begin. `rest_s` (default 5 s, 0 to an hour) is how long a failure stands for
    all who come. An async function that a sync call needs runs in an event loop of its own; a sync one that a task needs, in a thread.

    Raises:
        BadSettings: a number is out of range, or there is no function.
    """

    def __init__(
        self, name: str, function: Callable[[], object], *, timeout_s: float = 30.0, rest_s: float = 5.0
    ) -> None:
        refuse(
            f"refresher of {name!r}",
            [
                ("function", function_problem(function)),
                ("timeout_s", number_problem(timeout_s, 0.001, 3600)),
                ("rest_s", number_problem(rest_s, 0, 3600)),
            ],
        )
        self.name = name
        self.timeout_s = timeout_s
        self.rest_s = rest_s
        self._function = function
        self._lock = threading.Lock()
        self._generation = 0
        self._answer: object = None
        self._flight: _Flight | None = None
        self._failure: Exception | None = None
        self._rests_until = 0.0

    @property
    def generation(self) -> int:
        """How often the credential was renewed; read it before a call, and give it with the failure."""
        return self._generation

    def renew(self, *, since: int, timeout_s: float) -> object:
        """See to it that the credential is newer than generation `since`, waiting at most `timeout_s`; returns what the function returned.

        Raises:
            RefreshFailed: it is not.
        """
        until = WORLD.monotonic() + timeout_s
        for _ in range(ROUNDS_MAX):
            part, flight = self._join(since)
            if part is _Part.LEAD:
                self._fly(flight)
            elif part is not _Part.WAIT:
                return self._standing(part)
            elif flight.thread == threading.get_ident() and not flight.is_settled:
                # Its leader is a task of the loop that this call holds up.
                raise self._itself()
            elif not flight.wait(until - WORLD.monotonic()):
                raise RefreshFailed(f"the refresh of {self.name!r} took longer than there was time")
            if not flight.abandoned:
                return self._outcome(flight)
        raise RefreshFailed(_NOT_BEGUN)

    async def renew_async(self, *, since: int, timeout_s: float) -> object:
        """The same for a task.

        Raises:
            RefreshFailed: as `renew`.
        """
        until = WORLD.monotonic() + timeout_s
        for _ in range(ROUNDS_MAX):
            part, flight = self._join(since)
            if part is _Part.LEAD:
                self._lead(flight)
            elif part is not _Part.WAIT:
                return self._standing(part)
            if not await flight.wait_async(until - WORLD.monotonic()):
                raise RefreshFailed(f"the refresh of {self.name!r} took longer than there was time")
            if not flight.abandoned:
                return self._outcome(flight)
        raise RefreshFailed(_NOT_BEGUN)

    def _join(self, since: int) -> tuple[_Part, _Flight]:
        now = WORLD.monotonic()
        with self._lock:
            flight = self._flight
            if since < self._generation:
                return _Part.FRESH, flight or _Flight(leased_until=now)
            if flight is not None and not flight.is_settled and now < flight.leased_until:
                if flight in _WITHIN.get():
                    raise self._itself()
                return _Part.WAIT, flight
            if self._failure is not None and now < self._rests_until:
                return _Part.FAILED, flight or _Flight(leased_until=now)
            self._flight = flight = _Flight(leased_until=now + self.timeout_s)
            return _Part.LEAD, flight

    def _itself(self) -> RefreshFailed:
        return RefreshFailed(f"the refresh of {self.name!r} would wait for itself")

    def _standing(self, part: _Part) -> object:
        """What is known without asking: there is a newer one, or asking has just failed."""
        failure = self._failure
        if part is _Part.FAILED and failure is not None:
            raise self._failed(failure)
        return self._answer

    def _outcome(self, flight: _Flight) -> object:
        if flight.error is not None:
            raise self._failed(flight.error)
        return flight.answer

    def _failed(self, error: Exception) -> RefreshFailed:
        failed = RefreshFailed(f"renewing {self.name!r} failed with {type(error).__name__}")
        failed.__cause__ = error
        return failed

    def _settle(self, flight: _Flight, *, answer: object = None, error: Exception | None = None) -> None:
        with self._lock:
            if error is None:
                self._generation += 1
                self._answer = answer
                self._failure = None
            else:
                self._failure, self._rests_until = error, WORLD.monotonic() + self.rest_s
        flight.settle(answer=answer, error=error)

    def _fly(self, flight: _Flight) -> None:
        """Renew in this thread."""
        token = _WITHIN.set((*_WITHIN.get(), flight))
        try:
            answer = self._function()
            if inspect.isawaitable(answer):
                answer = _run_to_end(answer)
        except Exception as error:  # noqa: BLE001 - whatever a user's function raises is told to all who wait
            self._settle(flight, error=error)
        except BaseException:
            flight.settle(abandoned=True)
            raise
        else:
            self._settle(flight, answer=answer)
        finally:
            _WITHIN.reset(token)

    def _lead(self, flight: _Flight) -> None:
        """Renew in a task of its own, which goes on when whoever needs it is cancelled."""
        import asyncio  # noqa: PLC0415 - only who has a loop pays for it

        flight.task = asyncio.get_running_loop().create_task(self._fly_async(flight))
        # A task that is cancelled before it began never reaches its own code.
        flight.task.add_done_callback(lambda _: flight.settle(abandoned=True))

    async def _fly_async(self, flight: _Flight) -> None:
        import asyncio  # noqa: PLC0415 - as above

        _WITHIN.set((*_WITHIN.get(), flight))  # this task's own context, which ends with it
        try:
            async with asyncio.timeout(self.timeout_s):
                if _is_async(self._function):
                    answer = self._function()
                else:
                    answer = await asyncio.to_thread(self._function)
                if inspect.isawaitable(answer):
                    answer = await answer
        except Exception as error:  # noqa: BLE001 - as in `_fly`
            self._settle(flight, error=error)
        else:
            self._settle(flight, answer=answer)


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - the function behind it


def _holds_a_loop() -> bool:
    """Whether this thread is running an event loop right now."""
    import asyncio  # noqa: PLC0415 - only an async refresher needs it here

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_to_end(awaitable: Awaitable[object]) -> object:
    """Run something awaitable from plain code: in a loop of this thread, or of another thread when this one holds up a loop already."""
    import asyncio  # noqa: PLC0415 - only an async refresher needs it here

    async def run() -> object:
        return await awaitable

    if not _holds_a_loop():
        return asyncio.run(run())
    found: list[object] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            found.append(asyncio.run(run()))
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits, and raised there
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="holdfast-refresh", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]
