"""Calls that fail on purpose, and what policies tell of them."""

from __future__ import annotations

import asyncio

import pytest

import holdfast
from holdfast.errors import BadSettings, Exhausted
from holdfast.testing import Chaos, chaos, controlled_world, recorded

QUICK = holdfast.Retry(attempts_max=3, initial_delay_s=0, budget=None)


class Shop:
    """Counts the orders that were really placed."""

    def __init__(self) -> None:
        self.orders = 0

    def order(self) -> str:
        """Place one."""
        self.orders += 1
        return "placed"

    async def order_async(self) -> str:
        """Place one, on a loop."""
        return self.order()


def test_a_fault_before_the_call_means_that_nothing_happened() -> None:
    """Attempts are made and nothing is ordered."""
    shop, policy = Shop(), holdfast.policy("shop", retry=QUICK, repeatable=True)

    with chaos(policy, Chaos(fault_rate=1, fault=ConnectionRefusedError)), pytest.raises(Exhausted) as stopped:
        policy(shop.order)()

    assert 3 == len(stopped.value.attempts)
    assert 0 == shop.orders


def test_an_answer_that_is_lost_is_not_asked_for_again() -> None:
    """The order was placed and nobody heard: without the caller's word, it is not placed twice."""
    shop, policy = Shop(), holdfast.policy("shop", retry=QUICK)

    with chaos(policy, Chaos(lost_rate=1)), pytest.raises(Exhausted) as stopped:
        policy(shop.order)()

    assert ("outcome-unknown", "unknown") == (stopped.value.reason, stopped.value.outcome)
    assert 1 == shop.orders


def test_latency_and_other_results() -> None:
    """Calls take longer and return something else."""
    shop, policy = Shop(), holdfast.policy("shop")

    with controlled_world() as world, chaos(policy, Chaos(latency_rate=1, latency_s=2, result_rate=1, result="lost")):
        assert "lost" == policy(shop.order)()
        assert "lost" == asyncio.run(policy(shop.order_async)())
        assert 4 == world.elapsed_s

    assert 2 == shop.orders


def test_afterwards_calls_go_through_again() -> None:
    """The disturbance is taken away, from functions that were guarded before it, too."""
    shop = Shop()
    policy = holdfast.policy("shop", breaker=holdfast.Breaker())
    guarded = policy(shop.order)
    with chaos(policy, Chaos(fault_rate=1)), pytest.raises(ConnectionResetError):
        guarded()

    assert "placed" == guarded()
    assert 1 == policy.health().counts.failures


def test_a_rate_is_a_share_and_a_seed_repeats_it() -> None:
    """Half of the calls fail, and the same half with the same seed."""

    def failures(seed: int) -> list[bool]:
        shop, policy, found = Shop(), holdfast.policy("shop"), []
        with chaos(policy, Chaos(fault_rate=0.5), seed=seed):
            for _ in range(200):
                before = shop.orders
                try:
                    policy(shop.order)()
                except ConnectionResetError:
                    assert before == shop.orders
                found.append(before == shop.orders)
        return found

    assert failures(1) == failures(1)
    assert 60 < sum(failures(1)) < 140


def test_what_happened_is_recorded() -> None:
    """Each verdict and each wait is told, in its order."""
    policy = holdfast.policy("shop", retry=QUICK)

    with (
        recorded(policy) as events,
        chaos(policy, Chaos(fault_rate=1, fault=ConnectionRefusedError)),
        pytest.raises(Exhausted),
    ):
        policy(Shop().order)()

    assert ["attempt.failed", "retry.scheduled"] * 2 + ["attempt.failed", "call.exhausted"] == [
        event.name for event in events
    ]
    assert "not_executed" == events[0].facts["outcome"]
    assert [] == events[6:]


def test_wrong_rates_are_refused_together() -> None:
    """All of them are told, with their ranges."""
    with pytest.raises(BadSettings) as refused:
        Chaos(fault_rate=2, latency_s=-1)

    assert ["fault_rate", "latency_s"] == [problem.path for problem in refused.value.problems]
