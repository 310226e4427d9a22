"""`holdfast dead-letters`: work that was set aside after recovery gave up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import Config, Database, ExecutionId, Json
from holdfast.cli.terminal import Terminal
from holdfast.errors import UnknownExecution

if TYPE_CHECKING:
    from holdfast.ports.rows import DeadLetterRow

__all__ = ["group"]

group = typer.Typer(no_args_is_help=True, help="Work that was set aside after recovery gave up.", rich_markup_mode=None)


@group.command("list")
def list_dead_letters(
    *,
    execution: Annotated[
        str | None, typer.Option(metavar="EXECUTION", help="Only those of this execution.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)

    async def work() -> list[DeadLetterRow]:
        """Read the list."""
        async with opened(settings, create=False) as hold:
            chosen = await resolve_id(hold, execution) if execution else None
            return await hold.dead_letters(execution_id=chosen, limit=limit)

    rows = run_async(work())
    if is_json:
        print(json.dumps([letter_json(row) for row in rows], ensure_ascii=False, indent=2))
        return
    terminal = Terminal()
    if not rows:
        terminal.say("No dead letters.", "faint")
        return
    lines = [
        [
            (row.execution or "-", "title"),
            (row.action, "title"),
            (f"{row.added_at:%Y-%m-%d %H:%M:%S}", "plain"),
            (row.kind, "plain"),
            (row.reason, "bad"),
        ]
        for row in rows
    ]
    terminal.table(["execution", "action or event", "added (UTC)", "kind", "reason"], lines)


@group.command("show")
def show(
    execution: ExecutionId,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="The action; of an event, its id.", show_default=False)
    ],
    *,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Show everything known about a piece of work that was set aside. Exit code 1 if there is no such dead letter."""
    from holdfast.cli.session import further, opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)

    async def work() -> tuple[str, list[DeadLetterRow]]:
        """Find the letter. One of an event may name no execution ("-"), or one that is not here."""
        async with opened(settings, create=False) as hold:
            try:
                found = "" if execution == "-" else await resolve_id(hold, execution)
            except UnknownExecution:
                found = execution
            return found, [
                row for row in await hold.dead_letters(execution_id=found, limit=100_000) if row.action == action
            ]

    found, letters = run_async(work())
    if not letters:
        Terminal(typer.get_text_stream("stderr")).say(f"No dead letter for {action!r} of execution {found}.")
        raise typer.Exit(ExitCode.NEGATIVE)
    letter = letters[0]
    if is_json:
        print(json.dumps(letter_json(letter), ensure_ascii=False, indent=2))
        return
    terminal = Terminal()
    of = f" of execution {letter.execution}" if letter.execution else ""
    kind = "event " if letter.kind == "event" else ""
    terminal.line((f"{kind}{letter.action}", "title"), (f"{of} was set aside: ", "plain"), (letter.reason, "bad"))
    for row in json.dumps(json.loads(letter.detail), ensure_ascii=False, indent=2).splitlines():
        terminal.say(row)
    if letter.kind == "action":
        terminal.say(f"Next: {further(settings, 'why', found, action)}", "faint")


def letter_json(row: DeadLetterRow) -> dict[str, object]:
    """Return a dead letter as JSON values."""
    return {
        "kind": row.kind,
        "executionId": row.execution,
        ("eventId" if row.kind == "event" else "actionId"): row.action,
        "reason": row.reason,
        "addedAt": row.added_at.isoformat().replace("+00:00", "Z"),
        "detail": json.loads(row.detail),
    }
