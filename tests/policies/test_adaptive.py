"""The limit finds out what a server bears, and keeps between its bounds whatever happens."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health
from holdfast.policies.adaptive import AdaptiveLimit, LiveLimit, Reading, read
from tests.policies.test_throttle import verdict


@dataclass
class Server:
    """A server that works on so many calls at once, each for so long, and lets the others queue; and callers who always have more to send."""

    limit: LiveLimit
    workers: int
    service_s: float
    demand: int = 10_000
    now: float = 0.0
    busy: int = 0
    fails: bool = False
    queue: deque[float] = field(default_factory=deque)
    ends: list[tuple[float, float]] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    done: int = 0

    @property
    def in_flight(self) -> int:
        """How many calls are with the server."""
        return self.busy + len(self.queue)

    def run(self, seconds: float) -> None:
        """Let time pass; whenever a call ends, another begins if it may."""
        until = self.now + seconds
        self.seen.clear()
        self._fill()
        while self.ends and self.ends[0][0] <= until:
            self.now, began_at = heapq.heappop(self.ends)
            in_flight = self.in_flight
            self.busy -= 1
            self.done += 1
            if self.queue and self.busy < self.workers:
                self._work(self.queue.popleft())
            reading = Reading.DROP if self.fails else Reading.SAMPLE
            self.limit.ended(reading, began_at=began_at, took_s=self.now - began_at, in_flight=in_flight)
            self.seen.append(self.limit.calls_max)
            self._fill()
        self.now = until

    def _fill(self) -> None:
        while self.in_flight < min(self.limit.calls_max, self.demand):
            if self.busy < self.workers:
                self._work(self.now)
            else:
                self.queue.append(self.now)

    def _work(self, began_at: float) -> None:
        self.busy += 1
        # Calls differ a little, as they do: every third takes a tenth longer.
        heapq.heappush(self.ends, (self.now + self.service_s * (1.1 if self.done % 3 == 0 else 1.0), began_at))

    def typical(self) -> int:
        """The limit that half of the calls saw at most."""
        return sorted(self.seen)[len(self.seen) // 2]


@pytest.mark.parametrize("workers", [10, 30, 80])
def test_the_limit_settles_near_what_the_server_bears(workers: int) -> None:
    """From the default beginning, below or above: all workers are used, and few calls queue."""
    server = Server(limit=LiveLimit(AdaptiveLimit()), workers=workers, service_s=0.05)
    server.run(40)
    server.done = 0

    server.run(20)

    assert workers <= server.typical() <= 1.35 * workers + 6
    assert server.done >= 0.9 * 20 * workers / (0.05 * 1.034)


def test_it_stays_there_for_hours() -> None:
    """A server that is kept busy all the time does not make the limit creep up."""
    server = Server(limit=LiveLimit(AdaptiveLimit()), workers=20, service_s=0.5)
    server.run(1800)
    early = server.typical()

    server.run(2 * 3600)

    assert abs(server.typical() - early) <= 2
    assert max(server.seen) <= 1.5 * 20 + 6


def test_it_shrinks_when_the_server_loses_workers_and_grows_when_they_return() -> None:
    """With a quarter of the workers, the limit comes down near to them; with all of them back, it is what it was."""
    server = Server(limit=LiveLimit(AdaptiveLimit()), workers=60, service_s=0.05)
    server.run(60)
    before = server.typical()

    server.workers = 15
    server.run(30)
    server.run(30)
    fewer = server.typical()
    server.workers = 60
    server.run(60)
    server.run(60)

    assert fewer <= 1.35 * 15 + 6
    assert server.typical() >= 0.9 * before


def test_it_recovers_after_everything_became_slower() -> None:
    """When every call takes five times as long, the limit shrinks, learns that this is how it is, and recovers; so it does on the way back."""
    server = Server(limit=LiveLimit(AdaptiveLimit()), workers=40, service_s=0.05)
    server.run(120)
    before = server.typical()

    server.service_s = 0.25
    server.run(20)
    shrunk = min(server.seen)
    server.run(180)
    server.run(60)
    slow = server.typical()
    server.service_s = 0.05
    server.run(120)
    server.run(60)

    assert shrunk < 0.7 * before
    assert slow >= 40
    assert 40 <= server.typical() <= 1.35 * 40 + 6


def test_it_falls_to_its_lowest_while_everything_fails_and_comes_back() -> None:
    """An outage shrinks the limit round by round down to `low`, never below; afterwards it grows to what it was."""
    server = Server(limit=LiveLimit(AdaptiveLimit(low=3)), workers=40, service_s=0.05)
    server.run(60)
    before = server.typical()

    server.fails = True
    server.run(30)
    lowest = server.limit.calls_max
    server.fails = False
    server.run(120)
    server.run(30)

    assert 3 == lowest
    assert server.typical() >= 0.9 * before


def test_a_quiet_client_does_not_inflate_its_limit() -> None:
    """Who never has more than five calls under way learns nothing about fifty: the limit stays below the double of that."""
    server = Server(limit=LiveLimit(AdaptiveLimit(initial=8)), workers=100, service_s=0.05, demand=5)

    server.run(600)

    assert max(server.seen) <= 2 * 5


def test_a_slowdown_while_nobody_queues_is_learnt_at_once() -> None:
    """What little traffic sees is the time at rest: when traffic comes back, the limit does not shrink for it."""
    server = Server(limit=LiveLimit(AdaptiveLimit()), workers=100, service_s=0.05, demand=5)
    server.run(59)

    server.service_s = 0.1
    server.run(30)

    assert server.limit.rest_s is not None
    assert 0.095 <= server.limit.rest_s <= 0.115


READINGS = st.tuples(
    st.sampled_from(list(Reading)), st.floats(0, 100), st.floats(0, 50) | st.just(0.0), st.integers(1, 300)
)


@given(st.lists(READINGS, max_size=200), st.integers(1, 5), st.sampled_from([0.01, 0.2, 1.0]))
def test_the_limit_never_leaves_its_bounds(
    calls: list[tuple[Reading, float, float, int]], samples: int, smoothing: float
) -> None:
    """Whatever calls do, in whatever order they end: from `low` to `high`, and a whole number of calls."""
    limit = LiveLimit(AdaptiveLimit(initial=5, low=2, high=9, samples_min=samples, smoothing=smoothing, probe_s=1))

    for reading, began_at, took_s, in_flight in calls:
        limit.ended(reading, began_at=began_at, took_s=took_s, in_flight=in_flight)

        assert 2 <= limit.calls_max <= 9


def feed(
    limit: LiveLimit, reading: Reading, *, count: int, at: float, took_s: float = 1.0, in_flight: int = 20
) -> None:
    """So many calls alike."""
    for _ in range(count):
        limit.ended(reading, began_at=at, took_s=took_s, in_flight=in_flight)


def test_cancelled_calls_change_nothing() -> None:
    """However many are cancelled, the limit does not hear of them."""
    limit = LiveLimit(AdaptiveLimit())

    feed(limit, Reading.NOTHING, count=1000, at=0)

    assert (20, None) == (limit.calls_max, limit.rest_s)


def test_the_initial_limit_is_followed_by_a_look_at_the_time_at_rest() -> None:
    """After the first round half of the limit is let through once, and that round says how long calls take at rest."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=2.0)
    probing = limit.calls_max

    feed(limit, Reading.SAMPLE, count=10, at=3, took_s=1.75, in_flight=10)

    assert (10, 20, 1.75) == (probing, limit.calls_max, limit.rest_s)


