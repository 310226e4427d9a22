"""Rows of which only the key matters."""

from __future__ import annotations

from datetime import UTC, datetime

from holdfast.ports.rows import ActionRow, AttemptRow, ExecutionRow, Purpose, RunState

THEN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def an_execution(name: str = "run", *, recoveries: int = 0) -> ExecutionRow:
    """Build a running execution."""
    return ExecutionRow(
        id=name, plan_id="plan", plan_name="Plan", state=RunState.RUNNING, closing=None, version=0, document="digest", tenant="acme",
        priority=5, recoveries=recoveries, started_at=THEN, ended_at=None, error=None, failed_action=None,
    )  # fmt: skip


def an_action(name: str = "act", *, execution: str = "run", position: int = 0) -> ActionRow:
    """Build a pending action."""
    return ActionRow(execution=execution, action=name, position=position)


def an_attempt(
    n: int = 1, *, outcome: str | None = None, result: str | None = None, late_answer: str | None = None
) -> AttemptRow:
    """Build an attempt at performing."""
    return AttemptRow(
        execution="run", action="act", purpose=Purpose.PERFORM, n=n, claims=1, key="key", started_at=THEN, worker="w",
        settled_at=THEN if outcome else None, outcome=outcome, result=result, late_answer=late_answer,
    )  # fmt: skip
