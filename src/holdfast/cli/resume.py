"""`holdfast resume`: go on with executions that were interrupted; without ids, say which could be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import ActionFiles, CatalogDirectory, Config, Database, Imports, Json, WaitMax

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold

__all__ = ["resume"]

LIVE_MAX = 1000


def resume(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EXECUTION]...", help="Ids, or their first letters.", show_default=False),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Go on with every live execution, the newest {LIVE_MAX}.")
    ] = False,
    new_plan: Annotated[
        Path | None,
        typer.Option(
            "--with",
            metavar="PLAN",
            help="Go on with this plan instead; refused if it changes what has begun.",
            show_default=False,
        ),
    ] = None,
    actions: ActionFiles = None,
    catalog: CatalogDirectory = None,
    db: Database = None,
    config: Config = None,
    wait_max: WaitMax = None,
    imports: Imports = None,
    is_json: Json = False,
) -> None:
    """Go on with executions until they end or pause. Without ids it lists the live ones and does nothing.

    A changed file never changes a plan that runs; `--with`, with its `--actions`, does so for one execution. With --json: the state of one
    execution; with --all or several ids, a list of states.
    """
    from holdfast.cli.executions import show_list  # noqa: PLC0415 - `--help` need not load what works
    from holdfast.cli.exits import ExitCode  # noqa: PLC0415 - as above
    from holdfast.cli.run import stay  # noqa: PLC0415 - as above
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above
    from holdfast.cli.summary import show_warnings  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config, catalog=catalog, wait_max_s=wait_max)
    is_many = everything or len(ids or ()) > 1
    refuse_misuse(ids or (), new_plan=new_plan, has_actions=bool(actions), everything=everything)

    async def work() -> ExitCode:
        """Choose the executions and go on with them."""
        async with opened(settings, imports=imports or (), create=False) as hold:
            if not ids and not everything:
                show_list(
                    await hold.executions(state="running", limit=LIVE_MAX),
                    settings=settings,
                    is_json=is_json,
                    kind="live executions",
                )
                return ExitCode.DONE
            chosen = [await resolve_id(hold, one) for one in ids or ()]
            if new_plan is not None:
                show_warnings(hold.check(new_plan, list(actions or ()), external=await executor_of(hold, chosen[0])))
                await hold.replace_plan(chosen[0], new_plan, list(actions or ()))
            if everything:
                chosen += [row.id for row in reversed(await hold.executions(state="running", limit=LIVE_MAX))]
            chosen = list(dict.fromkeys(chosen))
            if not chosen:
                show_list([], settings=settings, is_json=is_json, kind="live executions")
                return ExitCode.DONE
            return await stay(hold, chosen, settings=settings, is_json=is_json, is_new=False, is_many=is_many)

    raise typer.Exit(run_async(work()))


async def executor_of(hold: AsyncHold, execution: str) -> str | None:
    """Return the executor outside that an execution names, if any."""
    row = await hold.read(lambda snapshot: snapshot.execution(execution))
    return None if row is None else row.external


def refuse_misuse(ids: Sequence[str], *, new_plan: Path | None, has_actions: bool, everything: bool) -> None:
    """Refuse options that do not go together.

    Raises:
        BadInput: a plan is given for no execution or for several, or definitions without a plan.
    """
    from holdfast.errors import BadInput, Problem  # noqa: PLC0415 - `--help` need not load what works

    message = ""
    if new_plan is not None and (len(ids) != 1 or everything):
        message = "one plan is for one execution; name exactly one"
    elif new_plan is None and has_actions:
        message = "definitions belong to a plan; name it with --with"
    if message:
        raise BadInput([Problem(source="--with", path="", message=message)])
