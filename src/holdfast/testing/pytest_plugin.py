"""Fixtures for pytest, there by themselves once Holdfast is installed: a test that names one never waits.

`holdfast_world` takes over time and chance of all policies: waits make virtual time pass. `holdfast_no_wait` lets them take no time at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from holdfast.testing.world import ControlledWorld


@pytest.fixture
def holdfast_world() -> Iterator[ControlledWorld]:
    """Time and chance of all policies under control, with jitter from seed 0."""
    from holdfast.testing.world import controlled_world  # noqa: PLC0415 - every run of pytest loads this file

    with controlled_world() as world:
        yield world


@pytest.fixture
def holdfast_no_wait() -> Iterator[ControlledWorld]:
    """Policies list their waits and do not wait."""
    from holdfast.testing.world import controlled_world  # noqa: PLC0415 - as above

    with controlled_world(waits=False) as world:
        yield world
