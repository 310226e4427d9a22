"""An action fails before its first attempt: its condition says so, or a person said no. Nothing was done, so nothing is recovered.

What the plan provides for a failure still applies, in its order: the alternative, the fallback value, leave to go on; else the plan fails.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import RunState
from holdfast.recovery.absorbing import absorb, by_fallback, ended, hand_over

if TYPE_CHECKING:
    from holdfast.ports.rows import ActionRow
    from holdfast.recovery.absorbing import OpenTurn

__all__ = ["refusal", "refuse"]


def refusal(category: ErrorCategory, message: str, *, rule: str) -> ErrorDetail:
    """Return the error of an action that was not performed, by `rule`."""
    return ErrorDetail(
        category=category,
        message=message,
        retryable=False,
        context={"rule": rule},
        outcome=Outcome.NOT_EXECUTED.value,
    )


def refuse(turn: OpenTurn, row: ActionRow, *, detail: ErrorDetail, rule: str) -> None:
    """Let an action fail that was never performed, and apply what the plan provides for it."""
    row = turn.put(replace(row, error=detail.to_json()))
    follows = follows_of(turn, row)
    turn.emit("action.refused", actionId=row.action, rule=rule, error=detail.to_wire(), follows=follows)
    match follows:
        case "alternative":
            hand_over(turn, row, detail=detail)
        case "fallback":
            turn.put(by_fallback(turn, row))
        case "continue":
            turn.put(ended(turn, row, absorbed="continue"))
        case _:
            row = turn.put(ended(turn, row, absorbed=None))
            told = {"error": detail.to_wire(), "rule": rule, "because": detail.message, "attempts": 0}
            turn.bury(row, reason=detail.category.value, detail=told)
            if not absorb(turn, row.action):
                turn.close(RunState.FAILED, error=detail, action=row.action)


def follows_of(turn: OpenTurn, row: ActionRow) -> str:
    """Return what the plan provides for this action's failure: `alternative`, `fallback`, `continue` or `give-up`."""
    rules = turn.plan.actions[row.action].rules
    if rules.alternative is not None:
        return "alternative"
    return "fallback" if rules.has_fallback else "continue" if rules.continue_on_failure else "give-up"
