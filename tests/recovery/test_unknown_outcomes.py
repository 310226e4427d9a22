"""Attempts that may have taken effect: by key, by probe, or by a person; never blindly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.decisions.facts import Bounds
from holdfast.errors import BadInput, QuestionClosed, UnknownExecution
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.recovery.bench import (
    BROKEN,
    DIE,
    EXECUTION,
    INVALID,
    OTHER,
    REMOVED,
    TIMEOUT,
    Bench,
    action,
    definition,
    fault,
    frozen,
    run,
)

KEYED = definition("pay", keyed=True)
LOOK = definition("look", "GET")
PROBED = definition("pay", probe="look", probe_inputs={"key": "${self.key}"})
UNSAFE = definition("pay")
FOUND: dict[str, object] = {"found": True, "id": "p1"}
ABSENT: dict[str, object] = {"found": False}
LIFETIME_MS = 60_000
EXECUTED = fault("api_response_malformed", "executed", status=200)


def entry(**idempotency: object) -> dict[str, object]:
    """A catalog entry of an API that honours keys."""
    return {"idempotency": {"header": "Idempotency-Key", **idempotency}}


# --- keys ---


def test_a_keyed_action_is_repeated_with_the_same_key() -> None:
    """An action whose API honours keys is repeated after a timeout, under one key."""
    bench = run([action("pay")], [KEYED], {"pay": [TIMEOUT, TIMEOUT]})

    assert [3, 1] == [len(bench.calls("pay")), len({one.attempt.key for one in bench.calls("pay")})]
    assert RunState.COMPLETED is bench.ended()


def test_a_definite_no_gets_a_new_key_where_errors_are_replayed() -> None:
    """Where the API replays stored errors, the repeat of a refused attempt has a new key; nowhere else."""
    replaying = run([action("pay")], [UNSAFE], {"pay": [BROKEN]}, catalog=entry(replaysErrors=True))
    plain = run([action("pay")], [UNSAFE], {"pay": [BROKEN]}, catalog=entry())

    assert [2, 1] == [len({one.key for one in bench.attempts()}) for bench in (replaying, plain)]


def test_a_definite_no_after_an_unknown_keeps_the_key() -> None:
    """A refusal says nothing about the earlier attempt that may have worked: its key is kept, or it would be done twice."""
    bench = run([action("pay")], [UNSAFE], {"pay": [TIMEOUT, BROKEN]}, catalog=entry(replaysErrors=True))

    assert (3, 1) == (len(bench.attempts()), len({one.key for one in bench.attempts()}))


def test_a_key_past_its_lifetime_is_never_repeated() -> None:
    """An attempt in doubt is not repeated with a key that the API will have forgotten by then: a person is asked."""
    slow = fault("network_timeout", "unknown", status=None, retry_after_s=61.0)

    bench = run([action("pay")], [UNSAFE], {"pay": [slow]}, catalog=entry(keyLifetime=LIFETIME_MS))

    assert 1 == len(bench.calls("pay"))
    assert ActionState.ASKING is bench.row().state


def test_a_worker_that_comes_back_too_late_does_not_use_a_forgotten_key() -> None:
    """A repeat that was due within the key's lifetime is not made when nobody worked until after it."""
    bench = Bench({"pay": [TIMEOUT]})
    bench.start(frozen([action("pay")], [UNSAFE], catalog=entry(keyLifetime=LIFETIME_MS)))
    bench.run_once()
    bench.clock.advance(3600)

    bench.run()

    assert 1 == len(bench.calls("pay"))
    assert ActionState.ASKING is bench.row().state


def test_an_attempt_of_a_dead_worker_is_not_taken_up_with_a_forgotten_key() -> None:
    """The lifetime counts from the key's first use, not from the last attempt."""
    bench = Bench({"pay": [TIMEOUT]})
    bench.start(frozen([action("pay")], [UNSAFE], catalog=entry(keyLifetime=LIFETIME_MS)))
    bench.run_once()
    bench.clock.advance(30)
    bench.begin_attempt("dead")
    bench.clock.advance(31)
    bench.steps.release("dead")

    bench.run()

    assert ActionState.ASKING is bench.row().state


