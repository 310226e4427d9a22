"""CLAIM: a step was delivered; put its attempt on the ledger before the wire sees a byte, or find out that there is nothing to do.

```
attempt settled            → a duplicate: finish the step
attempt there, unsettled   → its performer died or is slow: the same key again if that is safe, else the outcome is unknown
a person's time is over    → the default answer counts; no attempt is made
no attempt                 → only if the action is scheduled with this number: insert it, mark the action running
```
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.ports.rows import ActionState, AttemptRow, Purpose
from holdfast.recovery.answer import Answer
from holdfast.recovery.assigning import announce, assign, credential_of, key_in_epoch, key_of, performed_by
from holdfast.recovery.awaiting import Going, may_go_on, unobtainable
from holdfast.recovery.consequences import carry_out
from holdfast.recovery.credentials import begin_refresh, name_for, release_lease
from holdfast.recovery.deadlines import expire, is_deadline
from holdfast.recovery.detail import error_detail, lost_worker_verdict
from holdfast.recovery.doubt import due_after, is_in_doubt, last_word
from holdfast.recovery.external import await_answer, look_again
from holdfast.recovery.judging import decision_about, has_outlived_key
from holdfast.recovery.pacing import beginning
from holdfast.recovery.settle import apply_answer, set_aside
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.rows import ActionRow
    from holdfast.ports.steps import Step, Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.assigning import Assignment
    from holdfast.recovery.turn import Plans

__all__ = ["claim"]

log = logging.getLogger("holdfast.worker")

WAKING = ":wake."
AGAIN = ":again."
UNABLE_PAUSE_S = 5.0
"""A step that this worker cannot carry out is offered again after so long."""


def claim(tx: Tx, steps: Steps, *, plans: Plans, step: Step, worker: str, deciding: Deciding) -> Assignment | None:
    """Return what to do for `step`; None when it is stale or was settled right here."""
    turn = Turn.open(tx, steps, plans=plans, execution_id=step.execution)
    if turn is None or step.action not in turn.rows:
        steps.finish(tx, step.key)
        return None
    attempt = tx.attempt(step.execution, step.action, purpose=step.purpose, n=step.n)
    assignment: Assignment | None = None
    if is_deadline(turn, step):
        expire(turn, step)
    elif is_beyond(turn, step, attempt=attempt, deciding=deciding):
        put_off(turn, step)
    elif attempt is None:
        assignment = first_claim(turn, step, worker=worker, deciding=deciding)
        if assignment is not None and turn.execution.external is not None:
            await_answer(turn, assignment.attempt, timeout_s=assignment.timeout_s, deciding=deciding)
            assignment = None
    elif attempt.outcome is None and turn.execution.external is not None:
        timeout_s = attempt.timeout_s or performed_by(turn, step).rules.timeout_s
        look_again(turn, step, attempt=attempt, timeout_s=timeout_s, deciding=deciding)
    elif attempt.outcome is None and carries(turn.rows[step.action], step):
        assignment = later_claim(turn, step, attempt=attempt, worker=worker, deciding=deciding)
    if assignment is None:
        steps.finish(tx, step.key)
    turn.finish()
    return assignment


def is_beyond(turn: Turn, step: Step, *, attempt: AttemptRow | None, deciding: Deciding) -> bool:
    """Whether the step is to be carried out and this worker lacks a Python function for it: another may have it, or this one after a restart."""
    if turn.execution.external is not None or not turn.is_live or deciding.can_perform(performed_by(turn, step)):
        return False
    row = turn.rows[step.action]
    return is_expected(row, step) if attempt is None else attempt.outcome is None and carries(row, step)


def put_off(turn: Turn, step: Step) -> None:
    """Leave a step to somebody who can carry it out. Failing the action instead would lose a plan to a forgotten import."""
    row, action = turn.rows[step.action], performed_by(turn, step)
    if step.purpose is Purpose.REFRESH:
        # No row rests on it; and its usual key would be that of the step at hand.
        due_at = turn.now + timedelta(seconds=UNABLE_PAUSE_S)
        key = f"{step.key.rpartition(AGAIN)[0] or step.key}{AGAIN}{turn.execution.version}"
        turn.enqueued.append(replace(step, key=key, due_at=due_at))
    else:
        turn.schedule(row, purpose=step.purpose, n=step.n, wait_s=UNABLE_PAUSE_S)
    name = action.handler or action.definition_id
    log.warning(
        "no function is registered for %s in this worker; action %s of execution %s waits for one that has it",
        name,
        step.action,
        step.execution,
    )


def first_claim(turn: Turn, step: Step, *, worker: str, deciding: Deciding) -> Assignment | None:
    """Insert the attempt if the action still waits for exactly this one."""
    row = turn.rows[step.action]
    if not turn.is_live or not is_expected(row, step):
        if step.purpose is Purpose.REFRESH:
            release_lease(turn, step.action, number=step.n)
        return None
    if step.purpose is Purpose.PERFORM and not is_free_to_go(turn, row, step=step, worker=worker, deciding=deciding):
        return None
    if step.purpose is Purpose.REFRESH and not begin_refresh(turn, row, number=step.n):
        return None
    row = turn.rows[step.action]
    action = performed_by(turn, step)
    if step.purpose is Purpose.PERFORM and is_too_early(turn, row, deciding=deciding):
        return None
    if step.purpose is Purpose.PERFORM and is_too_late(turn, row, action=action, deciding=deciding):
        return None
    begun_at = beginning(turn, step, action=action, egress=deciding.egress)
    if begun_at is None:
        return None
    row = turn.rows[step.action]
    generation, sealed = credential_of(turn, action, step=step)
    if step.purpose is Purpose.REFRESH:
        generation = (
            row.generation or 0
        )  # the generation that is to be replaced; its own credential, if any, is another one
    attempt = AttemptRow(
        execution=step.execution,
        action=step.action,
        purpose=step.purpose,
        n=step.n,
        claims=1,
        key=key_of(turn, row, step),
        started_at=begun_at,
        worker=worker,
        strategy=row.strategy,
        timeout_s=row.timeout_s if step.purpose is Purpose.PERFORM else None,
        credential=action.credential,
        generation=generation,
    )
    turn.tx.insert_attempt(attempt)
    row = replace(row, in_flight=row.in_flight + 1)
    if step.purpose is Purpose.PERFORM:
        started_at = row.started_at or turn.now
        row = replace(
            row,
            state=ActionState.RUNNING,
            started_at=started_at,
            due_at=None,
            waits_for=None,
            generation=generation,
            step_key=step.key,
        )
    turn.put(row)
    assignment = assign(turn, step, attempt=attempt, action=action, sealed=sealed)
    announce(turn, assignment)
    return assignment


def is_free_to_go(turn: Turn, row: ActionRow, *, step: Step, worker: str, deciding: Deciding) -> bool:
    """Whether nothing keeps an action from being attempted now: its credential is there, and no other step has taken over from this one."""
    if row.waits_for is not None and row.step_key != step.key and WAKING not in step.key:
        return False
    going = may_go_on(turn, row, deciding=deciding)
    if going is Going.NEVER:
        refuse(turn, turn.rows[step.action], step=step, worker=worker, deciding=deciding)
    return going is Going.NOW


def refuse(turn: Turn, row: ActionRow, *, step: Step, worker: str, deciding: Deciding) -> None:
    """There is no credential: the attempt stands on the ledger as one that sent nothing, and is decided about like any other."""
    name = name_for(turn, turn.plan.actions[row.action])
    verdict = unobtainable(turn.tx.lock_credential(name))
    attempt = AttemptRow(
        execution=step.execution,
        action=step.action,
        purpose=step.purpose,
        n=step.n,
        claims=1,
        key=key_of(turn, row, step),
        started_at=turn.now,
        worker=worker,
        strategy=row.strategy,
        credential=turn.plan.actions[row.action].credential,
        generation=row.generation,
    )
    turn.tx.insert_attempt(attempt)
    started_at = row.started_at or turn.now
    turn.put(
        replace(row, state=ActionState.RUNNING, waits_for=None, started_at=started_at, in_flight=row.in_flight + 1)
    )
    apply_answer(turn, attempt, answer=Answer(verdict=verdict, observed_at=turn.now), deciding=deciding)


def later_claim(turn: Turn, step: Step, *, attempt: AttemptRow, worker: str, deciding: Deciding) -> Assignment | None:
    """Take up an attempt whose performer died or is slow, if that can do no harm; else its outcome is unknown."""
    action = performed_by(turn, step)
    # A probe has no side effect by contract; a refresh is guarded by the credential's generation. Neither is repeated once the execution closes.
    is_repeated = (
        attempt.claims < deciding.crashes_max
        and may_be_taken_up(turn, step, action=action, attempt=attempt)
        and turn.is_live
    )
    if is_repeated and not beginning(turn, step, action=action, egress=deciding.egress, claims=attempt.claims):
        return None
    turn.emit(
        "attempt.reclaimed",
        actionId=step.action,
        attemptNumber=step.n,
        purpose=step.purpose.value,
        claims=attempt.claims + 1,
        lostWorker=attempt.worker,
    )
    if attempt.claims >= deciding.crashes_max:
        set_aside(turn, attempt)
        return None
    if not is_repeated:
        answer = Answer(verdict=lost_worker_verdict(claims=attempt.claims), observed_at=turn.now)
        apply_answer(turn, attempt, answer=answer, deciding=deciding)
        return None
    turn.tx.reclaim_attempt(replace(attempt, worker=worker))
    sealed = credential_of(turn, action, step=step)[1]
    return assign(
        turn, step, attempt=replace(attempt, claims=attempt.claims + 1, worker=worker), action=action, sealed=sealed
    )


def may_be_taken_up(turn: Turn, step: Step, *, action: FrozenAction, attempt: AttemptRow) -> bool:
    """Whether an attempt that may have been made can be made again.

    A refresh may not, once somebody else has renewed the credential or is about to: a provider could revoke both tokens.
    """
    match step.purpose:
        case Purpose.PERFORM:
            return action.rules.safety.is_repeatable and not has_outlived_key(turn, action, key=attempt.key)
        case Purpose.PROBE:
            return True
        case Purpose.REFRESH:
            return begin_refresh(turn, replace(turn.rows[step.action], generation=attempt.generation), number=attempt.n)


def is_expected(row: ActionRow, step: Step) -> bool:
    """Whether the action waits for exactly this step."""
    match step.purpose:
        case Purpose.PERFORM:
            return row.state is ActionState.SCHEDULED and row.n == step.n
        case Purpose.PROBE:
            return row.state is ActionState.PROBING and not row.in_flight
        case Purpose.REFRESH:
            return True


def carries(row: ActionRow, step: Step) -> bool:
    """Whether this step is the one that an unsettled attempt rests on.

    Another step of the same attempt (a wait for a credential that a wake-up has overtaken) says nothing about the performer.
    """
    return step.purpose is not Purpose.PERFORM or row.step_key == step.key


def is_too_early(turn: Turn, row: ActionRow, *, deciding: Deciding) -> bool:
    """Whether the server has asked for more time than has passed since the last attempt; then the attempt is put off until that time.

    Decisions keep to it by themselves. This gate is for those who do not know of it: a person who says "again", a credential that was renewed
    sooner, a late answer that came when the next attempt was scheduled already.
    """
    last = turn.tx.attempt(row.execution, row.action, purpose=Purpose.PERFORM, n=row.n - 1) if row.n > 1 else None
    if last is None or last.verdict is None:
        return False
    due_at = due_after(last, believed_max_s=deciding.bounds.retry_after_max_s)
    if due_at is None or due_at <= turn.now:
        return False
    turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=due_at)
    return True


def is_too_late(turn: Turn, row: ActionRow, *, action: FrozenAction, deciding: Deciding) -> bool:
    """Whether the API has forgotten the key of an earlier attempt that may have taken effect; then it is decided about again.

    A decision looks ahead to its due time, but a worker may come back much later than that.
    """
    if not has_outlived_key(turn, action, key=key_in_epoch(turn, row)):
        return False
    attempts = turn.tx.attempts(row.execution, row.action)
    last = next((a for a in attempts if a.purpose is Purpose.PERFORM and a.n == row.n - 1), None)
    if last is None or last.verdict is None or not is_in_doubt(attempts):
        return False
    verdict = last_word(last)
    decision = decision_about(turn, row, attempt=last, verdict=verdict, deciding=deciding)
    row = turn.put(replace(row, n=last.n, waits_for=None))
    carry_out(
        turn,
        row,
        decision=decision,
        detail=error_detail(verdict, observed_at=last.settled_at or turn.now),
        attempt=last,
        deciding=deciding,
    )
    return True
