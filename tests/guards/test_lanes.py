"""Lanes by key, the operator's hand over all of them, and many threads at once."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest

import holdfast
from holdfast import Breaker, Budget, Retry
from holdfast.errors import CircuitOpen
from holdfast.guards.circuit import LONGER_WAY, Mode
from holdfast.policies.breaker import CircuitState
from tests.guards.colours import Colour, Declined, Down, StillWorld, heard, make, outcome_of

TOUCHY = Breaker(failures_consecutive=1, open_s=10, open_jitter=0)


def ask(key: object, *, ok: bool = True) -> object:
    """Ask one part of the dependency."""
    if not ok:
        raise Down("down")
    return key


def by_key(key: object, **_more: object) -> object:
    """The part that a call is for."""
    return key


@pytest.mark.usefixtures("world")
def test_what_one_key_suffers_is_not_held_against_others() -> None:
    """Each has a circuit of its own; a call without a key has the policy's."""
    policy = make(breaker=TOUCHY, key=by_key)
    guarded = policy(ask)
    outcome_of(lambda: guarded("a", ok=False))

    assert [CircuitOpen, "b", None] == [outcome_of(guarded, key) for key in ("a", "b", None)]
    assert {None: "closed", "a": "open", "b": "closed"} == {found.key: found.state for found in policy.healths()}
    assert 1 == policy.health().counts.calls


def test_the_longest_unused_key_goes_first(world: StillWorld) -> None:
    """Memory is bounded; open circuits, and those that somebody set by hand, go last."""
    policy = make(breaker=TOUCHY, key=by_key, keys_max=10)
    guarded = policy(ask)
    outcome_of(lambda: guarded("open", ok=False))
    policy.isolate("an incident", key="isolated")
    for number in range(8):
        world.pass_(1)
        guarded(number)

    world.pass_(1)
    guarded("new")
    guarded("newer")

    assert {None, "open", "isolated", *map(str, range(2, 8)), "new", "newer"} == {
        found.key for found in policy.healths()
    }
    assert [CircuitOpen, CircuitOpen] == [outcome_of(guarded, key) for key in ("open", "isolated")]


@pytest.mark.parametrize("mode", ["isolate", "disable", "shadow"])
@pytest.mark.usefixtures("world")
def test_all_keys_are_those_that_come_later_as_well(mode: str) -> None:
    """Who isolates a dependency means all of it, and is told of once."""
    policy = make(breaker=TOUCHY, key=by_key)
    guarded = policy(ask)
    guarded("early")
    events = heard(policy)

    getattr(policy, mode)()
    outcome_of(guarded, "late")

    assert {Mode(f"{mode}d".replace("shadowd", "shadow").replace("isolated", "isolated"))} == {
        found.mode for found in policy.healths()
    }
    assert 2 == len(events)
    if mode == "isolate":
        assert [CircuitOpen, CircuitOpen] == [outcome_of(guarded, key) for key in ("early", "late")]
    policy.resume()
    assert ["early", "later still"] == [guarded("early"), guarded("later still")]


@pytest.mark.usefixtures("world")
def test_one_key_is_steered_alone() -> None:
    """And the others go on."""
    policy = make(breaker=TOUCHY, key=by_key)
    guarded = policy(ask)
    policy.isolate("an incident", key="a")
    policy.trip("a test", 5, key="b")

    assert [CircuitOpen, CircuitOpen, "c"] == [outcome_of(guarded, key) for key in "abc"]
    policy.resume(key="a")
    assert "a" == guarded("a")


def test_a_shadow_tells_and_stops_nobody(world: StillWorld, colour: Colour, caplog: pytest.LogCaptureFixture) -> None:
    """It says that it would have opened, and not again while it would be open."""
    caplog.set_level(logging.INFO)
    policy = make(breaker=TOUCHY)
    policy.shadow()
    call = colour.guard(policy, lambda: ask("x", ok=False))

    assert [Down] * 20 == [outcome_of(call) for _ in range(20)]
    world.pass_(10)
    outcome_of(call)

    told = [record for record in caplog.records if "would_have_opened" in record.getMessage()]
    assert 2 == len(told)
    assert "open_s=10" in told[0].getMessage()


@pytest.mark.usefixtures("world")
def test_isolation_says_why_and_who_ends_it(colour: Colour) -> None:
    """The operator's words stand in the error."""
    policy = make()
    policy.isolate("incident 42")

    with pytest.raises(CircuitOpen) as refused:
        colour.guard(policy, lambda: 1)()

    assert "incident 42" in str(refused.value)
    assert "resume()" in str(refused.value)
    assert refused.value.retry_after_s is None
    assert (1, "Circuit 'crm' was isolated by hand: incident 42") == (
        policy.health().turned_away,
        policy.health().because,
    )


