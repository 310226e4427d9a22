"""`holdfast purge`: erase executions that have ended, or only what is personal in them. It cannot be undone, so it asks first."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import Config, Database, Json

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold
    from holdfast.recovery.purge import Purged

__all__ = ["purge"]


def purge(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="EXECUTION...", help="Ids, or their first letters (at least four).", show_default=False),
    ],
    *,
    only_personal: Annotated[
        bool,
        typer.Option("--personal", help="Erase only the values of fields marked as personal; the story stays."),
    ] = False,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Erase executions that have ended, with everything that belongs to them, for good.

    Live ones are refused: cancel them first. Exit code 1 if one is live, 2 if an id is unknown; those before it are erased then.
    """
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)

    async def work() -> list[Purged]:
        """Find all of them, ask, and erase one after the other."""
        async with opened(settings, create=False) as hold:
            chosen = list(dict.fromkeys([await find(hold, one) for one in ids]))
            make_sure(chosen, only_personal=only_personal, is_sure=is_sure)
            done: list[Purged] = []
            for execution_id in chosen:
                done.append(await hold.purge(execution_id, only_personal=only_personal))
                if not is_json:
                    tell(done[-1], only_personal=only_personal)
            return done

    done = run_async(work())
    if is_json:
        print(json.dumps([purged_json(one) for one in done], ensure_ascii=False, indent=2))


async def find(hold: AsyncHold, text: str) -> str:
    """Return the execution that is meant. A whole id may also be one that only events from outside have named."""
    from holdfast.cli.session import resolve_id  # noqa: PLC0415 - as above
    from holdfast.errors import UnknownExecution  # noqa: PLC0415 - as above

    try:
        return await resolve_id(hold, text)
    except UnknownExecution:
        if await hold.dead_letters(execution_id=text, limit=1):
            return text
        raise


def make_sure(chosen: list[str], *, only_personal: bool, is_sure: bool) -> None:
    """Ask whether to go on.

    Raises:
        BadInput: nobody is there to be asked.
    """
    from holdfast.errors import BadInput, Problem  # noqa: PLC0415 - as above

    if is_sure:
        return
    if not sys.stdin.isatty():
        message = "erases for good, and nobody is here to be asked. Add --yes if that is meant."
        raise BadInput([Problem(source="purge", path="", message=message)])
    what = "the personal values of " if only_personal else ""
    which = chosen[0] if len(chosen) == 1 else f"{len(chosen)} executions ({', '.join(chosen)})"
    typer.confirm(f"Erase {what}{which} for good?", abort=True, err=True)


def tell(done: Purged, *, only_personal: bool) -> None:
    """Say what went, and what did not."""
    from holdfast.cli.terminal import Terminal  # noqa: PLC0415 - as above

    terminal = Terminal()
    files = f", {done.files} file{'' if done.files == 1 else 's'}" if done.files else ""
    if only_personal:
        terminal.say(f"{done.execution_id}: {done.changed} texts and values without what was personal{files}.", "good")
    else:
        rows = ", ".join(f"{table.replace('_', ' ')} {count}" for table, count in sorted(done.rows.items()))
        terminal.say(f"{done.execution_id} is erased: {rows}{files}.", "good")
    for path in done.files_left:
        terminal.say(
            f"{path} is named by nothing any more and goes later: it was put again just now, or lies elsewhere.",
            "waiting",
        )
    if not done.is_scrubbed:
        terminal.say(
            "Somebody reads the database, so its -wal file may hold it until every program that uses it has closed it.",
            "waiting",
        )


def purged_json(done: Purged) -> dict[str, object]:
    """Return what went as JSON values."""
    return {
        "executionId": done.execution_id,
        "rows": dict(done.rows),
        "changed": done.changed,
        "files": done.files,
        "filesLeft": list(done.files_left),
        "scrubbed": done.is_scrubbed,
    }
