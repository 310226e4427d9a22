"""What makes up for a failed action: its fallback value, the plan's leave to go on, or those of the action that it stands in for.

Works on the rows of an open turn; decides nothing about repeats.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from holdfast.ports.rows import ActionState, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from holdfast.contract import ErrorDetail
    from holdfast.plans.frozen import FrozenPlan
    from holdfast.ports.rows import ActionRow

__all__ = ["OpenRows", "OpenTurn", "absorb", "by_fallback", "ended", "hand_over", "is_lost"]


class OpenRows(Protocol):
    """What is needed of an open turn: its rows and plan, its time, and a way to change a row."""

    rows: dict[str, ActionRow]
    plan: FrozenPlan

    @property
    def now(self) -> datetime:
        """The store's time."""
        ...

    def put(self, row: ActionRow) -> ActionRow:
        """Change an action."""
        ...


class OpenTurn(OpenRows, Protocol):
    """What is needed to end an action for good: also a way to tell, to set work aside, and to end the execution."""

    def emit(self, event_type: str, **data: object) -> None:
        """Record an event."""
        ...

    def bury(self, row: ActionRow, *, reason: str, detail: Mapping[str, object]) -> None:
        """Set an action's work aside."""
        ...

    def close(self, closing: RunState, *, error: ErrorDetail, action: str | None) -> None:
        """Settle how the execution ends."""
        ...


def is_lost(row: ActionRow) -> bool:
    """Whether an action has ended without anything to show for it and without anything that makes up for it."""
    return row.state is ActionState.SKIPPED or (row.state is ActionState.FAILED and row.absorbed is None)


def ended(turn: OpenRows, row: ActionRow, *, absorbed: str | None) -> ActionRow:
    """Return the row as failed, with what made up for it."""
    return replace(
        row, state=ActionState.FAILED, absorbed=absorbed, ended_at=turn.now, step_key=None, due_at=None, waits_for=None
    )


def by_fallback(turn: OpenRows, row: ActionRow) -> ActionRow:
    """Return the failed row with the plan's fallback value as its output."""
    fallback = turn.plan.actions[row.action].fallback
    assert fallback is not None, "the decision knew of it"
    return replace(ended(turn, row, absorbed="fallback"), output=json.dumps(fallback, ensure_ascii=False))


def absorb(turn: OpenRows, alternative: str) -> bool:
    """An alternative has come to nothing: apply what those it stands in for provide (fallback value, leave to go on), up the chain.

    Returns whether that makes up for everyone who had handed over to it; False as well when nobody had.
    """
    lost, is_absorbed = [alternative], True
    for _ in range(len(turn.rows)):  # each round ends one action for good, so there are no more rounds than actions
        if not lost:
            break
        failed = lost.pop()
        primaries = [row for row in turn.rows.values() if row.handed_to == failed and row.absorbed == "alternative"]
        is_absorbed = is_absorbed and bool(primaries)
        for primary in primaries:
            rules = turn.plan.actions[primary.action].rules
            if rules.has_fallback:
                turn.put(by_fallback(turn, primary))
            elif rules.continue_on_failure:
                turn.put(ended(turn, primary, absorbed="continue"))
            else:
                turn.put(ended(turn, primary, absorbed=None))
                lost.append(primary.action)
    return is_absorbed


def hand_over(turn: OpenTurn, row: ActionRow, *, detail: ErrorDetail) -> None:
    """Let the alternative take over; it starts when its own dependencies are resolved. One that was tried for another action may be lost already."""
    alternative = turn.plan.actions[row.action].rules.alternative
    assert alternative is not None, "the decision named it"
    turn.put(replace(ended(turn, row, absorbed="alternative"), handed_to=alternative, error=detail.to_json()))
    stand_in = turn.put(replace(turn.rows[alternative], is_activated=True))
    if is_lost(stand_in) and not absorb(turn, alternative):
        turn.bury(
            turn.rows[row.action],
            reason=detail.category.value,
            detail={"error": detail.to_wire(), "because": "its alternative has failed before"},
        )
        turn.close(RunState.FAILED, error=detail, action=row.action)
