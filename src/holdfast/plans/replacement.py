"""Whether a plan that runs can go on as another: what has begun must find everything as it was, what has not may change.

Pure. An action has *begun* as soon as anything rests on it: a step, an attempt, a person's answer, an end, or the failure that it was called upon to
make up for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.ports.rows import ActionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdfast.contract import ApiCatalogEntry
    from holdfast.plans.frozen import FrozenAction, FrozenPlan
    from holdfast.ports.rows import ActionRow

__all__ = ["Replacement", "compare", "has_begun", "kept_entries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What one plan in the place of another changes: ids of actions, in plan order, and the reasons (action, why) for which it cannot be."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()


def has_begun(row: ActionRow) -> bool:
    """Whether anything rests on an action."""
    return row.state is not ActionState.PENDING or row.n > 0 or row.is_activated


def compare(old: FrozenPlan, new: FrozenPlan, *, rows: Mapping[str, ActionRow]) -> Replacement:
    """Return what `new` changes in an execution of `old` that stands as `rows` say."""
    reasons: list[tuple[str, str]] = []
    for action, row in rows.items():
        if not has_begun(row):
            continue
        if action not in new.actions:
            reasons.append((action, "has begun and is not in the new plan. Keep it."))
            continue
        differing = [what for what, before, after in parts_of(old, new, action=action) if before != after]
        if differing:
            reasons.append((action, f"has begun, and the new plan changes {', '.join(differing)}. Leave it as it was."))
        unseen = {ref.text for ref in new.actions[action].watched} - {ref.text for ref in old.actions[action].watched}
        if unseen and (row.in_flight or row.location is not None):
            what = ", ".join(sorted(unseen))
            reasons.append(
                (action, f"has begun, and of a large output only what the old validations read is at hand, not {what}")
            )
    return Replacement(
        added=tuple(action for action in new.actions if action not in old.actions),
        removed=tuple(action for action in old.actions if action not in new.actions),
        changed=tuple(action for action in new.actions if action in old.actions and is_changed(old, new, action)),
        reasons=tuple(reasons),
    )


def is_changed(old: FrozenPlan, new: FrozenPlan, action: str) -> bool:
    """Whether anything of an action that is in both plans differs."""
    return any(before != after for _, before, after in parts_of(old, new, action=action))


def parts_of(old: FrozenPlan, new: FrozenPlan, *, action: str) -> Iterator[tuple[str, object, object]]:
    """Yield what an action is made of, in words, before and after."""
    before, after = old.actions[action], new.actions[action]
    planned = [next(one.to_wire() for one in plan.plan.actions if one.id == action) for plan in (old, new)]
    yield "how it is planned", planned[0], planned[1]
    yield "what it waits for or stands in for", before.needs, after.needs
    yield "its definition", made_of(before), made_of(after)
    yield "its probe", made_of(old.probes.get(action)), made_of(new.probes.get(action))
    yield "how its credential is refreshed", refresher_of(old, before), refresher_of(new, after)


def made_of(action: FrozenAction | None) -> object:
    """Return everything that an attempt at an action is made from, in a form that can be compared."""
    if action is None:
        return None
    definition = action.definition.to_wire() if action.definition else None
    # Schemas may be told and not enforced (a plan of an older release): then they may be compared, but not exchanged.
    enforced = (sorted(action.takes), sorted(action.gives))
    return definition, action.function, dict(action.inputs), enforced, entry_of(action)


def entry_of(action: FrozenAction) -> object:
    """Return what the catalog says of an action's API."""
    return action.entry.to_wire() if action.entry else None


def refresher_of(plan: FrozenPlan, action: FrozenAction) -> object:
    """Return what renews an action's credential, in a form that can be compared."""
    return made_of(plan.refreshers.get(action.credential)) if action.credential else None


def kept_entries(
    old: FrozenPlan, entries: Mapping[str, ApiCatalogEntry], *, rows: Mapping[str, ActionRow]
) -> dict[str, ApiCatalogEntry]:
    """Return the catalog's entries for a new plan: where something has begun, what was known of its API then stays what is known."""
    kept = dict(entries)
    for action, row in rows.items():
        if not has_begun(row):
            continue
        used = old.actions[action]
        for one in (used, old.probes.get(action), old.refreshers.get(used.credential) if used.credential else None):
            if one is None:
                continue
            kept.pop(one.definition_id, None)
            if one.entry is not None:
                kept[one.definition_id] = one.entry
    return kept
