"""Rate limits in the life of a plan: calls wait for their turn as rows, over all executions, retries and repeats included."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import ActionDefinition
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.recovery.bench import BROKEN, DIE, EXPIRED, TIMEOUT, Bench, action, definition, frozen, wants_new_token

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from holdfast.plans.frozen import Frozen


ADA, EVE = "aaaaaaaa-1111-4111-8111-111111111111", "eeeeeeee-1111-4111-8111-111111111111"


def limited(
    made: ActionDefinition, *, requests: int = 2, window: int = 10_000, scope: str = "global"
) -> ActionDefinition:
    """The same definition with a limit."""
    limit = {"requests": requests, "window": window, "scope": scope}
    return ActionDefinition.from_wire({**made.to_wire(), "rateLimit": limit})


def fan(width: int, made: ActionDefinition) -> Frozen:
    """A plan whose actions all use one definition and wait for nothing."""
    return frozen([action(f"a{number}", uses=made.id) for number in range(width)], [made])


def times(bench: Bench, since: datetime) -> list[float]:
    """When calls were made, in seconds."""
    return [(at - since).total_seconds() for _, _, at in bench.performer.calls]


def crowded(moments: Sequence[float], *, requests: int, window_s: float) -> list[tuple[float, float]]:
    """Windows that hold more calls than they may."""
    times = sorted(moments)
    return [(a, b) for a, b in zip(times, times[requests:], strict=False) if b - a < window_s - 1e-9]


def test_calls_wait_for_their_turn() -> None:
    """Two in ten seconds: the first two begin at once, the others five seconds apart from the tenth on."""
    bench = Bench()
    began = bench.clock.now()
    bench.start(fan(5, limited(definition("get", "GET"))))

    bench.run()

    assert [0.0, 0.0, 10.0, 15.0, 20.0] == times(bench, began)
    assert RunState.COMPLETED is bench.ended()


def test_waiting_for_a_turn_is_no_attempt() -> None:
    """A call that waits is scheduled, with its due time; it is told once, and its attempt keeps its number."""
    bench = Bench()
    bench.start(fan(3, limited(definition("get", "GET"))))
    bench.run_now()

    row = bench.row("a2")

    assert (ActionState.SCHEDULED, 1, bench.clock.now() + timedelta(seconds=10)) == (row.state, row.n, row.due_at)
    assert [] == bench.attempts("a2")
    bench.run()
    assert [("a2", 1, 2, 10_000, "global")] == [
        (e.data["actionId"], e.data["attemptNumber"], e.data["requests"], e.data["windowMs"], e.data["scope"])
        for e in bench.events("action.paced")
    ]
    assert [1] == [one.n for one in bench.attempts("a2")]


def test_other_actions_go_on_meanwhile() -> None:
    """A limit holds up only the calls that it is about."""
    made = limited(definition("get", "GET"), requests=1)
    bench = Bench()
    bench.start(
        frozen([action("a", uses="get"), action("b", uses="get"), action("free"), action("then", "free")], [made])
    )

    bench.run_now()

    assert {"a", "free", "then"} == {name for name, state in bench.states().items() if state is ActionState.COMPLETED}


def test_retries_count() -> None:
    """Every repeat is a call."""
    made = limited(definition("get", "GET", attempts=3, retries=["api_unexpected_status"]), requests=1)
    bench = Bench({"a0": [BROKEN, BROKEN]})
    began = bench.clock.now()
    bench.start(fan(1, made))

    bench.run()

    assert [0.0, 10.0, 20.0] == times(bench, began)


def test_a_repeat_after_a_crash_counts() -> None:
    """Taking up an attempt whose worker died is a second call: it waits for its turn as well, and is said to be a repeat only then."""
    made = limited(definition("get", "GET"), requests=1)
    bench = Bench({"a0": [DIE]})
    began = bench.clock.now()
    bench.start(fan(1, made))
    bench.run_once()
    bench.run_now()
    assert [] == bench.events("attempt.reclaimed")
    assert 1 == bench.row("a0").in_flight

    bench.run()

    assert [0.0, 10.0] == times(bench, began)
    assert [2] == [one.claims for one in bench.attempts("a0")]
    assert RunState.COMPLETED is bench.ended()


def test_a_repeat_does_not_wait_for_its_own_call() -> None:
    """An attempt that had waited before its worker died draws a new place: it goes behind those who wait, not behind itself."""
    made = limited(definition("get", "GET"), requests=2, window=10_000)
    bench = Bench({"a2": [DIE]})
    began = bench.clock.now()
    bench.start(fan(3, made))
    bench.run(until=began + timedelta(seconds=10))

    bench.run()

    assert [0.0, 0.0, 10.0, 15.0] == times(bench, began)


def test_probes_keep_the_limit_of_their_own_definition() -> None:
    """A probe is a call of the definition that asks; the action that it asks about has another limit."""
    probe = limited(definition("find", "GET"), requests=1)
    bench = Bench({"pay": [TIMEOUT], "book": [TIMEOUT]})
    began = bench.clock.now()
    made = [definition("pay", probe="find"), definition("book", probe="find"), probe]
    bench.start(frozen([action("pay"), action("book")], made))

    bench.run()

    probes = [(at - began).total_seconds() for name, _, at in bench.performer.calls if name.startswith("probe:")]
    assert [] == crowded(probes, requests=1, window_s=10.0)
    assert len(probes) >= 2
    assert {"probe"} == {event.data["purpose"] for event in bench.events("action.paced")}


def test_a_refresh_never_waits_for_a_turn() -> None:
    """The call that renews a credential is made at once, whatever its definition's limit says: all others wait for it."""
    renew = limited(definition("renew", refreshes="TOKEN"), requests=1, window=3_600_000)
    get = definition("get", "GET", credential="TOKEN")
    bench = Bench({f"a{number}": [wants_new_token, wants_new_token] for number in range(2)})
    first = fan(2, get)
    plan = frozen([action("a0", uses="get"), action("a1", uses="get")], [get, renew])
    assert first
    began = bench.clock.now()
    bench.start(plan)
    bench.run()

    other = "22222222-2222-4222-8222-222222222222"
    bench.performer.script["a0"] = [EXPIRED]
    bench.start(plan, other)
    bench.run()

    assert RunState.COMPLETED is bench.ended(other)
    assert max(times(bench, began)) < 60
    assert 2 == len([name for name, _, _ in bench.performer.calls if name.startswith("refresh:")])


