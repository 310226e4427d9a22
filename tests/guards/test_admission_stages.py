"""The stages of admission at work: what they count, what they tell, and what they take back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import LimitReached, RateLimited, Throttled
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health
from holdfast.guards.adaptive_limits import AdaptiveStage
from holdfast.guards.listening import Event, Listening
from holdfast.guards.rate_limits import RateLimitStage
from holdfast.guards.stage import Place, Signal, Wait
from holdfast.guards.throttles import ThrottleStage
from holdfast.guards.world import WORLD
from holdfast.policies.adaptive import AdaptiveLimit
from holdfast.policies.rate_limit import RateLimit
from holdfast.policies.throttle import Throttle
from holdfast.testing.world import ControlledWorld, controlled_world
from tests.policies.test_throttle import verdict

GOOD = Signal(health=Health.SUCCESS, took_s=0.1)
BAD = Signal(health=Health.FAILURE, took_s=0.1, verdict=verdict(ErrorCategory.API_UNEXPECTED_STATUS, Health.FAILURE))
CANCELLED = Signal(health=Health.NEUTRAL, took_s=0.3, cancelled=True)
NOT_BEGUN = Signal(health=Health.NEUTRAL, took_s=0.0, cancelled=True)


@pytest.fixture
def world() -> Iterator[ControlledWorld]:
    """Time stands still until somebody waits."""
    with controlled_world() as found:
        yield found


def listening(told: list[Event]) -> Listening:
    """Events of the dependency `api` go into the list."""
    found = Listening("api")
    found.add("*", told.append)
    return found


def begins_after(stage: RateLimitStage) -> float:
    """How long a call that comes now has to wait."""
    entered = stage.enter(WORLD.monotonic())
    assert not isinstance(entered, Place)
    return entered.seconds if isinstance(entered, Wait) else 0.0


def refused(stage: RateLimitStage) -> RateLimited | None:
    """Why a call that comes now is turned away; None when it is let in."""
    try:
        stage.enter(WORLD.monotonic())
    except RateLimited as error:
        return error
    return None


# --- rate limit ---


@pytest.mark.parametrize("kind", ["token-bucket", "sliding-window"])
def test_calls_wait_for_their_booked_moment_or_are_turned_away(world: ControlledWorld, kind: str) -> None:
    """Two a second and a wait of a second: two begin, two wait, the fifth hears when to come back."""
    stage = RateLimitStage(RateLimit(calls=2, per_s=1, kind=kind, wait_max_s=1), Listening("api"))

    waits = [begins_after(stage) for _ in range(4)]
    with pytest.raises(RateLimited, match=r"'api' may begin 2 calls per 1 s.*longer than 1 s\. Come back in") as caught:
        begins_after(stage)

    assert waits == ([0, 0, 0.5, 1] if kind == "token-bucket" else [0, 0, 1, 1])
    assert caught.value.retry_after_s == pytest.approx(0.5 if kind == "token-bucket" else 1, abs=1e-8)


@pytest.mark.parametrize("kind", ["token-bucket", "sliding-window"])
@pytest.mark.parametrize("start", [0.0, 12_345.678_901_2, 1_234_567.891_234_567])
def test_whoever_comes_back_when_told_is_let_in(world: ControlledWorld, kind: str, start: float) -> None:
    """However odd the clock: after the stated seconds the call begins, at half of them it does not."""
    stage = RateLimitStage(RateLimit(calls=3, per_s=0.7, kind=kind), Listening("api"))
    world.advance(start)
    for _ in range(50):
        while (refusal := refused(stage)) is None:
            pass
        assert refusal.retry_after_s is not None
        half_s = refusal.retry_after_s / 2
        world.advance(half_s)
        with pytest.raises(RateLimited):
            begins_after(stage)

        world.advance(half_s)

        assert 0 == begins_after(stage)


def test_a_call_that_was_not_sent_gives_its_moment_back(world: ControlledWorld) -> None:
    """A call that was cancelled, or turned away further in, before it began leaves room for another; one that was sent does not."""
    stage = RateLimitStage(RateLimit(calls=1, per_s=10, kind="sliding-window", wait_max_s=60), Listening("api"))
    first = stage.enter(WORLD.monotonic())
    assert not isinstance(first, Wait)

    first.leave(NOT_BEGUN)
    first.leave(NOT_BEGUN)
    again = stage.enter(WORLD.monotonic())
    assert not isinstance(again, Wait)
    again.leave(CANCELLED)

    assert [10, 20] == [begins_after(stage) for _ in range(2)]


def test_a_waiting_call_that_is_cancelled_leaves_its_moment_to_the_next(world: ControlledWorld) -> None:
    """The moment that was booked for it goes to who comes next, and whoever has no time for it says when to come back."""
    stage = RateLimitStage(RateLimit(calls=1, per_s=10, wait_max_s=60), Listening("api"))
    begins_after(stage)
    waiting = stage.enter(WORLD.monotonic())
    assert isinstance(waiting, Wait)
    later_s = begins_after(stage)

    world.advance(4)
    waiting.permit.leave(NOT_BEGUN)

    assert 10 == waiting.too_late().retry_after_s
    assert 20 == later_s
    assert [6, 26] == [begins_after(stage) for _ in range(2)]


def test_other_settings_keep_what_was_counted_unless_they_count_differently(world: ControlledWorld) -> None:
    """Another longest wait changes nothing about the calls so far; another number begins anew."""
    stage = RateLimitStage(RateLimit(calls=1, per_s=10), Listening("api"))
    begins_after(stage)

    stage.adopt(RateLimitStage(RateLimit(calls=1, per_s=10, wait_max_s=30), Listening("api")))
    same = begins_after(stage)
    stage.adopt(RateLimitStage(RateLimit(calls=2, per_s=10, wait_max_s=30), Listening("api")))

    assert (10, 0) == (same, begins_after(stage))


def test_threads_never_begin_more_than_the_limit(world: ControlledWorld) -> None:
    """Eight threads at once: exactly as many begin as may, in every window."""
    stage = RateLimitStage(RateLimit(calls=5, per_s=1, kind="sliding-window", wait_max_s=1000), Listening("api"))
    waits: list[float] = []
    start = threading.Barrier(8)

    def come() -> None:
        start.wait(60)
        waits.extend(begins_after(stage) for _ in range(50))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [number // 5 for number in range(400)] == sorted(waits)


# --- throttle ---


def test_a_dependency_that_refuses_is_sent_less(world: ControlledWorld) -> None:
    """After a failing streak the share of the formula is turned away by the draw; it counts as requests, and ends when calls are taken."""
    told: list[Event] = []
    stage = ThrottleStage(Throttle(), listening(told))
    for _ in range(30):
        stage.settle(BAD)

    turned_away, words = 0, ""
    for _ in range(1000):
        try:
            stage.enter(WORLD.monotonic()).leave(BAD)
        except Throttled as error:
            turned_away += 1
            words = str(error)
    for _ in range(1100):
        stage.settle(GOOD)

    assert "'api' took 0 of 1" in words
    assert 870 <= turned_away <= 930
    assert 0 == stage.ratio(WORLD.monotonic())
    assert ["rejections.began"] == [event.name for event in told]


def test_calls_under_way_count_for_nothing_yet(world: ControlledWorld) -> None:
    """A hundred calls that begin at once on a quiet morning are no sign of trouble, and neither are cancelled ones."""
    stage = ThrottleStage(Throttle(), Listening("api"))

    permits = [stage.enter(WORLD.monotonic()) for _ in range(100)]
    for permit in permits:
        permit.leave(CANCELLED)

    assert 0 == stage.ratio(WORLD.monotonic())


def test_what_is_turned_away_counts_as_not_taken(world: ControlledWorld) -> None:
    """Requests that were not sent keep the share up; cancelled calls do not lower it."""
    stage = ThrottleStage(Throttle(), Listening("api"))
    for number in range(40):
        stage.settle(GOOD if number < 15 else BAD)
    WORLD.draw = lambda: 0.0  # put back by the controlled world

    for _ in range(20):
        with pytest.raises(Throttled):
            stage.enter(WORLD.monotonic())
        stage.settle(CANCELLED)

    assert (60 - 2 * 15) / 61 == stage.ratio(WORLD.monotonic())


def test_a_permit_counts_once(world: ControlledWorld) -> None:
    """Leaving twice counts one call."""
    stage = ThrottleStage(Throttle(calls_min=2), Listening("api"))
    permit = stage.enter(WORLD.monotonic())

    permit.leave(BAD)
    permit.leave(BAD)

    assert 0 == stage.ratio(WORLD.monotonic())


def test_two_quiet_windows_forget_everything(world: ControlledWorld) -> None:
    """After an outage and a quiet time the first call is sent for certain."""
    stage = ThrottleStage(Throttle(window_s=60), Listening("api"))
    for _ in range(100):
        stage.settle(BAD)
    before = stage.ratio(WORLD.monotonic())

    world.advance(120)

    assert (0.9, 0.0) == (before, stage.ratio(WORLD.monotonic()))


def test_other_settings_of_a_throttle_keep_its_window(world: ControlledWorld) -> None:
    """Another k acts on what was counted; another window begins anew."""
    stage = ThrottleStage(Throttle(), Listening("api"))
    for number in range(100):
        stage.settle(GOOD if number % 2 else BAD)
    ratios = [stage.ratio(WORLD.monotonic())]

    for settings in (Throttle(k=1), Throttle(k=1, window_s=60)):
        stage.adopt(ThrottleStage(settings, Listening("api")))
        ratios.append(stage.ratio(WORLD.monotonic()))

    assert [0, 50 / 101, 0] == ratios


# --- adaptive limit ---


def test_the_limit_counts_who_is_under_way(world: ControlledWorld) -> None:
    """At the limit the next is turned away; whatever way a call ends, its place is free, once."""
    told: list[Event] = []
    stage = AdaptiveStage(AdaptiveLimit(initial=2, low=1), listening(told))
    first, second = stage.enter(0.0), stage.enter(0.0)

    with pytest.raises(LimitReached, match="'api' has 2 calls under way, and bears no more"):
        stage.enter(0.0)
    first.leave(CANCELLED)
    first.leave(CANCELLED)

    assert (1, 2) == (stage.active, stage.calls_max)
    second.leave(GOOD)
    assert 0 == stage.active
    assert [("rejections.began", "adaptive limit")] == [(event.name, event.facts["stage"]) for event in told]


def test_the_rejection_says_the_limit_as_it_is_now(world: ControlledWorld) -> None:
    """When failures have shrunk the limit, the message names the smaller one."""
    stage = AdaptiveStage(AdaptiveLimit(initial=10, low=1, samples_min=1), Listening("api"))
    for _ in range(10):
        stage.enter(0.0).leave(BAD)
    permits = [stage.enter(1.0) for _ in range(9)]

    with pytest.raises(LimitReached, match="has 9 calls under way"):
        stage.enter(1.0)

    for permit in permits:
        permit.leave(GOOD)
    assert 0 == stage.active


def test_other_bounds_of_the_adaptive_limit_hold_at_once(world: ControlledWorld) -> None:
    """A lower highest limit takes effect for the next call; calls under way are still counted."""
    stage = AdaptiveStage(AdaptiveLimit(initial=10), Listening("api"))
    permits = [stage.enter(0.0) for _ in range(6)]

    stage.adopt(AdaptiveStage(AdaptiveLimit(initial=4, high=5), Listening("api")))

    with pytest.raises(LimitReached):
        stage.enter(0.0)
    assert (5, 6) == (stage.calls_max, stage.active)
    assert 6 == len(permits)


# --- spells of rejections ---


def test_a_spell_of_rejections_is_told_when_it_begins_and_when_it_is_over(world: ControlledWorld) -> None:
    """A thousand rejections with calls let in between are one event, and one more after a quiet minute."""
    told: list[Event] = []
    stage = RateLimitStage(RateLimit(calls=1, per_s=1), listening(told), key="eu")
    for _ in range(100):
        begins_after(stage)
        for _ in range(9):
            with pytest.raises(RateLimited):
                begins_after(stage)
        world.advance(1)

    world.advance(60)
    begins_after(stage)
    world.advance(60)
    begins_after(stage)

    assert [("rejections.began", "eu"), ("rejections.ended", "eu")] == [(event.name, event.key) for event in told]
    assert 900 == told[1].facts["rejections"]
