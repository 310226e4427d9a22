"""`holdfast executions confirm`, `reject` and `questions`: what people say about executions, and what they are asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import By, Config, Database, ExecutionId, Imports, Json
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.cli.exits import ExitCode
    from holdfast.ports.rows import QuestionRow
    from holdfast.settings import Settings

__all__ = ["confirm", "questions", "reject"]

Asked = Annotated[
    str | None,
    typer.Argument(metavar="[ACTION]", help="The action; not needed when only one waits.", show_default=False),
]
Reason = Annotated[str | None, typer.Option(help="Why, for the record.", show_default=False)]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with it here, like `resume`, until it ends or pauses again.")
]


def confirm(
    execution: ExecutionId,
    action: Asked = None,
    *,
    by: By = None,
    reason: Reason = None,
    resume: Resume = False,
    db: Database = None,
    config: Config = None,
    imports: Imports = None,
    is_json: Json = False,
) -> None:
    """Say yes to an action that waits to be confirmed. The first answer wins; exit code 1 if nobody waits for one."""
    said = Said(choice="confirm", action=action, by=by, reason=reason, is_resumed=resume)
    say(execution, said, db=db, config=config, imports=imports, is_json=is_json)


def reject(
    execution: ExecutionId,
    action: Asked = None,
    *,
    by: By = None,
    reason: Reason = None,
    resume: Resume = False,
    db: Database = None,
    config: Config = None,
    imports: Imports = None,
    is_json: Json = False,
) -> None:
    """Say no to an action that waits to be confirmed: it fails, and what the plan provides for that follows. Exit code 1 if nobody waits."""
    said = Said(choice="reject", action=action, by=by, reason=reason, is_resumed=resume)
    say(execution, said, db=db, config=config, imports=imports, is_json=is_json)


def questions(
    execution: Annotated[
        str | None,
        typer.Argument(metavar="[EXECUTION]", help="Only those of this execution.", show_default=False),
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the oldest first.")] = 50,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """List everything that waits for a person, oldest first, with the commands that answer."""
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)

    async def work() -> list[QuestionRow]:
        """Read the list."""
        async with opened(settings, create=False) as hold:
            found = None if execution is None else await resolve_id(hold, execution)
            return await hold.questions(found, limit=limit)

    show(run_async(work()), settings=settings, is_json=is_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says about an action, and whether to go on here."""

    choice: str
    action: str | None
    by: str | None
    reason: str | None
    is_resumed: bool


def say(
    execution: str,
    said: Said,
    *,
    db: str | None,
    config: Path | None,
    imports: list[str] | None,
    is_json: bool,
) -> None:
    """Record a yes or a no, and go on if that is wanted."""
    from holdfast.cli.exits import ExitCode  # noqa: PLC0415 - as above
    from holdfast.cli.run import stay  # noqa: PLC0415 - as above
    from holdfast.cli.session import further, opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)
    terminal = Terminal()

    async def work() -> ExitCode:
        """Answer, tell, and stay."""
        async with opened(settings, imports=imports or (), create=False) as hold:
            found = await resolve_id(hold, execution)
            about = await hold.answer(found, said.choice, action=said.action, by=said.by, reason=said.reason)
            if is_json and not said.is_resumed:
                print(json.dumps({"executionId": found, "actionId": about, "answer": said.choice}))
            elif not is_json:
                terminal.say(f"{about}: {said.choice}.", "good")
            if said.is_resumed:
                return await stay(hold, [found], settings=settings, is_json=is_json, is_new=False)
            if not is_json:
                terminal.say(f"A running worker goes on by itself; otherwise: {further(settings, 'resume', found)}")
        return ExitCode.DONE

    raise typer.Exit(run_async(work()))


def show(rows: list[QuestionRow], *, settings: Settings, is_json: bool) -> None:
    """Print questions with their answers as commands, or as JSON."""
    from holdfast.cli.summary import answers_to, until  # noqa: PLC0415 - as above

    if is_json:
        print(json.dumps([question_json(row, settings=settings) for row in rows], ensure_ascii=False, indent=2))
        return
    terminal = Terminal()
    if not rows:
        terminal.say(f"Nobody is asked anything in {settings.shown('database.url')}.", "faint")
        return
    for position, row in enumerate(rows):
        if position:
            terminal.say()
        terminal.line(
            (f"{row.asked_at:%Y-%m-%d %H:%M:%S} UTC  ", "faint"),
            (f"{row.execution} {row.action}", "title"),
            (until(row), "faint"),
        )
        terminal.line(("? ", "person"), (row.text, "plain"))
        for command, meaning in answers_to(settings, row):
            terminal.line((f"  {command}", "title"), (f"   {meaning}", "faint"))


def question_json(row: QuestionRow, *, settings: Settings) -> dict[str, object]:
    """Return a question as JSON values."""
    from holdfast.cli.summary import answers_to  # noqa: PLC0415 - as above

    return {
        "executionId": row.execution,
        "actionId": row.action,
        "attemptNumber": row.about,
        "kind": row.kind,
        "text": row.text,
        "options": list(row.options),
        "askedAt": row.asked_at.isoformat().replace("+00:00", "Z"),
        "deadline": row.deadline.isoformat().replace("+00:00", "Z") if row.deadline else None,
        "defaultAnswer": row.default_answer,
        "commands": [command for command, _ in answers_to(settings, row)],
    }
