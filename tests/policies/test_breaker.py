"""The circuit breaker's decisions, held to an oracle written from its documentation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Health
from holdfast.policies.breaker import (
    SECONDS_BOUND,
    Breaker,
    Circuit,
    CircuitState as S,
    admit,
    begin_window,
    open_for_s,
    probe_ended,
    trip,
    why_trip,
)
from holdfast.policies.windows import Counts, CountWindow, TimeWindow, Window

SURE = Breaker(open_s=10, open_multiplier=2, open_max_s=50, open_jitter=0, probe_lease_s=4, successes_to_close=2)


def counts(*, calls: int = 0, failures: int = 0, slow: int = 0, consecutive: int = 0) -> Counts:
    """What a window might hold."""
    return Counts(calls=calls, failures=failures, slow=slow, consecutive=consecutive)


def why(breaker: Breaker, seen: Counts, *, category: C | None = C.NETWORK_TIMEOUT, run: int = 1) -> str | None:
    """Why it opens."""
    return why_trip(breaker, seen, category=category, category_run=run)


@pytest.mark.parametrize(
    ("breaker", "seen", "expected"),
    [
        pytest.param(Breaker(), counts(calls=5, failures=5, consecutive=5), "5 calls in a row failed", id="in-a-row"),
        pytest.param(Breaker(), counts(calls=9, failures=5, consecutive=4), None, id="too-few-calls"),
        pytest.param(Breaker(), counts(calls=10, failures=5, consecutive=4), "5 of 10 calls failed in 60 s", id="half"),
        pytest.param(Breaker(), counts(calls=11, failures=5, consecutive=4), None, id="less-than-half"),
        pytest.param(
            Breaker(failures_consecutive=None, window_calls=20), counts(calls=10, failures=9, consecutive=9),
            "9 of 10 calls failed in the last 20 calls", id="by-count",
        ),
        pytest.param(
            Breaker(failures_consecutive=None), counts(calls=9, failures=9, consecutive=9), None, id="never-in-a-row"
        ),
        pytest.param(
            Breaker(failure_ratio=None), counts(calls=99, failures=98, consecutive=4), None, id="never-by-ratio"
        ),
        pytest.param(
            Breaker(slow_s=2, slow_ratio=0.8), counts(calls=10, slow=8), "8 of 10 calls took 2 s or longer in 60 s", id="slow"
        ),
        pytest.param(Breaker(slow_s=2, slow_ratio=0.8), counts(calls=10, slow=7), None, id="not-slow-enough"),
        pytest.param(
            Breaker(failures_consecutive=1), counts(calls=1, failures=1, consecutive=1), "a call failed", id="first"
        ),
    ],
)  # fmt: skip
def test_opens_by_what_the_window_holds(breaker: Breaker, seen: Counts, expected: str | None) -> None:
    """Failures in a row, their ratio, or the ratio of slow calls, the ratios only once there are enough calls."""
    assert expected == why(breaker, seen)


def test_opens_by_the_threshold_of_a_category() -> None:
    """A category has a limit of its own, and others are not held to it."""
    breaker = Breaker(failures_consecutive=None, failure_ratio=None, categories={C.API_ENDPOINT_REMOVED: 2})
    seen = counts(calls=2, failures=2, consecutive=2)

    assert why(breaker, seen, category=C.API_ENDPOINT_REMOVED, run=1) is None
    assert why(breaker, seen, category=C.API_ENDPOINT_REMOVED, run=2) == "2 failures in a row were api_endpoint_removed"
    assert why(breaker, seen, category=C.NETWORK_TIMEOUT, run=9) is None
    assert why(breaker, seen, category=None, run=0) is None


def test_a_run_may_be_longer_than_the_window() -> None:
    """Five failures in a row open a circuit whose window holds three calls."""
    breaker = Breaker(failures_consecutive=5, failure_ratio=None, slow_s=1, slow_ratio=1, window_calls=3, calls_min=3)
    window = begin_window(breaker, 0.0)

    found = [why(breaker, window.add(failure=True, slow=False, now=0.0)) for _ in range(5)]

    assert [None] * 4 + ["5 calls in a row failed"] == found


@pytest.mark.parametrize(
    ("breaker", "kind"),
    [
        pytest.param(None, Window, id="none"),
        pytest.param(Breaker(failure_ratio=None), Window, id="no-rate"),
        pytest.param(Breaker(), TimeWindow, id="time"),
        pytest.param(Breaker(window_calls=20), CountWindow, id="count"),
        pytest.param(Breaker(failure_ratio=None, slow_s=1, slow_ratio=1), TimeWindow, id="slow-calls-alone"),
        pytest.param(Breaker(failure_ratio=None, window_calls=10), Window, id="no-rate-by-count"),
    ],
)
def test_counts_in_the_window_that_the_settings_need(breaker: Breaker | None, kind: type[Window]) -> None:
    """Without rates, nothing is remembered but the run."""
    assert kind is type(begin_window(breaker, 0.0))


@pytest.mark.parametrize(
    ("opens", "draw", "stated_s", "expected"),
    [
        pytest.param(1, 0.0, None, 10, id="first"),
        pytest.param(2, 0.0, None, 20, id="again"),
        pytest.param(4, 0.0, None, 50, id="cap"),
        pytest.param(10**6, 0.0, None, 50, id="far-beyond-a-float"),
        pytest.param(1, 0.5, None, 9, id="spread"),
        pytest.param(1, 0.5, 9.5, 9.5, id="stated-is-longer"),
        pytest.param(1, 0.5, 1.0, 9, id="stated-is-shorter"),
        pytest.param(1, 0.5, 400.0, 400, id="stated-beyond-the-cap"),
        pytest.param(1, 0.5, 1e300, SECONDS_BOUND, id="absurd"),
        pytest.param(1, 0.5, math.inf, SECONDS_BOUND, id="for-ever"),
    ],
)
def test_stays_open_as_long_as_it_should(opens: int, draw: float, stated_s: float | None, expected: float) -> None:
    """It grows, is capped, is spread downwards, never undercuts the server, and nobody shuts it for years."""
    breaker = Breaker(open_s=10, open_multiplier=2, open_max_s=50, open_jitter=0.2)

    assert pytest.approx(expected) == open_for_s(breaker, opens=opens, draw=draw, retry_after_s=stated_s)


def test_an_open_time_of_nothing_stays_nothing() -> None:
    """0 is 0, however often it opens."""
    breaker = Breaker(open_s=0, open_multiplier=100)

    brief = Breaker(open_s=0.5, open_multiplier=100, open_jitter=0)
    assert 300 == open_for_s(brief, opens=10**6, draw=0.5, retry_after_s=None)
    assert [0, 0, 0] == [open_for_s(breaker, opens=opens, draw=0.5, retry_after_s=None) for opens in (1, 2, 10**6)]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e12))
def test_an_open_time_is_finite_and_bounded(opens: int, draw: float, stated_s: float | None) -> None:
    """Whatever the number of openings and the server's word."""
    breaker = Breaker(open_multiplier=100)

    found = open_for_s(breaker, opens=opens, draw=draw, retry_after_s=stated_s)

    assert min(stated_s or 0, SECONDS_BOUND) <= found <= max(breaker.open_max_s, SECONDS_BOUND)
    assert found >= breaker.open_s * (1 - breaker.open_jitter)


