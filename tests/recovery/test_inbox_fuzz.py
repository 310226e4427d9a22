"""Whatever arrives, in whatever order and however often: nothing crashes, nothing is lost, and the execution's rules hold."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import EVENT_PAYLOADS, ErrorCategory
from holdfast.errors import BadInput
from holdfast.hold.envelopes import EventLimits, as_event
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.recovery.bench import EXECUTION, OTHER, action, definition, frozen
from tests.recovery.executor import ExternalBench, Request, error, named, success

if TYPE_CHECKING:
    from holdfast.contract import Event
    from holdfast.ports.steps import Step
    from holdfast.recovery.inbox import Receipt

PLAN = frozen(
    [action("pay"), action("note"), action("ship", "pay", inputs={"order": "${pay.output.id}"}, fallback={"id": "0"})],
    [
        definition("pay", probe="look", credential="SHOP_TOKEN"),
        definition("look", "GET"),
        definition("note", "PUT", attempts=2, retries=["network_timeout"]),
        definition("renew", refreshes="SHOP_TOKEN"),
    ],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FAILURES = st.builds(
    lambda category, outcome: error(category, **({"outcome": outcome} if outcome else {})),
    st.sampled_from([category.value for category in ErrorCategory]),
    st.sampled_from([None, None, "not_executed", "unknown", "executed"]),
)
PLACES = st.sampled_from(["executionId", "actionId", "attemptNumber", "purpose", "error", "result", "fullOutput", "x"])
MOVES = st.one_of(
    st.tuples(st.just("completed"), st.integers(0, 9), st.none()),
    st.tuples(st.just("failed"), st.integers(0, 9), FAILURES),
    st.tuples(st.just("occurred"), st.integers(0, 9), FAILURES),
    st.tuples(st.just("mutated"), st.integers(0, 9), st.tuples(PLACES, JSON)),
    st.tuples(st.just("elsewhere"), st.integers(0, 9), st.sampled_from([OTHER, str(uuid.UUID(int=0))])),
    st.tuples(
        st.just("type"), st.integers(0, 9), st.one_of(st.sampled_from(list(EVENT_PAYLOADS)), st.text(min_size=1))
    ),
    st.tuples(st.just("again"), st.integers(0, 30), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 90), st.none()),
    st.tuples(st.just("cancel"), st.integers(0, 0), st.none()),
    st.tuples(st.just("redelivered"), st.integers(0, 30), st.none()),
    st.tuples(st.just("lost"), st.integers(0, 5), st.none()),
)


OVERDUE_S = 300.0
"""After so long the sweep takes up even what rests on no row: a refresh whose step was lost."""


class Outside(ExternalBench):
    """An executor that says anything, and a bench that keeps count."""

    def __init__(self) -> None:
        super().__init__()
        self.delivered: list[Step] = []
        self.begin(PLAN)
        self.run_now()
        self.sent: list[Event] = []
        self.receipts: list[Receipt] = []

    def perform(self, step: Step) -> None:
        """Perform a step, and remember it."""
        self.delivered.append(step)
        super().perform(step)

    def play(self, kind: str, number: int, what: object) -> None:
        """Do one thing; what an event is about is one of the requests made so far."""
        match kind:
            case "wait":
                self.run(until=self.clock.now() + timedelta(seconds=number))
            case "cancel":
                self.cancel()
            case "redelivered":
                self.perform(self.delivered[number % len(self.delivered)])
            case "lost":
                if waiting := sorted(self.steps.held):
                    self.steps.lose(waiting[number % len(waiting)])
                    self.sweep()
            case "again":
                if self.sent:
                    self.receipts.append(self.tell(self.sent[number % len(self.sent)]))
            case _:
                self.send(kind, self.requests()[number % len(self.requests())], what)
        self.run_now()
        self.check()

    def send(self, kind: str, request: Request, what: object) -> None:
        """Say something about a request, by the door that everybody comes through."""
        data: dict[str, object] = named(request)
        name = "action.execute.completed" if kind in {"completed", "elsewhere", "type"} else "action.execute.failed"
        if kind in {"failed", "occurred"}:
            data["error"] = what
        elif kind == "mutated":
            place, value = cast("tuple[str, object]", what)
            data |= {"error": error("auth_expired"), place: value}
        else:
            data["result"] = success({"id": "1"})
        if kind == "elsewhere":
            data["executionId"] = what
        wire = {
            "specversion": "1.0",
            "id": str(uuid.uuid5(uuid.UUID(int=7), str(len(self.sent)))),
            "source": "/executor",
            "type": "error.occurred" if kind == "occurred" else what if kind == "type" else name,
            "data": data,
        }
        event = as_event(wire, kind=None, deployment="test", limits=EventLimits())
        self.sent.append(event)
        self.receipts.append(self.tell(event))

    def check(self) -> None:
        """What holds at every moment."""
        rows = {row.action: row for row in self.read(lambda snapshot: snapshot.actions(EXECUTION))}
        ledger = self.read(lambda snapshot: snapshot.attempts(EXECUTION))
        for name, row in rows.items():
            assert row.in_flight == sum(one.outcome is None for one in ledger if one.action == name)
        asked = Counter(
            (one["actionId"], one.get("purpose", "perform"), one["attemptNumber"]) for one in self.requests()
        )
        assert all(count == 1 for count in asked.values()), "an attempt is asked for once"
        assert [] == self.performer.calls
        for name in ("pay", "ship"):  # neither is repeatable
            attempts = [one for one in ledger if one.action == name and one.purpose is Purpose.PERFORM]
            for before in attempts[:-1]:
                probed = before.decision is not None and json.loads(before.decision)["move"] in {"probe", "ask"}
                late = json.loads(before.late_answer or "{}").get("outcome") == "not_executed"
                assert before.outcome == "not_executed" or probed or late, "nothing is repeated that may have happened"

    def count(self) -> None:
        """What has arrived is accounted for, each event once."""
        results = Counter(one.result.value for one in self.receipts)
        noted = {one.id.lower() for one in self.sent}
        rows = [self.read(lambda snapshot, name=name: snapshot.inbox(name)) for name in noted]
        letters = self.read(lambda snapshot: snapshot.dead_letters(execution_id=None, limit=1000))
        aside = {letter.action for letter in letters if letter.kind == "event"}
        assert len(self.receipts) == sum(results.values())
        assert len(noted) == len(self.receipts) - results["duplicate"]
        assert all(row is not None and row.outcome is not None for row in rows)
        assert {one.event_id for one in self.receipts if one.result == "set-aside"} == aside

    def end(self) -> None:
        """Answer whatever is still open, until the execution has ended."""
        for _ in range(60):
            self.run()
            self.clock.advance(OVERDUE_S)
            self.sweep()
            if self.execution().state is not RunState.RUNNING:
                break
            open_questions = [name for name, state in self.states().items() if state is ActionState.ASKING]
            if open_questions:
                self.give_up(open_questions[0])
        assert RunState.RUNNING is not self.ended()

    def give_up(self, action_id: str) -> None:
        """Answer as a person."""
        from holdfast.recovery.answering import answer

        self.transact(
            lambda tx: answer(
                tx,
                self.steps,
                plans=self.plans,
                execution_id=EXECUTION,
                action_id=action_id,
                choice="give-up",
                by=None,
                reason=None,
                output=None,
            )
        )


@given(moves=st.lists(MOVES, max_size=25))
def test_any_sequence_of_events_leaves_a_sound_execution(moves: list[tuple[str, int, object]]) -> None:
    """Answers true and false, late, repeated, malformed and for others: the ledger stays sound, every event is accounted for, and it ends."""
    bench = Outside()

    for kind, number, what in moves:
        bench.play(kind, number, what)

    bench.count()
    bench.end()
    bench.check()


@pytest.mark.parametrize("how_often", [1, 3])
def test_order_and_repetition_change_nothing_about_the_end(how_often: int) -> None:
    """Every answer delivered several times, newest first, brings the plan to the same end."""
    bench = Outside()
    for _ in range(10):
        for request in reversed(bench.requests()):
            for _ in range(how_often):
                bench.complete(request, str(uuid.uuid5(uuid.UUID(int=1), json.dumps(request))), id="1")
        bench.run_now()

    assert RunState.COMPLETED is bench.ended()
    assert 3 == len(bench.events("action.execute.requested"))


@given(body=st.binary(max_size=300))
def test_random_bytes_are_refused_in_one_way(body: bytes) -> None:
    """Bytes that are no event are refused with `BadInput`, never otherwise."""
    from holdfast.contract.json_text import read_json

    try:
        value = read_json(body)
        as_event(cast("dict[str, object]", value), kind="error.occurred", deployment="test", limits=EventLimits())
    except BadInput as err:
        refusal = str(err)
    else:
        refusal = "none: it is an object"

    assert refusal
