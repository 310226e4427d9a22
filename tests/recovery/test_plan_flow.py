"""How a plan goes on and ends: alternatives, fallbacks, cancelling, starting twice, the sweep, and the one terminal event."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from holdfast.errors import ExecutionConflict
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.recovery.bench import (
    BROKEN,
    DIE,
    EXECUTION,
    EXPIRED,
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

COMPLETED, FAILED, SKIPPED = ActionState.COMPLETED, ActionState.FAILED, ActionState.SKIPPED
REFERENCE = {"id": "${pay.output.id}"}


# --- alternatives, fallbacks, going on ---


def test_the_alternative_takes_over_and_references_read_its_output() -> None:
    """What depends on the primary runs with the alternative's output."""
    plan = [action("pay", alternative="other"), action("other"), action("ship", "pay", inputs=REFERENCE)]

    bench = run(plan, [], {"pay": [REMOVED]})

    assert {"pay": FAILED, "other": COMPLETED, "ship": COMPLETED} == bench.states()
    assert {"id": "other"} == bench.calls("ship")[0].parts["pay"]["output"]
    assert RunState.COMPLETED is bench.ended()


def test_an_alternative_that_is_not_needed_is_skipped_with_that_reason() -> None:
    """An alternative never runs by itself."""
    bench = run([action("pay", alternative="other"), action("other")])

    assert (SKIPPED, "alternative not needed") == (bench.row("other").state, bench.row("other").reason)
    assert RunState.COMPLETED is bench.ended()


def test_alternatives_form_chains() -> None:
    """The alternative of an alternative stands in for both."""
    plan = [
        action("pay", alternative="second"),
        action("second", alternative="third"),
        action("third"),
        action("ship", "pay", inputs=REFERENCE),
    ]

    bench = run(plan, [], {"pay": [REMOVED], "second": [REMOVED]})

    assert {"id": "third"} == bench.calls("ship")[0].parts["pay"]["output"]
    assert RunState.COMPLETED is bench.ended()


@pytest.mark.parametrize(
    ("handling", "absorbed", "end"),
    [
        pytest.param({"fallback": {"id": "x"}}, "fallback", RunState.COMPLETED, id="fallback"),
        pytest.param({"goes_on": True}, "continue", RunState.COMPLETED, id="continue"),
        pytest.param({}, None, RunState.FAILED, id="neither"),
    ],
)
@pytest.mark.parametrize("length", [1, 2])
def test_an_alternative_that_fails_falls_back_to_what_the_primary_provides(
    handling: dict[str, object], absorbed: str | None, end: RunState, length: int
) -> None:
    """When the alternative fails as well, the primary's own fallback or leave to go on applies, up the chain."""
    chain = [action("a1", alternative="a2" if length == 2 else None), action("a2")][:length]
    script = {"pay": [REMOVED], "a1": [REMOVED if length == 2 else INVALID], "a2": [INVALID]}

    bench = run([action("pay", alternative="a1", **handling), *chain], [], script)

    assert (absorbed, end) == (bench.row().absorbed, bench.ended())


def test_two_actions_may_share_an_alternative_that_works() -> None:
    """One alternative can stand in for two."""
    plan = [action("pay", alternative="other"), action("book", alternative="other"), action("other")]

    bench = run(plan, [], {"pay": [REMOVED], "book": [REMOVED]})

    assert (1, RunState.COMPLETED) == (len(bench.calls("other")), bench.ended())


@pytest.mark.parametrize("is_late", [False, True], ids=["together", "after it has failed"])
@pytest.mark.parametrize(
    ("handling", "end"),
    [pytest.param({"goes_on": True}, RunState.COMPLETED, id="both"), pytest.param({}, RunState.FAILED, id="one")],
)
def test_a_shared_alternative_that_fails_fails_for_everyone(
    handling: dict[str, object], end: RunState, is_late: bool
) -> None:
    """Everyone who handed over falls back to its own means; if one has none, the plan fails."""
    late = ["wait"] if is_late else []
    plan = [
        action("pay", alternative="zero", fallback={"id": "x"}),
        action("book", *late, alternative="zero", **handling),
        action("zero"),
        action("wait", "pay"),
    ]

    bench = run(plan, [], {"pay": [REMOVED], "book": [REMOVED], "zero": [INVALID]})

    assert end is bench.ended()
    assert "fallback" == bench.row().absorbed
    assert FAILED is bench.row("book").state


