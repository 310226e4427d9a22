"""Health checks: what is asked, and what an answer or its absence says. A failed check is a fault like any other, with a verdict.

Pure: it asks nobody. Who asks hands in what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Verdict

__all__ = ["HealthCheck", "HealthResult", "address_of", "judge_answer", "judge_exception"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """What to ask of an API: an address, the status of a healthy answer (None: any 2xx), and how long to wait for it, in seconds."""

    api_id: str
    url: str
    expected_status: int | None
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthResult:
    """What came of a check: `verdict` is None when it passed. `status` is None when nothing was answered; `duration_s` is how long it took."""

    api_id: str
    at: datetime
    duration_s: float
    status: int | None = None
    verdict: Verdict | None = None

    @property
    def passed(self) -> bool:
        """Whether the API is well."""
        return self.verdict is None


def address_of(endpoint: str, *, base_url: str) -> str:
    """The address to ask: the endpoint where it is an address itself, else the path below the base address."""
    if endpoint.startswith(("http://", "https://")):
        return endpoint
    return base_url.rstrip("/") + endpoint


def judge_answer(
    check: HealthCheck,
    status: int,
    headers: Iterable[tuple[str, str]],
    *,
    body: bytes,
    at: datetime,
    duration_s: float,
    rules: ApiRules | None,
) -> HealthResult:
    """What an answer says: healthy by its status alone, else a fault, judged as the API's entry says."""
    healthy = 200 <= status < 300 if check.expected_status is None else status == check.expected_status
    if healthy:
        return HealthResult(api_id=check.api_id, at=at, duration_s=duration_s, status=status)
    fault = capture_answer(
        status,
        headers,
        body=body,
        operation=f"{check.api_id} health check",
        observed_at=at,
        method="GET",
        url=check.url,
        api_id=check.api_id,
    )
    verdict = classify(fault, api=rules)
    return HealthResult(api_id=check.api_id, at=at, duration_s=duration_s, status=status, verdict=verdict)


def judge_exception(
    check: HealthCheck, error: Exception, *, at: datetime, duration_s: float, rules: ApiRules | None
) -> HealthResult:
    """What it says that nothing was answered."""
    operation = f"{check.api_id} health check"
    fault = capture_exception(
        error, operation=operation, observed_at=at, method="GET", url=check.url, api_id=check.api_id
    )
    verdict = classify(fault, api=rules)
    return HealthResult(api_id=check.api_id, at=at, duration_s=duration_s, verdict=verdict)
