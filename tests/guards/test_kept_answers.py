"""Kept answers are answers of the very call: its arguments as they were, its part of the dependency, and good ones only."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import DegradationFailed
from holdfast.guards.answers import last_answer
from holdfast.guards.caches.memory import MemoryCache
from holdfast.guards.policy import Policy, policy
from holdfast.guards.shelf import Shelf
from holdfast.policies.cache import Cache
from holdfast.policies.degradation import Degradation
from holdfast.policies.lesser_answers import Cached, Default
from holdfast.testing import controlled_world
from holdfast.testing.world import ControlledWorld
from tests.guards.test_answering import PATIENCE_S, BrokenCache, fetch_stock, join, stock


@pytest.fixture(autouse=True)
def clock() -> Iterator[ControlledWorld]:
    """Time that stands still, and a dependency that is well."""
    stock.__init__()
    with controlled_world() as world:
        yield world


def test_a_full_answer_after_a_stale_one_is_remembered_as_full(clock: ControlledWorld) -> None:
    """What is said of the last answer is said of the last one, also where nothing but a cache is there."""
    shop = policy("shop", cache=Cache(ttl_s=60, stale_while_revalidate_s=30))
    guarded = shop(fetch_stock)
    guarded("book")
    clock.advance(61)
    guarded("book")
    join(shop)
    assert last_answer().is_degraded

    guarded("pen")

    assert not last_answer().is_degraded


@pytest.fixture(params=["cache", "cached"])
def keeping(request: pytest.FixtureRequest) -> Policy:
    """A policy that keeps answers, to be given before or instead of calls; the stale ones included."""
    if request.param == "cache":
        return policy("shop", cache=Cache(ttl_s=1, stale_while_revalidate_s=60))
    return policy("shop", degradation=Degradation.of(Cached(ttl_s=1, stale_while_revalidate_s=60)))


def shelf_of(shop: Policy) -> Shelf:
    """Where a policy keeps answers."""
    return shop._answering._shelf or shop.degradation.shelves[0]


@pytest.mark.parametrize("on_loop", [False, True], ids=["sync", "async"])
def test_a_function_that_changes_its_arguments_gives_nobody_anothers_answer(keeping: Policy, on_loop: bool) -> None:
    """An answer is kept under what the function was called with, not under what it has left of that."""

    def search(query: dict[str, str]) -> str:
        tenant = query.pop("tenant", "nobody")
        if stock.down:
            raise ConnectionRefusedError
        return tenant

    @functools.wraps(search)
    async def search_async(query: dict[str, str]) -> str:
        await asyncio.sleep(0)
        return search(query)

    guarded = keeping(search_async if on_loop else search)

    def ask(query: dict[str, str]) -> object:
        return asyncio.run(guarded(query)) if on_loop else guarded(query)

    assert ask({"tenant": "acme", "text": "x"}) == "acme"
    assert ask({"text": "x"}) == "nobody"
    stock.down = True
    with pytest.raises((ConnectionRefusedError, DegradationFailed)):
        ask({"tenant": "beta", "text": "x"})
    assert ask({"tenant": "acme", "text": "x"}) == "acme"


def test_a_refresh_is_made_with_what_the_caller_asked_for(clock: ControlledWorld) -> None:
    """The caller goes on with the answer and may change what it had asked with, before or while the refresh is made."""
    asked: list[str] = []
    begun = threading.Event()

    def search(query: dict[str, str]) -> str:
        if asked:
            begun.wait(PATIENCE_S)
        asked.append(query["tenant"])
        return query["tenant"]

    shop = policy("shop", cache=Cache(ttl_s=1, stale_while_revalidate_s=60, key=("query",)))
    guarded = shop(search)
    query = {"tenant": "acme"}
    guarded(query)
    clock.advance(2)

    guarded(query)
    query["tenant"] = "beta"
    begun.set()
    join(shop)

    assert ["acme", "acme"] == asked
    assert guarded({"tenant": "acme"}) == "acme"


def test_a_call_that_has_changed_its_arguments_is_not_made_again(clock: ControlledWorld) -> None:
    """A refresh after a failure would be another call than the one whose answer it is for."""
    asked: list[dict[str, str]] = []

    def search(query: dict[str, str]) -> str:
        asked.append(dict(query))
        query.pop("tenant", None)
        if stock.down:
            raise ConnectionRefusedError
        return "found"

    shop = policy("shop", degradation=Degradation.of(Cached(ttl_s=1, stale_while_revalidate_s=60, key=("query",))))
    guarded = shop(search)
    guarded({"tenant": "acme"})
    stock.down = True
    clock.advance(2)

    assert guarded({"tenant": "acme"}) == "found"
    shelf_of(shop).refresher.join(PATIENCE_S)

    assert [{"tenant": "acme"}, {"tenant": "acme"}] == asked


def test_arguments_that_lie_too_deep_to_be_copied_are_used_as_they_are(clock: ControlledWorld) -> None:
    """A refresh of such a call is made all the same."""
    deep = functools.reduce(lambda inner, _: [inner], range(60), "x")
    shop = policy("shop", cache=Cache(ttl_s=1, stale_while_revalidate_s=60, key=("sku",)))

    @shop
    def fetch(sku: str, more: object) -> tuple[str, int]:
        return sku, stock.answer()

    fetch("book", deep)
    clock.advance(2)
    fetch("book", deep)
    join(shop)

    assert ("book", 2) == fetch("book", deep)


def test_the_last_of_several_bad_answers_is_not_kept(keeping: Policy, clock: ControlledWorld) -> None:
    """A policy may return a result that was judged a failure; it is no good value, and does not take the place of one."""
    composition = keeping.composition
    shop = policy(
        "shop",
        cache=composition.cache,
        degradation=composition.degradation,
        returns_last=True,
        result=lambda value: value == "busy",
    )

    @shop
    def ask() -> str:
        return "fine" if stock.answer() == 1 else "busy"

    assert ask() == "fine"
    clock.advance(0.5 if composition.cache is None else 62)
    assert ask() == "busy"
    stock.down = True
    if composition.cache is None:
        assert ask() == "fine"
    else:
        with pytest.raises(ConnectionRefusedError):
            ask()


@pytest.mark.parametrize("on_loop", [False, True], ids=["sync", "async"])
def test_a_refreshed_value_is_kept_for_worse_times_too(clock: ControlledWorld, on_loop: bool) -> None:
    """In one cache for both, a refresh of the value that is answered first does not shorten the life of the one that is answered last."""
    both = MemoryCache()
    shop = policy(
        "shop",
        cache=Cache(ttl_s=60, stale_while_revalidate_s=30, cache=both),
        degradation=Degradation.of(Cached(ttl_s=3600, cache=both)),
    )

    @functools.wraps(fetch_stock)
    async def fetch_async(sku: str) -> tuple[str, int]:
        return fetch_stock(sku)

    guarded = shop(fetch_async if on_loop else fetch_stock)

    async def ask_async() -> object:
        answer = await guarded("book")
        while shop._answering._shelf.refresher.pending:  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0)
        return answer

    def ask() -> object:
        answer = asyncio.run(ask_async()) if on_loop else guarded("book")
        join(shop)
        return answer

    ask()
    clock.advance(61)
    assert ("book", 1) == ask()
    stock.down = True
    clock.advance(600)

    assert ("book", 2) == ask()


def test_a_refresh_keeps_no_bad_answer(clock: ControlledWorld) -> None:
    """The last of several bad results is none to keep, whoever has asked for it."""
    shop = policy(
        "shop",
        cache=Cache(ttl_s=60, stale_while_revalidate_s=3000),
        returns_last=True,
        result=lambda value: value == ("book", 2),
    )
    guarded = shop(fetch_stock)
    guarded("book")
    clock.advance(61)

    seen = []
    for _ in range(3):
        seen.append(guarded("book"))
        join(shop)

    assert [("book", 1), ("book", 1), ("book", 3)] == seen


TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")


@pytest.mark.parametrize("strategy", ["cache", "cached"])
def test_the_parts_of_a_dependency_keep_their_answers_apart(strategy: str) -> None:
    """A policy with a key has a state for each, and so for kept answers, also where the key comes from elsewhere than the arguments."""
    shop = policy(
        "shop",
        key=lambda *_: TENANT.get(),
        cache=Cache() if strategy == "cache" else None,
        degradation=Degradation.of(Cached(), Default(value="nothing")),
    )
    guarded = shop(fetch_stock)

    def ask(tenant: str) -> object:
        token = TENANT.set(tenant)
        try:
            return guarded("book")
        finally:
            TENANT.reset(token)

    assert [("book", 1), ("book", 2)] == [ask("acme"), ask("beta")]
    stock.down = True
    assert [("book", 1), ("book", 2), "nothing"] == [ask("acme"), ask("beta"), ask("other")]


def test_a_cache_that_goes_down_is_told_after_other_troubles(caplog: pytest.LogCaptureFixture) -> None:
    """A call without a key and an answer that cannot be kept are told once each, and hide nothing else."""
    cache = BrokenCache()
    cache.down = False
    shop = policy("shop", cache=Cache(cache=cache))

    @shop
    def fetch(sku: object) -> object:
        return sku

    with caplog.at_level(logging.WARNING, "holdfast.cache"):
        fetch(object())
        fetch(object())
        cache.down = True
        fetch("book")

    assert ["no stable form", "failed with OSError"] == [
        next(words for words in ("no stable form", "failed with OSError") if words in record.getMessage())
        for record in caplog.records
    ]
