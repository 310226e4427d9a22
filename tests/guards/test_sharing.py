"""Circuits that several processes share: trap 24, and what else can go wrong between them."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Mapping

import pytest

import holdfast
from holdfast import Breaker
from holdfast.errors import BadSettings, CircuitOpen
from holdfast.guards.policy import Policy
from holdfast.guards.sharing import Sharing
from holdfast.policies.breaker import CircuitState
from holdfast.ports.breaker_store import SharedTrip
from holdfast.testing import MemoryBreakerStore
from tests.guards.colours import Colour, Down, StillWorld, heard, make, outcome_of

TOUCHY = Breaker(failures_consecutive=1, open_s=10.25, open_jitter=0, probe_lease_s=5, successes_to_close=1)


def fail() -> object:
    """Fail before anything was done."""
    raise Down("down")


class Watched(MemoryBreakerStore):
    """A store that counts what it is asked, fails when it is told to, and does something in between when it is told to."""

    def __init__(self, world: StillWorld) -> None:
        super().__init__(clock=lambda: world.seconds * 1.0 + 77_000)
        self.asked: list[str] = []
        self.is_down = False
        self.before_trips: Callable[[], object] | None = None

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.is_down:
            raise ConnectionError("no route to the store")

    def report(self, policy: str, key: str, *, process: str, open_s: float) -> None:
        """Count, and keep."""
        self._ask(f"report {open_s:g}")
        super().report(policy, key, process=process, open_s=open_s)

    def retract(self, policy: str, key: str, *, process: str) -> None:
        """Count, and forget."""
        self._ask("retract")
        super().retract(policy, key, process=process)

    def trips(self, policy: str) -> Mapping[str, tuple[SharedTrip, ...]]:
        """Count, answer, and do what comes in between."""
        self._ask("trips")
        found = super().trips(policy)
        if self.before_trips is not None:
            self.before_trips()
        return found

    def lease(self, policy: str, key: str, *, process: str, lease_s: float, places: int) -> bool:
        """Count, and take."""
        self._ask("lease")
        return super().lease(policy, key, process=process, lease_s=lease_s, places=places)

    def release(self, policy: str, key: str, *, process: str) -> None:
        """Count, and give back."""
        self._ask("release")
        super().release(policy, key, process=process)


@pytest.fixture
def store(world: StillWorld) -> Watched:
    """A store with a clock of its own."""
    return Watched(world)


def processes(store: Watched, count: int, *, quorum: int = 1, **strategies: object) -> list[tuple[Policy, Sharing]]:
    """Several processes with the same policy: each beats when the test says so."""
    found = []
    for number in range(count):
        policy = make(breaker=strategies.get("breaker", TOUCHY), key=strategies.get("key"))
        found.append((policy, policy.share(store, quorum=quorum, process=f"p{number}")))
    for _, sharing in found:
        sharing.beat()
    return found


def beat(*members: tuple[Policy, Sharing]) -> None:
    """One beat each, in this order."""
    for _, sharing in members:
        sharing.beat()


def state(member: tuple[Policy, Sharing]) -> CircuitState:
    """How the circuit of a process stands."""
    return member[0].health().state


def test_trap_24_calls_never_ask_the_store(colour: Colour, store: Watched) -> None:
    """Closed or open, succeeding or failing: a call makes no I/O of ours, however many there are."""
    ((policy, _),) = processes(store, 1)
    ask = colour.guard(policy, lambda: "answer")
    store.asked.clear()

    for _ in range(100):
        ask()
    outcome_of(colour.guard(policy, fail))
    assert [CircuitOpen] * 100 == [outcome_of(ask) for _ in range(100)]

    assert [] == store.asked


def test_trap_24_a_trip_reaches_the_others(store: Watched, world: StillWorld) -> None:
    """To the fraction of a second, by durations: the clocks of processes and store have nothing in common."""
    one, two = processes(store, 2)
    outcome_of(one[0](fail))
    world.pass_(0.125)

    beat(one, two)

    assert "report 10.125" in store.asked
    with pytest.raises(CircuitOpen) as refused:
        two[0].call(lambda: 0)
    assert 10.125 == refused.value.retry_after_s


@pytest.mark.parametrize("key", [None, lambda: "tenant"], ids=["plain", "keyed"])
def test_one_process_with_a_broken_network_is_outvoted(store: Watched, key: Callable[[], str] | None) -> None:
    """With a quorum of two, a trip binds a third process only once two have seen it."""
    one, two, three = processes(store, 3, quorum=2, key=key)
    name = None if key is None else "tenant"
    three[0].call(lambda: 0) if key is None else three[0](lambda: 0)()
    outcome_of(one[0](fail))
    beat(one, two, three)
    assert three[0].health(name).state is CircuitState.CLOSED

    outcome_of(two[0](fail))
    beat(two, three)

    assert three[0].health(name).state is CircuitState.OPEN
    assert "2 or more processes saw it fail" in str(three[0].health(name).because)


def test_a_quorum_holds_as_long_as_its_last_member(store: Watched, world: StillWorld) -> None:
    """Of two reports that end at different times, the earlier end counts."""
    one, two, three = processes(store, 3, quorum=2)
    outcome_of(one[0](fail))
    world.pass_(4)
    outcome_of(two[0](fail))

    beat(one, two, three)

    assert pytest.approx(6.25) == _left(three[0])


def _left(policy: Policy) -> float | None:
    with pytest.raises(CircuitOpen) as refused:
        policy.call(lambda: 0)
    return refused.value.retry_after_s


def test_what_came_from_others_is_not_told_on(store: Watched, world: StillWorld) -> None:
    """Two processes do not keep each other shut by repeating one report for ever."""
    one, two = processes(store, 2)
    outcome_of(one[0](fail))
    for _ in range(5):
        beat(one, two)

    assert 1 == sum(asked.startswith("report") for asked in store.asked)
    world.pass_(10.25)
    beat(two)
    assert two[0].call(lambda: "probe") == "probe"
    assert state(two) is CircuitState.CLOSED


def test_trap_24_no_trip_is_lost_between_reading_and_writing(store: Watched) -> None:
    """A circuit that trips by itself while the lane is reading reports that, although another's trip arrives in the same beat."""
    one, two, three = processes(store, 3, quorum=1)
    outcome_of(one[0](fail))
    beat(one)
    store.before_trips = lambda: outcome_of(two[0](fail))
    beat(two)
    store.before_trips = None

    beat(two)

    assert {"p0", "p1"} == {trip.process for trip in store.trips("crm")[""]}
    beat(three)
    assert state(three) is CircuitState.OPEN


