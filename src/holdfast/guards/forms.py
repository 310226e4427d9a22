"""Guarding a block of code that is no function: one attempt as a context, several as a loop.

```python
with payments.attempt() as attempt:  # one attempt: circuit, limits; what goes wrong is raised as it is
    attempt.result = client.charge(order)

for attempt in payments.attempts():  # as many as the policy allows
    with attempt:
        attempt.result = client.charge(order)
```

Both have an async form (`async with`, `async for`), in which a limit of time interrupts the block. `result` need be set only where results are
judged.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from holdfast.errors import TimedOut
from holdfast.guards.ambient import SPENT, put_deadline, take_deadline_back
from holdfast.guards.course import Attempt, Course, Done, Failed, Pause, Queue, Step, Told, ended
from holdfast.guards.world import WORLD

if TYPE_CHECKING:
    import asyncio

__all__ = ["AttemptBlock", "Attempts", "one_attempt"]


class _Run:
    """One course, and what it asks for now; None once it has ended."""

    __slots__ = ("ended", "pending", "policy", "steps")

    def __init__(self, policy: str, steps: Course) -> None:
        self.policy = policy
        self.steps = steps
        self.ended = False
        self.pending: Step | None = None

    def tell(self, told: Told) -> None:
        """Answer what it asked for (None to begin with); whatever the course ends with is raised."""
        try:
            self.pending = self.steps.send(told)
        except BaseException as end:
            self.pending, self.ended = None, True
            if not isinstance(end, StopIteration):
                raise
            ended(end.value)

    def abandon(self, exc: BaseException) -> None:
        """Have the course give back what it holds; the exception goes its way."""
        self.pending, self.ended = None, True
        with contextlib.suppress(type(exc)):
            self.steps.throw(exc)

    def reach_attempt(self) -> None:
        """Wait as the course asks, until an attempt may be made."""
        while isinstance(self.pending, Pause | Queue):
            step, told = self.pending, None
            try:
                if isinstance(step, Pause):
                    WORLD.sleep(step.seconds)
                else:
                    told = step.place.wait(step.timeout_s)
            except BaseException as exc:
                self.abandon(exc)
                raise
            self.tell(told)

    async def reach_attempt_async(self) -> None:
        """The same on an event loop."""
        while isinstance(self.pending, Pause | Queue):
            step, told = self.pending, None
            try:
                if isinstance(step, Pause):
                    await WORLD.asleep(step.seconds)
                else:
                    told = await step.place.wait_async(step.timeout_s)
            except BaseException as exc:
                self.abandon(exc)
                raise
            self.tell(told)


class AttemptBlock:
    """One attempt at a block of code. `number` counts from 1; set `result` where the policy judges results.

    It is used once. Leaving the block tells the policy how it went; a cancelled block says nothing about the dependency.
    """

    __slots__ = ("_alone", "_limit", "_run", "_spent", "_step", "_timer", "number", "result")

    def __init__(self, run: _Run, *, number: int, alone: bool) -> None:
        self._run = run
        self._alone = alone
        self._step: Attempt | None = None
        self._limit: contextvars.Token[float | None] | None = None
        self._spent: contextvars.Token[int] | None = None
        self._timer: asyncio.Timeout | None = None
        self.number = number
        self.result: object = None

    def __enter__(self) -> Self:
        if self._alone and self._step is None:
            self._run.tell(None)
            self._run.reach_attempt()
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._end()
        return self._tell(exc)

    async def __aenter__(self) -> Self:
        if self._alone and self._step is None:
            self._run.tell(None)
            await self._run.reach_attempt_async()
        limit_s = self._begin().limit_s
        if limit_s is not None:
            import asyncio  # noqa: PLC0415 - a program that awaits has it loaded

            self._timer = asyncio.timeout(limit_s)
            await self._timer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._end()
        if self._timer is not None:
            try:
                await self._timer.__aexit__(kind, exc, traceback)
            except TimeoutError as over:
                limit_s = self._step.limit_s if self._step else None
                late = TimedOut(self._run.policy, kind=self._step.limit if self._step else "", limit_s=limit_s or 0.0)
                late.__cause__ = over.__cause__  # the cancellation, whose traceback shows where the block hung
                if not self._tell(late):
                    raise late  # noqa: B904 - it has its cause
                return True
        return self._tell(exc)

    def _begin(self) -> Attempt:
        step = self._run.pending
        if self._step is not None or not isinstance(step, Attempt):
            raise RuntimeError(
                "an attempt is made once; take the next one from the loop, or another from policy.attempt()"
            )
        self._step = step
        if step.limit_s is not None and step.limit_s <= 0:
            error = TimedOut(self._run.policy, kind="deadline", limit_s=0.0, begun=False)
            self._run.tell(Failed(error))
            raise error
        if step.limit_s is not None:
            self._limit = put_deadline(WORLD.monotonic() + step.limit_s)
        if step.spent:
            self._spent = SPENT.set(step.spent)
        return step

    def _end(self) -> None:
        if self._limit is not None:
            take_deadline_back(self._limit)
        if self._spent is not None:
            SPENT.reset(self._spent)

    def _tell(self, exc: BaseException | None) -> bool:
        """Tell the course; whether the exception is taken care of, because another attempt follows or the last result is good enough."""
        if exc is not None and not isinstance(exc, Exception):
            self._run.abandon(exc)
            return False
        traceback = None if exc is None else exc.__traceback__
        try:
            self._run.tell(Done(self.result) if exc is None else Failed(exc))
        except BaseException as ending:
            if ending is exc:
                # It goes on from where it was raised; our frames, which hold it, are no part of that.
                exc.__traceback__ = traceback
                return False
            raise
        finally:
            del exc, traceback
        return True


class Attempts:
    """The attempts of one call as a loop, sync or async; the loop ends after the first that works. Use it once."""

    __slots__ = ("_count", "_last", "_run")

    def __init__(self, policy: str, steps: Course) -> None:
        self._run = _Run(policy, steps)
        self._last: AttemptBlock | None = None
        self._count = 0

    def __iter__(self) -> Iterator[AttemptBlock]:
        return self

    def __next__(self) -> AttemptBlock:
        if self._may_go_on():
            self._run.reach_attempt()
            return self._block()
        raise StopIteration

    def __aiter__(self) -> AsyncIterator[AttemptBlock]:
        return self

    async def __anext__(self) -> AttemptBlock:
        if self._may_go_on():
            await self._run.reach_attempt_async()
            return self._block()
        raise StopAsyncIteration

    def _may_go_on(self) -> bool:
        if self._count == 0:
            self._run.tell(None)
        elif self._last is not None and self._last._step is None:
            raise RuntimeError("the attempt was not made: put the work into `with attempt:` inside the loop")
        return not self._run.ended

    def _block(self) -> AttemptBlock:
        self._count += 1
        self._last = AttemptBlock(self._run, number=self._count, alone=False)
        return self._last


def one_attempt(policy: str, steps: Course) -> AttemptBlock:
    """A block of code as a single attempt; `steps` are of a policy without repeats."""
    return AttemptBlock(_Run(policy, steps), number=1, alone=True)
