"""From verdicts to the wire: `ErrorDetail` of spec 000, and the JSON that the ledger keeps of verdicts and decisions."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.contract import ErrorDetail
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import family_of, traits_of
from holdfast.faults.verdict import Family, Health, Outcome, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.decisions.decision import Decision

__all__ = [
    "REFRESH_LATE",
    "cancelled_detail",
    "decision_json",
    "error_detail",
    "lost_worker_verdict",
    "misfit_verdict",
    "overrun_verdict",
    "refusal_verdict",
    "restored_verdict",
    "unkept_verdict",
    "verdict_json",
    "verdict_of",
]


REFRESH_LATE = "refresh-late"
"""The rule of a refresh that was not sent because its worker had stood still for too long."""
BELIEVABLE_S = 3_155_760_000
"""A hundred years: beyond that a delay cannot be told as a date; servers have been seen to send 10^12 s."""


def error_detail(verdict: Verdict, *, observed_at: datetime) -> ErrorDetail:
    """Return a verdict as the platform's error. `observed_at` is when the fault was seen: its delays count from there."""
    wait_s = verdict.retry_after_s
    retry_after = observed_at + timedelta(seconds=wait_s) if wait_s is not None and 0 <= wait_s < BELIEVABLE_S else None
    context = {"rule": verdict.rule, "family": verdict.family.value, "labels": ", ".join(verdict.labels)}
    if verdict.runners_up:
        context["runnersUp"] = "; ".join(verdict.runners_up)
    if verdict.notes:
        context["notes"] = "; ".join(verdict.notes)
    context.update(verdict.trail)
    return ErrorDetail(
        category=verdict.category,
        message=verdict.message,
        code=verdict.code,
        status_code=verdict.status,
        retryable=verdict.retryable,
        retry_after=retry_after,
        context=context,
        suggestion=verdict.suggestion,
        outcome=verdict.outcome.value,
        api_id=verdict.api_id,
        credential=verdict.credential,
        fingerprint=verdict.fingerprint,
    )


def verdict_json(verdict: Verdict) -> str:
    """Return a verdict as JSON text."""
    return json.dumps(asdict(verdict), ensure_ascii=False, separators=(",", ":"), default=str)


def verdict_of(text: str) -> Verdict:
    """Return the verdict that the ledger keeps as JSON text; what a backoff prescribed is not kept."""
    kept = json.loads(text)
    return Verdict(
        category=ErrorCategory(kept["category"]),
        family=Family(kept["family"]),
        labels=tuple(kept["labels"]),
        retryable=bool(kept["retryable"]),
        health=Health(kept["health"]),
        outcome=Outcome(kept["outcome"]),
        message=kept["message"],
        fingerprint=kept["fingerprint"],
        rule=kept["rule"],
        retry_after_s=kept["retry_after_s"],
        code=kept["code"],
        status=kept["status"],
        suggestion=kept["suggestion"],
        api_id=kept["api_id"],
        credential=kept["credential"],
        runners_up=tuple(kept.get("runners_up", ())),
        advice=tuple(kept.get("advice", ())),
        notes=tuple(kept.get("notes", ())),
        quota_resets_in_s=kept.get("quota_resets_in_s"),
        trail=tuple((name, value) for name, value in kept.get("trail", ())),
    )


def decision_json(decision: Decision, *, due_at: str | None) -> str:
    """Return a decision as JSON text, for the ledger and for `why`."""
    return json.dumps(
        {
            "move": decision.move,
            "rule": decision.rule,
            "reason": decision.reason,
            "strategy": decision.strategy,
            "waitS": round(decision.wait_s, 3),
            "timeoutS": decision.timeout_s,
            "dueAt": due_at,
            "isRecovery": decision.is_recovery,
            "rejected": [{"way": declined.way, "reason": declined.reason} for declined in decision.rejected],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def lost_worker_verdict(*, claims: int) -> Verdict:
    """Return the verdict about an attempt whose worker died: the request may or may not have left."""
    message = "The worker died while this attempt was in flight" + (f" ({claims} times)" if claims > 1 else "") + "."
    return own_verdict(
        ErrorCategory.NETWORK_TIMEOUT, message, rule="worker-lost", outcome=Outcome.UNKNOWN, retryable=True
    )


def restored_verdict() -> Verdict:
    """Return the verdict about an attempt that may have been made after the copy was taken from which the database was restored."""
    message = "The database was restored from a copy, and this attempt may have been made after the copy was taken."
    return own_verdict(ErrorCategory.NETWORK_TIMEOUT, message, rule="restored", outcome=Outcome.UNKNOWN, retryable=True)


def refusal_verdict(message: str, *, rule: str, category: ErrorCategory = ErrorCategory.VALIDATION_FAILED) -> Verdict:
    """Return the verdict about a call that was refused on our side: nothing was sent."""
    return own_verdict(category, message, rule=rule, outcome=Outcome.NOT_EXECUTED, retryable=False)


def unkept_verdict(message: str) -> Verdict:
    """Return the verdict about an attempt that worked and whose output could not be kept on our side."""
    return own_verdict(
        ErrorCategory.API_RESPONSE_MALFORMED, message, rule="output-not-kept", outcome=Outcome.UNKNOWN, retryable=True
    )


def overrun_verdict(message: str) -> Verdict:
    """Return the verdict about a function that was not called, since too many others hang: another worker, or a later moment, may do better."""
    category = ErrorCategory.NETWORK_CONNECTION_REFUSED
    return own_verdict(category, message, rule="too-many-overruns", outcome=Outcome.NOT_EXECUTED, retryable=True)


def misfit_verdict(message: str, *, is_own_answer: bool) -> Verdict:
    """Return the verdict about an answer that is not what the definition's outputSchema says: a 2xx that its reader cannot use.

    What the API itself answered it has done; an empty body or a page may come from something in between (as in `holdfast.faults.statuses`).
    """
    outcome = Outcome.EXECUTED if is_own_answer else Outcome.UNKNOWN
    category = ErrorCategory.API_RESPONSE_MALFORMED
    return own_verdict(
        category, message, rule="output-schema", outcome=outcome, retryable=traits_of(category).retryable
    )


def own_verdict(category: ErrorCategory, message: str, *, rule: str, outcome: Outcome, retryable: bool) -> Verdict:
    """Return a verdict about something of our own side."""
    return Verdict(
        category=category,
        family=family_of(category, retryable=retryable),
        labels=(),
        retryable=retryable,
        health=Health.NEUTRAL,
        outcome=outcome,
        message=message,
        fingerprint=f"holdfast:{rule}",
        rule=rule,
    )


def cancelled_detail() -> ErrorDetail:
    """Return the error of an execution or action that somebody cancelled."""
    return ErrorDetail(
        category=ErrorCategory.USER_CANCELLED,
        message="The execution was cancelled.",
        retryable=False,
        context={"rule": "cancelled"},
        outcome="unknown",
    )
