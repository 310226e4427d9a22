"""Making health checks: one request each, without credentials, bounded in time and size; never raises for what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.faults.health_checks import HealthResult, judge_answer, judge_exception
from holdfast.ports.http import HttpRequest

if TYPE_CHECKING:
    from holdfast.faults.health_checks import HealthCheck
    from holdfast.faults.rules import ApiRules
    from holdfast.ports.clock import Clock
    from holdfast.ports.http import Transport

__all__ = ["check_health"]

RESPONSE_MAX_BYTES = 1_048_576
"""A status page may be long; more than that is no answer to "are you well?"."""


async def check_health(
    check: HealthCheck, *, transport: Transport, clock: Clock, rules: ApiRules | None
) -> HealthResult:
    """Ask an API whether it is well."""
    request = HttpRequest(
        method="GET",
        url=check.url,
        headers=(("Accept", "*/*"), ("User-Agent", (rules and rules.quirks.user_agent) or "holdfast")),
        body=None,
        timeout_s=check.timeout_s,
        response_size_max_bytes=RESPONSE_MAX_BYTES,
    )
    began = clock.now()
    try:
        answer = await transport.send(request)
    except Exception as error:  # noqa: BLE001 - whatever kept the answer away is what the check has found
        at = clock.now()
        return judge_exception(check, error, at=at, duration_s=(at - began).total_seconds(), rules=rules)
    return judge_answer(
        check,
        answer.status,
        answer.headers,
        body=answer.body,
        at=clock.now(),
        duration_s=answer.duration_s,
        rules=rules,
    )
