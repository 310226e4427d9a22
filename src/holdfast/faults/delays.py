"""Delays that the other side stated, as seconds from the moment the fault was observed.

Reads `Retry-After` (RFC 9110 §10.2.3: seconds or a date in any of the three forms of §5.6.7), the `-Ms` form some
APIs send, and reset headers in the format a catalog entry names. A moment in the past is a wait of 0. An absurd wait
is kept as it is: shortening it would break a promise, and whoever decides must see it. It knows no clock:
`observed_at` comes in.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from holdfast.faults.fault import Fault
from holdfast.faults.rules import ResetFormat

LONG_WINDOW_S = 3600.0
"""A limit that opens later than this is a daily one; up to and including it, a burst (GitHub's hourly limit is a burst)."""

_NUMBER_MAX = 1e15  # beyond any calendar, in milliseconds too; only keeps a row of digits from becoming infinity
_NUMBER = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,20})?\Z")
_MONTHS = {
    m: i
    for i, m in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1)
}
_TIME = r"(?P<h>\d{2}):(?P<m>\d{2}):(?P<s>\d{2})"
_DATES = (
    re.compile(
        rf"[a-z]{{3}}, (?P<day>\d{{2}}) (?P<month>[a-z]{{3}}) (?P<year>\d{{4}}) {_TIME} (?:gmt|utc)\Z"
    ),  # IMF-fixdate
    re.compile(rf"[a-z]{{6,9}}, (?P<day>\d{{2}})-(?P<month>[a-z]{{3}})-(?P<year>\d{{2}}) {_TIME} gmt\Z"),  # RFC 850
    re.compile(rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})\Z"),  # asctime
)


def retry_after_s(fault: Fault) -> float | None:
    """The wait stated by `Retry-After` or a header ending in `Retry-After-Ms`, in seconds; `None` without a readable one.

    The milliseconds form is the more exact and wins. Of several values of the same header the longest counts, so that
    none is undercut.
    """
    exact = [_milliseconds(value) for name, value in fault.headers if name.lower().endswith("retry-after-ms")]
    stated = [_seconds_or_date(value, fault.observed_at) for value in fault.header_values("retry-after")]
    for waits in (exact, stated):
        known = [wait for wait in waits if wait is not None]
        if known:
            return max(known)
    return None


def reset_after_s(fault: Fault, *, header: str, reset_format: ResetFormat) -> float | None:
    """The wait until the moment that a reset header names, in seconds; `None` when the header is absent or not in that format."""
    moments = [_reset_epoch_s(value.strip(), reset_format) for value in fault.header_values(header)]
    known = [moment for moment in moments if moment is not None]
    return _not_negative(max(known) - fault.observed_at.timestamp()) if known else None


def number_of(text: str) -> float | None:
    """A plain non-negative decimal number; `None` for anything else (signs, exponents, words)."""
    return min(float(text), _NUMBER_MAX) if _NUMBER.match(text) else None


def _milliseconds(value: str) -> float | None:
    number = number_of(value.strip())
    return None if number is None else number / 1000


def _seconds_or_date(value: str, observed_at: datetime) -> float | None:
    text = value.strip()
    number = number_of(text)
    if number is not None:
        return number
    moment = _http_date(text) or _iso_date(text)
    return None if moment is None else _not_negative((moment - observed_at).total_seconds())


def _reset_epoch_s(value: str, reset_format: ResetFormat) -> float | None:
    if reset_format is ResetFormat.ISO8601:
        moment = _iso_date(value)
        return None if moment is None else moment.timestamp()
    number = number_of(value)
    if number is None:
        return None
    return number / 1000 if reset_format is ResetFormat.UNIX_MS else number


def _iso_date(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _http_date(text: str) -> datetime | None:
    """Read an HTTP date by hand: `email.utils` would load sockets and dice, `strptime` depends on the locale."""
    for form in _DATES:
        found = form.match(text.lower())
        if found is None or found["month"] not in _MONTHS:
            continue
        year = int(found["year"])
        if year < 100:
            # RFC 9110 §5.6.7 reads two digits more than 50 years ahead as the past; nothing states a wait from before 1970.
            year += 1900 if year >= 70 else 2000
        try:
            return datetime(
                year,
                _MONTHS[found["month"]],
                int(found["day"]),
                int(found["h"]),
                int(found["m"]),
                min(int(found["s"]), 59),
                tzinfo=UTC,
            )
        except ValueError:
            return None
    return None


def _not_negative(wait_s: float) -> float:
    return max(0.0, wait_s)
