"""Guarding generators: consuming one from its start to its end is one attempt.

A generator that fails is started again only as long as it has delivered nothing, or if its author says that starting again does no harm
(`restartable`): a consumer must not get the first rows twice. What a consumer throws in, or its leaving early, says nothing about the dependency.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping

from holdfast.errors import TimedOut
from holdfast.guards.ambient import DEADLINE
from holdfast.guards.course import Attempt, Course, Done, Failed, Pause, Progress, Queue, Told
from holdfast.guards.world import WORLD

__all__ = ["stream_async", "stream_sync"]

Rows = Generator[object, object, object]
AsyncRows = AsyncGenerator[object, object]


def stream_sync(
    policy: str,
    steps: Course,
    function: Callable[..., Rows],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    *,
    progress: Progress,
) -> Rows:
    """Carry out a course around a generator function.

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
                told = yield from _attempt_sync(policy, step, function(*args, **kwargs), progress)
            elif isinstance(step, Pause):
                WORLD.sleep(step.seconds)
            else:
                told = step.place.wait(step.timeout_s)
        except BaseException as exc:
            steps.throw(exc)
            raise


def _attempt_sync(
    policy: str, step: Attempt, rows: Rows, progress: Progress
) -> Generator[object, object, Done | Failed]:
    """Consume a generator, passing values, sent values and exceptions through; counts what it delivers."""
    if step.limit_s is not None and step.limit_s <= 0:
        return Failed(TimedOut(policy, kind="deadline", limit_s=0.0, begun=False))
    until = None if step.limit_s is None else WORLD.monotonic() + step.limit_s
    sent: object = None
    thrown: BaseException | None = None
    while True:
        token = None if until is None else DEADLINE.set(until)
        try:
            value = rows.send(sent) if thrown is None else rows.throw(thrown)
        except StopIteration as end:
            return Done(end.value)
        except Exception as exc:
            if exc is thrown:
                raise
            return Failed(exc)
        finally:
            # Set for the generator alone: a context variable that is set in a generator would reach its consumer.
            if token is not None:
                DEADLINE.reset(token)
        progress.delivered += 1
        sent, thrown = None, None
        try:
            sent = yield value
        except GeneratorExit:
            rows.close()
            raise
        except BaseException as exc:  # noqa: BLE001 - it is the generator's to answer
            thrown = exc


async def stream_async(
    policy: str,
    steps: Course,
    function: Callable[..., AsyncRows],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    *,
    progress: Progress,
) -> AsyncRows:
    """Carry out a course around an async generator function.

    Raises:
        Exception: whatever the course ends with.
    """
    told: Told = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration:
            return
        told = None
        try:
            if isinstance(step, Attempt):
                attempt = _Attempt(policy, step, function(*args, **kwargs), progress)
                async for value in attempt.values():
                    attempt.sent = yield value
                told = attempt.answer
            elif isinstance(step, Pause):
                await WORLD.asleep(step.seconds)
            else:
                assert isinstance(step, Queue), "there is no other step"
                told = await step.place.wait_async(step.timeout_s)
        except BaseException as exc:
            steps.throw(exc)
            raise


class _Attempt:
    """One consumption of an async generator. An async generator cannot return a value, so how it ended stands here."""

    __slots__ = ("answer", "limit_s", "policy", "progress", "rows", "sent", "until")

    def __init__(self, policy: str, step: Attempt, rows: AsyncRows, progress: Progress) -> None:
        self.policy = policy
        self.rows = rows
        self.progress = progress
        self.sent: object = None
        self.limit_s = step.limit_s
        self.until = None if step.limit_s is None else WORLD.monotonic() + step.limit_s
        self.answer: Done | Failed = Done(None)

    async def values(self) -> AsyncGenerator[object, None]:
        try:
            while True:
                try:
                    value = await self._next()
                except StopAsyncIteration:
                    return
                except Exception as exc:  # noqa: BLE001 - whatever the guarded generator raises is what the course is about
                    self.answer = Failed(exc)
                    return
                self.progress.delivered += 1
                yield value
        finally:
            await self.rows.aclose()

    async def _next(self) -> object:
        if self.until is None:
            return await self.rows.asend(self.sent)
        import asyncio  # noqa: PLC0415 - a program that awaits has it loaded

        left_s = self.until - WORLD.monotonic()
        if left_s <= 0:
            raise TimedOut(self.policy, kind="attempt", limit_s=self.limit_s or 0.0, begun=self.progress.delivered > 0)
        timer = asyncio.timeout(left_s)
        token = DEADLINE.set(self.until)
        try:
            async with timer:
                return await self.rows.asend(self.sent)
        except TimeoutError as exc:
            if not timer.expired():
                raise
            raise TimedOut(self.policy, kind="attempt", limit_s=self.limit_s or 0.0) from exc.__cause__
        finally:
            DEADLINE.reset(token)
