"""Links in the documentation lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    words = [
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-") for heading in headings
    ]
    return {*words, *re.findall(r'<a (?:id|name)="([^"]+)"', page.read_text())}


def _broken(page: Path) -> list[str]:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / path).resolve() if path else page
        is_missing = not file.exists() or (bool(anchor) and file.suffix == ".md" and anchor not in _anchors(file))
        broken += [target] if is_missing else []
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link names a file that exists, and a heading that is in it."""
    assert [] == _broken(page)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """The check sees a missing file and a missing heading, and leaves good links alone."""
    page = tmp_path / "page.md"
    page.write_text(
        "# The `one` thing\n[a](#the-one-thing) [b](#other) [c](nowhere.md) [d](page.md#the-one-thing) [e](https://example.org)\n"
    )

    broken = _broken(page)

    assert ["#other", "nowhere.md"] == broken
