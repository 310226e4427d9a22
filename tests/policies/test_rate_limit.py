"""How many calls may begin: never more than the limit, as soon as it allows, and in the order of arrival."""

from __future__ import annotations

import copy

import pytest
from hypothesis import example, given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.policies.rate_limit import (
    SECOND_NS,
    Booking,
    RateLimit,
    Schedule,
    SlidingWindow,
    TokenBucket,
    schedule_of,
)

WINDOW = RateLimit(calls=2, per_s=10, kind="sliding-window", wait_max_s=100)
BUCKET = RateLimit(calls=2, per_s=10, burst=3, wait_max_s=100)


def at(seconds: float) -> int:
    """A moment, in nanoseconds."""
    return round(seconds * SECOND_NS)


def begin(schedule: Schedule, seconds: float) -> float:
    """When a call that comes then begins, in seconds."""
    told = schedule.book(at(seconds))
    assert isinstance(told, Booking)
    return told.start_ns / SECOND_NS


def test_the_kind_says_how_calls_are_counted() -> None:
    """Each kind of limit has its own schedule."""
    assert isinstance(schedule_of(WINDOW), SlidingWindow)
    assert isinstance(schedule_of(BUCKET), TokenBucket)


def test_a_bucket_lets_a_burst_begin_and_then_one_at_a_time() -> None:
    """Three at once, and then one every five seconds."""
    schedule = schedule_of(BUCKET)

    assert [0, 0, 0, 5, 10, 15] == [begin(schedule, 0) for _ in range(6)]


def test_a_bucket_that_is_left_alone_fills_up_and_no_further() -> None:
    """After an hour of quiet a burst is as large as ever, not larger."""
    schedule = schedule_of(BUCKET)
    begin(schedule, 0)

    assert [3600, 3600, 3600, 3605] == [begin(schedule, 3600) for _ in range(4)]


def test_a_window_lets_its_calls_begin_and_then_as_many_a_window_later() -> None:
    """Two at once, and the next two when those are ten seconds old."""
    schedule = schedule_of(WINDOW)

    assert [0, 0, 10, 10, 20, 20] == [begin(schedule, 0) for _ in range(6)]


def test_a_window_has_no_edge_to_cheat_around() -> None:
    """Calls late in one window count in the next: a counter per fixed window would let four through here."""
    schedule = schedule_of(WINDOW)

    assert [9, 9.5, 19, 19.5] == [begin(schedule, seconds) for seconds in (9, 9.5, 10.1, 10.2)]


@pytest.mark.parametrize("settings", [WINDOW, BUCKET], ids=["window", "bucket"])
def test_who_would_wait_too_long_is_told_when_to_come_back(settings: RateLimit) -> None:
    """A refusal books nothing, and its moment is the first at which the call is let in."""
    schedule = schedule_of(RateLimit(calls=settings.calls, per_s=10, kind=settings.kind, wait_max_s=4))
    begin(schedule, 0), begin(schedule, 0)

    first = schedule.book(at(0))
    again = schedule.book(at(0))

    assert not isinstance(first, Booking)
    assert first == again == (at(6) if settings is WINDOW else at(1))
    assert not isinstance(schedule.book(first - 1), Booking)
    assert isinstance(schedule.book(first), Booking)


@pytest.mark.parametrize("settings", [WINDOW, BUCKET], ids=["window", "bucket"])
def test_a_clock_that_seems_to_go_back_lets_nobody_begin_early(settings: RateLimit) -> None:
    """A time that another thread read a little earlier counts as the latest one."""
    schedule = schedule_of(settings)
    begin(schedule, 50)

    assert 50 == begin(schedule, 49.9)


@pytest.mark.parametrize(("settings", "expected"), [(WINDOW, 10), (BUCKET, 5)], ids=["window", "bucket"])
def test_a_moment_that_is_given_back_goes_to_who_comes_next(settings: RateLimit, expected: float) -> None:
    """A call that gives its booking up while it waits leaves no gap."""
    schedule = schedule_of(settings)
    while (booking := schedule.book(0)) and isinstance(booking, Booking) and booking.start_ns == 0:
        pass
    assert isinstance(booking, Booking)
    later = begin(schedule, 0)

    schedule.cancel(booking, at(1))

    assert expected == begin(schedule, 2)
    assert later <= begin(schedule, 2)