def test_half_of_far_too_many_is_still_too_many() -> None:
    """While halving the limit makes calls much faster, it is halved again, down to the lowest; then the limit is what it was before."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=8.0)

    seen = []
    for at, took_s in ((10, 4.0), (20, 2.0), (30, 1.0)):
        seen.append(limit.calls_max)
        feed(limit, Reading.SAMPLE, count=10, at=at, took_s=took_s)

    assert ([10, 5, 4], 20, 1.0) == (seen, limit.calls_max, limit.rest_s)


def test_a_look_during_which_all_became_slower_is_repeated() -> None:
    """When fewer calls take longer than more did, the server has changed meanwhile: that is no time at rest, and it is looked at again soon."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=2.0)

    feed(limit, Reading.SAMPLE, count=10, at=3, took_s=2.5, in_flight=10)
    known = limit.rest_s
    feed(limit, Reading.SAMPLE, count=20, at=10, took_s=2.5)

    assert (2.0, 10) == (known, limit.calls_max)


def test_calls_that_began_under_an_older_limit_are_no_news() -> None:
    """What began before the last change tells of the limit before it, and is not counted twice."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=2.0)
    before = limit.limit

    feed(limit, Reading.DROP, count=500, at=1.9, took_s=10)

    assert before == limit.limit


def test_one_round_of_failures_shrinks_the_limit_once() -> None:
    """A burst of failures of one round takes a tenth away, not a tenth each."""
    limit = LiveLimit(AdaptiveLimit())

    feed(limit, Reading.DROP, count=20, at=0)
    feed(limit, Reading.DROP, count=20, at=0.5)

    assert 18 == limit.limit


def test_a_faster_server_is_noticed_by_a_busy_client() -> None:
    """When calls under full load are faster than what was taken for rest, that was wrong, and is corrected bit by bit."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=2.0)
    feed(limit, Reading.SAMPLE, count=10, at=3, took_s=2.0, in_flight=10)

    feed(limit, Reading.SAMPLE, count=20, at=6, took_s=1.0)

    assert 1.8 == limit.rest_s


