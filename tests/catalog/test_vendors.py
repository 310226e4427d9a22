"""The entries that come with Holdfast, as they are written."""

from __future__ import annotations

import pytest

from tools.catalog import SHIPPED, problems_of, read_vendors, resolved, shipped_text

WRITTEN = read_vendors()


def test_what_is_shipped_is_what_is_written() -> None:
    """The compiled file in the wheel says what the YAML says."""
    expected = shipped_text(WRITTEN)

    assert expected == SHIPPED.read_text(encoding="utf-8"), "Run: python -m tools.catalog"


@pytest.mark.parametrize("api_id", WRITTEN)
def test_every_entry_is_sound(api_id: str) -> None:
    """Patterns are linear and valid on both engines, rules compile, and every example is judged as the entry says."""
    assert [] == list(problems_of(resolved(WRITTEN)[api_id]))
