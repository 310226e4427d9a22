"""The strategies around the calls of an integration, made out of its settings.

Pure: settings in, strategies out, for `holdfast.policy`. What was switched off is left out: without `recovery_enabled` nothing is repeated, without
`breaker.enabled` there is no circuit, without `degradation_enabled` there are no fallbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from holdfast.policies.breaker import Breaker
from holdfast.policies.degradation import Degradation, Rule
from holdfast.policies.lesser_answers import Alternative, Cached, Default, QueueForLater, Strategy
from holdfast.policies.rate_limit import RateKind, RateLimit
from holdfast.policies.retry import Jitter, Retry
from holdfast.policies.timeout import Timeout
from holdfast.settings import (
    ApiFallback,
    CacheFallback,
    DefaultFallback,
    Integration,
    IntegrationFallback,
    QueueFallback,
)

__all__ = ["IntegrationParts", "degradation_of", "parts_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationParts:
    """The arguments of `holdfast.policy` that settings can give; None leaves a strategy out."""

    retry: Retry | None
    timeout: Timeout
    breaker: Breaker | None
    rate_limit: RateLimit | None


def parts_of(integration: Integration) -> IntegrationParts:
    """Make the strategies of an integration.

    An attempt never takes longer than the whole call, and an open time that grows never ends below where it began, whatever the settings say: one of
    the two may have come from a default.
    """
    retry, breaker, rate = integration.retry, integration.breaker, integration.rate_limit
    return IntegrationParts(
        retry=Retry(
            attempts_max=retry.attempts_max,
            initial_delay_s=retry.initial_delay_s,
            multiplier=retry.multiplier,
            max_delay_s=retry.max_delay_s,
            jitter=Jitter(retry.jitter),
        )
        if integration.recovery_enabled
        else None,
        timeout=Timeout(
            deadline_s=integration.deadline_s, attempt_s=min(integration.attempt_timeout_s, integration.deadline_s)
        ),
        breaker=Breaker(
            failures_consecutive=breaker.failures,
            failure_ratio=breaker.failure_ratio,
            calls_min=breaker.calls_min,
            window_s=breaker.window_s,
            open_s=breaker.open_s,
            open_multiplier=breaker.open_multiplier,
            open_max_s=max(breaker.open_s, breaker.open_max_s),
            open_jitter=breaker.open_jitter,
            successes_to_close=breaker.successes,
        )
        if breaker.enabled
        else None,
        # A window, not a bucket: whoever enforces a limit of theirs counts like that, and a burst would break it.
        rate_limit=None
        if rate is None
        else RateLimit(
            calls=rate.requests, per_s=rate.window_s, kind=RateKind.SLIDING_WINDOW, wait_max_s=rate.wait_max_s
        ),
    )


def degradation_of(
    integration: Integration,
    *,
    queue: str,
    alternative: Callable[[ApiFallback], Callable[..., object]],
    default: Callable[[object], object],
    key: Callable[..., object],
) -> Degradation | None:
    """Make the lesser answers of an integration, by their priority; None where there are none, or none are wanted.

    Args:
        integration: what was declared.
        queue: the name of the queue that calls are kept in.
        alternative: makes the function that asks another address.
        default: makes the answer out of a fixed value.
        key: tells one call from another, for answers that are kept.
    """
    if not integration.degradation_enabled:
        return None

    def strategy(fallback: IntegrationFallback) -> Strategy | None:
        match fallback:
            case ApiFallback():
                return Alternative(call=alternative(fallback))
            case CacheFallback():
                return Cached(ttl_s=fallback.ttl_s, key=key)
            case DefaultFallback():
                return Default(value=default(fallback.value))
            case QueueFallback():
                kept = integration.queue
                return QueueForLater(queue=queue, size_max=kept.size_max) if kept.enabled else None
            case _:
                assert_never(fallback)

    found = [(fallback.priority, strategy(fallback)) for fallback in integration.fallbacks]
    rules = tuple(Rule(strategy=made, priority=priority) for priority, made in found if made is not None)
    return Degradation(rules=rules) if rules else None
