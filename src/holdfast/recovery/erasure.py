"""PURGE of personal values: they go from everything about an ended execution, and the rest of its story stays.

What is personal is known by the frozen definitions: the values of the marked fields in the plan's inputs and in the stored outputs are gathered
first, then taken out of outputs (by their structure) and of every text that may quote them. The frozen plan becomes another document of its own,
so that other executions of the same plan keep theirs.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from holdfast.errors import ExecutionLive, StoreCorrupt, StoreLocked, UnknownExecution
from holdfast.plans.frozen import PLAN_KEYS
from holdfast.plans.output import output_text
from holdfast.plans.personal import eraser, personal_of, rewritten
from holdfast.plans.references import parse_reference
from holdfast.ports.keeping import Erased
from holdfast.ports.rows import RunState
from holdfast.recovery.purge import Purged
from holdfast.recovery.retention import remove_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from holdfast.plans.frozen import FrozenPlan
    from holdfast.plans.personal import Personal
    from holdfast.ports.outputs import Outputs, StoredOutput
    from holdfast.ports.rows import ActionRow, ExecutionRow
    from holdfast.ports.store import Snapshot, Store, Tx
    from holdfast.recovery.turn import Plans

__all__ = ["purge_personal"]

log = logging.getLogger("holdfast.retention")
TRIES_MAX = 5
"""So often an execution may change while its files are read (a late answer came) before it is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An ended execution as it was read: its rows, its plan and the plan's text."""

    execution: ExecutionRow
    actions: tuple[ActionRow, ...]
    plan: FrozenPlan
    document: str

    def personal(self, action: str) -> Personal:
        """Return what is personal in an action's inputs and output."""
        return self.plan.actions[action].personal

    @property
    def everything(self) -> Personal:
        """Return what is personal in any of them."""
        return personal_of(name for action in self.plan.actions.values() for name in action.personal.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be written: changed actions, the new document, the values that texts must not quote, and where files were."""

    actions: tuple[ActionRow, ...]
    document: str
    values: tuple[str, ...]
    locations: tuple[str, ...]


async def purge_personal(store: Store, outputs: Outputs, *, plans: Plans, execution_id: str) -> Purged:
    """Erase the values of personal fields of an ended execution everywhere, and keep everything else.

    Raises:
        UnknownExecution: no such execution.
        ExecutionLive: it has not ended.
        StoreError: the database or a file cannot be used; calling again finishes what was begun.
    """
    for _ in range(TRIES_MAX):
        kept = await store.read(partial(read_kept, plans=plans, execution_id=execution_id))
        change = await change_of(kept, outputs)
        changed = await store.transact(partial(apply, kept=kept, change=change))
        if changed is not None:
            break
    else:
        raise StoreLocked(execution_id, "it changed each time it was about to be rewritten")
    gone = Erased(rows={}, locations=change.locations, ended_at=kept.execution.ended_at)
    files, left = await remove_files(store, outputs, erased=[gone])
    is_scrubbed = await store.scrub()
    log.info("execution %s lost %d personal texts", execution_id, changed, extra={"execution_id": execution_id})
    return Purged(
        execution_id=execution_id,
        rows={},
        files=files,
        files_left=tuple(left),
        is_scrubbed=is_scrubbed,
        changed=changed,
    )


def read_kept(snapshot: Snapshot, *, plans: Plans, execution_id: str) -> Kept:
    """Read everything that values are gathered from."""
    row = snapshot.execution(execution_id)
    if row is None:
        raise UnknownExecution(execution_id)
    if row.state is RunState.RUNNING:
        raise ExecutionLive(execution_id)
    return Kept(
        execution=row,
        actions=tuple(snapshot.actions(execution_id)),
        plan=plans.get(snapshot, row.document),
        document=snapshot.document(row.document),
    )


async def change_of(kept: Kept, outputs: Outputs) -> Change:
    """Gather the values, and make what is to be written; files are read and put here, outside of any transaction."""
    values: dict[str, None] = {}
    texts: dict[str, object] = {}
    for action in kept.plan.actions.values():
        literals = {name: value for name, value in action.inputs.items() if name not in action.references}
        values.update(dict.fromkeys(action.personal.values(literals)))
    for row in kept.actions:
        text = row.output if row.location is None else await body_of(row.location, outputs)
        if text is not None:
            texts[row.action] = json.loads(text)
            values.update(dict.fromkeys(kept.personal(row.action).values(texts[row.action])))
    erase = eraser(values)
    changed: list[ActionRow] = []
    locations: list[str] = []
    for row in kept.actions:
        if row.action not in texts:
            continue
        value = texts[row.action]
        new = rewritten(kept.personal(row.action).masked(value), erase, ours=frozenset())
        if new == value:
            continue
        body = output_text(new if isinstance(new, dict) else {})
        if row.location is None:
            changed.append(replace(row, output=body))
            continue
        stored = await outputs.put(body.encode("utf-8", "surrogatepass"), content_type="application/json")
        changed.append(replace(row, location=moved(row.location, stored)))
        locations.append(row.location)
    return Change(
        actions=tuple(changed),
        document=document_of(kept, values),
        values=tuple(values),
        locations=tuple(locations),
    )


def document_of(kept: Kept, values: Iterable[str]) -> str:
    """Return the plan's text without the values: in its inputs, in what stands in for outputs, and in people's words; the rest is structure."""
    erase = eraser(values)
    document = json.loads(kept.document)
    plan = document[PLAN_KEYS[document["format"]]]
    for planned in plan["actions"]:
        personal = kept.personal(planned["id"])
        planned["inputs"] = {
            name: value if parse_reference(value) is not None else rewritten(value, erase, ours=frozenset())
            for name, value in literals_masked(planned["inputs"], personal).items()
        }
        if planned["errorHandling"].get("fallbackValue"):
            planned["errorHandling"]["fallbackValue"] = rewritten(
                personal.masked(planned["errorHandling"]["fallbackValue"]), erase, ours=frozenset()
            )
    for action, arguments in document.get("arguments", {}).items():
        document["arguments"][action] = rewritten(kept.personal(action).masked(arguments), erase, ours=frozenset())
    for check in plan["expectedOutcome"]["validations"]:
        check.update({key: erase(check[key]) for key in ("name", "value") if isinstance(check.get(key), str)})
    for words in ("name", "description", "intent", "metadata"):
        plan[words] = rewritten(plan[words], erase)
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


async def body_of(location: str, outputs: Outputs) -> str | None:
    """Return a large output; None when its file is gone already, which an erasure that was interrupted may leave."""
    kept = json.loads(location)
    try:
        return (await outputs.get(kept["path"], checksum=kept["checksum"])).decode("utf-8", "surrogatepass")
    except StoreCorrupt:
        log.warning("the output %s cannot be read, so nothing in it is erased", kept["path"])
        return None


def moved(location: str, stored: StoredOutput) -> str:
    """Return where an output lies now; copies of its parts are not kept beside its address any more."""
    kept = json.loads(location)
    metadata = {name: value for name, value in kept["metadata"].items() if name in ("execution", "action")}
    place = {"path": stored.path, "size": stored.size, "checksum": stored.checksum}
    return json.dumps({**kept, **place, "metadata": metadata})


def literals_masked(inputs: Mapping[str, object], personal: Personal) -> dict[str, object]:
    """Return a plan's inputs without what is personal; references stay, since what they name has been erased where it stands."""
    masked = personal.masked(dict(inputs))
    assert isinstance(masked, dict), "a copy of a mapping is one"
    return {name: value if parse_reference(value) is not None else masked[name] for name, value in inputs.items()}


def apply(tx: Tx, *, kept: Kept, change: Change) -> int | None:
    """Write the change under the lock; None when the execution has changed since it was read. Returns how many texts changed."""
    row = tx.lock(kept.execution.id)
    if row is None:
        raise UnknownExecution(kept.execution.id)
    if row.version != kept.execution.version + 1:
        return None
    changed = len(change.actions)
    tx.save_actions(change.actions)
    erase = eraser(change.values, personal=kept.everything)
    changed += tx.rewrite(row.id, erase)
    digest = hashlib.sha256(change.document.encode("ascii")).hexdigest()
    if change.document != kept.document:
        tx.insert_document(digest, change.document)
        error = erase(row.error) if row.error else None
        tx.save_execution(replace(row, document=digest, plan_name=erase(row.plan_name), error=error))
        tx.drop_document(row.document)
        changed += 1
    return changed
