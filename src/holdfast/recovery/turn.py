"""One deciding transaction over one execution: lock, read everything, change rows in memory, advance, write once.

Every function of this room that changes an execution works on a `Turn`. Opening one takes the lock; `finish` advances the plan, ends the execution
if it is over, writes what changed and hands the new steps to the engine, all in the same transaction.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.decisions.facts import Safety
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.plans.advance import Advance, advance, output_of
from holdfast.plans.authentication import Source, own_rows
from holdfast.plans.frozen import thaw
from holdfast.plans.outcome import unmet
from holdfast.plans.references import LOCATION
from holdfast.ports.rows import ActionRow, ActionState, DeadLetterRow, Purpose, RunState
from holdfast.ports.steps import Step
from holdfast.recovery.absorbing import absorb
from holdfast.recovery.doubt import is_in_doubt
from holdfast.recovery.entering import enter, turn_away
from holdfast.recovery.questions import close_questions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from holdfast.plans.frozen import FrozenPlan
    from holdfast.ports.rows import ExecutionRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Snapshot, Tx

__all__ = ["Plans", "Turn", "iso"]

PLANS_MAX = 256
"""Thawed plans are kept for so many documents; thawing one of ten actions costs about a millisecond."""
REFRESH_PRIORITY = -1_000_000
TERMINAL_EVENTS = {
    RunState.COMPLETED: "plan.execute.completed",
    RunState.FAILED: "plan.execute.failed",
    RunState.CANCELLED: "plan.execute.cancelled",
}


class Plans:
    """Thawed plans by digest, the least recently used forgotten first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, FrozenPlan] = OrderedDict()
        self._lock = Lock()

    def get(self, snapshot: Snapshot, digest: str) -> FrozenPlan:
        """Return the plan of a document."""
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
                return found
        plan = thaw(snapshot.document(digest))
        with self._lock:
            self._kept[digest] = plan
            while len(self._kept) > PLANS_MAX:
                self._kept.popitem(last=False)
        return plan


