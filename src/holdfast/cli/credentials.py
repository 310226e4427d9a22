"""`holdfast credentials`: list them, provide one that a person is asked for, or give it up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import By, Config, Database, Json
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold
    from holdfast.hold.credentials import Credential

__all__ = ["group"]

group = typer.Typer(no_args_is_help=True, help="Credentials: list, provide one, give one up.", rich_markup_mode=None)

TONES = {"ready": "good", "refreshing": "decision", "asked": "person", "failed": "bad", "missing": "waiting"}
Name = Annotated[str, typer.Argument(metavar="NAME", help="The credential's name.", show_default=False)]
OfExecution = Annotated[
    str | None,
    typer.Option(
        "--execution",
        metavar="EXECUTION",
        help="For a secret that one execution asks its user for (user_input): which one.",
        show_default=False,
    ),
]
HOW = "`-` reads it from standard input, `env:NAME` from a variable; without a value it is asked for."


@group.command("list")
def list_credentials(*, db: Database = None, config: Config = None, is_json: Json = False) -> None:
    """List credentials that were fetched, refreshed or set, or that a person is asked for. Values are never shown."""
    from holdfast.cli.session import further, opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)

    async def work() -> list[Credential]:
        """Read the list."""
        async with opened(settings, create=False) as hold:
            return await hold.credentials()

    rows = run_async(work())
    if is_json:
        print(json.dumps([credential_json(row) for row in rows], ensure_ascii=False, indent=2))
        return
    terminal = Terminal()
    if not rows:
        terminal.say("No credentials.", "faint")
        return
    lines = [
        [
            (row.name, "title"),
            (row.state, TONES[row.state]),
            (f"{row.generation:>10}", "plain"),
            (f"{row.expires_at:%Y-%m-%d %H:%M:%S}" if row.expires_at else "", "plain"),
            (row.execution or "all", "plain"),
            (f"{row.changed_at:%Y-%m-%d %H:%M:%S}" if row.changed_at else "", "plain"),
            (row.changed_by or "", "plain"),
        ]
        for row in rows
    ]
    terminal.table(
        ["credential", "state", "generation", "expires (UTC)", "for execution", "changed (UTC)", "by"], lines
    )
    for row in rows:
        if row.question is not None:
            words = ["credentials", "set", row.name, *(["--execution", row.execution] if row.execution else [])]
            terminal.say()
            terminal.line(("? ", "person"), (row.question, "plain"))
            terminal.line((f"  {further(settings, *words)}", "title"))


@group.command("set")
def set_credential(
    name: Name,
    *,
    access_token: Annotated[
        str | None, typer.Option("--access-token", metavar="VALUE", help=f"The token or key. {HOW}", show_default=False)
    ] = None,
    refresh_token: Annotated[
        str | None,
        typer.Option(
            "--refresh-token",
            metavar="VALUE",
            help="The refresh token; alone, an access token is fetched with it. `-` and `env:NAME` as above.",
            show_default=False,
        ),
    ] = None,
    expires_in: Annotated[
        float | None,
        typer.Option("--expires-in", metavar="SECONDS", help="How long the access token is good.", show_default=False),
    ] = None,
    execution: OfExecution = None,
    by: By = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Provide a credential and let everybody who waits for it go on. The first answer wins; exit code 1 if something was quicker."""
    from holdfast.cli.secret_values import secret_value  # noqa: PLC0415 - as above
    from holdfast.cli.session import further, opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)

    async def work() -> int:
        """Look which generation is there, ask for the value, and provide it."""
        async with opened(settings) as hold:
            found = await resolve_id(hold, execution) if execution else None
            generation = await generation_of(hold, name, found)
            # Only now: whoever is slow to type must not replace what somebody else has set meanwhile.
            access = secret_value(access_token, option="--access-token") if access_token is not None else None
            refresh = secret_value(refresh_token, option="--refresh-token") if refresh_token is not None else None
            if access is None and refresh is None:
                access = secret_value(None, option="--access-token", prompt=f"Value of {name}")
            return await hold.set_credential(
                name,
                access_token=access,
                refresh_token=refresh,
                expires_in_s=expires_in,
                execution_id=found,
                generation=generation,
                by=by,
            )

    generation = run_async(work())
    if is_json:
        print(json.dumps({"credential": name, "generation": generation}))
    else:
        terminal = Terminal()
        terminal.say(f"{name}: set (generation {generation}).", "good")
        terminal.say(f"A running worker goes on by itself; otherwise: {further(settings, 'resume', '--all')}")


@group.command("give-up")
def give_up(
    name: Name,
    *,
    execution: OfExecution = None,
    by: By = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Say that a credential will not come: everybody who waits for it fails. Exit code 1 if nobody is asked for it."""
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)

    async def work() -> None:
        """Give it up."""
        async with opened(settings, create=False) as hold:
            found = await resolve_id(hold, execution) if execution else None
            await hold.give_up_credential(name, execution_id=found, by=by)

    run_async(work())
    if is_json:
        print(json.dumps({"credential": name, "givenUp": True}))
    else:
        Terminal().say(f"{name}: given up. Whoever waits for it fails.", "bad")


async def generation_of(hold: AsyncHold, name: str, execution: str | None) -> int:
    """Return the generation of a credential as it is now."""
    known = await hold.credentials(limit=100_000)
    return next((row.generation for row in known if (row.name, row.execution) == (name, execution)), 0)


def credential_json(row: Credential) -> dict[str, object]:
    """Return a credential as JSON values."""
    return {
        "credential": row.name,
        "executionId": row.execution,
        "state": row.state,
        "generation": row.generation,
        "expiresAt": row.expires_at.isoformat().replace("+00:00", "Z") if row.expires_at else None,
        "changedAt": row.changed_at.isoformat().replace("+00:00", "Z") if row.changed_at else None,
        "changedBy": row.changed_by,
        "question": row.question,
        "askedAt": row.asked_at.isoformat().replace("+00:00", "Z") if row.asked_at else None,
    }
