"""`holdfast contract`: the wire contract, for peers in other languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast import __version__
from holdfast.cli.options import Json
from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["group"]

group = typer.Typer(no_args_is_help=True, help="The wire contract as JSON Schema and AsyncAPI.", rich_markup_mode=None)


@group.callback()
def contract() -> None:
    """The wire contract as JSON Schema and AsyncAPI."""


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
    asyncapi: Annotated[
        bool, typer.Option("--asyncapi", help="The events as an AsyncAPI 3.0 document instead.")
    ] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="With --asyncapi: as YAML.")] = False,
    is_json: Json = False,
) -> None:
    """Export every schema as a JSON Schema 2020-12 document: a map to standard output, or a file each.

    With --asyncapi, export the events that come and go as one AsyncAPI 3.0 document.
    """
    if yaml and not asyncapi:
        raise BadInput([Problem(source="--yaml", path="", message="goes with --asyncapi; the schemas are JSON")])
    if yaml and is_json and directory is None:
        raise BadInput([Problem(source="--yaml", path="", message="and --json are two answers; leave one out")])
    if asyncapi:
        export_asyncapi(directory, as_yaml=yaml, is_json=is_json)
        return
    from holdfast.contract import json_schemas  # noqa: PLC0415 - `--help` need not load the models

    schemas = json_schemas()
    if directory is None:
        print(json.dumps(schemas, ensure_ascii=False, indent=2))
        return
    texts = {
        f"{name}.schema.json": json.dumps(schema, ensure_ascii=False, indent=2) for name, schema in schemas.items()
    }
    write(directory, texts)
    tell(f"wrote {len(schemas)} schemas to {directory}", directory, names=texts, is_json=is_json)


def export_asyncapi(directory: Path | None, *, as_yaml: bool, is_json: bool) -> None:
    """Print the AsyncAPI document, or write it to a file of its own."""
    from holdfast.contract.asyncapi import asyncapi_document  # noqa: PLC0415 - as above

    text = json.dumps(asyncapi_document(version=__version__), ensure_ascii=False, indent=2)
    if as_yaml:
        import yaml  # noqa: PLC0415 - as above

        text = yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True, width=120).rstrip()
    if directory is None:
        print(text)
        return
    name = f"asyncapi.{'yaml' if as_yaml else 'json'}"
    write(directory, {name: text})
    tell(f"wrote {directory / name}", directory, names=[name], is_json=is_json)


def tell(text: str, directory: Path, *, names: Iterable[str], is_json: bool) -> None:
    """Say which files were written."""
    print(json.dumps({"written": [str(directory / name) for name in names]}) if is_json else text)


def write(directory: Path, texts: dict[str, str]) -> None:
    """Write files into a directory, which is made if need be.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (directory / name).write_text(text + "\n", encoding="utf-8")
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
