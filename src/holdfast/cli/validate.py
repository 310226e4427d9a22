"""`holdfast validate`: everything wrong with a plan and its definitions, before anything runs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import ActionFiles, CatalogDirectory, Config, Imports, Json, PlanFile
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from holdfast.errors import Problem

__all__ = ["validate"]


def validate(
    plan: PlanFile,
    *,
    actions: ActionFiles = None,
    catalog: CatalogDirectory = None,
    config: Config = None,
    imports: Imports = None,
    environment: Annotated[
        bool, typer.Option("--environment/--no-environment", help="Whether the variables must be set here.")
    ] = True,
    is_json: Json = False,
) -> None:
    """Check a plan with its definitions: all problems at once, each with its file and place. Exit code 2 if there are any. Nothing is called."""
    from holdfast.catalog.directory import load_directory  # noqa: PLC0415 - `--help` need not load what checks
    from holdfast.cli.session import import_all, registry_of, settings_of  # noqa: PLC0415 - as above
    from holdfast.cli.summary import counted  # noqa: PLC0415 - as above
    from holdfast.errors import BadInput  # noqa: PLC0415 - as above
    from holdfast.plans.check import check  # noqa: PLC0415 - as above
    from holdfast.plans.files import read_plan_and_definitions  # noqa: PLC0415 - as above

    settings = settings_of(config=config, catalog=catalog)
    registered = registry_of(import_all(imports or ()))
    warnings: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    count = 0
    try:
        read, definitions = read_plan_and_definitions(plan, actions or (), size_max_bytes=settings.plan.size_max_bytes)
        checked = check(
            read,
            definitions,
            functions=registered.rules,
            catalog=load_directory(settings.catalog.directory, shipped=settings.catalog.shipped),
            environ=os.environ if environment else None,
            authenticators=registered.authenticators,
            actions_max=settings.plan.actions_max,
            plan_source=str(plan),
        )
        warnings, count = checked.warnings, len(read.actions)
    except BadInput as err:
        problems = err.problems
    if is_json:
        print(
            json.dumps(
                {"valid": not problems, "problems": told(problems), "warnings": told(warnings)},
                ensure_ascii=False,
                indent=2,
            )
        )
    elif problems:
        raise BadInput(problems)
    else:
        terminal = Terminal()
        for warning in warnings:
            terminal.say(f"warning: {warning}", "waiting")
        terminal.say(f"{plan} is valid: {counted(count, 'action')}, {counted(len(warnings), 'warning')}.", "good")
    raise typer.Exit(ExitCode.BAD_INPUT if problems else ExitCode.DONE)


def told(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    """Return problems as JSON values."""
    return [{"source": problem.source, "path": problem.path, "message": problem.message} for problem in problems]
