"""aioresilience: a suite for asyncio."""

from __future__ import annotations

import aioresilience
from aioresilience import RetryConfig, RetryPolicy, with_circuit_breaker, with_retry

from benchmarks.policies.peer import ASK, GROWTH, Boom, BreakerAsk, Call, NotOffered, Peer, RetryAsk

__all__ = ["PEERS"]


def cell(ask: BreakerAsk = ASK) -> aioresilience.CircuitBreaker:
    """One breaker; it names what counts."""
    return aioresilience.CircuitBreaker(
        name="bench",
        config=aioresilience.CircuitConfig(
            failure_threshold=ask.failures_max,
            recovery_timeout=ask.open_s,
            failure_exceptions=(Boom,) if ask.ignored else None,
        ),
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator."""
    return with_circuit_breaker(cell(ask))(call)


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator; its first wait is never quite nothing."""
    if ask.deadline_s is not None or ask.unless is not None:
        raise NotOffered("neither a deadline nor a negated predicate")
    wait = max(ask.wait_s, 0.0001)
    settings = RetryConfig(
        max_attempts=ask.attempts_max,
        initial_delay=wait,
        max_delay=wait if ask.wait_max_s is None else max(wait, ask.wait_max_s),
        backoff_multiplier=GROWTH,
        retry_on_exceptions=(Boom,),
    )
    return with_retry(RetryPolicy(config=settings))(call)


def both(call: Call) -> Call:
    """Retry around breaker."""
    return retry(breaker(call, BreakerAsk()), RetryAsk())


PEERS = (
    Peer(
        name="aioresilience",
        package="aioresilience",
        rejections=(aioresilience.CircuitBreakerOpenError,),
        breaker_async=breaker,
        retry_async=retry,
        both_async=both,
        cell=cell,
    ),
)
