"""interlock-cb: the only peer whose breaker has what ours has (window, slow calls, eras, bounded probes)."""

from __future__ import annotations

import interlock
import tenacity
from interlock.pipeline import PipelineBuilder

from benchmarks.policies.peer import ASK, Boom, BreakerAsk, Call, Ignored, NotOffered, Peer

__all__ = ["PEERS"]


class AllButIgnored:
    """Its way of saying what counts: a classifier."""

    def is_failure(self, *, result: object, exception: Exception | None) -> bool:  # noqa: ARG002 - its protocol
        """Whether this counts against the dependency."""
        return exception is not None and not isinstance(exception, Ignored)


def cell(
    ask: BreakerAsk = ASK, *, window: interlock.WindowType = interlock.WindowType.COUNT_BASED
) -> interlock.CircuitBreaker:
    """One breaker with a window; failures in a row are a window as long as they are many."""
    is_timed = window is interlock.WindowType.TIME_BASED
    return interlock.CircuitBreaker(
        name="bench",
        classifier=AllButIgnored() if ask.ignored else None,
        config=interlock.Config(
            wait_duration_in_open=ask.open_s,
            window_type=window,
            window_size=60 if is_timed else ask.failures_max if ask.in_a_row else 100,
            minimum_number_of_calls=ask.failures_max,
            failure_rate_threshold=1.0 if ask.in_a_row else 0.5,
            permitted_calls_in_half_open=1 if ask.in_a_row else 10,
        ),
    )


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator, a window of a hundred calls."""
    return cell(ask)(call)


def timed_window(call: Call, ask: BreakerAsk) -> Call:
    """The decorator, a window of a minute."""
    return cell(ask, window=interlock.WindowType.TIME_BASED)(call)


def pipeline(call: Call, *, timeout_s: float | None = None) -> Call:
    """Its pipeline; retries are tenacity's."""
    built = PipelineBuilder().retry(attempts=3, wait=tenacity.wait_none(), retry=tenacity.retry_if_exception_type(Boom))
    built = built.circuit_breaker(cell())
    return (built.timeout(timeout_s) if timeout_s is not None else built).build()(call)


def slotted(call: Call, wait_s: float) -> Call:
    """One slot inside the retry, as its documentation orders them."""
    retrying = PipelineBuilder().retry(attempts=2, wait=tenacity.wait_fixed(wait_s))
    return retrying.bulkhead(1).build()(call)


def only_limited(call: Call, timeout_s: float) -> Call:
    """The pipeline with a time limit, and no retry in the way of a probe."""
    if timeout_s <= 0:
        raise NotOffered("a time limit of nothing")
    return pipeline(call, timeout_s=timeout_s)


PEERS = (
    Peer(
        name="interlock-cb",
        package="interlock-cb",
        rejections=(interlock.CircuitOpenError,),
        breaker=breaker,
        breaker_async=breaker,
        both=pipeline,
        both_async=pipeline,
        timed=only_limited,
        timed_async=only_limited,
        cell=cell,
        slotted=slotted,
    ),
    Peer(
        name="interlock-cb, window of 60 s",
        package="interlock-cb",
        rejections=(interlock.CircuitOpenError,),
        breaker=timed_window,
        breaker_async=timed_window,
        cell=lambda: cell(window=interlock.WindowType.TIME_BASED),
    ),
)
