"""How moments and lengths of time are written in answers: numbers, durations, dates, and against whose clock a date is read.

Reads plain numbers, durations as Go writes them (`6m0s`, `300ms`) or as ISO 8601 does (`PT5M`), as .NET does (`00:05:00`), with words (`5 minutes`),
HTTP dates in the three forms of RFC 9110 §5.6.7, ISO 8601 dates, and numbers that are an epoch or a length by their
size. Every reading is bounded and knows no clock: what "now" is comes in with the fault.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from holdfast.faults.fault import Fault

NUMBER_MAX = 1e15  # beyond any calendar, in milliseconds too; only keeps a row of digits from becoming infinity
VALUE_MAX_CHARS = 400
"""No moment and no length is written longer."""

SKEW_MIN_S = 5.0
"""A `Date` has whole seconds and took its way: less than this is no skew."""

SKEW_MAX_S = 86_400.0
"""A `Date` further off says that something answers with a fixed or broken date, not what time it is there."""

_AGE_MAX_S = 31_536_000.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,20})?\Z")
_UNITS: dict[str, float] = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
}
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,20})?)['\"]?\s{0,2}(?:more\s)?([a-zµ]{1,13})(?:\(s\))?", re.IGNORECASE)
_RUN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,20})?)(ns|us|µs|ms|s|m|h|d)[0-9]")
_TIME_SPAN = re.compile(r"(?:([0-9]{1,5})\.)?([0-9]{1,2}):([0-5][0-9]):([0-5][0-9])(\.[0-9]{1,9})?")
_GOES_ON = re.compile(r"\s?[0-9A-Za-z:(]")
"""`[days.]hours:minutes:seconds`, as .NET writes a length of time; with a zone or `pm` behind it, it is a time of day."""

_BETWEEN = re.compile(r"\.?\s{0,3}(?:,|and|&)?\s{0,3}", re.IGNORECASE)
_PARTS_MAX = 6
_ISO_DURATION = re.compile(
    r"P(?:([0-9]{1,6})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,12}(?:\.[0-9]{1,9})?)S)?)?\Z"
)
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


# --- lengths ---


def number_of(text: str) -> float | None:
    """A plain non-negative decimal number; `None` for anything else (signs, exponents, words)."""
    return min(float(text), NUMBER_MAX) if _NUMBER.match(text) else None


def duration_of(text: str) -> float | None:
    """A length of time with its units, in seconds: `6m0s`, `1h2m3.5s`, `300ms`, `PT5M`, `5 minutes`; `None` for anything else."""
    text = text.strip()[:VALUE_MAX_CHARS]
    if text[:1] in {"P", "p"}:
        found = _ISO_DURATION.match(text.upper())
        if found is None or not any(found.groups()):
            return None
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    spoken = spoken_duration(text, 0)
    return spoken[0] if spoken is not None and spoken[1] == len(text) else None


def spoken_duration(text: str, start: int) -> tuple[float, int] | None:
    """The length of time that stands at a place of a text, in seconds, with the place where it ends; at most six parts."""
    span = _time_span(text, start)
    if span is not None:
        return span
    total, end = 0.0, start
    for _ in range(_PARTS_MAX):
        at = end if end == start else (between.end() if (between := _BETWEEN.match(text, end)) else end)
        run = _RUN.match(text, at)
        part = run or _PART.match(text, at)
        factor = None if part is None else _UNITS.get(part[2].lower())
        if part is None or factor is None:
            break
        total += min(float(part[1]), NUMBER_MAX) * factor
        end = part.end(2) if run else part.end()
    return None if end == start else (min(total, NUMBER_MAX), end)


def _time_span(text: str, start: int) -> tuple[float, int] | None:
    span = _TIME_SPAN.match(text, start)
    if span is None:
        return None
    days, hours, minutes = (float(part or 0) for part in span.group(1, 2, 3))
    before_s = days * 86_400 + hours * 3_600 + minutes * 60
    if _GOES_ON.match(text, span.end()) is None:
        return before_s + float(f"{span[4]}{span[5] or ''}"), span.end()
    return (before_s + float(span[4]), span.end(4)) if span[5] else None


# --- moments ---


def iso_date(text: str) -> datetime | None:
    """An ISO 8601 date with a time, at UTC where it names no zone; also with ` UTC` or ` GMT` behind it."""
    plain = text.strip()[:40]
    if plain[-4:].upper() in {" UTC", " GMT"}:
        plain = f"{plain[:-4]}+00:00"
    if "-" not in plain or ":" not in plain:
        return None  # a row of digits would be read as a date without separators
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def http_date(text: str) -> datetime | None:
    """Read an HTTP date by hand: `email.utils` would load sockets and dice, `strptime` depends on the locale."""
    low = text.strip()[:60].lower()
    for form in _DATES:
        found = form.match(low)
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


def date_of(text: str) -> datetime | None:
    """A moment written as an HTTP date or in ISO 8601."""
    return http_date(text) or iso_date(text)


def epoch_of(number: float) -> float | None:
    """The moment that a number is by its size, in seconds since 1970; `None` for one that is too small and hence a length.

    10^9 s is 2001 and 10^9 s as a length are 31 years, so nothing is both; three digits more are milliseconds, and so on.
    """
    if number < 1e9:
        return None
    for top, per_second in ((1e11, 1.0), (1e14, 1e3)):
        if number < top:
            return number / per_second
    return number / 1e6 if number < NUMBER_MAX else None


# --- against whose clock ---


class Clock:
    """What time it was where the answer was made: a moment that it names is read against this.

    The server's clock by its `Date` (plus the `Age` of an answer from a cache, RFC 9111 §5.1); ours without one, where the two hardly
    differ, and where they differ by more than a day: then something answers with a fixed date. Worked out when it is first asked
    for, since most answers name no moment.
    """

    __slots__ = ("_fault", "_now", "skew_s")

    def __init__(self, fault: Fault) -> None:
        """Take the answer whose clock it is."""
        self._fault = fault
        self._now: datetime | None = None
        self.skew_s = 0.0
        """How far that clock is ahead of ours, in seconds; 0 where they agree, nothing is known of it, or nobody has asked yet."""

    @property
    def now(self) -> datetime:
        """What time it was there when we observed the fault."""
        if self._now is None:
            self.skew_s = _skew_s(self._fault)
            self._now = self._fault.observed_at + timedelta(seconds=self.skew_s)
        return self._now

    def until(self, moment: datetime) -> float:
        """Seconds until a moment; one in the past is now."""
        return max(0.0, (moment - self.now).total_seconds())

    def until_epoch(self, epoch_s: float) -> float:
        """Seconds until a moment given in seconds since 1970; one in the past is now."""
        return max(0.0, epoch_s - (self.now - _EPOCH).total_seconds())


def _skew_s(fault: Fault) -> float:
    dates = fault.header_values("date")
    moment = http_date(dates[0]) if dates else None
    if moment is None:
        return 0.0
    ages = fault.header_values("age")
    age_s = number_of(ages[0].strip()) if ages else None
    skew_s = (moment - fault.observed_at).total_seconds() + min(age_s or 0.0, _AGE_MAX_S)
    return skew_s if SKEW_MIN_S < abs(skew_s) <= SKEW_MAX_S else 0.0
