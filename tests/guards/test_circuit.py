"""The memory of a circuit: what it tells, what it forgets, and what it shows."""

from __future__ import annotations

from datetime import timedelta

import pytest

import holdfast
from holdfast import Breaker, ErrorCategory, Judgement, Retry
from holdfast.errors import CircuitOpen
from holdfast.faults.verdict import Health
from holdfast.guards.policy import Policy
from holdfast.policies.breaker import CircuitState
from tests.guards.colours import Colour, Declined, Down, Maybe, Missing, StillWorld, heard, make, outcome_of

SURE = Breaker(failures_consecutive=2, open_s=10, open_jitter=0, successes_to_close=2, probe_lease_s=5)


def raiser(kind: type[Exception]) -> object:
    """A call that fails in this way."""

    def ask() -> None:
        raise kind("as told")

    return ask


def call(policy: Policy, colour: Colour, kind: type[Exception] | None = None) -> object:
    """One call, and what came of it."""
    return outcome_of(colour.guard(policy, (lambda: "answer") if kind is None else raiser(kind)))  # type: ignore[arg-type]  # a function


def told(policy: Policy) -> list[tuple[str, dict[str, object]]]:
    """The events of the circuit as they come."""
    found: list[tuple[str, dict[str, object]]] = []
    policy.on(
        "*", lambda event: event.name.startswith(("circuit", "probe")) and found.append((event.name, dict(event.facts)))
    )
    return found


def test_a_life_is_told_in_order(world: StillWorld, colour: Colour) -> None:
    """Each change of state once, with its reason, its length and its era."""
    policy = make(breaker=SURE)
    events = told(policy)

    call(policy, colour, Down)
    call(policy, colour, Down)
    world.pass_(10)
    call(policy, colour, Down)
    world.pass_(20)
    call(policy, colour)
    call(policy, colour)
    policy.trip("by hand", 7)

    assert [
        ("circuit.opened", {"because": "2 calls in a row failed", "open_s": 10, "era": 1}),
        ("circuit.half_opened", {"era": 2}),
        ("circuit.opened", {"because": "a probe failed", "open_s": 20, "era": 3}),
        ("circuit.half_opened", {"era": 4}),
        ("circuit.closed", {"era": 5}),
        ("circuit.opened", {"because": "by hand", "open_s": 7, "era": 6}),
    ] == events


@pytest.mark.usefixtures("world")
def test_every_hand_is_told() -> None:
    """Isolating, disabling, shadowing and giving back."""
    policy = make(breaker=SURE)
    events = told(policy)

    policy.isolate("incident 42")
    policy.disable()
    policy.shadow()
    policy.resume()

    assert [
        ("circuit.isolated", {"because": "incident 42"}), ("circuit.disabled", {}), ("circuit.shadowed", {}), ("circuit.resumed", {}),
    ] == events  # fmt: skip


def test_a_closed_circuit_begins_anew(world: StillWorld, colour: Colour) -> None:
    """Nothing of the probes is left in its window, the rejection is gone, and calls take the short way again."""
    policy = make(breaker=SURE)
    policy.trip("a test", 10)
    assert policy.health().until == world.wall + timedelta(seconds=10)
    assert policy.health().because == "Circuit 'crm' is open: a test"
    world.pass_(10)
    call(policy, colour)
    half_open = policy.health()
    assert (CircuitState.HALF_OPEN, 1, None, None) == (
        half_open.state,
        half_open.counts.calls,
        half_open.until,
        half_open.because,
    )
    call(policy, colour)

    found = policy.health()

    assert (CircuitState.CLOSED, 0, 3, None) == (found.state, found.counts.calls, found.era, found.because)
    cell = policy._lanes.only.cell
    assert (None, None, 2) == (cell.gate, cell.rejection, cell.calls)


@pytest.mark.parametrize(
    ("kinds", "calls", "failures", "consecutive"),
    [
        pytest.param([Down, None, Down], 3, 2, 1, id="a-success-ends-a-run"),
        pytest.param([Down, Missing, Down], 3, 2, 1, id="so-does-a-refused-request"),
        pytest.param([Down, Declined, Maybe], 2, 2, 2, id="neutral-is-nothing"),
        pytest.param([None, None, Down, None], 4, 1, 0, id="over"),
    ],
)
@pytest.mark.usefixtures("world")
def test_counts_what_it_hears(
    colour: Colour, kinds: list[type[Exception] | None], calls: int, failures: int, consecutive: int
) -> None:
    """Successes, failures and the run at the end."""
    policy = make(breaker=Breaker(failures_consecutive=3))

    for kind in kinds:
        call(policy, colour, kind)

    found = policy.health().counts
    assert (calls, failures, consecutive) == (found.calls, found.failures, found.consecutive)
    assert len(kinds) == policy._lanes.only.cell.calls


