"""`holdfast recover`: put in order what an accident has left; with `--restored`, after the database came back from a copy."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import Config, Database, Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.cli.exits import ExitCode
    from holdfast.cli.terminal import Terminal
    from holdfast.hold import AsyncHold
    from holdfast.recovery.restoring import Restored
    from holdfast.recovery.sweep import Swept

__all__ = ["recover"]

AHEAD_SHOWN = 10


def recover(
    *,
    is_restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="The database was restored from a copy: what may have happened since becomes unknown."
        ),
    ] = False,
    is_sure: Annotated[
        bool, typer.Option("--yes", help="Do it without asking; needed where nobody can be asked.")
    ] = False,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Repair what lost its step, and say what was repaired. With --restored, say first what would be done, and ask.

    It also changes a database over to the engine that worker.engine names, if that was changed while nothing ran.
    """
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)

    async def work() -> ExitCode:
        """Look, ask, act."""
        async with opened(settings, create=False, adopt_engine=True) as hold:
            if is_restored:
                return await after_restore(hold, is_sure=is_sure, is_json=is_json)
            return show_swept(await hold.sweep(), is_json=is_json)

    raise typer.Exit(run_async(work()))


def show_swept(swept: Swept, *, is_json: bool) -> ExitCode:
    """Tell what the sweep found; what nothing moves is a negative result."""
    from holdfast.cli.exits import ExitCode  # noqa: PLC0415 - as above
    from holdfast.cli.terminal import Terminal  # noqa: PLC0415 - as above

    if is_json:
        print(json.dumps(camel(asdict(swept))))
    else:
        terminal = Terminal()
        terminal.say(
            f"{swept.looked_at} waiting actions looked at: {swept.repaired} had lost their step, and have one again.",
            "plain",
        )
        terminal.say(f"{swept.advanced} executions rested on nothing, and go on.", "plain")
        for execution in swept.stuck:
            terminal.say(f"{execution} cannot go on. See: holdfast why {execution}", "bad")
    return ExitCode.NEGATIVE if swept.stuck else ExitCode.DONE


async def after_restore(hold: AsyncHold, *, is_sure: bool, is_json: bool) -> ExitCode:
    """Say what would be done; do it once somebody agrees."""
    from holdfast.cli.exits import ExitCode  # noqa: PLC0415 - as above
    from holdfast.cli.terminal import Terminal  # noqa: PLC0415 - as above

    terminal = Terminal(sys.stderr if is_json else sys.stdout)
    foreseen = await hold.recover_restored(dry_run=True)
    if foreseen.is_done_before:
        terminal.say("Nothing has happened here since this was last done; there is nothing to do.", "plain")
        tell(foreseen, is_json=is_json, is_done=True)
        return ExitCode.DONE
    if not is_sure:
        show(terminal, foreseen, verb="would be")
        if not sys.stdin.isatty():
            terminal.say("Nothing was done. To do it, add --yes.", "waiting")
            tell(foreseen, is_json=is_json, is_done=False)
            return ExitCode.WAITING
        if not typer.confirm("Do it?", err=is_json):
            return ExitCode.NEGATIVE
    done = await hold.recover_restored()
    show(terminal, done, verb="was")
    tell(done, is_json=is_json, is_done=True)
    return ExitCode.DONE


def show(terminal: Terminal, restored: Restored, *, verb: str) -> None:
    """Print what was or would be done."""
    were = "were" if verb == "was" else verb
    terminal.say(f"{restored.executions} live executions {were} looked at.", "plain")
    terminal.say(f"{restored.settled} attempts in flight {were} settled as unknown, and decided about.", "plain")
    terminal.say(
        f"{restored.doubted} scheduled attempts may have been made since the copy; they {were} probed or asked about.",
        "person",
    )
    if restored.skipped:
        terminal.say(
            f"{restored.skipped} executions are for a newer release: run the command with that one, too.", "bad"
        )
    if restored.ahead:
        terminal.say(
            "These come later and may have been made since the copy; if one was, cancel its execution:", "person"
        )
        for name in restored.ahead[:AHEAD_SHOWN]:
            terminal.say(f"  {name}", "plain")
        if len(restored.ahead) > AHEAD_SHOWN:
            terminal.say(f"  and {len(restored.ahead) - AHEAD_SHOWN} more (--json lists them)", "plain")
    terminal.say(f"All leases {were} freed. The database {verb} in era {restored.era}.", "plain")


def tell(restored: Restored, *, is_json: bool, is_done: bool) -> None:
    """Print the result for programs."""
    if is_json:
        print(json.dumps(camel({**asdict(restored), "done": is_done})))


def camel(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields under the names that all our JSON uses: `lookedAt`; a question loses its `is_`."""
    words = ((name.removeprefix("is_").split("_"), value) for name, value in fields.items())
    return {first + "".join(word.capitalize() for word in rest): value for (first, *rest), value in words}