def test_one_who_is_saved_does_not_save_the_others() -> None:
    """Where several wait for one alternative that fails, each needs means of its own."""
    plan = [
        action("pay", alternative="aid", fallback={"id": "x"}),
        action("aid", alternative="zero"),
        action("book", alternative="zero"),
        action("zero"),
    ]

    bench = run(plan, [], {"pay": [REMOVED], "aid": [REMOVED], "book": [REMOVED], "zero": [INVALID]})

    assert RunState.FAILED is bench.ended()
    assert "fallback" == bench.row().absorbed


@pytest.mark.parametrize(
    ("handling", "end"),
    [pytest.param({"goes_on": True}, RunState.COMPLETED, id="goes on"), pytest.param({}, RunState.FAILED, id="fails")],
)
def test_an_alternative_that_cannot_run_does_not_stand_in(handling: dict[str, object], end: RunState) -> None:
    """An alternative without the inputs it needs is skipped, and then the primary has failed after all."""
    needs = {"id": "${gone.output.id}"}
    plan = [
        action("gone", goes_on=True),
        action("pay", "gone", alternative="other", **handling),
        action("other", "gone", inputs=needs),
        action("after", "pay"),
    ]

    bench = run(plan, [], {"gone": [INVALID], "pay": [REMOVED]})

    assert end is bench.ended()
    assert (COMPLETED if handling else SKIPPED) is bench.row("after").state


def test_a_fallback_value_is_the_output() -> None:
    """References read the fallback value, and the failed action shows it."""
    plan = [action("pay", fallback={"id": "none"}), action("ship", "pay", inputs=REFERENCE)]

    bench = run(plan, [], {"pay": [INVALID]})

    assert {"id": "none"} == bench.calls("ship")[0].parts["pay"]["output"]
    result = bench.state().action_states["pay"].result
    assert ("failure", {"id": "none"}) == (result.status, result.partial_output)
    assert RunState.COMPLETED is bench.ended()


def test_the_plan_goes_on_for_those_who_do_not_need_the_output() -> None:
    """Dependents run, except those that reference what is not there: they are skipped and say so."""
    plan = [
        action("pay", goes_on=True),
        action("ship", "pay", inputs=REFERENCE),
        action("mail", "pay"),
        action("end", "ship"),
    ]

    bench = run(plan, [], {"pay": [INVALID]})

    assert {"pay": FAILED, "ship": SKIPPED, "mail": COMPLETED, "end": COMPLETED} == bench.states()
    assert "it references the output of 'pay', which has none" == bench.row("ship").reason
    assert RunState.COMPLETED is bench.ended()


# --- cancelling ---


def test_cancel_before_anything_ran() -> None:
    """Everything is skipped, and the execution ends at once."""
    bench = Bench()
    bench.start(frozen([action("pay"), action("ship", "pay")]))

    assert bench.cancel()

    assert (RunState.CANCELLED, {"pay": SKIPPED, "ship": SKIPPED}) == (bench.ended(), bench.states())
    bench.run()
    assert [] == bench.performer.calls


def test_cancel_during_a_wait_for_a_retry() -> None:
    """A waiting recovery is given up at once; its step finds nothing to do."""
    limited = fault("rate_limit_burst", status=429, retry_after_s=3600.0)
    bench = Bench({"pay": [limited]})
    bench.start(frozen([action("pay")]))
    bench.run_now()

    bench.cancel()

    assert (RunState.CANCELLED, {}) == (bench.ended(), bench.letters())
    bench.run()
    assert 1 == len(bench.calls("pay"))


def test_cancel_during_a_wait_after_an_unknown_outcome_leaves_a_dead_letter() -> None:
    """An action that may have taken effect is not quietly skipped."""
    bench = Bench({"pay": [TIMEOUT]})
    bench.start(frozen([action("pay")], [definition("pay", keyed=True)]))
    bench.run_now()

    bench.cancel()

    assert {"pay": "outcome-unknown"} == bench.letters()
    assert "may have taken effect" in str(bench.row().reason)


