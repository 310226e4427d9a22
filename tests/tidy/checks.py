"""What the tidy test looks for: each check takes files and returns the offences, each with its place and what to do about it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "handler"}
DECIDING = ("contract", "decisions", "faults", "journal", "plans", "policies")

# Written so that none of them finds itself.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|opt/wheels|opt/pypi|tmp/x|home/\w+|Users/\w+)(?:/|\b)")
INDEX_ADDRESS = re.compile(
    r"pypi\.org/(?:simple|packages)|pythonhosted\.org|registry\.npmjs|registry\.yarnpkg|(?<!\w)--(?:extra-)?[i]ndex-url|(?<!\w)--[f]ind-links"
)
OPEN_TASK = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))")
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?:\[[\w, -]+\])?\s*$|#\s*type:\s*ignore(?!\[)")
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom", "time_ns", "monotonic"}
WORLD = {"urllib.request", "http.client", "http.server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of the project: its path from the root of the checkout, and its text."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines of the file."""
        return self.text.splitlines()

    @property
    def is_python(self) -> bool:
        """Whether it is a module."""
        return self.path.endswith(".py")


Offences = list[str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _modules(files: Iterable[Source], *, under: tuple[str, ...] = ("",)) -> Iterator[tuple[Source, ast.Module]]:
    for file in files:
        if file.is_python and file.path.startswith(under):
            yield file, ast.parse(file.text, filename=file.path)


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def long_files(files: Iterable[Source]) -> Offences:
    """Modules that hold more than one noun, judging by their length."""
    return [
        f"{file.path}: {len(file.lines)} lines, the limit is {FILE_LINES_MAX}. Find the second noun and give it a file."
        for file in files
        if file.is_python and len(file.lines) > FILE_LINES_MAX
    ]


def long_functions(files: Iterable[Source]) -> Offences:
    """Functions that do not fit a screen."""
    return [
        f"{file.path}:{node.lineno}: {node.name} has {size} lines, the limit is {FUNCTION_LINES_MAX}. Name its steps."
        for file, tree in _modules(files)
        for node in _functions(tree)
        if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def vague_names(files: Iterable[Source]) -> Offences:
    """Modules and packages that are named for nothing in particular."""
    return [
        f"{file.path}: {part!r} says nothing. Name the thing that is in it."
        for file in files
        if file.is_python
        for part in Path(file.path).with_suffix("").parts
        if part in BANNED_NAMES
    ]


def missing_module_docstrings(files: Iterable[Source]) -> Offences:
    """Modules that do not say where they stand in the story."""
    return [
        f"{file.path}: no module docstring. Say where it stands in the story and what it does not know."
        for file, tree in _modules(files)
        if len((ast.get_docstring(tree) or "").split()) < 3
    ]


def machine_paths(files: Iterable[Source]) -> Offences:
    """Paths that exist on one machine only."""
    return _matches(files, pattern=MACHINE_PATH, advice="Use a relative path, or a temporary directory.")


def index_addresses(files: Iterable[Source]) -> Offences:
    """Addresses that decide for others where their packages come from."""
    return _matches(
        files, pattern=INDEX_ADDRESS, advice="Leave it out: where packages come from is for each machine to say."
    )


def open_tasks(files: Iterable[Source]) -> Offences:
    """Notes of unfinished work that nobody keeps track of."""
    python = [file for file in files if file.is_python and not file.path.startswith("tests/tidy/")]
    return _matches(python, pattern=OPEN_TASK, advice="Name the issue, as in (#123), or do it now.")


def bare_ignores(files: Iterable[Source]) -> Offences:
    """Silenced type errors without their code or their reason."""
    python = [file for file in files if file.is_python and not file.path.startswith("tests/tidy/")]
    return _matches(
        python, pattern=BARE_IGNORE, advice="Give the error code, and the reason in a comment on the same line."
    )


def _matches(files: Iterable[Source], *, pattern: re.Pattern[str], advice: str) -> Offences:
    return [
        f"{file.path}:{number}: {found[0].strip()!r}. {advice}"
        for file in files
        for number, line in enumerate(file.lines, start=1)
        if (found := pattern.search(line))
    ]


def clocks_in_deciding_rooms(files: Iterable[Source]) -> Offences:
    """Calls and imports by which a deciding room would learn the time, chance or the network; import contracts cannot see these."""
    offences = []
    for file, tree in _modules(files, under=tuple(f"src/holdfast/{room}/" for room in DECIDING)):
        for node in ast.walk(tree):
            names: set[str] = set()
            if isinstance(node, ast.Call):
                function = node.func
                names = {getattr(function, "attr", getattr(function, "id", ""))} & CLOCKS
            elif isinstance(node, ast.Import):
                names = {alias.name for alias in node.names} & WORLD
            elif isinstance(node, ast.ImportFrom):
                names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)} & WORLD
            offences += [
                f"{file.path}:{getattr(node, 'lineno', 0)}: {name}. A deciding room takes such facts as arguments."
                for name in sorted(names)
            ]
    return offences


def any_in_signatures(files: Iterable[Source]) -> Offences:
    """Signatures that promise nothing."""
    offences = []
    for file, tree in _modules(files, under=("src/",)):
        for node in _functions(tree):
            arguments = node.args
            everything = [
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                arguments.vararg,
                arguments.kwarg,
            ]
            annotations = [node.returns, *(argument.annotation for argument in everything if argument)]
            names = {ast.unparse(annotation) for annotation in annotations if annotation}
            offences += [
                f"{file.path}:{node.lineno}: {node.name} has {name!r} in its signature. Use object or a type variable."
                for name in sorted(names)
                if re.search(r"\bAny\b", name)
            ]
    return offences


def sleeping_tests(files: Iterable[Source]) -> Offences:
    """Tests that wait for time to pass. `sleep(0)` only gives way, and is fine."""
    return [
        f"{file.path}:{node.lineno}: sleeps. Use the virtual clock, or wait for the thing itself with a limit."
        for file, tree in _modules(files, under=("tests/",))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}
        and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    ]