def test_trap_24_closing_here_forgets_nobody_elses_trip(store: Watched, world: StillWorld) -> None:
    """A process that found it well takes back its own report, and another's that came meanwhile stays."""
    one, two, three = processes(store, 3, quorum=1)
    outcome_of(one[0](fail))
    beat(one)
    world.pass_(10.25)
    beat(one)
    one[0].call(lambda: "well")
    outcome_of(two[0](fail))
    beat(two)

    beat(one, three)

    assert ["p1"] == [trip.process for trip in store.trips("crm")[""]]
    assert state(three) is CircuitState.OPEN


def test_what_was_found_well_is_not_shut_by_old_news(store: Watched, world: StillWorld) -> None:
    """Reports from before this process's own good probe do not bind it again; later ones do."""
    (one,) = processes(store, 1)
    store.report("crm", "", process="px", open_s=100)
    outcome_of(one[0](fail))
    world.pass_(10.25)
    one[0]._lanes.only.cell.probing_until = None
    one[0].call(lambda: "well")

    beat(one)
    assert state(one) is CircuitState.CLOSED
    world.pass_(1)
    store.report("crm", "", process="px", open_s=100)
    world.pass_(0.5)
    beat(one)

    assert state(one) is CircuitState.OPEN


def test_processes_take_turns_to_probe(store: Watched, world: StillWorld) -> None:
    """One place in all: who has the lease probes, the others are turned away until it is given back or runs out."""
    one, two = processes(store, 2, breaker=Breaker(failures_consecutive=1, open_s=10, open_jitter=0, probe_lease_s=5))
    outcome_of(one[0](fail))
    beat(one, two)
    world.pass_(10)
    assert outcome_of(one[0].call, lambda: 0) is CircuitOpen
    beat(one, two)

    assert one[0].call(lambda: "probe") == "probe"
    assert outcome_of(two[0].call, lambda: 0) is CircuitOpen
    world.pass_(4)
    beat(one)
    world.pass_(2)
    assert one[0].call(lambda: "extended") == "extended"
    assert state(one) is CircuitState.CLOSED
    beat(one, two)

    assert two[0].call(lambda: "turn") == "turn"


