"""Parts of pages that are filled from elsewhere: files that tests run, and tables of the code.

    <!-- include examples/newcomer/plan.yaml -->   …the file, in a fence…   <!-- end -->
    <!-- table routes -->                          …a table of the code…    <!-- end -->

Whoever changes the file or the code runs `python -m tools.reference`, and the pages follow; a test says when they do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from holdfast.cli.exits import ExitCode
from holdfast.decisions.routes import ROUTES

__all__ = ["filled", "pages_with_blocks"]

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- (include|table) (\S+) -->\n.*?<!-- end -->", re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".toml": "toml", ".txt": "text", ".sh": "sh"}


def pages_with_blocks() -> list[str]:
    """The pages that have something to fill, by their path from the root of the checkout."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in pages if BLOCK.search(page.read_text())]


def filled(path: str) -> str:
    """A page with its blocks as they should be."""
    return BLOCK.sub(lambda found: block(found[1], found[2]), (ROOT / path).read_text())


def block(kind: str, name: str) -> str:
    """One block with its marks."""
    if kind == "table":
        body = TABLES[name]()
    else:
        text = (ROOT / name).read_text().strip()
        body = f"```{LANGUAGES[Path(name).suffix]}\n{text}\n```"
    return f"<!-- {kind} {name} -->\n{body}\n<!-- end -->"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def routes() -> str:
    """Where each category leads."""
    rows = [[f"`{category}`", f"`{route.strategy}`", route.why, route.ends] for category, route in ROUTES.items()]
    return table(["Category", "Strategy", "Why", "What ends it"], rows)


def exit_codes() -> str:
    """What a command's exit code says."""
    meanings = {
        ExitCode.DONE: "done, or nothing found",
        ExitCode.NEGATIVE: "a negative result: failed, cancelled, nothing to do any more, a database or worker in the way",
        ExitCode.BAD_INPUT: "bad input or usage",
        ExitCode.WAITING: "waiting for a person or for time",
        ExitCode.INTERRUPTED: "interrupted",
    }
    return table(["Code", "Meaning"], [[str(code.value), meanings[code]] for code in ExitCode])


TABLES: dict[str, Callable[[], str]] = {"routes": routes, "exit-codes": exit_codes}
