"""`holdfast resume`: go on with executions that were interrupted; without ids, say which could be."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli.options import Config, Database, Imports, Json, WaitMax

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
    db: Database = None,
    config: Config = None,
    wait_max: WaitMax = None,
    imports: Imports = None,
    is_json: Json = False,
) -> None:
    """Go on with executions until they end or pause. Without ids it lists the live ones and does nothing."""
    from holdfast.cli.executions import show_list  # noqa: PLC0415 - `--help` need not load what works
    from holdfast.cli.exits import ExitCode  # noqa: PLC0415 - as above
    from holdfast.cli.run import stay  # noqa: PLC0415 - as above
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config, wait_max_s=wait_max)

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
            if everything:
                chosen += [row.id for row in reversed(await hold.executions(state="running", limit=LIVE_MAX))]
            chosen = list(dict.fromkeys(chosen))
            if not chosen:
                show_list([], settings=settings, is_json=is_json, kind="live executions")
                return ExitCode.DONE
            return await stay(hold, chosen, settings=settings, is_json=is_json, is_new=False)

    raise typer.Exit(run_async(work()))
