# ruff: noqa: E501 - a query reads best on one line
"""The invariants of the protocol, looked up in the rows and in the fake API's books after the storm. Nothing of the product decides here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql.database import open_engine, parse_url
from holdfast.plans.frozen import PLAN_KEYS

if TYPE_CHECKING:
    from holdfast.testing import Ledger

__all__ = ["calls_beyond_attempts", "rows", "violations"]

TERMINAL = "('plan.execute.completed', 'plan.execute.failed', 'plan.execute.cancelled')"
OPEN = "('pending', 'scheduled', 'running', 'probing', 'asking')"

QUERIES = {
    "several terminal events": f"select execution from events where type in {TERMINAL} group by 1 having count(*) > 1",
    "no terminal event": f"select id from executions where state <> 'running' and id not in (select execution from events where type in {TERMINAL})",
    "terminal event without an end": f"select e.execution from events e join executions x on x.id = e.execution where e.type in {TERMINAL} and x.state = 'running'",
    "completed with something open": f"select id from executions x where state = 'completed' and exists (select 1 from actions a where a.execution = x.id and a.state in {OPEN})",
    "ended with something open": f"select id from executions x where state <> 'running' and exists (select 1 from actions a where a.execution = x.id and a.state in {OPEN})",
    "in flight after the end": "select distinct a.execution from actions a join executions x on x.id = a.execution where x.state <> 'running' and a.in_flight <> 0",
    "in flight miscounted": (
        "select a.execution, a.action from actions a where a.in_flight <>"
        " (select count(*) from attempts t where t.execution = a.execution and t.action = a.action and t.outcome is null)"
    ),
    "unsettled attempts": "select execution, action, purpose, n from attempts where outcome is null",
    "gaps in the ledger": "select execution, action, purpose from attempts group by 1, 2, 3 having count(*) <> max(n)",
    "failed without a dead letter": "select id from executions x where state = 'failed' and not exists (select 1 from dead_letters d where d.execution = x.id)",
    "completed twice": "select execution from events where type = 'action.execute.completed' group by execution, data having count(*) > 1",
    "stuck": "select id from executions where state = 'running'",
    "steps left over": "select s.key from steps s join executions x on x.id = s.execution where x.state <> 'running' and s.state = 'leased'",
}


def rows(database: str, query: str, **parameters: object) -> list[tuple[object, ...]]:
    """What a query finds."""
    engine = open_engine(parse_url(database), synchronous="full", busy_timeout_s=30, pool_size=1)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), parameters)]
    finally:
        engine.dispose()


def violations(database: str) -> dict[str, int]:
    """Every invariant that does not hold, with how many rows break it."""
    engine = open_engine(parse_url(database), synchronous="full", busy_timeout_s=30, pool_size=1)
    found: Counter[str] = Counter()
    try:
        with engine.connect() as connection:
            for name, query in QUERIES.items():
                found[name] = len(connection.execute(sa.text(query)).all())
            found["ran before its dependencies"] = sum(1 for _ in begun_too_early(connection))
    finally:
        engine.dispose()
    return {name: count for name, count in found.items() if count}


def begun_too_early(connection: sa.Connection) -> Iterable[tuple[str, str]]:
    """Actions whose first attempt was claimed before all that they depend on was over."""
    documents = {row.digest: row.body for row in connection.execute(sa.text("select digest, body from documents"))}
    began = {
        (execution, action): at
        for execution, action, at in connection.execute(
            sa.text("select execution, action, started_at from attempts where purpose = 'perform' and n = 1")
        )
    }
    over: dict[tuple[str, str], int | None] = {}
    handed: dict[tuple[str, str], str] = {}
    for execution, action, ended_at, handed_to, absorbed in connection.execute(
        sa.text("select execution, action, ended_at, handed_to, absorbed from actions")
    ):
        over[execution, action] = ended_at
        if absorbed == "alternative" or handed_to:
            handed[execution, action] = handed_to
    for execution, digest in connection.execute(sa.text("select id, document from executions")):
        document = json.loads(documents[digest])
        for action in document[PLAN_KEYS[document["format"]]]["actions"]:
            at = began.get((execution, action["id"]))
            if at is None:
                continue
            needed = [over[execution, handed.get((execution, name), name)] for name in action["dependencies"]]
            if any(end is None or end > at for end in needed):
                yield execution, action["id"]


def calls_beyond_attempts(database: str, ledger: Ledger) -> tuple[int, int, list[str]]:
    """How many calls the fake API saw beyond one per attempt, how many claims there were beyond one, and the keys called more often than claimed."""
    calls = Counter(record.key for record in ledger.requests if record.key)
    claims: Counter[str] = Counter()
    attempts: Counter[str] = Counter()
    for key, count in rows(database, "select key, claims from attempts"):
        claims[str(key)] += int(str(count))
        attempts[str(key)] += 1
    extra = sum(max(0, count - attempts[key]) for key, count in calls.items())
    beyond = [key for key, count in calls.items() if count > claims[key]]
    return extra, sum(claims.values()) - sum(attempts.values()), beyond
