"""The sweep: every live execution has a step, an attempt in flight, a person, or a condition. Whatever has none is repaired, and said aloud.

An action that rests on a step remembers the step's key; the engine is asked whether it still holds it.
An execution in which nothing rests on anything
is advanced once more: if that does not move it, a defect is at work and the log says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from holdfast.ports.rows import ActionState, Purpose
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from holdfast.ports.rows import ActionRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Snapshot, Store, Tx
    from holdfast.recovery.turn import Plans

__all__ = ["Swept", "sweep"]

log = logging.getLogger("holdfast.sweep")
PAGE = 500
OVERDUE_S = 120.0
"""So long after its timeout an attempt in flight is overdue: its worker, or another after a takeover, should have settled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found: actions looked at, steps enqueued anew, executions advanced, executions that nothing moves."""

    looked_at: int
    repaired: int
    advanced: int
    stuck: tuple[str, ...]


async def sweep(store: Store, steps: Steps, *, plans: Plans) -> Swept:
    """Look at every live execution once, in pages; repairs one execution per transaction."""
    looked_at = repaired = 0
    after = ""
    while True:
        page = await store.read(partial(resting, after=after))
        if not page:
            break
        looked_at += len(page)
        after = page[-1].execution
        lost = await steps.missing([row.step_key for row in page if row.step_key])
        for row in page:
            if row.step_key in lost and await store.transact(partial(repair, steps=steps, plans=plans, row=row)):
                repaired += 1
                log.error(
                    "action %s of execution %s had lost its step; it was enqueued again", row.action, row.execution
                )
    advanced, stuck = await move_idle(store, steps, plans=plans)
    return Swept(looked_at=looked_at, repaired=repaired, advanced=advanced, stuck=stuck)


def resting(snapshot: Snapshot, *, after: str) -> list[ActionRow]:
    """Return the next page of actions that rest on a step."""
    return snapshot.resting(after=after, limit=PAGE)


def repair(tx: Tx, steps: Steps, *, plans: Plans, row: ActionRow) -> bool:
    """Enqueue the step of an action anew, if the action still rests on the one that was lost."""
    turn = Turn.open(tx, steps, plans=plans, execution_id=row.execution)
    now = turn.rows[row.action] if turn is not None else None
    if turn is None or now is None or now.step_key != row.step_key or now.state.is_final:
        return False
    purpose = Purpose.PROBE if now.state is ActionState.PROBING else Purpose.PERFORM
    number = now.n
    if purpose is Purpose.PROBE:
        probes = [attempt for attempt in tx.attempts(row.execution, row.action) if attempt.purpose is Purpose.PROBE]
        number = len(probes) if probes and probes[-1].outcome is None else len(probes) + 1
    turn.schedule(now, purpose=purpose, n=number, due_at=now.due_at)
    turn.emit("step.repaired", actionId=row.action, attemptNumber=number)
    turn.finish()
    return True


async def move_idle(store: Store, steps: Steps, *, plans: Plans) -> tuple[int, tuple[str, ...]]:
    """Advance executions in which nothing rests on anything; returns how many that moved, and which it did not."""
    idle = await store.read(lambda snapshot: snapshot.idle(limit=PAGE))
    advanced, stuck = 0, []
    for execution_id in idle:
        if await store.transact(partial(advance_once, steps=steps, plans=plans, execution_id=execution_id)):
            advanced += 1
        else:
            stuck.append(execution_id)
            log.error("execution %s rests on nothing and cannot go on; please report this as a defect", execution_id)
    return advanced, tuple(stuck)


def advance_once(tx: Tx, steps: Steps, *, plans: Plans, execution_id: str) -> bool:
    """Advance an execution; says whether that changed anything, or whether it only waits for attempts in flight."""
    turn = Turn.open(tx, steps, plans=plans, execution_id=execution_id)
    if turn is None:
        return True
    before = turn.execution.state
    is_draining = any(row.in_flight for row in turn.rows.values())
    if is_draining:
        take_up_overdue(turn)
    turn.finish()
    return is_draining or bool(turn.enqueued) or turn.execution.state is not before or bool(turn.changed)


def take_up_overdue(turn: Turn) -> None:
    """Enqueue anew what an ending execution waits for far too long: probes and refreshes rest on no row, so a lost step of theirs shows only here."""
    for attempt in turn.tx.attempts(turn.execution.id):
        if attempt.outcome is not None or attempt.purpose is Purpose.PERFORM:
            continue
        plan = turn.plan
        action = (
            plan.probes[attempt.action]
            if attempt.purpose is Purpose.PROBE
            else plan.refreshers[plan.actions[attempt.action].credential or ""]
        )
        if turn.now - attempt.started_at > timedelta(seconds=action.rules.timeout_s + OVERDUE_S):
            turn.enqueue(attempt.action, purpose=attempt.purpose, n=attempt.n)
