"""Executions that an executor outside performs: what is asked for, what follows from the answers, and from silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from holdfast.contract import ActionDefinition
from holdfast.contract.times import instant_text
from holdfast.errors import ExecutionConflict
from holdfast.ports.rows import ActionState, Purpose, RunState
from holdfast.recovery.providing import Provided, provide
from tests.planted import ACCESS_TOKEN, MARK
from tests.recovery.bench import EXECUTION, action, definition, frozen
from tests.recovery.executor import ExternalBench, Request, event, named, success

GRACE_S = 30.0


def started(*definitions: ActionDefinition, actions: list[dict[str, object]] | None = None) -> ExternalBench:
    """A bench with a plan of one action, `pay`, of which the first attempt was asked for."""
    bench = ExternalBench()
    bench.begin(frozen(actions or [action("pay")], definitions))
    bench.run_now()
    return bench


def newest(bench: ExternalBench) -> Request:
    """The request that was made last."""
    return bench.requests()[-1]


def test_a_worker_asks_and_does_not_perform() -> None:
    """The attempt is on the ledger and asked for, with inputs and key; nobody here performs it."""
    bench = started(actions=[action("pay", inputs={"amount": 5})])

    request = newest(bench)

    assert [] == bench.performer.calls
    assert ({"amount": 5}, 1, 10_000) == (request["inputs"], request["attemptNumber"], request["timeoutMs"])
    assert request["idempotencyKey"] == bench.attempts()[0].key
    assert "purpose" not in request
    assert (ActionState.RUNNING, 1) == (bench.row().state, bench.row().in_flight)


def test_an_answer_carries_the_plan_on() -> None:
    """A completed action's output is what the next request's references read."""
    later = action("ship", "pay", inputs={"order": "${pay.output.id}"})
    bench = started(actions=[action("pay"), later])

    receipt = bench.complete(newest(bench), id="ord-1")
    bench.run_now()

    assert "settled" == receipt.result
    assert {"order": "ord-1"} == newest(bench)["inputs"]
    bench.complete(newest(bench))
    assert RunState.COMPLETED is bench.execution().state
    assert [] == bench.performer.calls


def test_nothing_lies_about_once_an_answer_is_there() -> None:
    """The step that would have ended the wait goes with the answer."""
    bench = started()
    waiting = set(bench.steps._waiting)

    bench.complete(newest(bench))

    assert 1 == len(waiting)
    assert not bench.steps._waiting


def test_a_full_output_keeps_its_types() -> None:
    """`fullOutput` is the output with its types; the texts of `result.output` are for peers that know no better."""
    bench = started()
    request = newest(bench)

    bench.tell(
        event("action.execute.completed", {**named(request), "result": success({"n": "5"}), "fullOutput": {"n": 5}})
    )

    assert {"n": 5} == json.loads(bench.row().output or "")


def test_where_an_executor_keeps_its_output_is_noted_and_never_read() -> None:
    """An output's place is on record, without becoming the place that this side reads."""
    bench = started()

    bench.complete(newest(bench), id="1")

    (received,) = bench.events("event.received")
    assert "/srv/out/1" == received.data["outputLocation"]["path"]  # type: ignore[index]  # an object
    assert bench.row().location is None


@pytest.mark.parametrize(
    ("category", "outcome", "state"),
    [
        pytest.param("rate_limit_burst", None, ActionState.SCHEDULED, id="throttled did nothing"),
        pytest.param("api_unexpected_status", None, ActionState.ASKING, id="a 500 may have done it"),
        pytest.param("network_timeout", None, ActionState.ASKING, id="a timeout may have done it"),
        pytest.param("network_timeout", "not_executed", ActionState.SCHEDULED, id="the executor knows better"),
        pytest.param("state_inconsistent", None, ActionState.ASKING, id="a conflict may be our own doing"),
    ],
)
def test_a_failure_is_believed_as_far_as_is_safe(category: str, outcome: str | None, state: ActionState) -> None:
    """Without a word on the outcome, only refusals count as not executed: an unsafe action is not repeated on anything less."""
    bench = started()

    bench.fail(newest(bench), category, **({"outcome": outcome} if outcome else {}))

    assert state is bench.row().state


@pytest.mark.parametrize(
    ("in_s", "wait_s"), [pytest.param(90, 90, id="in a while"), pytest.param(-5, 0, id="a moment that is over")]
)
def test_retry_after_is_kept_to(in_s: int, wait_s: int) -> None:
    """The moment an executor names is when the next attempt is asked for, not before."""
    bench = started()
    named_at = bench.clock.now() + timedelta(seconds=in_s)

    bench.fail(newest(bench), "rate_limit_burst", retryAfter=instant_text(named_at))

    due_at = bench.row().due_at or bench.clock.now()
    assert wait_s <= (due_at - bench.clock.now()).total_seconds() <= wait_s + 2


