"""tenacity: retry, the most used one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import tenacity

from benchmarks.policies.peer import GROWTH, Boom, Call, Peer, RetryAsk

__all__ = ["PEERS"]


def settings(ask: RetryAsk) -> dict[str, Any]:
    """Say it in tenacity's words."""
    stop: Any = tenacity.stop_after_attempt(ask.attempts_max)
    if ask.deadline_s is not None:
        # `stop_before_delay` exists too and looks ahead; `stop_after_delay` is what its documentation shows first.
        stop |= tenacity.stop_after_delay(ask.deadline_s)
    wait: Any = tenacity.wait_fixed(ask.wait_s) if ask.wait_s else tenacity.wait_none()
    if ask.wait_max_s is not None:
        wait = tenacity.wait_exponential(multiplier=ask.wait_s, max=ask.wait_max_s, exp_base=GROWTH)
    which: Any = tenacity.retry_if_exception_type(Boom)
    if ask.unless is not None:
        which = tenacity.retry_if_not_exception_type(ask.unless)
    return {"stop": stop, "wait": wait, "retry": which, "reraise": True}


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator; it finds out by itself whether the call is asynchronous."""
    return tenacity.retry(**settings(ask))(call)


def attempts() -> Callable[[], AsyncIterator[AbstractContextManager[object]]]:
    """One object that every task loops over."""
    shared = tenacity.AsyncRetrying(**settings(RetryAsk(attempts_max=3)))
    return shared.__aiter__


PEERS = (Peer(name="tenacity", package="tenacity", retry=retry, retry_async=retry, attempts=attempts),)
