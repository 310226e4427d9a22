"""Holdfast itself, asked for the same things in the same words."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

import holdfast
from benchmarks.policies.peer import ASK, GROWTH, OURS, Boom, BreakerAsk, Call, Peer, RetryAsk
from holdfast import Breaker, Budget, Growth, Jitter, Retry, Timeout, policy
from holdfast.errors import CircuitOpen, PolicyError

__all__ = ["PEERS"]

SLOW_S = 1.0
AMPLE = Budget(ratio=10.0, floor_per_s=1_000_000.0)
"""The budget is kept, and never the reason why a repeat is not made: half of the timed calls fail."""
KEYS_MAX = 1_000_000
WARM_CALLS = 120


def full(ask: BreakerAsk = ASK, **changes: Any) -> Breaker:
    """Everything on: a window, a rate of failures and one of slow calls, failures in a row, backoff and jitter of the open time."""
    settings: dict[str, Any] = {
        "window_calls": 100,
        "slow_s": SLOW_S,
        "slow_ratio": 0.8,
        "open_s": ask.open_s,
        "open_max_s": max(300.0, ask.open_s),
        "failures_consecutive": ask.failures_max,
    }
    return Breaker(**{**settings, **changes})


def in_a_row(ask: BreakerAsk) -> Breaker:
    """What the probes ask of everybody."""
    return Breaker(
        failures_consecutive=ask.failures_max,
        failure_ratio=None,
        open_s=ask.open_s,
        open_multiplier=1,
        open_max_s=max(300.0, ask.open_s),
        open_jitter=0,
        probe_lease_s=max(0.1, 2 * ask.open_s),
        successes_to_close=1,
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator, for functions and coroutines."""
    classify = {ask.ignored: "neutral"} if ask.ignored else None
    return policy("bench", breaker=in_a_row(ask) if ask.in_a_row else full(ask), classify=classify)(call)


def timed_window(call: Call, ask: BreakerAsk) -> Call:
    """The same with a window of a minute."""
    return policy("bench", breaker=full(ask, window_calls=None, window_s=60.0))(call)


def as_shipped(call: Call, ask: BreakerAsk) -> Call:
    """The default: a window of a minute, failures in a row, no eye on slow calls."""
    return policy("bench", breaker=Breaker(open_s=ask.open_s, open_max_s=max(300.0, ask.open_s)))(call)


def retries(ask: RetryAsk) -> Retry:
    """A retry's settings."""
    return Retry(
        attempts_max=ask.attempts_max,
        initial_delay_s=ask.wait_s,
        max_delay_s=max(ask.wait_s, ask.wait_max_s or 0.0),
        multiplier=GROWTH,
        growth=Growth.FIXED if ask.wait_max_s is None else Growth.EXPONENTIAL,
        jitter=Jitter.NONE,
        on=(Boom,) if ask.unless is None else (Exception,),
        budget=AMPLE,
    )


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator, for functions and coroutines."""
    timeout = None if ask.deadline_s is None else Timeout(deadline_s=ask.deadline_s)
    classify = {ask.unless: "neutral"} if ask.unless else None
    return policy("bench", retry=retries(ask), timeout=timeout, repeatable=True, classify=classify)(call)


def both(call: Call) -> Call:
    """Retry around breaker."""
    return policy("bench", retry=retries(RetryAsk()), breaker=full(), repeatable=True)(call)


def timed(call: Call, timeout_s: float) -> Call:
    """The same with a time limit per attempt."""
    return policy(
        "bench", retry=retries(RetryAsk()), breaker=full(), timeout=Timeout(attempt_s=timeout_s), repeatable=True
    )(call)


def keyed(call: Call) -> Call:
    """A breaker for each key, of which this call has one."""
    return policy("bench", breaker=full(), key=lambda: "tenant")(call)


def unwatched(call: Call, ask: BreakerAsk) -> Call:
    """A window of calls and failures in a row, without an eye on slow calls: no clock is read."""
    return policy("bench", breaker=full(ask, slow_s=None, slow_ratio=None))(call)


def slotted(call: Call, wait_s: float) -> Call:
    """One slot, two attempts."""
    waiting = Retry(attempts_max=2, initial_delay_s=wait_s, growth=Growth.FIXED, jitter=Jitter.NONE, on=(Boom,))
    return policy("bench", retry=waiting, bulkhead=holdfast.Bulkhead(calls_max=1), repeatable=True)(call)


def fallback(call: Call) -> Call:
    """A default instead of a failure, without a breaker in the way."""
    return policy("bench", degradation=holdfast.Degradation.of(holdfast.Default(value=1)))(call)


def attempts() -> Callable[[], AsyncIterator[AbstractContextManager[object]]]:
    """One policy that every task loops over."""
    shared = policy("bench", retry=retries(RetryAsk()), repeatable=True)
    return lambda: shared.attempts().__aiter__()


def cells(*, calls: int = 0) -> Callable[[], object]:
    """Return what makes one more cell of a keyed policy, which has seen so many calls, one failure among them."""
    names: Iterator[int] = itertools.count()
    made = policy("bench", breaker=full(), key=lambda key, **_: key, keys_max=KEYS_MAX)

    def fails_first(_key: str, *, number: int) -> int:
        if number == 0:
            raise Boom
        return 1

    guarded = made(fails_first)

    def make() -> object:
        key = f"tenant-{next(names)}"
        if not calls:
            return made._lanes.of(key)
        for number in range(calls):
            with suppress(PolicyError, Boom):
                guarded(key, number=number)
        return key

    return make


PEERS = (
    Peer(
        name=OURS,
        package=OURS,
        rejections=(CircuitOpen,),
        breaker=breaker,
        breaker_async=breaker,
        retry=retry,
        retry_async=retry,
        both=both,
        both_async=both,
        timed=timed,
        timed_async=timed,
        cell=cells(),
        keyed=keyed,
        attempts=attempts,
        slotted=slotted,
        fallback=fallback,
    ),
    Peer(
        name=f"{OURS}, window of 60 s",
        package=OURS,
        rejections=(CircuitOpen,),
        breaker=timed_window,
        breaker_async=timed_window,
    ),
    Peer(
        name=f"{OURS}, as shipped",
        package=OURS,
        rejections=(CircuitOpen,),
        breaker=as_shipped,
        breaker_async=as_shipped,
    ),
    Peer(
        name=f"{OURS}, no eye on slow calls",
        package=OURS,
        rejections=(CircuitOpen,),
        breaker=unwatched,
        breaker_async=unwatched,
    ),
    Peer(name=f"{OURS}, one of many keys in use", cell=cells(calls=WARM_CALLS)),
    Peer(name=f"{OURS}, a policy of its own", cell=lambda: policy("bench", breaker=full())),
)
