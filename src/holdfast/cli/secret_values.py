"""Secrets on the command line: from a prompt without echo, from standard input, from a variable, or (with a warning) from the command itself."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["read_secrets", "secret_value"]

VARIABLE_PREFIX = "env:"


def secret_value(text: str | None, *, option: str, prompt: str = "") -> str:
    """Return the secret that `text` stands for: None asks for it, `-` is a line of standard input, `env:NAME` a variable, else itself.

    Raises:
        BadInput: the variable is not set, there is no such line, or nobody can be asked here.
    """
    if text is None:
        if not sys.stdin.isatty():
            message = f"has no value, and nobody can be asked here. Give {option} - and the value on standard input."
            raise BadInput([Problem(source=option, path="", message=message)])
        return getpass(f"{prompt}: ")
    if text == "-":
        line = sys.stdin.readline()
        if not line.strip():
            raise BadInput([Problem(source=option, path="", message="standard input has no line for it")])
        return line.rstrip("\r\n")
    if text.startswith(VARIABLE_PREFIX):
        name = text.removeprefix(VARIABLE_PREFIX)
        value = os.environ.get(name)
        if not value:
            message = f"the environment variable {name} is not set or empty"
            raise BadInput([Problem(source=option, path="", message=message)])
        return value
    print(
        f"{option}: a secret in a command is seen by others and kept in the shell's history; better give - or env:NAME.",
        file=sys.stderr,
    )
    return text


def read_secrets(given: Iterable[str], *, wanted: Iterable[str]) -> Mapping[str, str]:
    """Return the secrets of `--secret NAME=VALUE` and `--secret NAME`; on a terminal, those of `wanted` that were not given are asked for.

    Raises:
        BadInput: one is given twice, or stands for nothing; all are listed, without their values.
    """
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for text in given:
        name, equals, value = text.partition("=")
        if not name or name in found:
            message = "is given twice" if name else "must be NAME=VALUE, NAME=env:VARIABLE, NAME=- or NAME"
            problems.append(Problem(source="--secret", path=name, message=message))
            continue
        try:
            found[name] = secret_value(value if equals else None, option=f"--secret {name}", prompt=f"Value of {name}")
        except BadInput as err:
            problems.extend(err.problems)
    if problems:
        raise BadInput(problems)
    if sys.stdin.isatty():
        for name in wanted:
            if name not in found and (value := getpass(f"Value of {name} (empty: the execution waits for it): ")):
                found[name] = value
    return found
