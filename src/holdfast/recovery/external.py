"""Executions that an executor outside Holdfast performs: CLAIM asks for the attempt by an event and waits for the answer as a row.

```
CLAIM      the attempt is on the ledger, `action.execute.requested` is in the outbox, a step is due when the time for an answer is over
answered   by an event (`holdfast.recovery.inbox`): SETTLE, as for any attempt; the step finds it settled and does nothing
the step   finds it unsettled: nobody knows whether it took effect (rule `external-timeout`); a decision follows, as for any attempt
```
An attempt is asked for once. An answer that comes after its time is a late answer, like any other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import Purpose
from holdfast.ports.steps import Step
from holdfast.recovery.answer import Answer
from holdfast.recovery.detail import own_verdict
from holdfast.recovery.settle import apply_answer

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.faults.verdict import Verdict
    from holdfast.ports.rows import AttemptRow
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.turn import Turn

__all__ = ["await_answer", "look_again", "stop_waiting"]

REFRESH_GRACE_MAX_S = 20.0
"""A refresh is given up before its lease ends (30 s after its timeout), so that there are never two of one generation."""


def await_answer(turn: Turn, attempt: AttemptRow, *, timeout_s: float, deciding: Deciding) -> None:
    """Let an attempt that was just asked for rest on the step that is due when nobody has answered in time."""
    at = deadline(attempt, timeout_s=timeout_s, deciding=deciding)
    # A key of its own: the step that is being delivered has the plain one, and an engine takes a key only once.
    key = f"{deadline_key(attempt)}{turn.execution.version}"
    turn.enqueued.append(
        Step(
            key=key,
            purpose=attempt.purpose,
            execution=attempt.execution,
            action=attempt.action,
            n=attempt.n,
            tenant=turn.execution.tenant,
            priority=turn.execution.priority,
            due_at=at,
        )
    )
    if attempt.purpose is not Purpose.REFRESH:
        turn.put(replace(turn.rows[attempt.action], step_key=key, due_at=at))


def stop_waiting(turn: Turn, attempt: AttemptRow) -> None:
    """An answer is there: the step that was due otherwise has nothing left to do, and need not lie about until then."""
    key = turn.rows[attempt.action].step_key
    if key is not None and key.startswith(deadline_key(attempt)):
        turn.steps.finish(turn.tx, key)


def deadline_key(attempt: AttemptRow) -> str:
    """Return what the keys of the steps begin with that wait for an attempt's answer."""
    return f"{attempt.execution}:{attempt.action}:{attempt.purpose}:{attempt.n}:deadline."


def look_again(turn: Turn, step: Step, *, attempt: AttemptRow, timeout_s: float, deciding: Deciding) -> None:
    """An unsettled attempt was delivered once more: its time is over, or it goes on waiting. Never asked for twice."""
    if step.purpose is Purpose.PERFORM and turn.rows[step.action].step_key != step.key:
        return  # overtaken: the attempt rests on another step. A probe may outlive the question that it was to answer, and rests on no row then.
    if turn.now < deadline(attempt, timeout_s=timeout_s, deciding=deciding):
        await_answer(turn, attempt, timeout_s=timeout_s, deciding=deciding)
        return
    verdict = unanswered_verdict(turn.execution.external or "", timeout_s=timeout_s)
    apply_answer(turn, attempt, answer=Answer(verdict=verdict, observed_at=turn.now), deciding=deciding)


def deadline(attempt: AttemptRow, *, timeout_s: float, deciding: Deciding) -> datetime:
    """Return until when an answer is waited for: the attempt's own timeout, and a grace for the way of the events."""
    grace_s = deciding.external_grace_s
    if attempt.purpose is Purpose.REFRESH:
        grace_s = min(grace_s, REFRESH_GRACE_MAX_S)
    return attempt.started_at + timedelta(seconds=timeout_s + grace_s)


def unanswered_verdict(executor: str, *, timeout_s: float) -> Verdict:
    """Return the verdict about an attempt that nobody answered: the executor may or may not have performed it."""
    message = (
        f"The executor {executor!r} has not answered within the attempt's {timeout_s:g} s and the grace for events."
    )
    return own_verdict(
        ErrorCategory.NETWORK_TIMEOUT, message, rule="external-timeout", outcome=Outcome.UNKNOWN, retryable=True
    )
