"""Guarding generators: consuming one from its start to its end is one attempt.

A generator that fails is started again only as long as it has delivered nothing, or if its author says that starting again does no harm
(`restartable`): a consumer must not get the first rows twice. What a consumer throws in, or its leaving early, says nothing about the dependency,
and neither does the time that it takes over each value.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping

from holdfast.errors import TimedOut
from holdfast.guards.ambient import SPENT, put_deadline, take_deadline_back
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
        # Set for the generator alone: a context variable that is set in a generator would reach its consumer.
        token = None if until is None else put_deadline(until)
        spent = SPENT.set(step.spent)
        try:
            value = rows.send(sent) if thrown is None else rows.throw(thrown)
        except StopIteration as end:
            return Done(end.value)
        except Exception as exc:
            if exc is thrown:
                del thrown  # see `Failed`
                raise
            return Failed(exc)
        finally:
            SPENT.reset(spent)
            if token is not None:
                take_deadline_back(token)
        progress.delivered += 1
        sent, thrown = None, None
        left_at = WORLD.monotonic()
        try:
            sent = yield value
        except GeneratorExit:
            rows.close()
            raise
        except BaseException as exc:  # noqa: BLE001 - it is the generator's to answer
            thrown = exc
        progress.away_s += WORLD.monotonic() - left_at


def stream_async(
    policy: str,
    begin: Callable[[tuple[object, ...], dict[str, object]], tuple[Course, Progress]],
    function: Callable[..., AsyncRows],
) -> Callable[..., AsyncRows]:
    """The guarded form of an async generator function: one itself, so that another guard around it knows what it is.

    `begin` begins the course of a call with these arguments.
    """

    async def call(*args: object, **kwargs: object) -> AsyncRows:
        steps, progress = begin(args, kwargs)
        told: Told = None
        while True:
            try:
                step = steps.send(told)
            except StopIteration:
                return
            told = None
            try:
                if isinstance(step, Attempt):
                    attempt = _Attempt(policy, step, function(*args, **kwargs))
                    try:
                        while await attempt.has_next():
                            progress.delivered += 1
                            left_at = WORLD.monotonic()
                            try:
                                attempt.sent = yield attempt.value
                            except GeneratorExit:
                                raise
                            except BaseException as exc:  # noqa: BLE001 - it is the generator's to answer
                                attempt.thrown = exc
                            progress.away_s += WORLD.monotonic() - left_at
                    finally:
                        await attempt.rows.aclose()
                    told, attempt.answer = attempt.answer, Done(None)  # see `Failed`
                elif isinstance(step, Pause):
                    await WORLD.asleep(step.seconds)
                else:
                    assert isinstance(step, Queue), "there is no other step"
                    told = await step.place.wait_async(step.timeout_s)
            except BaseException as exc:
                steps.throw(exc)
                raise

    return call


class _Attempt:
    """One consumption of an async generator: what it is told next, what it delivered last, and how it ended."""

    __slots__ = ("answer", "begun", "policy", "rows", "sent", "step", "thrown", "until", "value")

    def __init__(self, policy: str, step: Attempt, rows: AsyncRows) -> None:
        self.policy = policy
        self.rows = rows
        self.step = step
        self.until = None if step.limit_s is None else WORLD.monotonic() + step.limit_s
        self.sent: object = None
        self.thrown: BaseException | None = None
        self.value: object = None
        self.answer: Done | Failed = Done(None)
        self.begun = False

    async def has_next(self) -> bool:
        """Go on to the next value; false when the generator has ended, well or not: `answer` says how."""
        thrown = self.thrown
        limit = None if self.until is None else put_deadline(self.until)
        spent = SPENT.set(self.step.spent)
        try:
            self.value = await self._next()
        except StopAsyncIteration:
            return False
        except Exception as exc:
            if exc is thrown:
                raise
            self.answer = Failed(exc)
            return False
        finally:
            self.sent, self.thrown = None, None
            del thrown  # see `Failed`
            SPENT.reset(spent)
            if limit is not None:
                take_deadline_back(limit)
        return True

    async def _next(self) -> object:
        if self.until is None:
            return await self._asked()
        import asyncio  # noqa: PLC0415 - a program that awaits has it loaded

        left_s = self.until - WORLD.monotonic()
        if left_s <= 0:
            raise self._late()
        timer = asyncio.timeout(left_s)
        try:
            async with timer:
                return await self._asked()
        except TimeoutError as exc:
            if not timer.expired():
                raise
            raise self._late() from exc.__cause__

    async def _asked(self) -> object:
        self.begun = True
        return await (self.rows.asend(self.sent) if self.thrown is None else self.rows.athrow(self.thrown))

    def _late(self) -> TimedOut:
        limit_s = max(0.0, self.step.limit_s or 0.0)
        return TimedOut(self.policy, kind=self.step.limit, limit_s=limit_s, begun=self.begun)