def test_a_refusal_past_the_keys_lifetime_is_still_repeated_when_nothing_is_in_doubt() -> None:
    """A key's lifetime matters only for what may have taken effect."""
    limited = fault("rate_limit_burst", status=429, retry_after_s=3600.0)

    bench = run([action("pay")], [UNSAFE], {"pay": [limited]}, catalog=entry(keyLifetime=LIFETIME_MS))

    assert RunState.COMPLETED is bench.ended()


def test_the_alternative_is_not_taken_while_an_earlier_attempt_is_in_doubt() -> None:
    """An endpoint that vanishes after a timeout leaves the timeout in doubt: the alternative could do the work a second time."""
    bench = run([action("pay", alternative="other"), action("other")], [KEYED], {"pay": [TIMEOUT, REMOVED]})

    assert [] == bench.calls("other")
    assert RunState.FAILED is bench.ended()
    assert "unknown" == bench.state().error.outcome


def test_the_alternative_is_not_taken_after_a_worker_died_in_the_attempt() -> None:
    """A refusal to the second performer says nothing about what the first one did before it died."""
    bench = run([action("pay", alternative="other"), action("other")], [KEYED], {"pay": [DIE, REMOVED]})

    assert [] == bench.calls("other")


def test_an_earlier_death_stays_in_doubt_over_later_refusals() -> None:
    """The doubt that a dead worker left outlives any number of refusals."""
    plan = [action("pay", alternative="other"), action("other")]

    bench = run(plan, [KEYED], {"pay": [DIE, BROKEN, REMOVED]})

    assert [] == bench.calls("other")


def test_a_probe_that_found_nothing_ends_the_doubt() -> None:
    """Once the API has said that it did not happen, the alternative may take over."""
    plan = [action("pay", alternative="other"), action("other")]

    bench = run(plan, [PROBED, LOOK], {"pay": [TIMEOUT, REMOVED], "probe:pay": [ABSENT]})

    assert (1, RunState.COMPLETED) == (len(bench.calls("other")), bench.ended())


# --- probes ---


def test_a_probe_that_finds_it_completes_the_action() -> None:
    """When the API says that it happened, the probe's answer is the output and nothing is repeated."""
    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [FOUND]})

    assert 1 == len(bench.calls("pay"))
    assert {"found": "true", "id": "p1"} == bench.state().action_states["pay"].result.output
    assert RunState.COMPLETED is bench.ended()


def test_a_probe_that_finds_nothing_leads_to_a_repeat_with_the_same_key() -> None:
    """When the API says that it did not happen, it is performed again, under the same key."""
    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [ABSENT]})

    assert (2, 1) == (len(bench.calls("pay")), len({one.attempt.key for one in bench.calls("pay")}))
    assert RunState.COMPLETED is bench.ended()


def test_a_probe_is_told_the_key_of_the_attempt_it_asks_about() -> None:
    """`${self.key}` is the attempt's key; the probe's own is another."""
    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [FOUND]})

    probe = bench.calls("probe:pay")[0]
    assert bench.attempts()[0].key == probe.parts["self"]["key"]
    assert bench.attempts()[0].key != probe.attempt.key


def test_a_record_that_is_not_found_means_that_it_did_not_happen() -> None:
    """A probe answered 404 about a record allows the repeat."""
    missing = fault("state_inconsistent", status=404)

    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [missing]})

    assert (2, RunState.COMPLETED) == (len(bench.calls("pay")), bench.ended())


@pytest.mark.parametrize("status", [404, 410])
def test_a_probe_whose_own_address_is_gone_says_nothing(status: int) -> None:
    """A probe that asks at an address that no longer exists never allows a repeat."""
    gone = fault("api_endpoint_removed", status=status)

    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [gone] * 9})

    assert (1, ActionState.ASKING) == (len(bench.calls("pay")), bench.row().state)


