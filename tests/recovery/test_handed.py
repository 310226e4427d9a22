"""A call that failed in process goes on: what was tried counts, what may have happened is cleared up, and nothing comes too early."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import ActionDefinition, ApiCatalogEntry
from holdfast.decisions.facts import Bounds
from holdfast.errors import Attempted, ExecutionConflict
from holdfast.faults.verdict import Verdict
from holdfast.journal.timeline import explain
from holdfast.plans.frozen import FunctionRules, freeze
from holdfast.plans.handed import ACTION, plan_of
from holdfast.ports.handover import FailedCall
from holdfast.ports.rows import ActionState, Purpose, RunState
from holdfast.recovery.detail import verdict_of
from holdfast.recovery.handed import begin_handed_over
from tests.recovery.bench import (
    BROKEN,
    DIE,
    EXECUTION,
    INVALID,
    REFUSED,
    TIMEOUT,
    Bench,
    catalog_wire,
    definition,
    fault,
)

TOOK_S = 0.5
APART_S = 2.0
SPREAD = timedelta(seconds=0.125)
"""What `wait-until` adds at a draw of one half, so that not everybody comes at the same moment."""
LIMITED = fault("rate_limit_burst", status=429, retry_after_s=3600.0)
RULES = FunctionRules(name="crm.create", attempts_max=3)
KEYED = definition("crm.create", keyed=True)


def failed(*verdicts: Verdict, since_s: float = 0.0, **changes: object) -> FailedCall:
    """A call whose attempts began two seconds apart and took half a second; the last one ended `since_s` seconds ago."""
    attempts = tuple(
        Attempted(
            number=number,
            started_s=APART_S * (number - 1),
            took_s=TOOK_S,
            verdict=verdict,
            wait_s=0.0 if number == len(verdicts) else APART_S - TOOK_S,
        )
        for number, verdict in enumerate(verdicts, start=1)
    )
    ago_s = since_s + (attempts[-1].started_s + TOOK_S if attempts else 0.0)
    call = FailedCall(
        execution=EXECUTION,
        action="crm.create",
        policy="crm",
        reason="attempts-exhausted",
        began_at=Bench().clock.now(),
        ago_s=ago_s,
        attempts=attempts,
        arguments={"name": "Ada", "tags": ["a", None]},
    )
    return replace(call, **changes)  # type: ignore[arg-type]  # fields by name


def handed(
    call: FailedCall,
    *script: object,
    rules: FunctionRules | None = RULES,
    request: ActionDefinition | None = None,
    catalog: dict[str, object] | None = None,
    bounds: Bounds | None = None,
) -> Bench:
    """A deployment that has taken a call over and worked on it no further; `script` is what its own attempts get."""
    bench = Bench({ACTION: list(script)}, bounds=bounds)
    hand(bench, call, rules=rules, request=request, catalog=catalog)
    return bench


def hand(
    bench: Bench,
    call: FailedCall,
    *,
    rules: FunctionRules | None = RULES,
    request: ActionDefinition | None = None,
    catalog: dict[str, object] | None = None,
) -> bool:
    """Hand a call over."""
    entry = ApiCatalogEntry.from_wire(catalog_wire(**catalog)) if catalog else None
    frozen = freeze(
        plan_of(call),
        {} if request is None else {request.id: request},
        functions={rules.name: rules} if rules and request is None else {},
        entries={call.action: entry} if entry else {},
        arguments={ACTION: call.arguments},
    )
    return bench.transact(
        lambda tx: begin_handed_over(
            tx, bench.steps, plans=bench.plans, call=call, frozen=frozen, deciding=bench.deciding
        )
    )


# --- the ledger ---


def test_the_attempts_of_the_program_are_on_the_ledger() -> None:
    """What was tried in process stands on the ledger as it was: numbers, times, verdicts, what followed each."""
    bench = handed(failed(REFUSED, BROKEN, LIMITED, since_s=10.0))

    now, ledger = bench.clock.now(), bench.attempts(ACTION)

    assert [1, 2, 3] == [one.n for one in ledger]
    assert [REFUSED, BROKEN, LIMITED] == [verdict_of(one.verdict or "") for one in ledger]
    assert [14.5, 12.5, 10.5] == [(now - one.started_at).total_seconds() for one in ledger]
    assert [14.0, 12.0, 10.0] == [(now - (one.settled_at or now)).total_seconds() for one in ledger]
    assert {"in-process"} == {one.worker for one in ledger}
    repeated = "retry-policy.in-process"
    assert [repeated, repeated, "wait-until"] == [json.loads(one.decision or "{}")["rule"] for one in ledger]


@given(st.lists(st.sampled_from([REFUSED, BROKEN, LIMITED, INVALID, TIMEOUT]), max_size=12), st.floats(0, 1e6))
def test_the_ledger_holds_exactly_the_attempts_of_the_program(verdicts: list[Verdict], since_s: float) -> None:
    """However a call failed, each of its attempts is on the ledger once, in order, and none lies in the future."""
    bench = handed(failed(*verdicts, since_s=since_s))

    ledger = bench.attempts(ACTION)

    assert verdicts == [verdict_of(one.verdict or "") for one in ledger]
    assert list(range(1, len(verdicts) + 1)) == [one.n for one in ledger]
    assert all(one.started_at <= (one.settled_at or one.started_at) <= bench.clock.now() for one in ledger)
    assert len(verdicts) == len(bench.events("action.execute.failed"))


def test_a_clock_that_is_ahead_does_not_make_attempts_of_the_future() -> None:
    """An attempt that is said to have lasted longer than there was time for ended just now."""
    call = failed(BROKEN)
    long = replace(call.attempts[0], took_s=100.0)

    bench = handed(replace(call, attempts=(long,)))

    assert bench.clock.now() == bench.attempts(ACTION)[0].settled_at


def test_handing_over_twice_is_one_execution() -> None:
    """The same call again changes nothing, also when the program knows the attempts to lie farther back by then."""
    bench = handed(failed(BROKEN))
    before = (bench.row(ACTION), len(bench.events()))

    assert not hand(bench, failed(BROKEN, since_s=60.0))
    assert before == (bench.row(ACTION), len(bench.events()))


def test_an_id_of_something_else_is_refused() -> None:
    """An execution of other work is never taken for the one that a call became."""
    bench = handed(failed(BROKEN))

    with pytest.raises(ExecutionConflict):
        hand(bench, failed(BROKEN, arguments={"name": "Bob"}))


def test_an_execution_of_a_call_is_left_to_workers_that_know_of_handovers() -> None:
    """An older worker, which would call without the arguments and with another key, leaves it alone."""
    bench = handed(failed(BROKEN))

    assert 2 == bench.execution().contract


# --- what follows ---


def test_a_call_that_passes_is_done_with_its_arguments() -> None:
    """The next attempt is made with the arguments of the call, which may be any JSON; the execution completes."""
    bench = handed(failed(BROKEN, BROKEN))

    bench.run()

    assert RunState.COMPLETED is bench.execution().state
    assert [{"name": "Ada", "tags": ["a", None]}] == [dict(one.action.inputs) for one in bench.calls(ACTION)]
    assert 3 == bench.row(ACTION).n


def test_an_argument_that_looks_like_a_reference_is_a_text() -> None:
    """What stands in an argument is never read as something of the plan."""
    bench = handed(failed(BROKEN, arguments={"name": "${call.output.id}"}))

    bench.run()

    assert RunState.COMPLETED is bench.execution().state
    assert {} == bench.calls(ACTION)[0].action.references


def test_attempts_of_the_program_count_against_the_retry_policy() -> None:
    """Three attempts allowed and two made: one is left to the policy; then recovery decides, which it does at once when all three were made."""
    two, three = handed(failed(BROKEN, BROKEN)), handed(failed(BROKEN, BROKEN, BROKEN))

    assert ["retry.scheduled"] == [one.type for one in two.events() if "retry" in one.type]
    assert [] == two.events("recovery.decided")
    assert ["back-off"] == [one.data["strategy"] for one in three.events("recovery.decided")]
    assert [0, 1] == [bench.row(ACTION).recoveries for bench in (two, three)]


def test_the_time_spent_in_the_program_counts_against_the_bound_on_time() -> None:
    """A call that has gone on for longer than recovery may last is given up, and set aside."""
    bench = handed(failed(BROKEN, since_s=120.0), bounds=Bounds(elapsed_max_s=100.0))

    assert RunState.FAILED is bench.execution().state
    assert {ACTION: "api_unexpected_status"} == bench.letters()


def test_a_failure_that_cannot_pass_is_set_aside() -> None:
    """Handing over what the other side refuses for good fails as it would have in a plan."""
    bench = handed(failed(INVALID))

    assert RunState.FAILED is bench.execution().state
    assert {ACTION: "validation_failed"} == bench.letters()


@pytest.mark.parametrize("since_s", [0.0, 600.0, 3599.0], ids=["at once", "later", "just before"])
def test_a_stated_wait_counts_from_when_it_was_stated(since_s: float) -> None:
    """The next attempt is due exactly when the server said, however long the program took to hand the call over."""
    bench = handed(failed(LIMITED, LIMITED, LIMITED, since_s=since_s))
    handed_at = bench.clock.now()

    bench.run()

    (called,) = [at for _, _, at in bench.performer.calls]
    assert timedelta(seconds=3600 - since_s) + SPREAD == called - handed_at


def test_a_stated_wait_that_is_over_delays_nothing() -> None:
    """Who hands a call over after the time that the server asked for need not wait for it again."""
    bench = handed(failed(LIMITED, LIMITED, LIMITED, since_s=4000.0))
    handed_at = bench.clock.now()

    bench.run()

    assert [handed_at + SPREAD] == [at for _, _, at in bench.performer.calls]


def test_a_person_who_says_again_does_not_come_before_the_stated_wait() -> None:
    """The ledger keeps when the wait was stated, so that no other way round it is too early either."""
    late = fault("network_timeout", "unknown", status=None, retry_after_s=3600.0)
    bench = handed(failed(late, since_s=600.0))
    handed_at = bench.clock.now()

    bench.answer("again")
    bench.run()

    assert [handed_at + timedelta(seconds=3000)] == [at for _, _, at in bench.performer.calls]


# --- what may have happened ---


def test_what_may_have_happened_becomes_a_question() -> None:
    """A function that is not repeatable and may have taken effect is not called again before a person has said so."""
    bench = handed(failed(BROKEN, TIMEOUT))

    bench.run()
    asked = bench.questions()
    bench.answer("again")
    bench.run()

    assert [2] == [one.n for one in asked]
    assert [3] == [one.attempt.n for one in bench.calls(ACTION)]


def test_a_refusal_after_a_doubtful_attempt_clears_nothing_up() -> None:
    """That the last attempt did nothing says nothing about the one before it."""
    bench = handed(failed(TIMEOUT, BROKEN))

    assert ActionState.ASKING is bench.row(ACTION).state
    assert "unknown" == json.loads(bench.row(ACTION).error or "{}")["outcome"]


def test_a_repeatable_function_goes_on_by_itself() -> None:
    """What may be repeated is repeated, whatever became of it in process."""
    bench = handed(failed(TIMEOUT, TIMEOUT), rules=replace(RULES, repeatable=True))

    bench.run()

    assert RunState.COMPLETED is bench.execution().state


# --- keys ---


def test_later_attempts_go_on_with_the_key_of_the_earlier_ones() -> None:
    """The API recognises the repeat by the key that it has seen already, through retries, deaths and recoveries."""
    bench = handed(failed(TIMEOUT, key="key-of-the-call"), TIMEOUT, DIE, TIMEOUT, request=KEYED)

    bench.run()

    assert {"key-of-the-call"} == {one.attempt.key for one in bench.calls(ACTION)}
    assert RunState.COMPLETED is bench.execution().state


def test_a_new_epoch_has_a_new_key() -> None:
    """Where the API replays stored errors, a definite no lets the key of the call go, too."""
    replays: dict[str, object] = {"idempotency": {"header": "Idempotency-Key", "replaysErrors": True}}

    bench = handed(failed(BROKEN, key="key-of-the-call"), request=KEYED, catalog=replays)
    bench.run()

    assert ["key-of-the-call"] != [one.attempt.key for one in bench.calls(ACTION)]
    assert RunState.COMPLETED is bench.execution().state


def test_a_key_that_was_never_sent_protects_nothing() -> None:
    """A request that was sent without a key is not repeated with one while it may have taken effect: the API would not recognise it."""
    bench = handed(failed(TIMEOUT), request=KEYED)

    assert ActionState.ASKING is bench.row(ACTION).state


def test_a_request_without_a_key_that_did_nothing_gets_one() -> None:
    """Once nothing is in doubt, the attempts of recovery have a key of their own, one for all of them."""
    bench = handed(failed(BROKEN), TIMEOUT, request=KEYED)

    bench.run()

    keys = {one.attempt.key for one in bench.calls(ACTION)}
    assert (2, 1, False) == (len(bench.calls(ACTION)), len(keys), "" in keys)


def test_a_request_without_a_key_is_asked_about_by_its_probe() -> None:
    """An action that can be asked about is, and repeated when it did not happen, with a key of its own."""
    pay = definition("crm.create", keyed=True, probe="look", probe_inputs={"key": "${self.key}"})
    call = failed(TIMEOUT)
    bench = Bench({f"probe:{ACTION}": [{"found": False}]})
    frozen = freeze(
        plan_of(call),
        {pay.id: pay, "look": definition("look", "GET")},
        functions={},
        entries={},
        arguments={ACTION: call.arguments},
    )
    bench.transact(
        lambda tx: begin_handed_over(
            tx, bench.steps, plans=bench.plans, call=call, frozen=frozen, deciding=bench.deciding
        )
    )

    bench.run()

    assert [1, 1] == [len(bench.attempts(ACTION, Purpose.PROBE)), len(bench.calls(ACTION))]
    assert RunState.COMPLETED is bench.execution().state


def test_a_probe_asks_by_the_key_that_was_sent() -> None:
    """The key that a probe asks for is the one that the call was made with in process."""
    pay = definition("crm.create", probe="look", probe_inputs={"key": "${self.key}"})
    call = failed(TIMEOUT, key="key-of-the-call")
    bench = Bench({f"probe:{ACTION}": [{"found": True}]})
    frozen = freeze(
        plan_of(call),
        {pay.id: pay, "look": definition("look", "GET")},
        functions={},
        entries={},
        arguments={ACTION: call.arguments},
    )
    bench.transact(
        lambda tx: begin_handed_over(
            tx, bench.steps, plans=bench.plans, call=call, frozen=frozen, deciding=bench.deciding
        )
    )

    bench.run()

    assert ["key-of-the-call"] == [one.parts["self"]["key"] for one in bench.calls(f"probe:{ACTION}")]
    assert [] == bench.calls(ACTION)


# --- calls that were turned away ---


def test_a_call_that_was_turned_away_begins_when_it_may() -> None:
    """Nothing was sent, so nothing is on the ledger; the first attempt comes when the circuit said, and not before."""
    bench = handed(failed(reason="circuit-open", wait_s=30.0))
    handed_at = bench.clock.now()

    before = bench.attempts(ACTION)
    bench.run()

    assert [] == before
    assert [handed_at + timedelta(seconds=30)] == [at for _, _, at in bench.performer.calls]
    assert [1] == [one.n for one in bench.attempts(ACTION)]


def test_a_call_that_was_turned_away_without_a_time_begins_at_once() -> None:
    """When nobody knows how long to wait, recovery finds out by trying."""
    bench = handed(failed(reason="bulkhead-full"))

    bench.run_now()

    assert RunState.COMPLETED is bench.execution().state


# --- why ---


def test_the_timeline_shows_what_was_done_in_process() -> None:
    """`why` tells that the call was handed over, by which policy, and each attempt of the program."""
    lines = "\n".join(explain(handed(failed(BROKEN, BROKEN, since_s=7.5)).events()))

    assert "handed over by the policy 'crm' after 2 attempts made in process (attempts-exhausted)" in lines
    assert "the first of them began 10.0 s before the handover" in lines
    assert "attempt 1 failed" in lines
    assert "attempt 2 failed" in lines


def test_the_timeline_shows_that_nothing_was_sent() -> None:
    """A call that was turned away says so, and one attempt is called one."""
    away = "\n".join(explain(handed(failed(reason="circuit-open")).events()))
    once = "\n".join(explain(handed(failed(BROKEN)).events()))

    assert "handed over by the policy 'crm', which let nothing be sent (circuit-open)" in away
    assert "after 1 attempt made in process" in once


def test_the_history_of_a_failure_begins_in_process() -> None:
    """The error that ends it tells all attempts and who made them."""
    bench = handed(failed(BROKEN, BROKEN, INVALID))

    context = json.loads(bench.row(ACTION).error or "{}")["context"]

    assert ("3", "retry-policy 2") == (context["attempts"], context["strategies"])
