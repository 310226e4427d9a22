"""Rolling an execution back: what recovery asks of whoever keeps its checkpoints.

Both calls run inside the deciding transaction, under the execution's lock: they read and write rows and do nothing else. A request is a row that
is committed together with the decision; undoing comes after that, as steps of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from holdfast.ports.store import Tx

__all__ = ["Rollback"]


class Rollback(Protocol):
    """Undoes what an execution did, in reverse order, back to a checkpoint. A deployment without checkpoints has none of these."""

    def can_roll_back(self, tx: Tx, execution: str, *, action: str) -> bool:
        """Whether there is anything that a rollback after the failure of `action` would go back to."""
        ...

    def request(self, tx: Tx, execution: str, *, action: str, reason: str) -> str:
        """Ask for the rollback, committed with `tx`; returns what it goes back to, for people. Asked twice, it is still one rollback."""
        ...
