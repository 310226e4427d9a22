"""The correlator of a process: what policies tell it, what it tells, and what it costs those who succeed."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

import holdfast
from holdfast.errors import BadSettings, Exhausted
from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import classify
from holdfast.faults.correlation.analysis import NoErrors, NormalOperation, PatternDetected
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.correlation.settings import Correlation
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.guards.correlating import IDS, Correlator, correlated
from holdfast.guards.judging import Judgement
from holdfast.guards.listening import Event
from tests.faults.correlation.faults_seen import seen
from tests.faults.samples import NOON
from tests.guards.colours import START, Colour, StillWorld


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch, world: StillWorld) -> Correlator:
    """The correlator that policies tell, new for this test, in a world that stands still."""
    found = Correlator()
    monkeypatch.setattr("holdfast.guards.course.correlator", found)
    return found


def fail() -> None:
    """Fail as a dependency does that is down."""
    raise ConnectionRefusedError(111, "Connection refused")


def times(count: int, call: Callable[[], object]) -> None:
    """Call so often, whatever it raises."""
    for _ in range(count):
        with pytest.raises(Exception):  # noqa: B017, PT011 - what it raises is the test's own business
            call()


def test_every_policy_tells_what_failed(heard: Correlator) -> None:
    """A failed attempt is recorded under the policy's name without anything being set up; a success is not."""
    guarded, well = holdfast.policy("payments")(fail), holdfast.policy("crm")(lambda: 1)

    times(3, guarded)
    well()

    assert heard.totals().by_dependency == {"payments": 3}
    assert heard.analyse() == PatternDetected(error_type=C.NETWORK_CONNECTION_REFUSED, count=3, total=3)


def test_each_attempt_counts_and_the_call_that_gives_up_does_not(heard: Correlator, colour: Colour) -> None:
    """Of two policies around one another, attempts are recorded by the one that made them."""
    inner = holdfast.policy("inner", retry=holdfast.Retry(attempts_max=3, jitter="none"), repeatable=True)
    outer = holdfast.policy("outer")
    guarded = colour.guard(lambda function: outer(inner(function)), fail)

    with pytest.raises(Exhausted):
        guarded()

    assert heard.totals().by_dependency == {"inner": 3}


def test_calls_that_are_turned_away_are_no_faults(heard: Correlator) -> None:
    """An open circuit is not a fault of the dependency, however often it turns calls away."""
    policy = holdfast.policy("payments", breaker=holdfast.Breaker(failures_consecutive=2))
    guarded = holdfast.policy("outer")(policy(fail))

    times(10, guarded)

    assert heard.totals().by_dependency["payments"] == 2


def test_results_that_are_failures_count(heard: Correlator) -> None:
    """What a policy judges to be a failure is recorded, whether it was raised or returned."""
    guarded = holdfast.policy("crm", result=lambda value: value == "down")(lambda answer: answer)

    times(1, lambda: guarded("down"))
    guarded("well")

    assert heard.totals().total == 1


def test_what_a_person_stopped_is_no_fault(heard: Correlator) -> None:
    """A cancelled call is not counted."""
    heard.record(seen(C.USER_CANCELLED))

    assert heard.analyse() == NoErrors()


def test_an_incident_is_told_once_and_logged_once(heard: Correlator, caplog: pytest.LogCaptureFixture) -> None:
    """A storm of a thousand failures is one event and one line of the log, and another of each when it is over."""
    told: list[Event] = []
    heard.on("*", told.append)
    guarded = holdfast.policy("payments")(fail)

    with caplog.at_level(logging.INFO, "holdfast.guards"):
        times(1_000, guarded)

    (event,) = told
    assert (event.name, event.policy, event.facts["members"]) == ("incident.opened", "program", "payments")
    assert event.facts["since"] == START.isoformat(timespec="seconds")
    assert event.facts["example"] == "ConnectionRefusedError: [Errno 111] Connection refused"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "incident.opened program" in caplog.text


def test_it_is_told_that_an_incident_is_over(heard: Correlator, world: StillWorld) -> None:
    """Whoever looks after the quiet time hears that it is over, with the same id."""
    told: list[Event] = []
    heard.on("*", told.append)
    times(20, holdfast.policy("payments")(fail))
    world.pass_(200.0)

    heard.look()

    assert [event.name for event in told] == ["incident.opened", "incident.resolved"]
    assert told[0].facts["id"] == told[1].facts["id"]
    assert (heard.incidents(), len(heard.resolved())) == ((), 1)