def test_a_probe_that_keeps_failing_ends_at_a_person() -> None:
    """A probe is repeated with growing pauses, starts no recovery of its own, and then a person is asked."""
    bench = run(
        [action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [BROKEN] * 9}, bounds=Bounds(probes_max=3)
    )

    assert [0.0, 2.0, 6.0] == bench.times("probe:pay")
    assert ActionState.ASKING is bench.row().state
    assert "paused_for_confirmation" == bench.state().status


def test_a_probe_whose_worker_died_is_made_again() -> None:
    """Asking twice does no harm."""
    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT], "probe:pay": [DIE, FOUND]})

    assert RunState.COMPLETED is bench.ended()


# --- people ---


def test_an_unsafe_action_waits_for_a_person() -> None:
    """Nothing is repeated, absorbed or replaced before a person has answered; waiting costs no step."""
    planned = action("pay", alternative="other", fallback={"id": "none"}, goes_on=True)

    bench = run([planned, action("other")], [UNSAFE], {"pay": [TIMEOUT]})

    assert ["pay"] == [name for name, _, _ in bench.performer.calls]
    assert ("paused_for_confirmation", {}) == (bench.state().status, bench.steps.held)
    assert None is bench.state().confirmations[0].responded_at


def test_happened_completes_with_the_output_the_person_gives() -> None:
    """What a person says about the output is what references read."""
    plan = [action("pay"), action("ship", "pay", inputs={"id": "${pay.output.id}"})]
    bench = run(plan, [UNSAFE], {"pay": [TIMEOUT]})

    bench.answer("happened", output={"id": "p7"})
    bench.run()

    assert {"id": "p7"} == bench.calls("ship")[0].parts["pay"]["output"]
    assert RunState.COMPLETED is bench.ended()


def test_again_repeats_with_a_new_key() -> None:
    """Only a person may repeat an unknown outcome, and then under a new key."""
    bench = run([action("pay")], [UNSAFE], {"pay": [TIMEOUT]})

    bench.answer("again")
    bench.run()

    assert (2, 2) == (len(bench.calls("pay")), len({one.attempt.key for one in bench.calls("pay")}))
    assert RunState.COMPLETED is bench.ended()


@pytest.mark.parametrize(
    ("handling", "absorbed", "end"),
    [
        pytest.param({"fallback": {"id": "none"}, "goes_on": True}, "fallback", RunState.COMPLETED, id="fallback"),
        pytest.param({"goes_on": True}, "continue", RunState.COMPLETED, id="continue"),
        pytest.param({}, None, RunState.FAILED, id="fail"),
    ],
)
def test_give_up_lets_the_plan_provide(handling: dict[str, object], absorbed: str | None, end: RunState) -> None:
    """When a person gives up, the fallback value comes before going on, and without either the plan fails."""
    bench = run([action("pay", **handling)], [UNSAFE], {"pay": [TIMEOUT]})

    bench.answer("give-up")

    assert (absorbed, end) == (bench.row().absorbed, bench.ended())


def test_the_first_answer_wins() -> None:
    """A second answer is refused, an unknown one as well, and so is one about nothing."""
    bench = run([action("pay")], [UNSAFE], {"pay": [TIMEOUT]})

    with pytest.raises(BadInput):
        bench.answer("maybe")
    bench.answer("give-up")

    with pytest.raises(QuestionClosed):
        bench.answer("happened")
    with pytest.raises(UnknownExecution):
        bench.answer("happened", execution=OTHER)


def test_several_questions_need_a_name() -> None:
    """With two questions open, an answer has to say which one it means."""
    bench = run([action("pay"), action("book")], [UNSAFE], {"pay": [TIMEOUT], "book": [TIMEOUT]})

    with pytest.raises(BadInput):
        bench.answer("happened")


