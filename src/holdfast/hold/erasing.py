"""The part of the door that erases: whole executions, or only what is personal in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.hold.parts import HasParts
from holdfast.recovery.erasure import purge_personal
from holdfast.recovery.purge import purge

if TYPE_CHECKING:
    from holdfast.recovery.purge import Purged

__all__ = ["CanErase"]


class CanErase(HasParts):
    """What can be erased for good."""

    async def purge(self, execution_id: str, *, only_personal: bool = False) -> Purged:
        """Erase an ended execution and everything that belongs to it, at once and for good; says what went.

        With `only_personal`, erase the values of fields that definitions mark as personal, everywhere, and keep the rest of the story.

        Raises:
            UnknownExecution: no such execution (any more).
            ExecutionLive: it has not ended: cancel it first.
            StoreError: the database cannot be used; calling again finishes what was begun.
        """
        parts = self._parts
        if only_personal:
            return await purge_personal(parts.store, parts.outputs, plans=parts.plans, execution_id=execution_id)
        return await purge(parts.store, parts.outputs, execution_id=execution_id)
