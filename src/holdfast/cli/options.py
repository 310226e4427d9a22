"""Options that several commands share, declared once so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ActionFiles",
    "By",
    "CatalogDirectory",
    "Config",
    "Database",
    "ExecutionId",
    "Executor",
    "Imports",
    "Json",
    "PlanFile",
    "SpecEnvironment",
    "WaitMax",
]

PlanFile = Annotated[
    Path, typer.Argument(metavar="PLAN", help="The plan: a JSON file, or YAML by its name.", show_default=False)
]
ActionFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--actions",
        metavar="FILE",
        help="Action definitions: one, a list or a map per file. Repeatable.",
        show_default=False,
    ),
]
CatalogDirectory = Annotated[
    Path | None,
    typer.Option(
        "--catalog",
        metavar="DIR",
        help="Catalog entries of APIs; beats the setting catalog.directory.",
        show_default=False,
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="The database; beats the setting database.url (sqlite:///.holdfast/holdfast.db).",
        show_default=False,
    ),
]
By = Annotated[str | None, typer.Option(help="Who says so, for the record.", show_default=False)]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings file instead of ./holdfast.toml.", show_default=False),
]
SpecEnvironment = Annotated[
    bool,
    typer.Option(
        "--spec-env",
        help="Also read the environment variables of spec 001 (PRIMARY_API_URL, MAX_RETRIES …), below the file in rank.",
    ),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        help="Import a module that registers functions as actions. Repeatable.",
        show_default=False,
    ),
]
Executor = Annotated[
    str | None,
    typer.Option(
        "--external",
        metavar="NAME",
        help="An executor outside Holdfast performs the actions: it reads `holdfast events` and answers by `holdfast emit`. Implies --detach.",
        show_default=False,
    ),
]
WaitMax = Annotated[
    float | None,
    typer.Option(
        "--wait-max",
        metavar="SECONDS",
        help="Leave with exit code 3 when nothing is due sooner; beats run.wait_max_s.",
        show_default=False,
    ),
]
ExecutionId = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION", help="The execution's id, or its first letters (at least four).", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]
