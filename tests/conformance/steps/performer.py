"""What the suite hands to an engine as the performer, and how it waits for what the performer saw."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from holdfast.ports.steps import always

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from holdfast.ports.steps import MayClaim, Perform, Step, Steps

WITHIN_S = 20.0


class Performer:
    """Notes what is delivered; on demand it waits at a gate, or raises."""

    def __init__(self, *, failures: int = 0, is_open: bool = True) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.failed: list[str] = []
        self.steps: list[Step] = []
        self.at_once = 0
        self.at_once_max = 0
        self.failures_left = failures
        self.gate = asyncio.Event()
        self._changed = asyncio.Condition()
        if is_open:
            self.gate.set()

    async def __call__(self, step: Step) -> None:
        """Take a delivery."""
        self.begun.append(step.key)
        self.steps.append(step)
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        await self._tell()
        try:
            await self.gate.wait()
            if self.failures_left > 0:
                self.failures_left -= 1
                self.failed.append(step.key)
                await self._tell()
                raise ConnectionError("as asked")
        finally:
            self.at_once -= 1
        self.ended.append(step.key)
        await self._tell()

    async def until(self, condition: Callable[[Performer], bool]) -> None:
        """Wait until something holds, at most `WITHIN_S`."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: condition(self)), WITHIN_S)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def eventually(question: Callable[[], bool]) -> None:
    """Ask a real engine again and again until the answer is yes, at most `WITHIN_S`."""
    never = asyncio.Event()
    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(question):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.02)


@contextlib.asynccontextmanager
async def running(steps: Steps, performer: Perform, *, may_claim: MayClaim = always) -> AsyncIterator[asyncio.Event]:
    """Run an engine's worker loop around a block; a loop that ends by itself fails the block's waiting test."""
    stop = asyncio.Event()
    loop = asyncio.ensure_future(steps.run(performer, stop, may_claim=may_claim))
    try:
        yield stop
    finally:
        stop.set()
        if isinstance(performer, Performer):
            performer.gate.set()
        await asyncio.wait_for(loop, WITHIN_S)
