"""A world that stands still, for every test of guards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.guards.world import WORLD
from tests.guards.colours import Colour, StillWorld


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> StillWorld:
    """Time and chance, in place of the real ones as long as the test runs."""
    still = StillWorld()
    for name in ("monotonic", "now", "sleep", "asleep", "draw"):
        monkeypatch.setattr(WORLD, name, getattr(still, name))
    return still


@pytest.fixture(params=["threads", "async"])
def colour(request: pytest.FixtureRequest) -> Iterator[Colour]:
    """Both ways to call."""
    chosen = Colour(request.param)
    yield chosen
    chosen.close()
