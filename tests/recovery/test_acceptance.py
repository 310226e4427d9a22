"""The acceptance criteria of the error recovery manager, RECOVERY-001 to -008, each by name."""

from __future__ import annotations

import json

import pytest

from holdfast.decisions.facts import Bounds
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.recovery.bench import (
    BROKEN,
    DIE,
    EXECUTION,
    EXPIRED,
    INVALID,
    OTHER,
    REFUSED,
    REMOVED,
    TIMEOUT,
    Bench,
    action,
    definition,
    fault,
    frozen,
    run,
    wants_new_token,
)

RENEW = definition("renew", refreshes="TOKEN")
PAY = definition("pay", credential="TOKEN")
GET = definition("pay", "GET")


# --- RECOVERY-001 ---


@pytest.mark.parametrize(
    ("failure", "strategy"),
    [
        pytest.param(EXPIRED, "refresh-then-retry", id="auth_expired"),
        pytest.param(fault("rate_limit_burst", status=429, retry_after_s=3), "wait-until", id="rate_limit_burst"),
        pytest.param(fault("rate_limit_daily", status=429, retry_after_s=3), "wait-daily", id="rate_limit_daily"),
        pytest.param(TIMEOUT, "retry-larger-timeout", id="network_timeout"),
        pytest.param(REFUSED, "back-off", id="network_connection_refused"),
        pytest.param(BROKEN, "back-off", id="api_unexpected_status"),
        pytest.param(fault("api_response_malformed"), "back-off", id="api_response_malformed"),
        pytest.param(REMOVED, "alternative", id="api_endpoint_removed"),
    ],
)
def test_recovery_001_routes_by_category(failure: object, strategy: str) -> None:
    """Each category of failure leads to its own strategy, and the plan ends well."""
    pay = definition("pay", "GET", credential="TOKEN")

    bench = run([action("pay", alternative="other"), action("other")], [pay, RENEW], {"pay": [failure]})

    assert strategy == bench.events("recovery.decided")[0].data["strategy"]
    assert RunState.COMPLETED is bench.ended()


@pytest.mark.parametrize("category", ["auth_invalid", "validation_failed", "state_inconsistent", "user_cancelled"])
def test_recovery_001_gives_up_where_nothing_helps(category: str) -> None:
    """A failure that no machine can mend is not repeated."""
    bench = run([action("pay")], [GET], {"pay": [fault(category, status=400)]})

    assert 1 == len(bench.calls("pay"))
    assert RunState.FAILED is bench.ended()


# --- RECOVERY-002 ---


def test_recovery_002_refreshes_then_retries_with_the_new_token() -> None:
    """An expired credential is renewed by its refresh action, and the action is made again with the new value."""
    bench = run([action("pay")], [PAY, RENEW], {"pay": [EXPIRED], "refresh:renew": ["fresh"]})

    assert ["pay", "refresh:renew", "pay"] == [name for name, _, _ in bench.performer.calls]
    assert [None, b"sealed fresh"] == [one.sealed for one in bench.calls("pay")]
    assert [0, 1] == [one.generation for one in bench.attempts()]
    assert RunState.COMPLETED is bench.ended()


def test_recovery_002_announces_the_refresh_action() -> None:
    """The refresh is requested by an event that says for which action."""
    bench = run([action("pay")], [PAY, RENEW], {"pay": [EXPIRED]})

    asked = next(
        one.data for one in bench.events("action.execute.requested") if one.data["actionDefinitionId"] == "renew"
    )
    assert {"strategy": "refresh-then-retry", "forActionId": "pay"} == asked["recovery"]


def test_recovery_002_many_expiries_make_one_refresh() -> None:
    """Actions of several executions that find the same credential expired cause exactly one refresh."""
    names = [f"pay{number}" for number in range(4)]
    plan = frozen([action(name, uses="pay") for name in names], [PAY, RENEW])
    bench = Bench()
    bench.start(plan)
    bench.start(plan, OTHER)

    bench.expire_all(8)
    bench.run()

    assert 1 == len(bench.calls("refresh:renew"))
    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))
    assert [2] * 8 == [bench.row(name, one).n for name in names for one in (EXECUTION, OTHER)]


