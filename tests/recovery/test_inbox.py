"""Events from outside: each takes effect once, in any order, and none is lost."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest

from holdfast.contract import EVENT_PAYLOADS
from holdfast.journal.events import EVENT_TYPES
from holdfast.ports.rows import ActionState, RunState
from tests.recovery.bench import EXECUTION, OTHER, TIMEOUT, action, definition, frozen
from tests.recovery.executor import ExternalBench, error, event, named, success

if TYPE_CHECKING:
    from holdfast.ports.rows import DeadLetterRow

EVENT = "5d8f2f8a-7b1e-4c7e-9a43-1d7a0a2f9b10"


def begun(*actions: dict[str, object], executor: str | None = "erp") -> ExternalBench:
    """A bench in which the first attempts are in flight."""
    bench = ExternalBench()
    bench.begin(frozen(list(actions) or [action("pay")]), executor=executor)
    if executor:
        bench.run_now()
    return bench


def letters(bench: ExternalBench) -> list[DeadLetterRow]:
    """All dead letters."""
    return bench.read(lambda snapshot: snapshot.dead_letters(execution_id=None, limit=100))


def test_an_event_takes_effect_once() -> None:
    """The second delivery of an event changes nothing and says what came of the first."""
    bench = begun()
    request = bench.requests()[0]

    first = bench.fail(request, "rate_limit_burst", event_id=EVENT)
    version = bench.execution().version
    again = bench.fail(request, "rate_limit_burst", event_id=EVENT.upper())

    assert ("settled", None) == (first.result, first.reason)
    assert ("duplicate", "settled") == (again.result, again.reason)
    assert 1 == len(bench.events("action.execute.failed"))
    assert 1 == len(bench.events("event.received"))
    assert version + 1 == bench.execution().version


def test_the_first_answer_wins() -> None:
    """Of two different answers about one attempt the first counts; the other is recorded."""
    bench = begun()
    request = bench.requests()[0]

    bench.complete(request, id="1")
    second = bench.fail(request, "api_unexpected_status")

    assert ("recorded", "settled-before") == (second.result, second.reason)
    assert RunState.COMPLETED is bench.execution().state
    assert {"id": "1"} == json.loads(bench.row().output or "")


def test_error_occurred_is_a_failure_of_its_attempt() -> None:
    """`error.occurred` from outside leads to recovery, as the executor's own failure report does."""
    bench = begun()
    data = {"executionId": EXECUTION, "actionId": "pay", "attemptNumber": 1, "error": error("rate_limit_burst")}

    receipt = bench.tell(event("error.occurred", data))

    assert "settled" == receipt.result
    assert ActionState.SCHEDULED is bench.row().state


def test_ids_of_executions_are_found_in_any_letters() -> None:
    """An execution's id in capital letters names the same execution."""
    bench = begun()

    receipt = bench.complete({**bench.requests()[0], "executionId": EXECUTION.upper()})

    assert "settled" == receipt.result


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"executionId": OTHER}, "unknown-execution", id="execution"),
        pytest.param({"actionId": "nobody"}, "unknown-action", id="action"),
        pytest.param({"attemptNumber": 2}, "unknown-attempt", id="attempt"),
        pytest.param({"attemptNumber": 10**30}, "unknown-attempt", id="enormous attempt"),
        pytest.param({"purpose": "probe"}, "unknown-attempt", id="purpose"),
        pytest.param({"attemptNumber": "1"}, "invalid-payload", id="wrong type"),
        pytest.param({"executionId": "\x00"}, "invalid-payload", id="no id"),
    ],
)
def test_what_fits_nothing_is_set_aside_whole(changes: dict[str, object], reason: str) -> None:
    """An event that names nothing known is kept with everything it said, and changes nothing."""
    bench = begun()
    data = {**named(bench.requests()[0]), "error": error("auth_invalid"), **changes}

    receipt = bench.tell(event("action.execute.failed", data, event_id=EVENT))

    (letter,) = letters(bench)
    assert ("set-aside", reason) == (receipt.result, receipt.reason)
    assert ("event", EVENT, reason) == (letter.kind, letter.action, letter.reason)
    assert json.loads(letter.detail)["event"]["data"] == json.loads(json.dumps(data))
    assert bench.attempts()[0].outcome is None


def test_an_unknown_type_is_set_aside() -> None:
    """A type that nobody here knows is kept, even when the rest would fit."""
    bench = begun()

    receipt = bench.tell(event("order.shipped", {"executionId": EXECUTION}))

    assert ("set-aside", "unknown-type") == (receipt.result, receipt.reason)
    assert [EXECUTION] == [letter.execution for letter in letters(bench)]


def test_events_do_not_replace_each_other_or_an_actions_letter() -> None:
    """Each event that is set aside has a letter of its own."""
    bench = begun()
    for number in range(5):
        bench.tell(event("order.shipped", {"executionId": EXECUTION, "number": number}))

    assert 5 == len(letters(bench))


