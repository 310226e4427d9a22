"""What the pages tell a reader to type works, and prints what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.shell_page import ROOT, Reader, missing, reader

PAGES = [
    "README.md",
    "docs/tutorial/newcomer.md",
    "docs/how-to/recover-after-a-crash.md",
    "docs/how-to/answer-a-question.md",
    "docs/how-to/ask-before-acting.md",
    "docs/how-to/refresh-a-token.md",
    "docs/how-to/give-a-credential.md",
    "docs/how-to/python-actions.md",
    "docs/how-to/change-a-route.md",
    "docs/how-to/keep-and-erase.md",
    "docs/how-to/limit-and-check-calls.md",
    "docs/how-to/change-a-plan-that-runs.md",
    "docs/how-to/drive-by-events.md",
    "docs/how-to/read-the-outbox.md",
    "docs/how-to/hand-over-to-durable.md",
    "docs/how-to/configure-integrations.md",
    "docs/how-to/classify-a-failure.md",
    "docs/how-to/write-a-catalog-entry.md",
    "docs/how-to/override-a-catalog-entry.md",
    "docs/how-to/check-health.md",
]


@pytest.mark.parametrize("page", [pytest.param(page, id=Path(page).stem) for page in PAGES])
def test_a_page_can_be_followed_word_by_word(page: str, tmp_path: Path) -> None:
    """Every command of the page ends as it should, and every line of output that it shows is really printed."""
    somebody = reader(tmp_path)

    try:
        somebody.follow(ROOT / page)
    finally:
        somebody.stop()


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """The lines of the demo in the README are lines of a real demo, numbers aside."""
    shown = re.search(
        r"<!-- shown by: holdfast demo -->\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )

    printed = Reader(directory=tmp_path, port="")
    printed.run("holdfast demo --plain", tmp_path, code=0)

    assert shown is not None
    assert [] == missing(shown[1], printed.printed)


def test_a_line_that_was_not_printed_is_found() -> None:
    """The check sees a line that differs in more than numbers."""
    assert [] == missing("took 2.0 s", "took 3.141 s")
    assert ["took 2.0 h"] == missing("took 2.0 h", "took 2.0 s")
