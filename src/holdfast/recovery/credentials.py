"""RECOVERY-002: one refresh per expiry, however many actions fail, on however many workers.

A credential row carries a generation and the lease of the one refresh that may be under way. An attempt remembers the generation it used:

```
401 with generation g:   newer generation there → just repeat
                         refresh under way      → wait for it (woken when it is done; due by itself when its lease ends)
                         neither                → take the lease, enqueue the refresh, wait for it
refresh settled:         worked → generation g+1, wake everybody who waits          failed for good → wake everybody, they give up
```
The refresh action's own failure never starts a recovery: it is repeated by its own retry policy, then it has failed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.ports.rows import ActionState, Purpose
from holdfast.ports.steps import Step

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.ports.rows import ActionRow, AttemptRow, CredentialRow
    from holdfast.recovery.turn import Turn

__all__ = ["has_failed_lately", "is_still_needed", "renew", "renewed_by_plan", "request_refresh", "take_lease", "wake"]

LEASE_S = 30.0
"""A refresh that has not been settled after so long, plus its own timeout, is taken over."""
FAILURE_REMEMBERED_S = 60.0
"""For so long after a refresh has failed for good nobody tries another one: a hundred executions must not ask a provider a hundred times."""
WAITERS_MAX = 10_000


def request_refresh(turn: Turn, row: ActionRow, *, attempt: AttemptRow | None) -> None:
    """Schedule the next attempt for after the refresh, and see to it that there is one."""
    name = turn.plan.actions[row.action].credential
    assert name is not None, "the decision knew the credential"
    used = (attempt.generation if attempt else row.generation) or 0
    if attempt is not None:
        row = replace(row, n=row.n + 1, generation=used, strategy=RecoveryStrategy.REFRESH_THEN_RETRY.value)
    row = replace(row, state=ActionState.SCHEDULED)
    credential = turn.tx.lock_credential(name)
    if credential.generation > used:
        turn.schedule(replace(row, waits_for=name), purpose=Purpose.PERFORM, n=row.n)
        return
    if has_failed_lately(turn, credential):
        turn.schedule(
            replace(row, waits_for=name), purpose=Purpose.PERFORM, n=row.n
        )  # its claim finds the failure and gives up
        return
    until = credential.refreshing_until
    if until is None or until <= turn.now:
        number = 1 + sum(a.purpose is Purpose.REFRESH for a in turn.tx.attempts(row.execution, row.action))
        until = take_lease(turn, credential)
        turn.enqueue(row.action, purpose=Purpose.REFRESH, n=number)
    turn.schedule(replace(row, waits_for=name), purpose=Purpose.PERFORM, n=row.n, due_at=until)


def take_lease(turn: Turn, credential: CredentialRow, *, wait_s: float = 0.0) -> datetime:
    """Reserve the refresh for this action; returns until when."""
    timeout_s = turn.plan.refreshers[credential.name].rules.timeout_s
    until = turn.now + timedelta(seconds=LEASE_S + timeout_s + wait_s)
    turn.tx.save_credential(replace(credential, refreshing_until=until, error=None, failed_at=None))
    return until


def has_failed_lately(turn: Turn, credential: CredentialRow) -> bool:
    """Whether a refresh of this generation has failed for good a moment ago."""
    failed_at = credential.failed_at
    return failed_at is not None and (turn.now - failed_at).total_seconds() < FAILURE_REMEMBERED_S


def is_still_needed(turn: Turn, row: ActionRow) -> bool:
    """Whether the refresh that a step carries is still to be made: nobody has renewed the credential since."""
    name = turn.plan.actions[row.action].credential
    assert name is not None, "a refresh step is enqueued for a credential"
    return turn.tx.lock_credential(name).generation <= (row.generation or 0)


def renewed_by_plan(turn: Turn, row: ActionRow, *, sealed: bytes) -> None:
    """An action of the plan itself (a login) has produced a token: it is the newest generation from now on."""
    definition = turn.plan.actions[row.action].definition
    assert definition is not None, "only HTTP actions refresh"
    assert definition.refreshes is not None, "the performer sealed it for this credential"
    renew(turn, turn.tx.lock_credential(definition.refreshes), sealed=sealed)


def renew(turn: Turn, credential: CredentialRow, *, sealed: bytes) -> None:
    """Store a new generation and wake everybody who waits for it."""
    renewed = replace(
        credential,
        generation=credential.generation + 1,
        sealed=sealed,
        refreshing_until=None,
        error=None,
        failed_at=None,
    )
    turn.tx.save_credential(renewed)
    turn.emit("credential.refreshed", credential=credential.name, generation=renewed.generation)
    wake(turn, renewed)


def wake(turn: Turn, credential: CredentialRow) -> None:
    """Enqueue a step due now for every waiting action of any execution; their own later step finds itself stale.

    No other execution is locked for it: a step is all they get, and their own claim decides.
    """
    marker = f"{credential.generation}.{turn.execution.id}.{turn.execution.version}"
    own = [
        (row, turn.execution)
        for row in turn.rows.values()
        if row.waits_for == credential.name and row.state is ActionState.SCHEDULED
    ]
    others = [
        (row, execution)
        for row, execution in turn.tx.waiting_for(credential.name, limit=WAITERS_MAX)
        if execution.id != turn.execution.id
    ]
    turn.enqueued.extend(
        Step(
            key=f"{execution.id}:{row.action}:{Purpose.PERFORM}:{row.n}:wake.{marker}",
            purpose=Purpose.PERFORM,
            execution=execution.id,
            action=row.action,
            n=row.n,
            tenant=execution.tenant,
            priority=execution.priority,
        )
        for row, execution in own + others
    )
