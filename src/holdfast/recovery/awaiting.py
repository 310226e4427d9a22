"""Whether an action can be attempted now, or waits for its credential first: for a fetch, a refresh or a person.

Asked at each claim, before anything is put on the ledger; the protocol is drawn in `holdfast.recovery.credentials`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from holdfast.decisions.decision import Move
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.plans.authentication import split_own
from holdfast.ports.rows import Purpose
from holdfast.recovery.consequences import carry_out
from holdfast.recovery.credentials import ask, has_failed_lately, name_for, seek, wake
from holdfast.recovery.detail import error_detail, refusal_verdict
from holdfast.recovery.doubt import last_word
from holdfast.recovery.judging import decision_about
from holdfast.recovery.questions import DEADLINE

if TYPE_CHECKING:
    from holdfast.faults.verdict import Verdict
    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.rows import ActionRow, AttemptRow, CredentialRow
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.turn import Turn

__all__ = ["Going", "may_go_on", "unobtainable"]

REFRESHES_LOST_MAX = 3
"""So many refreshes of one generation may be begun for an action and never answered; then a person is asked."""
LOOK_AGAIN_S = 3600.0
"""Who waits for a person is woken by the answer; this often they look for themselves."""


class Going(StrEnum):
    """What a claim does about its action."""

    NOW = "now"
    LATER = "later"
    """What it waits for is arranged."""
    DECIDED = "decided"
    """It was decided again about the attempt that was refused."""
    NEVER = "never"
    """There is no credential for it and will be none."""


def may_go_on(turn: Turn, row: ActionRow, *, deciding: Deciding) -> Going:
    """Return whether an action can be attempted now; if not, what follows is arranged, or left to the caller (`NEVER`)."""
    action = turn.plan.actions[row.action]
    if action.credential is None or action.source is None or not needs_care(turn, action):
        return Going.NOW
    if turn.execution.external is not None and row.waits_for is None:
        return Going.NOW  # an executor outside holds its credentials itself; all it is asked for is a refresh action, once it was refused
    name = name_for(turn, action)
    if row.waits_for is None:
        credential = turn.tx.credential(name)
        if is_usable(turn, action, credential=credential, deciding=deciding):
            return Going.NOW
        return fetch(turn, row, credential=turn.tx.lock_credential(name), deciding=deciding)
    credential = turn.tx.lock_credential(row.waits_for)
    if credential.generation > (row.generation or 0):
        # What came while it waited is used, however short its life: a token that lives for a second would be renewed for ever.
        if has_access(credential):
            return Going.NOW
        return fetch(turn, row, credential=credential, deciding=deciding)
    return wait_on(turn, row, credential=credential, deciding=deciding, is_new=False)


def needs_care(turn: Turn, action: FrozenAction) -> bool:
    """Whether the credential of an action is anybody's business before the call: it rests in a row, or can be renewed."""
    is_held = action.source is not None and action.source.is_held
    return is_held or action.credential in turn.plan.refreshers


def is_usable(turn: Turn, action: FrozenAction, *, credential: CredentialRow | None, deciding: Deciding) -> bool:
    """Whether there is a value that will not run out in a moment; where no machine can renew it, one that has not run out.

    A token that lives for less than twice the margin is renewed in the second half of its life.
    """
    if credential is None or credential.sealed is None:
        return action.source is None or not action.source.is_held
    if credential.expires_at is None:
        return True
    if action.credential not in turn.plan.refreshers:
        return credential.expires_at > turn.now
    lifetime = credential.expires_at - (credential.renewed_at or turn.now)
    ahead = min(timedelta(seconds=deciding.credentials.refresh_ahead_s), lifetime / 2)
    return credential.expires_at - turn.now > ahead


def has_access(credential: CredentialRow) -> bool:
    """Whether there is something to send: a value, and not merely a refresh token, which is kept as one that ended when it came."""
    return credential.sealed is not None and (
        credential.expires_at is None or credential.expires_at != credential.renewed_at
    )


def is_valid(turn: Turn, row: ActionRow, *, credential: CredentialRow) -> bool:
    """Whether the value at hand is still worth a try: it has not run out, and the API has not refused it."""
    if credential.sealed is None or refused(turn, row, credential=credential) is not None:
        return False
    return credential.expires_at is not None and credential.expires_at > turn.now


def refused(turn: Turn, row: ActionRow, *, credential: CredentialRow) -> AttemptRow | None:
    """Return the attempt for which the present value of the credential was refused; None when it was not."""
    last = turn.tx.attempt(row.execution, row.action, purpose=Purpose.PERFORM, n=row.n - 1)
    if last is None or last.decision is None or last.verdict is None:
        return None
    is_refused = json.loads(last.decision)["move"] == Move.REFRESH and (last.generation or 0) >= credential.generation
    return last if is_refused else None


def fetch(turn: Turn, row: ActionRow, *, credential: CredentialRow, deciding: Deciding) -> Going:
    """There is no value, or it is about to run out: see to it that one comes, and wait for that."""
    row = turn.put(replace(row, waits_for=credential.name, generation=credential.generation))
    return wait_on(turn, row, credential=credential, deciding=deciding, is_new=True)


