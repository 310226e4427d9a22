"""hyx: a suite for asyncio only."""

from __future__ import annotations

from hyx.bulkhead import bulkhead
from hyx.circuitbreaker import consecutive_breaker
from hyx.circuitbreaker.exceptions import BreakerFailing
from hyx.retry import retry as hyx_retry
from hyx.retry.backoffs import expo
from hyx.timeout import timeout

from benchmarks.policies.peer import ASK, GROWTH, Boom, BreakerAsk, Call, NotOffered, Peer, RetryAsk

__all__ = ["PEERS"]


def cell(ask: BreakerAsk = ASK) -> consecutive_breaker:
    """One breaker; it names what counts and has no word for what does not."""
    return consecutive_breaker(
        exceptions=Boom if ask.ignored else Exception,
        failure_threshold=ask.failures_max,
        recovery_time_secs=ask.open_s,
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator."""
    return cell(ask)(call)


def retry(call: Call, ask: RetryAsk) -> Call:
    """The decorator."""
    if ask.deadline_s is not None or ask.unless is not None:
        raise NotOffered("neither a deadline nor a negated predicate")
    wait = ask.wait_s
    if ask.wait_max_s is not None:
        wait = expo(min_delay_secs=ask.wait_s, max_delay_secs=ask.wait_max_s, base=GROWTH)
    return hyx_retry(on=Boom, attempts=ask.attempts_max, backoff=wait)(call)


def both(call: Call) -> Call:
    """Retry around breaker."""
    return retry(breaker(call, BreakerAsk()), RetryAsk())


def timed(call: Call, timeout_s: float) -> Call:
    """Retry around breaker around a time limit."""
    return retry(breaker(timeout(timeout_s)(call), BreakerAsk()), RetryAsk())


PEERS = (
    Peer(
        name="hyx",
        package="hyx",
        rejections=(BreakerFailing,),
        breaker_async=breaker,
        retry_async=retry,
        both_async=both,
        timed_async=timed,
        cell=cell,
        slotted=lambda call, wait_s: hyx_retry(on=Boom, attempts=2, backoff=wait_s)(
            bulkhead(max_concurrency=1, max_capacity=1)(call)
        ),
    ),
)
