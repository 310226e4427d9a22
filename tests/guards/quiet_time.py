"""A clock that stands still until a test moves it, for caches that are given one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class QuietTime:
    """Seconds that pass when a test says so."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass, or go back."""
        self.seconds += seconds
