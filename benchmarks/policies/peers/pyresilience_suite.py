"""pyresilience: one decorator for all patterns."""

from __future__ import annotations

import pyresilience
from pyresilience._circuit_breaker import CircuitBreaker

from benchmarks.policies.peer import GROWTH, Boom, BreakerAsk, Call, NotOffered, Peer, RetryAsk

__all__ = ["PEERS"]


def circuit(ask: BreakerAsk, *, window: int = 0) -> pyresilience.CircuitBreakerConfig:
    """A breaker's settings; `window` is how many calls it remembers, 0 for failures in a row."""
    return pyresilience.CircuitBreakerConfig(
        failure_threshold=ask.failures_max,
        recovery_timeout=ask.open_s,
        sliding_window_size=window,
        ignore_on=(ask.ignored,) if ask.ignored else (),
    )


def retries(ask: RetryAsk) -> pyresilience.RetryConfig:
    """A retry's settings."""
    if ask.deadline_s is not None:
        raise NotOffered("its total timeout is a thread pool's, not a retry's")
    return pyresilience.RetryConfig(
        max_attempts=ask.attempts_max,
        delay=ask.wait_s,
        backoff_factor=1.0 if ask.wait_max_s is None else GROWTH,
        max_delay=60.0 if ask.wait_max_s is None else ask.wait_max_s,
        jitter=False,
        retry_on=(Boom,) if ask.unless is None else (Exception,),
        ignore_on=() if ask.unless is None else (ask.unless,),
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator with a breaker that counts failures in a row."""
    return pyresilience.resilient(circuit_breaker=circuit(ask))(call)


def windowed(call: Call, ask: BreakerAsk) -> Call:
    """The decorator with a window of a hundred calls."""
    return pyresilience.resilient(circuit_breaker=circuit(ask, window=100))(call)


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator with a retry."""
    return pyresilience.resilient(retry=retries(ask))(call)


def both(call: Call) -> Call:
    """Retry and breaker in one decorator."""
    return pyresilience.resilient(retry=retries(RetryAsk()), circuit_breaker=circuit(BreakerAsk()))(call)


def timed(call: Call, timeout_s: float) -> Call:
    """The same with a time limit; a synchronous call goes to a thread pool."""
    return pyresilience.resilient(
        retry=retries(RetryAsk()),
        circuit_breaker=circuit(BreakerAsk(failures_max=1000)),
        timeout=pyresilience.TimeoutConfig(seconds=timeout_s),
    )(call)


def slotted(call: Call, wait_s: float) -> Call:
    """One slot, two attempts."""
    return pyresilience.resilient(
        bulkhead=pyresilience.BulkheadConfig(max_concurrent=1),
        retry=pyresilience.RetryConfig(max_attempts=2, delay=wait_s, jitter=False),
    )(call)


PEERS = (
    Peer(
        name="pyresilience",
        package="pyresilience",
        rejections=(pyresilience.CircuitOpenError,),
        breaker=breaker,
        breaker_async=breaker,
        retry=retry,
        retry_async=retry,
        both=both,
        both_async=both,
        timed=timed,
        timed_async=timed,
        cell=lambda: CircuitBreaker(circuit(BreakerAsk())),
        slotted=slotted,
    ),
    Peer(
        name="pyresilience, window of 100",
        package="pyresilience",
        rejections=(pyresilience.CircuitOpenError,),
        breaker=windowed,
        breaker_async=windowed,
        cell=lambda: CircuitBreaker(circuit(BreakerAsk(), window=100)),
    ),
)
