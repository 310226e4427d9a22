"""`holdfast run`: start an execution of a plan and stay with it until it ends or pauses."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import (
    ActionFiles,
    CatalogDirectory,
    Config,
    Database,
    Executor,
    Imports,
    Json,
    PlanFile,
    WaitMax,
)
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from holdfast.hold import AsyncHold
    from holdfast.settings import Settings

__all__ = ["run", "stay"]


def run(
    plan: PlanFile,
    *,
    actions: ActionFiles = None,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    id: Annotated[  # noqa: A002 - as the option and the Python API call it
        UUID | None,
        typer.Option("--id", metavar="UUID", help="The execution's id; the same again is the same execution."),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Tenants take turns.")] = "",
    priority: Annotated[int, typer.Option(help="Lower goes first.")] = 0,
    wait_max: WaitMax = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="NAME=VALUE",
            help="A secret that a definition asks its user for: NAME=env:VARIABLE, NAME=- (standard input), or NAME to be asked. Repeatable.",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and leave; a worker does the rest.")] = False,
    external: Executor = None,
    imports: Imports = None,
    is_json: Json = False,
) -> None:
    """Carry out a plan of API calls, with a live timeline, until it ends or pauses.

    It survives failures of the calls and its own death: Ctrl-C leaves it resumable, and so does kill -9. Every run is a new execution unless --id
    names one.
    """
    from holdfast.cli.secret_values import read_secrets  # noqa: PLC0415 - `--help` need not load what runs plans
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - as above
    from holdfast.cli.summary import show_warnings  # noqa: PLC0415 - as above
    from holdfast.plans.authentication import own_names  # noqa: PLC0415 - as above
    from holdfast.plans.files import read_plan_and_definitions  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config, catalog=catalog, wait_max_s=wait_max)
    files: list[Path] = list(actions or ())
    # What is wrong in any file is told before a database is made.
    wanted, definitions = read_plan_and_definitions(plan, files, size_max_bytes=settings.plan.size_max_bytes)
    used = {one.action_definition_id for one in wanted.actions}
    asked = own_names(
        one.definition for (name, version), one in definitions.items() if {name, f"{name}@{version}"} & used
    )
    secrets = read_secrets(secret or (), wanted=() if is_json or detach else asked)

    async def work() -> ExitCode:
        """Start it and stay."""
        async with opened(settings, imports=imports or ()) as hold:
            show_warnings(hold.check(plan, files, external=external))
            execution = await hold.start(
                plan,
                files,
                id=str(id) if id else None,
                tenant=tenant,
                priority=priority,
                secrets=secrets,
                external=external,
            )
            if detach or external is not None:
                print(json.dumps({"executionId": execution}) if is_json else execution)
                return ExitCode.DONE
            return await stay(hold, [execution], settings=settings, is_json=is_json)

    raise typer.Exit(run_async(work()))


async def stay(
    hold: AsyncHold,
    ids: list[str],
    *,
    settings: Settings,
    is_json: bool = False,
    is_new: bool = True,
    is_many: bool = False,
) -> ExitCode:
    """Work on executions and show what happens until none moves; returns the worst of their exit codes.

    With `is_json` the timeline goes to standard error, and standard output gets the state only; with `is_many`, a list of states however many there
    are. Unless `is_new`, the past is not shown again.
    """
    from holdfast.cli.following import Follower, carry_on  # noqa: PLC0415 - as above
    from holdfast.cli.summary import show_next, show_summary  # noqa: PLC0415 - as above
    from holdfast.cli.timeline import Timeline  # noqa: PLC0415 - as above

    terminal = Terminal(sys.stderr if is_json else sys.stdout)
    states = {one: await hold.state(one) for one in ids}
    names = [len(name) for state in states.values() for name in state.action_states]
    timeline = Timeline(
        terminal, starts={one: state.started_at for one, state in states.items()}, action_width=max(names, default=1)
    )
    pasts = [] if is_new else [event.sequence for one in ids for event in await hold.events(one)]
    follower = Follower(hold, ids, show=timeline.show, wait_max_s=settings.run.wait_max_s, after=max(pasts, default=0))
    for one in ids:
        terminal.line(("execution ", "plain"), (one, "title"))
    is_interrupted = await carry_on(hold, follower, say=lambda text: terminal.say(text, "waiting"))
    for one in ids:
        states[one] = await hold.state(one)
        show_summary(terminal, states[one], events=await hold.events(one))
        show_next(terminal, settings, standing=await follower.look(one))
    if is_json:
        texts = [state.to_json() for state in states.values()]
        print(f"[{','.join(texts)}]" if is_many else texts[0])
    return ExitCode.INTERRUPTED if is_interrupted else worst(state.status.value for state in states.values())


def worst(statuses: Iterable[str]) -> ExitCode:
    """Return the exit code of several executions: a failure before a wait before success."""
    codes = {"completed": ExitCode.DONE, "failed": ExitCode.NEGATIVE, "cancelled": ExitCode.NEGATIVE}
    found = {codes.get(status, ExitCode.WAITING) for status in statuses}
    return next((code for code in (ExitCode.NEGATIVE, ExitCode.WAITING) if code in found), ExitCode.DONE)
