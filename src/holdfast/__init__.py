"""Holdfast: error recovery for programs that depend on other people's systems.

```
fault captured → classified (verdict) → decided (policy / strategy, with reasons) → performed → journal entry
```

This is the door. It imports nothing: each public name is looked up in its room when it is first asked for, so that a program which uses the
policies alone pays for the policies alone. Names from rooms that need an extra say so when the extra is missing.
"""

from __future__ import annotations

import importlib

# Type checkers know this name; importing `typing` for it would be most of what this module costs.
TYPE_CHECKING = False

if TYPE_CHECKING:
    import os

    from holdfast import errors as errors, settings as settings, testing as testing
    from holdfast.adapters.cache_redis import RedisCache as RedisCache
    from holdfast.adapters.cache_sqlite import SqliteCache as SqliteCache
    from holdfast.adapters.clients.aiohttp_middleware import aiohttp_middleware as aiohttp_middleware
    from holdfast.adapters.clients.httpx_transport import async_transport as async_transport, transport as transport
    from holdfast.adapters.clients.requests_adapter import requests_adapter as requests_adapter
    from holdfast.errors import HoldfastError as HoldfastError
    from holdfast.faults.correlation.analysis import (
        HighErrorRate as HighErrorRate,
        NoErrors as NoErrors,
        NormalOperation as NormalOperation,
        PatternDetected as PatternDetected,
    )
    from holdfast.faults.correlation.incidents import Incident as Incident
    from holdfast.faults.correlation.settings import Correlation as Correlation
    from holdfast.faults.taxonomy import ErrorCategory as ErrorCategory
    from holdfast.faults.verdict import Health as Health, Outcome as Outcome, Verdict as Verdict
    from holdfast.guards.alarm import Alert as Alert
    from holdfast.guards.ambient import carried as carried, deadline as deadline, remaining_s as remaining_s
    from holdfast.guards.answers import (
        Answer as Answer,
        Degraded as Degraded,
        LastAnswer as LastAnswer,
        last_answer as last_answer,
    )
    from holdfast.guards.caches.memory import MemoryCache as MemoryCache
    from holdfast.guards.circuit import CircuitHealth as CircuitHealth
    from holdfast.guards.classifying import classify as classify
    from holdfast.guards.correlating import (
        Correlator as Correlator,
        correlated as correlated,
        correlator as correlator,
    )
    from holdfast.guards.engine import RecoveryEngine as RecoveryEngine
    from holdfast.guards.features import Features as Features, features as features
    from holdfast.guards.forms import AttemptBlock as AttemptBlock, Attempts as Attempts
    from holdfast.guards.integration import Integration as Integration, Reply as Reply
    from holdfast.guards.judging import Judgement as Judgement
    from holdfast.guards.later_queue import Later as Later, LaterQueue as LaterQueue
    from holdfast.guards.listening import Event as Event
    from holdfast.guards.policy import Policy as Policy, policy as policy
    from holdfast.guards.recovery_call import RecoveryCall as RecoveryCall
    from holdfast.guards.recovery_result import RecoveryResult as RecoveryResult
    from holdfast.hold import Hold
    from holdfast.policies.adaptive import AdaptiveLimit as AdaptiveLimit
    from holdfast.policies.breaker import Breaker as Breaker, CircuitState as CircuitState
    from holdfast.policies.budget import Budget as Budget
    from holdfast.policies.bulkhead import Bulkhead as Bulkhead
    from holdfast.policies.cache import Cache as Cache
    from holdfast.policies.degradation import Degradation as Degradation, Rule as Rule, When as When
    from holdfast.policies.features import Feature as Feature
    from holdfast.policies.hedge import Hedge as Hedge
    from holdfast.policies.lesser_answers import (
        Alternative as Alternative,
        Cached as Cached,
        Default as Default,
        QueueForLater as QueueForLater,
        Reduced as Reduced,
    )
    from holdfast.policies.levels import Levels as Levels
    from holdfast.policies.rate_limit import RateLimit as RateLimit
    from holdfast.policies.remedies import (
        SPEC_001 as SPEC_001,
        CallFacts as CallFacts,
        Condition as Condition,
        Degrade as Degrade,
        KeepForLater as KeepForLater,
        RaiseAlert as RaiseAlert,
        Remedy as Remedy,
        Repeat as Repeat,
        Severity as Severity,
        TripCircuit as TripCircuit,
        UseAlternative as UseAlternative,
        UseCache as UseCache,
        UseDefault as UseDefault,
    )
    from holdfast.policies.retry import Growth as Growth, Jitter as Jitter, Retry as Retry, RetryRule as RetryRule
    from holdfast.policies.throttle import Throttle as Throttle
    from holdfast.policies.timeout import Timeout as Timeout
    from holdfast.ports.http import OutgoingRequest as OutgoingRequest
    from holdfast.settings import Settings as Settings