def test_a_half_open_circuit_says_so(world: StillWorld) -> None:
    """Who is turned away because of a probe is told that, and when its lease ends."""
    policy = make(breaker=TOUCHY)
    policy.trip("a test", 10)
    world.pass_(10)

    with policy.attempt(), pytest.raises(CircuitOpen) as refused:
        policy.call(lambda: 1)

    assert "half open" in str(refused.value)
    assert 30.0 == refused.value.retry_after_s
    assert refused.value.until is None


def test_taking_a_disturbance_away_leaves_a_half_open_circuit_half_open(world: StillWorld) -> None:
    """Its gate looks like that of a policy under test, and is not opened with it."""
    policy = make(breaker=TOUCHY)
    guarded = policy(lambda: 1)
    cell = policy._lanes.only.cell
    cell.rest_at(LONGER_WAY)
    policy.trip("a test", 10)
    world.pass_(10)

    with policy.attempt():
        cell.rest_at(None)
        assert outcome_of(guarded) is CircuitOpen
    policy.isolate()
    cell.rest_at(LONGER_WAY)
    cell.rest_at(None)

    assert outcome_of(guarded) is CircuitOpen


@pytest.mark.usefixtures("world")
def test_throttled_calls_are_calls_too() -> None:
    """A budget is a share of what was sent, whatever it says about health: neutral calls bring their share."""
    policy = make(retry=Retry(budget=Budget(ratio=0.5, floor_per_s=0)))
    cell = policy._lanes.only.cell

    def declined() -> None:
        raise Declined("slow down")

    call = policy(declined)
    for _ in range(10):
        outcome_of(call)

    assert 10 == cell.calls


@pytest.fixture
def _restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
@pytest.mark.parametrize(
    "window",
    [
        pytest.param({"window_calls": 100}, id="count"),
        pytest.param({"window_s": 3_600}, id="time"),
        pytest.param({"slow_s": 60, "slow_ratio": 1}, id="slow"),
    ],
)
def test_eight_threads_count_exactly(window: dict[str, float]) -> None:
    """Under the GIL, no success and no failure is lost while threads are switched all the time; one in ten of them fails."""
    # Only a hundred failures in a row would open it, however the threads are mixed.
    policy = make(breaker=Breaker(failures_consecutive=None, failure_ratio=1, calls_min=100, **window))
    guarded = policy(ask)
    together = threading.Barrier(8)

    def work() -> None:
        together.wait()
        for number in range(2_000):
            outcome_of(lambda ok=number % 10 > 0: guarded("x", ok=ok))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counted = policy._lanes.only.cell.window
    assert (14_400, 1_600, 0) == (counted.ok, counted.failed, counted.dragged)
    assert 16_000 == policy._lanes.only.cell.calls
    assert policy.health().state is CircuitState.CLOSED


@pytest.mark.usefixtures("_restless")
def test_no_trip_is_lost_between_threads() -> None:
    """Of eight threads that fail at once, the one that fills the window opens the circuit, once."""
    for _ in range(20):
        policy = make(breaker=Breaker(failures_consecutive=40))
        events = heard(policy)
        guarded = policy(ask)
        together = threading.Barrier(8)

        def work(guarded: object = guarded, together: threading.Barrier = together) -> None:
            together.wait()
            for _ in range(10):
                outcome_of(lambda: guarded("x", ok=False))  # type: ignore[operator]  # it is a function

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert policy.health().state is CircuitState.OPEN
        assert 1 == sum(event.name == "circuit.opened" for event in events)


@pytest.mark.usefixtures("_restless", "world")
def test_settings_change_under_the_hands_of_threads() -> None:
    """Two hundred changes while four threads call: no call breaks, and both of two changes made at once hold."""
    policy = make(breaker=TOUCHY, retry=Retry(initial_delay_s=0))
    guarded = policy(ask)
    done = threading.Event()
    found: set[object] = set()

    def work() -> None:
        while not done.is_set():
            found.add(outcome_of(lambda: guarded("x")))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    changes = (
        lambda: [policy.update(retry=Retry(attempts_max=number % 5 + 1)) for number in range(100)],
        lambda: [policy.update(breaker=Breaker(failures_consecutive=number % 5 + 1)) for number in range(100)],
    )
    changing = [threading.Thread(target=change) for change in changes]
    for thread in changing:
        thread.start()
    for thread in changing:
        thread.join()
    done.set()
    for thread in threads:
        thread.join()

    assert {"x"} == found
    composition = policy.composition
    assert composition.retry is not None
    assert composition.breaker is not None
    assert (5, 5) == (composition.retry.attempts_max, composition.breaker.failures_consecutive)


def test_looking_at_a_key_keeps_no_place_for_it() -> None:
    """A misspelt key in `health` neither makes a lane nor drops another one's."""
    policy = holdfast.policy("api", breaker=holdfast.Breaker(failures_consecutive=1), key=str, keys_max=1)
    with pytest.raises(ConnectionRefusedError):
        policy.call(_refused, "known")

    assert "closed" == policy.health("misspelt").state

    assert "open" == policy.health("known").state
    assert 2 == len(policy.healths())


def _refused(_: str) -> None:
    raise ConnectionRefusedError
