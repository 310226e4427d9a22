"""PURGE: everything about an ended execution goes at once, because somebody asks for it: rows, document, secrets, files, and traces in free space.

Nothing is left that says it was ever there, except a line in the log with its id. A live execution is refused, since workers still need it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from holdfast.errors import ExecutionLive, UnknownExecution
from holdfast.ports.rows import RunState
from holdfast.recovery.leftovers import forget_literals
from holdfast.recovery.retention import remove_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.keeping import Erased
    from holdfast.ports.outputs import Outputs
    from holdfast.ports.store import Store, Tx

__all__ = ["Purged", "purge"]

log = logging.getLogger("holdfast.retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was erased: rows by table, files, and how many texts and values were changed where only personal ones went.

    `files_left` are paths that nothing names any more and that had to stay for the moment (another attempt has just put the same bytes, or they
    are not in this database's directory). `is_scrubbed` says that the database's own files hold nothing of it either.
    """

    execution_id: str
    rows: Mapping[str, int]
    files: int
    files_left: tuple[str, ...]
    is_scrubbed: bool
    changed: int = 0


async def purge(store: Store, outputs: Outputs, *, execution_id: str) -> Purged:
    """Erase an ended execution with everything that belongs to it.

    Raises:
        UnknownExecution: no such execution, (any more).
        ExecutionLive: it has not ended.
        StoreError: the database cannot be used; nothing is erased, or calling again finishes it.
    """
    erased = await store.transact(partial(erase_ended, execution_id=execution_id))
    files, left = await remove_files(store, outputs, erased=[erased])
    await forget_literals(store)
    is_scrubbed = await store.scrub()
    log.info(
        "execution %s was purged: %d rows, %d files",
        execution_id,
        sum(erased.rows.values()),
        files,
        extra={"execution_id": execution_id},
    )
    return Purged(
        execution_id=execution_id, rows=erased.rows, files=files, files_left=tuple(left), is_scrubbed=is_scrubbed
    )


def erase_ended(tx: Tx, *, execution_id: str) -> Erased:
    """Erase an execution under its lock. Strays of one that was never here (letters of events that fitted nothing) count as something to erase."""
    row = tx.lock(execution_id)
    if row is not None and row.state is RunState.RUNNING:
        raise ExecutionLive(execution_id)
    erased = tx.erase(execution_id)
    if not erased.rows:
        raise UnknownExecution(execution_id)
    return erased
