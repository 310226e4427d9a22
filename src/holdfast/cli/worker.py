"""`holdfast worker`: carry out steps of every execution in a database until somebody says stop. One log line per change, plain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import Config, Database, Imports

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold
    from holdfast.ports.rows import EventRow
    from holdfast.ports.store import Snapshot

__all__ = ["worker"]

log = logging.getLogger("holdfast.worker")

LOOK_INTERVAL_S = 0.5
TOLD_MAX = 100
"""So many of the newest executions, and of the newest live ones, are told about in the log; all of them are worked on."""
LEVELS = {"bad": logging.WARNING, "person": logging.ERROR}


def worker(
    *,
    db: Database = None,
    config: Config = None,
    imports: Imports = None,
    with_parent: Annotated[
        bool,
        typer.Option(
            "--with-parent", help="Stop when standard input closes: for programs that start a worker as their child."
        ),
    ] = False,
) -> None:
    """Be a worker until SIGTERM or Ctrl-C, which let what is in flight end; a second one ends at once, and nothing is lost."""
    from holdfast.cli.exits import ExitCode  # noqa: PLC0415 - `--help` need not load what works
    from holdfast.cli.following import interrupts  # noqa: PLC0415 - as above
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - as above

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    settings = settings_of(db=db, config=config)

    async def work() -> ExitCode:
        """Work until somebody says stop."""
        async with opened(settings, imports=imports or ()) as hold:
            stop = asyncio.Event()
            with interrupts(stop, say=log.info):
                if with_parent:
                    stop_with_standard_input(stop)
                log.info("working on %s", settings.shown("database.url"))
                telling = asyncio.ensure_future(tell(hold))
                try:
                    await hold.work(stop)
                finally:
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling
            log.info("stopped")
            return ExitCode.DONE

    raise typer.Exit(run_async(work()))


def stop_with_standard_input(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends, which it does with the process at its other end."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        # Not through sys.stdin: a thread that waits inside it would keep the interpreter from ending.
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="holdfast-parent", daemon=True).start()


async def tell(hold: AsyncHold) -> None:
    """Log what happens in the newest executions, from now on."""
    from holdfast.cli.session import read  # noqa: PLC0415 - as above
    from holdfast.errors import StoreError  # noqa: PLC0415 - as above

    newest = Newest()
    while True:
        try:
            for event in await read(hold, newest.look):
                tell_event(event)
        except StoreError as err:
            log.warning("cannot tell what happens: %s", err)
        await asyncio.sleep(LOOK_INTERVAL_S)


class Newest:
    """What is new in the newest executions, and in the newest of those that live. The first look finds where the past ends."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._ended: set[str] = set()
        self._past: int | None = None

    def look(self, snapshot: Snapshot) -> list[EventRow]:
        """Return the events since the last look, those of one execution together and in order."""
        rows = [*snapshot.executions(state="running", limit=TOLD_MAX), *snapshot.executions(state=None, limit=TOLD_MAX)]
        window = dict.fromkeys(row.id for row in rows)
        # Those that were looked at before may have ended since and left the window: their last events belong to the log, too.
        chosen = [one for one in dict.fromkeys([*window, *self._seen]) if one not in self._ended]
        found = {one: snapshot.events(one, after=self._seen.get(one, self._past or 0)) for one in chosen}
        latest = {one: events[-1] for one, events in found.items() if events}
        self._ended = {one for one in self._ended if one in window} | {one for one in latest if latest[one].is_terminal}
        kept = {one: at for one, at in self._seen.items() if one in window}
        self._seen = {**kept, **{one: event.sequence for one, event in latest.items() if one in window}}
        if self._past is None:
            self._past = max((event.sequence for event in latest.values()), default=0)
            return []
        return [event for events in found.values() for event in events]


def tell_event(event: EventRow) -> None:
    """Log one event, if people care for it."""
    from holdfast.cli.terminal import printable  # noqa: PLC0415 - as above
    from holdfast.journal.timeline import line_of  # noqa: PLC0415 - as above

    line = line_of(event)
    if line is not None:
        extra = {"execution_id": event.execution, "action_id": line.action, "event_id": event.id}
        where = f"{event.execution} {line.action}" if line.action else event.execution
        log.log(LEVELS.get(line.tone, logging.INFO), "%s: %s", where, printable(line.text), extra=extra)
