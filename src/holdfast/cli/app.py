"""The commands, put together, and how they end: every error of ours becomes a message and an exit code, never a traceback.

A traceback is what a defect of ours leaves, so it is not caught here.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.main import get_command

from holdfast import __version__
from holdfast.cli import catalog, config, contract, credentials, dead_letters, executions, faults
from holdfast.cli.classify import classify
from holdfast.cli.demo import demo
from holdfast.cli.emit import emit
from holdfast.cli.events import events
from holdfast.cli.exits import EXIT_CODES, ExitCode, exit_code_of
from holdfast.cli.people import confirm, questions, reject
from holdfast.cli.purge import purge
from holdfast.cli.recover import recover
from holdfast.cli.resume import resume
from holdfast.cli.run import run
from holdfast.cli.simulate import simulate
from holdfast.cli.terminal import printable
from holdfast.cli.test import send_one
from holdfast.cli.validate import validate
from holdfast.cli.why import why
from holdfast.cli.worker import worker
from holdfast.errors import BadInput, HoldfastError

__all__ = ["app", "main"]

app = typer.Typer(
    name="holdfast",
    help="Error recovery for programs that depend on other people's systems. Begin with: holdfast demo",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, run, resume, worker, why, validate, classify, recover, purge, emit, events):
    app.command()(command)
app.command("test")(send_one)
app.command()(simulate)
for for_people in (confirm, reject, questions):
    executions.group.command()(for_people)
app.add_typer(executions.group, name="executions")
app.add_typer(credentials.group, name="credentials")
app.add_typer(dead_letters.group, name="dead-letters")
app.add_typer(catalog.group, name="catalog")
app.add_typer(faults.group, name="faults")
app.add_typer(contract.group, name="contract")
app.add_typer(config.group, name="config")


def print_version(is_wanted: bool) -> None:  # noqa: FBT001 - the shape that typer calls
    """Print the version and end."""
    if is_wanted:
        print(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Error recovery for programs that depend on other people's systems. Begin with: holdfast demo"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; `arguments` default to those of the process."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # whatever the terminal's encoding lacks must not end a run
            reconfigure(errors="replace")
    try:
        get_command(app).main(args=arguments, prog_name="holdfast")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except HoldfastError as error:
        complain(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has left. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.NEGATIVE
    return ExitCode.DONE


def complain(error: HoldfastError) -> None:
    """Print an error for a person, all problems of bad input, a line each."""
    lines = [str(problem) for problem in error.problems] if isinstance(error, BadInput) else [str(error)]
    if len(lines) > 1:
        print(f"{len(lines)} problems:", file=sys.stderr)
    for line in lines:
        print(printable(f"  {line}" if len(lines) > 1 else line), file=sys.stderr)
