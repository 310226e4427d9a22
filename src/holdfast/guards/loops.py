"""The two loops: carry out what a course asks for, in a thread or on an event loop. They decide nothing.

A sync attempt cannot be interrupted; its limit is passed down as the ambient deadline, for whatever client can keep to it. An async attempt is
interrupted by `asyncio.timeout`, which tells its own expiry from a cancellation of the task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from holdfast.errors import TimedOut
from holdfast.guards.ambient import DEADLINE, SPENT, put_deadline, take_deadline_back
from holdfast.guards.course import Attempt, Course, Done, Failed, Overtaken, Pause, Queue, Told, ended
from holdfast.guards.hedging import hedged
from holdfast.guards.shapes import refuse_awaitable
from holdfast.guards.world import WORLD

__all__ = ["run_async", "run_sync"]


def run_sync(
    policy: str, steps: Course, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Carry out a course around a plain function.

    Raises:
        Exception: whatever the course ends with.
    """
    told: Told = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration as end:
            return ended(end.value)
        told = None
        try:
            if isinstance(step, Attempt):
                told = _attempt_sync(policy, step, function, args, kwargs)
            elif isinstance(step, Pause):
                WORLD.sleep(step.seconds)
            else:
                told = step.place.wait(step.timeout_s)
        except BaseException as exc:
            # Not an answer of the call but the end of the program or of the wait: the course gives back what it holds.
            steps.throw(exc)
            raise


def _attempt_sync(
    policy: str,
    step: Attempt,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> Done | Failed:
    if step.limit_s is None and not step.spent:
        try:
            result = function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - whatever the guarded call raises is what the course is about
            return Failed(exc)
        refuse_awaitable(policy, function, result)
        return Done(result)
    if step.limit_s is not None and step.limit_s <= 0:
        return Failed(TimedOut(policy, kind="deadline", limit_s=0.0, begun=False))
    limit = None if step.limit_s is None else put_deadline(WORLD.monotonic() + step.limit_s)
    spent = SPENT.set(step.spent)
    try:
        result = function(*args, **kwargs)
    except Exception as exc:  # noqa: BLE001 - as above
        return Failed(exc)
    finally:
        SPENT.reset(spent)
        if limit is not None:
            take_deadline_back(limit)
    refuse_awaitable(policy, function, result)
    return Done(result)


async def run_async(
    policy: str,
    steps: Course,
    function: Callable[..., Awaitable[object]],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> object:
    """Carry out a course around a coroutine function.

    Raises:
        Exception: whatever the course ends with.
    """
    told: Told = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration as end:
            return end.value
        told = None
        try:
            if isinstance(step, Attempt):
                attempt = _attempt_async if step.hedge is None else _attempt_hedged
                told = await attempt(policy, step, function, args, kwargs)
            elif isinstance(step, Pause):
                await WORLD.asleep(step.seconds)
            else:
                assert isinstance(step, Queue), "there is no other step"
                told = await step.place.wait_async(step.timeout_s)
        except BaseException as exc:
            steps.throw(exc)
            raise


async def _attempt_async(
    policy: str,
    step: Attempt,
    function: Callable[..., Awaitable[object]],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> Done | Failed:
    limit_s = step.limit_s
    if limit_s is not None and limit_s <= 0:
        return Failed(TimedOut(policy, kind="deadline", limit_s=0.0, begun=False))
    limit = None if limit_s is None else put_deadline(WORLD.monotonic() + limit_s)
    spent = SPENT.set(step.spent) if step.spent else None
    try:
        if limit_s is None:
            return Done(await function(*args, **kwargs))
        return await _limited(policy, step, function, args, kwargs)
    except Exception as exc:  # noqa: BLE001 - whatever the guarded call raises is what the course is about
        return Failed(exc)
    finally:
        if spent is not None:
            SPENT.reset(spent)
        if limit is not None:
            take_deadline_back(limit)


async def _attempt_hedged(
    policy: str,
    step: Attempt,
    function: Callable[..., Awaitable[object]],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> Done | Failed:
    """The attempt and its hedges: the first is the attempt itself, each other one passes the stages for itself."""
    hedging = step.hedge
    assert hedging is not None, "it is asked for"
    made = 0
    failed: Exception | None = None

    async def make() -> Done:
        nonlocal made, failed
        made += 1
        if made > 1:
            if hedging.until is not None:
                DEADLINE.set(hedging.until)  # in the context of its own task
            return Overtaken(await run_async(policy, hedging.leg(), function, args, kwargs))
        told = await _attempt_async(policy, step, function, args, kwargs)
        if isinstance(told, Failed):
            failed = told.exc
            raise told.exc
        return told

    try:
        told = await hedged(
            make, hedging.settings, state=hedging.state, withdraw=hedging.withdraw, on_event=hedging.tell
        )
    except Exception as exc:  # noqa: BLE001 - what the attempt itself raised
        return Failed(exc)
    return Overtaken(told.result, failed) if isinstance(told, Overtaken) else told


async def _limited(
    policy: str,
    step: Attempt,
    function: Callable[..., Awaitable[object]],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> Done | Failed:
    import asyncio  # noqa: PLC0415 - costs 30 ms, which a program without an event loop need not pay

    timer = asyncio.timeout(step.limit_s)
    try:
        async with timer:
            return Done(await function(*args, **kwargs))
    except TimeoutError as exc:
        if not timer.expired():
            raise
        error = TimedOut(policy, kind=step.limit, limit_s=step.limit_s or 0.0)
        error.__cause__ = exc.__cause__
        return Failed(error)