@pytest.mark.parametrize("good", [1, 2, 3])
def test_closes_after_exactly_so_many_successes(good: int) -> None:
    """And not one earlier; those of an earlier era do not count."""
    breaker = Breaker(open_s=1, open_jitter=0, successes_to_close=good, probes_max=3)
    circuit = trip(breaker, Circuit(), now=0, draw=0)
    for era_ends in (Health.FAILURE, Health.SUCCESS):
        for number in range(1, good + 1):
            circuit, probe = admit(breaker, circuit, now=100.0)
            assert probe is not None
            assert (number, S.HALF_OPEN) == (probe.number, circuit.state)
            end = era_ends if number == good else Health.SUCCESS
            circuit = probe_ended(
                breaker, circuit, number, health=end, now=99.0 if end is Health.FAILURE else 100.0, draw=0
            )
            assert circuit.probes == ()
        assert (S.OPEN if era_ends is Health.FAILURE else S.CLOSED) == circuit.state
        circuit = trip(breaker, circuit, now=0, draw=0) if circuit.state is S.CLOSED else Circuit(state=S.OPEN)

    assert 604_800 == SECONDS_BOUND


def test_one_failed_call_may_be_enough() -> None:
    """A ratio of one call is a ratio."""
    breaker = Breaker(failures_consecutive=None, calls_min=1)
    slow = Breaker(failures_consecutive=None, calls_min=1, slow_s=1, slow_ratio=1)

    assert why(breaker, counts(calls=1, failures=1, consecutive=1)) == "1 of 1 calls failed in 60 s"
    assert why(slow, counts(calls=1, slow=1)) == "1 of 1 calls took 1 s or longer in 60 s"
    assert why(slow, counts(calls=1)) is None