@dataclass(slots=True, kw_only=True)
class Turn:
    """The rows of one locked execution while a transaction decides about it."""

    tx: Tx
    steps: Steps
    execution: ExecutionRow
    plan: FrozenPlan
    rows: dict[str, ActionRow]
    changed: set[str] = field(default_factory=set)
    enqueued: list[Step] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)
    is_execution_changed: bool = False

    @classmethod
    def open(cls, tx: Tx, steps: Steps, *, plans: Plans, execution_id: str) -> Turn | None:
        """Take the lock and read the execution; None when there is no such execution."""
        execution = tx.lock(execution_id)
        if execution is None:
            return None
        return cls.of(tx, steps, plans=plans, execution=execution)

    @classmethod
    def of(cls, tx: Tx, steps: Steps, *, plans: Plans, execution: ExecutionRow) -> Turn:
        """Read the rest of an execution that is locked already."""
        rows = {row.action: row for row in tx.actions(execution.id)}
        return cls(tx=tx, steps=steps, execution=execution, plan=plans.get(tx, execution.document), rows=rows)

    @property
    def now(self) -> datetime:
        """The store's time, one value for the whole transaction."""
        return self.tx.now

    @property
    def is_live(self) -> bool:
        """Whether anything may still begin."""
        return self.execution.state is RunState.RUNNING and self.execution.closing is None

    def put(self, row: ActionRow) -> ActionRow:
        """Change an action."""
        self.rows[row.action] = row
        self.changed.add(row.action)
        return row

    def put_execution(self, row: ExecutionRow) -> None:
        """Change the execution."""
        self.execution = row
        self.is_execution_changed = True

    def emit(self, event_type: str, **data: object) -> None:
        """Record an event about this execution; None values are left out."""
        payload = {"executionId": self.execution.id, **{key: value for key, value in data.items() if value is not None}}
        self.tx.emit(self.execution.id, event_type, data=payload)

    def schedule(
        self, row: ActionRow, *, purpose: Purpose, n: int, wait_s: float = 0.0, due_at: datetime | None = None
    ) -> ActionRow:
        """Enqueue a step that carries `row` on, and remember its key; the state is the caller's."""
        at = due_at or (self.now + timedelta(seconds=wait_s) if wait_s > 0 else None)
        key = self.enqueue(row.action, purpose=purpose, n=n, due_at=at)
        return self.put(replace(row, step_key=key, due_at=at))

    def enqueue(self, action: str, *, purpose: Purpose, n: int, due_at: datetime | None = None, mark: str = "") -> str:
        """Hand a step to the engine when the transaction commits; returns its key, whose last part begins with `mark`."""
        # The version makes the key unique: a repair or a wake-up of the same attempt is another step.
        # A refresh is named by the generation that it replaces: asked for twice before it began, it is still one.
        of = f"g{self.rows[action].generation or 0}" if purpose is Purpose.REFRESH else f"{self.execution.version}"
        key = f"{self.execution.id}:{action}:{purpose}:{n}:{mark}{of}"
        step = Step(
            key=key,
            purpose=purpose,
            execution=self.execution.id,
            action=action,
            n=n,
            tenant=self.execution.tenant,
            # Many wait for a refresh, and its lease runs: it goes before whatever else is due.
            priority=min(self.execution.priority, REFRESH_PRIORITY)
            if purpose is Purpose.REFRESH
            else self.execution.priority,
            due_at=due_at,
        )
        self.enqueued.append(step)
        return key

    def close(self, closing: RunState, *, error: ErrorDetail, action: str | None) -> None:
        """Settle how the execution ends, unless that is settled; it ends once nothing is in flight."""
        if self.execution.closing is None:
            self.put_execution(replace(self.execution, closing=closing, error=error.to_json(), failed_action=action))
            self.emit("execution.closing", closing=closing.value)

    def bury(self, row: ActionRow, *, reason: str, detail: Mapping[str, object]) -> None:
        """Set an action's work aside as a dead letter."""
        letter = DeadLetterRow(
            execution=self.execution.id,
            action=row.action,
            reason=reason,
            detail=json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
            added_at=self.now,
        )
        self.tx.insert_dead_letter(letter)
        self.emit("dead_letter.added", actionId=row.action, reason=reason)

    def finish(self) -> None:
        """Advance the plan, end it if it is over, and write everything that changed."""
        if self.execution.state is RunState.RUNNING:
            self._advance()
        self.tx.save_actions([self.rows[action] for action in sorted(self.changed)])
        if self.is_execution_changed:
            self.tx.save_execution(self.execution)
        self.steps.enqueue(self.tx, self.enqueued)
        for key in self.taken_back:
            self.steps.finish(self.tx, key)

    def _advance(self) -> None:
        """Apply what the pure `advance` says, again while ending changes what it sees (an expected outcome that does not hold)."""
        result = self._settle_conditions()
        for action in result.ready:
            enter(self, action)
        if self.execution.closing is not None:
            self._abandon_waits()
        if result.end is RunState.COMPLETED and (names := unmet(self.plan.plan, self.parts_of)):
            self.close(RunState.FAILED, error=outcome_error(names), action=None)
        end = self.execution.closing or result.end
        if end is not None and not any(row.in_flight or not row.state.is_final for row in self.rows.values()):
            self._end(end)

    def _settle_conditions(self) -> Advance:
        """Skip or fail what its condition keeps out, until nothing more follows from that: each round ends at least one action."""
        admitted: set[str] = set()
        while True:
            result = self._skip_needless()
            found = turn_away(self, result.ready, admitted=admitted)
            if not found:
                return result
            self._absorb_skipped([action for action in found if self.rows[action].state is ActionState.SKIPPED])

    def _skip_needless(self) -> Advance:
        """Skip what will never run, until nothing more follows from that: each round skips at least one, so it ends."""
        while True:
            result = advance(self.rows, self.plan.needs, closing=self.execution.closing)
            if self.execution.closing is not None:
                close_questions(self)
            for action, reason in result.skipped:
                self.skip(self.rows[action], reason)
            if not self._absorb_skipped([action for action, _ in result.skipped]):
                return result

    def _absorb_skipped(self, actions: list[str]) -> bool:
        """An alternative that was called upon and cannot run: what it stood in for has failed after all. Says whether there was one."""
        is_found = False
        for action in actions:
            primary = next(
                (row for row in self.rows.values() if row.handed_to == action and row.absorbed == "alternative"), None
            )
            if primary is None or self.execution.closing is not None:
                continue
            is_found = True
            if not absorb(self, action):
                detail = ErrorDetail.from_json(primary.error or "")
                self.bury(
                    primary,
                    reason=detail.category.value,
                    detail={"error": detail.to_wire(), "because": "its alternative could not run"},
                )
                self.close(RunState.FAILED, error=detail, action=primary.action)
        return is_found

    def skip(self, row: ActionRow, reason: str) -> None:
        """Skip an action; one that may have taken effect before is set aside."""
        if row.error is not None and self.plan.actions[row.action].rules.safety is not Safety.READ_ONLY:
            attempts = self.tx.attempts(row.execution, row.action)
            if is_in_doubt(attempts):
                reason = f"{reason}; an earlier attempt may have taken effect"
                self.bury(row, reason="outcome-unknown", detail={"error": json.loads(row.error), "because": reason})
        self.put(
            replace(
                row,
                state=ActionState.SKIPPED,
                reason=reason,
                ended_at=self.now,
                step_key=None,
                waits_for=None,
                due_at=None,
            )
        )
        self.emit("action.skipped", actionId=row.action, reason=reason)

    def _abandon_waits(self) -> None:
        """While closing, nobody is asked any more: what waits for a person or a probe fails with what is known."""
        for row in list(self.rows.values()):
            is_waiting = row.state is ActionState.ASKING or (row.state is ActionState.PROBING and not row.in_flight)
            if is_waiting:
                self.put(replace(row, state=ActionState.FAILED, ended_at=self.now, step_key=None, due_at=None))
                error = json.loads(row.error or "{}")
                did_nothing = row.state is ActionState.ASKING and error.get("outcome") == Outcome.NOT_EXECUTED
                self.bury(
                    row,
                    reason=error["category"] if did_nothing else "outcome-unknown",
                    detail={"error": error, "because": "the execution ended first"},
                )

    def _end(self, end: RunState) -> None:
        """The terminal event, in the same transaction as the state. What somebody entrusted to this execution is forgotten."""
        if any(action.source is Source.OWN for action in self.plan.actions.values()):
            self.tx.forget_credentials(own_rows(self.execution.id))
        self.put_execution(replace(self.execution, state=end, ended_at=self.now))
        data: dict[str, object] = {"executionId": self.execution.id, "planId": self.execution.plan_id}
        if end is RunState.FAILED:
            failed = self.rows.get(self.execution.failed_action or "")
            data |= {"error": json.loads(self.execution.error or "{}"), "attempts": failed.n if failed else 0}
            if failed:
                data["actionId"] = failed.action
        self.tx.emit(self.execution.id, TERMINAL_EVENTS[end], data=data, is_terminal=True)

    def parts_of(self, action: str) -> Mapping[str, object]:
        """Return what references to an action can read: its output (its alternative's, if that took over), status and error."""
        row = self.rows.get(action)
        if row is None:
            return {}
        parts: dict[str, object] = {"status": row.state.value}
        if row.error:
            parts["error"] = json.loads(row.error)
        source = output_of(action, self.rows)
        if source is not None and source.output is not None:
            parts["output"] = json.loads(source.output)
        elif source is not None:
            parts[LOCATION] = json.loads(source.location or "{}")
        return parts


def outcome_error(names: tuple[str, ...]) -> ErrorDetail:
    """Return the error of a plan whose actions are done and whose expected outcome does not hold."""
    return ErrorDetail(
        category=ErrorCategory.VALIDATION_FAILED,
        message=f"The expected outcome does not hold: {', '.join(names)}. Every action is done; look at the outputs these validations reference.",
        retryable=False,
        context={"rule": "expected-outcome", "validations": ", ".join(names)},
    )


def iso(moment: datetime) -> str:
    """Return a moment as it stands on the wire: UTC with `Z`, milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
