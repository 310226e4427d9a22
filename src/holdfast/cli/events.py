"""`holdfast events`: what happened, in all executions, for programs that follow with a cursor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import Config, Database, Json
from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.hold import AsyncHold, OutboxPage

__all__ = ["events"]

POLL_S = 0.5
"""How often `--follow` looks when there was nothing new."""


def events(
    *,
    after: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Go on from here; without it, from the beginning.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most; with --follow, at a time.")] = 100,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only events of this type. Repeatable.", show_default=False),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more until interrupted.")] = False,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Print the outbox: a CloudEvent per line, and a line with the cursor to go on from. With --json, one object with both.

    No event is ever passed by: keep the cursor with what you made of the events before it.
    """
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    if follow and is_json:
        raise BadInput(
            [Problem(source="--json", path="", message="is one object, and --follow has no end; leave one out")]
        )
    settings = settings_of(db=db, config=config)

    async def work() -> ExitCode:
        """Read a page, or one after the other."""
        async with opened(settings, create=follow) as hold:
            if follow:
                return await follow_on(hold, after, limit=limit, types=types or ())
            page = await hold.outbox(after, limit=limit, types=types or ())
            if is_json:
                print(json.dumps(page_json(page), ensure_ascii=False))
            else:
                print_page(page)
            return ExitCode.DONE

    raise typer.Exit(run_async(work()))


async def follow_on(hold: AsyncHold, after: str | None, *, limit: int, types: Sequence[str]) -> ExitCode:
    """Print pages as they come, each with its cursor, until interrupted or until nobody reads any more."""
    from holdfast.cli.following import interrupts  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    with interrupts(stop, say=lambda _: None):
        while not stop.is_set():
            page = await hold.outbox(after, limit=limit, types=types)
            after = page.cursor
            if page.events:
                print_page(page)
            if not page.has_more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_S)
    print(json.dumps({"cursor": after}, separators=(",", ":")), flush=True)
    return ExitCode.INTERRUPTED


def print_page(page: OutboxPage) -> None:
    """Print a page's events and its cursor, a line of JSON each."""
    lines = [event.to_json() for event in page.events]
    lines.append(json.dumps({"cursor": page.cursor, "hasMore": page.has_more}, separators=(",", ":")))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def page_json(page: OutboxPage) -> dict[str, object]:
    """Return a page as JSON values."""
    return {
        "events": [event.to_wire() for event in page.events],
        "cursor": page.cursor,
        "hasMore": page.has_more,
    }
