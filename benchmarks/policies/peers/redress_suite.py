"""redress: errors are classified first, then retried by class."""

from __future__ import annotations

from typing import Any

import redress
from redress import ErrorClass

from benchmarks.policies.peer import ASK, BreakerAsk, Call, Ignored, Peer, RetryAsk

__all__ = ["PEERS"]


def classify(error: BaseException) -> ErrorClass:
    """Everything is a server's error, save a business error."""
    return ErrorClass.PERMANENT if isinstance(error, Ignored) else ErrorClass.SERVER_ERROR


def cell(ask: BreakerAsk = ASK) -> redress.CircuitBreaker:
    """One breaker."""
    every = set(ErrorClass) - ({ErrorClass.PERMANENT} if ask.ignored else set())
    return redress.CircuitBreaker(failure_threshold=ask.failures_max, recovery_timeout_s=ask.open_s, trip_on=every)


def settings(ask: RetryAsk) -> dict[str, Any]:
    """Say it in redress's words."""
    count = [0]

    def wait(_context: object) -> float:
        if ask.wait_max_s is None:
            return ask.wait_s
        count[0] += 1
        return ask.wait_max_s

    unless = ask.unless
    return {
        "classifier": classify if unless is None else lambda error: ErrorClass.PERMANENT if isinstance(error, unless) else classify(error),
        "strategy": wait,
        "max_attempts": ask.attempts_max,
        "deadline_s": 60.0 if ask.deadline_s is None else ask.deadline_s,
    }  # fmt: skip


def calling(policy: Any, call: Call) -> Call:
    """Its policies are called with the function."""
    return lambda: policy.call(call)


def calling_async(policy: Any, call: Call) -> Call:
    """The same around a coroutine."""

    async def wrapped() -> object:
        return await policy.call(call)

    return wrapped


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """A policy of a breaker alone."""
    if ask.ignored is None:
        return calling(redress.Policy(circuit_breaker=cell(ask)), call)
    # Only a retry brings a classifier along; one attempt makes it a breaker again.
    return calling(
        redress.Policy(retry=redress.Retry(**settings(RetryAsk(attempts_max=1))), circuit_breaker=cell(ask)), call
    )


def breaker_async(call: Call, ask: BreakerAsk) -> Call:
    """The same around a coroutine."""
    if ask.ignored is None:
        return calling_async(redress.AsyncPolicy(circuit_breaker=cell(ask)), call)
    retry = redress.AsyncRetry(**settings(RetryAsk(attempts_max=1)))
    return calling_async(redress.AsyncPolicy(retry=retry, circuit_breaker=cell(ask)), call)


def retry(call: Call, ask: RetryAsk) -> Call:
    """A policy of a retry alone."""
    return calling(redress.Policy(retry=redress.Retry(**settings(ask))), call)


def retry_async(call: Call, ask: RetryAsk) -> Call:
    """The same around a coroutine."""
    return calling_async(redress.AsyncPolicy(retry=redress.AsyncRetry(**settings(ask))), call)


def both(call: Call) -> Call:
    """Retry and breaker."""
    return calling(redress.Policy(retry=redress.Retry(**settings(RetryAsk())), circuit_breaker=cell()), call)


def both_async(call: Call) -> Call:
    """Retry and breaker around a coroutine."""
    return calling_async(
        redress.AsyncPolicy(retry=redress.AsyncRetry(**settings(RetryAsk())), circuit_breaker=cell()), call
    )


def timed_async(call: Call, timeout_s: float) -> Call:
    """The same with a time limit per attempt."""
    retrying = redress.AsyncRetry(**settings(RetryAsk()), attempt_timeout_s=timeout_s)
    return calling_async(redress.AsyncPolicy(retry=retrying, circuit_breaker=cell()), call)


PEERS = (
    Peer(
        name="redress",
        package="redress",
        rejections=(redress.CircuitOpenError,),
        breaker=breaker,
        breaker_async=breaker_async,
        retry=retry,
        retry_async=retry_async,
        both=both,
        both_async=both_async,
        timed_async=timed_async,
        cell=cell,
    ),
)
