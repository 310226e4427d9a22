"""Events: the envelope, the payloads, and how both are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from holdfast.contract import (
    EVENT_PAYLOADS,
    ActionExecuteRequested,
    ErrorDetail,
    Event,
    PlanExecuteFailed,
    PlanExecuteStarted,
    RecoveryOf,
    RecoveryStrategy,
)
from holdfast.errors import BadInput

EXECUTION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PLAN = "00000000-0000-4000-8000-000000000001"
EVENT = "00000000-0000-4000-8000-000000000002"
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ERROR = {"category": "auth_expired", "message": "m", "retryable": False, "context": {}}
ENVELOPE = {
    "specversion": "1.0",
    "id": EVENT,
    "source": "/elsewhere",
    "type": "error.occurred",
    "data": {"executionId": EXECUTION, "actionId": "a", "error": ERROR, "attemptNumber": 1},
}


def test_wraps_a_payload_of_ours() -> None:
    """An event of ours carries all of CloudEvents' attributes, and its subject is the execution."""
    payload = PlanExecuteStarted(execution_id=EXECUTION, plan_id=PLAN)

    event = Event.of(payload, event_id=EVENT, time=NOON, deployment="eu-1")

    expected = {
        "specversion": "1.0",
        "id": EVENT,
        "source": "/holdfast/eu-1",
        "type": "plan.execute.started",
        "subject": EXECUTION,
        "time": "2026-01-31T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {"executionId": EXECUTION, "planId": PLAN},
    }
    assert expected == event.to_wire()
    assert payload == Event.from_json(event.to_json()).payload()


def test_reads_the_envelopes_of_others() -> None:
    """Only what CloudEvents requires has to be there; extension attributes are dropped."""
    event = Event.from_wire(ENVELOPE | {"traceparent": "x"})

    assert event.subject is None
    assert ENVELOPE == event.to_wire()


def test_refuses_a_payload_with_paths_below_data() -> None:
    """What is wrong in the payload is told with its place in the event."""
    event = Event.from_wire(ENVELOPE | {"data": {"executionId": "x", "actionId": "a", "error": {}, "attemptNumber": 1}})

    with pytest.raises(BadInput) as caught:
        event.payload(source="event.json")

    paths = [problem.path for problem in caught.value.problems]
    assert [
        "data.executionId",
        "data.error.category",
        "data.error.message",
        "data.error.retryable",
        "data.error.context",
    ] == paths


def test_refuses_a_type_it_does_not_know() -> None:
    """An event of another kind can be read, but has no payload here."""
    event = Event.from_wire(ENVELOPE | {"type": "order.placed"})

    with pytest.raises(BadInput, match=r"type: must be an event type Holdfast knows, one of error\.occurred"):
        event.payload()


@pytest.mark.parametrize(
    ("field", "value"),
    [("specversion", "0.3"), ("id", "1"), ("source", ""), ("type", ""), ("data", []), ("data", None), ("time", "noon")],
    ids=["specversion", "id", "source", "type", "array", "null", "time"],
)
def test_refuses_a_broken_envelope(field: str, value: object) -> None:
    """An envelope that is not CloudEvents 1.0 in JSON is refused."""
    with pytest.raises(BadInput) as caught:
        Event.from_wire(ENVELOPE | {field: value})

    assert [field] == [problem.path for problem in caught.value.problems]


def test_carries_typed_inputs() -> None:
    """A request carries inputs of any JSON type, and says which recovery it belongs to."""
    request = ActionExecuteRequested(
        execution_id=EXECUTION,
        action_id="refresh",
        action_definition_id="auth.refresh",
        inputs={"deep": [{"a": None}], "n": 1.5},
        attempt_number=2,
        timeout_ms=1000,
        idempotency_key="k",
        recovery=RecoveryOf(strategy=RecoveryStrategy.REFRESH_THEN_RETRY, for_action_id="create"),
    )

    wire = request.to_wire()

    assert {"deep": [{"a": None}], "n": 1.5} == wire["inputs"]
    assert {"strategy": "refresh-then-retry", "forActionId": "create"} == wire["recovery"]
    assert request == ActionExecuteRequested.from_wire(wire)


def test_refuses_inputs_that_are_no_json() -> None:
    """A Python object among the inputs is refused when the request is made, not when it is stored."""
    wire = {
        "executionId": EXECUTION,
        "actionId": "a",
        "actionDefinitionId": "d",
        "inputs": {"when": {"x": [NOON]}},
        "attemptNumber": 1,
        "idempotencyKey": "k",
    }

    with pytest.raises(BadInput, match=r"inputs\.when: must be JSON, but holds a Python datetime"):
        ActionExecuteRequested.from_wire(wire)


def test_tells_which_action_a_plan_failed_at() -> None:
    """A failed plan names the action and the attempts it made."""
    error = ErrorDetail.from_wire(ERROR)

    failed = PlanExecuteFailed(execution_id=EXECUTION, plan_id=PLAN, action_id="a", error=error, attempts=4)

    assert {
        "executionId": EXECUTION,
        "planId": PLAN,
        "actionId": "a",
        "error": ERROR,
        "attempts": 4,
    } == failed.to_wire()


def test_knows_eight_types() -> None:
    """The events of the contract are these, and no others."""
    expected = {
        "error.occurred",
        *("action.execute.requested", "action.execute.completed", "action.execute.failed"),
        *("plan.execute.started", "plan.execute.completed", "plan.execute.failed", "plan.execute.cancelled"),
    }

    assert expected == set(EVENT_PAYLOADS)