def test_a_call_that_waits_for_a_credential_takes_no_place() -> None:
    """Only a call that is about to be made draws a place: what waits for a new token does not use the limit up."""
    get = limited(definition("get", "GET", credential="TOKEN"), requests=2)
    bench = Bench({"a0": [wants_new_token, wants_new_token]})
    began = bench.clock.now()
    bench.start(frozen([action("a0", uses="get")], [get, definition("renew", refreshes="TOKEN")]))

    bench.run()

    assert [0.0, 0.0, 0.0] == times(bench, began)  # refused, renewed, accepted
    assert RunState.COMPLETED is bench.ended()


@pytest.mark.parametrize(
    ("scope", "together"), [("global", True), ("per_user", False), ("per_ip", True)], ids=["global", "user", "ip"]
)
def test_who_shares_a_limit(scope: str, together: bool) -> None:
    """Plans of two people share a limit unless it is each person's own."""
    made = limited(definition("get", "GET"), requests=1, scope=scope)
    bench = Bench()
    began = bench.clock.now()
    for number, person in enumerate((ADA, EVE)):
        plan = fan(1, made)
        bench.start(owned(plan, person), f"{number}1111111-1111-4111-8111-111111111111")

    bench.run()

    assert ([0.0, 10.0] if together else [0.0, 0.0]) == times(bench, began)


