"""An API's entry as JSON values becomes the plain data that classification reads: patterns compiled, milliseconds made seconds.

Works on the wire form and not on the wire model, so that the entries that come with Holdfast are usable where pydantic
is not installed; whoever calls has checked the form (the model does it for users' entries, a test for ours). What a
schema cannot say is checked here, and every problem of an entry is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar, cast

from holdfast.errors import BadInput, Problem
from holdfast.faults.delays import LONG_WINDOW_S
from holdfast.faults.patterns import Pattern
from holdfast.faults.places import STEPS_MAX, Place, parse_place
from holdfast.faults.rules import (
    ApiRules,
    Deprecation,
    ErrorMapping,
    ErrorShape,
    FieldRule,
    HeaderRule,
    Idempotency,
    Quirks,
    QuotaReset,
    QuotaWindow,
    RateLimitRules,
    ResetFormat,
    WaitFormat,
    WaitRule,
)
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff, BackoffKind, Outcome

_THROTTLED = frozenset({ErrorCategory.RATE_LIMIT_BURST, ErrorCategory.RATE_LIMIT_DAILY})
_CONDITIONS = ("pattern", "status", "header", "codes", "statuses", "field", "methods", "urlPattern")
_EXACT = ("pattern", "header", "codes", "field")
"""Conditions that look at what an answer says: without one of them, a rule for a 2xx would turn every success into a failure."""

W = TypeVar("W")
Wire = Mapping[str, object]


class MakePattern(Protocol):
    """How an expression is compiled: on RE2 for users' entries, on Python's engine for ours."""

    def __call__(self, expression: str, *, source: str, path: str) -> Pattern:
        """The compiled expression.

        Raises:
            BadInput: it is not valid.
        """


def compile_rules(entry: Wire, *, make_pattern: MakePattern, source: str = "", path: str = "") -> ApiRules:
    """Compile an entry, given as the JSON values of an `ApiCatalogEntry` whose form is known to be right.

    Args:
        entry: the entry; `extends` is resolved already.
        make_pattern: how expressions are compiled.
        source: the file or argument it came from, for the messages.
        path: the place of the entry inside the source; empty when it is the whole.

    Raises:
        BadInput: patterns or places are not valid, or a rule would match what it must not; every problem is listed.
        MissingExtra: there are patterns, and what compiles them is not installed.
    """
    draft = _Draft(make_pattern, source=source, path=path)
    limits = _rate_limits(_part(entry, "rateLimiting"), draft)
    mappings = tuple(
        _mapping(item, f"errorMappings[{index}]", limits=limits, draft=draft)
        for index, item in enumerate(_parts(entry, "errorMappings"))
    )
    waits = tuple(_wait(item, f"waits[{index}]", draft) for index, item in enumerate(_parts(entry, "waits")))
    windows = tuple(
        _window(item, f"quotaWindows[{index}]", draft) for index, item in enumerate(_parts(entry, "quotaWindows"))
    )
    shape = _shape(_part(entry, "errorShape"), draft)
    for index, item in enumerate(_parts(entry, "recoveryStrategies")):
        _check_advice(item, f"recoveryStrategies[{index}]", draft)
    if draft.problems:
        raise BadInput(draft.problems)
    credential = _part(entry, "credential")
    return ApiRules(
        api_id=_text(entry, "apiId"),
        mappings=mappings,
        rate_limiting=limits,
        quirks=_quirks(_part(entry, "quirks")),
        shape=shape,
        waits=waits,
        quota_windows=windows,
        deprecation=_deprecation(_part(entry, "deprecation")),
        renewable=cast("bool | None", credential.get("renewable")),
        idempotency=_idempotency(_part(entry, "idempotency")),
        date_checked=_maybe_text(entry, "dateChecked"),
    )


class _Draft:
    """Collects the problems of one entry, so that all are told at once."""

    __slots__ = ("_make", "path", "problems", "source")

    def __init__(self, make_pattern: MakePattern, *, source: str, path: str) -> None:
        self._make = make_pattern
        self.source = source
        self.path = path
        self.problems: list[Problem] = []

    def refuse(self, place: str, message: str) -> None:
        self.problems.append(Problem(source=self.source, path=self._full(place), message=message))

    def pattern(self, expression: object, place: str) -> Pattern | None:
        """Compile, or note why not and leave the place empty."""
        if not isinstance(expression, str):
            return None
        try:
            return self._make(expression, source=self.source, path=self._full(place))
        except BadInput as err:
            self.problems.extend(err.problems)
            return None

    def place(self, path: object, place: str) -> Place | None:
        """The steps of a path, or note why there are none."""
        if not isinstance(path, str):
            return None
        steps = parse_place(path)
        if steps is None:
            self.refuse(place, f"{path!r} is no path. Write 1 to {STEPS_MAX} keys joined by dots, such as error.code.")
        return steps

    def _full(self, place: str) -> str:
        return f"{self.path}.{place}" if self.path else place


# --- the parts of an entry ---


def _mapping(item: Wire, place: str, *, limits: RateLimitRules | None, draft: _Draft) -> ErrorMapping:
    statuses = frozenset(cast("Sequence[int]", item.get("statuses", ())))
    if "status" in item:
        statuses |= {cast(int, item["status"])}
    if not any(name in item for name in _CONDITIONS):
        draft.refuse(
            place,
            "has neither pattern, status nor header, so it would match every fault. Give it at least one of them.",
        )
    elif any(200 <= status < 300 for status in statuses) and not any(name in item for name in _EXACT):
        answered = next(status for status in sorted(statuses) if 200 <= status < 300)
        draft.refuse(place, f"would turn every answer {answered} into a failure. Add a pattern or a header.")
    category = ErrorCategory(_text(item, "category"))
    header = _part(item, "header")
    value = draft.pattern(header.get("pattern"), f"{place}.header.pattern")
    return ErrorMapping(
        category=category,
        retryable=bool(item["retryable"]),
        pattern=draft.pattern(item.get("pattern"), f"{place}.pattern"),
        statuses=statuses or None,
        header=None if value is None else HeaderRule(name=_text(header, "name"), pattern=value),
        codes=_codes(item),
        field=_field(_part(item, "field"), f"{place}.field", draft),
        methods=frozenset(one.upper() for one in _texts(item, "methods")) or None,
        url_pattern=draft.pattern(item.get("urlPattern"), f"{place}.urlPattern"),
        outcome=_word(Outcome, item, "outcome"),
        backoff=_mapping_backoff(_maybe_text(item, "backoffStrategy"), category, limits),
        critical=bool(item.get("critical", False)),
        reason=_maybe_text(item, "reason"),
    )


def _mapping_backoff(kind: str | None, category: ErrorCategory, limits: RateLimitRules | None) -> Backoff | None:
    """`custom` means what the entry says under `rateLimiting.backoffStrategy`; so does a throttling rule that says nothing."""
    if kind is None:
        return limits.backoff if limits and category in _THROTTLED else None
    if kind == "custom":
        return limits.backoff if limits else None
    return Backoff(kind=BackoffKind(kind))


def _field(item: Wire, place: str, draft: _Draft) -> FieldRule | None:
    where = draft.place(item.get("path"), f"{place}.path")
    pattern = draft.pattern(item.get("pattern"), f"{place}.pattern")
    return None if where is None or pattern is None else FieldRule(place=where, pattern=pattern)


def _rate_limits(item: Wire, draft: _Draft) -> RateLimitRules | None:
    if not item:
        return None
    detection, extraction, strategy = (_part(item, name) for name in ("detection", "extraction", "backoffStrategy"))
    patterns = [
        draft.pattern(text, f"rateLimiting.detection.bodyPatterns[{index}]")
        for index, text in enumerate(_texts(detection, "bodyPatterns"))
    ]
    if "resetHeader" in extraction and "resetFormat" not in extraction:
        draft.refuse(
            "rateLimiting.extraction.resetFormat", "is needed to read resetHeader: unix_seconds, unix_ms or iso8601"
        )
    return RateLimitRules(
        status_codes=frozenset(cast("Sequence[int]", detection["statusCodes"])),
        headers=_texts(detection, "headers"),
        body_patterns=tuple(pattern for pattern in patterns if pattern is not None),
        limit_header=_maybe_text(extraction, "limitHeader"),
        remaining_header=_maybe_text(extraction, "remainingHeader"),
        reset_header=_maybe_text(extraction, "resetHeader"),
        reset_format=_word(ResetFormat, extraction, "resetFormat"),
        backoff=Backoff(
            kind=BackoffKind(_text(strategy, "type")),
            initial_delay_s=_seconds(strategy.get("initialDelay")),
            max_delay_s=_seconds(strategy.get("maxDelay")),
        ),
    )


def _wait(item: Wire, place: str, draft: _Draft) -> WaitRule:
    named = [name for name in ("header", "path", "pattern") if name in item]
    if len(named) != 1:
        draft.refuse(place, f"needs exactly one of header, path and pattern, not {' and '.join(named) or 'none'}")
    categories = frozenset(ErrorCategory(one) for one in _texts(item, "categories"))
    return WaitRule(
        format=WaitFormat(_text(item, "format")),
        header=_maybe_text(item, "header"),
        place=draft.place(item.get("path"), f"{place}.path"),
        pattern=draft.pattern(item.get("pattern"), f"{place}.pattern"),
        statuses=frozenset(cast("Sequence[int]", item["statuses"])) if "statuses" in item else None,
        categories=categories or _THROTTLED,
    )


def _window(item: Wire, place: str, draft: _Draft) -> QuotaWindow:
    period_s = cast(float, item["period"]) / 1000
    if period_s <= 0:
        draft.refuse(f"{place}.period", "must be above 0")
    long = ErrorCategory.RATE_LIMIT_DAILY if period_s > LONG_WINDOW_S else ErrorCategory.RATE_LIMIT_BURST
    return QuotaWindow(
        name=_text(item, "name"),
        period_s=period_s,
        category=_word(ErrorCategory, item, "category") or long,
        limit=cast("int | None", item.get("limit")),
        aligned=bool(item.get("aligned", False)),
        reset=_quota_reset(_part(item, "reset"), f"{place}.reset", draft),
        limit_header=_maybe_text(item, "limitHeader"),
        usage_header=_maybe_text(item, "usageHeader"),
        remaining_header=_maybe_text(item, "remainingHeader"),
        position=cast(int, item.get("position", 0)),
        codes=_codes(item) or frozenset(),
    )


def _quota_reset(item: Wire, place: str, draft: _Draft) -> QuotaReset | None:
    if not item:
        return None
    hour, colon, minute = _text(item, "time").partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        draft.refuse(f"{place}.time", "must be a time of day from 00:00 to 23:59")
        return None
    day = cast("int | None", item.get("day"))
    if day is not None and not 1 <= day <= 28:
        draft.refuse(f"{place}.day", "must be a day that every month has, from 1 to 28")
    return QuotaReset(hour=int(hour), minute=int(minute), time_zone=_text(item, "timeZone"), day=day)


def _shape(item: Wire, draft: _Draft) -> ErrorShape:
    def places(name: str) -> tuple[Place, ...]:
        found = (draft.place(path, f"errorShape.{name}[{index}]") for index, path in enumerate(_texts(item, name)))
        return tuple(place for place in found if place is not None)

    failure = _field(_part(item, "failure"), "errorShape.failure", draft)
    return ErrorShape(codes=places("codes"), messages=places("messages"), failure=failure)


def _check_advice(item: Wire, place: str, draft: _Draft) -> None:
    """Advice is read by `holdfast.catalog.strategies`; its patterns are checked with the rest."""
    draft.pattern(item.get("pattern"), f"{place}.pattern")
    draft.pattern(item.get("bodyPattern"), f"{place}.bodyPattern")
    draft.pattern(_part(item, "header").get("pattern"), f"{place}.header.pattern")


def _deprecation(item: Wire) -> Deprecation | None:
    return Deprecation(headers=_texts(item, "headers"), link=_maybe_text(item, "link")) if item else None


def _idempotency(item: Wire) -> Idempotency | None:
    if not item:
        return None
    return Idempotency(
        header=_text(item, "header"),
        key_lifetime_s=_seconds(item.get("keyLifetime")),
        replays_errors=bool(item.get("replaysErrors", False)),
    )


def _quirks(item: Wire) -> Quirks:
    return Quirks(
        success_with_error_body=bool(item.get("successWithErrorBody", False)),
        error_content_type=_maybe_text(item, "errorContentType"),
        empty_response_on_204=bool(item.get("emptyResponseOn204", True)),
        binary_error_responses=bool(item.get("binaryErrorResponses", False)),
        json_content_type=_maybe_text(item, "nonStandardJsonContentType"),
        response_size_max_bytes=cast("int | None", item.get("maxResponseSize")),
        user_agent=_maybe_text(item, "requiresUserAgent"),
    )


# --- reading values whose form is known ---


def _part(item: Wire, name: str) -> Wire:
    return cast(Wire, item.get(name) or {})


def _parts(item: Wire, name: str) -> Sequence[Wire]:
    return cast("Sequence[Wire]", item.get(name) or ())


def _text(item: Wire, name: str) -> str:
    return cast(str, item[name])


def _maybe_text(item: Wire, name: str) -> str | None:
    return cast("str | None", item.get(name))


def _texts(item: Wire, name: str) -> tuple[str, ...]:
    return tuple(cast("Sequence[str]", item.get(name) or ()))


def _codes(item: Wire) -> frozenset[str] | None:
    return frozenset(code.lower() for code in _texts(item, "codes")) if "codes" in item else None


def _word(make: Callable[[str], W], item: Wire, name: str) -> W | None:
    text = _maybe_text(item, name)
    return None if text is None else make(text)


def _seconds(milliseconds: object) -> float | None:
    return None if milliseconds is None else cast(float, milliseconds) / 1000
