"""START: accept an execution. Idempotent: the id is the caller's; the same id again is the same execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import ExecutionConflict
from holdfast.ports.rows import ActionRow, ExecutionRow, RunState
from holdfast.recovery.credentials import next_generation
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.plans.frozen import Frozen
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["begin", "keep_secrets"]


def begin(
    tx: Tx,
    steps: Steps,
    *,
    plans: Plans,
    execution_id: str,
    frozen: Frozen,
    tenant: str = "",
    priority: int = 0,
    secrets: Mapping[str, bytes] | None = None,
    external: str | None = None,
    first: Callable[[Turn], None] | None = None,
) -> bool:
    """Insert the execution with its actions and schedule what is ready; False when it exists already.

    `secrets` are sealed values by the name of their row; a row that has a value keeps it. `external` names the executor outside Holdfast that
    performs its actions. `first` changes rows before anything is scheduled: what has happened already is put on the ledger there.

    Raises:
        ExecutionConflict: the id belongs to an execution of another plan or other definitions, or for another executor.
    """
    assert external is None or frozen.contract > 1, "a worker of contract 1 would perform its actions itself"
    tx.insert_document(frozen.digest, frozen.body)
    plan = plans.get(tx, frozen.digest)
    row = ExecutionRow(
        id=execution_id,
        plan_id=plan.plan.id,
        plan_name=plan.plan.name,
        state=RunState.RUNNING,
        closing=None,
        version=0,
        document=frozen.digest,
        tenant=tenant,
        priority=priority,
        recoveries=0,
        started_at=tx.now,
        ended_at=None,
        error=None,
        failed_action=None,
        contract=frozen.contract,
        external=external,
    )
    actions = [
        ActionRow(execution=execution_id, action=action.id, position=action.position)
        for action in plan.actions.values()
    ]
    if not tx.insert_execution(row, actions):
        existing = tx.execution(execution_id)
        if existing is not None and not is_the_same(existing, frozen, external=external):
            raise ExecutionConflict(execution_id)
        return False
    turn = Turn.open(tx, steps, plans=plans, execution_id=execution_id)
    assert turn is not None, "it was inserted in this transaction"
    keep_secrets(tx, secrets or {}, execution=execution_id)
    turn.emit("plan.execute.started", planId=row.plan_id)
    if first is not None:
        first(turn)
    turn.finish()
    return True


def is_the_same(existing: ExecutionRow, frozen: Frozen, *, external: str | None) -> bool:
    """Whether an execution runs this plan for this executor; the release before wrote the same plan another way."""
    return existing.document in (frozen.digest, frozen.digest_before) and existing.external == external


def keep_secrets(tx: Tx, secrets: Mapping[str, bytes], *, execution: str) -> None:
    """Store sealed secrets that came with the plan, in one order for everybody."""
    for name in sorted(secrets):
        credential = tx.lock_credential(name)
        if credential.sealed is None:
            by = f"execution {execution}"
            tx.save_credential(next_generation(credential, sealed=secrets[name], expires_s=None, now=tx.now, by=by))