__version__ = "0.1.0"

__all__ = [
    "SPEC_001",
    "AdaptiveLimit",
    "Alert",
    "Alternative",
    "Answer",
    "AttemptBlock",
    "Attempts",
    "Breaker",
    "Budget",
    "Bulkhead",
    "Cache",
    "Cached",
    "CallFacts",
    "CircuitHealth",
    "CircuitState",
    "Condition",
    "Correlation",
    "Correlator",
    "Default",
    "Degradation",
    "Degrade",
    "Degraded",
    "ErrorCategory",
    "Event",
    "Feature",
    "Features",
    "Growth",
    "Health",
    "Hedge",
    "HighErrorRate",
    "HoldfastError",
    "Incident",
    "Integration",
    "Jitter",
    "Judgement",
    "KeepForLater",
    "LastAnswer",
    "Later",
    "LaterQueue",
    "Levels",
    "MemoryCache",
    "NoErrors",
    "NormalOperation",
    "Outcome",
    "OutgoingRequest",
    "PatternDetected",
    "Policy",
    "QueueForLater",
    "RaiseAlert",
    "RateLimit",
    "RecoveryCall",
    "RecoveryEngine",
    "RecoveryResult",
    "RedisCache",
    "Reduced",
    "Remedy",
    "Repeat",
    "Reply",
    "Retry",
    "RetryRule",
    "Rule",
    "Settings",
    "Severity",
    "SqliteCache",
    "Throttle",
    "Timeout",
    "TripCircuit",
    "UseAlternative",
    "UseCache",
    "UseDefault",
    "Verdict",
    "When",
    "__version__",
    "aiohttp_middleware",
    "async_transport",
    "carried",
    "classify",
    "correlated",
    "correlator",
    "deadline",
    "features",
    "integration",
    "last_answer",
    "open",
    "policy",
    "remaining_s",
    "requests_adapter",
    "transport",
]

