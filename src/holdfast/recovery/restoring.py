"""After the database was restored from a copy: what may have happened since the copy was taken is treated as unknown, one execution at a time.

The other side does not forget what our database has forgotten. An attempt in flight was answered, and an attempt that was only scheduled may have
been made. So every one in flight is settled as unknown, and a scheduled one is put on the ledger as unknown if making it (again) could do harm;
then both are decided about like any other: by key, by probe, or by a person.

A database cannot tell that it is a copy: a person says so (`holdfast recover --restored`). The facts `era` (how often), `restoring` (one that was
begun, with the last execution that is done) and `restored_up_to` (the newest event when it ended) make that safe to interrupt and to repeat.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from holdfast.decisions.facts import Safety
from holdfast.errors import BadInput, ExecutionNewer, Problem
from holdfast.ports.rows import CONTRACT, ActionState, AttemptRow, Purpose
from holdfast.recovery.answer import Answer
from holdfast.recovery.assigning import key_in_epoch
from holdfast.recovery.detail import restored_verdict
from holdfast.recovery.settle import apply_answer
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from holdfast.plans.frozen import FrozenAction, FrozenPlan
    from holdfast.ports.rows import ActionRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Snapshot, Store, Tx
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.turn import Plans

__all__ = ["Doubts", "Restored", "doubts", "foresee", "restore"]

PAGE = 500
BEFORE = "before-the-restore"
"""The worker of an attempt that may have been made in the life that the copy knows nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What of one execution may have happened since the copy: attempts in flight, scheduled actions, and unsafe ones still further ahead.

    Of those further ahead nothing is known and nothing is changed: they are named, for a person who knows the other side.
    """

    in_flight: tuple[AttemptRow, ...] = ()
    scheduled: tuple[ActionRow, ...] = ()
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was (or would be) done: live executions looked at, attempts settled as unknown, scheduled attempts now in doubt, unsafe actions ahead.

    `ahead` names them as `execution/action`, the first `PAGE` of them; `skipped` counts executions that are for newer releases.
    `era` is the number of restores this database has been through; `is_done_before` says that nothing has happened since the last one.
    """

    era: int
    executions: int = 0
    settled: int = 0
    doubted: int = 0
    skipped: int = 0
    ahead: tuple[str, ...] = ()
    is_done_before: bool = False

    def plus(self, found: Doubts | None, *, execution: str) -> Restored:
        """Count one more execution; None for one that is for newer releases."""
        if found is None:
            return replace(self, skipped=self.skipped + 1)
        names = tuple(f"{execution}/{action}" for action in found.ahead)
        return replace(
            self,
            executions=self.executions + 1,
            settled=self.settled + len(found.in_flight),
            doubted=self.doubted + len(found.scheduled),
            ahead=(*self.ahead, *names)[:PAGE],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """A restore that was begun: its era, when the copy gave its last sign of life, and the last execution that is done."""

    era: int
    copied_at: datetime
    after: str = ""

    @classmethod
    def read(cls, text: str | None) -> Restoring | None:
        """Read the fact; None when none was begun."""
        if text is None:
            return None
        kept = json.loads(text)
        return cls(era=int(kept["era"]), copied_at=datetime.fromisoformat(kept["copied_at"]), after=str(kept["after"]))

    def text(self) -> str:
        """Return what the fact says."""
        return json.dumps({"era": self.era, "copied_at": self.copied_at.isoformat(), "after": self.after})


def doubts(
    plan: FrozenPlan,
    rows: Mapping[str, ActionRow],
    attempts: Sequence[AttemptRow],
    *,
    copied_at: datetime,
    now: datetime,
) -> Doubts:
    """Say what may have happened since the copy. Probes and refreshes are left to be taken up again: neither does harm twice."""
    age = now - copied_at
    return Doubts(
        in_flight=tuple(one for one in attempts if one.outcome is None and one.purpose is Purpose.PERFORM),
        scheduled=tuple(
            row
            for row in rows.values()
            if row.state is ActionState.SCHEDULED and is_harmful(plan.actions[row.action], age=age)
        ),
        ahead=tuple(
            row.action
            for row in rows.values()
            if row.state is ActionState.PENDING and is_harmful(plan.actions[row.action], age=age)
        ),
    )


def is_harmful(action: FrozenAction, *, age: timedelta) -> bool:
    """Whether performing an action could repeat what was done since the copy: nothing makes it safe, or its API has forgotten the key by now."""
    if not action.rules.safety.is_repeatable:
        return True
    lifetime_s = action.rules.key_lifetime_s
    return action.rules.safety is Safety.KEYED and lifetime_s is not None and age >= timedelta(seconds=lifetime_s)


async def foresee(store: Store, *, plans: Plans) -> Restored:
    """Return what `restore` would do, and do nothing."""
    begun = await store.read(lambda snapshot: Restoring.read(snapshot.fact("restoring")))
    if begun is None and await store.read(is_done_before):
        return Restored(era=await store.read(era_of), is_done_before=True)
    copied_at = begun.copied_at if begun else await store.read(copied_at_of)
    result = Restored(era=begun.era if begun else await store.read(era_of) + 1)
    after = begun.after if begun else ""
    while page := await store.read(partial(live_page, after=after)):
        for execution in page:
            found = await store.read(partial(look, plans=plans, execution=execution, copied_at=copied_at))
            result = result.plus(found, execution=execution)
        after = page[-1]
    return result


async def restore(
    store: Store, steps: Steps, *, plans: Plans, deciding: Callable[[], Deciding], takeover_after_s: float
) -> Restored:
    """Treat this database as restored from a copy; goes on where an interrupted one stopped, and does nothing if nothing has happened since.

    Raises:
        BadInput: a worker is alive, or was a moment ago.
    """
    begun = await store.transact(partial(begin_era, takeover_after_s=takeover_after_s))
    if begun is None:
        return Restored(era=await store.read(era_of), is_done_before=True)
    result, after = Restored(era=begun.era), begun.after
    while page := await store.read(partial(live_page, after=after)):
        for execution in page:
            found = await store.transact(
                partial(restore_one, steps=steps, plans=plans, execution=execution, deciding=deciding())
            )
            result = result.plus(found, execution=execution)
        after = page[-1]
    await store.transact(end_era)
    return result


def begin_era(tx: Tx, *, takeover_after_s: float) -> Restoring | None:
    """Begin a new era, or return the one that was begun; None when nothing has happened since the last."""
    begun = Restoring.read(tx.fact("restoring"))
    if begun is None and is_done_before(tx):
        return None
    alive = tx.beating(within_s=takeover_after_s)
    if alive:
        message = (
            f"worker {alive[0]} gave a sign of life less than {takeover_after_s:g} s ago. Stop every worker on this database, wait that long,"
            " and run the command again"
        )
        raise BadInput([Problem(source="recover", path="", message=message)])
    tx.forget_the_past()
    if begun is None:
        begun = Restoring(era=era_of(tx) + 1, copied_at=copied_at_of(tx))
        tx.put_fact("era", str(begun.era))
        tx.put_fact("restoring", begun.text())
    return begun


def restore_one(tx: Tx, *, steps: Steps, plans: Plans, execution: str, deciding: Deciding) -> Doubts | None:
    """Settle what is in doubt in one execution; None when it is for newer releases."""
    try:
        turn = Turn.open(tx, steps, plans=plans, execution_id=execution)
    except ExecutionNewer:
        return None
    restoring = Restoring.read(tx.fact("restoring"))
    if turn is None or restoring is None or execution <= restoring.after:
        return Doubts()
    found = doubts(turn.plan, turn.rows, tx.attempts(execution), copied_at=restoring.copied_at, now=turn.now)
    answer = Answer(verdict=restored_verdict(), observed_at=turn.now)
    for row in found.scheduled:
        apply_answer(
            turn, made_perhaps(turn, turn.rows[row.action], since=restoring.copied_at), answer=answer, deciding=deciding
        )
    for attempt in found.in_flight:
        apply_answer(turn, attempt, answer=answer, deciding=deciding)
    turn.emit("execution.restored", era=restoring.era, settled=len(found.in_flight), doubted=len(found.scheduled))
    turn.finish()
    tx.put_fact("restoring", replace(restoring, after=execution).text())
    return found


def made_perhaps(turn: Turn, row: ActionRow, *, since: datetime) -> AttemptRow:
    """Put the attempt that an action was scheduled for on the ledger, as one that may have been made at any time since the copy."""
    attempt = AttemptRow(
        execution=row.execution,
        action=row.action,
        purpose=Purpose.PERFORM,
        n=row.n,
        claims=1,
        key=key_in_epoch(turn, row),
        started_at=since,
        worker=BEFORE,
        strategy=row.strategy,
        timeout_s=row.timeout_s,
    )
    turn.tx.insert_attempt(attempt)
    turn.put(
        replace(
            row,
            state=ActionState.RUNNING,
            in_flight=row.in_flight + 1,
            started_at=row.started_at or since,
            due_at=None,
            waits_for=None,
        )
    )
    return attempt


def end_era(tx: Tx) -> None:
    """The restore is done; note up to where."""
    newest = tx.newest_event()
    tx.put_fact("restored_up_to", str(newest[0] if newest else 0))
    tx.drop_fact("restoring")


def look(snapshot: Snapshot, *, plans: Plans, execution: str, copied_at: datetime) -> Doubts | None:
    """Say what is in doubt in one execution."""
    row = snapshot.execution(execution)
    if row is None or row.contract > CONTRACT:
        return None
    rows = {one.action: one for one in snapshot.actions(execution)}
    plan = plans.get(snapshot, row.document)
    return doubts(plan, rows, snapshot.attempts(execution), copied_at=copied_at, now=snapshot.now)


def live_page(snapshot: Snapshot, *, after: str) -> list[str]:
    """Return the next page of live executions."""
    return snapshot.live(after=after, limit=PAGE)


def is_done_before(snapshot: Snapshot) -> bool:
    """Whether the last restore was the last thing that happened here."""
    newest = snapshot.newest_event()
    return snapshot.fact("restored_up_to") == str(newest[0] if newest else 0)


def era_of(snapshot: Snapshot) -> int:
    """Return how often this database was restored."""
    return int(snapshot.fact("era") or 0)


def copied_at_of(snapshot: Snapshot) -> datetime:
    """Return the copy's last sign of life: from then on anything may have happened."""
    newest = snapshot.newest_event()
    return newest[1] if newest else snapshot.now
