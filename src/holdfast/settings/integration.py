"""An integration: one API of somebody else's, with all that calls to it need — address, patience, circuit, lesser answers.

The keys are those of spec 001's `IntegrationConfig` in our units and words. Here is what an integration is and may be; where its values are read
from is not known here (that is `integrations`), nor who calls it (that is `holdfast.guards.integration`).
"""

from __future__ import annotations

import functools
import json
import re
import reprlib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from holdfast.errors import BadSettings, Problem
from holdfast.settings.setting import Section, Setting, declare, declare_switch, settings_of

__all__ = [
    "ApiFallback",
    "CacheFallback",
    "DefaultFallback",
    "HealthCheck",
    "Integration",
    "IntegrationBreaker",
    "IntegrationFallback",
    "IntegrationQueue",
    "IntegrationRateLimit",
    "IntegrationRetry",
    "QueueFallback",
    "integration_keys",
]

FALLBACKS_MAX = 16
HEADERS_MAX = 64
HEADER_SIZE_MAX = 8192
VALUE_SIZE_MAX = 65_536
# RFC 9110 §5.6.2: the characters that a header's name may have.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
# RFC 9110 §5.5: visible characters of Latin-1 with spaces and tabs between them. What else servers make of a value, nobody knows.
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\t \x21-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PRIORITY = (1, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationRetry(Section):
    """How a failed request is repeated."""

    TABLE: typing.ClassVar[str] = "retry"

    attempts_max: int = declare(
        3, "Attempts of one call, the first included; 1 means no repeat.", unit="attempts", between=(1, 1000)
    )
    initial_delay_s: float = declare(1.0, "Wait before the first repeat.", unit="s", between=(0, 604_800))
    multiplier: float = declare(2.0, "Factor on that wait from one repeat to the next.", unit="times", between=(1, 100))
    max_delay_s: float = declare(
        30.0,
        "The longest wait of our own, after jitter; only the server's word exceeds it.",
        unit="s",
        between=(0, 604_800),
    )
    jitter: str = declare(
        "full",
        "How chance spreads the waits.",
        choices=("none", "full", "equal", "decorrelated", "plus_minus_10", "plus_30"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationBreaker(Section):
    """When calls stop for a while because the API is known to be failing."""

    TABLE: typing.ClassVar[str] = "breaker"

    enabled: bool = declare_switch("Whether there is a circuit breaker.")
    failures: int = declare(5, "Failures in a row that open the circuit.", unit="failures", between=(1, 1_000_000))
    failure_ratio: float = declare(
        0.5, "Part of the calls in the window that must fail to open it, too.", unit="fraction", between=(0.001, 1)
    )
    calls_min: int = declare(
        10, "Calls in the window below which that part says nothing.", unit="calls", between=(1, 1_000_000)
    )
    window_s: float = declare(60.0, "The time that the part is taken over.", unit="s", between=(1, 86_400))
    open_s: float = declare(30.0, "How long an open circuit lets nothing through.", unit="s", between=(0.001, 86_400))
    open_multiplier: float = declare(
        2.0, "Factor on that time when it opens again without having closed.", unit="times", between=(1, 100)
    )
    open_max_s: float = declare(
        300.0, "The longest it grows to; `open_s`, if that is longer.", unit="s", between=(0.001, 86_400)
    )
    open_jitter: float = declare(0.1, "Part of it that chance may take off.", unit="fraction", between=(0, 1))
    successes: int = declare(
        2, "Calls that must succeed, one at a time, to close it.", unit="calls", between=(1, 1_000_000)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationRateLimit(Section):
    """How often requests may begin; without this table there is no such limit."""

    TABLE: typing.ClassVar[str] = "rate_limit"

    requests: int = declare(100, "Requests that may begin in any window.", unit="requests", between=(1, 100_000))
    window_s: float = declare(60.0, "The window.", unit="s", between=(0.001, 86_400))
    wait_max_s: float = declare(
        0.0,
        "How long a request may wait for its turn; who would have to wait longer is turned away.",
        unit="s",
        between=(0, 86_400),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationQueue(Section):
    """The queue in memory of calls that a fallback of type `queue` keeps. They are made when the program says so, and lost with the process."""

    TABLE: typing.ClassVar[str] = "queue"

    enabled: bool = declare_switch("Whether calls are kept at all; if not, fallbacks of type `queue` are passed over.")
    size_max: int = declare(1000, "Calls that are kept; more are refused.", unit="calls", between=(1, 1_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck(Section):
    """How to ask the API whether it is well: by `holdfast worker`, `holdfast catalog health` and `check_health` of the integration."""

    TABLE: typing.ClassVar[str] = "health_check"

    endpoint: str = declare("/health", "The path, below `base_url`, to ask whether all is well; a 2xx says so.")
    interval_s: float = declare(30.0, "How often to ask.", unit="s", between=(1, 86_400))
    timeout_s: float = declare(5.0, "How long to wait for the answer.", unit="s", between=(0.001, 3600))

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            BadSettings: naming each field that is out of range.
        """
        Section.__post_init__(self)
        message = f"{reprlib.repr(self.endpoint)} is no path of the API. Begin it with a slash, as in /health."
        _refuse(("health_check.endpoint", None if self.endpoint.startswith("/") else message))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFallback(Section):
    """The same request to another address; `endpoint` None: that of the integration's `fallback_url`.

    Nothing that stands for a person's or a program's rights is sent to another origin, unless the fallback has a `credential` of its own.
    """

    TABLE: typing.ClassVar[str] = "fallbacks"

    priority: int = declare(1, "Its place; the lowest number is tried first.", unit="place", between=_PRIORITY)
    endpoint: str | None = declare(None, "The address to which the path is joined.", address=True)
    credential: str | None = declare(
        None, "Token for that address; `env:NAME` names the variable it is in.", secret=True
    )

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            BadSettings: naming each field that is out of range.
        """
        Section.__post_init__(self)
        _refuse(
            ("fallbacks.endpoint", None if self.endpoint is None else address_problem(self.endpoint)),
            ("fallbacks.credential", reference_problem(self.credential)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFallback(Section):
    """The last good answer to the same request."""

    TABLE: typing.ClassVar[str] = "fallbacks"

    priority: int = declare(1, "Its place; the lowest number is tried first.", unit="place", between=_PRIORITY)
    ttl_s: float = declare(300.0, "How old that answer may be.", unit="s", between=(0.001, 31_536_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultFallback(Section):
    """A value that stands for an answer: anything that JSON can say. TOML has no null, so a `value` that is left out is one."""

    TABLE: typing.ClassVar[str] = "fallbacks"

    priority: int = declare(1, "Its place; the lowest number is tried first.", unit="place", between=_PRIORITY)
    value: object = None

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            BadSettings: naming each field that is out of range.
        """
        Section.__post_init__(self)
        _refuse(("fallbacks.value", _json_problem(self.value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFallback(Section):
    """The call is kept and made later, as the table `queue` says."""

    TABLE: typing.ClassVar[str] = "fallbacks"

    priority: int = declare(1, "Its place; the lowest number is tried first.", unit="place", between=_PRIORITY)


IntegrationFallback = ApiFallback | CacheFallback | DefaultFallback | QueueFallback

FALLBACK_TYPES: Mapping[str, type[IntegrationFallback]] = {
    "api": ApiFallback,
    "cache": CacheFallback,
    "default": DefaultFallback,
    "queue": QueueFallback,
}
"""The words of a fallback's `type`."""

SUBTABLES: Mapping[str, type[Section]] = {
    "retry": IntegrationRetry,
    "breaker": IntegrationBreaker,
    "rate_limit": IntegrationRateLimit,
    "queue": IntegrationQueue,
    "health_check": HealthCheck,
}
"""The tables inside the table of an integration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration(Section):
    """One API: where it is, how patient to be, and what to answer when it does not.

    `headers` go with every request; a value `env:NAME` is taken from that variable when the first request is made. `fallbacks` are in the order in
    which they are tried. Only `base_url` has to be given.

    Raises:
        BadSettings: naming everything that is out of range or contradicts itself.
    """

    TABLE: typing.ClassVar[str] = "integration"

    base_url: str = field(
        repr=False,
        metadata={"meaning": "The address that every path is joined to. Has to be given.", "address": True},
    )
    name: str | None = declare(None, "What people call it; its id if there is none.")
    api: str | None = declare(None, "The `apiId` of the catalog entry that knows how it fails.")
    credential: str | None = declare(
        None, "Token that is sent as `Authorization: Bearer`; `env:NAME` names the variable it is in.", secret=True
    )
    timeout_s: float = declare(
        30.0,
        "The longest that one request may take, from connecting to the last byte of the answer.",
        unit="s",
        between=(0.001, 3600),
    )
    attempt_timeout_s: float = declare(
        60.0,
        "The longest that one attempt may take, whatever it is spent on; it matters where it is the shorter.",
        unit="s",
        between=(0.001, 86_400),
    )
    deadline_s: float = declare(
        300.0, "The longest that a call may take, with all its attempts and waits.", unit="s", between=(0.001, 604_800)
    )
    recovery_enabled: bool = declare_switch("Whether failed requests are repeated or recovered at all.")
    degradation_enabled: bool = declare_switch("Whether the fallbacks are used.")
    fallback_url: str | None = declare(
        None, "The address of fallbacks of type `api` that name no `endpoint`.", address=True
    )
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    fallbacks: tuple[IntegrationFallback, ...] = field(default=())
    retry: IntegrationRetry = field(default_factory=IntegrationRetry)
    breaker: IntegrationBreaker = field(default_factory=IntegrationBreaker)
    queue: IntegrationQueue = field(default_factory=IntegrationQueue)
    rate_limit: IntegrationRateLimit | None = None
    health_check: HealthCheck | None = None

    def __post_init__(self) -> None:
        """Check what the parts cannot see alone, and put the fallbacks in their order.

        Raises:
            BadSettings: as for the class.
        """
        single = [
            (name, setting.problem_with(getattr(self, name)))
            for setting in settings_of(type(self))
            if (name := setting.name.partition(".")[2]) != "base_url"
            and not (getattr(self, name) is None and setting.default is None)
        ]
        _refuse(*single, *contradictions(self))
        ordered = tuple(sorted(self.fallbacks, key=lambda fallback: fallback.priority))
        object.__setattr__(self, "fallbacks", ordered)


def contradictions(integration: Integration) -> Iterator[tuple[str, str | None]]:
    """Yield what no range can say of an integration: pairs of a key and what is wrong with it, None where nothing is."""
    yield "base_url", address_problem(integration.base_url)
    if isinstance(integration.fallback_url, str):
        yield "fallback_url", address_problem(integration.fallback_url)
    if isinstance(integration.credential, str):
        yield "credential", reference_problem(integration.credential)
    for name, message in header_problems(integration.headers):
        yield f"headers.{name}" if name else "headers", message
    if len(integration.fallbacks) > FALLBACKS_MAX:
        count = len(integration.fallbacks)
        yield "fallbacks", f"{count} are more than the {FALLBACKS_MAX} that are allowed. Leave some out."
    for number, fallback in enumerate(integration.fallbacks):
        if isinstance(fallback, ApiFallback) and fallback.endpoint is None and integration.fallback_url is None:
            yield (
                f"fallbacks[{number}].endpoint",
                "is missing. Give it the address of another API, or give the integration a fallback_url.",
            )


def address_problem(value: object) -> str | None:
    """Return what is wrong with an address that paths are joined to; None when it is fine. The address is never repeated: it may hold a password."""
    if not isinstance(value, str) or not value:
        return "is missing. Give the address that all paths of the API are joined to, as in https://api.example.com."
    from urllib.parse import urlsplit  # noqa: PLC0415 - who configures no integration need not pay for it

    if not value.isascii() or any(ord(char) <= 0x20 or char in '\\<>"{}|^`' or ord(char) == 0x7F for char in value):
        return "has characters that no address has. Write it in ASCII, percent-encoded (a foreign host name as xn--…)."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "is no address. Write it as in https://api.example.com/v1."
    if parts.scheme not in ("http", "https"):
        return "begins neither with https:// nor with http://. Only these can be called."
    if "@" in parts.netloc:
        return "holds a user name or a password. Leave it out and give a credential or a header instead."
    if "?" in value or "#" in value:
        return "has a query or a fragment, and paths are joined behind it. Leave it out; parameters belong to the requests."
    host = parts.netloc[: -len(f":{port}")] if port is not None and parts.netloc.endswith(f":{port}") else parts.netloc
    if _HOST.fullmatch(host) is None or port == 0:
        return "names no host that can be called. Write it as in https://api.example.com:8443/v1."
    if any(segment in (".", "..") for segment in parts.path.replace("%2e", ".").replace("%2E", ".").split("/")):
        return "has a path with . or .. in it. Write out the path that is meant."
    return None


def reference_problem(value: object) -> str | None:
    """Return what is wrong with a secret, or with the name of the variable it is in; None when it is fine. The value is never repeated."""
    if value is None:
        return None
    if not isinstance(value, str):
        return "is no text. Give the token, or env:NAME for the variable it is in."
    if value.startswith("env:"):
        is_fine = _VARIABLE_NAME.fullmatch(value.removeprefix("env:")) is not None
        return None if is_fine else "does not name a variable. Write env:NAME with letters, digits and underscores."
    if len(value) > HEADER_SIZE_MAX or _HEADER_VALUE.fullmatch(value) is None:
        return f"cannot be sent in a header. Give at most {HEADER_SIZE_MAX} visible characters on one line."
    return None


def header_problems(headers: object) -> list[tuple[str, str | None]]:
    """Return what is wrong with headers: pairs of a name and a message. Values are never repeated."""
    if not isinstance(headers, Mapping):
        return [("", "is no table. Give names and values, as in [integrations.<id>.headers].")]
    if len(headers) > HEADERS_MAX:
        return [("", f"{len(headers)} headers are more than the {HEADERS_MAX} that are allowed. Leave some out.")]
    found: list[tuple[str, str | None]] = []
    seen: set[str] = set()
    for name, value in headers.items():
        shown = reprlib.repr(name)
        if not isinstance(name, str) or _HEADER_NAME.fullmatch(name) is None:
            found.append((shown, "is no name that a header can have. Use letters, digits and hyphens."))
        elif name.lower() in seen:
            found.append((name, "is there twice; headers do not tell capital letters from small ones. Leave one out."))
        elif name.lower() in ("host", "content-length", "transfer-encoding"):
            found.append((name, "is said by the HTTP client, which knows it. Leave it out."))
        else:
            found.append((name, "is no text. Give a value." if value is None else reference_problem(value)))
        seen.add(str(name).lower())
    return found


def _refuse(*found: tuple[str, str | None]) -> None:
    problems = [Problem(source="settings", path=path, message=message) for path, message in found if message]
    if problems:
        raise BadSettings(problems)


def _json_problem(value: object) -> str | None:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return "cannot be said in JSON. Give text, numbers, truth values, lists and tables; write dates as text."
    return None if size <= VALUE_SIZE_MAX else f"is larger than {VALUE_SIZE_MAX} bytes of JSON. Give a smaller one."


@functools.cache
def integration_keys() -> tuple[Setting, ...]:
    """Every key of an integration that holds a single value, with its table: `base_url`, `retry.attempts_max` …

    `headers` and `fallbacks` hold several and are not among them.
    """
    own = [replace(setting, name=setting.name.partition(".")[2]) for setting in settings_of(Integration)]
    return (*own, *(setting for table in SUBTABLES.values() for setting in settings_of(table)))
