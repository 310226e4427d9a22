"""What classification may know of one API or one action, as compiled plain data.

`holdfast.catalog.rules` makes these out of a catalog entry and of an action's `knownErrors`;
`holdfast.faults.classify` reads them. Nothing here knows the wire format: classification stays usable without
pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from holdfast.errors import BadInput, Problem
from holdfast.faults.patterns import Pattern, compile_pattern
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff


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
class ErrorMapping:
    """One rule of an API: every condition that is given must hold."""

    category: ErrorCategory
    retryable: bool
    pattern: Pattern | None = None
    status: int | None = None
    header: HeaderRule | None = None
    backoff: Backoff | None = None


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
class ApiRules:
    """Everything classification and the transport take from one catalog entry."""

    api_id: str
    mappings: tuple[ErrorMapping, ...] = ()
    rate_limiting: RateLimitRules | None = None
    quirks: Quirks = Quirks()


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
