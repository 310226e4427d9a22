"""Every example is carried out by a test, so that none can rot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_pages_run import PAGES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if list(path.glob("*.yaml")))
"""The directory of the demo has only words in it: its files are written by `holdfast demo --files`, which has tests of its own."""


@pytest.mark.parametrize("example", [pytest.param(path, id=path.name) for path in EXAMPLES])
def test_an_example_is_run_and_explained(example: Path) -> None:
    """A page that tests follow word by word uses the example; its README is there."""
    named = [page for page in PAGES if f"examples/{example.name}/" in (ROOT / page).read_text()]

    assert [] != named
    assert (example / "README.md").exists()
