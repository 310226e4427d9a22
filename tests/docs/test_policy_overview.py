"""The overview of the policies: every page is on it, and its table of presets is that of the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from holdfast import Breaker, Retry
from holdfast.faults.taxonomy import ErrorCategory

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "policies"
PAGE = (FOLDER / "index.md").read_text()
WITH_DOCUMENT = {
    "spec_001": "001",
    "spec_003": "003",
    "spec_004": "004",
}


def written(value: object) -> str:
    """A setting as the table shows it."""
    if isinstance(value, frozenset):
        return "all" if value == frozenset(ErrorCategory) else ", ".join(f"`{one}`" for one in sorted(value))
    if value is None or value == () or (isinstance(value, Mapping) and not value):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}"
    return str(value) if isinstance(value, str) else "20 % and 3 a second"


def presets() -> str:
    """The table of all presets, from the code."""
    lines = ["| Setting | ours | 001 | 003 | 004 |", "| --- | --- | --- | --- | --- |"]
    for kind in (Retry, Breaker):
        columns = [kind(), *(getattr(kind, name)() for name in WITH_DOCUMENT)]
        for field in fields(kind):
            row = [written(getattr(column, field.name)) for column in columns]
            lines.append(f"| `{kind.__name__}.{field.name}` | {' | '.join(row)} |")
    return "\n".join(lines)


def test_the_presets_are_those_of_the_code() -> None:
    """Every setting of every preset is in the table, as the code has it."""
    found = re.search(r"<!-- presets: compared with the code by a test -->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)

    assert found is not None
    assert presets() == found[1]


def test_every_policy_is_on_the_overview() -> None:
    """No page of a policy is left out."""
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", PAGE))

    assert {page.name for page in FOLDER.glob("*.md")} - {"index.md"} == linked
