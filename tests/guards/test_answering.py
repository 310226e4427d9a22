"""The cache in front of calls: fresh answers without a call, stale ones at once with a call behind the caller's back, and no harm when it fails."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from holdfast.errors import BadInput, BadSettings, Problem
from holdfast.guards.answers import Degraded, last_answer
from holdfast.guards.policy import Policy, policy
from holdfast.guards.shelf import REST_S
from holdfast.policies.cache import Cache
from holdfast.policies.degradation import Degradation
from holdfast.policies.lesser_answers import Cached, Default
from holdfast.ports.cache import Entry
from holdfast.testing import controlled_world
from holdfast.testing.world import ControlledWorld

PATIENCE_S = 20


class Stock:
    """A dependency whose answers can be told apart."""

    def __init__(self) -> None:
        self.calls = 0
        self.down = False

    def answer(self) -> int:
        """The number of the call."""
        if self.down:
            raise ConnectionRefusedError
        self.calls += 1
        return self.calls


stock = Stock()


def fetch_stock(sku: str) -> tuple[str, int]:
    """The function that is guarded."""
    return sku, stock.answer()


class BrokenCache:
    """A cache that is down, or will be."""

    keeps = "python"
    is_local = False

    def __init__(self) -> None:
        self.asked = 0
        self.down = True

    def get(self, key: str) -> Entry | None:
        """Fails."""
        self.asked += 1
        if self.down:
            raise OSError("password=hunter2")
        return None

    def put(self, key: str, value: object, *, keep_s: float) -> bool:
        """Fails."""
        self.asked += 1
        if self.down:
            raise OSError("password=hunter2")
        return True

    def remove(self, key: str) -> None:
        """Not used here."""


@pytest.fixture(autouse=True)
def clock() -> Iterator[ControlledWorld]:
    """Time that stands still, and a dependency that is well."""
    stock.__init__()
    with controlled_world() as world:
        yield world


def join(shop: Policy) -> None:
    """Wait for what goes on behind the caller's back."""
    assert shop._answering._shelf.refresher.join(PATIENCE_S)


def test_a_fresh_value_is_answered_without_a_call(clock: ControlledWorld) -> None:
    """Within its time, the dependency is not asked; the answer is a full one."""
    guarded = policy("shop", cache=Cache(ttl_s=60))(fetch_stock)
    guarded("book")
    clock.advance(60)

    assert ("book", 1) == guarded("book")
    assert not last_answer().is_degraded
    assert ("pen", 2) == guarded("pen")
    clock.advance(0.1)
    assert ("book", 3) == guarded("book")


def test_a_stale_value_is_answered_at_once_and_refreshed_behind_the_callers_back(clock: ControlledWorld) -> None:
    """The caller does not wait, and is told that the value is stale; the next one gets the new value."""
    shop = policy("shop", cache=Cache(ttl_s=60, stale_while_revalidate_s=30))
    guarded = shop(fetch_stock)
    guarded("book")
    clock.advance(61)

    answer = shop.answer(guarded, "book")
    join(shop)

    assert ("book", 1) == answer.value
    assert Degraded(strategy="cached", level=0, reason="stale", age_s=61.0, stale=True) == answer.degraded
    assert ("book", 2) == guarded("book")
    clock.advance(90.5)
    assert ("book", 3) == guarded("book")


def test_a_refresh_that_fails_leaves_the_stale_value(clock: ControlledWorld) -> None:
    """As long as it may be answered it is, and the failure stays behind the scenes."""
    shop = policy("shop", cache=Cache(ttl_s=60, stale_while_revalidate_s=30))
    guarded = shop(fetch_stock)
    guarded("book")
    stock.down = True
    clock.advance(61)

    for _ in range(3):
        assert ("book", 1) == guarded("book")
        join(shop)
    clock.advance(30)
    with pytest.raises(ConnectionRefusedError):
        guarded("book")


def test_on_a_loop_it_works_the_same(clock: ControlledWorld) -> None:
    """Fresh, stale with a task in the background, then new; many callers make one call."""

    async def fetch(sku: str) -> tuple[str, int]:
        await asyncio.sleep(0)
        return sku, stock.answer()

    shop = policy("shop", cache=Cache(ttl_s=60, stale_while_revalidate_s=30))
    guarded = shop(fetch)

    async def main() -> list[object]:
        seen: list[object] = [await guarded("book"), await guarded("book")]
        clock.advance(61)
        seen += await asyncio.gather(*(guarded("book") for _ in range(5)))
        while shop._answering._shelf.refresher.pending:  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0)
        return [*seen, await guarded("book"), (await shop.answer(guarded, "book")).is_degraded]

    assert [("book", 1)] * 7 + [("book", 2), False] == asyncio.run(main())


