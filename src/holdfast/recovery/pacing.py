"""`rateLimit`: how often calls of one definition begin, counted over all workers of a database, retries, probes and repeats included.

Asked last before an attempt goes on the ledger, under the locks of the execution and then of the bucket; time is read once the bucket is locked. A
call that has to wait is a step that is due later: it counts as no attempt, holds nothing, and survives any crash as every other step does. The
refresh of a credential is never paced: whoever waits for it would wait behind those who wait for it.

What is counted is the moment at which a call is committed to the ledger. The request leaves a little later, so a server may see two calls nearer to
each other than that, by as much as the slowest of them was under way.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.policies.pace import Pace, admit
from holdfast.ports.rows import Purpose
from holdfast.recovery.turn import iso

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.steps import Step
    from holdfast.recovery.turn import Turn

__all__ = ["beginning", "bucket_of", "window_of"]

MARK = "paced"
"""So begins the last part of a step's key when the call was told to come again: `paced{claims}.{slot}.`, the claim it is for and its place."""

BUCKET_END = re.compile(r" [0-9]+/([0-9]{1,16})ms (?:global|per_user|per_ip)(?: [0-9a-f]{32})?$")
"""So ends the name of a bucket, whatever its definition is called."""


def beginning(turn: Turn, step: Step, *, action: FrozenAction, egress: str, claims: int = 0) -> datetime | None:
    """Return the moment at which the call counts as begun; None when it may not begin yet, and its step comes again when it may.

    `claims` is how often this attempt was made before.
    """
    pace, bucket = pace_of(action), bucket_of(turn, action, egress=egress)
    if pace is None or bucket is None or step.purpose is Purpose.REFRESH:
        return turn.now
    kept = turn.tx.lock_bucket(bucket)
    place = place_of(step, claims=claims)
    slot = (kept.position if place is None else place) % pace.requests
    before = turn.tx.rate_start(bucket, slot)
    if before is not None and before > kept.now:
        # The clock was set back. Counting those calls as of now is the nearest that is surely not too early.
        turn.tx.draw_back_starts(bucket, to=kept.now)
        before = kept.now
    admission = admit(pace, before=before, next_at=kept.next_at, now=kept.now, has_waited=place is not None)
    turn.tx.save_bucket(replace(kept, position=kept.position + (place is None), next_at=admission.next_at))
    if admission.due_at is None:
        turn.tx.keep_start(bucket, slot=slot, at=kept.now)
        return kept.now
    row = turn.rows[step.action]
    mark = f"{MARK}{claims}.{slot}."
    key = turn.enqueue(step.action, purpose=step.purpose, n=step.n, due_at=admission.due_at, mark=mark)
    # While a repeat waits its attempt is still in flight, and the row says so.
    row = replace(row, step_key=key)
    turn.put(row if row.in_flight else replace(row, due_at=admission.due_at, waits_for=None))
    if place is None:
        limit = action.definition.rate_limit if action.definition else None
        turn.emit(
            "action.paced",
            actionId=step.action,
            attemptNumber=step.n,
            purpose=step.purpose.value,
            dueAt=iso(admission.due_at),
            requests=pace.requests,
            windowMs=round(pace.window_s * 1000),
            scope=limit.scope if limit else None,
        )
    return None


def place_of(step: Step, *, claims: int) -> int | None:
    """Return the place that a call was given when it was told to come again; None when it comes for the first time."""
    found = re.fullmatch(rf"{MARK}{claims}\.([0-9]{{1,9}})\.[0-9]+", step.key.rpartition(":")[2])
    return None if found is None else int(found[1])


def pace_of(action: FrozenAction) -> Pace | None:
    """Return the limit of an action's definition, if it has one."""
    limit = action.definition.rate_limit if action.definition else None
    return None if limit is None else Pace(requests=limit.requests, window_s=limit.window / 1000)


def bucket_of(turn: Turn, action: FrozenAction, *, egress: str) -> str | None:
    """Return the name of what shares the limit. Of a person only a digest is kept."""
    definition = action.definition
    if definition is None or definition.rate_limit is None:
        return None
    limit = definition.rate_limit
    whose = {"per_user": turn.plan.plan.metadata.created_by or "", "per_ip": egress}.get(limit.scope, "")
    name = f"{definition.id} {limit.requests}/{limit.window}ms {limit.scope}"
    return f"{name} {hashlib.sha256(whose.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}" if whose else name


def window_of(bucket: str) -> timedelta | None:
    """Return the window that the name of a bucket tells; None when it is no name of ours."""
    found = BUCKET_END.search(bucket)
    return None if found is None else timedelta(milliseconds=int(found[1]))