# Public name → its room, and the extra whose packages that room needs (empty: none).
_ROOMS: dict[str, tuple[str, str]] = {
    "AdaptiveLimit": ("holdfast.policies.adaptive", ""),
    "Alert": ("holdfast.guards.alarm", ""),
    "Alternative": ("holdfast.policies.lesser_answers", ""),
    "Answer": ("holdfast.guards.answers", ""),
    "AttemptBlock": ("holdfast.guards.forms", ""),
    "Attempts": ("holdfast.guards.forms", ""),
    "Breaker": ("holdfast.policies.breaker", ""),
    "Budget": ("holdfast.policies.budget", ""),
    "Bulkhead": ("holdfast.policies.bulkhead", ""),
    "Cache": ("holdfast.policies.cache", ""),
    "Cached": ("holdfast.policies.lesser_answers", ""),
    "CallFacts": ("holdfast.policies.remedies", ""),
    "CircuitHealth": ("holdfast.guards.circuit", ""),
    "CircuitState": ("holdfast.policies.breaker", ""),
    "Condition": ("holdfast.policies.remedies", ""),
    "Correlation": ("holdfast.faults.correlation.settings", ""),
    "Correlator": ("holdfast.guards.correlating", ""),
    "Default": ("holdfast.policies.lesser_answers", ""),
    "Degradation": ("holdfast.policies.degradation", ""),
    "Degrade": ("holdfast.policies.remedies", ""),
    "Degraded": ("holdfast.guards.answers", ""),
    "ErrorCategory": ("holdfast.faults.taxonomy", ""),
    "Event": ("holdfast.guards.listening", ""),
    "Feature": ("holdfast.policies.features", ""),
    "Features": ("holdfast.guards.features", ""),
    "Growth": ("holdfast.policies.retry", ""),
    "Health": ("holdfast.faults.verdict", ""),
    "Hedge": ("holdfast.policies.hedge", ""),
    "HighErrorRate": ("holdfast.faults.correlation.analysis", ""),
    "HoldfastError": ("holdfast.errors", ""),
    "Incident": ("holdfast.faults.correlation.incidents", ""),
    "Integration": ("holdfast.guards.integration", ""),
    "Jitter": ("holdfast.policies.retry", ""),
    "Judgement": ("holdfast.guards.judging", ""),
    "KeepForLater": ("holdfast.policies.remedies", ""),
    "LastAnswer": ("holdfast.guards.answers", ""),
    "Later": ("holdfast.guards.later_queue", ""),
    "LaterQueue": ("holdfast.guards.later_queue", ""),
    "Levels": ("holdfast.policies.levels", ""),
    "MemoryCache": ("holdfast.guards.caches.memory", ""),
    "NoErrors": ("holdfast.faults.correlation.analysis", ""),
    "NormalOperation": ("holdfast.faults.correlation.analysis", ""),
    "Outcome": ("holdfast.faults.verdict", ""),
    "OutgoingRequest": ("holdfast.ports.http", ""),
    "PatternDetected": ("holdfast.faults.correlation.analysis", ""),
    "Policy": ("holdfast.guards.policy", ""),
    "QueueForLater": ("holdfast.policies.lesser_answers", ""),
    "RaiseAlert": ("holdfast.policies.remedies", ""),
    "RateLimit": ("holdfast.policies.rate_limit", ""),
    "RecoveryCall": ("holdfast.guards.recovery_call", ""),
    "RecoveryEngine": ("holdfast.guards.engine", ""),
    "RecoveryResult": ("holdfast.guards.recovery_result", ""),
    "RedisCache": ("holdfast.adapters.cache_redis", ""),
    "Reduced": ("holdfast.policies.lesser_answers", ""),
    "Remedy": ("holdfast.policies.remedies", ""),
    "Repeat": ("holdfast.policies.remedies", ""),
    "Reply": ("holdfast.guards.integration", ""),
    "Retry": ("holdfast.policies.retry", ""),
    "RetryRule": ("holdfast.policies.retry", ""),
    "Rule": ("holdfast.policies.degradation", ""),
    "SPEC_001": ("holdfast.policies.remedies", ""),
    "Settings": ("holdfast.settings", ""),
    "Severity": ("holdfast.policies.remedies", ""),
    "SqliteCache": ("holdfast.adapters.cache_sqlite", ""),
    "Throttle": ("holdfast.policies.throttle", ""),
    "Timeout": ("holdfast.policies.timeout", ""),
    "TripCircuit": ("holdfast.policies.remedies", ""),
    "UseAlternative": ("holdfast.policies.remedies", ""),
    "UseCache": ("holdfast.policies.remedies", ""),
    "UseDefault": ("holdfast.policies.remedies", ""),
    "Verdict": ("holdfast.faults.verdict", ""),
    "When": ("holdfast.policies.degradation", ""),
    "aiohttp_middleware": ("holdfast.adapters.clients.aiohttp_middleware", ""),
    "async_transport": ("holdfast.adapters.clients.httpx_transport", ""),
    "carried": ("holdfast.guards.ambient", ""),
    "classify": ("holdfast.guards.classifying", ""),
    "correlated": ("holdfast.guards.correlating", ""),
    "correlator": ("holdfast.guards.correlating", ""),
    "deadline": ("holdfast.guards.ambient", ""),
    "features": ("holdfast.guards.features", ""),
    "last_answer": ("holdfast.guards.answers", ""),
    "policy": ("holdfast.guards.policy", ""),
    "remaining_s": ("holdfast.guards.ambient", ""),
    "requests_adapter": ("holdfast.adapters.clients.requests_adapter", ""),
    "transport": ("holdfast.adapters.clients.httpx_transport", ""),
}

