"""REPLACE: let an execution that runs go on with another plan. Somebody asks for it; a changed file never does.

LOCK; compare; write rows, document and event; ADVANCE: one transaction, so that a crash leaves the old plan or the new one. Workers need not be
told: a plan is found by its digest, and what they perform at this moment is the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem, UnknownExecution
from holdfast.plans.authentication import Source, own_rows
from holdfast.plans.frozen import freeze, thaw
from holdfast.plans.replacement import Replacement, compare, has_begun, kept_entries
from holdfast.ports.rows import ActionRow
from holdfast.recovery.begin import keep_secrets
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan
    from holdfast.plans.frozen import FrozenPlan, FunctionRules
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.turn import Plans

__all__ = ["Proposal", "replace_plan"]

WORDS = {"running": "is ending", "completed": "has completed", "failed": "has failed", "cancelled": "was cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A checked plan with what `freeze` takes; `source` is where it came from, for the messages. `secrets` are those it held, sealed, by row."""

    plan: ExecutionPlan
    definitions: Mapping[str, ActionDefinition]
    functions: Mapping[str, FunctionRules]
    entries: Mapping[str, ApiCatalogEntry]
    source: str
    secrets: Mapping[str, bytes] = field(default_factory=dict)


def replace_plan(tx: Tx, steps: Steps, *, plans: Plans, execution_id: str, proposal: Proposal) -> Replacement:
    """Put another plan in the place of the one that an execution runs. The same plan again changes nothing.

    Raises:
        BadInput: the execution does not run any more, the plan is another one by its id, or it changes what has begun; every reason is listed.
        UnknownExecution: no such execution.
    """
    turn = Turn.open(tx, steps, plans=plans, execution_id=execution_id)
    if turn is None:
        raise UnknownExecution(execution_id)
    entries = kept_entries(turn.plan, proposal.entries, rows=turn.rows)
    frozen = freeze(
        proposal.plan,
        proposal.definitions,
        functions=proposal.functions,
        entries=entries,
        external=turn.execution.external,
    )
    if turn.execution.document in (frozen.digest, frozen.digest_before):
        return Replacement()
    new = thaw(frozen.body)
    found = compare(turn.plan, new, rows=turn.rows)
    problems = [*objections(turn, new, source=proposal.source), *located(found, new, source=proposal.source)]
    if problems:
        raise BadInput(problems)
    old_digest = turn.execution.document
    tx.insert_document(frozen.digest, frozen.body)
    if is_entrusted(turn.plan) and not is_entrusted(new):
        tx.forget_credentials(own_rows(execution_id))  # the end of an execution looks only when its plan asks for any
    take_over(turn, new)
    keep_secrets(tx, proposal.secrets, execution=execution_id)
    contract = max(turn.execution.contract, frozen.contract)
    turn.put_execution(replace(turn.execution, document=frozen.digest, plan_name=new.plan.name, contract=contract))
    turn.emit(
        "plan.replaced",
        planId=new.plan.id,
        oldDigest=old_digest,
        newDigest=frozen.digest,
        added=list(found.added),
        removed=list(found.removed),
        changed=list(found.changed),
    )
    turn.finish()
    tx.drop_document(old_digest)  # nobody would ever erase it: only the document that an execution runs goes with it
    return found


def is_entrusted(plan: FrozenPlan) -> bool:
    """Whether a plan asks for secrets of its execution's own."""
    return any(action.source is Source.OWN for action in plan.actions.values())


def take_over(turn: Turn, new: FrozenPlan) -> None:
    """Give the execution the rows of the new plan."""
    execution = turn.execution.id
    gone = [action for action in turn.rows if action not in new.actions]
    assert not any(has_begun(turn.rows[action]) for action in gone), "what has begun is in the new plan"
    turn.tx.delete_actions(execution, gone)
    fresh = [
        ActionRow(execution=execution, action=action.id, position=action.position)
        for action in new.actions.values()
        if action.id not in turn.rows
    ]
    turn.tx.insert_actions(fresh)
    moved = {
        action.id: action.position
        for action in new.actions.values()
        if action.id in turn.rows and turn.rows[action.id].position != action.position
    }
    turn.tx.move_actions(execution, moved)
    rows = {**turn.rows, **{row.action: row for row in fresh}}
    turn.rows = {action.id: replace(rows[action.id], position=action.position) for action in new.actions.values()}
    turn.plan = new


def objections(turn: Turn, new: FrozenPlan, *, source: str) -> list[Problem]:
    """Return why an execution as a whole cannot go on with a plan."""
    problems: list[Problem] = []
    execution = turn.execution
    if not turn.is_live:
        message = f"execution {execution.id} {WORDS[execution.state]}; only one that runs can go on with another plan. Start a new one."
        problems.append(Problem(source=source, path="", message=message))
    if new.plan.id != execution.plan_id:
        message = f"{new.plan.id} is another plan; execution {execution.id} runs {execution.plan_id}. Keep the id, or start a new execution."
        problems.append(Problem(source=source, path="id", message=message))
    return problems


def located(found: Replacement, new: FrozenPlan, *, source: str) -> list[Problem]:
    """Return the reasons about actions as problems of the new plan."""
    return [
        Problem(
            source=source,
            path=f"actions[{new.actions[action].position}]" if action in new.actions else "actions",
            message=f"action {action!r} {why}",
        )
        for action, why in found.reasons
    ]
