"""What an execution does next: a pure function of all its actions. Called under the lock by every transaction that changed one of them.

An action is *resolved* when nothing more will come of it: completed, skipped, or failed with its failure absorbed (by its alternative, by a
fallback value, or because the plan goes on). Dependents of a resolved action run, unless they reference an output that is not there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.ports.rows import ActionState, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import ActionRow

__all__ = ["Advance", "Needs", "advance", "may_begin", "output_of", "resolution"]

NOT_BEGUN = (ActionState.PENDING, ActionState.CONFIRMING, ActionState.SCHEDULED)
CHAIN_MAX = 100
"""Alternatives of alternatives are followed so far; validation refuses cycles, this bounds what it may have missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an action waits for: `dependencies` must be resolved, `outputs` must have produced one. `primaries` are those it is the alternative of."""

    dependencies: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    primaries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What follows: actions to schedule, actions to skip with their reasons, and how the execution ends, if it does now."""

    ready: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    end: RunState | None


def advance(rows: Mapping[str, ActionRow], needs: Mapping[str, Needs], *, closing: RunState | None) -> Advance:
    """Return what is ready, what is skipped, and whether it is over.

    While `closing` is set nothing starts: whatever has not begun is skipped. The end still waits for attempts in flight; that is the caller's
    to check, since an attempt may outlive its action.
    """
    if closing is not None:
        because = "the execution was cancelled" if closing is RunState.CANCELLED else "the plan failed before its turn"
        left = tuple((action, because) for action, row in rows.items() if row.state in NOT_BEGUN)
        return Advance(ready=(), skipped=left, end=closing)
    skipped = to_skip(rows, needs)
    ready = [
        action
        for action, row in rows.items()
        if row.state is ActionState.PENDING
        and action not in skipped
        and is_ready(action, rows, needs=needs, skipped=skipped)
    ]
    is_over = not ready and all(row.state.is_final or action in skipped for action, row in rows.items())
    end = RunState.COMPLETED if is_over else None
    return Advance(ready=tuple(ready), skipped=tuple(skipped.items()), end=end)


def to_skip(rows: Mapping[str, ActionRow], needs: Mapping[str, Needs]) -> dict[str, str]:
    """Return what will never run, with reasons. Skipping one action can resolve the next: those that look at it are looked at again."""
    skipped: dict[str, str] = {}
    lookers: dict[str, list[str]] | None = None
    waiting = deque(action for action, row in rows.items() if row.state is ActionState.PENDING)
    while waiting:
        action = waiting.popleft()
        reason = None if action in skipped else why_skip(action, rows, needs=needs, skipped=skipped)
        if reason is None:
            continue
        skipped[action] = reason
        lookers = lookers_of(needs) if lookers is None else lookers
        waiting.extend(one for one in lookers.get(action, ()) if rows[one].state is ActionState.PENDING)
    return skipped


def lookers_of(needs: Mapping[str, Needs]) -> dict[str, list[str]]:
    """Return, for each action, those that wait for it, read it, or are its alternative."""
    found: dict[str, list[str]] = {}
    for action, need in needs.items():
        for other in dict.fromkeys((*need.dependencies, *need.outputs, *need.primaries)):
            found.setdefault(other, []).append(action)
    return found


def may_begin(action: str, rows: Mapping[str, ActionRow], *, needs: Mapping[str, Needs]) -> bool:
    """Whether one pending action is ready now; what `advance` says of it, for whoever has just resolved something it waits for."""
    if rows[action].state is not ActionState.PENDING:
        return False
    return why_skip(action, rows, needs=needs, skipped={}) is None and is_ready(action, rows, needs=needs, skipped={})


def is_resolved(action: str, rows: Mapping[str, ActionRow], skipped: Mapping[str, str]) -> bool:
    """Whether nothing more will come of an action."""
    return action in skipped or resolution(action, rows) is not None


def resolution(action: str, rows: Mapping[str, ActionRow]) -> ActionRow | None:
    """Return the row in which an action is resolved: its own, or that of the alternative that took over; None while it is open."""
    own = row = rows[action]
    for _ in range(CHAIN_MAX):
        if row.absorbed != "alternative" or row.handed_to is None:
            break
        row = rows[row.handed_to]
    if row.state is ActionState.COMPLETED or (row.state is ActionState.SKIPPED and row is own):
        return row  # an alternative that was skipped resolves nothing: the primary has failed after all
    return row if row.state is ActionState.FAILED and row.absorbed in ("fallback", "continue") else None


def output_of(action: str, rows: Mapping[str, ActionRow]) -> ActionRow | None:
    """Return the row whose output a reference to `action` reads; None when there is no output."""
    row = resolution(action, rows)
    return row if row is not None and row.has_output else None


def why_skip(
    action: str, rows: Mapping[str, ActionRow], *, needs: Mapping[str, Needs], skipped: Mapping[str, str]
) -> str | None:
    """Return why an action will never run; None when it still may."""
    need = needs[action]
    if need.primaries and not rows[action].is_activated:
        is_needless = all(is_done_without(primary, action, rows=rows, skipped=skipped) for primary in need.primaries)
        return "alternative not needed" if is_needless else None
    if not all(is_resolved(dependency, rows, skipped) for dependency in need.dependencies):
        return None
    for wanted in need.outputs:
        if wanted in skipped or output_of(wanted, rows) is None:
            return f"it references the output of {wanted!r}, which has none"
    return None


def is_done_without(
    primary: str, alternative: str, *, rows: Mapping[str, ActionRow], skipped: Mapping[str, str]
) -> bool:
    """Whether a primary has ended without calling upon this alternative."""
    row = rows[primary]
    return primary in skipped or (row.state.is_final and row.handed_to != alternative)


def is_ready(
    action: str, rows: Mapping[str, ActionRow], *, needs: Mapping[str, Needs], skipped: Mapping[str, str]
) -> bool:
    """Whether an action can be scheduled now."""
    need = needs[action]
    if need.primaries and not rows[action].is_activated:
        return False
    return all(is_resolved(dependency, rows, skipped) for dependency in need.dependencies)
