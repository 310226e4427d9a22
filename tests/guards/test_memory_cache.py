"""The cache in memory, against a plain telling of what it promises; and the snapshots that keep values apart."""

from __future__ import annotations

import sys
from collections import OrderedDict

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast.errors import BadSettings
from holdfast.guards.caches.memory import MemoryCache
from holdfast.guards.snapshots import TooLarge, snapshot
from tests.guards.quiet_time import QuietTime

KEYS = st.sampled_from("abcdef")
ENTRIES_MAX = 4
SIZE_MAX_BYTES = 10_000

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.sets(st.integers() | st.text())
    ),
    max_leaves=10,
)


@given(value=JSON)
def test_a_snapshot_is_equal_and_shares_nothing_that_can_change(value: object) -> None:
    """Whoever changes one of them does not change the other."""
    copied, size_bytes = snapshot(value, 1 << 40)

    assert value == copied
    assert type(value) is type(copied)
    assert size_bytes >= sys.getsizeof(value)
    waiting = [(value, copied)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, list | dict | set):
            assert one is not other
        if isinstance(one, list | tuple):
            waiting += list(zip(one, other, strict=True))
        if isinstance(one, dict):
            waiting += [(one[key], other[key]) for key in one]


def test_strangers_are_kept_as_they_are() -> None:
    """Copying an object of a class of yours would run its code."""
    stranger = object()

    assert snapshot([stranger], 10_000)[0][0] is stranger
    assert bytearray(b"x") == snapshot(bytearray(b"x"), 10_000)[0]


def test_a_value_too_large_or_too_deep_is_told() -> None:
    """Hostile values cost bounded time and memory."""
    circle: list[object] = []
    circle.append(circle)

    for value in (circle, ["x" * 5000, "y" * 5000], "x" * 10_001):
        with pytest.raises(TooLarge):
            snapshot(value, 10_000)


def test_bounds_out_of_range_are_refused() -> None:
    """All at once, with their ranges."""
    with pytest.raises(BadSettings) as caught:
        MemoryCache(entries_max=0, size_max_bytes=True)

    assert {"entries_max", "size_max_bytes"} == {problem.path for problem in caught.value.problems}


class CacheAgainstItsPromises(RuleBasedStateMachine):
    """Puts, gets and time, against an ordered dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = QuietTime()
        self.cache = MemoryCache(entries_max=ENTRIES_MAX, size_max_bytes=SIZE_MAX_BYTES, monotonic=self.clock)
        self.kept: OrderedDict[str, tuple[object, float, float, int]] = OrderedDict()

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 20.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(key=KEYS, length=st.sampled_from([0, 1, 300, 800, 5000]), keep_s=st.sampled_from([0.5, 5.0, 10.0]))
    def put(self, key: str, length: int, keep_s: float) -> None:
        """Keep a list with a text."""
        value = ["x" * length]

        kept = self.cache.put(key, value, keep_s=keep_s)

        value.append("changed by whoever put it in")
        self.kept.pop(key, None)
        assert kept == (length <= 800)
        if kept:
            size_bytes = sys.getsizeof([None]) + sys.getsizeof("x" * length) + sys.getsizeof(key)
            self.kept[key] = (["x" * length], self.clock(), self.clock() + keep_s, size_bytes)
        while len(self.kept) > ENTRIES_MAX or sum(one[3] for one in self.kept.values()) > SIZE_MAX_BYTES:
            self.kept.popitem(last=False)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        """Ask for a key."""
        found = self.cache.get(key)

        expected = self.kept.get(key)
        if expected is None or self.clock() > expected[2]:
            self.kept.pop(key, None)
            assert found is None
            return
        self.kept.move_to_end(key)
        assert found is not None
        assert expected[0] == found.value
        assert self.clock() - expected[1] == found.age_s
        found.value.append("changed by whoever got it")

    @rule(key=KEYS)
    def remove(self, key: str) -> None:
        """Forget a key."""
        self.cache.remove(key)
        self.kept.pop(key, None)

    @invariant()
    def it_stays_within_its_bounds(self) -> None:
        """Never more values, nor more bytes, than allowed, in the order of their use; and the sum of sizes is true."""
        assert list(self.kept) == list(self.cache._kept)
        assert len(self.kept) == len(self.cache) <= ENTRIES_MAX
        assert sum(one[3] for one in self.kept.values()) == self.cache.size_bytes <= SIZE_MAX_BYTES


TestCache = CacheAgainstItsPromises.TestCase
TestCache.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_every_value_that_was_kept_can_be_read() -> None:
    """A copy can be larger than what it was made from, since lists keep room for growing; that does not lose a value."""
    cache = MemoryCache(size_max_bytes=300_000)
    kept = 0
    for size in range(1000, 1300):
        value = [None] * size
        if cache.put("key", value, keep_s=60):
            kept += 1
            found = cache.get("key")
            assert found is not None
            assert value == found.value
    assert 200 < kept < 300, "the bound lies in between"