class Gone(Exception):
    """The endpoint was removed."""


class Old(Exception):
    """A category of its own."""


def test_a_category_has_a_run_of_its_own(world: StillWorld, colour: Colour) -> None:
    """It counts though it says nothing about health; another failure or a success between them ends the run, and so does a new era."""
    declared = {
        Gone: Judgement(category=ErrorCategory.API_ENDPOINT_REMOVED, health=Health.NEUTRAL),
        Old: Judgement(category=ErrorCategory.API_RESPONSE_MALFORMED, health=Health.FAILURE),
    }
    breaker = Breaker(
        failures_consecutive=None, failure_ratio=None, categories={ErrorCategory.API_ENDPOINT_REMOVED: 2}, open_s=10, open_jitter=0,
        successes_to_close=1,
    )  # fmt: skip
    policy = holdfast.policy("crm", classify=declared, breaker=breaker)

    for kind in (Gone, Old, Gone, None, Gone):
        call(policy, colour, kind)
    assert policy.health().state is CircuitState.CLOSED
    policy.resume()
    call(policy, colour, Gone)
    assert policy.health().state is CircuitState.CLOSED
    call(policy, colour, Gone)

    assert policy.health().state is CircuitState.OPEN
    assert "2 failures in a row were api_endpoint_removed" in str(policy.health().because)
    world.pass_(10)
    call(policy, colour, Gone)
    assert policy.health().state is CircuitState.OPEN


@pytest.mark.parametrize(("took_s", "slow"), [pytest.param(1.999, 0, id="under"), pytest.param(2.0, 1, id="exactly")])
@pytest.mark.parametrize("kind", [None, Down, Missing], ids=["good", "failed", "refused"])
def test_slow_is_slow_whatever_came_of_it(
    world: StillWorld, colour: Colour, took_s: float, slow: int, kind: type[Exception] | None
) -> None:
    """From `slow_s` on, for successes and failures alike."""
    policy = make(breaker=Breaker(slow_s=2, slow_ratio=0.9))

    def ask() -> None:
        world.pass_(took_s)
        if kind is not None:
            raise kind("late")

    outcome_of(colour.guard(policy, ask))

    found = policy.health().counts
    assert (1, slow, kind is Down) == (found.calls, found.slow, found.failures)


def test_slow_calls_open_it_and_a_slow_probe_does_not_close_it(world: StillWorld, colour: Colour) -> None:
    """Or the circuit would close on what it opened for."""
    policy = make(
        breaker=Breaker(slow_s=2, slow_ratio=0.5, calls_min=2, open_s=10, open_jitter=0, successes_to_close=1)
    )
    events = told(policy)

    def ask() -> None:
        world.pass_(2)

    slow = colour.guard(policy, ask)
    slow()
    slow()
    world.pass_(10)
    slow()

    assert ["2 of 2 calls took 2 s or longer in 60 s", "a probe failed"] == [
        facts["because"] for name, facts in events if name == "circuit.opened"
    ]
    assert policy.health().last_failure == "the probe took 2 s"
    world.pass_(20)
    assert call(policy, colour) == "answer"
    assert policy.health().state is CircuitState.CLOSED


@pytest.mark.parametrize("late", [None, Down], ids=["good", "failed"])
def test_a_slow_call_of_an_earlier_era_is_only_a_call(
    world: StillWorld, colour: Colour, late: type[Exception] | None
) -> None:
    """It is one of those that were made, and nothing else."""
    policy = make(breaker=Breaker(slow_s=2, slow_ratio=0.5, calls_min=1, open_s=10))

    def ask() -> None:
        world.pass_(3)
        policy.resume()
        if late is not None:
            raise late("late")

    outcome_of(colour.guard(policy, ask))

    assert (CircuitState.CLOSED, 0) == (policy.health().state, policy.health().counts.calls)
    assert 1 == policy._lanes.only.cell.calls


@pytest.mark.usefixtures("world")
def test_a_disabled_circuit_counts_nothing(colour: Colour) -> None:
    """And turns nobody away."""
    policy = make(breaker=Breaker(failures_consecutive=1))
    policy.disable()

    assert [Down] * 5 == [call(policy, colour, Down) for _ in range(5)]
    assert 0 == policy.health().counts.calls


