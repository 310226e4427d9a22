"""circuitbreaker: the fastest breaker of the installed base, without a lock."""

from __future__ import annotations

import circuitbreaker

from benchmarks.policies.peer import ASK, BreakerAsk, Call, Peer

__all__ = ["PEERS"]


def cell(ask: BreakerAsk = ASK) -> circuitbreaker.CircuitBreaker:
    """One breaker."""
    ignored = ask.ignored
    return circuitbreaker.CircuitBreaker(
        failure_threshold=ask.failures_max,
        recovery_timeout=ask.open_s,
        expected_exception=(lambda kind, _: not issubclass(kind, ignored)) if ignored else Exception,
        name="bench",
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator, for functions and coroutines."""
    return cell(ask)(call)


PEERS = (
    Peer(
        name="circuitbreaker",
        package="circuitbreaker",
        rejections=(circuitbreaker.CircuitBreakerError,),
        breaker=breaker,
        breaker_async=breaker,
        cell=cell,
    ),
)
