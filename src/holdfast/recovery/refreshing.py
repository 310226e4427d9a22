"""What becomes of a refresh once it is answered; the protocol is drawn in `holdfast.recovery.credentials`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.faults.verdict import Outcome
from holdfast.policies import retry
from holdfast.ports.rows import Purpose
from holdfast.recovery.credentials import answered, ask, name_for, renew, take_lease, wake
from holdfast.recovery.detail import REFRESH_LATE, error_detail

if TYPE_CHECKING:
    from holdfast.faults.verdict import Verdict
    from holdfast.ports.rows import AttemptRow, CredentialRow
    from holdfast.recovery.answer import Answer, Deciding
    from holdfast.recovery.turn import Turn

__all__ = ["refreshed", "refreshed_late"]

INVALID_GRANT = "invalid_grant"
"""The refresh token is not good (any more), whoever sends it (RFC 6749 §5.2): only a person can get another."""


def refreshed(turn: Turn, attempt: AttemptRow, *, answer: Answer, deciding: Deciding | None) -> None:
    """A refresh has answered: store the new generation, or repeat it, or ask a person, or tell everybody that it has failed.

    Without `deciding`, its worker has died too often.
    """
    credential = turn.tx.lock_credential(name_for(turn, turn.plan.actions[attempt.action]))
    if credential.generation > (attempt.generation or 0):
        return  # somebody has renewed it in the meantime; the tokens of this answer are older
    if answer.verdict is None:
        # An executor outside keeps its credentials to itself: a new generation, and no value that we could hold.
        is_ours = turn.execution.external is None
        assert answer.sealed_token is not None or not is_ours, "the performer refuses an answer without a token"
        renew(turn, credential, sealed=answer.sealed_token, expires_s=answer.token_expires_s)
        return
    if answer.verdict.outcome is Outcome.NOT_EXECUTED:
        credential = replace(credential, uses=max(0, credential.uses - 1))
        turn.tx.save_credential(credential)
    if credential.question is not None or not answered(turn, attempt, credential=credential):
        return
    if not turn.is_live or answer.verdict.rule == REFRESH_LATE:
        # Cut short by the end of this execution, or never sent: that says nothing about the credential. Whoever waits for it makes the next refresh.
        released = replace(credential, refreshing_until=None, refreshing_by=None)
        turn.tx.save_credential(released)
        wake(turn, released)
        return
    follow(turn, attempt, credential=credential, answer=answer, deciding=deciding)


def follow(
    turn: Turn, attempt: AttemptRow, *, credential: CredentialRow, answer: Answer, deciding: Deciding | None
) -> None:
    """Decide about a refresh that has failed."""
    verdict = answer.verdict
    assert verdict is not None, "it has failed"
    wanted = turn.plan.actions[attempt.action].credential or ""
    because = None
    if turn.execution.external is None:
        because = why_person(verdict, claims=attempt.claims, is_crash=deciding is None)
    wait_s = None if because is not None else repeat_after_s(turn, attempt, verdict=verdict, deciding=deciding)
    detail = error_detail(verdict, observed_at=answer.observed_at)
    turn.emit(
        "credential.refresh_failed",
        actionId=attempt.action,
        credential=wanted,
        isFinal=wait_s is None and because is None,
        error=detail.to_wire(),
    )
    if because is not None:
        ask(turn, credential, because=because)
    elif wait_s is not None:
        number = attempt.n + 1
        take_lease(turn, credential, by=attempt.action, number=number, wanted=wanted, wait_s=wait_s)
        turn.enqueue(attempt.action, purpose=Purpose.REFRESH, n=number, due_at=turn.now + timedelta(seconds=wait_s))
    else:
        failed = replace(
            credential,
            refreshing_until=None,
            refreshing_by=None,
            error=detail.to_json(),
            failed_at=turn.now,
            changed_by=f"execution {turn.execution.id}",
        )
        turn.tx.save_credential(failed)
        wake(turn, failed)


def why_person(verdict: Verdict, *, claims: int, is_crash: bool) -> str | None:
    """Return why only a person can help after a failed refresh; None when it is an ordinary failure."""
    if is_crash:
        return f"its worker died {claims} times while renewing it"
    if verdict.code == INVALID_GRANT:
        return "its refresh token is not accepted any more (invalid_grant)"
    return None


def refreshed_late(turn: Turn, attempt: AttemptRow, *, answer: Answer) -> None:
    """A refresh that had been given up has answered after all: its tokens are true, unless somebody has renewed the credential since."""
    credential = turn.tx.lock_credential(name_for(turn, turn.plan.actions[attempt.action]))
    if answer.sealed_token is not None and credential.generation <= (attempt.generation or 0):
        renew(turn, credential, sealed=answer.sealed_token, expires_s=answer.token_expires_s)


def repeat_after_s(turn: Turn, attempt: AttemptRow, *, verdict: Verdict, deciding: Deciding | None) -> float | None:
    """Return after how many seconds a failed refresh is repeated by its own retry policy; None when it has failed for good.

    A refresh whose outcome is unknown is repeated too, once its policy allows: there is no other way to get a token, and a provider that has rotated
    in the meantime refuses the old one without harm.
    """
    if deciding is None:
        return None
    name = turn.plan.actions[attempt.action].credential or ""
    settings = turn.plan.refreshers[name].rules.retry
    answer = retry.decide(
        settings, replace(verdict, outcome=Outcome.NOT_EXECUTED), attempt=attempt.n, repeatable=True, draw=deciding.draw
    )
    return answer.wait_s if answer.retry else None