def test_recovery_002_waiters_go_on_as_soon_as_the_refresh_is_done() -> None:
    """Nobody waits for a lease to end once the new token is there."""
    plan = frozen([action("pay0", uses="pay"), action("pay1", uses="pay")], [PAY, RENEW])
    bench = Bench()
    bench.start(plan)
    began_at = bench.clock.now()

    bench.expire_all(2)
    bench.run_now()

    assert began_at == bench.clock.now()
    assert RunState.COMPLETED is bench.ended()


def test_recovery_002_a_refresh_that_fails_for_good_ends_everybodys_wait() -> None:
    """When the credential cannot be renewed, everyone who waits for it gives up, and the provider is asked once."""
    plan = frozen([action("pay")], [PAY, RENEW])
    bench = Bench({"refresh:renew": [fault("auth_invalid", status=400)]})
    bench.start(plan)
    bench.start(plan, OTHER)

    bench.expire_all(2)
    bench.run()

    assert 1 == len(bench.calls("refresh:renew"))
    assert (RunState.FAILED, RunState.FAILED) == (bench.ended(), bench.ended(OTHER))
    assert [] == bench.calls("pay")
    decided = [one.data for one in bench.events("recovery.decided")]
    assert ["refresh", "give-up"] == [one["move"] for one in decided]
    assert "could not be renewed" in decided[-1]["reason"]


def test_recovery_002_a_refresh_is_repeated_by_its_own_policy() -> None:
    """A refresh that fails in passing is repeated as its own retry policy says, without a recovery of its own."""
    renew = definition("renew", refreshes="TOKEN", attempts=2, retries=["api_unexpected_status"])

    bench = run([action("pay")], [PAY, renew], {"pay": [EXPIRED], "refresh:renew": [BROKEN, "fresh"]})

    assert 2 == len(bench.calls("refresh:renew"))
    assert RunState.COMPLETED is bench.ended()


def test_recovery_002_takes_over_a_refresh_whose_worker_died_once() -> None:
    """A refresh whose worker died is taken up once more, and everybody goes on."""
    plan = frozen([action("pay0", uses="pay"), action("pay1", uses="pay")], [PAY, RENEW])
    bench = Bench({"refresh:renew": [DIE]})
    bench.start(plan)

    bench.expire_all(2)
    bench.run()

    assert 2 == len(bench.calls("refresh:renew"))
    assert RunState.COMPLETED is bench.ended()


def test_recovery_002_an_old_refresh_answer_does_not_replace_a_newer_token() -> None:
    """An answer that arrives after somebody else renewed the credential is dropped: its token is older."""
    plan = frozen([action("pay")], [PAY, RENEW])
    bench = Bench({"pay": [wants_new_token] * 3})
    bench.start(plan)
    bench.run_once()
    slow = bench.begin_attempt("slow")
    bench.clock.advance(41)
    bench.start(plan, OTHER)
    bench.run()
    newer = bench.read(lambda snapshot: snapshot.credential("TOKEN"))

    bench.settle(slow, "stale")

    assert newer == bench.read(lambda snapshot: snapshot.credential("TOKEN"))
    assert 1 == newer.generation


def test_recovery_002_cancelling_the_one_who_refreshes_does_not_fail_the_others() -> None:
    """A refresh that was cut short because its execution was cancelled says nothing about the credential: another one makes it."""
    plan = frozen([action("pay")], [PAY, RENEW])
    bench = Bench()
    bench.start(plan)
    bench.start(plan, OTHER)
    bench.expire_all(2)
    refreshing = bench.begin_attempt()
    owner, waiter = (EXECUTION, OTHER) if refreshing.execution == EXECUTION else (OTHER, EXECUTION)
    bench.cancel(owner)

    bench.settle(refreshing, BROKEN)
    bench.run()

    assert (RunState.CANCELLED, RunState.COMPLETED) == (bench.ended(owner), bench.ended(waiter))


