"""A catalog entry, compiled: its patterns checked, its words turned into the plain data that classification reads.

The bridge between the wire model (`ApiCatalogEntry`) and `holdfast.faults.rules`, which knows no wire format.
Compiling happens when an entry is loaded, so a bad pattern is bad input then, with its file and path, and never a
surprise while a fault is judged.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.contract.catalog import ApiCatalogEntry, ApiErrorMapping, ApiQuirks, ApiRateLimitConfig
from holdfast.errors import BadInput, Problem
from holdfast.faults.patterns import Pattern, compile_pattern
from holdfast.faults.rules import ApiRules, ErrorMapping, HeaderRule, Quirks, RateLimitRules, ResetFormat
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff, BackoffKind

_THROTTLED = frozenset({ErrorCategory.RATE_LIMIT_BURST, ErrorCategory.RATE_LIMIT_DAILY})


def compile_entry(entry: ApiCatalogEntry, *, source: str = "", path: str = "") -> ApiRules:
    """Compile an entry.

    Args:
        entry: the entry, already checked against the schema.
        source: the file or argument it came from, for the messages.
        path: the place of the entry inside the source; empty when it is the whole.

    Raises:
        BadInput: patterns are not valid, or a rule would match what it must not; every problem is listed.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    draft = _Draft(source=source, path=path)
    limits = _rate_limits(entry.rate_limiting, draft) if entry.rate_limiting else None
    mappings = [
        _mapping(mapping, index, limits=limits, draft=draft) for index, mapping in enumerate(entry.error_mappings)
    ]
    for index, item in enumerate(entry.recovery_strategies or ()):
        # Read by `holdfast.catalog.strategies`; checked with the rest.
        draft.pattern(item.pattern, f"recoveryStrategies[{index}].pattern")
        draft.pattern(item.body_pattern, f"recoveryStrategies[{index}].bodyPattern")
        draft.pattern(item.header.pattern if item.header else None, f"recoveryStrategies[{index}].header.pattern")
    if draft.problems:
        raise BadInput(draft.problems)
    return ApiRules(api_id=entry.api_id, mappings=tuple(mappings), rate_limiting=limits, quirks=_quirks(entry.quirks))


class _Draft:
    """Collects the problems of one entry, so that all are told at once."""

    __slots__ = ("path", "problems", "source")

    def __init__(self, *, source: str, path: str) -> None:
        self.source = source
        self.path = path
        self.problems: list[Problem] = []

    def refuse(self, place: str, message: str) -> None:
        self.problems.append(Problem(source=self.source, path=self._full(place), message=message))

    def pattern(self, expression: str | None, place: str) -> Pattern | None:
        """Compile, or note why not and leave the place empty."""
        if expression is None:
            return None
        try:
            return compile_pattern(expression, source=self.source, path=self._full(place))
        except BadInput as err:
            self.problems.extend(err.problems)
            return None

    def _full(self, place: str) -> str:
        return f"{self.path}.{place}" if self.path else place


def _mapping(mapping: ApiErrorMapping, index: int, *, limits: RateLimitRules | None, draft: _Draft) -> ErrorMapping:
    place = f"errorMappings[{index}]"
    if mapping.pattern is None and mapping.status is None and mapping.header is None:
        draft.refuse(
            place,
            "has neither pattern, status nor header, so it would match every fault. Give it at least one of them.",
        )
    if (
        mapping.status is not None
        and 200 <= mapping.status < 300
        and mapping.pattern is None
        and mapping.header is None
    ):
        draft.refuse(place, f"would turn every answer {mapping.status} into a failure. Add a pattern or a header.")
    header: HeaderRule | None = None
    if mapping.header is not None:
        value = draft.pattern(mapping.header.pattern, f"{place}.header.pattern")
        header = HeaderRule(name=mapping.header.name, pattern=value) if value is not None else None
    return ErrorMapping(
        category=mapping.category,
        retryable=mapping.retryable,
        pattern=draft.pattern(mapping.pattern, f"{place}.pattern"),
        status=mapping.status,
        header=header,
        backoff=_mapping_backoff(mapping, limits),
    )


def _mapping_backoff(mapping: ApiErrorMapping, limits: RateLimitRules | None) -> Backoff | None:
    """`custom` means what the entry says under `rateLimiting.backoffStrategy`; so does a throttling rule that says nothing."""
    if mapping.backoff_strategy is None:
        return limits.backoff if limits and mapping.category in _THROTTLED else None
    if mapping.backoff_strategy == "custom":
        return limits.backoff if limits else None
    return Backoff(kind=BackoffKind(mapping.backoff_strategy))


def _rate_limits(limits: ApiRateLimitConfig, draft: _Draft) -> RateLimitRules:
    detection, extraction, strategy = limits.detection, limits.extraction, limits.backoff_strategy
    expressions = detection.body_patterns or ()
    patterns = [
        draft.pattern(text, f"rateLimiting.detection.bodyPatterns[{index}]") for index, text in enumerate(expressions)
    ]
    if extraction.reset_header is not None and extraction.reset_format is None:
        draft.refuse(
            "rateLimiting.extraction.resetFormat", "is needed to read resetHeader: unix_seconds, unix_ms or iso8601"
        )
    return RateLimitRules(
        status_codes=frozenset(detection.status_codes),
        headers=tuple(detection.headers),
        body_patterns=tuple(pattern for pattern in patterns if pattern is not None),
        limit_header=extraction.limit_header,
        remaining_header=extraction.remaining_header,
        reset_header=extraction.reset_header,
        reset_format=_optional(ResetFormat, extraction.reset_format),
        backoff=Backoff(
            kind=BackoffKind(strategy.type),
            initial_delay_s=_seconds(strategy.initial_delay),
            max_delay_s=_seconds(strategy.max_delay),
        ),
    )


def _quirks(quirks: ApiQuirks) -> Quirks:
    return Quirks(
        success_with_error_body=quirks.success_with_error_body,
        error_content_type=quirks.error_content_type,
        empty_response_on_204=quirks.empty_response_on_204,
        binary_error_responses=quirks.binary_error_responses,
        json_content_type=quirks.non_standard_json_content_type,
        response_size_max_bytes=quirks.max_response_size,
        user_agent=quirks.requires_user_agent,
    )


def _optional(make: Callable[[str], ResetFormat], value: str | None) -> ResetFormat | None:
    return None if value is None else make(value)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
