"""RECOVERY-002: one refresh per expiry, however many actions fail, on however many workers.

A credential row carries a generation and the lease of the one refresh that may be under way. An attempt remembers the generation it used:

```
401 with generation g:   newer generation there → just repeat
                         refresh under way      → wait for it (woken when it is done; due by itself when its lease ends)
                         a person is asked      → wait for the answer
                         none of these          → take the lease, enqueue the refresh, wait for it; ask, where no machine can renew it
refresh claimed:         the lease is another attempt's → drop it               else extend the lease, count one more use of the refresh token
refresh settled:         worked → generation g+1, wake everybody who waits      failed for good → wake everybody, they give up
                         the refresh token was refused, or may be used up → ask one person for all who wait
```
The refresh's own failure never starts a recovery: it is repeated by its own retry policy, then it has failed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.plans.authentication import held_as, split_own
from holdfast.ports.rows import ActionState, Purpose
from holdfast.ports.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.rows import ActionRow, AttemptRow, CredentialRow, ExecutionRow
    from holdfast.recovery.turn import Turn

__all__ = [
    "WAITERS_MAX",
    "answered",
    "ask",
    "begin_refresh",
    "has_failed_lately",
    "name_for",
    "next_generation",
    "release_lease",
    "renew",
    "renewed_by_plan",
    "request_refresh",
    "seek",
    "take_lease",
    "wake",
    "wake_steps",
]

LEASE_S = 30.0
"""A refresh that has not been settled after so long, plus its own timeout, is taken over."""
FAILURE_REMEMBERED_S = 60.0
"""For so long after a refresh has failed for good nobody tries another one: a hundred executions must not ask a provider a hundred times."""
USES_MAX = 2
"""A refresh token is sent once, and once more when nobody knows what became of that: a provider may revoke everything at a third time."""
WAITERS_MAX = 10_000


def name_for(turn: Turn, action: FrozenAction) -> str:
    """Return the name of the row that holds an action's credential."""
    assert action.credential is not None, "the caller knows that it uses one"
    execution = turn.execution
    return held_as(action.credential, action.source, execution=execution.id, executor=execution.external)


def request_refresh(turn: Turn, row: ActionRow, *, attempt: AttemptRow | None) -> None:
    """Schedule the next attempt for after the refresh, and see to it that there is one."""
    name = name_for(turn, turn.plan.actions[row.action])
    used = (attempt.generation if attempt else row.generation) or 0
    if attempt is not None:
        row = replace(row, n=row.n + 1, generation=used, strategy=RecoveryStrategy.REFRESH_THEN_RETRY.value)
    row = replace(row, state=ActionState.SCHEDULED, waits_for=name)
    credential = turn.tx.lock_credential(name)
    if credential.generation > used or credential.question is not None or has_failed_lately(turn, credential):
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n)  # its claim finds out which, and acts on it
        return
    seek(turn, row, credential=credential)


def seek(turn: Turn, row: ActionRow, *, credential: CredentialRow) -> None:
    """Let a machine renew the credential, or else a person; the action waits meanwhile."""
    wanted = turn.plan.actions[row.action].credential or ""
    if wanted not in turn.plan.refreshers:
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=turn.now + timedelta(seconds=LEASE_S))
        ask(turn, credential, because="nobody but a person can provide it")
        return
    until = credential.refreshing_until
    if until is None or until <= turn.now:
        number = 1 + sum(a.purpose is Purpose.REFRESH for a in turn.tx.attempts(row.execution, row.action))
        until = take_lease(turn, credential, by=row.action, number=number, wanted=wanted)
        turn.put(row)  # the step's key names the generation that it replaces
        turn.enqueue(row.action, purpose=Purpose.REFRESH, n=number)
    turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=until)


def lease_of(turn: Turn, action: str, number: int) -> str:
    """Return how a lease names the attempt that it belongs to."""
    return f"{turn.execution.id}:{action}:{number}"


def take_lease(
    turn: Turn, credential: CredentialRow, *, by: str, number: int, wanted: str, wait_s: float = 0.0, uses: int = 0
) -> datetime:
    """Reserve the refresh for one attempt, counting `uses` more of the refresh token; returns until when."""
    timeout_s = turn.plan.refreshers[wanted].rules.timeout_s
    until = turn.now + timedelta(seconds=LEASE_S + timeout_s + wait_s)
    turn.tx.save_credential(
        replace(
            credential,
            refreshing_until=until,
            refreshing_by=lease_of(turn, by, number),
            uses=credential.uses + uses,
            error=None,
            failed_at=None,
        )
    )
    return until