def test_a_round_without_an_answer_has_failed() -> None:
    """Whatever ratio of failures is allowed: when nothing was answered, the limit shrinks."""
    limit = LiveLimit(AdaptiveLimit(failure_ratio_max=1))

    feed(limit, Reading.DROP, count=20, at=0)

    assert (18, None) == (limit.limit, limit.rest_s)


def test_a_failure_here_and_there_does_not_shrink_the_limit() -> None:
    """Up to a tenth of the calls may fail: that is what calls do."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.DROP, count=2, at=0)

    feed(limit, Reading.SAMPLE, count=18, at=0)

    assert 1.0 == limit.rest_s


def test_a_look_that_fails_says_nothing_about_the_time_at_rest() -> None:
    """When the round of half the limit fails, the limit is a tenth lower than before it, and what was known stays known."""
    limit = LiveLimit(AdaptiveLimit())
    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=2.0)
    known, before = limit.rest_s, 20.8

    feed(limit, Reading.DROP, count=10, at=3)

    assert known == limit.rest_s
    assert before * 0.9 == pytest.approx(limit.limit)


def test_calls_that_take_no_time_are_fine() -> None:
    """A clock too coarse to see a call does not break the ratio."""
    limit = LiveLimit(AdaptiveLimit())

    feed(limit, Reading.SAMPLE, count=20, at=0, took_s=0.0)

    assert 0.0 == limit.rest_s


@pytest.mark.parametrize("probing", [False, True], ids=["measuring", "probing"])
def test_other_bounds_hold_at_once(probing: bool) -> None:
    """When the settings change while it is in use, the limit comes between the new bounds, and what it returns to as well."""
    limit = LiveLimit(AdaptiveLimit(initial=100))
    if probing:
        feed(limit, Reading.SAMPLE, count=100, at=0, in_flight=100)

    limit.adopt(AdaptiveLimit(initial=10, high=10))
    feed(limit, Reading.SAMPLE, count=10, at=5)

    assert limit.calls_max <= 10
    feed(limit, Reading.SAMPLE, count=10, at=10)
    assert limit.calls_max <= 10


@pytest.mark.parametrize(
    ("health", "category", "cancelled", "expected"),
    [
        pytest.param(Health.SUCCESS, None, False, Reading.SAMPLE, id="a success"),
        pytest.param(Health.SUCCESS, ErrorCategory.VALIDATION_FAILED, False, Reading.SAMPLE, id="an answer"),
        pytest.param(Health.FAILURE, ErrorCategory.NETWORK_TIMEOUT, False, Reading.DROP, id="a timeout"),
        pytest.param(Health.NEUTRAL, ErrorCategory.RATE_LIMIT_BURST, False, Reading.DROP, id="one too many"),
        pytest.param(Health.NEUTRAL, ErrorCategory.RATE_LIMIT_DAILY, False, Reading.NOTHING, id="a used up quota"),
        pytest.param(Health.NEUTRAL, ErrorCategory.AUTH_EXPIRED, False, Reading.NOTHING, id="a credential"),
        pytest.param(Health.NEUTRAL, None, True, Reading.NOTHING, id="cancelled"),
        pytest.param(Health.FAILURE, None, True, Reading.NOTHING, id="cancelled, whatever else it says"),
    ],
)
def test_only_what_has_to_do_with_load_is_read(
    health: Health, category: ErrorCategory | None, cancelled: bool, expected: Reading
) -> None:
    """Answers count by their time, failures and refusals as too much, everything else not at all."""
    judged = None if category is None else verdict(category, health)

    assert expected is read(health, judged, cancelled=cancelled)
