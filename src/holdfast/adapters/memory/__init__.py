"""Steps in memory under a clock of the caller's: for tests and simulation."""

from __future__ import annotations

from holdfast.adapters.memory.steps import MemorySteps

__all__ = ["MemorySteps"]
