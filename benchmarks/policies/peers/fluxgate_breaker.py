"""fluxgate: a breaker put together from window, tracker, tripper and permit."""

from __future__ import annotations

from typing import Any

import fluxgate
from fluxgate.errors import CallNotPermittedError
from fluxgate.permits import All as AllPermitted
from fluxgate.retries import Cooldown
from fluxgate.trackers import All, TypeOf
from fluxgate.trippers import Closed, FailureRate, HalfOpened, MinRequests
from fluxgate.windows import CountWindow

from benchmarks.policies.peer import ASK, Boom, BreakerAsk, Call, Peer

__all__ = ["PEERS"]


def parts(ask: BreakerAsk) -> dict[str, Any]:
    """Say it in fluxgate's words: as documented when a breaker is timed, a window as long as the failures are many when it is probed."""
    if not ask.in_a_row:
        return {"retry": Cooldown(ask.open_s), "tripper": MinRequests(10) & FailureRate(0.5)}
    return {
        "window": CountWindow(ask.failures_max),
        "retry": Cooldown(ask.open_s),
        "tripper": (Closed() & MinRequests(ask.failures_max) & FailureRate(0.99)) | (HalfOpened() & FailureRate(0.5)),
        "tracker": TypeOf(Boom) if ask.ignored else All(),
        "permit": AllPermitted(),
    }  # fmt: skip


def cell(ask: BreakerAsk = ASK) -> fluxgate.CircuitBreaker:
    """One breaker."""
    return fluxgate.CircuitBreaker(**parts(ask))


def breaker(call: Call, ask: BreakerAsk) -> Call:
    """The decorator for functions."""
    return cell(ask)(call)


def breaker_async(call: Call, ask: BreakerAsk) -> Call:
    """The decorator for coroutines."""
    more = {"max_half_open_calls": 1} if ask.in_a_row else {}
    return fluxgate.AsyncCircuitBreaker(**parts(ask), **more)(call)


PEERS = (
    Peer(
        name="fluxgate",
        package="fluxgate",
        rejections=(CallNotPermittedError,),
        breaker=breaker,
        breaker_async=breaker_async,
        cell=cell,
    ),
)
