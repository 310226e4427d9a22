"""Moments on the wire: ISO 8601 text in, aware UTC `datetime` in between, text with `Z` out.

Read is what zod's `datetime()` reads (seconds and any number of decimals are optional, the calendar is real, leap seconds are not), and,
our one widening, times with an offset such as `+02:00`. Python keeps microseconds, so further decimals are cut off. The year 0000, which
zod accepts and Python lacks, is read as the first moment Python knows: a wait until then is over either way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from holdfast.contract.checks import kind_of, refused

__all__ = ["FIRST_MOMENT", "instant_text", "read_instant", "read_own_instant"]

FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)
"""What every moment of the year 0000 is read as."""

_INSTANT: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<decimals>[0-9]+))?)?"
    r"(?:Z|(?P<sign>[+-])(?P<off_hour>[01][0-9]|2[0-3]):?(?P<off_minute>[0-5][0-9]))"
)
_LEAP_CENTURY: Final = 2000
"""Stands in for the year 0000 while its days are checked: both are leap years."""


def read_instant(value: object) -> datetime:
    """The moment a text on the wire names, in UTC."""
    if not isinstance(value, str):
        raise refused(f"must be a time such as 2026-01-31T09:00:00Z, but is {kind_of(value)}")
    match = _INSTANT.fullmatch(value)
    if match is None:
        raise refused("must be a time such as 2026-01-31T09:00:00Z (ISO 8601, ending in Z or an offset)")
    try:
        return _moment(match)
    except (ValueError, OverflowError):
        raise refused("must be a time that exists; a part of this one is out of its range") from None


def read_own_instant(value: object) -> datetime:
    """The same for values from our own code, which may be an aware `datetime` already."""
    if not isinstance(value, datetime):
        return read_instant(value)
    if value.utcoffset() is None:
        raise refused("must carry a time zone, but is a naive datetime")
    return value.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """The moment in UTC with `Z`; decimals only where needed, three or six of them."""
    moment = moment.astimezone(UTC)
    precision = "seconds" if not moment.microsecond else "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _moment(match: re.Match[str]) -> datetime:
    year = int(match["year"])
    moment = datetime(
        year or _LEAP_CENTURY,
        int(match["month"]),
        int(match["day"]),
        int(match["hour"]),
        int(match["minute"]),
        int(match["second"] or 0),
        int((match["decimals"] or "")[:6].ljust(6, "0")),
        tzinfo=_zone(match),
    )
    return moment.astimezone(UTC) if year else FIRST_MOMENT


def _zone(match: re.Match[str]) -> timezone:
    if match["sign"] is None:
        return UTC
    offset = timedelta(hours=int(match["off_hour"]), minutes=int(match["off_minute"]))
    return timezone(offset if match["sign"] == "+" else -offset)
