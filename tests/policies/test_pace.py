"""How often calls may begin: no window ever holds too many, and everybody gets their turn."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, strategies as st

from holdfast.policies.pace import IDLE_MAX_S, Pace, admit

THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PACE = Pace(requests=2, window_s=10.0)
"""Two in ten seconds: evenly used, five seconds lie between two."""


def after(seconds: float) -> datetime:
    """A moment so many seconds later."""
    return THEN + timedelta(seconds=seconds)


@dataclass
class Limit:
    """A limit as the store keeps it, and callers that do as they are told."""

    pace: Pace
    position: int = 0
    next_at: datetime | None = None
    places: dict[int, datetime] = field(default_factory=dict)
    begun: list[tuple[datetime, int]] = field(default_factory=list)
    visits: dict[int, int] = field(default_factory=dict)

    def ask(self, who: int, now: datetime, *, place: int | None = None) -> tuple[datetime, int] | None:
        """Ask; returns when to come again and at which place, or None when the call has begun."""
        self.visits[who] = self.visits.get(who, 0) + 1
        slot = self.position % self.pace.requests if place is None else place
        self.position += place is None
        told = admit(
            self.pace, before=self.places.get(slot), next_at=self.next_at, now=now, has_waited=place is not None
        )
        self.next_at = told.next_at
        if told.due_at is not None:
            return told.due_at, slot
        self.places[slot] = now
        self.begun.append((now, who))
        return None

    def run(self, arrivals: list[datetime], delays_s: list[float]) -> None:
        """Let callers come, each late by some delay whenever it comes, until all have begun."""
        waiting: list[tuple[datetime, int, int | None]] = [(at, who, None) for who, at in enumerate(arrivals)]
        heapq.heapify(waiting)
        turn = 0
        while waiting:
            due_at, who, place = heapq.heappop(waiting)
            turn += 1
            assert turn < 100 * len(arrivals) + 100, "it does not come to an end"
            late_s = delays_s[turn % len(delays_s)] if place is not None else 0.0
            now = max(due_at + timedelta(seconds=late_s), self.begun[-1][0] if self.begun else due_at)
            again = self.ask(who, now, place=place)
            if again is not None:
                heapq.heappush(waiting, (again[0], who, again[1]))

    def crowded(self) -> list[tuple[datetime, datetime]]:
        """Windows that hold more calls than they may."""
        times = sorted(at for at, _ in self.begun)
        n = self.pace.requests
        return [(a, b) for a, b in zip(times, times[n:], strict=False) if b - a < self.pace.window]


def test_a_call_begins_while_there_is_room() -> None:
    """Until the limit is used up, nobody waits."""
    limit = Limit(PACE)

    assert [None, None] == [limit.ask(0, THEN), limit.ask(1, after(1))]


def test_whoever_comes_too_early_is_told_when_there_is_room() -> None:
    """The third call waits until the first is a window old, the fourth comes a spacing later."""
    limit = Limit(PACE)
    for who in (0, 1):
        limit.ask(who, THEN)

    assert [(after(10), 0), (after(15), 1)] == [limit.ask(2, after(1)), limit.ask(3, after(1))]


@pytest.mark.parametrize(("seconds", "begins"), [(9.999999, False), (10.0, True)], ids=["a moment early", "on time"])
def test_a_place_is_free_when_a_whole_window_has_passed(seconds: float, begins: bool) -> None:
    """Exactly a window after the call before it, and not a microsecond earlier, a call begins."""
    told = admit(PACE, before=THEN, next_at=None, now=after(seconds), has_waited=False)

    assert begins is (told.due_at is None)


def test_who_comes_new_does_not_overtake_those_who_wait() -> None:
    """A place that is just free belongs to the one who was told to come for it."""
    limit = Limit(PACE)
    for who in (0, 1):
        limit.ask(who, THEN)
    told = limit.ask(2, after(1))

    new = limit.ask(3, after(10))

    assert (after(15), 1) == new
    assert told is not None
    assert limit.ask(2, told[0], place=told[1]) is None


def test_a_queue_that_nobody_comes_from_keeps_nobody_waiting() -> None:
    """When those who were to come were cancelled, the place goes to whoever asks, and the queue is forgotten."""
    limit = Limit(PACE)
    for who in range(40):
        limit.ask(who, THEN)  # thirty-eight of them are never seen again

    first, second = limit.ask(100, after(10 + IDLE_MAX_S)), limit.ask(101, after(10 + IDLE_MAX_S))

    assert [None, None] == [first, second]


CALLS = st.lists(st.integers(0, 20_000), min_size=1, max_size=60)
LATE = st.lists(st.floats(0, 12), min_size=1, max_size=7)


@given(st.integers(1, 7), st.integers(1, 5_000), CALLS, LATE)
def test_no_window_ever_holds_too_many(requests: int, window_ms: int, arrivals: list[int], late_s: list[float]) -> None:
    """However calls come, and however late those who were told to wait: in every window at most so many begin, and all do in the end."""
    limit = Limit(Pace(requests=requests, window_s=window_ms / 1000))

    limit.run([THEN + timedelta(milliseconds=at) for at in arrivals], late_s)

    assert [] == limit.crowded()
    assert set(range(len(arrivals))) == {who for _, who in limit.begun}


@given(st.integers(1, 7), st.integers(10, 5_000), CALLS)
@example(3, 10, [0] * 7)  # a third of ten milliseconds is no whole number of microseconds
def test_punctual_callers_are_served_in_their_order_at_the_full_rate(
    requests: int, window_ms: int, arrivals: list[int]
) -> None:
    """Who comes when told begins then, in the order in which they first came, and no slower than the limit allows."""
    pace = Pace(requests=requests, window_s=window_ms / 1000)
    limit = Limit(pace)
    arrivals = sorted(arrivals)

    limit.run([THEN + timedelta(milliseconds=at) for at in arrivals], [0.0])

    assert [who for _, who in limit.begun] == sorted(who for _, who in limit.begun)
    assert max(limit.visits.values()) <= 2
    latest = (limit.begun[-1][0] - after(arrivals[-1] / 1000)).total_seconds()
    assert latest <= pace.window_s * (len(arrivals) / requests + 1) + 0.001
