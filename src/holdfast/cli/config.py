"""`holdfast config`: every setting, its value, and where that came from."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import typer

from holdfast.cli.options import CatalogDirectory, Config, Database, Json, SpecEnvironment
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from holdfast.cli.terminal import Segment
    from holdfast.settings import Settings

__all__ = ["group"]

group = typer.Typer(no_args_is_help=True, help="Settings: values and where they come from.", rich_markup_mode=None)


@group.callback()
def config() -> None:
    """Settings: values and where they come from."""


@group.command("show")
def show(
    *,
    db: Database = None,
    catalog: CatalogDirectory = None,
    config: Config = None,
    spec_env: SpecEnvironment = False,
    is_json: Json = False,
) -> None:
    """Show every setting with its value and where it came from, integrations too; secrets and passwords are hidden."""
    from holdfast.settings import load  # noqa: PLC0415 - `--help` need not load the table

    arguments = {"database.url": db, "catalog.directory": catalog}
    settings = load(arguments=arguments, config_path=config, aliases=spec_env)
    if is_json:
        print(json.dumps(as_json(settings), ensure_ascii=False, indent=2))
    else:
        Terminal().table(["setting", "value", "from"], rows_of(settings))
        complain(settings, spec_env=spec_env)


def as_json(settings: Settings) -> dict[str, object]:
    """Return the settings as JSON: values as they are, or hidden."""
    from holdfast.settings import integration_lines, table  # noqa: PLC0415 - as above

    shown = {
        line.name: {
            "value": settings.value(line.name) if is_open(line.secret, line.address) else settings.shown(line.name),
            "origin": settings.origin(line.name),
            "unit": line.unit,
            "variable": line.variable,
        }
        for line in table()
    } | {
        line.name: {"value": line.value, "origin": line.origin, "unit": line.unit, "variable": line.variable}
        for line in integration_lines(settings.integrations, settings.sources)
    }
    return {"settings": shown, "variablesUnread": list(settings.variables_unread)}


def rows_of(settings: Settings) -> list[list[Segment]]:
    """Return the settings as rows of a table."""
    from holdfast.settings import integration_lines, table  # noqa: PLC0415 - as above

    lines = [(line.name, settings.shown(line.name), line.unit, settings.origin(line.name)) for line in table()]
    lines += [
        (line.name, line.shown, line.unit, line.origin)
        for line in integration_lines(settings.integrations, settings.sources)
    ]
    return [
        [
            (name, "title"),
            (f"{shown} {unit}".strip(), "plain"),
            (origin, "faint" if origin == "default" else "decision"),
        ]
        for name, shown, unit, origin in lines
    ]


def complain(settings: Settings, *, spec_env: bool) -> None:
    """Name the variables that are set and set nothing."""
    from holdfast.settings import aliases  # noqa: PLC0415 - as above

    complaints = Terminal(sys.stderr)
    for name in settings.variables_unread:
        complaints.say(f"warning: {name} is set and is no setting of Holdfast; misspelt?", "waiting")
    used = set(settings.sources.values())
    for alias in aliases() if spec_env else ():
        if os.environ.get(alias.variable) and alias.variable not in used:
            why = alias.reason if not alias.setting else f"{alias.setting} is not declared, or set in a nearer place."
            complaints.say(f"note: {alias.variable} is set and changes nothing: {why}", "faint")


def is_open(is_secret: bool, is_address: bool) -> bool:  # noqa: FBT001 - two facts of one line, never called elsewhere
    """Whether a value may be shown as it is."""
    return not is_secret and not is_address