def wait_on(turn: Turn, row: ActionRow, *, credential: CredentialRow, deciding: Deciding, is_new: bool) -> Going:
    """Wait for whoever sees to the credential; begin it when nobody does; go on with the old value, or end, when it has failed."""
    until = credential.refreshing_until
    if until is not None and until > turn.now:
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=until)
        return Going.LATER
    if credential.question is not None:
        return wait_for_person(turn, row, credential=credential, deciding=deciding, is_new=is_new)
    # Who waited before it failed is concerned, however late they hear of it; who comes later asks anew after a while, and that clears the failure.
    if credential.failed_at is not None and (not is_new or has_failed_lately(turn, credential)):
        return without(turn, row, credential=credential, deciding=deciding)
    lost = lost_refreshes(turn, row)
    if lost >= REFRESHES_LOST_MAX and turn.execution.external is not None:
        return without(turn, row, credential=credential, deciding=deciding)  # nobody here could put it right
    if lost >= REFRESHES_LOST_MAX:
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=turn.now + timedelta(seconds=LOOK_AGAIN_S))
        ask(turn, credential, because=f"its renewal was begun {lost} times and never answered")
    else:
        seek(turn, row, credential=credential)
    return Going.LATER


def lost_refreshes(turn: Turn, row: ActionRow) -> int:
    """Return how many refreshes of the generation at hand were begun for this action, without anybody knowing what became of them."""
    return sum(
        a.purpose is Purpose.REFRESH and a.generation == (row.generation or 0) and a.outcome in (None, Outcome.UNKNOWN)
        for a in turn.tx.attempts(row.execution, row.action)
    )


def wait_for_person(
    turn: Turn, row: ActionRow, *, credential: CredentialRow, deciding: Deciding, is_new: bool
) -> Going:
    """Wait for the answer until the deadline; then it has failed for good, for everybody."""
    if is_valid(turn, row, credential=credential):
        return Going.NOW
    assert credential.asked_at is not None, "a question is dated"
    deadline = credential.asked_at + timedelta(seconds=deciding.credentials.question_timeout_s)
    if turn.now < deadline:
        look_again = turn.now + timedelta(seconds=LOOK_AGAIN_S)
        if is_new or row.due_at is None or row.due_at > turn.now:  # not at each later look
            turn.emit(
                "credential.awaited",
                actionId=row.action,
                attemptNumber=row.n,
                credential=split_own(credential.name)[0],
                isOwn=split_own(credential.name)[1] is not None,
                text=credential.question,
            )
        turn.schedule(row, purpose=Purpose.PERFORM, n=row.n, due_at=min(deadline, look_again))
        return Going.LATER
    detail = error_detail(unobtainable(credential), observed_at=turn.now)
    failed = replace(
        credential, question=None, asked_at=None, error=detail.to_json(), failed_at=turn.now, changed_by=DEADLINE
    )
    turn.tx.save_credential(failed)
    turn.emit(
        "credential.refresh_failed",
        actionId=row.action,
        credential=split_own(credential.name)[0],
        isFinal=True,
        error=detail.to_wire(),
    )
    turn.put(replace(row, waits_for=None))  # nobody has to wake this one
    wake(turn, failed)
    return without(turn, row, credential=failed, deciding=deciding)


def without(turn: Turn, row: ActionRow, *, credential: CredentialRow, deciding: Deciding) -> Going:
    """No new value will come: go on with the old one while it lasts, else end."""
    if is_valid(turn, row, credential=credential):
        return Going.NOW
    attempt = refused(turn, row, credential=credential)
    if attempt is None:
        return Going.NEVER
    broken(turn, row, credential=credential, attempt=attempt, deciding=deciding)
    return Going.DECIDED


def broken(turn: Turn, row: ActionRow, *, credential: CredentialRow, attempt: AttemptRow, deciding: Deciding) -> None:
    """The refresh has failed for good: decide again about the attempt that was refused, this time without a refresh to hope for."""
    verdict = last_word(attempt)
    decision = decision_about(turn, row, attempt=attempt, verdict=verdict, deciding=deciding, can_refresh=False)
    name = split_own(credential.name)[0]
    reason = f"the credential {name!r} could not be renewed; {decision.reason}"
    detail = error_detail(verdict, observed_at=attempt.settled_at or turn.now)
    detail = detail.model_copy(
        update={"suggestion": f"Renew the credential {name!r} by hand, then start the plan again."}
    )
    row = turn.put(replace(row, n=row.n - 1, waits_for=None))
    carry_out(
        turn,
        row,
        decision=replace(decision, reason=reason),
        detail=detail,
        attempt=attempt,
        deciding=deciding,
    )


def unobtainable(credential: CredentialRow) -> Verdict:
    """Return the verdict about an action for which there is no credential: nothing was sent."""
    name = split_own(credential.name)[0]
    message = f"the credential {name!r} could not be obtained; set it by hand, then start the plan again"
    return refusal_verdict(message, rule="credential-missing", category=ErrorCategory.AUTH_INVALID)
