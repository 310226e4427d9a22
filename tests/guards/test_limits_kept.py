"""How many deadlines are kept to: the number by which a call knows that it need not ask."""

from __future__ import annotations

import asyncio

import pytest

import holdfast
from holdfast.guards.ambient import LIMITS
from holdfast.testing import controlled_world

LIMITED = holdfast.policy(
    "api", retry=holdfast.Retry(initial_delay_s=0), timeout=holdfast.Timeout(deadline_s=5), repeatable=True
)


def kept() -> int:
    """How many there are now."""
    return LIMITS.kept


def fails() -> int:
    """How many there are, at the second attempt."""
    if holdfast.remaining_s() is None:
        raise AssertionError("nobody said how long it may take")
    raise ConnectionResetError(LIMITS.kept)


async def kept_async() -> int:
    """The same on a loop."""
    return LIMITS.kept


async def fails_async() -> int:
    """The same, failing."""
    raise ConnectionResetError


def test_each_way_counts_its_deadline_and_takes_it_back() -> None:
    """Fused and longer ways, in threads and on loops, blocks and generators: none leaves one behind, whatever becomes of the call."""
    before = LIMITS.kept

    @LIMITED
    def rows():  # type: ignore[no-untyped-def]  # a generator of numbers
        yield LIMITS.kept

    assert before + 1 == LIMITED(kept)()
    assert before + 1 == asyncio.run(LIMITED(kept_async)())
    assert [before + 1] == list(rows())
    with holdfast.deadline(5):
        assert before + 1 == LIMITS.kept
    with LIMITED.attempt():
        assert before + 1 == LIMITS.kept
    with controlled_world():
        with pytest.raises(holdfast.errors.Exhausted):
            LIMITED(fails)()
        with pytest.raises(holdfast.errors.Exhausted):
            asyncio.run(LIMITED(fails_async)())

    assert before == LIMITS.kept


def test_a_deadline_that_is_over_lets_nothing_begin() -> None:
    """A policy without limits of its own keeps to the one around it, also on its shortest way."""
    plain, timed = holdfast.policy("plain"), holdfast.policy("timed", breaker=holdfast.Breaker())
    calls: list[int] = []

    with controlled_world() as world, holdfast.deadline(1):
        world.advance(2)
        for policy in (plain, timed):
            with pytest.raises(holdfast.errors.PolicyError):
                policy(lambda: calls.append(1))()

    assert [] == calls
