"""aiobreaker: pybreaker's fork for asyncio."""

from __future__ import annotations

from datetime import timedelta

import aiobreaker

from benchmarks.policies.peer import ASK, BreakerAsk, Call, Peer

__all__ = ["PEERS"]


def cell(ask: BreakerAsk = ASK) -> aiobreaker.CircuitBreaker:
    """One breaker."""
    return aiobreaker.CircuitBreaker(
        fail_max=ask.failures_max,
        timeout_duration=timedelta(seconds=ask.open_s),
        exclude=[ask.ignored] if ask.ignored else None,
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator, for functions and coroutines."""
    return cell(ask)(call)


PEERS = (
    Peer(
        name="aiobreaker",
        package="aiobreaker",
        rejections=(aiobreaker.CircuitBreakerError,),
        breaker=breaker,
        breaker_async=breaker,
        cell=cell,
    ),
)