def test_a_hung_probe_elsewhere_does_not_wedge(store: Watched, world: StillWorld) -> None:
    """A process that died with the lease loses it."""
    one, two = processes(store, 2, breaker=Breaker(failures_consecutive=1, open_s=10, open_jitter=0, probe_lease_s=5))
    outcome_of(one[0](fail))
    beat(one, two)
    world.pass_(10)
    beat(one, two)
    assert outcome_of(two[0].call, lambda: 0) is CircuitOpen

    world.pass_(5)
    beat(two)

    assert two[0].call(lambda: "turn") == "turn"
    assert outcome_of(one[0].call, lambda: 0) is CircuitOpen  # its turn is over


def test_a_failed_probe_gives_its_turn_back(store: Watched, world: StillWorld) -> None:
    """And tells the others, who wait as long."""
    one, two = processes(store, 2)
    outcome_of(one[0](fail))
    beat(one, two)
    world.pass_(10.25)
    beat(one, two)
    outcome_of(one[0](fail))

    beat(one, two)

    assert "release" in store.asked
    world.pass_(1)
    assert outcome_of(two[0].call, lambda: 0) is CircuitOpen
    beat(two)
    assert outcome_of(two[0].call, lambda: 0) is CircuitOpen


def test_trap_24_a_store_that_is_down_leaves_each_to_itself(
    store: Watched, world: StillWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Circuits open and close by their own judgement; it is told once that the store is gone, and once that it is back."""
    (one,) = processes(store, 1)
    events = heard(one[0])
    store.is_down = True
    for _ in range(5):
        beat(one)
    outcome_of(one[0](fail))
    beat(one)
    assert state(one) is CircuitState.OPEN
    world.pass_(10.25)
    assert one[0].call(lambda: "probe") == "probe"
    assert state(one) is CircuitState.CLOSED
    store.is_down = False
    beat(one)
    beat(one)

    told = [event.name for event in events if event.name.startswith("sharing")]
    assert ["sharing.lost", "sharing.resumed"] == told
    assert 1 == sum("sharing.lost" in record.getMessage() for record in caplog.records)
    assert "ConnectionError" in caplog.text


def test_a_trip_is_told_when_the_store_is_back(store: Watched, world: StillWorld) -> None:
    """What could not be reported is, with the time that is left by then."""
    (one,) = processes(store, 1)
    store.is_down = True
    outcome_of(one[0](fail))
    beat(one)
    world.pass_(4)
    store.is_down = False

    beat(one)

    (trip,) = store.trips("crm")[""]
    assert ("p0", 6.25) == (trip.process, trip.left_s)


def test_isolated_circuits_stay_in_the_operators_hand(store: Watched) -> None:
    """A trip of others changes nothing that somebody set by hand."""
    one, two = processes(store, 2)
    two[0].disable()
    outcome_of(one[0](fail))

    beat(one, two)

    assert two[0].call(lambda: "through") == "through"


def test_a_policy_with_a_store_beats_by_itself(store: Watched) -> None:
    """A thread of its own reports at once when the circuit opens, and ends with the policy."""
    reported = threading.Event()
    store.report = lambda *_args, **_more: reported.set()  # type: ignore[method-assign]  # seen from the other side
    policy = holdfast.policy("crm", breaker=TOUCHY, store=store)
    before = threading.active_count()

    policy.trip("a test", 5)

    assert reported.wait(30)
    gone = threading.Event()
    weakref.finalize(policy._sharing, gone.set)
    del policy
    for _ in range(100):
        gc.collect()
        if gone.wait(0.1):
            break
    assert gone.is_set()
    assert before >= 1


@pytest.mark.parametrize("quorum", [0, 1_001, 1.5, True])
def test_refuses_a_quorum_of_nobody(quorum: int) -> None:
    """1 to 1000 processes."""
    with pytest.raises(BadSettings, match="from 1 to 1_000"):
        holdfast.policy("crm", quorum=quorum)
