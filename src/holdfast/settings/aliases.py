"""The environment variables of spec 001, as other names of our settings. Read on request only, so that a host program's `MAX_RETRIES` never
reaches us by accident, and lower in rank than the file and our own variables.

The document counts in milliseconds, we in seconds; what a variable sets stands here, once, and so does the reason where it sets nothing. Most of
them describe one integration, `primary-api`. It knows names and units; what a setting may be is known to the tables of settings.
"""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.errors import Problem

__all__ = ["SPEC_INTEGRATION", "Alias", "aliases", "aliases_given", "document_integration"]

SPEC_INTEGRATION = "primary-api"
"""The id of the one integration of the document."""

DOCUMENT = "spec 001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A variable of the document.

    `setting` is the setting that it sets, empty where it has no meaning here; `reason` then says why, and otherwise what there is to know. `unit` is
    `ms` where the document counts in milliseconds, `truth` for true and false, else empty. `documented` is the value in the document's own table.
    """

    variable: str
    setting: str = ""
    unit: str = ""
    documented: str = ""
    reason: str = ""

    def read(self, text: str) -> object:
        """What `text` says to our setting; the text itself where it is no value of the unit, so that the setting's own rule can refuse it.

        Raises:
            ValueError: the text is no number of milliseconds.
        """
        if self.unit != "ms":
            return text.strip()
        return float(text) / 1000


_SWITCH = "`false` really switches it off."
_OF_INTEGRATION = (
    # variable, key of the integration, unit, value in the document, remark
    (
        "PRIMARY_API_URL",
        "base_url",
        "",
        "https://api.primary.com",
        "Declares the integration: without it there is none, since the document's address is somebody's.",
    ),
    (
        "SECONDARY_API_URL",
        "fallbacks",
        "",
        "https://api.secondary.com",
        "The endpoint of the fallback of type `api`, the first of three.",
    ),
    (
        "FALLBACK_API_URL",
        "fallback_url",
        "",
        "https://api.fallback.com",
        "For fallbacks of type `api` without an endpoint.",
    ),
    ("API_TIMEOUT", "timeout_s", "ms", "30000", ""),
    (
        "CIRCUIT_BREAKER_THRESHOLD",
        "breaker.failures",
        "",
        "5",
        "Failures in a row, and the calls below which the failing half says nothing.",
    ),
    ("CIRCUIT_BREAKER_TIMEOUT", "attempt_timeout_s", "ms", "60000", "The document's breaker limits an attempt by it."),
    ("CIRCUIT_BREAKER_RESET_TIMEOUT", "breaker.open_s", "ms", "30000", ""),
    ("MAX_RETRIES", "retry.attempts_max", "", "3", "Attempts, the first included, as in the document's code."),
    ("RETRY_DELAY", "retry.initial_delay_s", "ms", "1000", ""),
    ("RETRY_BACKOFF_FACTOR", "retry.multiplier", "", "2", ""),
    ("RETRY_MAX_DELAY", "retry.max_delay_s", "ms", "30000", ""),
    ("DLQ_ENABLED", "queue.enabled", "truth", "true", _SWITCH),
    (
        "HEALTH_CHECK_INTERVAL",
        "health_check.interval_s",
        "ms",
        "30000",
        "Kept; a later release performs health checks.",
    ),
    ("HEALTH_CHECK_TIMEOUT", "health_check.timeout_s", "ms", "5000", "As above."),
    (
        "RATE_LIMIT_WINDOW",
        "rate_limit.window_s",
        "ms",
        "60000",
        "Either of the two sets a limit; the document's value stands for the other.",
    ),
    ("RATE_LIMIT_MAX_REQUESTS", "rate_limit.requests", "", "100", "As above."),
    ("ENABLE_CIRCUIT_BREAKER", "breaker.enabled", "truth", "true", _SWITCH),
    ("ENABLE_GRACEFUL_DEGRADATION", "degradation_enabled", "truth", "true", _SWITCH),
    (
        "ENABLE_AUTO_RECOVERY",
        "recovery_enabled",
        "truth",
        "true",
        f"{_SWITCH} A failed request is then neither repeated nor recovered.",
    ),
)
_OTHERS = (
    ("SERVICE_NAME", "deployment.name", "", "api-integration-service", ""),
    ("DATABASE_URL", "database.url", "", "postgresql://user:password@localhost:5432/integration_db", ""),
)
_WITHOUT_MEANING = (
    ("NODE_ENV", "production", "There are no modes: what differs between places is a setting."),
    ("LOG_LEVEL", "info", "Logs go to the standard library's loggers; the program around us decides what is shown."),
    (
        "REDIS_URL",
        "redis://localhost:6379",
        "An integration keeps its last good answers in this process; a policy of yours can keep them in Redis: `RedisCache`.",
    ),
    (
        "DLQ_MAX_RETRIES",
        "5",
        "Calls that an integration keeps are made again when the program says so; a recovery engine takes it as `redo_max`.",
    ),
    ("DLQ_RETRY_DELAY", "300000", "As above; a recovery engine takes it as `redo_after_s`, in seconds."),
    ("MONGODB_URL", "mongodb://localhost:27017/integration", "Nothing of ours rests in MongoDB."),
    ("SENTRY_DSN", "your-sentry-dsn", "Comes with alerts."),
    (
        "ELASTIC_APM_SERVICE_NAME",
        "api-integration",
        "Traces will go through OpenTelemetry, which every such product reads.",
    ),
    ("METRICS_ENABLED", "true", "Comes with metrics."),
)


@functools.cache
def aliases() -> tuple[Alias, ...]:
    """Every variable of the document's table, those without a meaning here included."""
    return (
        *(Alias(variable=v, setting=s, unit=u, documented=d, reason=r) for v, s, u, d, r in _OTHERS),
        *(
            Alias(variable=v, setting=f"integrations.{SPEC_INTEGRATION}.{s}", unit=u, documented=d, reason=r)
            for v, s, u, d, r in _OF_INTEGRATION
        ),
        *(Alias(variable=v, documented=d, reason=r) for v, d, r in _WITHOUT_MEANING),
    )


