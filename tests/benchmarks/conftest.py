"""Measuring silences the log of its process; tests that come after it want it back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def log_comes_back() -> Iterator[None]:
    """The log is as it was."""
    yield
    logging.disable(logging.NOTSET)
