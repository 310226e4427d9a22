"""stamina: tenacity with better defaults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import stamina

from benchmarks.policies.peer import GROWTH, Boom, Call, Peer, RetryAsk

__all__ = ["PEERS"]

stamina.instrumentation.set_on_retry_hooks([])  # it would log each retry, which nobody else does


def settings(ask: RetryAsk) -> dict[str, Any]:
    """Say it in stamina's words."""
    unless = ask.unless
    return {
        "on": Boom if unless is None else (lambda error: not isinstance(error, unless)),
        "attempts": ask.attempts_max,
        "timeout": ask.deadline_s,
        "wait_initial": ask.wait_s,
        "wait_max": ask.wait_s if ask.wait_max_s is None else ask.wait_max_s,
        "wait_exp_base": GROWTH,
        "wait_jitter": 0,
    }


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator, for functions and coroutines."""
    return stamina.retry(**settings(ask))(call)


def attempts() -> Callable[[], AsyncIterator[AbstractContextManager[object]]]:
    """A context for each use: its documentation shows no other way."""
    return lambda: stamina.retry_context(**settings(RetryAsk(attempts_max=3))).__aiter__()


PEERS = (Peer(name="stamina", package="stamina", retry=retry, retry_async=retry, attempts=attempts),)
