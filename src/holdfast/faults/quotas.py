"""Which of an API's documented allowances is used up, and when it opens again by its documentation.

An entry names its quota windows (`quotaWindows`); an answer says which one is used up, by a code or by what its headers
count. A window that begins at whole multiples of its period, and whose headers say that it is used up, states its end:
that is a wait. When only a code names it, the documented reset is known but was not stated, and is kept apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from holdfast.faults.fault import Fault
from holdfast.faults.moments import VALUE_MAX_CHARS, Clock, number_of
from holdfast.faults.rules import QuotaReset, QuotaWindow

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY_S = 86_400.0
_MONTH_MAX_DAYS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedUp:
    """A window that is used up: its place in the entry, and whether the headers counted it (else a code named it)."""

    index: int
    window: QuotaWindow
    counted: bool


def used_up_window(windows: Sequence[QuotaWindow], fault: Fault, codes: Sequence[str]) -> UsedUp | None:
    """The window that an answer says is used up; of several the longest, since the shorter ones open inside of it.

    Args:
        windows: the entry's windows.
        fault: the answer.
        codes: its error codes in lower case.
    """
    found: UsedUp | None = None
    for index, window in enumerate(windows):
        counted = _is_counted_out(window, fault)
        if (counted or not window.codes.isdisjoint(codes)) and (
            found is None or window.period_s > found.window.period_s
        ):
            found = UsedUp(index=index, window=window, counted=counted)
    return found


def opens_in_s(window: QuotaWindow, clock: Clock) -> float | None:
    """Seconds until a window opens again by its documentation; `None` when that names no time."""
    if window.reset is not None:
        moment = next_time_of_day(clock.now, window.reset)
        return None if moment is None else clock.until(moment)
    if not window.aligned or window.period_s > _DAY_S:
        return None
    now = clock.now.astimezone(UTC)
    since_midnight_s = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    return min(window.period_s - since_midnight_s % window.period_s, _DAY_S - since_midnight_s)


def next_time_of_day(now: datetime, reset: QuotaReset) -> datetime | None:
    """The next moment after `now` at which it is that time there (each day, or on that day of the month), at UTC.

    A time that the clocks skip in spring comes an hour later, one that they repeat in autumn counts the first time (PEP 495).
    `None` for a zone that this machine does not know, and at the end of all calendars.
    """
    zone = _zone(reset.time_zone)
    if zone is None:
        return None
    try:
        day = now.astimezone(zone).date()
        for _ in range(_MONTH_MAX_DAYS + 2):
            if reset.day is None or reset.day == day.day:
                local = datetime(day.year, day.month, day.day, reset.hour, reset.minute, tzinfo=zone)
                if (moment := local.astimezone(UTC)) > now:
                    return moment
            day += timedelta(days=1)
    except OverflowError:
        return None
    return None  # a day that no month has; the catalog refuses it


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - looks up how Python was built, which few programs need to pay for

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a strange name, or a machine without the time zone database
        return None


def _is_counted_out(window: QuotaWindow, fault: Fault) -> bool:
    remaining = _number_in(fault, window.remaining_header, window.position)
    if remaining is not None:
        return remaining <= 0
    usage = _number_in(fault, window.usage_header, window.position)
    if usage is None:
        return False
    limit = _number_in(fault, window.limit_header, window.position)
    if limit is None and window.limit is not None:
        limit = float(window.limit)
    return limit is not None and usage >= limit


def _number_in(fault: Fault, header: str | None, position: int) -> float | None:
    """The number at a position of a header's comma list."""
    if header is None:
        return None
    parts = ",".join(value[:VALUE_MAX_CHARS] for value in fault.header_values(header)).split(",")
    text = parts[position].strip() if position < len(parts) else ""
    if text[:1] == "-":
        number = number_of(text[1:])
        return None if number is None else -number
    return number_of(text)