def test_it_is_told_although_nobody_calls_any_more(world: StillWorld) -> None:
    """While an incident is open a thread looks whether it is over, and ends with it."""
    over = threading.Event()
    found = Correlator(Correlation(window_s=1.0, quiet_s=1.0))
    found.on("incident.resolved", lambda _event: over.set())
    for _ in range(20):
        found.record(seen())
    watch = found._watch
    assert watch is not None

    world.pass_(10.0)

    assert over.wait(20)
    watch.join(20)
    assert not watch.is_alive()
    assert found._watch is None


def test_a_correlator_that_nobody_needs_is_forgotten(world: StillWorld) -> None:
    """The thread that looks after incidents does not keep a correlator alive."""
    found = Correlator(Correlation(window_s=1.0))
    for _ in range(20):
        found.record(seen())
    watch = found._watch
    assert watch is not None

    del found
    gc.collect()
    watch.join(20)

    assert not watch.is_alive()


def test_calls_carry_ids(heard: Correlator) -> None:
    """Faults inside of `correlated` are kept with its ids; inner ones add to outer ones, and they end with the block."""
    guarded = holdfast.policy("crm")(fail)

    with correlated(trace_id="t", session_id="s"), correlated(correlation_id="c", session_id="inner"):
        times(1, guarded)
    times(1, guarded)

    (group,) = heard.groups()
    assert group.ids == (Ids(correlation_id="c", trace_id="t", session_id="inner"),)
    assert IDS.get() is None


def test_moments_are_told_as_times_of_day(heard: Correlator, world: StillWorld) -> None:
    """The moments in groups and incidents can be had in UTC."""
    times(1, holdfast.policy("crm")(fail))
    world.pass_(30.0)

    assert heard.time_of(heard.groups()[0].last_s) == START
    world.pass_(60.0)
    assert heard.time_of(world.seconds) == START + timedelta(seconds=90)


def test_it_can_be_set_and_switched_off(heard: Correlator) -> None:
    """Other settings begin a new window; switched off, nothing is recorded."""
    guarded = holdfast.policy("crm")(fail)
    times(1, guarded)

    heard.configure(Correlation(share=1.0))
    times(1, guarded)
    found = heard.analyse()
    heard.configure(on=False)
    times(1, guarded)

    assert found == NormalOperation(error_count=1)
    assert heard.analyse() == NoErrors()


def test_forgetting_an_open_incident_ends_its_thread(world: StillWorld) -> None:
    """Whoever begins anew leaves no thread behind."""
    found = Correlator(Correlation(window_s=1.0))
    for _ in range(20):
        found.record(seen())
    watch = found._watch
    assert watch is not None

    found.configure(on=False)
    watch.join(20)

    assert not watch.is_alive()


def test_only_its_own_events_have_listeners(heard: Correlator) -> None:
    """A listener for an event that does not exist is refused."""
    with pytest.raises(ValueError, match="no event is called"):
        heard.on("incident.closed", print)


def test_a_declared_fingerprint_is_what_failures_are_counted_under(heard: Correlator) -> None:
    """A user's own fingerprint groups failures that would be several groups, or tells apart what would be one."""

    class Declined(Exception):
        """A card was declined."""

    def decline(reason: str) -> None:
        raise Declined(reason)

    guarded = holdfast.policy("pay", classify={Declined: Judgement(fingerprint="declined at {place}")})(decline)
    times(1, lambda: guarded("no money"))
    times(1, lambda: guarded("stolen card"))

    assert [(group.fingerprint, group.count) for group in heard.groups()] == [("own:declined at pay", 2)]


def test_a_wrong_fingerprint_is_refused_where_it_is_declared() -> None:
    """A template that names something unknown is told at once."""
    with pytest.raises(BadSettings, match="fingerprint"):
        Judgement(fingerprint="{payload}")


def test_threads_lose_no_fault() -> None:
    """Eight threads that record at once are all counted."""
    found = Correlator()

    def work() -> None:
        for _ in range(500):
            found.record(seen())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found.totals().total == 4_000


def test_a_group_names_the_other_side_s_ids(heard: Correlator) -> None:
    """The id of a failed call that the vendor's answer named stands with its group, without a word of the program."""
    fault = capture_answer(500, [("X-Request-Id", "req_1")], body=b"", operation="f", observed_at=NOON)

    heard.record(classify(fault), "f")

    assert "req_1" == heard.groups()[0].ids[0].request_id
