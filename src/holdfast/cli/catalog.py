"""`holdfast catalog`: what is known of each API, where that comes from, and whether it is sound."""

from __future__ import annotations

import difflib
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from holdfast.cli.catalog_pages import (
    health_json,
    print_entry,
    print_findings,
    print_health,
    print_list,
    print_tests,
)
from holdfast.cli.exits import ExitCode
from holdfast.cli.options import By, CatalogDirectory, Config, Database, Json
from holdfast.cli.terminal import Terminal
from holdfast.errors import BadInput, Problem, StoreError, StoreMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.catalog.entries import Catalog
    from holdfast.catalog.layers import Layer
    from holdfast.catalog.lint import Finding
    from holdfast.contract import ApiCatalogEntry
    from holdfast.ports.apis import CatalogRow, HealthRow
    from holdfast.settings import Settings

__all__ = ["group"]

group = typer.Typer(
    no_args_is_help=True, help="What is known of other people's APIs: look, check, add.", rich_markup_mode=None
)

ApiId = Annotated[
    str,
    typer.Argument(metavar="API", help="The API's id or another name of it, or id@version.", show_default=False),
]
What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[API|FILE|DIR]...",
        help="Entries by id, or files and directories of entries; without any, all that are known.",
        show_default=False,
    ),
]
NO_CHECK = "nothing says how to ask it. Give its entry a healthCheck, or its integration a table health_check."
LIST_JSON = ("apiId", "name", "kind", "version", "baseUrl", "dateChecked")


@group.command("list")
def list_entries(
    *,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="WORD", help="Only APIs of this kind, such as payments.", show_default=False),
    ] = None,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """List the APIs that are known: those that come with Holdfast, and yours."""
    known = the_catalog(catalog=catalog, db=db, config=config)
    rows = [entry for api_id in known.ids() if (entry := known.entry(api_id)) and kind in {None, entry.kind}]
    if is_json:
        lines = [
            {name: entry.to_wire().get(name) for name in LIST_JSON}
            | {"rules": len(entry.error_mappings), "layers": known.layers_of(entry.api_id)}
            for entry in rows
        ]
        print(json.dumps(lines, ensure_ascii=False, indent=2))
        return
    if not rows and kind is not None:
        kinds = sorted({entry.kind for api_id in known.ids() if (entry := known.entry(api_id)) and entry.kind})
        Terminal().say(f"No API is of the kind {kind!r}. There are: {', '.join(kinds)}.", "faint")
        return
    print_list(known, rows)


@group.command()
def show(
    api: ApiId,
    *,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say of each part which layer and file it comes from.")
    ] = False,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Show what is known of an API, with everything its entry takes over. Exit code 1 if nothing is."""
    known = the_catalog(catalog=catalog, db=db, config=config)
    entry = known.entry(api)
    if entry is None:
        not_known(known, api)
    origins = {path: str(one) for path, one in known.origins(api).items()} if origin else {}
    if is_json:
        wire = entry.to_wire() | ({"origins": origins} if origin else {})
        print(json.dumps(wire, ensure_ascii=False, indent=2))
        return
    print_entry(known, entry, origins)


@group.command()
def match(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of a request.", show_default=False)],
    *,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Say which API an address belongs to, and by which base address. Exit code 1 if it is none that is known."""
    if not url.lower().startswith(("http://", "https://")):
        message = f"{url!r} is no address. Write all of it, such as https://{url.rpartition('://')[2]}"
        raise BadInput([Problem(source="catalog match", path="", message=message)])
    known = the_catalog(catalog=catalog, db=db, config=config)
    entry = known.match(url)
    base = None if entry is None else base_of(entry, url)
    if is_json:
        print(
            json.dumps(
                {"apiId": entry and entry.api_id, "name": entry and entry.name, "baseUrl": base}, ensure_ascii=False
            )
        )
    elif entry is None:
        Terminal().say(f"{url}: no API that is known. To describe it: holdfast catalog new ID URL", "waiting")
    else:
        Terminal().line((entry.api_id, "title"), (f"  {entry.name}, because it begins with {base}", "plain"))
    raise typer.Exit(ExitCode.NEGATIVE if entry is None else ExitCode.DONE)