def begin_refresh(turn: Turn, row: ActionRow, *, number: int) -> bool:
    """Whether attempt `number` at the refresh may be made now; counts it and extends its lease, so that no other runs beside it.

    Not, when somebody has renewed the credential since, when another attempt has the lease, or while a person is asked.
    """
    action = turn.plan.actions[row.action]
    credential = turn.tx.lock_credential(name_for(turn, action))
    if credential.generation > (row.generation or 0) or credential.question is not None:
        return False
    is_mine = credential.refreshing_by in (None, lease_of(turn, row.action, number))
    if not is_mine and credential.refreshing_until is not None and credential.refreshing_until > turn.now:
        return False
    grant = turn.plan.refreshers[action.credential or ""].grant
    if grant is not None and grant.refresh_token is not None and credential.uses >= USES_MAX:
        ask(
            turn, credential, because="its refresh token may have been used up when a worker died or an answer was lost"
        )
        return False
    uses = 1 if grant is not None else 0
    take_lease(turn, credential, by=row.action, number=number, wanted=action.credential or "", uses=uses)
    return True


def release_lease(turn: Turn, action: str, *, number: int) -> None:
    """An execution ended before its refresh began: let go of the lease, so that whoever else waits need not wait until it runs out."""
    credential = turn.tx.lock_credential(name_for(turn, turn.plan.actions[action]))
    if credential.refreshing_by != lease_of(turn, action, number):
        return
    released = replace(credential, refreshing_until=None, refreshing_by=None)
    turn.tx.save_credential(released)
    wake(turn, released)


def answered(turn: Turn, attempt: AttemptRow, *, credential: CredentialRow) -> bool:
    """Whether a failed refresh was the one that had the lease; if not, its failure says nothing about the one that has."""
    return credential.refreshing_by in (None, lease_of(turn, attempt.action, attempt.n))


def has_failed_lately(turn: Turn, credential: CredentialRow) -> bool:
    """Whether a refresh of this generation has failed for good a moment ago."""
    failed_at = credential.failed_at
    return failed_at is not None and (turn.now - failed_at).total_seconds() < FAILURE_REMEMBERED_S


def renewed_by_plan(turn: Turn, row: ActionRow, *, sealed: bytes, expires_s: float | None) -> None:
    """An action of the plan itself (a login) has produced a token: it is the newest generation from now on."""
    definition = turn.plan.actions[row.action].definition
    assert definition is not None, "only HTTP actions refresh"
    assert definition.refreshes is not None, "the performer sealed it for this credential"
    renew(turn, turn.tx.lock_credential(definition.refreshes), sealed=sealed, expires_s=expires_s)


def renew(turn: Turn, credential: CredentialRow, *, sealed: bytes | None, expires_s: float | None) -> None:
    """Store a new generation, which is good for `expires_s` seconds where that is known, and wake everybody who waits for it."""
    by = f"execution {turn.execution.id}"
    renewed = next_generation(credential, sealed=sealed, expires_s=expires_s, now=turn.now, by=by)
    turn.tx.save_credential(renewed)
    turn.emit("credential.refreshed", credential=split_own(credential.name)[0], generation=renewed.generation)
    wake(turn, renewed)


def next_generation(
    credential: CredentialRow, *, sealed: bytes | None, expires_s: float | None, now: datetime, by: str | None
) -> CredentialRow:
    """Return the row with a new value; whatever was under way or asked about the old one is over.

    `expires_s` is how long it is good from now on: None when nobody knows, 0 when it is a refresh token only. `by` is who brings it.
    """
    return replace(
        credential,
        generation=credential.generation + 1,
        sealed=sealed,
        expires_at=None if expires_s is None else now + timedelta(seconds=expires_s),
        renewed_at=now,
        changed_by=by,
        refreshing_until=None,
        refreshing_by=None,
        uses=0,
        error=None,
        failed_at=None,
        question=None,
        asked_at=None,
    )


def ask(turn: Turn, credential: CredentialRow, *, because: str) -> None:
    """Ask a person for the credential, once for all executions; whoever waits is told, and goes on waiting."""
    if credential.question is not None:
        return
    name, execution = split_own(credential.name)
    whose = " of this execution" if execution else ""
    text = f"The credential {name!r}{whose} is needed: {because}. Set it, or give it up and let those who wait for it fail."
    asked = replace(credential, question=text, asked_at=turn.now, refreshing_until=None, refreshing_by=None)
    turn.tx.save_credential(asked)
    turn.emit("credential.asked", credential=name, isOwn=execution is not None, text=text)
    wake(turn, asked)


def wake(turn: Turn, credential: CredentialRow) -> None:
    """Enqueue a step due now for every waiting action of any execution; their own later step finds itself stale.

    No other execution is locked for it: a step is all they get, and their own claim decides.
    """
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
    marker = f"{credential.generation}.{turn.execution.id}.{turn.execution.version}"
    turn.enqueued.extend(wake_steps(own + others, marker=marker))


def wake_steps(waiting: Iterable[tuple[ActionRow, ExecutionRow]], *, marker: str) -> list[Step]:
    """Return a step due now for each waiting action; `marker` makes their keys unlike those of any other waking."""
    return [
        Step(
            key=f"{execution.id}:{row.action}:{Purpose.PERFORM}:{row.n}:wake.{marker}",
            purpose=Purpose.PERFORM,
            execution=execution.id,
            action=row.action,
            n=row.n,
            tenant=execution.tenant,
            priority=execution.priority,
        )
        for row, execution in waiting
    ]
