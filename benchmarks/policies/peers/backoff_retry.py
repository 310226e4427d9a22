"""backoff: retry by decorator, unmaintained and still everywhere."""

from __future__ import annotations

from typing import Any

import backoff

from benchmarks.policies.peer import GROWTH, Boom, Call, Peer, RetryAsk

__all__ = ["PEERS"]


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator, for functions and coroutines."""
    more: dict[str, Any] = {"max_tries": ask.attempts_max, "max_time": ask.deadline_s, "jitter": None, "logger": None}
    unless = ask.unless
    if unless is not None:
        more["giveup"] = lambda error: isinstance(error, unless)
    which = Boom if unless is None else Exception
    if ask.wait_max_s is not None:
        return backoff.on_exception(
            backoff.expo, which, base=GROWTH, factor=ask.wait_s, max_value=ask.wait_max_s, **more
        )(call)
    return backoff.on_exception(backoff.constant, which, interval=ask.wait_s, **more)(call)


PEERS = (Peer(name="backoff", package="backoff", retry=retry, retry_async=retry),)
