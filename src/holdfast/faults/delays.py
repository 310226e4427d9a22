"""Delays that the other side stated, as seconds from the moment the fault was observed.

The order of the sources is fixed, the first that states something counts: the places that the API's entry names, the
headers made for it (`Retry-After` of RFC 9110 §10.2.3 and its relatives, the milliseconds form as the more exact),
fields of the body, the words of the error message, and (when throttled) the reset of the limit that is used up. A moment
is read against the server's own clock where its `Date` differs from ours. A moment in the past is a wait of 0. An absurd
wait is kept as it is and noted: shortening it would break a promise, and whoever decides must see it. It knows no clock:
`observed_at` comes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from holdfast.faults.body_waits import body_wait_s, cost_wait_s
from holdfast.faults.evidence import Evidence
from holdfast.faults.fault import Fault
from holdfast.faults.moments import (
    VALUE_MAX_CHARS,
    Clock,
    date_of,
    duration_of,
    epoch_of,
    http_date,
    iso_date,
    number_of,
)
from holdfast.faults.places import as_text, values_at
from holdfast.faults.quotas import UsedUp, opens_in_s
from holdfast.faults.resets import is_used_up, reset_wait_s
from holdfast.faults.rules import ApiRules, RateLimitRules, ResetFormat, WaitFormat, WaitRule
from holdfast.faults.spoken import spoken_wait_s
from holdfast.faults.taxonomy import ErrorCategory

LONG_WINDOW_S = 3600.0
"""A limit that opens later than this is a daily one; up to and including it, a burst (GitHub's hourly limit is a burst)."""

BELIEVABLE_WAIT_S = 604_800.0
"""Seven days: a longer stated wait is absurd. It is noted and never shortened; recovery's own bound is a setting with this default."""

THROTTLED = frozenset({ErrorCategory.RATE_LIMIT_BURST, ErrorCategory.RATE_LIMIT_DAILY})
_EXACT_WITHIN_S = 1.0
_EPOCH_AHEAD_MAX_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A stated wait: how long, in seconds, and what is worth knowing about it, in short words."""

    seconds: float
    notes: tuple[str, ...] = ()


def stated_wait(
    fault: Fault,
    evidence: Evidence,
    *,
    category: ErrorCategory,
    api: ApiRules | None = None,
    used_up: UsedUp | None = None,
) -> Wait | None:
    """The wait that a failure states, by the first source that states one; `None` when nothing does.

    Args:
        fault: the failure.
        evidence: what was read from it.
        category: what it was found to be: resets count only for throttling.
        api: what is known of the API.
        used_up: the quota window that the answer says is used up.
    """
    clock = Clock(fault)
    headers = [(name.lower(), value) for name, value in fault.headers]
    for seconds in _sources(fault, evidence, category=category, api=api, used_up=used_up, clock=clock, headers=headers):
        if seconds is not None:
            break
    else:
        return None
    return Wait(seconds=seconds, notes=tuple(_notes(seconds, clock)))


def retry_after_s(fault: Fault) -> float | None:
    """The wait stated by `Retry-After` or one of its relatives, in seconds; `None` without a readable one.

    The milliseconds form is the more exact and wins where the two agree within a second. Otherwise, and of several values
    of the same header, the longest counts, so that none is undercut.
    """
    return _retry_after([(name.lower(), value) for name, value in fault.headers], Clock(fault))


def reset_after_s(fault: Fault, *, header: str, reset_format: ResetFormat) -> float | None:
    """The wait until the moment that a reset header names, in seconds; `None` when the header is absent or not in that format."""
    clock = Clock(fault)
    form = WaitFormat(reset_format.value)
    return _longest(_in_format(value, form, clock) for value in fault.header_values(header))


# --- the sources, in order ---


def _sources(
    fault: Fault,
    evidence: Evidence,
    *,
    category: ErrorCategory,
    api: ApiRules | None,
    used_up: UsedUp | None,
    clock: Clock,
    headers: list[tuple[str, str]],
) -> Iterator[float | None]:
    throttled = category in THROTTLED
    # Whoever is down for maintenance says until when; other moments in an answer that is no throttling are information.
    moments = throttled or (fault.status == 503 and "maintenance" in evidence.text[:500].lower())
    if api is not None:
        for rule in api.waits:
            yield _by_rule(rule, fault, evidence, category=category, clock=clock)
    yield _retry_after(headers, clock)
    yield body_wait_s(evidence.value, clock, moments=moments)
    if throttled:
        yield cost_wait_s(evidence.value)
    message = evidence.message or (fault.message if fault.exception_lineage else "")
    yield spoken_wait_s(message, clock, throttled=throttled)
    if throttled:
        if api is not None and api.rate_limiting is not None:
            yield _by_limits(api.rate_limiting, fault)
        if used_up is not None and used_up.counted and used_up.window.aligned:
            yield opens_in_s(used_up.window, clock)
        yield reset_wait_s(headers, clock)


def _by_rule(
    rule: WaitRule, fault: Fault, evidence: Evidence, *, category: ErrorCategory, clock: Clock
) -> float | None:
    """What an entry's rule reads; of several values the longest."""
    if category not in rule.categories or (rule.statuses is not None and fault.status not in rule.statuses):
        return None
    texts: Iterable[str | None]
    if rule.header is not None:
        texts = fault.header_values(rule.header)
    elif rule.place is not None:
        texts = (as_text(item) for item in values_at(evidence.value, rule.place))
    elif rule.pattern is not None:
        texts = (rule.pattern.group_in(evidence.text),)
    else:
        return None
    return _longest(None if text is None else _in_format(text, rule.format, clock) for text in texts)


def _by_limits(limits: RateLimitRules, fault: Fault) -> float | None:
    """The reset that an entry's rate limits name, unless some of the limit is left."""
    if limits.reset_header is None or limits.reset_format is None:
        return None
    remaining = fault.header_values(limits.remaining_header) if limits.remaining_header else ()
    if remaining and not is_used_up(remaining):
        return None
    return reset_after_s(fault, header=limits.reset_header, reset_format=limits.reset_format)


def _retry_after(headers: list[tuple[str, str]], clock: Clock) -> float | None:
    exact_s = stated_s = None
    for name, value in headers:
        if "retry" not in name:
            continue
        if name.endswith(("retry-after-ms", "retry-after-milliseconds", "retry-after-millis")):
            number = number_of(value.strip())
            exact_s = _longer(exact_s, None if number is None else number / 1000)
        elif name.endswith(("retry-after", "retry-after-seconds", "retry-in")):
            stated_s = _longer(stated_s, _seconds_or_date(value, clock))
    if exact_s is None or stated_s is None or abs(exact_s - stated_s) <= _EXACT_WITHIN_S:
        return stated_s if exact_s is None else exact_s
    return max(exact_s, stated_s)


def _seconds_or_date(value: str, clock: Clock) -> float | None:
    text = value.strip().strip('"')
    number = number_of(text)
    if number is not None:
        # Some send the moment as a number. As a length it would be decades, so only a moment within a year is read as one.
        epoch_s = epoch_of(number)
        until_s = None if epoch_s is None else clock.until_epoch(epoch_s)
        return until_s if until_s is not None and 0 < until_s <= _EPOCH_AHEAD_MAX_S else number
    moment = date_of(text)
    return duration_of(text) if moment is None else clock.until(moment)


def _in_format(text: str, form: WaitFormat, clock: Clock) -> float | None:
    """A wait in the one format that an entry names; nothing is guessed."""
    text = text.strip()[:VALUE_MAX_CHARS]
    if form is WaitFormat.DURATION:
        return duration_of(text)
    if form in {WaitFormat.ISO8601, WaitFormat.HTTP_DATE}:
        moment = iso_date(text) if form is WaitFormat.ISO8601 else http_date(text)
        return None if moment is None else clock.until(moment)
    number = number_of(text)
    if number is None:
        return None
    match form:
        case WaitFormat.MILLISECONDS:
            return number / 1000
        case WaitFormat.MINUTES:
            return number * 60
        case WaitFormat.UNIX_SECONDS:
            return clock.until_epoch(number)
        case WaitFormat.UNIX_MS:
            return clock.until_epoch(number / 1000)
        case _:
            return number


# --- notes ---


def _notes(seconds: float, clock: Clock) -> Iterator[str]:
    if seconds > BELIEVABLE_WAIT_S:
        yield f"the stated wait of {seconds / 86_400:.0f} days is absurd"
    if clock.skew_s:
        yield f"the server's clock is {abs(clock.skew_s):.0f} s {'ahead of' if clock.skew_s > 0 else 'behind'} ours"


def _longest(waits: Iterable[float | None]) -> float | None:
    known = [wait_s for wait_s in waits if wait_s is not None]
    return max(known) if known else None


def _longer(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)
