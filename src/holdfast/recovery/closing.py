"""CANCEL: settle that an execution ends as cancelled; what is in flight is awaited, nothing new starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import UnknownExecution
from holdfast.ports.rows import RunState
from holdfast.recovery.detail import cancelled_detail
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["cancel"]


def cancel(tx: Tx, steps: Steps, *, plans: Plans, execution_id: str) -> bool:
    """Cancel an execution; False when it has ended or is ending already.

    Raises:
        UnknownExecution: no such execution.
    """
    turn = Turn.open(tx, steps, plans=plans, execution_id=execution_id)
    if turn is None:
        raise UnknownExecution(execution_id)
    if not turn.is_live:
        return False
    turn.close(RunState.CANCELLED, error=cancelled_detail(), action=None)
    turn.finish()
    return True
