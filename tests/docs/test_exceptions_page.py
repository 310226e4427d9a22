"""The page of known exceptions says what the tables say."""

from __future__ import annotations

from pathlib import Path

from tools.exceptions_page import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "exceptions.md"


def test_the_page_is_what_the_tables_say() -> None:
    """Whoever adds an exception writes the page anew: `python -m tools.reference`."""
    assert page() == PAGE.read_text()
