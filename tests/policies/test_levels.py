"""The level of degradation: it rises at once, falls one at a time after a quiet while, and never flaps."""

from __future__ import annotations

import math
from collections import deque

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdfast.errors import BadSettings
from holdfast.policies.levels import BUCKETS, LEVEL_MAX, Level, Levels, Window, force, step

SETTINGS = Levels(window_s=60, calls_min=10, fall_after_s=30)
LOOKS = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0, 1), st.integers(0, 40)), min_size=1, max_size=60
)  # seconds since the last look, share, calls


def watched(looks: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """The moments, shares and levels along some looks at the window."""
    level, now, seen = Level(), 0.0, []
    for pause_s, share, calls in looks:
        now += pause_s
        level = step(SETTINGS, level, share=share, calls=calls, now=now)
        seen.append((now, share, level.number))
    return seen


@given(looks=LOOKS)
def test_a_level_never_falls_before_the_quiet_time_is_over(looks: list[tuple[float, float, int]]) -> None:
    """Between any rise and the next fall, and between two falls, lies the whole quiet time: it cannot flap."""
    changed_at, before = 0.0, 0
    for now, _, number in watched(looks):
        if number < before:
            assert number == before - 1
            assert now - changed_at >= SETTINGS.fall_after_s
        if number != before:
            changed_at, before = now, number


@given(looks=LOOKS)
def test_a_level_falls_only_on_a_low_share_and_rises_only_on_a_high_one(looks: list[tuple[float, float, int]]) -> None:
    """Between the two thresholds nothing changes."""
    before = 0
    for _, share, number in watched(looks):
        if number > before:
            assert share >= SETTINGS.up[number - 1]
        if number < before:
            assert share <= SETTINGS.down[before - 1]
        before = number


@pytest.mark.parametrize(
    ("share", "calls", "number"),
    [
        pytest.param(0.0999, 1000, 0, id="below the first"),
        pytest.param(0.10, 10, 1, id="at the first"),
        pytest.param(0.30, 10, 2, id="at the second"),
        pytest.param(0.60, 10, 3, id="at the third"),
        pytest.param(1.0, 9, 0, id="too few calls"),
    ],
)
def test_thresholds_are_included_and_need_enough_calls(share: float, calls: int, number: int) -> None:
    """A share at a threshold raises the level, as far as it says, from the smallest number of calls on."""
    assert number == step(SETTINGS, Level(), share=share, calls=calls, now=0.0).number


def test_a_relapse_begins_the_quiet_time_anew() -> None:
    """A share that rises over the lower threshold in between takes back what was waited."""
    level = Level(number=1)
    level = step(SETTINGS, level, share=0.01, calls=50, now=0.0)
    level = step(SETTINGS, level, share=0.07, calls=50, now=20.0)
    level = step(SETTINGS, level, share=0.01, calls=50, now=25.0)

    assert 1 == step(SETTINGS, level, share=0.01, calls=50, now=54.9).number
    assert 0 == step(SETTINGS, level, share=0.01, calls=50, now=55.0).number


def test_a_dependency_that_nobody_calls_recovers() -> None:
    """Without calls a level falls as well, one after the other."""
    level, now = Level(number=3), 0.0
    seen = []
    for _ in range(4):
        level = step(SETTINGS, level, share=0.0, calls=0, now=now)
        seen.append(level.number)
        now += 30.0

    assert [3, 2, 1, 0] == seen


def test_a_level_set_by_hand_stays() -> None:
    """Nothing but a person changes it; let go, it goes on from there."""
    forced = force(Level(), 2)

    assert 2 == step(SETTINGS, forced, share=1.0, calls=100, now=0.0).number
    assert 2 == step(SETTINGS, forced, share=0.0, calls=100, now=1e6).number
    assert 3 == step(SETTINGS, force(forced, None), share=1.0, calls=100, now=0.0).number


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        pytest.param({"window_s": 0, "calls_min": 0, "fall_after_s": -1}, {"window_s", "calls_min", "fall_after_s"}, id="out of range"),
        pytest.param({"up": (0.1, 0.2)}, {"up"}, id="too few"),
        pytest.param({"up": (0.3, 0.2, 0.4)}, {"up"}, id="falling"),
        pytest.param({"up": (0.0, 0.2, 0.4)}, {"up"}, id="a share of nothing"),
        pytest.param({"down": (0.1, 0.2, math.nan)}, {"down"}, id="not a number"),
        pytest.param({"up": [0.1, 0.2, 0.3], "down": 3}, {"up", "down"}, id="wrong kinds"),
        pytest.param({"down": (0.10, 0.15, 0.30)}, {"down"}, id="crossing"),
    ],
)  # fmt: skip
def test_thresholds_that_would_flap_are_refused(changes: dict[str, object], paths: set[str]) -> None:
    """Every lower threshold lies below its upper one, or the level would change at each call."""
    with pytest.raises(BadSettings) as caught:
        Levels(**changes)

    assert paths == {problem.path for problem in caught.value.problems}