def owned(plan: Frozen, person: str) -> Frozen:
    """The same plan, created by somebody."""
    import hashlib
    import json

    document = json.loads(plan.body)
    document["planOfContract2"]["metadata"]["createdBy"] = person
    body = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return type(plan)(digest=hashlib.sha256(body.encode()).hexdigest(), body=body)


def test_workers_behind_other_addresses_have_limits_of_their_own() -> None:
    """A limit per address is kept for each address: the setting worker.egress_id tells them apart."""
    from dataclasses import replace

    bench = Bench()
    bench.start(fan(2, limited(definition("get", "GET"), requests=1, scope="per_ip")))
    first, second = bench.take(), bench.take()

    bench.deciding = replace(bench.deciding, egress="here")
    here = bench.claim(first)
    bench.deciding = replace(bench.deciding, egress="there")
    there = bench.claim(second)

    assert here is not None
    assert there is not None


def test_the_name_of_a_person_is_not_kept_with_the_limit() -> None:
    """A limit per person is kept under a digest."""
    import sqlalchemy as sa

    bench = Bench()
    bench.start(owned(fan(1, limited(definition("get", "GET"), scope="per_user")), ADA))
    bench.run()

    names = bench.read(lambda s: list(s.connection.scalars(sa.text("select bucket from rate_limits"))))
    assert [True] == [name.startswith("get 2/10000ms per_user ") and ADA not in name for name in names]


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    """After the clock was set back by an hour calls wait one window, not the hour."""
    bench = Bench()
    bench.start(fan(4, limited(definition("get", "GET"), requests=2)))
    steps = [bench.take() for _ in range(4)]
    for step in steps[:2]:
        bench.perform(step)
    bench.clock._now -= timedelta(hours=1)  # no clock of ours runs backwards; those of machines do
    back = bench.clock.now()
    for step in steps[2:]:
        bench.perform(step)

    bench.run()

    late = [(at - back).total_seconds() for _, _, at in bench.performer.calls[2:]]
    assert [10.0, 15.0] == late


def test_cancelling_ends_a_wait_for_a_turn() -> None:
    """What waits for its turn is skipped when the execution is cancelled, and its step does nothing afterwards."""
    bench = Bench()
    bench.start(fan(3, limited(definition("get", "GET"))))
    bench.run_now()

    bench.cancel()
    bench.run()

    assert RunState.CANCELLED is bench.ended()
    assert 2 == len(bench.performer.calls)


@given(st.integers(1, 4), st.lists(st.integers(0, 8), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_no_window_holds_too_many_whoever_comes_when(requests: int, pauses: list[int], chance: object) -> None:
    """Plans that start at any time, workers that die or answer badly: no window holds more calls than it may, and every plan ends."""
    retries = ["api_unexpected_status"]
    made = limited(definition("get", "GET", attempts=3, retries=retries, delay=500), requests=requests, window=3_000)
    script = {f"a{n}": [chance.choice([BROKEN, DIE, {"id": "x"}]) for _ in range(3)] for n in range(2)}  # type: ignore[attr-defined]  # a Random
    bench = Bench(script, crashes_max=10)
    began = bench.clock.now()
    ids = [f"{number:08}-1111-4111-8111-111111111111" for number in range(len(pauses))]
    for one, pause in zip(ids, pauses, strict=True):
        bench.start(fan(2, made), one)
        bench.run(until=bench.clock.now() + timedelta(seconds=pause / 2))
        due = bench.clock.now() + timedelta(seconds=pause / 2)
        bench.clock.advance((due - bench.clock.now()).total_seconds())

    bench.run()

    assert [] == crowded(times(bench, began), requests=requests, window_s=3.0)
    assert all(bench.ended(one) for one in ids)
    assert {Purpose.PERFORM} == {assignment.step.purpose for _, assignment, _ in bench.performer.calls}
