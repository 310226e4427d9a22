"""Whether earlier attempts may have taken effect: a definite no to the last one says nothing about the one before it. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.decisions.decision import Move
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import Purpose
from holdfast.recovery.detail import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.faults.verdict import Verdict
    from holdfast.ports.rows import AttemptRow

__all__ = ["is_in_doubt", "last_word"]

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


def last_word(attempt: AttemptRow) -> Verdict:
    """Return the last word about a failed attempt: a late answer that is a definite no, else the verdict with which it was settled."""
    late = json.loads(attempt.late_answer) if attempt.late_answer else {}
    if attempt.late_answer is not None and late.get("outcome") == Outcome.NOT_EXECUTED:
        return verdict_of(attempt.late_answer)
    assert attempt.verdict is not None, "a failed attempt has a verdict"
    return verdict_of(attempt.verdict)
