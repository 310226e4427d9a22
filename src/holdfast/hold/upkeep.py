"""What a person does to a deployment as a whole: repair it, and tell it that its database was restored from a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.hold.parts import HasParts
from holdfast.recovery import restoring
from holdfast.recovery.sweep import sweep

if TYPE_CHECKING:
    from holdfast.recovery.restoring import Restored
    from holdfast.recovery.sweep import Swept

__all__ = ["Upkeep"]


class Upkeep(HasParts):
    """The part of an `AsyncHold` for those who operate it."""

    async def sweep(self) -> Swept:
        """Check at once that every live execution has a step, an attempt, a person or a condition; a worker does so every minute."""
        return await sweep(self._parts.store, self._parts.steps, plans=self._parts.plans)

    async def recover_restored(self, *, dry_run: bool = False) -> Restored:
        """Treat the database as restored from a copy: what may have happened since the copy becomes unknown and is decided about.

        Attempts in flight are settled as unknown; scheduled ones that are neither idempotent nor keyed become questions (or probes), since they may
        have been made after the copy was taken. All leases are freed, and outbox cursors of the time before are refused. Interrupted, it goes on
        where it stopped; when nothing has happened since the last time it does nothing. With `dry_run` it only says what it would do.

        Raises:
            BadInput: a worker is alive on this database.
            WorkerAlreadyRunning: on SQLite, a worker has the file.
            StoreError: the database cannot be used.
        """
        parts = self._parts
        if dry_run:
            return await restoring.foresee(parts.store, plans=parts.plans)
        parts.claim_worker_place()
        try:
            return await restoring.restore(
                parts.store,
                parts.steps,
                plans=parts.plans,
                deciding=parts.worker.deciding,
                takeover_after_s=parts.takeover_after_s,
            )
        finally:
            parts.leave_worker_place()