def test_silence_is_a_timeout_of_unknown_outcome() -> None:
    """Nobody having answered within timeout and grace, a person is asked about an unsafe action; it is not asked for again."""
    bench = started()
    begun = bench.clock.now()

    bench.run()

    (attempt,) = bench.attempts()
    assert ("unknown", "network_timeout") == (attempt.outcome, attempt.category)
    assert "external-timeout" == json.loads(attempt.verdict or "")["rule"]
    assert 10 + GRACE_S == (bench.clock.now() - begun).total_seconds()
    assert ActionState.ASKING is bench.row().state
    assert 1 == len(bench.requests())


def test_silence_about_a_repeatable_action_asks_once_more_with_the_same_key() -> None:
    """A repeatable action that nobody answered is asked for again, under the same key."""
    bench = started(definition("pay", "PUT"))

    bench.run(until=bench.clock.now() + timedelta(seconds=GRACE_S + 11))

    first, again = bench.requests()[:2]
    assert (1, 2) == (first["attemptNumber"], again["attemptNumber"])
    assert first["idempotencyKey"] == again["idempotencyKey"]


def test_an_answer_after_its_time_is_the_truth() -> None:
    """A late success answers the question that silence had raised."""
    bench = started()
    bench.run()

    receipt = bench.complete(newest(bench), id="1")

    assert "late" == receipt.result
    assert RunState.COMPLETED is bench.execution().state


def test_a_step_delivered_early_does_not_end_the_wait() -> None:
    """A lost step that the sweep enqueues anew still waits for the attempt's own time."""
    bench = started()
    bench.steps._waiting.clear()

    bench.sweep()
    bench.run_now()

    assert bench.attempts()[0].outcome is None
    assert 1 == len(bench.requests())
    bench.run()
    assert "unknown" == bench.attempts()[0].outcome


def test_a_deadline_that_comes_early_waits_for_its_time() -> None:
    """However often the end of the wait is delivered before its time: the attempt stays open until then, and is not asked for twice."""
    bench = started()
    begun = bench.clock.now()

    for _ in range(3):
        bench.clock.advance(GRACE_S / 3)
        bench.perform(next(iter(bench.steps._waiting.values())))

    assert [None] == [one.outcome for one in bench.attempts()]
    bench.run()
    assert ["unknown"] == [one.outcome for one in bench.attempts()]
    assert (10 + GRACE_S, 1) == ((bench.clock.now() - begun).total_seconds(), len(bench.requests()))


def test_a_probe_is_asked_for_with_its_inputs() -> None:
    """The executor is asked whether the attempt took effect, told what to look for, and its answer decides."""
    probe = definition("look", "GET")
    pay = definition("pay", probe="look", probe_inputs={"order": "${self.inputs.order}", "kind": "card"})
    bench = started(pay, probe, actions=[action("pay", inputs={"order": "o-7"})])
    bench.fail(newest(bench), "network_timeout")
    bench.run_now()

    request = newest(bench)
    receipt = bench.complete(request, found="true")

    assert ("probe", {"order": "o-7", "kind": "card"}) == (request["purpose"], request["inputs"])
    assert "look" == request["actionDefinitionId"]
    assert {"strategy": "probe", "forActionId": "pay"} == request["recovery"]
    assert "settled" == receipt.result
    assert ActionState.COMPLETED is bench.row().state


def test_a_probe_that_nobody_answers_is_asked_again_and_then_a_person_is() -> None:
    """Probes that stay unanswered are bounded like any others."""
    bench = started(definition("pay", probe="look"), definition("look", "GET"))
    bench.fail(newest(bench), "network_timeout")

    bench.run()

    assert 5 == len(bench.attempts(purpose=Purpose.PROBE))
    assert ActionState.ASKING is bench.row().state


def test_a_probe_that_has_become_needless_does_not_keep_an_execution_open() -> None:
    """A late answer makes a probe needless; when nobody answers the probe either, its time runs out and the execution ends."""
    bench = started(definition("pay", probe="look"), definition("look", "GET"))
    request = newest(bench)
    bench.fail(request, "network_timeout")
    bench.run_now()
    bench.complete(request)

    bench.run()

    assert RunState.COMPLETED is bench.ended()


def refreshing(grace_s: float = GRACE_S) -> ExternalBench:
    """A bench whose action has met an expired credential; its refresh was asked for."""
    renew = definition("renew", refreshes="SHOP_TOKEN", attempts=3, retries=["network_timeout"])
    bench = started(definition("pay", credential="SHOP_TOKEN"), renew)
    bench.worker._settings = replace(bench.worker._settings, external_grace_s=grace_s)
    bench.fail(newest(bench), "auth_expired")
    bench.run_now()
    return bench


def test_a_refresh_is_asked_for_and_keeps_the_secret_outside() -> None:
    """The executor renews the credential that it holds; here only the generation moves, and the action is asked for again."""
    bench = refreshing()

    request = newest(bench)
    bench.complete(request, access_token=ACCESS_TOKEN)
    bench.run_now()

    credential = bench.read(lambda snapshot: snapshot.credential("~external/erp/SHOP_TOKEN"))
    assert ("refresh", "renew", {}) == (request["purpose"], request["actionDefinitionId"], request["inputs"])
    assert credential is not None
    assert (1, None) == (credential.generation, credential.sealed)
    assert ("pay", 2) == (newest(bench)["actionId"], newest(bench)["attemptNumber"])
    assert all(MARK not in json.dumps(dict(one.data)) for one in bench.events())


