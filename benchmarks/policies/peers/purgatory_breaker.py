"""purgatory: a breaker around a unit of work, with one factory per colour."""

from __future__ import annotations

import purgatory
from purgatory.domain.model import OpenedState

from benchmarks.policies.peer import BreakerAsk, Call, Peer

__all__ = ["PEERS"]


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The synchronous factory's decorator."""
    factory = purgatory.SyncCircuitBreakerFactory(
        default_threshold=ask.failures_max, default_ttl=ask.open_s, exclude=[ask.ignored] if ask.ignored else None
    )
    return factory("bench")(call)


def breaker_async(call: Call, ask: BreakerAsk) -> Call:
    """The asynchronous factory's decorator."""
    factory = purgatory.AsyncCircuitBreakerFactory(
        default_threshold=ask.failures_max, default_ttl=ask.open_s, exclude=[ask.ignored] if ask.ignored else None
    )
    return factory("bench")(call)


def cell() -> object:
    """A factory with one breaker in it: a breaker does not live without."""
    return purgatory.SyncCircuitBreakerFactory(default_threshold=5).get_breaker("bench")


PEERS = (
    Peer(
        name="purgatory",
        package="purgatory-circuitbreaker",
        rejections=(OpenedState,),
        breaker=breaker,
        breaker_async=breaker_async,
        cell=cell,
    ),
)