def test_recovery_002_a_refresh_in_doubt_is_not_repeated_once_somebody_else_has_renewed() -> None:
    """A refresh whose worker died is not made again after the credential was renewed: the provider could revoke both tokens."""
    plan = frozen([action("pay")], [PAY, RENEW])
    bench = Bench({"pay": [wants_new_token] * 3})
    bench.start(plan)
    bench.run_once()
    bench.begin_attempt("dead")
    bench.clock.advance(41)
    bench.start(plan, OTHER)
    bench.run()

    bench.steps.release("dead")
    bench.run()

    assert 1 == len(bench.calls("refresh:renew"))
    assert RunState.COMPLETED is bench.ended()


def test_recovery_002_each_refresh_and_the_action_itself_have_keys_of_their_own() -> None:
    """A second renewal is not answered with the first one's token by an API that remembers keys."""
    keyed = definition("pay", credential="TOKEN", keyed=True)
    renew = definition("renew", refreshes="TOKEN", keyed=True)

    bench = run([action("pay")], [keyed, renew], {"pay": [EXPIRED, EXPIRED]})

    keys = [one.attempt.key for one in bench.calls("refresh:renew")]
    assert 2 == len(set(keys))
    assert not set(keys) & {one.attempt.key for one in bench.calls("pay")}


# --- RECOVERY-003 ---


@pytest.mark.parametrize("retry_after_s", [0.0, 1.0, 17.5, 3600.0])
def test_recovery_003_never_repeats_before_retry_after(retry_after_s: float) -> None:
    """A throttled action is repeated when the server said, never earlier and not much later."""
    limited = fault("rate_limit_burst", status=429, retry_after_s=retry_after_s)

    bench = run([action("pay")], [definition("pay")], {"pay": [limited]})

    first, second = bench.times("pay")
    assert retry_after_s <= second - first <= retry_after_s + 0.25


def test_recovery_003_waits_at_least_what_the_catalog_says() -> None:
    """The catalog's delay is the least wait, also when the server names a shorter one."""
    catalog = {"recoveryStrategies": [{"status": 429, "strategy": "wait-until", "delay": 60_000}]}
    limited = fault("rate_limit_burst", status=429, retry_after_s=1.0)

    bench = run([action("pay")], [], {"pay": [limited]}, catalog=catalog)

    assert bench.times("pay")[1] >= 60.0


def test_recovery_003_an_absurd_wait_ends_the_recovery() -> None:
    """A server that asks for a month is not believed, and not slept through."""
    limited = fault("rate_limit_burst", status=429, retry_after_s=30 * 86_400.0)

    bench = run([action("pay")], [], {"pay": [limited]})

    assert 1 == len(bench.calls("pay"))
    assert RunState.FAILED is bench.ended()


# --- RECOVERY-004 ---


def test_recovery_004_timeouts_grow_and_are_bounded() -> None:
    """Each repeat after a timeout is given more time, up to the bound."""
    bounds = Bounds(timeout_multiplier=2.0, timeout_max_s=35.0)

    bench = run([action("pay")], [GET], {"pay": [TIMEOUT] * 4}, bounds=bounds)

    assert [10.0, 20.0, 35.0, 35.0, 35.0] == [one.timeout_s for one in bench.calls("pay")]
    assert RunState.COMPLETED is bench.ended()


# --- RECOVERY-005 ---


@pytest.mark.parametrize(
    ("bounds", "attempts"),
    [
        pytest.param(Bounds(attempts_per_action_max=2), 3, id="per action"),
        pytest.param(Bounds(attempts_per_category_max=1), 2, id="per category"),
        pytest.param(Bounds(attempts_per_execution_max=3), 4, id="per execution"),
        pytest.param(Bounds(elapsed_max_s=2.0), 2, id="elapsed"),
    ],
)
def test_recovery_005_gives_up_at_each_bound(bounds: Bounds, attempts: int) -> None:
    """Recovery ends at whichever bound is reached first, and the first attempt is not a recovery."""
    bench = run([action("pay")], [GET], {"pay": [BROKEN] * 50}, bounds=bounds)

    assert attempts == len(bench.calls("pay"))
    assert RunState.FAILED is bench.ended()