def test_the_soonest_moment_is_given_away_first() -> None:
    """Of several that were given back, who comes next gets the soonest."""
    schedule = TokenBucket(RateLimit(calls=1, per_s=1, wait_max_s=100))
    bookings = [schedule.book(0) for _ in range(6)]
    for number in (3, 1, 2):
        booking = bookings[number]
        assert isinstance(booking, Booking)
        schedule.cancel(booking, 0)

    assert [1, 2, 3, 6] == [begin(schedule, 0.5) for _ in range(4)]


def test_a_bucket_takes_back_what_nobody_took() -> None:
    """When the last two who waited have given up and the first moment has passed, the next one begins at once."""
    schedule = TokenBucket(RateLimit(calls=1, per_s=1, wait_max_s=100))
    bookings = [schedule.book(0) for _ in range(3)]
    for booking in bookings[1:]:
        assert isinstance(booking, Booking)
        schedule.cancel(booking, at(0.5))

    assert [1.5, 2.5] == [begin(schedule, 1.5) for _ in range(2)]


def test_a_bucket_takes_back_all_that_nobody_took() -> None:
    """Several moments that were given up and have passed are undone, the newest first, since only the newest can be."""
    schedule = TokenBucket(RateLimit(calls=1, per_s=1, burst=2, wait_max_s=100))
    bookings = [schedule.book(0) for _ in range(5)]
    for booking in bookings[2:]:
        assert isinstance(booking, Booking)
        schedule.cancel(booking, at(0.5))

    assert [2.1, 2.1, 3.1] == [begin(schedule, 2.1) for _ in range(3)]


@pytest.mark.parametrize(("settings", "last"), [(WINDOW, 20), (BUCKET, 10)], ids=["window", "bucket"])
def test_a_moment_given_back_is_there_until_it_has_passed(settings: RateLimit, last: float) -> None:
    """Whoever comes at that very moment still gets it."""
    schedule = schedule_of(settings)
    given = [schedule.book(0) for _ in range(5)][3 if settings is BUCKET else 2]
    assert isinstance(given, Booking)
    schedule.cancel(given, at(1))

    assert given.start_ns / SECOND_NS == begin(schedule, given.start_ns / SECOND_NS)
    assert last <= begin(schedule, given.start_ns / SECOND_NS)


def test_who_comes_later_does_not_begin_before_those_who_wait() -> None:
    """A beginning that is forgotten makes room, but nobody overtakes a call that was told its moment."""
    schedule = SlidingWindow(WINDOW)
    _, second = schedule.book(0), schedule.book(0)
    assert isinstance(second, Booking)
    assert 10 == begin(schedule, 0)

    schedule.cancel(second, at(1))

    assert 10 == begin(schedule, 1)


def test_a_shorter_wait_is_kept_for_moments_given_back_as_well() -> None:
    """When the longest wait was lowered meanwhile, nobody is given a moment beyond it."""
    schedule = TokenBucket(RateLimit(calls=1, per_s=10, wait_max_s=100))
    bookings = [schedule.book(0) for _ in range(4)]
    assert isinstance(bookings[2], Booking)
    schedule.cancel(bookings[2], 0)

    schedule.wait_max_ns = at(5)

    assert at(15) == schedule.book(0)
    assert 20 == begin(schedule, 15)


def test_a_window_forgets_a_call_that_did_not_begin() -> None:
    """A beginning that has passed and was given back leaves its place in the window free."""
    schedule = SlidingWindow(WINDOW)
    first, second = schedule.book(0), schedule.book(0)
    assert isinstance(first, Booking)
    assert isinstance(second, Booking)

    schedule.cancel(first, at(1))

    assert [1, 10] == [begin(schedule, 1), begin(schedule, 1)]


def test_a_window_forgets_nobody_else_for_a_call_that_is_long_past() -> None:
    """Giving back what is no longer remembered changes nothing."""
    schedule = SlidingWindow(RateLimit(calls=1, per_s=1, kind="sliding-window"))
    old = schedule.book(0)
    assert isinstance(old, Booking)
    begin(schedule, 5)

    schedule.cancel(old, at(5))

    assert at(6) == schedule.book(at(5.5))


def test_a_moment_given_back_that_nobody_took_is_free_again() -> None:
    """A window in which a call was booked, given up and not taken by anybody has room for another."""
    schedule = SlidingWindow(WINDOW)
    begin(schedule, 0), begin(schedule, 0)
    ahead = schedule.book(0)
    assert isinstance(ahead, Booking)
    schedule.cancel(ahead, at(1))

    assert [12, 12, 22] == [begin(schedule, 12) for _ in range(3)]


def test_limits_that_differ_in_the_wait_alone_count_alike() -> None:
    """A change of the longest wait keeps what was counted, any other change does not."""
    assert BUCKET.counts_like(RateLimit(calls=2, per_s=10, burst=3, wait_max_s=0))
    assert not BUCKET.counts_like(RateLimit(calls=2, per_s=10, burst=4, wait_max_s=100))


