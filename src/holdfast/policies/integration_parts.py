"""The strategies around the calls of an integration, made out of its settings.

Pure: settings in, strategies out, for `holdfast.policy`. What was switched off is left out: without `recovery_enabled` nothing is repeated, without
`breaker.enabled` there is no circuit.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.policies.breaker import Breaker
from holdfast.policies.retry import Jitter, Retry
from holdfast.policies.timeout import Timeout
from holdfast.settings import Integration

__all__ = ["IntegrationParts", "parts_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationParts:
    """The arguments of `holdfast.policy` that settings can give; None leaves a strategy out."""

    retry: Retry | None
    timeout: Timeout
    breaker: Breaker | None


def parts_of(integration: Integration) -> IntegrationParts:
    """Make the strategies of an integration.

    An attempt never takes longer than the whole call, and an open time that grows never ends below where it began, whatever the settings say: one of
    the two may have come from a default.
    """
    retry, breaker = integration.retry, integration.breaker
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
    )