@pytest.mark.parametrize(("given", "state"), [({"id": 1}, COMPLETED), (BROKEN, FAILED)], ids=["works", "fails"])
def test_cancel_waits_for_what_is_in_flight(given: object, state: ActionState) -> None:
    """A running attempt is awaited and its answer kept; nothing follows from its failure."""
    bench = Bench()
    bench.start(frozen([action("pay"), action("ship", "pay")]))
    step = bench.begin_attempt()

    bench.cancel()
    assert ("running", RunState.RUNNING) == (bench.state().status, bench.execution().state)
    bench.settle(step, given)

    assert (RunState.CANCELLED, state) == (bench.ended(), bench.row().state)
    assert {} == bench.steps.held


def test_cancel_while_a_person_is_asked() -> None:
    """Nobody is asked any more; what is not known is set aside."""
    bench = run([action("pay")], [], {"pay": [TIMEOUT]})

    bench.cancel()

    assert (RunState.CANCELLED, {"pay": "outcome-unknown"}) == (bench.ended(), bench.letters())


@pytest.mark.parametrize("in_flight", [False, True], ids=["before the probe", "during the probe"])
def test_cancel_while_probing(in_flight: bool) -> None:
    """A probe in flight is awaited; its answer changes nothing any more."""
    bench = Bench({"pay": [TIMEOUT]})
    bench.start(frozen([action("pay")], [definition("pay", probe="look"), definition("look", "GET")]))
    bench.run_once()
    probe = bench.begin_attempt() if in_flight else None

    bench.cancel()
    if probe is not None:
        bench.settle(probe, {"found": True})

    assert (RunState.CANCELLED, FAILED) == (bench.ended(), bench.row().state)
    assert {"pay": "outcome-unknown"} == bench.letters()


def test_cancel_while_a_credential_is_refreshed() -> None:
    """A refresh in flight is awaited, and its token is kept for others."""
    pay = definition("pay", credential="TOKEN")
    bench = Bench()
    bench.start(frozen([action("pay")], [pay, definition("renew", refreshes="TOKEN")]))
    bench.expire_all(1)
    refresh = bench.begin_attempt()

    bench.cancel()
    assert RunState.RUNNING is bench.execution().state
    bench.settle(refresh, "fresh")

    assert RunState.CANCELLED is bench.ended()
    assert 1 == bench.read(lambda snapshot: snapshot.credential("TOKEN")).generation


def test_cancelling_twice_says_so() -> None:
    """A second cancel, and one after the end, do nothing."""
    bench = Bench()
    bench.start(frozen([action("pay")]))
    step = bench.begin_attempt()

    assert [True, False] == [bench.cancel(), bench.cancel()]
    bench.settle(step, {"id": 1})
    assert not bench.cancel()
    assert RunState.CANCELLED is bench.ended()


def test_cancel_and_a_worker_that_died() -> None:
    """The attempt of a dead worker is not made again for a cancelled execution; it ends as unknown."""
    bench = Bench({"pay": [DIE]})
    bench.start(frozen([action("pay")], [definition("pay", keyed=True)]))
    bench.run_once()

    bench.cancel()
    bench.run()

    assert (1, RunState.CANCELLED) == (len(bench.calls("pay")), bench.ended())


# --- starting ---


def test_starting_the_same_twice_is_one_execution() -> None:
    """The id is the caller's: the same plan again changes nothing, another plan is refused."""
    bench = Bench()
    plan = frozen([action("pay")])

    assert [True, False] == [bench.start(plan), bench.start(plan)]
    with pytest.raises(ExecutionConflict):
        bench.start(frozen([action("book")]))
    bench.run()
    assert (1, RunState.COMPLETED) == (len(bench.calls("pay")), bench.ended())


def test_a_plan_without_actions_is_done_at_once() -> None:
    """Nothing to do is done."""
    bench = run([])

    assert RunState.COMPLETED is bench.ended()


# --- the sweep ---


def test_the_sweep_repairs_a_lost_step_and_nothing_else() -> None:
    """An action whose step the engine forgot gets a new one; everything else stays as it is."""
    bench = Bench()
    bench.start(frozen([action("pay")]))
    bench.start(frozen([action("calm")]), OTHER)
    bench.steps.lose(str(bench.row().step_key))
    before = bench.execution(OTHER)

    swept = bench.sweep()

    assert (2, 1, 0, ()) == (swept.looked_at, swept.repaired, swept.advanced, swept.stuck)
    assert before == bench.execution(OTHER)
    bench.run()
    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))
    assert 0 == bench.sweep().repaired