@group.command()
def lint(
    what: What = None,
    *,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Look for what is wrong, doubtful or missing in entries. Exit code 1 if there are errors."""
    from holdfast.catalog.linting import lint_catalog  # noqa: PLC0415 - `--help` need not load what checks

    layers, ids, shipped = chosen(what, catalog=catalog, db=db, config=config)
    if ids:
        ids = named_or_given(layers, ids, shipped=shipped)
    findings, count = lint_catalog(layers, ids, shipped=shipped, today=datetime.now(UTC).date())
    if is_json:
        print(json.dumps([finding_json(one) for one in findings], ensure_ascii=False, indent=2))
    else:
        print_findings(findings, count)
    is_bad = any(one.level.value == "error" for one in findings)
    raise typer.Exit(ExitCode.NEGATIVE if is_bad else ExitCode.DONE)


@group.command("test")
def run_examples(
    what: What = None,
    *,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Judge the examples of entries and say which are judged otherwise than they say. Exit code 1 if there are any."""
    from holdfast.catalog.examples import judge_examples  # noqa: PLC0415 - as above
    from holdfast.catalog.linting import catalog_of  # noqa: PLC0415 - as above

    layers, ids, shipped = chosen(what, catalog=catalog, db=db, config=config)
    known = catalog_of(layers, shipped=shipped)
    wanted = named(known, ids) if ids is not None else known.ids()
    results = [
        (api_id, result)
        for api_id in wanted
        if (entry := known.entry(api_id)) is not None
        for result in judge_examples(entry, known.rules(api_id))
    ]
    failed = [(api_id, result) for api_id, result in results if result.differences]
    if is_json:
        lines = [
            {
                "apiId": api_id,
                "title": result.title,
                "passed": not result.differences,
                "differences": result.differences,
            }
            for api_id, result in results
        ]
        print(json.dumps(lines, ensure_ascii=False, indent=2))
    else:
        print_tests(failed, examples=len(results), entries=len(wanted))
    raise typer.Exit(ExitCode.NEGATIVE if failed else ExitCode.DONE)


@group.command()
def new(
    api: Annotated[
        str, typer.Argument(metavar="ID", help="The API's id: small letters, digits, _, . and -.", show_default=False)
    ],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where its addresses begin.", show_default=False)],
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What people call it.", show_default=False)
    ] = None,
    catalog: CatalogDirectory = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Write a first entry for an API, with comments, into the catalog's directory (else the working directory). A file that is there stays."""
    from holdfast.catalog.skeleton import skeleton  # noqa: PLC0415 - as above
    from holdfast.cli.session import settings_of  # noqa: PLC0415 - as above

    directory = Path(settings_of(config=config, catalog=catalog).catalog.directory or ".")
    text = skeleton(api, url, today=datetime.now(UTC).date(), name=name)
    file = directory / f"{api}.yaml"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as err:
        message = "is there already; it is not overwritten. Choose another id, or edit the file."
        raise BadInput([Problem(source=str(file), path="", message=message)]) from err
    except OSError as err:
        raise BadInput(
            [Problem(source=str(file), path="", message=f"cannot be written: {err.strerror or err}")]
        ) from err
    if is_json:
        print(json.dumps({"apiId": api, "file": str(file)}))
        return
    terminal = Terminal()
    terminal.say(f"Wrote {file}.", "good")
    terminal.say(f"  Fill it in, then: holdfast catalog lint {file}")


@group.command()
def add(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Files or directories of entries, or of parts that override.", show_default=False
        ),
    ],
    *,
    by: By = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Keep entries in the database, where all workers use them within seconds. They are checked first; one of the same version is replaced."""
    from holdfast.catalog.directory import read_places  # noqa: PLC0415 - as above
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)
    pieces = read_places(files).pieces

    async def work() -> list[CatalogRow]:
        """Check and keep them."""
        async with opened(settings) as hold:
            return await hold.add_to_catalog(pieces, by=by)

    rows = run_async(work())
    if is_json:
        print(json.dumps([{"apiId": row.api_id, "version": row.version or None} for row in rows], ensure_ascii=False))
        return
    terminal = Terminal()
    for row in rows:
        terminal.say(f"{row.api_id}{'@' + row.version if row.version else ''}: kept.", "good")
    if not rows:
        terminal.say("No entries there.", "waiting")


@group.command()
def remove(
    api: Annotated[
        str,
        typer.Argument(metavar="API", help="The entry's id; with @version, that version alone.", show_default=False),
    ],
    *,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Remove an entry from the database; what lies below it counts again. Exit code 1 if there is none."""
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)
    api_id, at, version = api.partition("@")

    async def work() -> int:
        """Remove it."""
        async with opened(settings, create=False) as hold:
            return await hold.remove_from_catalog(api_id, version if at else None)

    gone = run_async(work())
    if is_json:
        print(json.dumps({"apiId": api_id, "removed": gone}))
    elif gone:
        Terminal().say(f"{api}: removed.", "good")
    else:
        Terminal().say(f"{api}: the database keeps no such entry.", "waiting")
    raise typer.Exit(ExitCode.DONE if gone else ExitCode.NEGATIVE)


