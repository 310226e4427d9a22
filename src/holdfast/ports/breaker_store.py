"""What several processes share of a circuit: that it tripped, and whose turn it is to probe. Nothing else, and nothing per call.

Every row belongs to one process and is written by it alone, so that no write can undo another's: there is nothing to read, change and write back.
Time is the store's own: durations go in and come out, never a process's stamp; and none is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BreakerStore", "SharedTrip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTrip:
    """That `process` saw a dependency fail: `age_s` seconds ago, and it stays away for `left_s` more, both by the store's clock."""

    process: str
    age_s: float
    left_s: float


class BreakerStore(Protocol):
    """Trips and probe leases of circuits, by the policy's name and the key (empty for calls without one).

    Plain functions that may block: they are called from a background thread, one at a time for each policy. Each is atomic. What they raise means
    that the store cannot be reached; calls then go by the process's own judgement.
    """

    def report(self, policy: str, key: str, *, process: str, open_s: float) -> None:
        """Keep for `open_s` seconds that this process's circuit opened; in place of what it reported before."""
        ...

    def retract(self, policy: str, key: str, *, process: str) -> None:
        """Forget what this process reported, and only that: its circuit closed."""
        ...

    def trips(self, policy: str) -> Mapping[str, tuple[SharedTrip, ...]]:
        """Return the trips of a policy that are not over, by key."""
        ...

    def lease(self, policy: str, key: str, *, process: str, lease_s: float, places: int) -> bool:
        """Take or extend one of so many places to probe, for `lease_s` seconds; whether there was one."""
        ...

    def release(self, policy: str, key: str, *, process: str) -> None:
        """Give this process's place back."""
        ...