@given(
    st.integers(1, 6),
    st.integers(1, 3_000_000_000),
    st.lists(st.integers(0, 2_000_000_000), min_size=1, max_size=60),
)
@example(3, 10_000_000, [0] * 12)  # a third of ten milliseconds is no whole number of nanoseconds
def test_a_bucket_is_exact_for_any_rate(calls: int, per_ns: int, gaps: list[int]) -> None:
    """In any span of time t there begin at most burst + t * calls / per_s calls, to the nanosecond, and none begins later than that needs."""
    per_ns = max(per_ns, 1_000_000)
    settings = RateLimit(calls=calls, per_s=per_ns / SECOND_NS, burst=2, wait_max_s=86_400)
    schedule = schedule_of(settings)
    now, starts, arrivals = 0, [], []
    for gap in gaps:
        now += gap
        told = schedule.book(now)
        assert isinstance(told, Booking)
        starts.append(told.start_ns)
        arrivals.append(now)

    assert starts == sorted(starts)
    for i in range(len(starts)):
        for j in range(i + 1, len(starts)):
            # j - i + 1 calls in this span; whatever is beyond the burst needs its time.
            assert (j - i + 1 - 2) * per_ns <= (starts[j] - starts[i]) * calls
    for j, start in enumerate(starts):
        waits_for = [starts[i] * calls + (j - i + 1 - 2) * per_ns for i in range(j)]
        soonest = max(arrivals[j], *(-(-bound // calls) for bound in waits_for), arrivals[j])
        assert start in {soonest, soonest - 1}  # what is computed here begins with rounded moments


class Callers(RuleBasedStateMachine):
    """Callers of a limit who come, wait, give up and begin, against the limit's own sentence."""

    @initialize(
        kind=st.sampled_from(["token-bucket", "sliding-window"]),
        calls=st.integers(1, 4),
        per_ms=st.integers(1, 50),
        burst=st.integers(1, 4),
        wait_ms=st.integers(0, 120),
    )
    def open(self, kind: str, calls: int, per_ms: int, burst: int, wait_ms: int) -> None:
        """A limit that nobody has used."""
        self.settings = RateLimit(
            calls=calls,
            per_s=per_ms / 1000,
            kind=kind,
            burst=burst if kind == "token-bucket" else None,
            wait_max_s=wait_ms / 1000,
        )
        self.per_ns = per_ms * 1_000_000
        self.schedule = schedule_of(self.settings)
        self.now = 0
        self.waiting: list[Booking] = []
        self.begun: list[int] = []

    @rule(ms=st.one_of(st.integers(0, 3), st.integers(0, 200)))
    def time_passes(self, ms: int) -> None:
        """Those whose moment comes begin."""
        self.now += ms * 1_000_000 + ms
        for booking in [booking for booking in self.waiting if booking.start_ns < self.now]:
            self.waiting.remove(booking)
            self.begun.append(booking.start_ns)

    @rule(many=st.integers(1, 5))
    def some_come(self, many: int) -> None:
        """Each is given a moment within the longest wait, or the first moment at which it would be."""
        for _ in range(many):
            before = copy.deepcopy(self.schedule)
            told = self.schedule.book(self.now)
            if isinstance(told, Booking):
                assert 0 <= told.start_ns - self.now <= self.settings.wait_max_ns
                self.waiting.append(told)
            else:
                assert told > self.now
                assert not isinstance(copy.deepcopy(before).book(told - 1), Booking)
                assert isinstance(copy.deepcopy(before).book(told), Booking)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def one_gives_up(self, data: st.DataObject) -> None:
        """Somebody who has not begun gives the moment back; nobody's own moment changes."""
        booking = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(booking)
        self.schedule.cancel(booking, self.now)

    @invariant()
    def the_limit_is_kept(self) -> None:
        """Counting those who began and those who will: never more than the limit."""
        starts = sorted([*self.begun, *(booking.start_ns for booking in self.waiting)])
        calls, per_ns = self.settings.calls, self.per_ns
        if self.settings.kind == "sliding-window":
            assert all(later - earlier >= per_ns for earlier, later in zip(starts, starts[calls:], strict=False))
            return
        burst = self.settings.burst_calls
        for i, first in enumerate(starts):
            for count, last in enumerate(starts[i:], start=1):
                assert (count - burst) * per_ns <= (last - first + 1) * calls


TestCallers = Callers.TestCase
