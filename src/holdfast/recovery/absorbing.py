"""What makes up for a failed action: its fallback value, the plan's leave to go on, or those of the action that it stands in for.

Works on the rows of an open turn; decides nothing about repeats.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from holdfast.ports.rows import ActionState

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.plans.frozen import FrozenPlan
    from holdfast.ports.rows import ActionRow

__all__ = ["OpenRows", "absorb", "by_fallback", "ended", "is_lost"]


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
