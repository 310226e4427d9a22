"""Windows, held to the plain list of all calls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, strategies as st

from holdfast.policies.windows import BUCKETS, Counts, CountWindow, TimeWindow, Window

Call = tuple[bool, bool]
"""Whether it failed, and whether it was slow."""

calls = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80)
timed = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 0.5, 0.999, 1.0, 1.001, 5.0, 9.0, 9.999, 10.0, 10.001, 20.0, 1_000.0])
        | st.floats(0, 30),
        st.booleans(),
        st.booleans(),
    ),
    max_size=80,
)


def put(window: Window, call: Call, now: float) -> None:
    """Write a call down as a guard does: a good one only adds one."""
    failure, slow = call
    if failure or slow:
        window.add(failure=failure, slow=slow, now=now)
        return
    if now >= window.edge:
        window.turn(now)
    window.ok += 1


def naive(kept: list[Call], run: list[Call]) -> Counts:
    """What a window holds, counted by hand: `kept` are the calls that are in it, `run` all of the era."""
    consecutive = 0
    while consecutive < len(run) and run[-1 - consecutive][0]:
        consecutive += 1
    return Counts(
        calls=len(kept),
        failures=sum(failure for failure, _ in kept),
        slow=sum(slow for _, slow in kept),
        consecutive=consecutive,
    )


@given(calls)
def test_a_plain_window_counts_everything(history: list[Call]) -> None:
    """Without rates, all calls of the era count, and the run of failures at its end."""
    window = Window()

    for count, call in enumerate(history, start=1):
        put(window, call, 0.0)

        assert naive(history[:count], history[:count]) == window.counts(0.0)
    assert len(history) == window.total


@given(st.integers(1, 12), calls)
@example(1, [(True, False)] * 3)
def test_a_count_window_holds_the_last_calls(size: int, history: list[Call]) -> None:
    """Of `size` calls, no more and no fewer; a run of failures may be longer than the window."""
    window = CountWindow(size)

    for count, call in enumerate(history, start=1):
        put(window, call, 0.0)
        seen = history[:count]

        assert naive(seen[-size:], seen) == window.counts(0.0)


@given(timed, st.sampled_from([0.01, 1.0, 10.0, 60.0, 3_600.0]), st.sampled_from([0.0, 0.1, 1e6, 3e8]))
def test_a_time_window_holds_the_calls_of_late(
    history: list[tuple[float, bool, bool]], length_s: float, start: float
) -> None:
    """All calls of the last nine tenths of it are there, none that is older than the whole."""
    window = TimeWindow(length_s, start)
    slack = 1e-6 * length_s + 1e-7
    now, seen = start, []
    for tenths, failure, slow in history:
        now += tenths * length_s / 10
        seen.append((now, (failure, slow)))
        put(window, (failure, slow), now)

        found = window.counts(now)
        run = [call for _, call in seen]
        surely = naive([call for at, call in seen if at > now - length_s * 0.9 + slack], run)
        at_most = naive([call for at, call in seen if at >= now - length_s - slack], run)

        assert surely.calls <= found.calls <= at_most.calls
        assert surely.failures <= found.failures <= at_most.failures
        assert surely.slow <= found.slow <= at_most.slow
        assert run == [] or naive([], run).consecutive == found.consecutive
        assert window.edge > now


@dataclass
class Buckets:
    """A time window as its documentation has it: tenths from the beginning on, the open one and the nine before it."""

    length_s: float
    calls: list[tuple[int, Call]] = field(default_factory=list)

    def bucket(self, now: float) -> int:
        """The number of the tenth that a time lies in."""
        return math.floor(now / self.length_s * BUCKETS)

    def counts(self, now: float) -> Counts:
        """What ten of them hold."""
        kept = [call for bucket, call in self.calls if bucket > self.bucket(now) - BUCKETS]
        return naive(kept, [call for _, call in self.calls])


@given(timed)
def test_a_time_window_moves_in_tenths(history: list[tuple[float, bool, bool]]) -> None:
    """With times that floats hold exactly, the window is exactly its ten buckets."""
    window, model, now = TimeWindow(10.0, 0.0), Buckets(10.0), 0.0
    for tenths, failure, slow in history:
        now += math.floor(tenths * 4) / 4
        put(window, (failure, slow), now)
        model.calls.append((model.bucket(now), (failure, slow)))

        assert model.counts(now) == window.counts(now)


def test_an_idle_window_is_empty() -> None:
    """After two windows without a call nothing of the old verdict is left."""
    window = TimeWindow(10.0, 100.0)
    for _ in range(5):
        window.add(failure=True, slow=True, now=101.0)

    found = window.counts(121.0)

    assert (0, 0, 0) == (found.calls, found.failures, found.slow)
    assert (0.0, 0.0) == (found.failure_ratio, found.slow_ratio)


def test_a_success_that_comes_while_a_bucket_closes_is_not_lost() -> None:
    """What is in no closed bucket is in the open one."""

    class Busy(TimeWindow):
        """Another thread counts a success whenever this one looks."""

        __slots__ = ("looks",)

        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if name == "ok" and super().__getattribute__("edge") < math.inf:
                self.ok = found + 1
            return found

    window = Busy(10.0, 0.0)
    window.add(failure=True, slow=False, now=0.5)

    found = window.counts(1.5)

    assert abs(window.total - found.calls) <= 4
    assert found.calls >= 3


def test_a_stale_time_changes_nothing() -> None:
    """A thread that read the clock before the bucket turned writes into the open bucket."""
    window = TimeWindow(10.0, 0.0)
    window.turn(5.5)

    window.turn(0.5)
    found = window.add(failure=True, slow=False, now=0.7)

    assert (6.0, 1) == (window.edge, found.failures)


@pytest.mark.parametrize(
    ("counts", "failure_ratio", "slow_ratio"),
    [
        pytest.param(Counts(calls=4, failures=1, slow=3, consecutive=0), 0.25, 0.75, id="some"),
        pytest.param(Counts(calls=0, failures=0, slow=0, consecutive=0), 0.0, 0.0, id="none"),
    ],
)
def test_ratios_are_shares_of_the_calls(counts: Counts, failure_ratio: float, slow_ratio: float) -> None:
    """Without calls there is no share."""
    assert (failure_ratio, slow_ratio) == (counts.failure_ratio, counts.slow_ratio)


def test_memory_does_not_grow_with_the_calls() -> None:
    """A count window remembers a bit for each of its calls; a time window ten buckets."""
    by_count, by_time = CountWindow(10), TimeWindow(1.0, 0.0)
    for number in range(2_000):
        by_count.add(failure=True, slow=True, now=0.0)
        by_time.add(failure=True, slow=True, now=number * 0.1)

    assert (1 << 10) - 1 == by_count._failures == by_count._slow
    assert len(by_time._buckets or ()) < BUCKETS


def test_memory_does_not_grow_with_time_alone() -> None:
    """While everything succeeds nobody counts, and old buckets are forgotten all the same."""
    window = TimeWindow(1.0, 0.0)
    for number in range(100):
        window.turn(number * 0.1)

    assert BUCKETS - 1 == len(window._buckets or ())


def test_a_failure_at_the_edge_belongs_to_the_bucket_that_begins() -> None:
    """It is remembered as long as any other of that bucket."""
    window = TimeWindow(10.0, 0.0)
    window.add(failure=True, slow=False, now=1.0)

    assert 1 == window.counts(10.9).failures
    assert 0 == window.counts(11.0).failures


def test_the_edge_lies_ahead_whatever_rounding_does() -> None:
    """Or each success would come the longer way until the next bucket."""
    window = TimeWindow(0.7, 0.3)

    window.turn(0.6499999999999999)

    assert window.edge > 0.6499999999999999
    assert window.edge == pytest.approx(0.72)


@pytest.mark.parametrize("make", [lambda: CountWindow(0), lambda: TimeWindow(0.0, 0.0)], ids=["count", "time"])
def test_a_window_of_nothing_is_a_mistake(make: object) -> None:
    """Settings refuse it before."""
    assert callable(make)
    with pytest.raises(AssertionError):
        make()