def test_the_server_says_how_long(world: StillWorld, colour: Colour) -> None:
    """`Retry-After` of the failure that opens it, or of a failed probe, is not undercut."""
    stated = {Down: Judgement(health=Health.FAILURE, retry_after_s=77)}
    policy = holdfast.policy("crm", classify=stated, breaker=SURE)

    for _ in range(2):
        call(policy, colour, Down)
    for _ in range(2):
        with pytest.raises(CircuitOpen) as refused:
            policy.call(lambda: 1)
        assert 77 == refused.value.retry_after_s
        world.pass_(77)
        call(policy, colour, Down)
        world.pass_(0)


@pytest.mark.usefixtures("world")
def test_tripping_an_open_circuit_changes_nothing() -> None:
    """The open time is fixed when it opens; without a breaker, or by hand, there is nothing to trip."""
    policy = make(breaker=SURE)
    policy.trip("first", 10)
    policy.trip("second", 600)
    bare, held = make(retry=Retry()), make(breaker=SURE)
    bare.trip("nothing", 5)
    held.disable()
    held.trip("nothing", 5)

    assert "first" in str(policy.health().because)
    assert [CircuitState.CLOSED, CircuitState.CLOSED] == [bare.health().state, held.health().state]


@pytest.mark.usefixtures("world")
def test_listeners_can_be_taken_back() -> None:
    """One by one; an event that nobody knows is refused."""
    policy = make(breaker=SURE)
    seen = heard(policy)
    more: list[object] = []
    take_back = policy.on("circuit.isolated", more.append)

    policy.isolate()
    take_back()
    policy.isolate()

    assert (1, 2) == (len(more), len(seen))
    with pytest.raises(ValueError, match=r"no event is called 'circuit\.exploded'"):
        policy.on("circuit.exploded", more.append)


@pytest.mark.usefixtures("world")
def test_each_failed_attempt_is_told(colour: Colour) -> None:
    """With what it was judged to be; then the wait, and the end."""
    policy = make(retry=Retry(attempts_max=2, initial_delay_s=1, jitter="none"))
    events = heard(policy)

    call(policy, colour, Maybe)
    call(policy, colour, Down)

    assert [
        ("attempt.failed", 1), ("call.exhausted", None), ("attempt.failed", 1), ("retry.scheduled", 1), ("attempt.failed", 2),
        ("call.exhausted", None),
    ] == [(event.name, event.facts.get("attempt")) for event in events]  # fmt: skip
    assert ("network_timeout", "unknown", "failure") == tuple(
        events[0].facts[name] for name in ("category", "outcome", "health")
    )
    assert (1.0, "network_timeout") == (events[3].facts["wait_s"], events[3].facts["category"])
    assert ("attempts-exhausted", 2, "not_executed") == tuple(
        events[5].facts[name] for name in ("reason", "attempts", "outcome")
    )


def test_a_turn_to_probe_that_is_over_is_no_leave_to_probe(world: StillWorld) -> None:
    """Where processes take turns, each probes from the end of the open time to the end of its turn, and not beyond."""
    policy = make(breaker=SURE)
    policy.trip("a test", 10)
    cell = policy._lanes.only.cell
    cell.probing_until = world.seconds + 15

    world.pass_(15)
    with pytest.raises(CircuitOpen):
        cell.enter(world.seconds)
    assert CircuitState.OPEN is policy.health().state

    cell.enter(world.seconds - 1)
    assert CircuitState.HALF_OPEN is policy.health().state


def test_a_run_of_one_category_ends_with_its_era(world: StillWorld, colour: Colour) -> None:
    """What a shadow hears while its circuit would be open is no part of the next run."""
    watched = Breaker(
        failures_consecutive=None,
        failure_ratio=None,
        categories={ErrorCategory.NETWORK_TIMEOUT: 2},
        open_s=10,
        open_jitter=0,
    )
    policy = make(breaker=watched)
    policy.shadow()
    events = told(policy)
    call(policy, colour, Down)
    call(policy, colour, Down)
    call(policy, colour, Down)
    world.pass_(10)

    call(policy, colour, Down)
    assert ["circuit.would_have_opened"] == [name for name, _ in events]

    call(policy, colour, Down)
    assert ["circuit.would_have_opened"] * 2 == [name for name, _ in events]


def test_the_open_time_is_told_in_milliseconds(world: StillWorld, colour: Colour) -> None:
    """Chance gives it more figures than anybody reads."""
    policy = make(breaker=Breaker(failures_consecutive=1, open_s=10.12345, open_jitter=0))
    events = told(policy)

    call(policy, colour, Down)

    assert 10.123 == events[0][1]["open_s"]


def test_a_circuit_has_the_name_of_its_stage() -> None:
    """It stands among the other stages of a policy by that."""
    assert "breaker" == make(breaker=SURE)._lanes.only.cell.name
