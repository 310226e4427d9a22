"""Decision records are complete: numbered without gaps, one page each, and the tests and modules that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import spec_map

ROOT = Path(__file__).resolve().parents[2]
RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PARTS = ["Context", "Options", "Decision", "Consequences"]


def test_records_are_numbered_without_gaps() -> None:
    """The records count from 0001 on, and each title begins with its number."""
    numbers = [record.name[:4] for record in RECORDS]

    assert [f"{number:04}" for number in range(1, len(RECORDS) + 1)] == numbers
    assert [] == [record.name for record in RECORDS if not record.read_text().startswith(f"# {record.name[:4]} ")]


@pytest.mark.parametrize("record", [pytest.param(record, id=record.stem) for record in RECORDS])
def test_a_record_says_why_and_fits_a_page(record: Path) -> None:
    """Context, options, decision and consequences, in that order, within sixty lines."""
    text = record.read_text()

    assert PARTS == re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize("record", [pytest.param(record, id=record.stem) for record in RECORDS])
def test_what_a_record_names_exists(record: Path) -> None:
    """Modules, functions, files and tests that a record names are there."""
    names = re.findall(r"`(holdfast(?:\.\w+)+)", record.read_text())
    paths = re.findall(r"`(tests/[\w/.]+)`", record.read_text())
    tests = re.findall(r"`(test_\w+)`", record.read_text())
    all_tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py")) if tests else ""

    assert [] == [name for name in names if name != "holdfast.open" and spec_map.symbol(name) is spec_map.MISSING]
    assert [] == [path for path in paths if not (ROOT / path).exists()]
    assert [] == [name for name in tests if f"def {name}(" not in all_tests]
