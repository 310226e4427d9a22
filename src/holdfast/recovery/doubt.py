"""Whether earlier attempts may have taken effect, and what was the last word about them: a definite no to the last one says nothing about the one
before it, and a late answer may be the better one. Pure.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from holdfast.decisions.decision import Move
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import Purpose
from holdfast.recovery.detail import verdict_json, verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.faults.verdict import Verdict
    from holdfast.ports.rows import AttemptRow

__all__ = ["due_after", "is_in_doubt", "last_word", "late_answer_json"]

CLEARED_BY = (Move.PROBE, Move.ASK)
"""After these, a next attempt means that somebody has found out: the one in doubt did not happen, or a person took it upon themselves."""


def is_in_doubt(attempts: Iterable[AttemptRow]) -> bool:
    """Whether one of these attempts may have taken effect and nobody has found out: its outcome is unknown, or a worker died while making it."""
    performed = sorted((a for a in attempts if a.purpose is Purpose.PERFORM), key=lambda a: a.n)
    doubt = False
    for attempt in performed:
        move = json.loads(attempt.decision)["move"] if attempt.decision else None
        doubt = (doubt or attempt.outcome == Outcome.UNKNOWN or attempt.claims > 1) and move not in CLEARED_BY
    return doubt


def late_answer_json(verdict: Verdict | None, *, at: datetime) -> str:
    """Return a late answer as the ledger keeps it, with the moment of its arrival, from which its delays count; None is a success."""
    kept = {"result": "success"} if verdict is None else json.loads(verdict_json(verdict))
    return json.dumps({**kept, "at": at.isoformat()}, ensure_ascii=False, separators=(",", ":"))


def last_word(attempt: AttemptRow) -> Verdict:
    """Return the last word about a failed attempt: a late answer that is a definite no, else the verdict with which it was settled."""
    late = late_refusal(attempt)
    if late is not None:
        return verdict_of(late)
    assert attempt.verdict is not None, "a failed attempt has a verdict"
    return verdict_of(attempt.verdict)


def late_refusal(attempt: AttemptRow) -> str | None:
    """Return the late answer to an attempt, if it is a definite no."""
    late = json.loads(attempt.late_answer) if attempt.late_answer else {}
    return attempt.late_answer if late.get("outcome") == Outcome.NOT_EXECUTED else None


def due_after(attempt: AttemptRow, *, believed_max_s: float) -> datetime | None:
    """Return the moment before which the server does not want to see the next attempt; None when it named none, or none that is believed."""
    told_s = last_word(attempt).retry_after_s
    if told_s is None or not 0 < told_s <= believed_max_s:
        return None
    late = late_refusal(attempt)
    at = datetime.fromisoformat(json.loads(late)["at"]) if late and "at" in json.loads(late) else attempt.settled_at
    return None if at is None else at + timedelta(seconds=told_s)
