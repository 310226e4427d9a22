"""The hot way: one closure for each guarded function, in which a success costs little more than the call.

This is the one sanctioned place where a decision is made without asking the pure model: "nothing is out of the ordinary". The gate is None, the call
returned, it was not slow: then the circuit's window gets its one, and that is all. A call that an open circuit turns away is turned away here, too,
because while a dependency is down that is what every call costs. Everything else (a failure, a slow call, a probe) is handed to the course, which
begins with the first attempt as already made. A property test holds both to the same outcome and the same trace.

Each of them is written out, though they look alike, because every layer between them would cost more than the work they do. Names that are used
on the way are local to the closure for the same reason, and the clock is looked up as a local: a method of an
instance with slots would be looked up the long way at each call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Protocol

from holdfast.errors import CircuitOpen, TimedOut
from holdfast.guards.ambient import DEADLINE, LIMITS
from holdfast.guards.course import Failed, First
from holdfast.guards.shapes import refuse_awaitable
from holdfast.guards.world import WORLD

if TYPE_CHECKING:
    from holdfast.guards.circuit import Cell

__all__ = ["Longer", "LongerAsync", "fuse_async", "fuse_sync"]


class Longer(Protocol):
    """The way of a call that is out of the ordinary, in a thread."""

    def __call__(
        self,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        first: First | None = None,
    ) -> object:
        """Make the call as a course, from its beginning or from its first attempt on."""


class LongerAsync(Protocol):
    """The same on an event loop."""

    def __call__(
        self,
        function: Callable[..., Awaitable[object]],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        first: First | None = None,
    ) -> Awaitable[object]:
        """Make the call as a course, from its beginning or from its first attempt on."""


def fuse_sync(
    policy: str,
    function: Callable[..., object],
    *,
    cell: Cell,
    longer: Longer,
    timed: bool,
    limit_s: float | None,
) -> Callable[..., object]:
    """The closure around a plain function.

    Args:
        policy: its name, for the one refusal that can come from here.
        function: what is guarded.
        cell: the circuit, with its gate and window.
        longer: the other way.
        timed: whether the clock has to be read: slow calls are watched, or the window is one of time.
        limit_s: the time that is passed down as the ambient deadline; None without one.
    """
    if limit_s is not None:
        call = _limited(policy, function, cell, longer=longer, limit_s=limit_s)
    else:
        call = (_timed if timed else _plain)(policy, function, cell, longer=longer)
    return update_wrapper(call, function)


def fuse_async(
    policy: str,
    function: Callable[..., Awaitable[object]],
    *,
    cell: Cell,
    longer: LongerAsync,
    timed: bool,
    limit_s: float | None,
    limit: str,
) -> Callable[..., Awaitable[object]]:
    """The closure around a coroutine function; arguments as in `fuse_sync`, but an attempt is interrupted after `limit_s`, and `limit` says whose."""
    if limit_s is not None:
        call = _limited_async(policy, function, cell, longer=longer, limit_s=limit_s, limit=limit)
    else:
        call = (_timed_async if timed else _plain_async)(function, cell, longer=longer)
    return update_wrapper(call, function)


def _plain(policy: str, function: Callable[..., object], cell: Cell, *, longer: Longer) -> Callable[..., object]:
    world = WORLD
    outer, limits = DEADLINE.get, LIMITS
    proven = False

    def call(*args: object, **kwargs: object) -> object:
        nonlocal proven
        gate = cell.gate
        if gate is not None:
            clock = world.monotonic
            wait_s = gate[0] - clock()
            if wait_s > 0:
                cell.turned_away += 1
                raise CircuitOpen(gate[1], wait_s)
            return longer(function, args, kwargs)
        if limits.kept and (until := outer()) is not None and until <= world.monotonic():
            return longer(function, args, kwargs)  # too late to begin anything
        window = cell.window
        try:
            result = function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - whatever the guarded call raises is what the course is about
            failed = Failed(exc)
        else:
            if not proven:
                refuse_awaitable(policy, function, result)
                proven = True
            window.ok += 1
            return result
        try:
            return longer(function, args, kwargs, first=First(failed, world.monotonic(), window))
        finally:
            del failed  # a frame that holds an exception that holds the frame stays until the collector comes

    return call


def _timed(policy: str, function: Callable[..., object], cell: Cell, *, longer: Longer) -> Callable[..., object]:
    world = WORLD
    outer, limits = DEADLINE.get, LIMITS
    proven = False

    def call(*args: object, **kwargs: object) -> object:
        nonlocal proven
        gate = cell.gate
        if gate is not None:
            clock = world.monotonic
            wait_s = gate[0] - clock()
            if wait_s > 0:
                cell.turned_away += 1
                raise CircuitOpen(gate[1], wait_s)
            return longer(function, args, kwargs)
        window = cell.window
        clock = world.monotonic
        started = clock()
        if limits.kept and (until := outer()) is not None and until <= started:
            return longer(function, args, kwargs)  # too late to begin anything
        try:
            result = function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - as above
            failed = Failed(exc)
        else:
            if not proven:
                refuse_awaitable(policy, function, result)
                proven = True
            now = clock()
            if now >= window.edge or now - started >= cell.slow_s:
                cell.succeeded(window, took_s=now - started, now=now)
            else:
                window.ok += 1
            return result
        try:
            return longer(function, args, kwargs, first=First(failed, started, window))
        finally:
            del failed

    return call


def _limited(
    policy: str, function: Callable[..., object], cell: Cell, *, longer: Longer, limit_s: float
) -> Callable[..., object]:
    world = WORLD
    proven = False
    outer, put, take_back, limits = DEADLINE.get, DEADLINE.set, DEADLINE.reset, LIMITS

    def call(*args: object, **kwargs: object) -> object:
        nonlocal proven
        gate = cell.gate
        if gate is not None:
            clock = world.monotonic
            wait_s = gate[0] - clock()
            if wait_s > 0:
                cell.turned_away += 1
                raise CircuitOpen(gate[1], wait_s)
            return longer(function, args, kwargs)
        window = cell.window
        clock = world.monotonic
        started = clock()
        until = outer()
        if until is not None and until < started + limit_s:
            return longer(function, args, kwargs)  # less time than usual: the longer way knows whose limit it is
        limits.kept += 1
        token = put(started + limit_s)
        try:
            result = function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - as above
            failed = Failed(exc)
        else:
            if not proven:
                refuse_awaitable(policy, function, result)
                proven = True
            now = clock()
            if now >= window.edge or now - started >= cell.slow_s:
                cell.succeeded(window, took_s=now - started, now=now)
            else:
                window.ok += 1
            return result
        finally:
            limits.kept -= 1
            take_back(token)
        try:
            return longer(function, args, kwargs, first=First(failed, started, window))
        finally:
            del failed

    return call


def _plain_async(
    function: Callable[..., Awaitable[object]], cell: Cell, *, longer: LongerAsync
) -> Callable[..., Awaitable[object]]:
    world = WORLD
    outer, limits = DEADLINE.get, LIMITS

    async def call(*args: object, **kwargs: object) -> object:
        gate = cell.gate
        if gate is not None:
            clock = world.monotonic
            wait_s = gate[0] - clock()
            if wait_s > 0:
                cell.turned_away += 1
                raise CircuitOpen(gate[1], wait_s)
            return await longer(function, args, kwargs)
        if limits.kept and (until := outer()) is not None and until <= world.monotonic():
            return await longer(function, args, kwargs)  # too late to begin anything
        window = cell.window
        try:
            result = await function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - as above
            failed = Failed(exc)
        else:
            window.ok += 1
            return result
        try:
            return await longer(function, args, kwargs, first=First(failed, world.monotonic(), window))
        finally:
            del failed

    return call


def _timed_async(
    function: Callable[..., Awaitable[object]], cell: Cell, *, longer: LongerAsync
) -> Callable[..., Awaitable[object]]:
    world = WORLD
    outer, limits = DEADLINE.get, LIMITS

    async def call(*args: object, **kwargs: object) -> object:
        gate = cell.gate
        if gate is not None:
            clock = world.monotonic
            wait_s = gate[0] - clock()
            if wait_s > 0:
                cell.turned_away += 1
                raise CircuitOpen(gate[1], wait_s)
            return await longer(function, args, kwargs)
        window = cell.window
        clock = world.monotonic
        started = clock()
        if limits.kept and (until := outer()) is not None and until <= started:
            return await longer(function, args, kwargs)  # too late to begin anything
        try:
            result = await function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - as above
            failed = Failed(exc)
        else:
            now = clock()
            if now >= window.edge or now - started >= cell.slow_s:
                cell.succeeded(window, took_s=now - started, now=now)
            else:
                window.ok += 1
            return result
        try:
            return await longer(function, args, kwargs, first=First(failed, started, window))
        finally:
            del failed

    return call


def _limited_async(
    policy: str,
    function: Callable[..., Awaitable[object]],
    cell: Cell,
    *,
    longer: LongerAsync,
    limit_s: float,
    limit: str,
) -> Callable[..., Awaitable[object]]:
    from asyncio import timeout  # noqa: PLC0415 - a program that awaits has it loaded

    world = WORLD
    outer, put, take_back, limits = DEADLINE.get, DEADLINE.set, DEADLINE.reset, LIMITS

    async def call(*args: object, **kwargs: object) -> object:
        gate = cell.gate
        if gate is not None:
            clock = world.monotonic
            wait_s = gate[0] - clock()
            if wait_s > 0:
                cell.turned_away += 1
                raise CircuitOpen(gate[1], wait_s)
            return await longer(function, args, kwargs)
        window = cell.window
        clock = world.monotonic
        started = clock()
        until = outer()
        if until is not None and until < started + limit_s:
            return await longer(function, args, kwargs)  # less time than usual: the longer way knows whose limit it is
        limits.kept += 1
        token = put(started + limit_s)
        timer = timeout(limit_s)
        try:
            async with timer:
                result = await function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - as above
            late = timer.expired() and isinstance(exc, TimeoutError)
            failed = Failed(_late(TimedOut(policy, kind=limit, limit_s=limit_s), exc) if late else exc)
        else:
            now = clock()
            if now >= window.edge or now - started >= cell.slow_s:
                cell.succeeded(window, took_s=now - started, now=now)
            else:
                window.ok += 1
            return result
        finally:
            limits.kept -= 1
            take_back(token)
        try:
            return await longer(function, args, kwargs, first=First(failed, started, window))
        finally:
            del failed

    return call


def _late(error: TimedOut, exc: Exception) -> TimedOut:
    """Ours with the cancellation as its cause: its traceback shows where the call hung."""
    error.__cause__ = exc.__cause__
    return error
