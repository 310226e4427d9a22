"""What counts as an event, in which forms it may come, and how everything else is refused."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import Event, PlanExecuteStarted
from holdfast.errors import BadInput
from holdfast.hold.envelopes import EventLimits, EventSource, as_event, envelope
from holdfast.ports.rows import EventRow

EXECUTION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PAYLOAD = {"executionId": EXECUTION, "planId": EXECUTION}
WIRE = {"specversion": "1.0", "id": EXECUTION, "source": "/elsewhere", "type": "plan.execute.started", "data": PAYLOAD}
LIMITS = EventLimits()


def read(given_: EventSource, kind: str | None = None, *, limits: EventLimits = LIMITS) -> Event:
    """An event as it is taken in."""
    return as_event(given_, kind=kind, deployment="eu 1", limits=limits)


def refusal(given_: object, kind: str | None = None, *, limits: EventLimits = LIMITS) -> str:
    """Why something is no event."""
    with pytest.raises(BadInput) as caught:
        read(given_, kind, limits=limits)  # type: ignore[arg-type]  # that is the point
    return str(caught.value)


def test_an_event_comes_as_a_model_as_json_or_as_a_payload() -> None:
    """All forms of one event are the same event."""
    model = Event.from_wire(WIRE)

    assert model == read(model) == read(WIRE)
    assert PAYLOAD == read(PAYLOAD, "plan.execute.started").data
    assert read(PAYLOAD, "plan.execute.started") == read(PlanExecuteStarted(execution_id=EXECUTION, plan_id=EXECUTION))


def test_the_id_of_a_payload_follows_from_its_content() -> None:
    """The same payload twice is one event, in whatever order its keys stand; another payload or type is another event."""
    turned = dict(reversed(PAYLOAD.items()))

    first = read(PAYLOAD, "plan.execute.started")

    assert first.id == read(turned, "plan.execute.started").id
    assert first.id != read(PAYLOAD, "plan.execute.completed").id
    assert first.id != read({**PAYLOAD, "more": 1}, "plan.execute.started").id
    assert ("/holdfast/eu%201", EXECUTION) == (first.source, first.subject)


def test_a_whole_event_takes_no_type() -> None:
    """A type beside an event that has one is refused: it would wrap the envelope into another."""
    assert "names its own type" in refusal(WIRE, "error.occurred")


def test_everything_wrong_is_told_at_once() -> None:
    """All misfits of an envelope are listed, and a bare payload is told about the type."""
    told = refusal({"id": "x", "data": []})

    for name in ("id: must be a UUID", "source: is missing", "type: is missing", "data: must be an object", "--type"):
        assert name in told


def test_the_list_of_misfits_is_bounded() -> None:
    """An event made of misfits is refused with a list that a person can read."""
    events = {"type": "x" * 10, "id": "x", "source": ""}

    assert len(refusal(events).splitlines()) < 60


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param([], "a JSON object", id="list"),
        pytest.param("x", "a JSON object", id="text"),
        pytest.param({**WIRE, "data": {"x": {1}}}, "must be JSON", id="python set"),
        pytest.param({**WIRE, "data": {"x": [MappingProxyType({})]}}, "plain dictionaries", id="a view"),
        pytest.param({**WIRE, "data": {"x": float("nan")}}, "must be JSON", id="not a number"),
        pytest.param({**WIRE, "data": {"x": 10**5000}}, "too many digits", id="endless number"),
        pytest.param({**WIRE, "data": {"x": "y" * 1_048_576}}, "events.size_max_bytes", id="large"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_with_the_reason(value: object, why: str) -> None:
    """Size, depth and kind are judged before anything else, with what to do about it."""
    assert why in refusal(value)


def test_depth_is_bounded_to_the_level() -> None:
    """The deepest event allowed is taken, one level more is refused."""

    def nested(levels: int) -> dict[str, object]:
        value: dict[str, object] = {}
        for _ in range(levels):
            value = {"x": value}
        return {**WIRE, "data": value}

    limits = EventLimits(depth_max=20)

    assert read(nested(18), limits=limits)
    assert "events.depth_max" in refusal(nested(19), limits=limits)
    assert "events.depth_max" in refusal(nested(100_000), limits=limits)


def test_values_that_contain_themselves_are_refused_soon() -> None:
    """A Python value without an end does not keep anybody busy."""
    loop: list[object] = []
    loop += [loop, loop]

    assert "nested deeper" in refusal({**WIRE, "data": {"x": loop}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(
    value=st.one_of(
        JSON,
        st.dictionaries(st.sampled_from(list(WIRE)), JSON),
        st.builds(lambda name, value: {**WIRE, name: value}, st.sampled_from([*WIRE, "subject", "time", "x"]), JSON),
    ),
    kind=st.one_of(st.none(), st.just("error.occurred"), st.text()),
)
def test_anything_is_an_event_or_one_clear_refusal(value: object, kind: str | None) -> None:
    """Whatever is handed in, the answer is an event that can be written again, or `BadInput`."""
    try:
        event = read(value, kind)  # type: ignore[arg-type]  # that is the point
    except BadInput:
        return

    assert event == Event.from_json(event.to_json())


def test_a_recorded_event_goes_out_as_a_cloudevent() -> None:
    """Every row of the journal is a valid CloudEvent with all attributes, whatever its type."""
    row = EventRow(
        sequence=1,
        id=str(uuid.uuid4()),
        execution=EXECUTION,
        type="retry.scheduled",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        data={"executionId": EXECUTION},
    )

    wire = json.loads(envelope(row, deployment="eu/1").to_json())

    assert ("/holdfast/eu%2F1", EXECUTION, "2026-03-01T00:00:00Z") == (wire["source"], wire["subject"], wire["time"])
    assert wire == Event.from_wire(wire).to_wire()