def aliases_given(environ: Mapping[str, str], *, problems: list[Problem]) -> dict[str, tuple[object, str]]:
    """What the variables in `environ` set: names of ours, each with the value (in our units) and the variable it came from.

    A variable that is set to nothing counts as not set. What is wrong goes to `problems`.
    """
    given: dict[str, tuple[object, str]] = {}
    for alias in aliases():
        text = environ.get(alias.variable, "").strip()
        if not text or not alias.setting:
            continue
        try:
            given[alias.setting] = (alias.read(text), alias.variable)
        except ValueError:
            message = f"{reprlib.repr(text)} is no number of milliseconds. Give one, as in {alias.documented}."
            problems.append(Problem(source=alias.variable, path=alias.setting, message=message))
    return given


def document_integration(given: Mapping[str, tuple[object, str]]) -> dict[str, tuple[object, str]]:
    """What the document says of `primary-api` beyond the values of its variables, in the shape of `aliases_given`.

    Where `given` declares it: its name, its jitter, a circuit that one probe closes or opens for the same time again, and three fallbacks (the
    secondary API, the last good answer, and null). Without an address for the first, that is left out. Where the file declares it, only the
    secondary API is added, and only if the file names no fallbacks.
    """
    prefix = f"integrations.{SPEC_INTEGRATION}."
    endpoint, place = given.get(f"{prefix}fallbacks", (None, DOCUMENT))
    secondary = [{"type": "api", "endpoint": endpoint, "priority": 1}]
    if f"{prefix}base_url" not in given:
        return {} if endpoint is None else {f"{prefix}fallbacks": (secondary, place)}
    if endpoint is None:
        secondary = [{"type": "api", "priority": 1}] if f"{prefix}fallback_url" in given else []
    said: dict[str, object] = {
        "name": "Primary API",
        "retry.jitter": "plus_30",
        "breaker.open_multiplier": 1,
        "breaker.open_jitter": 0,
        "breaker.successes": 1,
        "health_check.endpoint": "/health",
    }
    threshold, variable = given.get(f"{prefix}breaker.failures", ("5", DOCUMENT))
    fallbacks = [*secondary, {"type": "cache", "priority": 2}, {"type": "default", "priority": 3}]
    more = {f"{prefix}{key}": (value, DOCUMENT) for key, value in said.items()}
    if str(threshold).isdigit():  # a wrong one is told once, by its own setting
        more[f"{prefix}breaker.calls_min"] = (threshold, variable)
    return more | {f"{prefix}fallbacks": (fallbacks, place)}