# Public packages that are there without an import statement of their own: `except holdfast.errors.Exhausted`.
_PACKAGES = frozenset({"errors", "settings", "testing"})


def open(  # noqa: A001 - as in gzip.open: it is read as holdfast.open
    url: str | None = None, *, worker: bool = True, catalog: str | os.PathLike[str] | None = None
) -> Hold:
    """Opens a database for durable execution and returns the door to it: a context manager, safe to use from several threads.

    `url` is the database, such as `sqlite:///jobs.db` or `postgresql://host/db`; without it, the setting `database.url` (a SQLite file below
    `./.holdfast`). It is created or brought up to date when need be. `catalog` is a directory of catalog entries and beats the setting
    `catalog.directory`. With `worker`, executions that this process starts are carried out in the background as long as it lives; without, start
    them here and let `holdfast worker` processes do the work. On SQLite one process is the worker; others may start and watch.

    Raises:
        BadInput: the address, the catalog or a setting is wrong; all problems are listed.
        MissingExtra: the packages for it are not installed.
        StoreError: the database cannot be used.
    """
    opened: Hold = _find("holdfast.wiring", "open_hold", extra="durable", feature="open")(
        url, worker=worker, catalog=None if catalog is None else str(catalog)
    )
    return opened


def integration(integration_id: str, *, settings: Settings | None = None) -> Integration:
    """Returns the integration that the settings declare as `[integrations.<id>]`: requests to one API by name, with all its strategies around them.

    There is one for each id in a process, with one pool of connections for plain requests and one for each event loop. The settings are loaded when
    the first integration is asked for, unless `settings` are given; an integration is made anew only if what they say of it has changed.

    Raises:
        BadInput: no integration has this id, or its catalog entry is not there.
        BadSettings: the settings are wrong, or a variable that they name is not set; all problems are listed.
        MissingExtra: the packages for it are not installed.
    """
    found: Integration = _find(
        "holdfast.adapters.http.integrations", "integration", extra="durable", feature="integration"
    )(integration_id, settings=settings)
    return found


def __getattr__(name: str) -> object:
    """Finds a public name in its room.

    Raises:
        MissingExtra: the room needs packages that are not installed.
    """
    if name in _PACKAGES:
        return importlib.import_module(f"holdfast.{name}")
    if name not in _ROOMS:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}; {_where_it_is(name)}")
    room, extra = _ROOMS[name]
    value = _find(room, name, extra=extra, feature=name)
    globals()[name] = value
    return value


def _where_it_is(name: str) -> str:
    from holdfast import errors  # noqa: PLC0415 - only who misses something pays for the message

    if name in errors.__all__:
        return f"errors have a room of their own: holdfast.errors.{name}"
    return f"its public names are: {', '.join(__all__)}"


def _find(room: str, name: str, *, extra: str, feature: str):  # type: ignore[no-untyped-def]  # whatever the room has; callers know what that is
    try:
        return getattr(importlib.import_module(room), name)
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").partition(".")[0] == "holdfast":
            raise
        from holdfast.errors import MissingExtra  # noqa: PLC0415 - only who misses something pays for the message

        raise MissingExtra(f"holdfast.{feature}", extra) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
