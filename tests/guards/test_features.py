"""Features go off and on with the level of degradation, by hand, and for a while."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import BadSettings
from holdfast.guards.features import Features
from holdfast.guards.level_meter import LevelMeter
from holdfast.policies.features import Feature
from holdfast.policies.levels import Levels
from holdfast.testing import controlled_world
from holdfast.testing.world import ControlledWorld

LEVELS = Levels(window_s=60, calls_min=10, fall_after_s=30)


@pytest.fixture
def clock() -> Iterator[ControlledWorld]:
    """Time that stands still."""
    with controlled_world() as world:
        yield world


def meter(features: Features, policy: str = "shop") -> LevelMeter:
    """The meter of a policy, known to the registry."""
    made = LevelMeter(policy, LEVELS, on_change=lambda *_: None)
    features.attach(made)
    return made


def count(found: LevelMeter, *, full: int = 0, lesser: int = 0) -> None:
    """Some calls end."""
    for _ in range(full):
        found.record(lesser=False)
    for _ in range(lesser):
        found.record(lesser=True)


def test_a_feature_goes_off_with_the_level_and_comes_back(clock: ControlledWorld) -> None:
    """From its level on it is off; when the policy has been well for long enough it is on again."""
    features = Features()
    features.declare(Feature(name="recommendations", off_from=2), Feature(name="orders", off_from=3))
    shop = meter(features)

    count(shop, full=14, lesser=6)

    assert (False, True) == (features.is_on("recommendations"), features.is_on("orders"))
    clock.advance(61)
    assert not features.is_on("recommendations")
    clock.advance(30)
    assert features.is_on("recommendations")
    assert {"shop": 1} == features.levels()


def test_changes_are_told_once_each(clock: ControlledWorld) -> None:
    """Every change of the level is told with where it came from, and nothing is told in between."""
    told: list[tuple[int, int]] = []
    found = LevelMeter("shop", LEVELS, on_change=lambda _, before, after: told.append((before, after)))

    count(found, full=7, lesser=3)
    count(found, lesser=8)
    for _ in range(5):
        clock.advance(61)
        assert found.level >= 0

    assert [(0, 2), (2, 3), (3, 2), (2, 1), (1, 0)] == told


def test_a_feature_of_one_policy_does_not_mind_the_others(clock: ControlledWorld) -> None:
    """The highest level of all counts, unless a feature names its policy."""
    features = Features()
    features.declare(Feature(name="ads"), Feature(name="stock", policy="warehouse"))
    shop, _ = meter(features), meter(features, "warehouse")

    shop.force(3)

    assert (3, 0, 3) == (features.level("shop"), features.level("warehouse"), features.level())
    assert (False, True) == (features.is_on("ads"), features.is_on("stock"))


def test_a_level_can_be_set_by_hand_for_all(clock: ControlledWorld, caplog: pytest.LogCaptureFixture) -> None:
    """A person's word goes before what was measured, until it is taken back; each is one line in the log."""
    features = Features()
    features.declare(Feature(name="ads", off_from=3))
    shop = meter(features)
    shop.force(1)

    with caplog.at_level(logging.WARNING, "holdfast.features"):
        features.set_level(3)
        off = features.is_on("ads")
        features.set_level(None)

    assert (False, True, 1) == (off, features.is_on("ads"), features.level())
    assert 2 == len(caplog.records)


@pytest.mark.parametrize("number", [-1, 4, True, 1.5, "2"])
def test_what_is_no_level_is_refused(number: object) -> None:
    """There are four levels."""
    with pytest.raises(BadSettings, match="level"):
        Features().set_level(number)


def test_features_that_were_switched_off_come_back_by_themselves(clock: ControlledWorld) -> None:
    """The longer of two times counts."""
    features = Features()
    features.switch_off("ads", seconds=30)
    features.switch_off("ads", seconds=10)

    clock.advance(29.9)
    still_off = not features.is_on("ads")
    clock.advance(0.1)

    assert still_off
    assert features.is_on("ads")


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), True, None, 24 * 3600 + 1])
def test_a_time_that_is_none_is_refused(clock: ControlledWorld, seconds: float) -> None:
    """A feature is off for so many seconds, never for ever by mistake."""
    features = Features()

    with pytest.raises(BadSettings, match="seconds"):
        features.switch_off("ads", seconds=seconds)
    assert {} == features._off_until


def test_features_can_be_off_for_one_answer_only(clock: ControlledWorld) -> None:
    """What runs inside sees them off; another thread does not."""
    features = Features()
    features.declare(Feature(name="ads"), Feature(name="stock"))
    elsewhere: list[bool] = []

    with features.off_here("ads"), features.off_here("stock"):
        inside = [features.is_on("ads"), features.is_on("stock")]
        thread = threading.Thread(target=lambda: elsewhere.append(features.is_on("ads")))
        thread.start()
        thread.join()

    assert ([False, False], [True], True) == (inside, elsewhere, features.is_on("ads"))


def test_an_undeclared_feature_is_on_and_told_once(clock: ControlledWorld, caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt name breaks nothing, and does not fill the log either."""
    features = Features()

    with caplog.at_level(logging.WARNING, "holdfast.features"):
        answers = [features.is_on("recommendation") for _ in range(5)]
        for number in range(500):
            features.is_on(f"feature {number}")

    assert [True] * 5 == answers
    assert 100 == len(caplog.records)


def test_names_made_of_data_are_refused_before_they_fill_the_memory(
    clock: ControlledWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both lists of names are bounded."""
    monkeypatch.setattr("holdfast.guards.features.NAMES_MAX", 3)
    features = Features()
    features.declare(*(Feature(name=f"{number}") for number in range(3)))

    with pytest.raises(BadSettings, match="at most 3"):
        features.declare(Feature(name="one more"))
    for number in range(9):
        features.switch_off(f"off {number}", seconds=5)

    assert 3 == len(features._off_until)
    clock.advance(5)
    features.switch_off("new", seconds=5)
    assert (False, ["new"]) == (features.is_on("new"), list(features._off_until)), "those that are on again make room"


def test_a_policy_that_is_gone_no_longer_counts(clock: ControlledWorld) -> None:
    """A registry keeps no policy alive."""
    features = Features()
    shop = meter(features)
    shop.force(3)

    del shop
    gc.collect()

    assert (0, 0, {}) == (features.level(), features.level("shop"), features.levels())
    assert meter(features) is not None
    assert 1 == len(features._meters)


def test_a_window_of_another_length_begins_anew(clock: ControlledWorld) -> None:
    """Other thresholds read what was counted; another window cannot."""
    found = LevelMeter("shop", LEVELS, on_change=lambda *_: None)
    count(found, full=5, lesser=5)

    found.update(Levels(window_s=60, up=(0.5, 0.6, 0.7)))
    same = found.share
    found.update(Levels(window_s=30))

    assert (0.5, 0.0) == (same, found.share)
