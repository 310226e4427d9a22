"""The house rules that a machine can check, over every file of the project."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.tidy import checks
from tests.tidy.checks import Source
from tools import public_names

ROOT = Path(__file__).resolve().parents[2]

Check = Callable[[Iterable[Source]], list[str]]

# Each check, with an offence it must find and a neighbour it must leave alone.
CHECKS: list[tuple[Check, Source, Source]] = [
    (
        checks.long_files,
        Source(path="src/holdfast/a.py", text="\n" * 601),
        Source(path="src/holdfast/a.py", text="\n" * 600),
    ),
    (
        checks.long_functions,
        Source(path="src/holdfast/a.py", text="def f():\n" + "    x()\n" * 70),
        Source(path="src/holdfast/a.py", text="def f():\n" + "    x()\n" * 69),
    ),
    (
        checks.vague_names,
        Source(path="src/holdfast/utils/a.py", text=""),
        Source(path="src/holdfast/database/a.py", text=""),
    ),
    (
        checks.missing_module_docstrings,
        Source(path="src/holdfast/a.py", text='"""x"""\n'),
        Source(path="src/holdfast/a.py", text='"""What this is."""\n'),
    ),
    (
        checks.machine_paths,
        Source(path="docs/a.md", text="see /op" + "t/wheels/notes"),
        Source(path="docs/a.md", text="see framework/notes and https://example.org/wo" + "rk/1"),
    ),
    (
        checks.index_addresses,
        Source(path="requirements/a.txt", text="--index" + "-url https://example.org"),
        Source(path="Makefile", text="uv pip compile --no-emit-index-url"),
    ),
    (
        checks.open_tasks,
        Source(path="src/holdfast/a.py", text="# TO" + "DO: later"),
        Source(path="src/holdfast/a.py", text="# TO" + "DO(#12): later"),
    ),
    (
        checks.bare_ignores,
        Source(path="src/holdfast/a.py", text="x = 1  # type" + ": ignore[assignment]"),
        Source(path="src/holdfast/a.py", text="x = 1  # type" + ": ignore[assignment]  # the stub is wrong"),
    ),
    (
        checks.clocks_in_deciding_rooms,
        Source(path="src/holdfast/plans/a.py", text="x = datetime.now(UTC)"),
        Source(path="src/holdfast/drivers/a.py", text="x = datetime.now(UTC)"),
    ),
    (
        checks.any_in_signatures,
        Source(path="src/holdfast/a.py", text="def f(x: dict[str, Any]) -> int: ..."),
        Source(path="src/holdfast/a.py", text="def f(x: AnyUrl) -> int: ..."),
    ),
    (
        checks.sleeping_tests,
        Source(path="tests/test_a.py", text="await asyncio.sleep(1)"),
        Source(path="tests/test_a.py", text="await asyncio.sleep(0)"),
    ),
]


def _name(check: object) -> str:
    return getattr(check, "__name__", "")


@cache
def _project() -> tuple[Source, ...]:
    """Every file that is tracked or could be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    sources = []
    for path in sorted({name for name in listed if name}):
        content = (ROOT / path).read_bytes() if (ROOT / path).is_file() else b""
        if b"\0" not in content:
            sources.append(Source(path=path, text=content.decode(errors="replace")))
    return tuple(sources)


def test_the_project_is_looked_at() -> None:
    """The house rules are checked on the real files, not on an empty list."""
    paths = {file.path for file in _project()}

    assert {"pyproject.toml", "src/holdfast/errors/__init__.py", "requirements/dev.txt"} <= paths


@pytest.mark.parametrize("check", [check for check, _, _ in CHECKS], ids=_name)
def test_the_project_keeps_the_house_rules(check: Check) -> None:
    """No file of the project breaks a rule of the house that a machine can see."""
    offences = check(_project())

    assert "" == "\n".join(offences)


@pytest.mark.parametrize(("check", "offence", "neighbour"), CHECKS, ids=_name)
def test_each_check_finds_its_offence(check: Check, offence: Source, neighbour: Source) -> None:
    """Every check of the house finds what it is for, and leaves the valid neighbour alone."""
    found = check([offence])

    assert 1 == len(found)
    assert found[0].startswith(offence.path)
    assert [] == check([neighbour])


def test_public_names_are_the_pinned_ones() -> None:
    """What other people's programs import changes only on purpose; after a wanted change run: python -m tools.public_names."""
    pinned = public_names.pinned()

    assert pinned == public_names.current()