def test_recovery_005_the_basic_policy_comes_first_and_counts_for_itself() -> None:
    """The action's own attempts are made before recovery begins and do not use up its bounds."""
    pay = definition("pay", "GET", attempts=3, retries=["api_unexpected_status"])

    bench = run([action("pay")], [pay], {"pay": [BROKEN] * 50}, bounds=Bounds(attempts_per_action_max=2))

    assert 5 == len(bench.calls("pay"))
    assert 2 == len(bench.events("retry.scheduled"))


def test_recovery_005_a_refresh_that_expires_itself_starts_no_recovery() -> None:
    """The refresh's own failure never starts another refresh: recovery is one deep."""
    bench = run([action("pay")], [PAY, RENEW], {"pay": [EXPIRED], "refresh:renew": [EXPIRED]})

    assert 1 == len(bench.calls("refresh:renew"))
    assert RunState.FAILED is bench.ended()


def test_recovery_005_refreshes_are_bounded() -> None:
    """A token that is refused again and again after its renewal is not renewed for ever."""
    bench = run([action("pay")], [PAY, RENEW], {"pay": [EXPIRED] * 9})

    assert 2 == len(bench.calls("refresh:renew"))
    assert RunState.FAILED is bench.ended()


def test_recovery_005_a_failed_refresh_under_an_override_does_not_fool_the_retry_policy() -> None:
    """An action whose override asks for a refresh that fails is decided about again, within its bounds."""
    planned = action("pay", recovery={"api_unexpected_status": "refresh-then-retry"})
    pay = definition("pay", credential="TOKEN", attempts=1, retries=["api_unexpected_status"])

    bench = run([planned], [pay, RENEW], {"pay": [BROKEN], "refresh:renew": [INVALID]})

    assert 1 == len(bench.calls("pay"))
    assert RunState.FAILED is bench.ended()


# --- RECOVERY-006 ---


@pytest.mark.parametrize(
    "condition",
    [{"code": "maintenance"}, {"status": 503}, {"pattern": "back soon"}],
    ids=["code", "status", "message"],
)
def test_recovery_006_the_catalog_beats_the_table(condition: dict[str, object]) -> None:
    """A vendor's own way of recovery is taken for its code, status or message."""
    failure = fault("validation_failed", status=503, code="maintenance", message="We are back soon.", retryable=True)
    catalog = {
        "recoveryStrategies": [{**condition, "strategy": "back-off", "delay": 5_000, "reason": "their maintenance"}]
    }

    bench = run([action("pay")], [], {"pay": [failure]}, catalog=catalog)

    decided = bench.events("recovery.decided")[0].data
    assert "catalog:example/recovery-strategies[0].back-off" == decided["rule"]
    assert "their maintenance" in decided["reason"]
    assert bench.times("pay")[1] >= 5.0
    assert RunState.COMPLETED is bench.ended()


def test_recovery_006_a_catalog_rule_for_something_else_does_not_act() -> None:
    """A rule whose condition does not hold leaves the table's route."""
    catalog = {"recoveryStrategies": [{"code": "other", "strategy": "give-up"}]}

    bench = run([action("pay")], [], {"pay": [REFUSED]}, catalog=catalog)

    assert "back-off" == bench.events("recovery.decided")[0].data["rule"]


def test_recovery_006_the_action_beats_the_catalog() -> None:
    """What the plan says about a category of its action comes before what the catalog says of the API."""
    catalog = {"recoveryStrategies": [{"category": "network_connection_refused", "strategy": "back-off"}]}
    planned = action("pay", recovery={"network_connection_refused": "give-up"})

    bench = run([planned], [], {"pay": [REFUSED]}, catalog=catalog)

    assert 1 == len(bench.calls("pay"))
    assert RunState.FAILED is bench.ended()