class Oracle(RuleBasedStateMachine):
    """The circuit beside a model of it that was written from the documentation: sets and lists instead of a value."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.circuit = Circuit()
        self.breaker = SURE
        self.state = "closed"
        self.opened_times = 0
        self.open_until = 0.0
        self.places: dict[int, float] = {}
        self.made = 0
        self.good = 0
        self.eras = 0

    @initialize(probes=st.integers(1, 3), good=st.integers(1, 3))
    def begin(self, probes: int, good: int) -> None:
        """Settings of the smallest kind."""
        self.breaker = Breaker(
            open_s=10, open_max_s=50, open_jitter=0, probe_lease_s=4, probes_max=probes, successes_to_close=good
        )

    @rule(seconds=st.sampled_from([0.0, 1.0, 3.999, 4.0, 9.0, 10.0, 50.0]))
    def time_passes(self, seconds: float) -> None:
        """Up to, onto and beyond every edge."""
        self.now += seconds

    @precondition(lambda self: self.state == "closed")
    @rule(stated_s=st.sampled_from([None, 5.0, 100.0]))
    def opens(self, stated_s: float | None) -> None:
        """From closed, by a failure."""
        self.circuit = trip(self.breaker, self.circuit, now=self.now, draw=0.5, retry_after_s=stated_s)
        self._opened(stated_s)

    @precondition(lambda self: self.state != "closed")
    @rule()
    def somebody_comes(self) -> None:
        """A call that is no longer simply let through."""
        self.circuit, probe = admit(self.breaker, self.circuit, now=self.now)

        if self.state == "open" and self.now >= self.open_until:
            self.state, self.places, self.made, self.good = "half_open", {}, 0, 0
            self.eras += 1
        self.places = {number: until for number, until in self.places.items() if until > self.now}
        may = self.state == "half_open" and len(self.places) < self.breaker.probes_max
        assert may == (probe is not None)
        if probe is not None:
            self.made += 1
            self.places[self.made] = self.now + 4
            assert (self.made, self.now + 4) == (probe.number, probe.leased_until)

    @precondition(lambda self: self.state == "half_open")
    @rule(number=st.integers(1, 6), health=st.sampled_from(Health), stated_s=st.sampled_from([None, 200.0]))
    def a_probe_ends(self, number: int, health: Health, stated_s: float | None) -> None:
        """One that is known, or one that is not any more."""
        before = self.circuit
        self.circuit = probe_ended(
            self.breaker, before, number, health=health, now=self.now, draw=0.5, retry_after_s=stated_s
        )

        if number not in self.places:
            assert before is self.circuit
            return
        del self.places[number]
        if health is Health.FAILURE:
            self._opened(stated_s)
        elif health is Health.SUCCESS:
            self.good += 1
            if self.good >= self.breaker.successes_to_close:
                self.state, self.opened_times, self.open_until = "closed", 0, 0.0
                self.places, self.made, self.good = {}, 0, 0
                self.eras += 1

    def _opened(self, stated_s: float | None) -> None:
        self.state = "open"
        self.opened_times += 1
        self.open_until = self.now + max(min(10 * 2 ** (self.opened_times - 1), 50), stated_s or 0)
        self.places, self.made, self.good = {}, 0, 0
        self.eras += 1

    @invariant()
    def they_agree(self) -> None:
        """On everything."""
        found = self.circuit
        assert self.state == found.state
        assert self.eras == found.era
        assert self.opened_times == found.opens
        assert (self.made, self.good) == (found.probes_made, found.successes)
        assert self.places == {probe.number: probe.leased_until for probe in found.probes}
        assert len(found.probes) <= self.breaker.probes_max
        if self.state == "open":
            assert self.open_until == found.open_until


TestOracle = Oracle.TestCase
TestOracle.settings = hypothesis_settings(max_examples=60, stateful_step_count=40)


def test_only_the_drawn_moves_are_legal() -> None:
    """What is open does not open again, nobody asks a closed circuit, and only half-open ones have probes."""
    opened = trip(SURE, Circuit(), now=0, draw=0)

    for illegal in (
        lambda: trip(SURE, opened, now=1, draw=0),
        lambda: admit(SURE, Circuit(), now=1),
        lambda: probe_ended(SURE, opened, 1, health=Health.SUCCESS, now=1, draw=0),
        lambda: open_for_s(SURE, opens=0, draw=0, retry_after_s=None),
    ):
        with pytest.raises(AssertionError):
            illegal()


def test_the_presets_are_those_of_the_documents() -> None:
    """001: half of a rolling minute, 30 s, one probe decides. 003: n in a row, three successes. 004: five in a row, 60 s, two successes."""
    first, third, fourth = Breaker.spec_001(), Breaker.spec_003(7, 400.0), Breaker.spec_004()

    assert (None, 0.5, 60, None, 30, 1, 1) == (
        first.failures_consecutive, first.failure_ratio, first.window_s, first.window_calls, first.open_s, first.probes_max,
        first.successes_to_close,
    )  # fmt: skip
    assert (7, None, 400.0, 3) == (
        third.failures_consecutive, third.failure_ratio, third.open_s, third.successes_to_close,
    )  # fmt: skip
    assert (5, None, 60, 2) == (
        fourth.failures_consecutive, fourth.failure_ratio, fourth.open_s, fourth.successes_to_close,
    )  # fmt: skip
    for preset in (first, third, fourth):
        waits = [open_for_s(preset, opens=opens, draw=0.9, retry_after_s=None) for opens in (1, 2, 9)]
        assert [preset.open_s] * 3 == waits
    assert (5, 60.0, 300.0) == (
        Breaker.spec_003().failures_consecutive, Breaker.spec_003().open_s, Breaker.spec_003().open_max_s
    )  # fmt: skip


def test_the_defaults_are_the_documented_ones() -> None:
    """Half of ten calls in 60 s or five in a row; open 30 s growing to 300 s; one probe, two successes."""
    found = Breaker()

    assert (5, 0.5, 10, 60.0, None, 30.0, 2.0, 300.0, 0.1, 1, 30.0, 2) == (
        found.failures_consecutive, found.failure_ratio, found.calls_min, found.window_s, found.window_calls, found.open_s,
        found.open_multiplier, found.open_max_s, found.open_jitter, found.probes_max, found.probe_lease_s, found.successes_to_close,
    )  # fmt: skip


WRONG = [
    ("failures_consecutive", 0, 1_000_001, 1),
    ("failure_ratio", 0, 1.01, 1),
    ("slow_s", -1, SECONDS_BOUND + 1, 0),
    ("slow_ratio", 0, 1.01, 1),
    ("calls_min", 0, 1_000_001, 1),
    ("window_s", 0.009, SECONDS_BOUND + 1, 0.01),
    ("window_calls", 0, 1_000_001, 1),
    ("open_s", -1, SECONDS_BOUND + 1, 0),
    ("open_multiplier", 0.9, 101, 1),
    ("open_max_s", -1, SECONDS_BOUND + 1, SECONDS_BOUND),
    ("open_jitter", -0.1, 1.1, 1),
    ("probes_max", 0, 1_001, 1),
    ("probe_lease_s", 0.0009, SECONDS_BOUND + 1, 0.001),
    ("successes_to_close", 0, 1_000_001, 1),
]


@pytest.mark.parametrize(("name", "below", "above", "edge"), WRONG, ids=[name for name, *_ in WRONG])
def test_refuses_a_value_out_of_range(name: str, below: float, above: float, edge: float) -> None:
    """Each setting has two ends; both neighbours, truth values and no-numbers are refused, and the edge is taken."""
    beside = {"slow_s": {"slow_ratio": 0.5}, "slow_ratio": {"slow_s": 1}, "window_calls": {"calls_min": 1}}.get(
        name, {}
    )
    for wrong in (below, above, math.nan, True, "1"):
        with pytest.raises(BadSettings) as refused:
            Breaker(**{name: wrong}, **beside)
        assert name in {problem.path for problem in refused.value.problems}

    if (
        isinstance(edge, int)
        and isinstance(getattr(Breaker(), name) or edge, int)
        and "ratio" not in name
        and not name.endswith("_s")
    ):
        with pytest.raises(BadSettings):
            Breaker(**{name: edge + 0.5}, **beside) if name != "open_multiplier" else Breaker(open_multiplier="x")
    assert edge == getattr(Breaker(**{name: edge}, **beside), name)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        pytest.param({"open_s": 60, "open_max_s": 59}, ["open_max_s"], id="cap-below-the-first"),
        pytest.param({"slow_s": 1}, ["slow_ratio"], id="slow-without-a-ratio"),
        pytest.param({"slow_ratio": 1}, ["slow_ratio"], id="ratio-without-slow"),
        pytest.param({"window_calls": 9}, ["calls_min"], id="more-than-the-window-holds"),
        pytest.param({"window_calls": 1, "calls_min": 1, "probes_max": 2}, ["probes_max"], id="more-probes-than-window"),
        pytest.param({"failures_consecutive": None, "failure_ratio": None}, [""], id="never-opens"),
        pytest.param({"categories": {"nonsense": 1}}, ["categories[nonsense]"], id="no-category"),
        pytest.param({"categories": {C.NETWORK_TIMEOUT: 0}}, ["categories[network_timeout]"], id="no-threshold"),
        pytest.param({"categories": [C.NETWORK_TIMEOUT]}, ["categories"], id="no-mapping"),
        pytest.param({"window_calls": 0, "calls_min": 5, "probes_max": 0}, ["window_calls", "probes_max"], id="no-crossing-of-wrong"),
        pytest.param({"open_s": -1, "open_max_s": -2}, ["open_s", "open_max_s"], id="all-at-once"),
    ],
)  # fmt: skip
def test_refuses_settings_that_contradict_each_other(wrong: dict[str, object], paths: list[str]) -> None:
    """What no field can see alone, told once and beside all the rest."""
    with pytest.raises(BadSettings) as refused:
        Breaker(**wrong)

    assert paths == [problem.path for problem in refused.value.problems]
    assert all("breaker" == problem.source for problem in refused.value.problems)


@pytest.mark.parametrize(
    "fine",
    [
        pytest.param({"open_s": 60, "open_max_s": 60}, id="cap-of-the-first"),
        pytest.param({"open_s": 0, "open_max_s": 0}, id="nothing"),
        pytest.param({"window_calls": 10}, id="as-many-as-the-window-holds"),
        pytest.param({"window_calls": 2, "calls_min": 1, "probes_max": 2}, id="as-many-probes"),
        pytest.param({"failures_consecutive": None, "failure_ratio": None, "categories": {C.NETWORK_TIMEOUT: 1}}, id="category-alone"),
        pytest.param({"failures_consecutive": None, "failure_ratio": None, "slow_s": 0, "slow_ratio": 1}, id="slow-alone"),
    ],
)  # fmt: skip
def test_takes_the_valid_neighbours(fine: dict[str, object]) -> None:
    """The valid neighbour of each contradiction."""
    assert Breaker(**fine).open_s >= 0


def test_settings_cannot_be_changed_from_outside() -> None:
    """The mapping that was given is copied, and what is kept cannot be written."""
    given_ = {C.NETWORK_TIMEOUT: 1}
    breaker = Breaker(categories=given_)
    given_[C.NETWORK_TIMEOUT] = 9

    assert {C.NETWORK_TIMEOUT: 1} == dict(breaker.categories)
    with pytest.raises(TypeError):
        breaker.categories[C.NETWORK_TIMEOUT] = 2  # type: ignore[index]  # that is the point


def test_presets_hold_in_every_number() -> None:
    """What a document says, and what makes the rest of ours keep out of its way."""
    one, three = Breaker.spec_001(), Breaker.spec_003(failure_threshold=7, timeout_s=400)

    assert (5, 1, 0, 30, 60, 1) == (
        one.calls_min,
        one.open_multiplier,
        one.open_jitter,
        one.open_s,
        one.window_s,
        one.successes_to_close,
    )
    assert (7, 400, 1, 0, 400, 3) == (
        three.failures_consecutive,
        three.open_s,
        three.open_multiplier,
        three.open_jitter,
        three.open_max_s,
        three.successes_to_close,
    )
    assert 0.0 == Circuit().open_until
    assert 1e-6 == Breaker(failure_ratio=1e-6).failure_ratio
