"""Policies as a user's program puts them around calls, for the type checkers: this file is checked, not run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import assert_type

import holdfast
from holdfast.errors import Attempted, CircuitOpen, Exhausted, PolicyError


def tenant_of(tenant: str, **_: object) -> str:
    """The tenant that a call is for."""
    return tenant


api = holdfast.policy(
    "api",
    retry=holdfast.Retry(attempts_max=5, jitter=holdfast.Jitter.EQUAL, growth="linear"),
    breaker=holdfast.Breaker(window_calls=100),
    timeout=holdfast.Timeout(deadline_s=20),
    classify={KeyError: "neutral", OSError: holdfast.Judgement(retryable=False)},
    key=tenant_of,
)
assert_type(api, holdfast.Policy)


@api
def fetch(tenant: str, *, limit: int = 10) -> list[str]:
    """A plain function stays one."""
    return [tenant] * limit


@api.guard(repeatable=True)
async def fetch_async(tenant: str) -> bytes:
    """A coroutine function stays one."""
    return tenant.encode()


@api
def rows(tenant: str) -> Generator[int, str, bool]:
    """A generator stays one."""
    yield len(tenant)
    return True


@api
async def rows_async(tenant: str) -> AsyncGenerator[int, None]:
    """An async generator stays one."""
    yield len(tenant)


assert_type(fetch("a", limit=3), list[str])
assert_type(rows("a"), Generator[int, str, bool])
assert_type(rows_async("a"), AsyncGenerator[int, None])
assert_type(api.call(fetch, "a", limit=3), list[str])
assert_type(api.answer(fetch, "a", limit=3), holdfast.Answer[list[str]])
assert_type(api.answer(fetch, "a").degraded, holdfast.Degraded | None)
assert_type(holdfast.last_answer(), holdfast.LastAnswer | None)
assert_type(holdfast.features.is_on("ads"), bool)
assert_type(api.explain(), str)
assert_type(holdfast.remaining_s(), float | None)


async def main() -> None:
    """The same object on an event loop."""
    assert_type(await fetch_async("a"), bytes)
    assert_type(await api.call(fetch_async, "a"), bytes)
    assert_type(await api.answer(fetch_async, "a"), holdfast.Answer[bytes])
    async for attempt in api.attempts():
        async with attempt:
            assert_type(attempt.number, int)


for attempt in api.attempts():
    with attempt:
        attempt.result = fetch("a")

with api.attempt() as single:
    single.result = None

try:
    fetch("a")
except CircuitOpen as rejected:
    assert_type(rejected.retry_after_s, float | None)
except Exhausted as exhausted:
    assert_type(exhausted.attempts, tuple[Attempted, ...])
    assert_type(exhausted.reason, str)
    assert_type(exhausted.hand_over().wait().id, str)


@api.guard(handover="shop.fetch", personal=["path"])
def fetch_or_later(path: str) -> bytes:
    """A function whose failed calls can go on durably keeps its types."""
    return path.encode()


async def later() -> None:
    """On an event loop, handing over is awaited."""
    try:
        assert_type(fetch_or_later("a"), bytes)
    except PolicyError as error:
        assert_type((await error.hand_over()).id, str)
