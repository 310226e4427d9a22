"""What an action went through, in the words of the error that ends it: strategies tried, recoveries, time, and the rule that had the last word."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from holdfast.ports.rows import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from holdfast.contract import ErrorDetail
    from holdfast.decisions.decision import Decision
    from holdfast.ports.rows import ActionRow, AttemptRow, QuestionRow
    from holdfast.recovery.turn import Turn

__all__ = ["credential_wait_s", "elapsed_s", "person_wait_s", "with_history"]


def with_history(turn: Turn, row: ActionRow, *, detail: ErrorDetail, decision: Decision) -> ErrorDetail:
    """Return the error with everything known about the way to it, for `plan.execute.failed` and the dead letter. Calling twice changes nothing."""
    attempts = turn.tx.attempts(row.execution, row.action)
    performed = [attempt for attempt in attempts if attempt.purpose is Purpose.PERFORM]
    facts = {
        "attempts": str(len(performed)),
        "recoveries": str(row.recoveries),
        "strategies": strategies_of(performed),
        "elapsedS": f"{elapsed_s(attempts, now=turn.now):.3f}",
        "lastRule": decision.rule,
        "because": decision.reason,
    }
    return detail.model_copy(update={"context": {**detail.context, **facts}})


def strategies_of(attempts: Iterable[AttemptRow]) -> str:
    """Return what was tried, in the order of first use, with how often: `retry-policy 2, back-off 5`."""
    ways: Counter[str] = Counter()
    for attempt in attempts:
        decided = json.loads(attempt.decision) if attempt.decision else {}
        if decided.get("move") in (None, "give-up"):
            continue
        ways[decided.get("strategy") or str(decided["rule"]).partition(".")[0]] += 1
    return ", ".join(f"{way} {count}" for way, count in ways.items()) or "none"


def elapsed_s(attempts: Iterable[AttemptRow], *, now: datetime) -> float:
    """Return the seconds since the first attempt."""
    return (now - min((attempt.started_at for attempt in attempts), default=now)).total_seconds()


def person_wait_s(questions: Sequence[QuestionRow], *, since: datetime, now: datetime) -> float:
    """Return how long questions about one action have waited for a person since its first attempt, in seconds. One at a time is open."""
    waits = (((question.answered_at or now) - max(question.asked_at, since)).total_seconds() for question in questions)
    return sum(wait for wait in waits if wait > 0)


def credential_wait_s(turn: Turn, row: ActionRow, *, attempts: Iterable[AttemptRow]) -> float:
    """Return how long an action has waited for a person to provide its credential since its first attempt, in seconds.

    The wait before an attempt begins when the action was first told that a person is asked, and ends with the attempt.
    """
    began = {a.n: a.started_at for a in attempts if a.purpose is Purpose.PERFORM}
    first = min(began.values(), default=turn.now)
    awaited: dict[int, datetime] = {}
    for event in turn.tx.events(row.execution):
        if event.type == "credential.awaited" and event.data.get("actionId") == row.action:
            awaited.setdefault(int(str(event.data["attemptNumber"])), event.time)
    return sum(
        max(0.0, (began.get(number, turn.now) - max(since, first)).total_seconds()) for number, since in awaited.items()
    )
