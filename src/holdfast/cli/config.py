"""`holdfast config`: every setting, its value, and where that came from."""

from __future__ import annotations

import json
import sys

import typer

from holdfast.cli.options import CatalogDirectory, Config, Database, Json
from holdfast.cli.terminal import Terminal

__all__ = ["group"]

group = typer.Typer(no_args_is_help=True, help="Settings: values and where they come from.", rich_markup_mode=None)


@group.callback()
def config() -> None:
    """Settings: values and where they come from."""


@group.command("show")
def show(
    *, db: Database = None, catalog: CatalogDirectory = None, config: Config = None, is_json: Json = False
) -> None:
    """Show every setting with its value and where it came from; secrets and passwords are hidden."""
    from holdfast.settings import load, table  # noqa: PLC0415 - `--help` need not load the table

    settings = load(arguments={"database.url": db, "catalog.directory": catalog}, config_path=config)
    if is_json:
        shown = {
            line.name: {
                "value": settings.value(line.name) if is_open(line.secret, line.address) else settings.shown(line.name)
            }
            | {"origin": settings.origin(line.name), "unit": line.unit, "variable": line.variable}
            for line in table()
        }
        print(
            json.dumps(
                {"settings": shown, "variablesUnread": list(settings.variables_unread)}, ensure_ascii=False, indent=2
            )
        )
        return
    rows = [
        [
            (line.name, "title"),
            (f"{settings.shown(line.name)} {line.unit}".strip(), "plain"),
            (settings.origin(line.name), "faint" if settings.origin(line.name) == "default" else "decision"),
        ]
        for line in table()
    ]
    Terminal().table(["setting", "value", "from"], rows)
    complaints = Terminal(sys.stderr)
    for name in settings.variables_unread:
        complaints.say(f"warning: {name} is set and is no setting of Holdfast; misspelt?", "waiting")


def is_open(is_secret: bool, is_address: bool) -> bool:  # noqa: FBT001 - two facts of one line, never called elsewhere
    """Whether a value may be shown as it is."""
    return not is_secret and not is_address
