"""The reference of the exceptions that are known by name, from the tables; `tools.reference` writes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import ExceptionMeaning, Table, Weight
from holdfast.faults.raised.names import EVERYWHERE, LIBRARIES

_HEAD = """# Exceptions that are known

<!-- Written by `python -m tools.reference` from the code. Change the code, not this page. -->

Holdfast knows what the exceptions of these libraries mean, by the names of their classes and the words of their messages.
It imports none of them, so a program pays for no library that it does not use.
An exception that is not here is known by its nearest ancestor that is, else by its causes, else by the words of its message.

`holdfast.classify(exc)` shows what is made of an exception.
The answer that an exception carries (a status, headers, a body that was read) counts before its name.

How to read the tables:

- **Phase**: how far the call had got; before `write`, nothing was sent.
- **Outcome**: whether the side effect can have happened.
- **by its words**: the class stands for several things, and its message or its code decides; what stands in the row holds where neither says more.
- **gives way**: the class says little by itself, and a more exact cause is preferred.

"""


def page() -> str:
    """The whole page."""
    parts = [
        _HEAD,
        "## Everywhere\n\nThese names mean the same in whichever library they occur.\n\n",
        _rows(EVERYWHERE),
    ]
    for table, libraries in _grouped().values():
        parts.append(f"\n## {', '.join(libraries)}\n\n{_rows(table)}")
    return "".join(parts)


def _grouped() -> dict[int, tuple[Table, list[str]]]:
    """Libraries that share a table stand together."""
    found: dict[int, tuple[Table, list[str]]] = {}
    for library, table in sorted(LIBRARIES.items(), key=lambda item: item[0].lower()):
        found.setdefault(id(table), (table, []))[1].append(f"`{library}`")
    return found


def _rows(table: Table) -> str:
    names: dict[ExceptionMeaning, list[str]] = defaultdict(list)
    for name, meaning in table.items():
        names[meaning].append("any other class" if name == "*" else f"`{name}`")
    lines = ["| Classes | Category | Retryable | Phase | Outcome | |", "| --- | --- | --- | --- | --- | --- |"]
    lines.extend(f"| {', '.join(found)} | {' | '.join(_cells(meaning))} |" for meaning, found in names.items())
    return "\n".join(lines) + "\n"


def _cells(meaning: ExceptionMeaning) -> Iterable[str]:
    retryable = {None: "by category", True: "yes", False: "no"}[meaning.retryable]
    remarks = ["by its words"] if meaning.by_words is not None else []
    if meaning.weight < Weight.ECHO:
        remarks.append("gives way")
    phase = "" if meaning.phase is Phase.FUNCTION else meaning.phase.value
    return f"`{meaning.category}`", retryable, phase, f"`{meaning.outcome}`", ", ".join(remarks)
