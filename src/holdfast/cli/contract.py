"""`holdfast contract`: the wire contract, for peers in other languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from holdfast.errors import BadInput, Problem

__all__ = ["group"]

group = typer.Typer(no_args_is_help=True, help="The wire contract as JSON Schema.", rich_markup_mode=None)


@group.callback()
def contract() -> None:
    """The wire contract as JSON Schema."""


@group.command("export")
def export(
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a file per schema here, instead of one map to standard output.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Export every schema as a JSON Schema 2020-12 document: a map to standard output, or a file each."""
    from holdfast.contract import json_schemas  # noqa: PLC0415 - `--help` need not load the models

    schemas = json_schemas()
    if directory is None:
        print(json.dumps(schemas, ensure_ascii=False, indent=2))
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, schema in schemas.items():
            (directory / f"{name}.schema.json").write_text(
                json.dumps(schema, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
            )
    except OSError as err:
        raise BadInput(
            [
                Problem(
                    source=str(directory),
                    path="",
                    message=f"cannot be written: {err.strerror}; choose another directory",
                )
            ]
        ) from err
    print(f"wrote {len(schemas)} schemas to {directory}")
