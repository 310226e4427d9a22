"""What becomes of a refresh, and of the actions that wait for it; the protocol is drawn in `holdfast.recovery.credentials`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.faults.verdict import Outcome
from holdfast.policies import retry
from holdfast.ports.rows import Purpose
from holdfast.recovery.consequences import carry_out
from holdfast.recovery.credentials import has_failed_lately, renew, request_refresh, take_lease, wake
from holdfast.recovery.detail import error_detail
from holdfast.recovery.doubt import last_word
from holdfast.recovery.judging import decision_about

if TYPE_CHECKING:
    from holdfast.faults.verdict import Verdict
    from holdfast.ports.rows import ActionRow, AttemptRow, CredentialRow
    from holdfast.recovery.answer import Answer, Deciding
    from holdfast.recovery.turn import Turn

__all__ = ["may_go_on", "refreshed"]

REFRESHES_PER_LEASE_MAX = 3
"""So many refresh attempts of one action are made before its credential counts as broken."""


def may_go_on(turn: Turn, row: ActionRow, *, deciding: Deciding) -> bool:
    """Whether an action that may be waiting for a credential can be attempted now; if not, what follows is arranged."""
    if row.waits_for is None:
        return True
    credential = turn.tx.lock_credential(row.waits_for)
    if credential.generation > (row.generation or 0):
        return True
    if has_failed_lately(turn, credential):
        broken(turn, row, credential=credential, deciding=deciding)
    elif credential.refreshing_until is not None and credential.refreshing_until > turn.now:
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=credential.refreshing_until)
    elif (
        sum(a.purpose is Purpose.REFRESH for a in turn.tx.attempts(row.execution, row.action))
        >= REFRESHES_PER_LEASE_MAX
    ):
        broken(turn, row, credential=credential, deciding=deciding)
    else:
        request_refresh(turn, row, attempt=None)
    return False


def broken(turn: Turn, row: ActionRow, *, credential: CredentialRow, deciding: Deciding) -> None:
    """The refresh has failed for good: decide again about the attempt that was refused, this time without a refresh to hope for."""
    refused = turn.tx.attempt(row.execution, row.action, purpose=Purpose.PERFORM, n=row.n - 1)
    assert refused is not None, "an action waits for a credential after an attempt was refused"
    assert refused.verdict is not None, "a refused attempt has a verdict"
    verdict = last_word(refused)
    decision = decision_about(turn, row, attempt=refused, verdict=verdict, deciding=deciding, can_refresh=False)
    reason = f"the credential {credential.name!r} could not be renewed; {decision.reason}"
    detail = error_detail(verdict, observed_at=refused.settled_at or turn.now)
    detail = detail.model_copy(
        update={"suggestion": f"Renew the credential {credential.name!r} by hand, then start the plan again."}
    )
    row = turn.put(replace(row, n=row.n - 1, waits_for=None))
    decision = replace(decision, reason=reason)
    carry_out(turn, row, decision=decision, detail=detail, attempt=refused, rollback=deciding.rollback)


def refreshed(turn: Turn, attempt: AttemptRow, *, answer: Answer, deciding: Deciding | None) -> None:
    """A refresh has answered: store the new generation, or repeat it, or tell everybody that it has failed."""
    name = turn.plan.actions[attempt.action].credential
    assert name is not None, "a refresh step is enqueued for a credential"
    credential = turn.tx.lock_credential(name)
    if credential.generation > (attempt.generation or 0):
        return  # somebody has renewed it in the meantime; the tokens of this answer are older
    if answer.verdict is None:
        assert answer.sealed_token is not None, "the performer refuses an answer without a token"
        renew(turn, credential, sealed=answer.sealed_token)
        return
    if not turn.is_live:
        # Cut short by the end of this execution: that says nothing about the credential. Whoever waits for it makes the next refresh.
        released = replace(credential, refreshing_until=None)
        turn.tx.save_credential(released)
        wake(turn, released)
        return
    wait_s = repeat_after_s(turn, attempt, verdict=answer.verdict, deciding=deciding)
    detail = error_detail(answer.verdict, observed_at=answer.observed_at)
    turn.emit(
        "credential.refresh_failed",
        actionId=attempt.action,
        credential=name,
        isFinal=wait_s is None,
        error=detail.to_wire(),
    )
    if wait_s is not None:
        take_lease(turn, credential, wait_s=wait_s)
        turn.enqueue(
            attempt.action, purpose=Purpose.REFRESH, n=attempt.n + 1, due_at=turn.now + timedelta(seconds=wait_s)
        )
        return
    failed = replace(credential, refreshing_until=None, error=detail.to_json(), failed_at=turn.now)
    turn.tx.save_credential(failed)
    wake(turn, failed)


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