def test_the_sweep_repairs_the_step_of_an_attempt_in_flight() -> None:
    """A step lost with its worker is taken up as after any death, under the same key."""
    bench = Bench({"pay": [DIE]})
    bench.start(frozen([action("pay")], [definition("pay", keyed=True)]))
    step = bench.take()
    bench.perform(step)
    bench.steps.lose(step.key)

    bench.sweep()
    bench.run()

    assert (2, RunState.COMPLETED) == (len(bench.calls("pay")), bench.ended())


def test_the_sweep_repairs_a_lost_probe() -> None:
    """The probe that an action rests on is made after all."""
    bench = Bench({"pay": [TIMEOUT], "probe:pay": [{"found": True}]})
    bench.start(frozen([action("pay")], [definition("pay", probe="look"), definition("look", "GET")]))
    bench.run_once()
    bench.steps.lose(str(bench.row().step_key))

    assert 1 == bench.sweep().repaired
    bench.run()

    assert RunState.COMPLETED is bench.ended()


def test_the_sweep_advances_an_idle_execution() -> None:
    """An execution in which nothing rests on anything is advanced; one that drains is no defect."""
    bench = Bench()
    bench.start(frozen([action("pay")]))
    bench.run()
    with bench.store._connection.begin():
        bench.store._connection.execute(sa.text("UPDATE executions SET state = 'running', ended_at = NULL"))
        bench.store._connection.execute(sa.text("DELETE FROM events WHERE is_terminal"))

    swept = bench.sweep()

    assert (1, ()) == (swept.advanced, swept.stuck)
    assert RunState.COMPLETED is bench.ended()


def test_the_sweep_takes_up_a_lost_refresh_that_an_end_waits_for() -> None:
    """A cancelled execution ends although the engine lost the step of its refresh; before its time is up, it is only waited for."""
    pay = definition("pay", credential="TOKEN")
    bench = Bench()
    bench.start(frozen([action("pay")], [pay, definition("renew", refreshes="TOKEN")]))
    bench.expire_all(1)
    bench.steps.lose(bench.begin_attempt("dead").key)
    bench.cancel()

    early = bench.sweep()
    assert (0, ()) == (len(bench.steps.held) - 1, early.stuck)
    bench.clock.advance(200)
    bench.sweep()
    bench.run()

    assert RunState.CANCELLED is bench.ended()


# --- the one terminal event ---


def test_the_index_refuses_a_second_terminal_event() -> None:
    """Even a protocol gone wrong cannot end an execution twice."""
    bench = run([action("pay")])

    with pytest.raises(sa.exc.IntegrityError):
        bench.transact(lambda tx: tx.emit(EXECUTION, "plan.execute.failed", data={}, is_terminal=True))
    assert RunState.COMPLETED is bench.ended()


def test_attempts_of_every_purpose_are_settled_at_the_end() -> None:
    """The ledger of an ended execution has no open entry."""
    pay = definition("pay", credential="TOKEN", probe="look")
    script: dict[str, list[object]] = {"pay": [EXPIRED, TIMEOUT], "probe:pay": [{"found": True}]}

    bench = run([action("pay")], [pay, definition("look", "GET"), definition("renew", refreshes="TOKEN")], script)

    purposes = [len(bench.attempts(purpose=purpose)) for purpose in (Purpose.PERFORM, Purpose.PROBE, Purpose.REFRESH)]
    assert ([2, 1, 1], RunState.COMPLETED) == (purposes, bench.ended())
    assert all(one.outcome for one in bench.read(lambda snapshot: snapshot.attempts(EXECUTION)))


# --- what goes first ---


def test_a_refresh_goes_before_all_other_work_that_is_due() -> None:
    """Many wait for it and its lease runs: once it is asked for, nothing that was due before it comes first."""
    names = "abcdef"
    pay = definition("a", credential="TOKEN")
    bench = Bench({"a": [EXPIRED]})
    bench.start(
        frozen(
            [action(name) for name in names],
            [pay, *(definition(name) for name in names[1:]), definition("renew", refreshes="TOKEN")],
        )
    )
    refused = bench.take()
    bench.clock.advance(1)

    bench.perform(refused)
    bench.run()

    assert ["a", "refresh:renew"] == [name for name, _, _ in bench.performer.calls[:2]]
    assert RunState.COMPLETED is bench.ended()
