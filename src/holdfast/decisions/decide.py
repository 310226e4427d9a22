"""The decision about a failed attempt, in one function that reads as the order of SURFACES: retry policy → recovery → alternative → fallback →
continue → give up. Outcome before category: what may have happened is cleared up before anything is done again or instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision, Declined, Move
from holdfast.decisions.facts import Override, Safety
from holdfast.decisions.routes import ROUTES
from holdfast.decisions.strategies import STRATEGIES, alternative, ask_person, fallback, probe
from holdfast.decisions.strategies.clearing import clear_up
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.faults.verdict import Outcome
from holdfast.policies import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdfast.decisions.facts import Case

__all__ = ["decide", "route"]


def decide(case: Case) -> Decision:
    """Return what follows the failed attempt `case`, with its reasons and the ways that were turned down.

    The same case always gets the same decision. Exactly one way is taken; the last one, giving up, is always open.
    """
    rejected: list[Declined] = []
    for way in ways(case):
        answer = way(case)
        if isinstance(answer, Decision) and not is_in_time(case, answer):
            reason = f"in {answer.wait_s:.0f} s the API no longer recognises the key of an attempt that may have taken effect"
            rejected.append(Declined(way=answer.rule, reason=reason))
            answer = clear_up(case)
        if isinstance(answer, Decision):
            return replace(
                answer, rejected=tuple(rejected), outcome=case.outcome, is_new_epoch=needs_new_key(case, answer)
            )
        rejected.append(answer)
    # The first two ways are the action's own policy and its route; while the outcome is open, what counts is why nobody is asked any more.
    telling = rejected[-1:] if case.outcome is not Outcome.NOT_EXECUTED and not case.may_repeat else rejected[:2]
    reason = "; ".join(declined.reason for declined in telling)
    return Decision(move=Move.GIVE_UP, rule="give-up", reason=reason, rejected=tuple(rejected), outcome=case.outcome)


def is_in_time(case: Case, decision: Decision) -> bool:
    """Whether a repeat of something that may have taken effect still meets an API that recognises its key."""
    repeats = decision.move in (Move.RETRY, Move.REFRESH)
    return not repeats or case.outcome is Outcome.NOT_EXECUTED or case.is_key_fresh_after(decision.wait_s)


def ways(case: Case) -> Iterator[Callable[[Case], Decision | Declined]]:
    """Yield the ways in the order in which they are considered."""
    yield basic_retry
    if case.outcome is not Outcome.NOT_EXECUTED and not case.may_repeat:
        # Nobody may guess: first the API is asked, then a person. Neither the alternative nor a repeat comes before an answer, and without one
        # (both were asked often enough) nothing stands in for what may have happened: the action fails, and somebody finds it among the dead letters.
        yield probe.consider
        yield ask_person.consider
        return
    yield recovery
    yield alternative.consider
    yield fallback_value
    yield continue_without


def basic_retry(case: Case) -> Decision | Declined:
    """The action's own `retryPolicy`: a bare repeat under the outcome rule."""
    way = "retry-policy"
    if case.verdict.category is ErrorCategory.AUTH_EXPIRED:
        return Declined(way=way, reason="repeating with the same expired credential cannot work")
    told = case.verdict.retry_after_s
    if told is not None and told > case.bounds.retry_after_max_s:
        return Declined(
            way=way,
            reason=f"the server asks to wait {told:.0f} s, more than the {case.bounds.retry_after_max_s:.0f} s that are believed",
        )
    verdict = case.verdict if case.outcome is case.verdict.outcome else replace(case.verdict, outcome=case.outcome)
    attempt = max(1, case.ledger.attempts - case.ledger.attempts_by_recovery)
    answer = retry.decide(case.rules.retry, verdict, attempt=attempt, repeatable=case.may_repeat, draw=case.draw)
    if not answer.retry:
        return Declined(way=way, reason=answer.reason)
    if case.ledger.elapsed_s + answer.wait_s > case.bounds.elapsed_max_s:
        return Declined(
            way=way,
            reason=f"waiting {answer.wait_s:.0f} s would pass the bound on elapsed time, {case.bounds.elapsed_max_s:.0f} s",
        )
    return Decision(move=Move.RETRY, rule=f"retry-policy.{answer.rule}", reason=answer.reason, wait_s=answer.wait_s)


def recovery(case: Case) -> Decision | Declined:
    """The route for the category: the action's own, else the API's, else the deployment's, else the table's."""
    override = route(case)
    if override is None:
        return STRATEGIES[ROUTES[case.verdict.category].strategy](case)
    answer = STRATEGIES[override.strategy](replace(case, override=override))
    if isinstance(answer, Declined):
        # Giving up says by itself who prescribed it.
        is_told = override.strategy is RecoveryStrategy.GIVE_UP
        return answer if is_told else replace(answer, reason=f"{answer.reason} (prescribed by {override.source})")
    because = f" — {override.reason}" if override.reason else ""
    return replace(
        answer, rule=f"{override.source}.{answer.rule}", reason=f"{answer.reason} (by {override.source}{because})"
    )


def route(case: Case) -> Override | None:
    """Return the prescribed route, None for the table's: the action beats the API's catalog entry (RECOVERY-006), and that the deployment."""
    own = case.rules.overrides.get(case.verdict.category)
    if own is not None:
        return Override(strategy=own, source="action")
    if case.override is not None:
        return case.override
    common = case.routes.get(case.verdict.category)
    return None if common is None else Override(strategy=common, source="deployment")


def fallback_value(case: Case) -> Decision | Declined:
    """The plan's fallback value stands in, recovery having ended."""
    answer = fallback.consider(case)
    return replace(answer, strategy=None) if isinstance(answer, Decision) else answer


def continue_without(case: Case) -> Decision | Declined:
    """The plan goes on without it."""
    if not case.rules.continue_on_failure:
        return Declined(way="continue", reason="the plan cannot go on without this action")
    return Decision(
        move=Move.CONTINUE,
        rule="continue-on-failure",
        reason=f"{case.verdict.category}: the plan goes on without this action",
    )


def needs_new_key(case: Case, decision: Decision) -> bool:
    """Whether the next attempt needs a new idempotency key: only after a definite no, and only where the API replays stored errors.

    Never while an attempt with the present key may have taken effect.
    """
    repeats = decision.move in (Move.RETRY, Move.REFRESH)
    is_keyed = case.rules.safety is Safety.KEYED
    return (
        repeats
        and is_keyed
        and case.rules.replays_errors
        and case.outcome is Outcome.NOT_EXECUTED
        and case.verdict.status is not None
    )
