"""What a worker gets to do: an attempt with everything that it takes, gathered under the lock, and told by an event.

The rows are read here for the last time before the call; whoever performs it (`holdfast.drivers.perform`, or an executor outside) reads none.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.plans.authentication import LITERAL
from holdfast.plans.references import MISSING, resolve
from holdfast.ports.rows import Purpose
from holdfast.recovery.credentials import name_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.rows import ActionRow, AttemptRow
    from holdfast.ports.steps import Step
    from holdfast.recovery.turn import Turn

__all__ = ["Assignment", "announce", "assign", "credential_of", "key_in_epoch", "key_of", "performed_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker is to do, outside any transaction: one attempt, with everything it needs.

    `parts` holds what the inputs' references can read, by action; `sealed` is the newest value of a credential that rests in a row, `literals`
    those that a grant names. A refresh may not be sent after `send_before`, by the worker's clock: then another may be under way.
    """

    step: Step
    attempt: AttemptRow
    action: FrozenAction
    timeout_s: float
    parts: Mapping[str, Mapping[str, object]]
    sealed: bytes | None
    literals: Mapping[str, bytes] = field(default_factory=dict)
    send_before: datetime | None = None


def performed_by(turn: Turn, step: Step) -> FrozenAction:
    """Return the action that an attempt performs: the planned one, its probe, or the refresh action of its credential."""
    action = turn.plan.actions[step.action]
    match step.purpose:
        case Purpose.PERFORM:
            return action
        case Purpose.PROBE:
            return turn.plan.probes[step.action]
        case Purpose.REFRESH:
            assert action.credential is not None, "a refresh step is enqueued for a credential"
            return turn.plan.refreshers[action.credential]


def credential_of(turn: Turn, action: FrozenAction, *, step: Step) -> tuple[int | None, bytes | None]:
    """Return the generation and the sealed value of the action's credential; generation 0 means: as the environment has it.

    A grant renews the very tokens that it uses.
    """
    if action.grant is not None:
        action = turn.plan.actions[step.action]
    if action.credential is None:
        return None, None
    row = turn.tx.credential(name_for(turn, action))
    return (0, None) if row is None else (row.generation, row.sealed)


def assign(turn: Turn, step: Step, *, attempt: AttemptRow, action: FrozenAction, sealed: bytes | None) -> Assignment:
    """Gather what the performer needs."""
    if step.purpose is Purpose.PROBE:
        own = turn.plan.actions[step.action]
        inputs = {name: resolve_now(turn, own, name) for name in own.inputs}
        key = key_in_epoch(turn, turn.rows[step.action])
        parts: dict[str, Mapping[str, object]] = {"self": {"inputs": inputs, "key": key}}
    else:
        parts = {reference.action: turn.parts_of(reference.action) for reference in action.references.values()}
    return Assignment(
        step=step,
        attempt=attempt,
        action=action,
        timeout_s=attempt.timeout_s or action.rules.timeout_s,
        parts=parts,
        sealed=sealed,
        literals=literals_of(turn, action),
    )


def told_inputs(turn: Turn, action: FrozenAction) -> object:
    """Return the inputs as the event tells them. What is personal is in it only where somebody outside performs the action and needs it."""
    inputs = {name: resolve_now(turn, action, name) for name in action.inputs}
    return inputs if turn.execution.external is not None else action.personal.masked(inputs)


def literals_of(turn: Turn, action: FrozenAction) -> dict[str, bytes]:
    """Return the sealed secrets that a grant names."""
    if action.grant is None:
        return {}
    rows = ((name, turn.tx.credential(name)) for name in action.grant.secrets if name.startswith(LITERAL))
    return {name: row.sealed for name, row in rows if row is not None and row.sealed is not None}


def resolve_now(turn: Turn, action: FrozenAction, name: str) -> object:
    """Return the value of one input of an action; None when its reference leads nowhere."""
    reference = action.references.get(name)
    if reference is None:
        return action.inputs[name]
    value = resolve(reference, turn.parts_of(reference.action))
    return None if value is MISSING else value


def announce(turn: Turn, assignment: Assignment) -> None:
    """Record that an attempt is about to be made, and why, when recovery asked for it."""
    step, attempt = assignment.step, assignment.attempt
    row = turn.rows[step.action]
    strategy = (
        row.strategy
        if step.purpose is Purpose.PERFORM
        else {"probe": "probe", "refresh": "refresh-then-retry"}[step.purpose]
    )
    turn.emit(
        "action.execute.requested",
        actionId=step.action,
        actionDefinitionId=assignment.action.definition_id,
        inputs=inputs_told(turn, assignment),
        attemptNumber=step.n,
        timeoutMs=round(assignment.timeout_s * 1000),
        idempotencyKey=attempt.key,
        recovery={"strategy": strategy, "forActionId": step.action} if strategy else None,
        purpose=None if step.purpose is Purpose.PERFORM else step.purpose.value,
    )


def inputs_told(turn: Turn, assignment: Assignment) -> object:
    """Return the inputs that an attempt is announced with: those of a probe only to an executor outside, who has nothing else to go by."""
    action = assignment.action
    match assignment.step.purpose:
        case Purpose.PERFORM:
            return told_inputs(turn, action)
        case Purpose.PROBE if turn.execution.external is not None:
            told = {name: value for name, value in action.inputs.items() if name not in action.references}
            for name, reference in action.references.items():
                value = resolve(reference, assignment.parts.get(reference.action, {}))
                told[name] = None if value is MISSING else value
            return told
        case _:
            return {}


def key_of(turn: Turn, row: ActionRow, step: Step) -> str:
    """Return the key of an attempt. Probes and refreshes have keys of their own: they must not be answered with what the action was answered.

    A refresh keeps its key while it replaces the same generation, so that an API which remembers keys gives one new token for one expiry.
    """
    match step.purpose:
        case Purpose.PERFORM:
            # Before the first attempt there is nothing to look up, and that is the common case.
            return key_in_epoch(turn, row) if step.n > 1 else idempotency_key(row.execution, row.action, row.epoch)
        case Purpose.PROBE:
            return idempotency_key(step.execution, f"{step.action}/probe", step.n)
        case Purpose.REFRESH:
            return idempotency_key(step.execution, f"{step.action}/refresh", row.generation or 0)


def key_in_epoch(turn: Turn, row: ActionRow) -> str:
    """Return the key under which an action is attempted now.

    In the first epoch it is the one that its first attempt has on the ledger, if that had any: a call that was handed over goes on with the key
    that it was sent with in process, by which the API recognises it.
    """
    if row.epoch == 0:
        first = turn.tx.attempt(row.execution, row.action, purpose=Purpose.PERFORM, n=1)
        if first is not None and first.key:
            return first.key
    return idempotency_key(row.execution, row.action, row.epoch)


def idempotency_key(execution: str, action: str, epoch: int) -> str:
    """Return the key under which an API recognises a repeat: stable over all attempts of an epoch, in the form of a UUID."""
    digest = hashlib.sha256(f"{execution}/{action}/{epoch}".encode("utf-8", "surrogatepass")).hexdigest()
    return str(uuid.UUID(hex=digest[:32]))