def test_what_happened_is_never_repeated() -> None:
    """An attempt that took effect without a usable answer is a question about its output, whatever would make a repeat safe."""
    bench = run([action("pay", fallback={"id": "x"})], [KEYED], {"pay": [EXECUTED]})

    assert (1, ActionState.ASKING) == (len(bench.calls("pay")), bench.row().state)


# --- late answers ---


def test_a_late_success_answers_the_question() -> None:
    """The performer that was thought dead reports: its answer is the truth the person was to find."""
    bench = Bench()
    bench.start(frozen([action("pay")], [UNSAFE]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run()
    assert ActionState.ASKING is bench.row().state

    bench.settle(step, {"id": "p1"})

    assert RunState.COMPLETED is bench.ended()
    with pytest.raises(QuestionClosed):
        bench.answer("again")


def test_a_late_refusal_answers_the_question_and_is_decided_about() -> None:
    """A late definite no allows what an unknown outcome forbade: the basic policy counts the attempt as its first."""
    pay = definition("pay", attempts=2, retries=["api_unexpected_status"], probe="look")
    bench = Bench({"probe:pay": [BROKEN] * 9})
    bench.start(frozen([action("pay")], [pay, LOOK]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run_once()

    bench.settle(step, BROKEN)
    bench.run()

    assert RunState.COMPLETED is bench.ended()
    assert 1 == len(bench.events("retry.scheduled"))


@pytest.mark.parametrize("late", [TIMEOUT, EXECUTED], ids=["unknown", "executed"])
def test_a_late_answer_that_says_nothing_new_leaves_the_question(late: object) -> None:
    """A late timeout, or an answer without a usable output, does not withdraw the question."""
    bench = Bench()
    bench.start(frozen([action("pay")], [UNSAFE]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run()

    bench.settle(step, late)

    assert ActionState.ASKING is bench.row().state
    assert "paused_for_confirmation" == bench.state().status


def test_a_late_success_resolves_a_probe_in_flight() -> None:
    """The action is done; the probe's own answer no longer matters, and the end waits for it."""
    bench = Bench()
    bench.start(frozen([action("pay")], [PROBED, LOOK]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run_once()
    probe = bench.begin_attempt()

    bench.settle(step, {"id": "p1"})
    assert RunState.RUNNING is bench.execution().state
    bench.settle(probe, ABSENT)

    assert (RunState.COMPLETED, ActionState.COMPLETED) == (bench.ended(), bench.row().state)


def test_a_probe_set_aside_does_not_reopen_what_is_done() -> None:
    """A probe that keeps killing its workers cannot undo an action that was completed meanwhile."""
    bench = Bench({"probe:pay": [DIE] * 3})
    bench.start(frozen([action("pay")], [PROBED, LOOK]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run_once()
    bench.run_once()
    bench.settle(step, {"id": "p1"})

    bench.run()

    assert (RunState.COMPLETED, ActionState.COMPLETED) == (bench.ended(), bench.row().state)


def test_a_late_answer_never_reopens_an_end() -> None:
    """After the end a late success is kept on the ledger and changes nothing."""
    bench = Bench()
    bench.start(frozen([action("pay")], [UNSAFE]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run()
    bench.answer("give-up")
    before = (bench.execution().state, bench.row())

    bench.settle(step, {"id": "p1"})

    assert before == (bench.execution().state, bench.row())
    assert None is not bench.attempts()[0].late_answer
    assert RunState.FAILED is bench.ended()


# --- dead workers ---


@pytest.mark.parametrize(
    ("made", "calls", "state"),
    [
        pytest.param(definition("pay", "GET"), 2, ActionState.COMPLETED, id="read-only"),
        pytest.param(definition("pay", "PUT"), 2, ActionState.COMPLETED, id="idempotent"),
        pytest.param(KEYED, 2, ActionState.COMPLETED, id="keyed"),
        pytest.param(PROBED, 1, ActionState.COMPLETED, id="probed"),
        pytest.param(UNSAFE, 1, ActionState.ASKING, id="unsafe"),
    ],
)
def test_a_worker_dies_between_claim_and_settle(made: object, calls: int, state: ActionState) -> None:
    """After a crash only what is safe is made again, with the same key; the rest is probed or asked about."""
    bench = run([action("pay")], [made, LOOK], {"pay": [DIE], "probe:pay": [FOUND]})

    assert (calls, state) == (len(bench.calls("pay")), bench.row().state)
    assert 1 == len({one.attempt.key for one in bench.calls("pay")})


def test_an_attempt_that_kills_its_workers_is_set_aside_alone() -> None:
    """After the third death the action fails with a dead letter; other executions go on."""
    bench = Bench({"pay": [DIE, DIE, DIE]})
    bench.start(frozen([action("pay", fallback={"id": "x"})], [definition("pay", "GET")]))
    bench.start(frozen([action("calm")]), OTHER)

    bench.run()

    assert (RunState.FAILED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))
    assert {"pay": "worker-lost"} == bench.letters()
    assert 3 == len(bench.calls("pay"))


def test_a_step_overtaken_by_a_wake_up_does_not_doubt_a_living_performer() -> None:
    """When the wait for a credential ends early, its later step finds the attempt in flight and leaves it alone."""
    pay = definition("pay", credential="TOKEN", timeout=120_000)
    bench = Bench()
    bench.start(frozen([action("pay")], [pay, definition("renew", refreshes="TOKEN")]))
    bench.expire_all(1)
    bench.run_once()
    slow = bench.begin_attempt("alive")
    bench.clock.advance(100)

    bench.run()

    assert ActionState.RUNNING is bench.row().state
    assert [] == bench.events("attempt.reclaimed")
    bench.settle(slow, {"id": "p1"})
    assert RunState.COMPLETED is bench.ended()


# --- duplicates ---


def test_duplicate_and_stale_steps_do_nothing() -> None:
    """A step delivered after its attempt was settled, or for another attempt, is finished without effect."""
    bench = Bench({"pay": [BROKEN]})
    bench.start(frozen([action("pay")], [definition("pay", "GET")]))
    first = bench.take()
    bench.perform(first)
    before = bench.row()

    bench.perform(first)

    assert (1, before) == (len(bench.calls("pay")), bench.row())
    bench.run()
    bench.perform(first)
    assert RunState.COMPLETED is bench.ended()


@pytest.mark.parametrize("number", [0, 2], ids=["before its turn", "after its turn"])
def test_a_step_for_another_attempt_does_nothing(number: int) -> None:
    """Only the attempt that an action waits for is made, whatever the engine delivers."""
    bench = Bench()
    bench.start(frozen([action("pay"), action("ship", "pay")]))
    step = bench.take()

    bench.perform(replace(step, key="stray", n=number))
    bench.perform(replace(step, key="early", action="ship", n=1))

    assert [] == bench.performer.calls
    assert ActionState.SCHEDULED is bench.row().state


def test_the_second_settle_of_an_attempt_changes_nothing() -> None:
    """Both performers of a keyed attempt are right; the first one to report is believed."""
    bench = Bench()
    bench.start(frozen([action("pay")], [KEYED]))
    step = bench.begin_attempt()

    bench.settle(step, {"id": "first"})
    bench.settle(step, INVALID)

    assert ('{"id": "first"}', RunState.COMPLETED) == (bench.row().output, bench.ended())


def test_purposes_have_numbers_of_their_own() -> None:
    """Probe 1 and attempt 1 do not stand in each other's way."""
    bench = run([action("pay")], [PROBED, LOOK], {"pay": [TIMEOUT, TIMEOUT], "probe:pay": [ABSENT, FOUND]})

    assert [1, 2] == [one.n for one in bench.attempts(purpose=Purpose.PROBE)]
    assert EXECUTION == bench.attempts()[0].execution
