"""Noting what a health check found: the last results of each API, since when it is as it is, and an event when that changes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.ports.apis import HealthRow

if TYPE_CHECKING:
    from holdfast.faults.health_checks import HealthResult
    from holdfast.ports.store import Tx

__all__ = ["FAILED", "RECOVERED", "Noted", "note_health", "result_data"]

FAILED = "api.health_failed"
RECOVERED = "api.health_recovered"
MESSAGE_MAX_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """How an API is now, and the type of the event that this is worth; None when nothing has changed."""

    row: HealthRow
    event: str | None


def note_health(tx: Tx, result: HealthResult, *, kept_max: int) -> Noted:
    """Keep a result beside the last ones, `kept_max` in all; the first failure and the first success after failures are events."""
    noted = after(tx.health_row(result.api_id), result, kept_max=kept_max)
    tx.put_health_row(noted.row)
    if noted.event is not None:
        tx.emit("", noted.event, data=event_data(noted.row, result))
    return noted


def after(row: HealthRow | None, result: HealthResult, *, kept_max: int) -> Noted:
    """How an API is after a result; pure. A first success is no event: nothing was known to be wrong."""
    before = row or HealthRow(api_id=result.api_id, due_at=result.at)
    results = [result_data(result), *json.loads(before.results)][:kept_max]
    changed = before.is_healthy is not result.passed
    now = replace(
        before,
        is_healthy=result.passed,
        since=result.at if changed or before.since is None else before.since,
        checked_at=result.at,
        results=json.dumps(results, ensure_ascii=False, separators=(",", ":")),
    )
    if not changed or (before.is_healthy is None and result.passed):
        return Noted(row=now, event=None)
    return Noted(row=now, event=RECOVERED if result.passed else FAILED)


def result_data(result: HealthResult) -> dict[str, object]:
    """Return a result as JSON values; absent fields are left out."""
    verdict = result.verdict
    found: dict[str, object] = {
        "at": result.at.isoformat().replace("+00:00", "Z"),
        "passed": result.passed,
        "durationS": round(result.duration_s, 3),
    }
    if result.status is not None:
        found["status"] = result.status
    if verdict is not None:
        found |= {
            "category": verdict.category.value,
            "rule": verdict.rule,
            "message": verdict.message[:MESSAGE_MAX_CHARS],
        }
    return found


def event_data(row: HealthRow, result: HealthResult) -> dict[str, object]:
    """Return the fields of the event."""
    assert row.since is not None, "a row with a result says since when"
    return {"apiId": row.api_id, "since": row.since.isoformat().replace("+00:00", "Z"), "result": result_data(result)}
