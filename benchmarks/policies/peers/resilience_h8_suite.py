"""resilience-h8: a breaker behind an asyncio lock."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from resilience_h8.resilience.circuit_breaker import StandardCircuitBreaker

from benchmarks.policies.peer import ASK, BreakerAsk, Call, NotOffered, Peer

__all__ = ["PEERS"]

QUIET = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
"""It writes a line for every rejection unless it is told not to."""


def cell(ask: BreakerAsk = ASK) -> StandardCircuitBreaker:
    """One breaker."""
    if ask.ignored is not None:
        raise NotOffered("every exception counts")
    return StandardCircuitBreaker(
        "bench", failure_threshold=ask.failures_max, recovery_timeout=ask.open_s, logger=QUIET
    )


def breaker(call: Any, ask: BreakerAsk) -> Call:
    """It is called with the function."""
    made = cell(ask)

    async def wrapped() -> object:
        return await made.execute(call)

    return wrapped


PEERS = (
    # An open circuit raises RuntimeError here, like much else: its text tells.
    Peer(name="resilience-h8", package="resilience-h8", rejections=(RuntimeError,), breaker_async=breaker, cell=cell),
)
