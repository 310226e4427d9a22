"""Chains of decisions: whatever the world answers, whoever is asked, recovery comes to an end."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings, strategies as st

from holdfast.decisions.decide import decide
from holdfast.decisions.decision import Decision, Move
from holdfast.decisions.facts import Case, Ledger
from holdfast.faults.verdict import Outcome
from tests.decisions.test_decide import cases, ratios, verdicts

GOES_ON = (Move.RETRY, Move.REFRESH, Move.PROBE, Move.ASK)
answers = st.lists(st.tuples(verdicts, ratios, st.booleans(), st.floats(0, 1e5)), min_size=1, max_size=12)


def longest(case: Case) -> int:
    """The most decisions that the bounds allow one action: its own policy, the attempts of recovery, and the questions; and the end."""
    return case.rules.retry.attempts_max + case.bounds.attempts_per_action_max + case.bounds.questions_max + 1


def after(case: Case, decision: Decision, *, waited_s: float) -> Ledger:
    """The ledger as it stands when the next attempt has failed; who was asked said that it did not happen and is to be done again."""
    ledger = case.ledger
    is_cleared = decision.move in (Move.PROBE, Move.ASK)
    in_doubt = (ledger.is_in_doubt or case.verdict.outcome is Outcome.UNKNOWN) and not is_cleared
    return replace(
        ledger,
        attempts=ledger.attempts + 1,
        attempts_by_recovery=ledger.attempts_by_recovery + decision.is_recovery,
        recoveries=ledger.recoveries + decision.is_recovery,
        recoveries_in_execution=ledger.recoveries_in_execution + decision.is_recovery,
        recoveries_in_category=ledger.recoveries_in_category + decision.is_recovery,
        refreshes=ledger.refreshes + (decision.move is Move.REFRESH),
        probes=ledger.probes + (decision.move is Move.PROBE),
        questions=ledger.questions + (decision.move is Move.ASK),
        elapsed_s=ledger.elapsed_s + decision.wait_s + waited_s,
        key_age_s=ledger.key_age_s + decision.wait_s + waited_s,
        is_in_doubt=in_doubt,
        timeout_s=decision.timeout_s or ledger.timeout_s,
    )


@settings(max_examples=60)
@given(cases, answers)
def test_every_chain_of_decisions_ends(first: Case, world: list[tuple[object, float, bool, float]]) -> None:
    """However an action keeps failing, with people who always say "again" and probes that always say no, it ends within the bounds."""
    case = replace(first, ledger=Ledger(attempts=1))
    for number in range(1, longest(case) + 1):
        decision = decide(case)
        if decision.move not in GOES_ON:
            return
        verdict, draw, same_category, waited_s = world[number % len(world)]
        ledger = after(case, decision, waited_s=waited_s)
        if same_category:
            verdict = case.verdict
        else:
            ledger = replace(ledger, recoveries_in_category=0)  # the widest room: each fault is the first of its kind
        case = replace(case, verdict=verdict, draw=draw, ledger=ledger)
    raise AssertionError(f"{longest(first)} decisions and no end: {decision}")


@settings(max_examples=60)
@given(cases, answers)
def test_no_chain_repeats_what_happened(first: Case, world: list[tuple[object, float, bool, float]]) -> None:
    """Along every chain, a machine repeats an open outcome only where that is safe, and never one that is known to have happened."""
    case = replace(first, ledger=Ledger(attempts=1))
    for number in range(1, longest(case) + 1):
        decision = decide(case)
        if decision.move in (Move.RETRY, Move.REFRESH):
            assert Outcome.EXECUTED is not case.outcome
            assert Outcome.UNKNOWN is not case.outcome or (
                case.rules.safety.is_repeatable and case.is_key_fresh_after(decision.wait_s)
            )
            assert decision.wait_s >= (case.verdict.retry_after_s or 0.0)
        if decision.move not in GOES_ON:
            return
        verdict, draw, _, waited_s = world[number % len(world)]
        case = replace(case, verdict=verdict, draw=draw, ledger=after(case, decision, waited_s=waited_s))
