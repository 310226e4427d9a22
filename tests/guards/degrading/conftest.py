"""Time that stands still, a dependency that is well, and two ways of asking: in a thread and on an event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator

import pytest

from holdfast.guards.answers import Answer
from holdfast.guards.policy import Policy
from holdfast.testing import controlled_world
from holdfast.testing.world import ControlledWorld
from tests.guards.degrading.shop import Ask, fetch_price, price


@pytest.fixture(autouse=True)
def clock() -> Iterator[ControlledWorld]:
    """Time that stands still, and a dependency that is well."""
    price.__init__()
    with controlled_world() as world:
        yield world


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask through a policy, in a thread or on an event loop: `ask(policy, *args)` or `ask(policy, *args, function=…)`."""

    def ask_sync(shop: Policy, *args: object, function: Callable[..., object] = fetch_price) -> Answer[object]:
        return shop.answer(shop(function), *args)

    def ask_async(shop: Policy, *args: object, function: Callable[..., object] = fetch_price) -> Answer[object]:
        @functools.wraps(function)
        async def awaited(*inner: object) -> object:
            await asyncio.sleep(0)
            return function(*inner)

        async def main() -> Answer[object]:
            answer = await shop.answer(shop(awaited), *args)
            await asyncio.sleep(0)
            return answer

        return asyncio.run(main())

    return ask_sync if request.param == "sync" else ask_async
