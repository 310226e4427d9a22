"""`holdfast executions`: list, show, cancel, and answer the question that one waits for; confirming is in `holdfast.cli.people`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import Config, Database, ExecutionId, Json
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.ports.rows import ExecutionRow
    from holdfast.settings import Settings

__all__ = ["group", "show_list"]

group = typer.Typer(
    no_args_is_help=True,
    help="Executions of plans: list, show, cancel, confirm, reject, answer.",
    rich_markup_mode=None,
)

TONES = {"completed": "good", "failed": "bad", "cancelled": "waiting", "running": "decision"}
State = Literal["running", "completed", "failed", "cancelled"]


@group.command("list")
def list_executions(
    *,
    state: Annotated[State | None, typer.Option(help="Only those in this state.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """List executions, newest first."""
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)

    async def work() -> list[ExecutionRow]:
        """Read the list."""
        async with opened(settings, create=False) as hold:
            return await hold.executions(state=state, limit=limit)

    show_list(run_async(work()), settings=settings, is_json=is_json)


def show_list(rows: Sequence[ExecutionRow], *, settings: Settings, is_json: bool, kind: str = "executions") -> None:
    """Print executions as a table, or as JSON."""
    if is_json:
        print(json.dumps([row_json(row) for row in rows], ensure_ascii=False, indent=2))
        return
    terminal = Terminal()
    if not rows:
        terminal.say(f"No {kind} in {settings.shown('database.url')}.", "faint")
        return
    lines = [
        [
            (row.id, "title"),
            (row.state.value, TONES[row.state.value]),
            (f"{row.started_at:%Y-%m-%d %H:%M:%S}", "plain"),
            (f"{(row.ended_at - row.started_at).total_seconds():8.2f} s" if row.ended_at else "", "plain"),
            (row.plan_name, "plain"),
        ]
        for row in rows
    ]
    terminal.table(["execution", "state", "started (UTC)", "took", "plan"], lines)


def row_json(row: ExecutionRow) -> dict[str, object]:
    """Return an execution of the list as JSON values."""
    return {
        "id": row.id,
        "planId": row.plan_id,
        "planName": row.plan_name,
        "state": row.state.value,
        "startedAt": row.started_at.isoformat().replace("+00:00", "Z"),
        "completedAt": row.ended_at.isoformat().replace("+00:00", "Z") if row.ended_at else None,
        "tenant": row.tenant,
        "priority": row.priority,
        "recoveries": row.recoveries,
        "failedAction": row.failed_action,
    }


@group.command("show")
def show(
    execution: ExecutionId,
    *,
    with_personal: Annotated[
        bool, typer.Option("--with-personal", help="Show the values of fields that are marked as personal, too.")
    ] = False,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Show the state of an execution, action by action. With --json: the platform's ExecutionState."""
    from holdfast.cli.following import Follower  # noqa: PLC0415 - as above
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above
    from holdfast.cli.summary import show_next, show_summary  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)

    async def work() -> None:
        """Read and show the state."""
        async with opened(settings, create=False) as hold:
            found = await resolve_id(hold, execution)
            state = await hold.state(found, hides_personal=not with_personal)
            if is_json:
                print(state.to_json())
                return
            terminal = Terminal()
            show_summary(terminal, state, events=await hold.events(found))
            follower = Follower(hold, [found], show=lambda _: None, wait_max_s=0)
            show_next(terminal, settings, standing=await follower.look(found))

    run_async(work())


@group.command("cancel")
def cancel(execution: ExecutionId, *, db: Database = None, config: Config = None, is_json: Json = False) -> None:
    """Cancel an execution. Attempts in flight are awaited, waits are not. Exit code 1 if it has ended already."""
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)

    async def work() -> ExitCode:
        """Cancel and tell."""
        async with opened(settings, create=False) as hold:
            found = await resolve_id(hold, execution)
            is_cancelled = await hold.cancel(found)
            state = await hold.state(found)
        if is_json:
            print(json.dumps({"executionId": found, "cancelled": is_cancelled, "status": state.status.value}))
        else:
            print(
                f"{found}: {'cancelled' if is_cancelled else f'has ended or is ending already ({state.status.value})'}"
            )
        return ExitCode.DONE if is_cancelled else ExitCode.NEGATIVE

    raise typer.Exit(run_async(work()))


@group.command("answer")
def answer(
    execution: ExecutionId,
    choice: Annotated[
        str,
        typer.Argument(
            metavar="CHOICE",
            help="One of the question's options, such as happened, again, skip or give-up; `executions questions` lists them.",
            show_default=False,
        ),
    ],
    *,
    action: Annotated[str | None, typer.Option(help="Which action, if several wait.", show_default=False)] = None,
    by: Annotated[str | None, typer.Option(help="Who answers, for the record.", show_default=False)] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.", show_default=False)] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help="With `happened`: the output of the action, a JSON object.", show_default=False
        ),
    ] = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Answer the question an execution waits for. The first answer wins; exit code 1 if nobody waits for one."""
    from holdfast.cli.session import further, opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    told = output_of(output, choice=choice)
    settings = settings_of(db=db, config=config)

    async def work() -> tuple[str, str]:
        """Record the answer."""
        async with opened(settings, create=False) as hold:
            found = await resolve_id(hold, execution)
            return found, await hold.answer(found, choice, action=action, by=by, reason=reason, output=told)

    found, about = run_async(work())
    if is_json:
        print(json.dumps({"executionId": found, "actionId": about, "answer": choice}))
    else:
        terminal = Terminal()
        terminal.say(f"{about}: {choice}.", "good")
        terminal.say(f"A running worker goes on by itself; otherwise: {further(settings, 'resume', found)}")


def output_of(text: str | None, *, choice: str) -> dict[str, object] | None:
    """Return the output that a person says an action had.

    Raises:
        BadInput: it is no JSON object, or the answer needs none.
    """
    from holdfast.errors import BadInput, Problem  # noqa: PLC0415 - as above

    if text is None:
        return None
    problem = "goes with the answer `happened` only" if choice != "happened" else ""
    value: object = None
    try:
        value = json.loads(text)
    except ValueError as err:
        problem = problem or f"is not JSON: {err}"
    if problem or not isinstance(value, dict):
        raise BadInput(
            [Problem(source="--output", path="", message=problem or 'must be a JSON object, such as {"id": "ch_1"}')]
        )
    return value
