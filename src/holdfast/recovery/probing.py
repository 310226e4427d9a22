"""Probing: the API is asked whether an attempt took effect, before anything is done again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.plans.outcome import holds
from holdfast.plans.references import MISSING, parse_reference, resolve
from holdfast.ports.rows import ActionState, Purpose

if TYPE_CHECKING:
    from holdfast.decisions.facts import Bounds
    from holdfast.ports.rows import ActionRow, AttemptRow
    from holdfast.recovery.answer import Answer
    from holdfast.recovery.turn import Turn

__all__ = ["Finding", "again", "begin", "did_not_happen", "finding_of"]

NOT_THERE = 404
"""A probe answered like this has found that the thing does not exist: it did not happen. Unless the address itself is gone (as 410 always says)."""
PAUSE_S = 2.0
"""Between two probes, doubling: what was just done may take a moment to be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a probe found: it happened, it did not, or (None) nobody knows yet."""

    happened: bool | None
    reason: str


def begin(turn: Turn, row: ActionRow) -> None:
    """Enqueue the next probe of an action."""
    number = 1 + sum(attempt.purpose is Purpose.PROBE for attempt in turn.tx.attempts(row.execution, row.action))
    turn.schedule(replace(row, state=ActionState.PROBING), purpose=Purpose.PROBE, n=number)


def finding_of(turn: Turn, row: ActionRow, *, answer: Answer) -> Finding:
    """Read a probe's answer by the definition's `happenedIf`."""
    if answer.verdict is not None:
        if answer.verdict.status == NOT_THERE and answer.verdict.category is not ErrorCategory.API_ENDPOINT_REMOVED:
            return Finding(happened=False, reason=f"the probe was answered {answer.verdict.status}: it is not there")
        return Finding(happened=None, reason=f"the probe failed: {answer.verdict.message}")
    definition = turn.plan.actions[row.action].definition
    assert definition is not None, "only HTTP actions have probes"
    assert definition.probe is not None, "the decision knew of it"
    condition = definition.probe.happened_if
    reference = parse_reference(condition.reference)
    parts = {"output": json.loads(answer.output or "{}"), "status": "success"}
    value = resolve(reference, parts) if reference else MISSING
    happened = holds(value, condition.operator, condition.value)
    compared = f"{condition.reference} {condition.operator}" + (
        f" {condition.value!r}" if condition.value is not None else ""
    )
    return Finding(happened=happened, reason=f"{compared} is {'true' if happened else 'false'}")


def did_not_happen(turn: Turn, row: ActionRow, *, asked: AttemptRow, wait_s: float = 0.0) -> None:
    """It did not take effect: perform it again, with the same key, in `wait_s` seconds (what is left of the wait that the server asked for)."""
    row = replace(row, state=ActionState.SCHEDULED, n=asked.n + 1, strategy=RecoveryStrategy.PROBE.value)
    turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, wait_s=wait_s)


def again(turn: Turn, row: ActionRow, *, number: int, bounds: Bounds) -> bool:
    """Probe once more after a pause; False when that has been done often enough."""
    if number >= bounds.probes_max:
        return False
    turn.schedule(row, purpose=Purpose.PROBE, n=number + 1, wait_s=PAUSE_S * 2 ** (number - 1))
    return True