@group.command()
def health(
    apis: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[API]...",
            help="APIs and integrations by id; without any, your own that can be asked, and all that were asked before.",
            show_default=False,
        ),
    ] = None,
    *,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Ask APIs now whether they are well, and keep what they say. Exit code 1 if one is not."""
    import asyncio  # noqa: PLC0415 - other commands do not wait for it

    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config, catalog=catalog)

    async def work() -> list[HealthRow]:
        """Ask all at once, and read how they are now."""
        async with opened(settings) as hold:
            wanted = apis or list(dict.fromkeys([*hold.checkable(), *(row.api_id for row in await hold.health())]))
            found = await asyncio.gather(*(hold.check_health(one) for one in wanted))
            unasked = [one for one, result in zip(wanted, found, strict=True) if result is None]
            if unasked and apis:
                raise BadInput([Problem(source="catalog health", path=one, message=NO_CHECK) for one in unasked])
            asked = {result.api_id for result in found if result is not None}
            return [row for row in await hold.health() if row.api_id in asked]

    told = logging.getLogger("holdfast.health")
    before = told.level
    told.setLevel(logging.ERROR)  # the table says it
    try:
        rows = run_async(work())
    finally:
        told.setLevel(before)
    if is_json:
        print(json.dumps([health_json(row) for row in rows], ensure_ascii=False, indent=2))
    else:
        print_health(rows)
    raise typer.Exit(ExitCode.DONE if all(row.is_healthy for row in rows) else ExitCode.NEGATIVE)


# --- which entries are meant ---


def the_catalog(*, catalog: Path | None, db: str | None, config: Path | None) -> Catalog:
    """Return all that is known here: what comes with Holdfast, the database's entries if there is a database, and the directory's.

    Raises:
        BadInput: entries are not valid.
    """
    from holdfast.catalog.linting import catalog_of  # noqa: PLC0415 - as above

    layers, _, shipped = chosen(None, catalog=catalog, db=db, config=config)
    return catalog_of(layers, shipped=shipped)


def chosen(
    what: Sequence[str] | None, *, catalog: Path | None, db: str | None, config: Path | None
) -> tuple[list[Layer], list[str] | None, bool]:
    """Return the layers, the ids of the entries that are meant (`None` for all), and whether the shipped ones lie under them.

    Files and directories that are named stand in the place of the catalog's directory.
    """
    from holdfast.catalog.directory import read_places  # noqa: PLC0415 - as above
    from holdfast.cli.session import settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config, catalog=catalog)
    given = [one for one in what or () if is_place(one)]
    names = [one for one in what or () if not is_place(one)]
    places = [Path(one) for one in given] or [Path(one) for one in [settings.catalog.directory] if one]
    layers = [*stored_layers(settings), *([read_places(places)] if places else [])]
    ids = [*names, *(piece.api_id for piece in layers[-1].pieces)] if given else names
    return layers, ids if what else None, settings.catalog.shipped


def is_place(text: str) -> bool:
    """Return whether a word means a file or directory and no API: by its form, or because it is there."""
    return "/" in text or text.endswith((".yaml", ".yml", ".json")) or Path(text).is_dir()


def stored_layers(settings: Settings) -> list[Layer]:
    """Return the entries that are kept in the database, if there is one. One that cannot be read is told, and takes nothing else away."""
    from holdfast.catalog.stored import stored_layer  # noqa: PLC0415 - as above
    from holdfast.cli.session import opened, run_async  # noqa: PLC0415 - as above

    # The directory's entries are looked at apart: broken ones must not keep us from the database.
    bare = replace(settings, catalog=replace(settings.catalog, directory=None))

    async def work() -> list[Layer]:
        """Read the rows."""
        async with opened(bare, create=False) as hold:
            rows = await hold.catalog_rows()
            return [stored_layer(rows)] if rows else []

    try:
        return run_async(work())
    except StoreMissing:
        return []
    except StoreError as err:
        Terminal(sys.stderr).say(f"Without the database's entries: {err}", "waiting")
        return []


def named_or_given(layers: Sequence[Layer], ids: Sequence[str], *, shipped: bool) -> list[str]:
    """Return the ids of entries that are meant; entries that cannot be loaded go by their own."""
    from holdfast.catalog.linting import catalog_of  # noqa: PLC0415 - as above

    try:
        known = catalog_of(layers, shipped=shipped)
    except BadInput:
        return list(ids)
    return [one.partition("@")[0] for one in named(known, ids)]


def base_of(entry: ApiCatalogEntry, url: str) -> str:
    """Return the base address of an entry by which it is found for an address."""
    from holdfast.apis.addresses import Addresses  # noqa: PLC0415 - as above

    bases = [str(entry.base_url), *(entry.base_urls or ())]
    return Addresses((base, [base]) for base in bases).match(url) or bases[0]


def named(known: Catalog, ids: Sequence[str]) -> list[str]:
    """Return the ids of entries that are meant by these names.

    Raises:
        BadInput: nothing is known by one of them.
    """
    found: list[str] = []
    for one in ids:
        entry = known.entry(one)
        if entry is None:
            not_known(known, one)
        found.append(one if "@" in one else entry.api_id)
    return list(dict.fromkeys(found))


def not_known(known: Catalog, api: str) -> NoReturn:
    """Refuse a name that nothing is known by, with the nearest one.

    Raises:
        BadInput: always.
    """
    near = difflib.get_close_matches(api, known.ids(), n=1)
    advice = f"Did you mean {near[0]!r}?" if near else "`holdfast catalog list` names those that are known."
    raise BadInput([Problem(source="catalog", path="", message=f"no API is called {api!r}. {advice}")])


def finding_json(one: Finding) -> dict[str, str]:
    """Return a finding as JSON values."""
    return {
        "id": one.id,
        "severity": one.level.value,
        "source": one.source,
        "path": one.path,
        "message": one.message,
        "advice": one.advice,
    }
