"""The glossary explains each word once and says where it lives."""

from __future__ import annotations

import re
from pathlib import Path

from tools import spec_map

PAGE = Path(__file__).resolve().parents[2] / "docs" / "GLOSSARY.md"
ENTRY = re.compile(r"- \*\*([a-z -]+)\*\*: .+[.)] \(`(holdfast[\w.]*)`\)")
HOUSE_WORDS = {
    "fault",
    "error",
    "verdict",
    "outcome",
    "health",
    "side effect",
    "policy",
    "strategy",
    "plan",
    "action",
    "step",
    "dead letter",
}


def entries() -> dict[str, str]:
    """Each word with its module."""
    return dict(ENTRY.findall(PAGE.read_text()))


def test_every_entry_is_one_sentence_with_its_module() -> None:
    """No entry leaves out its sentence or its module, and no word is explained twice."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("- ")]

    assert [] == [line for line in lines if not ENTRY.fullmatch(line)]
    assert len(lines) == len(entries())


def test_every_module_exists() -> None:
    """Each word lives where the glossary says."""
    assert [] == [
        f"{word}: {module}" for word, module in entries().items() if spec_map.symbol(module) is spec_map.MISSING
    ]


def test_the_house_words_are_explained() -> None:
    """The words that every part agrees on are all there."""
    assert set() == HOUSE_WORDS - entries().keys()
