"""Before an action's first attempt: its condition is judged, and a person is asked where the plan says so.

```
ready → condition → false    → skipped, or failed (`else`)
                  → neither  → failed
                  → true     → confirmation required → a person says yes → scheduled
                                                     → no, or no answer  → failed
                             → none                  → scheduled
```
Works on the rows of an open turn, inside its transaction; what a condition skips or fails can make others ready, and so on until nothing changes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.plans.advance import may_begin
from holdfast.plans.condition import Verdict, judge
from holdfast.ports.rows import ActionState, Purpose
from holdfast.recovery.absorbing import OpenTurn
from holdfast.recovery.questions import Asking, ask_first
from holdfast.recovery.refusing import refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from holdfast.ports.rows import ActionRow

__all__ = ["Entering", "enter", "turn_away"]

RULE = "condition"


class Entering(OpenTurn, Asking, Protocol):
    """What is needed of an open turn."""

    def parts_of(self, action: str) -> Mapping[str, object]:
        """Return what references to an action can read."""
        ...

    def skip(self, row: ActionRow, reason: str) -> None:
        """Skip an action."""
        ...


def turn_away(turn: Entering, ready: Iterable[str], *, admitted: set[str]) -> list[str]:
    """Skip or fail those of the ready actions whose condition is not true, and return them.

    What waits for one that was turned away is looked at in the same round: a chain of ten thousand conditions must not take as many looks at
    the whole plan, under its lock. `admitted` gathers those whose condition is true, so that nothing is judged twice in one transaction.
    """
    turned_away: list[str] = []
    needs = turn.plan.needs
    waiting = deque(ready)
    while waiting:
        action = waiting.popleft()
        condition = turn.plan.actions[action].condition
        if condition is None or action in admitted:
            continue
        judged = judge(condition, turn.parts_of(condition.reference.action))
        if judged.verdict is Verdict.EXECUTE:
            admitted.add(action)
            continue
        turned_away.append(action)
        if judged.verdict is Verdict.SKIP:
            turn.skip(turn.rows[action], judged.reason)
        else:
            message = f"{action!r} was not performed: {judged.reason}."
            detail = refusal(ErrorCategory.VALIDATION_FAILED, message, rule=RULE)
            refuse(turn, turn.rows[action], detail=detail, rule=RULE)
        waiting.extend(one for one in turn.plan.dependents.get(action, ()) if may_begin(one, turn.rows, needs=needs))
        if turn.execution.closing is not None:
            break  # the plan has failed with it: the others are skipped for that reason
    return turned_away


def enter(turn: Entering, action: str) -> None:
    """Let a ready action begin: schedule its first attempt, or ask a person first."""
    row = turn.rows[action]
    if turn.plan.actions[action].confirmation is not None:
        ask_first(turn, row)
    else:
        turn.schedule(replace(row, state=ActionState.SCHEDULED, n=1), purpose=Purpose.PERFORM, n=1)
