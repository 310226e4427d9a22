"""The pages of the policies: the same headings, and every snippet runs and prints what the page says."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import sys
import types
from pathlib import Path

import pytest

from holdfast.testing import controlled_world

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "reference" / "policies").glob("*.md"))
RUN = [*PAGES, *(ROOT / "docs" / "how-to" / f"{name}.md" for name in ("guard-an-http-client", "migrate"))]
HEADINGS = ["About", "When not to", "Usage", "Defaults", "Events", "Diagrams", "Combining", "Mistakes"]
FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<kind>python|text)\n(?P<body>.*?)```", re.DOTALL)


def follow(page: str, text: str) -> int:
    """Runs the snippets of a page in one module and compares what they print; returns how many there were.

    A fence of `text` right after a snippet is what it prints, wholly. A snippet below the comment `raises Name` has to raise that; one below
    `needs package` is left out where that is not installed.
    """
    module = types.ModuleType("page")
    sys.modules["page"] = module  # dataclasses look their module up
    printed, count = "", 0
    with controlled_world():
        for fence in FENCE.finditer(text):
            mark, body = fence["mark"] or "", fence["body"]
            if fence["kind"] == "text":
                if not mark.startswith("drawing"):
                    assert body.strip() == printed.strip(), page
                continue
            if mark.startswith("needs ") and importlib.util.find_spec(mark.removeprefix("needs ").strip()) is None:
                continue
            count += 1
            out = io.StringIO()
            code = compile(body, page, "exec")
            expected = mark.removeprefix("raises ").strip() if mark.startswith("raises ") else None
            with contextlib.redirect_stdout(out):
                try:
                    exec(code, module.__dict__)
                except Exception as err:
                    if expected != type(err).__name__:
                        raise
                    print(err)
                else:
                    assert expected is None, f"{page}: nothing was raised"
            printed = out.getvalue()
    return count


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "index"], ids=lambda page: page.stem)
def test_pages_have_the_same_headings(page: Path) -> None:
    """Whoever knows one page finds things on all of them."""
    found = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)

    assert HEADINGS == found


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_snippets_do_what_the_page_says(page: Path) -> None:
    """Every snippet of a page runs, without waiting, and prints what stands below it."""
    assert 0 < follow(page.name, page.read_text())


def test_a_wrong_output_is_noticed() -> None:
    """A page that shows what is not printed fails."""
    with pytest.raises(AssertionError):
        follow("page", "```python\nprint(1)\n```\n\n```text\n2\n```\n")


def test_a_snippet_that_should_fail_and_does_not_is_noticed() -> None:
    """A page that promises an error has to get it."""
    with pytest.raises(AssertionError, match="nothing was raised"):
        follow("page", "<!-- raises ValueError -->\n```python\nprint(1)\n```\n")