def test_a_stale_value_may_stand_in_for_a_failure_and_is_refreshed(clock: ControlledWorld) -> None:
    """After its time a degraded answer is stale, says so, and the call is made again in the background."""
    shop = policy("shop", degradation=Degradation.of(Cached(ttl_s=60, stale_while_revalidate_s=60)))
    guarded = shop(fetch_stock)
    guarded("book")
    stock.down = True
    clock.advance(61)
    shelf = shop.degradation.shelves[0]
    answer = shop.answer(guarded, "book")
    shelf.refresher.join(PATIENCE_S)

    assert answer.degraded.stale
    assert answer.degraded.age_s == 61.0
    clock.advance(59.5)
    with pytest.raises(Exception, match="could give no lesser answer"):
        guarded("book")


@pytest.mark.parametrize(("repeatable", "calls"), [(False, 1), (True, 2)], ids=["not repeatable", "repeatable"])
def test_a_call_of_unknown_outcome_is_not_repeated_in_the_background(
    clock: ControlledWorld, repeatable: bool, calls: int
) -> None:
    """A refresh is a repeat, and what goes for repeats goes for it."""
    made: list[str] = []

    def order(sku: str) -> str:
        made.append(sku)
        if stock.down:
            raise TimeoutError
        return sku

    kept = Cached(ttl_s=1, stale_while_revalidate_s=60, key=("sku",))
    shop = policy("shop", repeatable=repeatable, degradation=Degradation.of(kept))
    guarded = shop(order)
    guarded("book")
    made.clear()
    stock.down = True
    clock.advance(2)
    guarded("book")
    shop.degradation.shelves[0].refresher.join(PATIENCE_S)

    assert calls == len(made)