class WindowAgainstAllCalls(RuleBasedStateMachine):
    """The window's counts, against a list of all calls."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(10.0)
        self.now = 1_000.0
        self.calls: deque[tuple[int, bool]] = deque()

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 2.5, 9.9, 10.0, 1e6]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(lesser=st.booleans())
    def call(self, lesser: bool) -> None:
        """A call ends."""
        self.window.add(self.now, lesser=lesser)
        self.calls.append((math.floor(self.now), lesser))

    @precondition(lambda self: self.calls)
    @rule(late_s=st.sampled_from([0.2, 3.0]))
    def a_late_call(self, late_s: float) -> None:
        """A thread that read the clock a little earlier comes later: it is counted with the newest."""
        self.counts_agree()
        self.window.add(self.now - late_s, lesser=True)
        self.calls.append((math.floor(self.now), True))

    @invariant()
    def counts_agree(self) -> None:
        """What is counted are the calls of the present second and the nine before it."""
        first = math.floor(self.now) - BUCKETS + 1
        counted = [lesser for second, lesser in self.calls if second >= first]
        assert (len(counted), sum(counted)) == self.window.counts(self.now)


TestWindow = WindowAgainstAllCalls.TestCase
TestWindow.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)


class LevelAgainstItsRules(RuleBasedStateMachine):
    """The level, against a plain telling of its rules."""

    def __init__(self) -> None:
        super().__init__()
        self.level = Level()
        self.now = 0.0
        self.number = 0
        self.forced = False
        self.low_for_s: float | None = None

    @rule(
        pause_s=st.sampled_from([0.0, 1.0, 15.0, 30.0]),
        share=st.sampled_from([0, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 0.6, 1.0]),
        calls=st.sampled_from([0, 9, 10, 500]),
    )
    def look(self, pause_s: float, share: float, calls: int) -> None:
        """Look at the window after a while."""
        self.now += pause_s
        self.low_for_s = None if self.low_for_s is None else self.low_for_s + pause_s
        self.level = step(SETTINGS, self.level, share=share, calls=calls, now=self.now)
        if self.forced:
            return
        reached = sum(share >= threshold for threshold in SETTINGS.up) if calls >= SETTINGS.calls_min else 0
        is_low = self.number > 0 and share <= SETTINGS.down[self.number - 1]
        if reached > self.number:
            self.number, self.low_for_s = reached, None
        elif not is_low:
            self.low_for_s = None
        else:
            self.low_for_s = self.low_for_s or 0.0
            if self.low_for_s >= SETTINGS.fall_after_s:
                self.number -= 1
                self.low_for_s = 0.0 if self.number else None

    @rule(number=st.one_of(st.none(), st.integers(0, LEVEL_MAX)))
    def set_by_hand(self, number: int | None) -> None:
        """A person sets the level, or lets it go."""
        self.level = force(self.level, number)
        self.forced = number is not None
        self.number = self.number if number is None else number
        self.low_for_s = None

    @invariant()
    def they_agree(self) -> None:
        """The level is what the rules say, and always one of the four."""
        assert self.number == self.level.number
        assert 0 <= self.level.number <= LEVEL_MAX


TestLevel = LevelAgainstItsRules.TestCase
TestLevel.settings = hypothesis_settings(max_examples=100, stateful_step_count=30, deadline=None)
