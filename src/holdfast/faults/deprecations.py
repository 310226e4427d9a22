"""Announcements that an API will go away: the `Deprecation` and `Sunset` headers, and those that an API's entry names.

Reads `Deprecation` of RFC 9745 (a date as a number after `@`; earlier drafts wrote an HTTP date or `true`), `Sunset` of RFC 8594
(an HTTP date) and the `Link` to the page that explains them. Pure: "now" comes in. Who is told, and how often, is decided
elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from holdfast.faults.fault import Fault
from holdfast.faults.moments import VALUE_MAX_CHARS, date_of, number_of
from holdfast.faults.rules import ApiRules

_LINK_MAX_CHARS = 4_096
_PARAMETERS_MAX_CHARS = 240
_REL_MAX_CHARS = 200
_LINK = re.compile(r"<([^<>\s]{1,1000})>\s{0,5};")
_PARAMETERS_END = re.compile(r"[<>]")
_REL = re.compile(r"\brel\s{0,3}=\s{0,3}\"?(?:deprecation|sunset)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprecationNotice:
    """What an answer announces: since or from when it is discouraged, when it goes away (both at UTC), where the vendor explains it.

    `header` is the header that said so, in lower case; `passed` is whether the moment of going away lies behind.
    """

    header: str
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    link: str | None = None
    passed: bool = False


def deprecation_of(
    headers: Sequence[tuple[str, str]], rules: ApiRules | None, *, observed_at: datetime
) -> DeprecationNotice | None:
    """The announcement that an answer carries, `None` without one.

    Args:
        headers: of the answer.
        rules: what is known of the API: further headers whose presence announces the end, and a page about it.
        observed_at: when the answer was there.
    """
    own = rules.deprecation if rules else None
    names = {"deprecation", "sunset"} | ({name.lower() for name in own.headers} if own else set())
    found: dict[str, str] = {}
    for name, value in headers:
        low = name.lower()
        if low in names:
            found.setdefault(low, value.strip())
    found = {name: value for name, value in found.items() if value and value.lower() not in {"false", "?0"}}
    if not found:
        return None
    sunset_at = _moment(found.get("sunset", ""))
    links = (_link_in(value[:_LINK_MAX_CHARS]) for name, value in headers if name.lower() == "link")
    return DeprecationNotice(
        header=next(iter(found)),
        deprecated_at=_moment(found.get("deprecation", "")),
        sunset_at=sunset_at,
        link=next((link for link in links if link), own.link if own else None),
        passed=sunset_at is not None and sunset_at <= observed_at,
    )


def _link_in(value: str) -> str | None:
    """The first link of a `Link` header whose relation says that it explains the end."""
    for link in _LINK.finditer(value):
        parameters = _PARAMETERS_END.split(value[link.end() : link.end() + _PARAMETERS_MAX_CHARS], 1)[0]
        rel = _REL.search(parameters)
        if rel is not None and rel.start() <= _REL_MAX_CHARS:
            return link[1]
    return None


def has_passed_sunset(fault: Fault) -> bool:
    """Whether an answer says that what was asked for has gone away by now."""
    moments = (_moment(value) for value in fault.header_values("sunset"))
    return any(moment is not None and moment <= fault.observed_at for moment in moments)


def _moment(value: str) -> datetime | None:
    text = value.strip()[:VALUE_MAX_CHARS]
    number = number_of(text[1:]) if text[:1] == "@" else None
    if number is None:
        return date_of(text)
    try:
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