def test_recovery_006_says_who_prescribed_to_give_up() -> None:
    """When the catalog says to give up, the explanation quotes the catalog and not the table."""
    catalog = {"recoveryStrategies": [{"status": 503, "strategy": "give-up", "reason": "closed at night"}]}

    bench = run([action("pay")], [], {"pay": [BROKEN]}, catalog=catalog)

    assert "closed at night" in json.dumps(bench.events("recovery.decided")[0].data)


# --- RECOVERY-007 ---


def test_recovery_007_updates_the_plans_state_and_lists_recoveries() -> None:
    """After a recovery the state says completed, how many attempts it took, and what was decided."""
    bench = run([action("pay")], [GET], {"pay": [BROKEN]})

    state = bench.state()
    told = state.action_states["pay"]
    assert ("completed", "completed", 2) == (state.status, told.status, told.attempts)
    assert [("back-off", "retry", 1)] == [(one.strategy, one.decision, one.attempt) for one in told.recoveries or ()]
    assert 1 == len(bench.events("recovery.succeeded"))
    assert 1 == state.metrics.completed_actions


def test_recovery_007_recovery_by_a_person_counts_as_success() -> None:
    """An action that a person confirmed after its first attempt has recovered."""
    bench = run([action("pay")], [], {"pay": [TIMEOUT]})

    bench.answer("happened", output={"id": "p1"})

    assert 1 == len(bench.events("recovery.succeeded"))


# --- RECOVERY-008 ---


def test_recovery_008_failed_recovery_fails_the_plan() -> None:
    """When recovery gives up, the plan fails with everything known, and the work is set aside."""
    bench = run([action("pay"), action("ship", "pay")], [GET], {"pay": [BROKEN] * 9})

    said = next(one for one in bench.events() if one.is_terminal).data
    assert RunState.FAILED is bench.ended()
    assert {"executionId", "planId", "actionId", "error", "attempts"} == set(said)
    assert ("pay", "api_unexpected_status", 6) == (said["actionId"], said["error"]["category"], said["attempts"])
    assert {"pay": "api_unexpected_status"} == bench.letters()
    assert ActionState.SKIPPED is bench.row("ship").state
    assert "failed" == bench.state().status


def test_recovery_008_waits_for_what_is_in_flight() -> None:
    """A failed plan ends only after attempts in flight have settled; nothing new is started."""
    bench = Bench({"wrong": [INVALID]})
    bench.start(frozen([action("slow"), action("wrong"), action("late", "slow")]))
    slow = bench.begin_attempt()
    bench.run()

    assert ("running", RunState.FAILED) == (bench.execution().state, bench.execution().closing)
    bench.settle(slow, {"id": 1})
    assert RunState.FAILED is bench.ended()
    assert (ActionState.COMPLETED, ActionState.SKIPPED) == (bench.row("slow").state, bench.row("late").state)


def test_recovery_008_an_expected_outcome_that_does_not_hold_fails_the_plan() -> None:
    """A plan whose actions are all done but whose result is not what was promised has failed."""
    validations = [{"name": "paid", "reference": "${pay.output.paid}", "operator": "equals", "value": "true"}]

    bench = run([action("pay")], [], {"pay": [{"paid": False}]}, validations=validations)

    assert RunState.FAILED is bench.ended()
    assert "paid" in bench.state().error.message


def test_recovery_008_an_expected_outcome_that_holds_completes_the_plan() -> None:
    """The same plan completes when the promise is kept."""
    validations = [{"name": "paid", "reference": "${pay.output.paid}", "operator": "equals", "value": "true"}]

    bench = run([action("pay")], [], {"pay": [{"paid": True}]}, validations=validations)

    assert RunState.COMPLETED is bench.ended()


def test_probe_purposes_do_not_mix() -> None:
    """A probe and the action it asks about are different entries of the ledger."""
    probed = definition("pay", probe="look")

    bench = run(
        [action("pay")], [probed, definition("look", "GET")], {"pay": [TIMEOUT], "probe:pay": [{"found": True}]}
    )

    assert (1, 1) == (len(bench.attempts()), len(bench.attempts(purpose=Purpose.PROBE)))