def test_what_a_login_of_the_plan_returns_is_not_kept() -> None:
    """An action of the plan that renews a credential leaves nothing of its output here: it is a secret of the executor's."""
    bench = started(definition("renew", refreshes="SHOP_TOKEN"), actions=[action("renew")])

    bench.complete(newest(bench), access_token=ACCESS_TOKEN)

    assert {"refreshed": "SHOP_TOKEN"} == json.loads(bench.row("renew").output or "")
    assert all(MARK not in json.dumps(dict(one.data)) for one in bench.events())


def test_what_an_executor_renews_is_not_what_our_own_workers_hold() -> None:
    """Its refresh moves no generation, value or end of the credential of the same name that rests here."""
    bench = ExternalBench()
    held = Provided(sealed=b"ours", expires_s=3600.0)
    bench.transact(lambda tx: provide(tx, bench.steps, row="SHOP_TOKEN", provided=held, generation=None))
    before = bench.read(lambda snapshot: snapshot.credential("SHOP_TOKEN"))
    bench.begin(
        frozen(
            [action("pay")], [definition("pay", credential="SHOP_TOKEN"), definition("renew", refreshes="SHOP_TOKEN")]
        )
    )
    bench.run_now()
    bench.fail(newest(bench), "auth_expired")
    bench.run_now()

    bench.complete(newest(bench))
    bench.run_now()

    assert before == bench.read(lambda snapshot: snapshot.credential("SHOP_TOKEN"))
    assert ["SHOP_TOKEN"] == [one.data["credential"] for one in bench.events("credential.refreshed")]
    assert 2 == newest(bench)["attemptNumber"]


@pytest.mark.parametrize("is_silent", [True, False], ids=["silence", "refused"])
def test_nobody_here_is_asked_for_a_credential_of_an_executor(is_silent: bool) -> None:
    """When its refresh is never answered, or its token is not good any more, the action ends with what it was refused with."""
    bench = refreshing()
    if not is_silent:
        bench.fail(newest(bench), "auth_invalid", code="invalid_grant", retryable=False)

    bench.run()

    assert [] == bench.events("credential.asked")
    assert bench.execution().state is RunState.FAILED


HELD_OUTSIDE = [
    pytest.param({"type": "bearer", "token": "crm", "tokenFrom": "oauth_flow"}, id="oauth_flow"),
    pytest.param({"type": "api_key", "header": "X-Key", "value": "KEY", "valueFrom": "user_input"}, id="user_input"),
    pytest.param({"type": "custom", "handler": "sign", "config": {}}, id="custom"),
    pytest.param(
        {
            "type": "oauth2",
            "clientId": "me",
            "clientSecret": "env:SECRET",
            "refreshToken": "env:REFRESH",
            "tokenUrl": "https://auth.example/token",
            "scope": [],
        },
        id="oauth2",
    ),
]


@pytest.mark.parametrize("authentication", HELD_OUTSIDE)
def test_an_executor_holds_its_credentials_itself(authentication: dict[str, object]) -> None:
    """It is asked at once, whatever the authentication; a refusal asks neither it nor a person here for a token it would not use."""
    made = ActionDefinition.from_wire({**definition("pay").to_wire(), "authentication": authentication})
    bench = started(made)
    asked_at_once = newest(bench)

    bench.fail(asked_at_once, "auth_expired")
    bench.run_now()

    assert "pay" == asked_at_once["actionDefinitionId"]
    assert [asked_at_once] == bench.requests()
    assert [] == bench.events("credential.asked")
    assert None is bench.row().waits_for


@pytest.mark.parametrize("grace_s", [pytest.param(GRACE_S, id="as set"), pytest.param(600.0, id="longer than a lease")])
def test_two_generations_are_never_refreshed_at_once(grace_s: float) -> None:
    """A refresh that nobody answers is over before its lease ends, however long the grace for events: two of them are never asked for at once."""
    bench = refreshing(grace_s)

    bench.run()

    spans = [(one.started_at, one.settled_at) for one in bench.attempts(purpose=Purpose.REFRESH)]
    assert len(spans) > 1
    assert all(settled is not None and settled - began < timedelta(seconds=10 + 30) for began, settled in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(sorted(spans)))  # type: ignore[operator]  # all are settled


def test_a_cancelled_execution_waits_for_what_was_asked() -> None:
    """Cancelling asks for nothing more; the answer in flight is still taken."""
    bench = started(actions=[action("pay"), action("ship", "pay")])
    bench.cancel()

    draining = bench.execution().state
    bench.complete(newest(bench))

    assert (RunState.RUNNING, RunState.CANCELLED) == (draining, bench.execution().state)
    assert 1 == len(bench.requests())


def test_the_same_id_for_another_executor_is_a_conflict() -> None:
    """An execution does not change hands."""
    bench = started()

    with pytest.raises(ExecutionConflict):
        bench.begin(frozen([action("pay")]), executor=None)

    assert 2 == bench.execution(EXECUTION).contract
