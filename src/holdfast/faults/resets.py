"""Headers that say how much of a limit is left and when it opens again: the IETF's fields and the dialects in use.

Reads `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10, structured fields of RFC 9651), the form
of its seventh draft (`limit=100, remaining=0, reset=5`), and every header whose name says limit or quota together with
reset, remaining or the like (`X-RateLimit-Reset`, `x-ratelimit-reset-tokens`, `anthropic-ratelimit-requests-reset`).
Only a limit that is used up states a wait; of several used up, the one that binds longest. Whether a fault is
throttling at all is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from holdfast.faults.moments import VALUE_MAX_CHARS, Clock, date_of, duration_of, epoch_of, number_of

_FIELD_MAX_CHARS = 4_096
_ITEMS_MAX = 64
_NAME_MAX_CHARS = 100
_REMAINING = frozenset({"remaining", "remain", "left", "available"})
_RESET = frozenset({"reset", "resets", "resettime"})
_NEITHER = frozenset(
    {"x", "time", "at", "in", "after", "ms", "seconds", "s", "milliseconds", "timestamp", "utc", "epoch", "api"}
)
"""Words of a name that say how a value is written and not which limit it is about."""
_HOUR_S = 3_600
_WINDOW = re.compile(r"\s{0,3}0\s{0,3};\s{0,3}w\s{0,3}=\s{0,3}([0-9]{1,9})\b")
_REGAIN = re.compile(r"\"estimated_time_to_regain_access\"\s{0,5}:\s{0,5}([0-9]{1,9})")
"""Minutes, in the `…-Usage` headers of Meta's APIs (Graph API documentation, Rate Limits)."""


@dataclass(slots=True)
class _Limit:
    """One limit as far as the headers tell: what remains and when it resets, by position in comma lists."""

    remaining: list[float] = field(default_factory=list)
    resets_s: list[float] = field(default_factory=list)


def reset_wait_s(headers: Sequence[tuple[str, str]], clock: Clock) -> float | None:
    """The wait until the used-up limit opens again, in seconds; `None` when no header states one.

    Args:
        headers: names in lower case, with their values.
        clock: what moments are read against.
    """
    limits: dict[frozenset[str], _Limit] = {}
    used_up: list[float] = []
    unknown: list[float] = []
    for name, value in headers:
        if name.endswith("-usage"):
            used_up += [60 * float(minutes) for minutes in _REGAIN.findall(value[:_FIELD_MAX_CHARS]) if int(minutes)]
        elif "limit" in name or "quota" in name:
            if "=" in value:
                for left, wait_s in _structured(value[:_FIELD_MAX_CHARS]):
                    if left is None or left <= 0:
                        (unknown if left is None else used_up).append(wait_s)
            else:
                _note(limits, name, value[:VALUE_MAX_CHARS], clock)
    _weigh(limits, used_up, unknown)
    waits = used_up or unknown
    return max(waits) if waits else None


def reset_value_s(text: str, clock: Clock, *, in_ms: bool = False) -> float | None:
    """A reset as it is written: seconds, an epoch by its size, a duration or a date; seconds from now, `None` if it is none of these.

    Args:
        text: the header's value.
        clock: what moments are read against.
        in_ms: a length is in milliseconds, by the header's name.
    """
    text = text.strip().strip('"')
    number = number_of(text)
    if number is not None:
        epoch_s = epoch_of(number)
        if epoch_s is not None:
            return clock.until_epoch(epoch_s)
        return number / 1000 if in_ms else number
    duration_s = duration_of(text)
    if duration_s is not None:
        return duration_s
    moment = date_of(text)
    return None if moment is None else clock.until(moment)


def is_used_up(values: Sequence[str]) -> bool:
    """Whether one of a header's values says that nothing remains."""
    return any(number_of(value.strip()) == 0 or value.strip()[:1] == "-" for value in values)


