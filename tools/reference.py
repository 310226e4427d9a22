"""Writes the reference pages that are tables of the code (settings, errors, events, commands, routes, the spec map), and fills the blocks of
all others.

    python -m tools.reference           write them
    python -m tools.reference --check   say which are out of date, and fail

What the pages say stands in the code, once; a page never differs from it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

from typer.main import get_command

from holdfast import errors, settings
from holdfast.guards.listening import EVENTS as POLICY_EVENTS
from holdfast.journal.events import EVENT_TYPES
from holdfast.settings.integration import FALLBACK_TYPES
from holdfast.settings.setting import settings_of
from tools import blocks, catalog_page, exceptions_page, routes_page, spec_map, taxonomy_page

__all__ = ["PAGES", "command_names", "main", "outdated"]

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by `python -m tools.reference` from the code. Change the code, not this page. -->"


class _Parameter(Protocol):
    """An option or an argument of a command, as click describes it."""

    opts: list[str]
    help: str | None
    param_type_name: str


class _Command(Protocol):
    """A command or a group of commands, as click describes it."""

    help: str | None
    hidden: bool
    params: list[_Parameter]


def settings_page() -> str:
    """The table of settings, a section at a time."""
    parts = [
        "# Settings",
        NOTE,
        (
            "Arguments beat environment variables, variables beat the file, the file beats the default.\n"
            "The file is `holdfast.toml` in the working directory, or the one named with `--config`.\n"
            "The setting `worker.concurrency` is the key `concurrency` in its table `[worker]`, and the variable `HOLDFAST_WORKER_CONCURRENCY`.\n"
            "`holdfast config show` prints every value and where it came from.\n"
            "All values are checked at the start, and everything that is wrong is reported at once ([bad-settings](errors.md#bad-settings))."
        ),
    ]
    section = ""
    rows: list[list[str]] = []
    for line in settings.table():
        if line.name.partition(".")[0] != section:
            section = line.name.partition(".")[0]
            rows = []
            parts += [f"## {section}", ""]
        rows.append(
            [
                f"`{line.name}`",
                _default_of(line),
                _range_of(line),
                f"`{line.variable}`",
                line.meaning + (" Never shown." if line.secret else ""),
            ]
        )
        parts[-1] = _table(["Setting", "Default", "Range", "Variable", "Meaning"], rows)
    return _page([*parts, *_integrations(), *_aliases()])


def _integrations() -> list[str]:
    """The keys of an integration, and those of its fallbacks."""
    rows = [
        [f"`{line.name}`", _default_of(line), _range_of(line), line.meaning + (" Never shown." if line.secret else "")]
        for line in settings.integration_keys()
    ]
    rows += [
        [
            "`headers`",
            "none",
            "table of text",
            "Headers of every request; `env:NAME` takes the value from that variable. Never shown.",
        ],
        ["`fallbacks`", "none", "list of tables", "What to answer when the API does not; see below."],
    ]
    fallbacks = [
        [f"`{word}`", f"`{line.name.partition('.')[2]}`", _default_of(line), _range_of(line), line.meaning]
        for word, kind in FALLBACK_TYPES.items()
        for line in settings_of(kind)
        if not line.name.endswith(".priority")
    ]
    fallbacks.append(
        [
            "`default`",
            "`value`",
            "null",
            "anything JSON can say",
            "The value that stands for an answer. At most 64 KiB.",
        ]
    )
    return [
        "## integrations",
        (
            "Each API that is [called by name](../how-to/configure-integrations.md) has a table `[integrations.<id>]` in the file.\n"
            "An id begins with a small letter; small letters, digits, `-` and `_` follow.\n"
            "A key such as `retry.attempts_max` is the key `attempts_max` of the table `[integrations.<id>.retry]`.\n"
            "A variable changes one value of an integration that is declared: `HOLDFAST_INTEGRATIONS_<ID>_<KEY>` in capitals, with `_` for"
            " `-` and `.`, as in `HOLDFAST_INTEGRATIONS_PRIMARY_API_RETRY_ATTEMPTS_MAX`.\n"
            "`headers` and `fallbacks` stand in the file only.\n"
            "The tables `rate_limit` and `health_check` are in force only if they are there."
        ),
        _table(["Key", "Default", "Range", "Meaning"], rows),
        (
            "Every fallback has a `type` and a `priority` (1 to 1_000; its place in the list, if it names none): the lowest is tried first.\n"
            "The type `queue` has no other key: the table `queue` says the rest."
        ),
        _table(["Type", "Key", "Default", "Range", "Meaning"], fallbacks),
    ]


def _aliases() -> list[str]:
    """The environment variables of spec 001."""
    rows = [
        [
            f"`{alias.variable}`",
            f"`{alias.setting}`" if alias.setting else "nothing",
            {"ms": "milliseconds", "truth": "true or false"}.get(alias.unit, ""),
            f"`{alias.documented}`",
            alias.reason,
        ]
        for alias in settings.aliases()
    ]
    return [
        "## The variables of spec 001",
        (
            "They are read on request only, by `holdfast.settings.load(aliases=True)` or the option `--spec-env`, so that a host program's"
            " `MAX_RETRIES` never reaches us by accident.\n"
            "They are lower in rank than the file and our own variables.\n"
            "The document counts in milliseconds, our settings in seconds.\n"
            "`PRIMARY_API_URL` declares the integration `primary-api`, with the jitter (`plus_30`) and the three fallbacks of the document."
        ),
        _table(["Variable", "Sets", "Unit", "In the document", "To know"], rows),
    ]


def _default_of(line: settings.Setting) -> str:
    return f"`{line.shown(line.default)}`" if line.default is not None else "none"


def _range_of(line: settings.Setting) -> str:
    kinds = {"truth": "true or false"}
    words = " or ".join(f"`{choice}`" for choice in line.choices)
    return words or f"{line.range} {line.unit}".strip() or kinds.get(line.kind, "text")


def errors_page() -> str:
    """Every error: its slug, its class, its place in the tree, and what it means."""
    tree = (inspect.getdoc(errors) or "").split("```")[1]
    parts = [
        "# Errors",
        NOTE,
        (
            "Every exception of ours is a `HoldfastError` with a stable `slug`, and its facts are attributes.\n"
            "A message says what happened, why, and what to do next; it carries no secret and no payload.\n"
            "What goes wrong in your world (a timeout, a refused card) is not an error but a *fault*, which is a value."
        ),
        f"```text\n{tree.strip()}\n```",
    ]
    for kind in _error_kinds():
        parent = kind.__bases__[0]
        above = f" A [`{parent.__name__}`](#{parent.slug})." if issubclass(parent, errors.HoldfastError) else ""
        advice = vars(kind).get("advice") if issubclass(kind, errors.StoreError) else None
        parts += [
            f"## {kind.slug}",
            f"`holdfast.errors.{kind.__name__}`.{above}",
            inspect.cleandoc(kind.__doc__ or ""),
            *([f"What to do: {advice}"] if advice else []),
        ]
    return _page(parts)


def events_page() -> str:
    """The table of events."""
    rows = [
        [
            f"`{event.name}`",
            event.level,
            event.meaning + (" Ends the execution." if event.is_terminal else ""),
            ", ".join(f"`{name}`" for name in event.fields),
        ]
        for event in EVENT_TYPES.values()
    ]
    parts = [
        "# Events",
        NOTE,
        (
            "An event is committed with the rows that it announces, and each execution has exactly one event that ends it.\n"
            "Levels: debug for internals, info when a state changed, warning when something recovers, error when a person is needed."
        ),
        _table(["Event", "Level", "Meaning", "Fields"], rows),
        "## Of policies",
        (
            "What policies around calls tell in process, to `policy.on(…)` and, from info upwards, to the log `holdfast.guards`.\n"
            "They rest nowhere."
        ),
        _table(
            ["Event", "Level", "Meaning", "Fields"],
            [
                [f"`{name}`", level, meaning, ", ".join(f"`{fact}`" for fact in facts)]
                for name, (level, meaning, facts) in POLICY_EVENTS.items()
            ],
        ),
    ]
    return _page(parts)


def commands_page() -> str:
    """Every command of the command line with its options."""
    parts = [
        "# Command line",
        NOTE,
        "Exit codes: 0 done, 1 a negative result, 2 bad input or usage, 3 waiting for a person or for time, 130 interrupted.",
    ]
    for name, command in _commands("holdfast", _command_line()):
        rows = [
            [", ".join(f"`{word}`" for word in option.opts), (getattr(option, "help", None) or "").replace("\n", " ")]
            for option in command.params
        ]
        parts += [f"## {name}", inspect.cleandoc(command.help or "")]
        parts += [_table(["Argument or option", "Meaning"], rows)] if rows else []
    return _page(parts)


def command_names() -> list[str]:
    """Every command that can be typed, as in `holdfast config show`."""
    return [name for name, _ in _commands("holdfast", _command_line())]


def _command_line() -> _Command:
    return cast(_Command, get_command(importlib.import_module("holdfast.cli.app").app))


def routes_page_text() -> str:
    """Where each category of fault leads, and what each strategy asks."""
    return _page(["# Routes", NOTE, *routes_page.routes_body()])


def taxonomy_page_text() -> str:
    """How the words of the documents map to one another."""
    return _page(["# Taxonomy", NOTE, *taxonomy_page.taxonomy_body()])


def catalog_page_text() -> str:
    """The APIs that come with Holdfast."""
    return _page(["# APIs that are known", NOTE, *catalog_page.catalog_body()])


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/catalog.md": catalog_page_text,
    "docs/reference/settings.md": settings_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/events.md": events_page,
    "docs/reference/exceptions.md": exceptions_page.page,
    "docs/reference/cli.md": commands_page,
    "docs/reference/routes.md": routes_page_text,
    "docs/reference/taxonomy.md": taxonomy_page_text,
    "docs/reference/spec-map.md": spec_map.page,
}


def contents() -> dict[str, str]:
    """What every page should say that is made from the code, wholly or in blocks."""
    return {path: page() for path, page in PAGES.items()} | {
        path: blocks.filled(path) for path in blocks.pages_with_blocks()
    }


def outdated() -> list[str]:
    """The pages that do not say what the code says."""
    return [path for path, text in contents().items() if text != _read(ROOT / path)]


def main(arguments: list[str]) -> int:
    """Writes the pages, or checks them; returns the exit code."""
    wanted = contents()
    stale = outdated()
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path} does not say what the code says. Run: python -m tools.reference", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(wanted[path])
        print(f"wrote {path}")
    return 0


def _error_kinds() -> list[type[errors.HoldfastError]]:
    kinds = [getattr(errors, name) for name in errors.__all__]
    return sorted((kind for kind in kinds if issubclass(kind, errors.HoldfastError)), key=lambda kind: str(kind.slug))


def _commands(name: str, command: _Command) -> Iterator[tuple[str, _Command]]:
    # Commands nest two deep, so that this recursion is as deep as our own command line.
    inner: dict[str, _Command] = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for word, below in inner.items():
        if not below.hidden:
            yield from _commands(f"{name} {word}", below)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