@pytest.mark.parametrize("kind", sorted(set(EVENT_PAYLOADS) - {"error.occurred", "action.execute.failed"}))
def test_an_event_that_is_not_for_us_is_recorded(kind: str) -> None:
    """What this side itself announces has no effect when it comes back."""
    bench = begun()
    request = bench.requests()[0]
    data = {**named(request), "planId": EXECUTION, "result": success({})}

    receipt = bench.tell(event(kind, data))

    expected = "settled" if kind == "action.execute.completed" else "recorded"
    assert expected == receipt.result


def test_a_finished_execution_is_not_reopened() -> None:
    """An event about a finished execution is recorded; nothing moves."""
    bench = begun()
    request = bench.requests()[0]
    bench.complete(request)
    before = bench.state()

    receipt = bench.fail(request, "auth_expired")

    assert "recorded" == receipt.result
    assert before == bench.state()
    assert RunState.COMPLETED is bench.ended()


def test_nobody_outside_knows_that_our_own_worker_did_nothing() -> None:
    """While a worker of ours makes an attempt, an outside "it was not executed" does not permit an unsafe repeat; our worker's answer counts."""
    bench = begun(executor=None)
    step = bench.begin_attempt()
    request = bench.requests()[0]

    receipt = bench.fail(request, "rate_limit_burst", outcome="not_executed")
    asked = bench.row().state
    bench.settle(step, {"id": "1"})

    assert "settled" == receipt.result
    assert ActionState.ASKING is asked
    assert RunState.COMPLETED is bench.execution().state


@pytest.mark.parametrize("happened", [True, False], ids=["done", "not known"])
def test_an_answer_from_outside_ends_an_execution_that_is_closing(happened: bool) -> None:
    """Whoever answers first settles what is in flight in our own worker; the cancelled execution then ends, and the later answer re-opens nothing."""
    bench = begun(executor=None)
    step = bench.begin_attempt()
    request = bench.requests()[0]
    bench.cancel()
    in_between = bench.execution().state

    receipt = bench.complete(request, id="1") if happened else bench.fail(request, "network_timeout")
    row = bench.row()
    bench.settle(step, {"id": "2"})

    assert (RunState.RUNNING, "settled") == (in_between, receipt.result)
    assert RunState.CANCELLED is bench.ended()
    assert ActionState.COMPLETED is bench.row().state if happened else ActionState.FAILED is bench.row().state
    assert row == bench.row()


def test_doubt_from_outside_does_not_stand_in_the_way_of_the_truth() -> None:
    """An event that knows nothing better about an attempt in doubt is recorded; the true answer after it still counts."""
    bench = begun(executor=None)
    step = bench.begin_attempt()
    bench.settle(step, TIMEOUT)
    request = bench.requests()[0]

    doubt = bench.fail(request, "network_timeout")
    truth = bench.complete(request, id="1")

    assert ("recorded", "late") == (doubt.result, truth.result)
    assert ActionState.COMPLETED is bench.row().state


def test_probes_of_our_own_workers_are_not_answered_from_outside() -> None:
    """Only who was asked can answer: a probe that a worker of ours makes is its own to report."""
    bench = ExternalBench()
    bench.begin(frozen([action("pay")], [definition("pay", probe="look"), definition("look", "GET")]), executor=None)
    bench.settle(bench.begin_attempt(), TIMEOUT)
    bench.begin_attempt()

    receipt = bench.complete({**bench.requests()[0], "purpose": "probe"}, found="true")

    assert ("set-aside", "unknown-attempt") == (receipt.result, receipt.reason)
    assert ActionState.PROBING is bench.row().state


def test_secrets_in_events_do_not_come_to_rest() -> None:
    """A dead letter, the journal and the ledger hold no token that an event carried."""
    secret = "sk_live_abcdefghijkl123456"
    bench = begun()
    request = bench.requests()[0]

    bench.fail(request, "auth_invalid", message=f"Bearer {secret}", context={"authorization": secret})
    bench.tell(event("order.shipped", {"executionId": EXECUTION, "note": f"token={secret}"}))
    bench.tell(event("order.shipped", {"executionId": OTHER, "deep": [{"password": secret}]}))

    database = "\n".join(bench.store._connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]  # SQLite's own
    assert secret not in database


def test_hostile_texts_are_stored() -> None:
    """NUL and half surrogate pairs anywhere in an event do not stop it from being taken in."""
    bench = begun()
    nasty = "a\x00b\ud800c"

    settled = bench.fail(bench.requests()[0], "auth_invalid", message=nasty, code=nasty, suggestion=nasty)
    aside = bench.tell(event(f"x{nasty}", {"executionId": EXECUTION, nasty: nasty}))

    assert ("settled", "set-aside") == (settled.result, aside.result)
    assert all(one.type in EVENT_TYPES for one in bench.events())


def test_a_large_event_is_kept_shortened() -> None:
    """What is set aside is bounded, and says how large it was."""
    bench = begun()

    bench.tell(event("order.shipped", {"text": "word " * 100_000}, event_id=str(uuid.uuid4())))

    (letter,) = letters(bench)
    assert len(letter.detail) < 200_000
    assert "bytes]" in letter.detail
