"""What must hold between executions at the end of every scenario: of the credentials and the limits that they share, and of plans that were replaced.

Beside `invariants` in the simulation's story, which runs these checks with its own.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from typing import TYPE_CHECKING

from holdfast.ports.rows import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from holdfast.contract import ActionRateLimit
    from holdfast.ports.rows import AttemptRow
    from tests.simulation.fleet import Fleet
    from tests.simulation.invariants import Story
    from tests.simulation.office import Presented

__all__ = ["limits_are_kept", "no_token_is_used_up_twice", "one_refresh_at_a_time", "replaced_plans_keep_what_began"]

USES_MAX = 2
"""So often a refresh token is sent while nobody knows what became of it."""


def one_refresh_at_a_time(fleet: Fleet, stories: list[Story]) -> Iterator[str]:
    """One refresh per generation is under way, unless the lease of the one before has ended or its worker was in trouble."""
    by_generation: dict[tuple[str, int | None], list[AttemptRow]] = defaultdict(list)
    for story in stories:
        for attempt in story.attempts:
            if attempt.purpose is Purpose.REFRESH:
                name = story.plan.actions[attempt.action].credential or ""
                by_generation[name, attempt.generation].append(attempt)
    timeouts = {credential.name: credential.timeout_s for credential in fleet.scenario.credentials}
    for (name, generation), attempts in by_generation.items():
        attempts.sort(key=lambda a: a.started_at)
        for first, second in itertools.pairwise(attempts):
            place = (first.execution, first.action, first.purpose, first.n)
            is_open = first.settled_at is None or second.started_at < first.settled_at
            is_leased = (second.started_at - first.started_at).total_seconds() < timeouts[name]
            if (
                is_open
                and is_leased
                and not fleet.excuses[place]
                and first.execution not in {e for e, _ in fleet.lost_actions}
            ):
                yield f"{name} generation {generation} was refreshed twice at once"


def no_token_is_used_up_twice(fleet: Fleet, stories: list[Story]) -> Iterator[str]:
    """A refresh token that was exchanged is shown again only by whoever cannot know: a worker died, or the answer was lost; and once at most."""
    ledger = {
        (story.execution.id, a.action, a.n): a
        for story in stories
        for a in story.attempts
        if a.purpose is Purpose.REFRESH
    }
    for office in fleet.world.offices.values():
        if not office.script.rotates:
            continue
        by_token: dict[str, list[Presented]] = defaultdict(list)
        for one in office.presented:
            by_token[one.token].append(one)
        for shown in by_token.values():
            for first, second in itertools.pairwise(shown):
                call = first.call
                place = (call.execution, call.action, call.purpose, call.n)
                is_lost = (call.execution, call.action) in fleet.lost_actions
                is_known = call.end == "ok" and call.ended_at is not None and call.ended_at <= second.call.at
                if is_known and not fleet.excuses[place] and not is_lost:
                    yield f"{office.script.name}: {second.call.action} used a token that {call.action} n={call.n} had exchanged"
            unsure = [
                one
                for one in shown
                if ledger[one.call.execution, one.call.action, one.call.n].outcome != "not_executed"
            ]
            if len(unsure) > USES_MAX:
                yield f"{office.script.name}: a token was sent {len(unsure)} times while nobody knew what became of it"


def limits_are_kept(fleet: Fleet, stories: list[Story]) -> Iterator[str]:
    """In no window, wherever it begins, more calls are begun than the limit allows, over all workers and executions."""
    begun: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    limits: dict[tuple[str, str], ActionRateLimit] = {}
    for story in stories:
        # A call that an executor outside makes is begun when it is asked for; both stand on the ledger.
        for attempt in story.attempts:
            action = story.plan.actions[attempt.action]
            limit = action.definition.rate_limit if action.definition else None
            if limit is None or attempt.purpose is not Purpose.PERFORM or is_refused(attempt):
                continue
            whose = str(story.plan.plan.metadata.created_by or "") if limit.scope == "per_user" else ""
            limits[action.definition_id, whose] = limit
            begun[action.definition_id, whose].append(attempt.started_at)
    for bucket, limit in limits.items():
        moments = sorted(begun[bucket])
        for first, beyond in zip(moments, moments[limit.requests :], strict=False):
            if (beyond - first).total_seconds() < limit.window / 1000:
                yield f"{bucket}: more than {limit.requests} calls within {limit.window} ms of {first}"


def is_refused(attempt: AttemptRow) -> bool:
    """Whether an attempt stands on the ledger without anything having been sent."""
    return attempt.verdict is not None and json.loads(attempt.verdict)["rule"] == "credential-missing"


def replaced_plans_keep_what_began(fleet: Fleet, stories: list[Story]) -> Iterator[str]:
    """Another plan leaves what has begun as it was; one that would not is refused, and changes nothing at all."""
    for one in fleet.crowd.replaced:
        for action, stood in one.before.items():
            if one.after.get(action) != stood:
                yield f"{one.execution[:8]} {action} had begun, and another plan changed it"
        old, new = one.documents
        if not one.is_taken and old != new:
            yield f"{one.execution[:8]} runs a plan that was refused"
        story = next(story for story in stories if story.execution.id == one.execution)
        for action, stood in one.before.items():
            made = story.plan.actions[action].definition
            if made is None or made.to_wire() != stood.wire:
                yield f"{one.execution[:8]} {action} had begun with another definition"
