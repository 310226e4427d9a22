"""Watching executions, and being their worker meanwhile: the live part of `run`, `resume` and `demo`.

The first Ctrl-C (or SIGTERM) stops claiming and lets what is in flight end; the second ends the process at once. Either way nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from holdfast.cli.exits import ExitCode
from holdfast.cli.session import read
from holdfast.cli.standing import Standing, Stands, standing_of
from holdfast.errors import UnknownExecution, WorkerAlreadyRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from holdfast.hold import AsyncHold
    from holdfast.ports.rows import EventRow
    from holdfast.ports.store import Snapshot

__all__ = ["Follower", "carry_on", "interrupts", "work_when_free"]

POLL_S = 0.1
QUIET_POLLS = 4
"""After so many looks without an event, what an execution waits for is looked up."""
BUSY_WAIT_S = 2.0
"""How often to ask whether the other worker of a SQLite file has ended."""


class Follower:
    """Shows what happens in some executions, until none of them moves. `after` is the last event that was shown already."""

    def __init__(
        self,
        hold: AsyncHold,
        ids: Sequence[str],
        *,
        show: Callable[[EventRow], None],
        wait_max_s: float,
        after: int = 0,
    ) -> None:
        self._hold = hold
        self._seen = dict.fromkeys(ids, after)
        self._show = show
        self._wait_max_s = wait_max_s
        self.standings: dict[str, Standing] = {}

    async def run(self) -> None:
        """Show events as they come; returns when every execution has ended or waits."""
        moving = list(self._seen)
        quiet = QUIET_POLLS
        while moving:
            shown = [await self.catch_up(one) for one in moving]
            quiet = 0 if any(shown) else quiet + 1
            if quiet >= QUIET_POLLS or any(event.is_terminal for events in shown for event in events):
                quiet = 0
                moving = [one for one in moving if (await self.look(one)).stands is Stands.MOVING]
            if moving:
                await asyncio.sleep(POLL_S)
        await self.catch_up_all()

    async def catch_up_all(self) -> None:
        """Show what is new in every execution."""
        for one in self._seen:
            await self.catch_up(one)

    async def catch_up(self, execution: str) -> list[EventRow]:
        """Show what is new in one execution and return it."""
        events = await self._hold.events(execution, after=self._seen[execution])
        for event in events:
            self._seen[execution] = event.sequence
            self._show(event)
        return events

    async def look(self, execution: str) -> Standing:
        """Find out how one execution stands."""

        def standing(snapshot: Snapshot) -> Standing:
            """Read the rows of one moment and judge them."""
            row = snapshot.execution(execution)
            if row is None:
                raise UnknownExecution(execution)
            actions, questions = snapshot.actions(execution), snapshot.questions(execution)
            return standing_of(
                row,
                actions,
                questions=questions,
                now=snapshot.now,
                wait_max_s=self._wait_max_s,
                credentials=snapshot.asked_for(execution),
            )

        self.standings[execution] = await read(self._hold, standing)
        return self.standings[execution]


async def carry_on(hold: AsyncHold, follower: Follower, *, say: Callable[[str], None]) -> bool:
    """Work on the database while `follower` shows what happens; returns whether somebody interrupted it.

    Raises:
        StoreError: the database cannot be used.
    """
    stop = asyncio.Event()
    with interrupts(stop, say=say):
        working = asyncio.ensure_future(work_when_free(hold, stop, say=say))
        following = asyncio.ensure_future(follower.run())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({working, following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            is_interrupted = stop.is_set()
            stop.set()
            await working
            if following.done():
                await following
        finally:
            for task in (working, following, stopping):
                task.cancel()
            await asyncio.gather(working, following, stopping, return_exceptions=True)
    await follower.catch_up_all()
    return is_interrupted


async def work_when_free(hold: AsyncHold, stop: asyncio.Event, *, say: Callable[[str], None]) -> None:
    """Be the worker; where another process is, stand by until it ends."""
    has_said = False
    while not stop.is_set():
        try:
            await hold.work(stop)
        except WorkerAlreadyRunning as busy:
            if not has_said:
                who = f"process {busy.pid}" if busy.pid else "another process"
                say(f"{who} is the worker of this database and does the work; watching.")
            has_said = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BUSY_WAIT_S)


@contextlib.contextmanager
def interrupts(stop: asyncio.Event, *, say: Callable[[str], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; a second one ends the process."""
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if stop.is_set():
            sys.stdout.flush()
            sys.stderr.flush()
            # Nothing to clean up: whatever was committed is safe, and the rest is taken up again as after any other death.
            os._exit(ExitCode.INTERRUPTED)
        stop.set()
        say("Stopping: what is in flight may end. Once more to leave at once; nothing is lost either way.")

    kinds = (signal.SIGINT, signal.SIGTERM)
    # Where the loop cannot handle signals (Windows), Ctrl-C arrives as KeyboardInterrupt instead.
    with contextlib.suppress(NotImplementedError):
        for kind in kinds:
            loop.add_signal_handler(kind, interrupt)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            for kind in kinds:
                loop.remove_signal_handler(kind)
