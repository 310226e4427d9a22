"""What most commands begin with: settings from the command line, an open database, users' functions, and the words of further commands.

Imported by a command when it runs, never for `--help`: everything heavy is behind this door.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from holdfast.cli.loaded_settings import settings_of
from holdfast.errors import BadInput, Problem, UnknownExecution
from holdfast.guards.handover import HANDOVERS
from holdfast.hold import AsyncHold, Hold
from holdfast.hold.handed import Door, HandedOver
from holdfast.hold.parts import Registry
from holdfast.settings import table
from holdfast.settings.loading import CONFIG_FILE
from holdfast.wiring import open_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
    from types import ModuleType

    from holdfast.ports.store import Snapshot
    from holdfast.settings import Settings

__all__ = [
    "adopt_functions",
    "further",
    "import_all",
    "opened",
    "program",
    "read",
    "registry_of",
    "resolve_id",
    "run_async",
    "settings_of",
]

T = TypeVar("T")
PREFIX_MIN = 4
RECENT_MAX = 1000
"""So many of the newest executions are looked through for an abbreviated id."""


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, *, imports: Iterable[str] = (), create: bool = True, adopt_engine: bool = False
) -> AsyncIterator[AsyncHold]:
    """Open the database, with the functions of the modules `imports` registered; closed at the end, however that comes.

    A command that only looks does not `create` a database; one that a person runs to change the engine may `adopt_engine`.

    Raises:
        BadInput: a module cannot be imported, or two functions have one name.
        StoreMissing: there is no database, and it is not to be created.
        StoreError: the database cannot be used.
    """
    modules = import_all(imports)
    hold = await open_async(settings=settings, create=create, adopt_engine=adopt_engine)
    door = Door(hold, loop=asyncio.get_running_loop(), owner=hold, accepted=handed_over)
    try:
        HANDOVERS.opened(door)
        adopt_functions(hold, modules)
        yield hold
    finally:
        HANDOVERS.closed(door)
        await hold.close()


async def handed_over(execution_id: str) -> HandedOver:
    """Return what a function gets that hands a call over while it is performed here."""
    return HandedOver(id=execution_id)


def run_async(work: Coroutine[object, object, T]) -> T:
    """Run a command's coroutine."""
    with asyncio.Runner() as runner:
        return runner.run(work)


async def read(hold: AsyncHold, look: Callable[[Snapshot], T]) -> T:
    """Look at the rows of one moment: the command line shows what the Python API has no word for."""
    return await hold.read(look)


def import_all(names: Iterable[str]) -> dict[str, ModuleType]:
    """Import users' modules, from the working directory too, as `python -m` would.

    Raises:
        BadInput: naming each module that cannot be imported, and why.
    """
    modules: dict[str, ModuleType] = {}
    problems: list[Problem] = []
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    for name in dict.fromkeys(names):
        try:
            modules[name] = importlib.import_module(name)
        except Exception as err:  # noqa: BLE001 - a user's module may fail in any way while it is imported
            problems.append(
                Problem(source="--import", path=name, message=f"cannot be imported: {type(err).__name__}: {err}")
            )
    if problems:
        raise BadInput(problems)
    return modules


def adopt_functions(hold: AsyncHold, modules: Mapping[str, ModuleType]) -> None:
    """Register with `hold` every function that users' modules registered with holds of their own.

    Raises:
        BadInput: as for `registry_of`.
    """
    found = registry_of(modules)
    hold.registry.functions.update(found.functions)
    hold.registry.authenticators.update(found.authenticators)
    hold.registry.rules.update(found.rules)


def registry_of(modules: Mapping[str, ModuleType]) -> Registry:
    """Return everything that users' modules registered, actions and authenticators.

    Raises:
        BadInput: a module registers nothing, or two functions have one name; every such name is listed with both its modules.
    """
    found = Registry()
    owners: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    for source, module in modules.items():
        holds = holds_of(module)
        if not holds and not is_guarded(source):
            message = (
                "has no hold at its top level: write `hold = holdfast.open(...)` there, and `@hold.action(...)` on its functions;"
                " or give its guarded functions a name: `@policy.guard(handover=...)`"
            )
            problems.append(Problem(source="--import", path=source, message=message))
        for mine in (hold.registry for hold in holds):
            for kind, known, new in (
                ("action", found.functions, mine.functions),
                ("authenticator", found.authenticators, mine.authenticators),
            ):
                for name, function in new.items():
                    owner = owners.setdefault((kind, name), source)
                    if known.setdefault(name, function) is not function:
                        problems.append(Problem(source="--import", path=source, message=taken(kind, name, owner=owner)))
            found.rules.update(mine.rules)
    if problems:
        raise BadInput(problems)
    return found


def is_guarded(module: str) -> bool:
    """Whether a module, or one below it, has functions that calls are handed over to; every open database knows those already."""
    places = [str(one.function.__module__) for one in HANDOVERS.functions.values()]
    return any(place == module or place.startswith(f"{module}.") for place in places)


def taken(kind: str, name: str, *, owner: str) -> str:
    """Return what is wrong with a second function of one name."""
    return f"registers the {kind} {name!r}, which {owner} registers already; rename one, or import only one of them"


def holds_of(module: ModuleType) -> list[AsyncHold]:
    """Return the holds at the top level of a module."""
    found = [
        value.inner if isinstance(value, Hold) else value
        for value in vars(module).values()
        if isinstance(value, Hold | AsyncHold)
    ]
    return list({id(one): one for one in found}.values())


async def resolve_id(hold: AsyncHold, text: str) -> str:
    """Return the execution that an id, or at least the first four letters of one, stands for.

    Raises:
        UnknownExecution: no execution has such an id.
        BadInput: several have; they are listed.
    """
    wanted = text.strip().lower()
    if await read(hold, lambda snapshot: snapshot.execution(wanted)) is not None:
        return wanted
    recent = await hold.executions(limit=RECENT_MAX)
    found = [row for row in recent if len(wanted) >= PREFIX_MIN and row.id.startswith(wanted)]
    if not found:
        raise UnknownExecution(text)
    if len(found) > 1:
        raise BadInput(
            [
                Problem(
                    source=text,
                    path="",
                    message=f"stands for several executions: {row.id} ({row.plan_name}, {row.state})",
                )
                for row in found
            ]
        )
    return found[0].id


def program() -> str:
    """Return how this program was called, in a form that works from here again."""
    if shutil.which("holdfast"):
        return "holdfast"
    called = Path(sys.argv[0])
    if called.name == "holdfast":
        with contextlib.suppress(ValueError):
            return shlex.quote(str(called.absolute().relative_to(Path.cwd())))
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m holdfast"


def further(settings: Settings, *words: str) -> str:
    """Return a command for a person to type next, on the same database. A password is left for them to fill in."""
    origin = settings.origin("database.url")
    variable = next(line.variable for line in table() if line.name == "database.url")
    where: list[str] = []
    if origin == "argument":
        where = ["--db", settings.shown("database.url")]
    elif origin not in ("default", variable, CONFIG_FILE):
        where = ["--config", origin]
    return " ".join([program(), *(shlex.quote(word) for word in [*words, *where])])
