"""What classification may know of one API or one action, as compiled plain data.

`holdfast.catalog.rules` makes these out of a catalog entry and of an action's `knownErrors`;
`holdfast.faults.classify` reads them. Nothing here knows the wire format: classification stays usable without
pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from holdfast.errors import BadInput, Problem
from holdfast.faults.patterns import Pattern, compile_pattern
from holdfast.faults.places import Place
from holdfast.faults.reading import Reading
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownError:
    """An error the author of an action foresaw: its words, what it is and how to mend it."""

    pattern: Pattern
    category: ErrorCategory
    suggestion: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """A header that must be present with a value the pattern matches."""

    name: str
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """A place in a JSON body that must hold a value the pattern matches; numbers and truth values are searched as JSON writes them."""

    place: Place
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMapping:
    """One rule of an API: every condition that is given must hold.

    `codes` are in lower case; any of them in the answer's codes is enough, and so is any of `statuses` and `methods`
    (upper case). `url_pattern` is searched in the path of the request's address. `critical`: a person has to know at once.
    """

    category: ErrorCategory
    retryable: bool
    pattern: Pattern | None = None
    statuses: frozenset[int] | None = None
    header: HeaderRule | None = None
    codes: frozenset[str] | None = None
    field: FieldRule | None = None
    methods: frozenset[str] | None = None
    url_pattern: Pattern | None = None
    outcome: Outcome | None = None
    backoff: Backoff | None = None
    critical: bool = False
    reason: str | None = None


@unique
class ResetFormat(StrEnum):
    """How an API writes the moment at which its limit opens again."""

    UNIX_SECONDS = "unix_seconds"
    UNIX_MS = "unix_ms"
    ISO8601 = "iso8601"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitRules:
    """How an API says that it throttles, until when, and how it wants the waits to grow.

    Recognised when a body pattern matches, or when the status is one of `status_codes` and is either 429, or evidence
    comes with it: one of `headers` is present or `remaining_header` reads 0. With neither headers nor body patterns
    to look for, the status is enough. A present `remaining_header` above 0 is no evidence: some APIs send it with
    every answer.
    """

    status_codes: frozenset[int]
    headers: tuple[str, ...] = ()
    body_patterns: tuple[Pattern, ...] = ()
    limit_header: str | None = None
    remaining_header: str | None = None
    reset_header: str | None = None
    reset_format: ResetFormat | None = None
    backoff: Backoff | None = None


@unique
class WaitFormat(StrEnum):
    """How an API writes a wait, or the moment at which it ends."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MINUTES = "minutes"
    DURATION = "duration"
    """`6m0s`, `1h30m`, `300ms` (as Go writes them) or `PT5M` (ISO 8601)."""

    UNIX_SECONDS = "unix_seconds"
    UNIX_MS = "unix_ms"
    ISO8601 = "iso8601"
    HTTP_DATE = "http_date"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRule:
    """One place where an API states a wait: exactly one of `header`, `place` and `pattern` (whose one group is the wait).

    It counts only with one of `statuses`, if given, and for one of `categories`.
    """

    format: WaitFormat
    header: str | None = None
    place: Place | None = None
    pattern: Pattern | None = None
    statuses: frozenset[int] | None = None
    categories: frozenset[ErrorCategory] = frozenset({ErrorCategory.RATE_LIMIT_BURST, ErrorCategory.RATE_LIMIT_DAILY})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaReset:
    """A fixed time at which a quota opens again: `hour` and `minute` in `time_zone` (an IANA name), each day or on `day` of each month."""

    hour: int
    minute: int
    time_zone: str
    day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaWindow:
    """One of an API's allowances.

    It is used up when one of `codes` came, or when the number at `position` of the headers says so (nothing remains, or the usage has
    reached the limit). `aligned`: windows begin at whole multiples of `period_s` since midnight UTC.
    """

    name: str
    period_s: float
    category: ErrorCategory
    limit: int | None = None
    aligned: bool = False
    reset: QuotaReset | None = None
    limit_header: str | None = None
    usage_header: str | None = None
    remaining_header: str | None = None
    position: int = 0
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorShape:
    """Where an API's errors stand in its bodies, before the usual places are looked at; `failure` tells an error inside a success."""

    codes: tuple[Place, ...] = ()
    messages: tuple[Place, ...] = ()
    failure: FieldRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Headers whose presence announces that something will go away, and the page where the vendor says what."""

    headers: tuple[str, ...]
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Where an API departs from what its statuses and content types promise; the defaults are those of an API without quirks."""

    success_with_error_body: bool = False
    error_content_type: str | None = None
    empty_response_on_204: bool = True
    binary_error_responses: bool = False
    json_content_type: str | None = None
    response_size_max_bytes: int | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """That an API honours idempotency keys: the header that carries one, for how long it remembers it (seconds), and whether it
    answers a remembered failure again.
    """

    header: str
    key_lifetime_s: float | None = None
    replays_errors: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRules:
    """Everything classification and the transport take from one catalog entry.

    `mappings` are in the order of precedence. `by_code` and `uncoded` are the places in it of the rules with and without codes, so that the
    time to judge does not grow with the number of rules, and `readings` is what each of them says when it
    holds. `renewable` is whether a machine can renew the API's credential.
    """

    api_id: str
    mappings: tuple[ErrorMapping, ...] = ()
    rate_limiting: RateLimitRules | None = None
    quirks: Quirks = Quirks()
    shape: ErrorShape = ErrorShape()
    waits: tuple[WaitRule, ...] = ()
    quota_windows: tuple[QuotaWindow, ...] = ()
    deprecation: Deprecation | None = None
    renewable: bool | None = None
    idempotency: Idempotency | None = None
    date_checked: str | None = None
    by_code: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    uncoded: tuple[int, ...] = field(init=False, repr=False, compare=False)
    readings: tuple[Reading, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_code: dict[str, tuple[int, ...]] = {}
        for index, mapping in enumerate(self.mappings):
            for code in mapping.codes or ():
                by_code[code] = (*by_code.get(code, ()), index)
        object.__setattr__(self, "by_code", by_code)
        object.__setattr__(self, "uncoded", tuple(i for i, one in enumerate(self.mappings) if one.codes is None))
        object.__setattr__(self, "readings", tuple(self._reading(i, one) for i, one in enumerate(self.mappings)))

    def _reading(self, index: int, mapping: ErrorMapping) -> Reading:
        return Reading(
            category=mapping.category,
            rule=f"catalog:{self.api_id}/error-mappings[{index}]",
            retryable=mapping.retryable,
            outcome=mapping.outcome,
            suggestion=mapping.reason,
            backoff=mapping.backoff,
            critical=mapping.critical,
        )


def compile_known_errors(
    items: Iterable[tuple[str, ErrorCategory, str | None]], *, source: str, path: str = "knownErrors"
) -> tuple[KnownError, ...]:
    """Compile an action's `knownErrors`, given as (pattern, category, suggestion).

    Raises:
        BadInput: one or more patterns are not valid; all of them are listed.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    compiled: list[KnownError] = []
    problems: list[Problem] = []
    for index, (expression, category, suggestion) in enumerate(items):
        try:
            pattern = compile_pattern(expression, source=source, path=f"{path}[{index}].pattern")
        except BadInput as err:
            problems.extend(err.problems)
        else:
            compiled.append(KnownError(pattern=pattern, category=category, suggestion=suggestion))
    if problems:
        raise BadInput(problems)
    return tuple(compiled)