def test_a_cache_that_is_down_breaks_nothing_and_is_left_alone(
    clock: ControlledWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls go on without it, it is not asked for a while, and the log has one line without its words."""
    cache = BrokenCache()
    guarded = policy("shop", cache=Cache(ttl_s=60, cache=cache))(fetch_stock)

    with caplog.at_level(logging.WARNING, "holdfast.cache"):
        for _ in range(10):
            guarded("book")
        asked = cache.asked
        clock.advance(REST_S)
        guarded("book")
        cache.down = False
        clock.advance(REST_S)
        guarded("book")

    assert (1, 4) == (asked, cache.asked)
    assert 11 + 1 == stock.calls
    assert 1 == len(caplog.records)
    assert "hunter2" not in caplog.text


@pytest.mark.anyio
async def test_a_cache_outside_the_process_does_not_hold_up_the_loop() -> None:
    """It is asked in a thread of its own."""

    class Remote(BrokenCache):
        def get(self, key: str) -> Entry | None:
            """Notes where it was asked."""
            threads.append(threading.current_thread())
            return None

        def put(self, key: str, value: object, *, keep_s: float) -> bool:
            """Notes where it was asked."""
            threads.append(threading.current_thread())
            return False

    async def fetch(sku: str) -> str:
        stock.answer()
        return sku

    threads: list[threading.Thread] = []
    shop = policy(
        "shop", cache=Cache(cache=Remote()), degradation=Degradation.of(Cached(cache=Remote()), Default(value=0))
    )
    guarded = shop(fetch)
    await guarded("book")
    stock.down = True

    assert 0 == await guarded("book")
    assert 5 == len(threads)
    assert threading.main_thread() not in threads


def test_a_cache_that_takes_nothing_breaks_nothing() -> None:
    """Reading works and writing fails: the call is well all the same, and so is a caller that has no key."""

    class Full(BrokenCache):
        def get(self, key: str) -> Entry | None:
            """Nothing."""
            return None

    shop = policy("shop", cache=Cache(cache=Full()), degradation=Degradation.of(Cached(cache=Full())))

    assert [1, 2, 3] == [shop(fetch_stock)("book")[1], shop(fetch_stock)("book")[1], shop(fetch_stock)(object())[1]]


def test_a_value_that_a_cache_cannot_keep_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The value is to blame and not the cache: other values go on being kept."""

    class Json(BrokenCache):
        def get(self, key: str) -> Entry | None:
            """Nothing."""
            self.asked += 1
            return None

        def put(self, key: str, value: object, *, keep_s: float) -> bool:
            """Refuses."""
            raise BadInput([Problem(source="value", path="", message="is a tuple")])

    cache = Json()
    guarded = policy("shop", cache=Cache(cache=cache))(fetch_stock)

    with caplog.at_level(logging.WARNING, "holdfast.cache"):
        for _ in range(5):
            guarded("book")

    assert 5 == cache.asked
    assert 1 == len(caplog.records)


def test_calls_without_a_key_are_made_and_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    """An argument without a stable form, or a function of the key that fails, costs the cache and not the call."""

    def fails(_sku: str) -> str:
        raise KeyError("hunter2")

    by_value = policy("shop", cache=Cache())(fetch_stock)
    by_function = policy("shop", cache=Cache(key=fails))(fetch_stock)

    with caplog.at_level(logging.WARNING, "holdfast.cache"):
        answers = [by_value(object())[1], by_value(object())[1], by_function("a")[1], by_function("a")[1]]

    assert [1, 2, 3, 4] == answers
    assert 2 == len(caplog.records)
    assert "hunter2" not in caplog.text


def test_nothing_is_kept_for_no_time(clock: ControlledWorld) -> None:
    """A time of 0 keeps nothing, and is not taken for unset."""
    guarded = policy("shop", cache=Cache(ttl_s=0))(fetch_stock)

    assert [1, 2] == [guarded("book")[1] for _ in range(2)]


def test_the_cache_can_be_exchanged_in_use() -> None:
    """What was kept by other settings is forgotten; without a cache, calls are made."""
    shop = policy("shop", cache=Cache(ttl_s=60))
    guarded = shop(fetch_stock)
    seen = [guarded("book")[1], guarded("book")[1]]

    shop.update(cache=Cache(ttl_s=30))
    seen += [guarded("book")[1], guarded("book")[1]]
    shop.update(cache=None)
    seen += [guarded("book")[1]]

    assert [1, 1, 2, 2, 3] == seen
    with pytest.raises(BadSettings, match="not begun"):
        shop.update(degradation=Degradation.of(Default(value=1)))


def test_the_policy_explains_its_cache() -> None:
    """For how long, and what happens then."""
    words = policy("shop", cache=Cache(ttl_s=60, stale_while_revalidate_s=5)).explain()
    short = policy("shop", cache=Cache(ttl_s=60)).explain()

    assert "good for 60 s, then stale for 5 s" in words
    assert "good for 60 s\n" in short


def test_what_is_no_degradation_and_no_cache_is_refused_with_the_rest() -> None:
    """Wrong kinds are told all at once."""
    with pytest.raises(BadSettings) as caught:
        policy("shop", degradation=Cached(), cache=60, retry=3)

    assert {"degradation", "cache", "retry"} == {problem.path for problem in caught.value.problems}


class CacheAgainstItsRules(RuleBasedStateMachine):
    """Fresh, stale and gone in any order of calls, refreshes, failures and pauses, against a plain telling of the rules."""

    @initialize()
    def open(self) -> None:
        """A cache of 10 s, then 5 s stale."""
        stock.__init__()
        self.world = controlled_world()
        self.clock = self.world.__enter__()
        self.shop = policy("shop", cache=Cache(ttl_s=10, stale_while_revalidate_s=5))
        self.guarded = self.shop(fetch_stock)
        self.kept: dict[str, tuple[int, float]] = {}

    def teardown(self) -> None:
        """Put the world back."""
        if hasattr(self, "world"):
            self.world.__exit__(None, None, None)

    @rule(seconds=st.sampled_from([0.5, 4.0, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(down=st.booleans())
    def the_dependency_is(self, down: bool) -> None:
        """Well, or not."""
        stock.down = down

    @rule(sku=st.sampled_from(["book", "pen"]))
    def call(self, sku: str) -> None:
        """Somebody asks."""
        now = self.clock.elapsed_s
        value, stored = self.kept.get(sku, (0, -1e9))
        age_s = now - stored
        calls = stock.calls
        try:
            answer = self.shop.answer(self.guarded, sku)
        except ConnectionRefusedError:
            assert stock.down
            assert age_s > 15
            return
        join(self.shop)
        if age_s <= 10:
            assert ((sku, value), False, calls) == (answer.value, answer.is_degraded, stock.calls)
        elif age_s <= 15:
            assert ((sku, value), True) == (answer.value, answer.is_degraded)
            assert calls + (not stock.down) == stock.calls
            if not stock.down:
                self.kept[sku] = (stock.calls, now)
        else:
            assert ((sku, calls + 1), False) == (answer.value, answer.is_degraded)
            self.kept[sku] = (calls + 1, now)


TestCacheRules = CacheAgainstItsRules.TestCase
TestCacheRules.settings = hypothesis_settings(max_examples=30, stateful_step_count=25, deadline=None)