def names_long_window(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether a limit of which nothing remains has a window longer than an hour, where the header itself names it (`0;w=21600`)."""
    return any(
        int(found[1]) > _HOUR_S
        for name, value in headers
        if "limit" in name.lower() and "remaining" in name.lower() and (found := _WINDOW.match(value))
    )


def _note(limits: dict[frozenset[str], _Limit], name: str, value: str, clock: Clock) -> None:
    """File a header under the limit that its name is about."""
    name_of = _named(name[:_NAME_MAX_CHARS])
    if name_of.is_reset:
        found = [reset_value_s(part, clock, in_ms=name_of.in_ms) for part in _parts(value)]
        limits.setdefault(name_of.scope, _Limit()).resets_s += [one for one in found if one is not None]
    elif name_of.is_remaining:
        numbers = [-1.0 if part.startswith("-") else number_of(part) for part in _parts(value)]
        limits.setdefault(name_of.scope, _Limit()).remaining += [one for one in numbers if one is not None]


class _Name(NamedTuple):
    """What the name of a header says: which limit it is about, and what of it the value is."""

    scope: frozenset[str]
    is_reset: bool
    is_remaining: bool
    in_ms: bool


@lru_cache(maxsize=512)
def _named(name: str) -> _Name:
    words = name.replace("rate-limit", "ratelimit").replace("_", "-").split("-")
    return _Name(
        scope=frozenset(words) - _NEITHER - _RESET - _REMAINING,
        is_reset=not _RESET.isdisjoint(words),
        is_remaining=not _REMAINING.isdisjoint(words),
        in_ms=words[-1] in {"ms", "milliseconds"},
    )


def _parts(value: str) -> list[str]:
    """The members of a comma list; a date has a comma of its own."""
    parts = [part.strip() for part in value.split(",")[:_ITEMS_MAX]]
    return [value] if any(part[:3].isalpha() for part in parts) else parts


def _weigh(limits: dict[frozenset[str], _Limit], used_up: list[float], unknown: list[float]) -> None:
    """Tell which resets bind. A reset without a remaining of its own goes with those that have no reset of theirs."""
    orphans = [left for limit in limits.values() if not limit.resets_s for left in limit.remaining]
    for limit in limits.values():
        if len(limit.resets_s) == len(limit.remaining):
            used_up += [wait_s for wait_s, left in zip(limit.resets_s, limit.remaining, strict=True) if left <= 0]
        elif left_known := limit.remaining or orphans:
            if min(left_known) <= 0:
                used_up += limit.resets_s
        else:
            unknown += limit.resets_s


# --- structured fields ---


def _structured(value: str) -> Iterator[tuple[float | None, float]]:
    """What remains (`None` when it is not told) and the wait of every member that names a wait."""
    whole: dict[str, float] = {}
    for item in _split(value, ","):
        parameters = dict(_parameters(_split(item, ";")))
        if ";" in item:
            yield from _told(parameters)
        else:
            whole |= parameters
    yield from _told(whole)


def _told(parameters: Mapping[str, float]) -> Iterator[tuple[float | None, float]]:
    wait_s = next((parameters[key] for key in ("t", "reset", "resets") if key in parameters), None)
    if wait_s is not None:
        yield parameters.get("r", parameters.get("remaining")), wait_s


def _parameters(parts: Sequence[str]) -> Iterator[tuple[str, float]]:
    for part in parts:
        key, equals, text = part.partition("=")
        number = number_of(text.strip()[:VALUE_MAX_CHARS]) if equals else None
        if number is not None:
            yield key.strip().lower(), number


def _split(text: str, mark: str) -> list[str]:
    """Take a text apart at a mark outside of quotes (RFC 9651 §3.3.3: a backslash takes the next character as it is)."""
    if '"' not in text:
        return text.split(mark)[:_ITEMS_MAX]
    parts: list[str] = []
    start, quoted, skip = 0, False, False
    for at, sign in enumerate(text):
        if skip:
            skip = False
        elif sign == "\\" and quoted:
            skip = True
        elif sign == '"':
            quoted = not quoted
        elif sign == mark and not quoted:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]][:_ITEMS_MAX]
