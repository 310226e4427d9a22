"""pybreaker: the oldest circuit breaker, synchronous."""

from __future__ import annotations

import pybreaker

from benchmarks.policies.peer import ASK, BreakerAsk, Call, Peer

__all__ = ["PEERS"]


def cell(ask: BreakerAsk = ASK) -> pybreaker.CircuitBreaker:
    """One breaker."""
    return pybreaker.CircuitBreaker(
        fail_max=ask.failures_max, reset_timeout=ask.open_s, exclude=[ask.ignored] if ask.ignored else None
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator."""
    return cell(ask)(call)


PEERS = (
    Peer(
        name="pybreaker", package="pybreaker", rejections=(pybreaker.CircuitBreakerError,), breaker=breaker, cell=cell
    ),
)
