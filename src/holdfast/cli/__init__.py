"""The command line: one file per command, and this door in front of them.

The door needs nothing but Python, so that the bare wheel's `holdfast` can say what is missing instead of failing with a traceback.
It does not know the commands: that is `holdfast.cli.app`.
"""

from __future__ import annotations

import importlib.util
import sys

from holdfast.errors import MissingExtra

__all__ = ["main"]

# All commands need these; whatever else a command needs, its own room asks for.
_NEEDED = ("typer", "rich")


def main() -> int:
    """Runs the command line and returns its exit code; 2 if the packages it needs are not installed."""
    if any(importlib.util.find_spec(package) is None for package in _NEEDED):
        print(MissingExtra("The command line", "durable"), file=sys.stderr)
        return 2
    try:
        from holdfast.cli.app import main as run_command  # noqa: PLC0415 - the door opens only when somebody comes

        return run_command()
    except MissingExtra as missing:
        print(missing, file=sys.stderr)
        return 2
