"""From the ledger to a decision: the facts about a failed attempt are summed up for the pure `decide`.

The ledger, not a counter, says what was tried and what is still in doubt; it is read under the execution's lock.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from holdfast.catalog.strategies import recovery_override
from holdfast.decisions.decide import decide, route
from holdfast.decisions.decision import Decision, Move
from holdfast.decisions.facts import Case, Ledger, Override, Safety
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Outcome
from holdfast.ports.rows import Purpose
from holdfast.recovery.doubt import is_in_doubt
from holdfast.recovery.history import credential_wait_s, elapsed_s, person_wait_s

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from holdfast.decisions.facts import ActionRules
    from holdfast.faults.verdict import Verdict
    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.rows import ActionRow, AttemptRow
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.turn import Turn

__all__ = [
    "case_of",
    "decision_about",
    "has_outlived_key",
    "is_to_be_repeated",
    "key_age_s",
    "ledger_of",
    "quota_reset_s",
]

WITHOUT_REPEAT = frozenset(
    {
        RecoveryStrategy.ALTERNATIVE,
        RecoveryStrategy.FALLBACK,
        RecoveryStrategy.SKIP,
        RecoveryStrategy.ROLL_BACK,
        RecoveryStrategy.ASK_PERSON,
        RecoveryStrategy.GIVE_UP,
    }
)
"""Who prescribes one of these does not want the action performed again, not even once it is known that it did nothing."""

OF_THE_POLICY = (None, RecoveryStrategy.ASK_PERSON)
"""What an attempt was made by that counts against its own retry policy: the first, the policy's repeats, and those that a person asked for."""


def decision_about(
    turn: Turn,
    row: ActionRow,
    *,
    attempt: AttemptRow,
    verdict: Verdict,
    deciding: Deciding,
    can_refresh: bool = True,
    is_cleared_up: bool = False,
) -> Decision:
    """Ask the pure decision; while the execution closes nothing may start, so there is only one answer."""
    if not turn.is_live:
        return Decision(
            move=Move.GIVE_UP, rule="closing", reason="the execution is ending: nothing is started any more"
        )
    case = case_of(turn, row, attempt=attempt, verdict=verdict, deciding=deciding, can_refresh=can_refresh)
    return decide(cleared_up(case) if is_cleared_up else case)


def cleared_up(case: Case) -> Case:
    """Return the case once somebody has found out that nothing happened, in this attempt or an earlier one with its key."""
    return replace(
        case,
        verdict=replace(case.verdict, outcome=Outcome.NOT_EXECUTED),
        ledger=replace(case.ledger, is_in_doubt=False),
    )


def is_to_be_repeated(turn: Turn, row: ActionRow, *, attempt: AttemptRow, verdict: Verdict, deciding: Deciding) -> bool:
    """Whether an attempt that turned out to have done nothing is simply made again: unless a route was prescribed that does not repeat."""
    prescribed = route(case_of(turn, row, attempt=attempt, verdict=verdict, deciding=deciding))
    return prescribed is None or prescribed.strategy not in WITHOUT_REPEAT


def case_of(
    turn: Turn, row: ActionRow, *, attempt: AttemptRow, verdict: Verdict, deciding: Deciding, can_refresh: bool = True
) -> Case:
    """Gather everything a decision may look at. `can_refresh=False` takes away the hope for a refresh that has failed."""
    action = turn.plan.actions[row.action]
    can_refresh = can_refresh and (turn.execution.external is None or can_ask_for_refresh(turn, action))
    advice = recovery_override(action.entry, verdict) if action.entry else None
    rules = rules_about(action, attempt)
    return Case(
        verdict=verdict,
        rules=rules if can_refresh else replace(rules, can_refresh=False),
        ledger=ledger_of(turn, row, attempt=attempt, verdict=verdict),
        bounds=deciding.bounds,
        draw=deciding.draw,
        override=Override(strategy=advice.strategy, source=advice.rule, delay_s=advice.delay_s, reason=advice.reason)
        if advice
        else None,
        routes=deciding.routes,
        can_roll_back=deciding.rollback.can_roll_back(turn.tx, row.execution, action=row.action)
        if deciding.rollback
        else None,
        quota_reset_s=quota_reset_s(turn.now),
    )


def rules_about(action: FrozenAction, attempt: AttemptRow) -> ActionRules:
    """Return the rules of an action as they hold for one attempt: what was sent without a key is not recognised by one."""
    if attempt.key or action.rules.safety is not Safety.KEYED:
        return action.rules
    return replace(action.rules, safety=Safety.UNSAFE)


def can_ask_for_refresh(turn: Turn, action: FrozenAction) -> bool:
    """Whether an executor outside can be asked to renew a credential: by a refresh action. Grants and what people provide are its own affair."""
    refresher = turn.plan.refreshers.get(action.credential or "")
    return refresher is not None and refresher.grant is None


def quota_reset_s(now: datetime) -> float:
    """Return the seconds to the next midnight UTC, more than 0 and at most a day. Days are as long as the calendar's: no leap seconds."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()


def ledger_of(turn: Turn, row: ActionRow, *, attempt: AttemptRow, verdict: Verdict) -> Ledger:
    """Sum up what was tried for this action, the attempt at hand included."""
    attempts = turn.tx.attempts(row.execution, row.action)
    earlier = [a for a in attempts if a.purpose is Purpose.PERFORM and a.n < attempt.n]
    decided = [(a.category, json.loads(a.decision)) for a in earlier if a.decision]
    first = min((a.started_at for a in attempts), default=turn.now)
    # A first attempt that fails has no past, and that is the common case: what else there was need not be read.
    has_past = bool(earlier) or attempt.outcome is not None
    questions = [q for q in turn.tx.questions(row.execution) if q.action == row.action and q.n > 0] if has_past else []
    waited_s = person_wait_s(questions, since=first, now=turn.now)
    if has_past and attempt.credential is not None:
        waited_s += credential_wait_s(turn, row, attempts=attempts)
    return Ledger(
        attempts=attempt.n,
        attempts_by_recovery=sum(a.strategy not in OF_THE_POLICY for a in (*earlier, attempt)),
        recoveries=sum(bool(decision["isRecovery"]) for _, decision in decided),
        recoveries_in_execution=turn.execution.recoveries,
        recoveries_in_category=sum(
            bool(decision["isRecovery"]) and category == verdict.category for category, decision in decided
        ),
        refreshes=sum(decision["move"] == Move.REFRESH for _, decision in decided),
        probes=sum(a.purpose is Purpose.PROBE for a in attempts),
        questions=len(questions),
        elapsed_s=elapsed_s(attempts, now=turn.now) - waited_s,
        key_age_s=key_age_s(attempts, attempt.key, now=turn.now),
        is_in_doubt=attempt.claims > 1 or is_in_doubt(earlier),
        timeout_s=attempt.timeout_s,
    )


def key_age_s(attempts: Sequence[AttemptRow], key: str, *, now: datetime) -> float:
    """Return how long ago a key was first sent, in seconds: from then on its lifetime at the API counts."""
    return (now - min((a.started_at for a in attempts if a.key == key), default=now)).total_seconds()


def has_outlived_key(turn: Turn, action: FrozenAction, *, key: str) -> bool:
    """Whether the API has forgotten a key that may stand for work that was done: then the attempt may not be made (again)."""
    lifetime_s = action.rules.key_lifetime_s
    if action.rules.safety is not Safety.KEYED or lifetime_s is None:
        return False
    return key_age_s(turn.tx.attempts(turn.execution.id, action.id), key, now=turn.now) >= lifetime_s
