"""Waits in the words of an error message: "try again in 5 minutes", "retry after 5", "resets at midnight Pacific".

Reads the first 2,000 characters of the message and nothing else of the answer, since other texts may be a user's own
data. Words that tell somebody to come back count in every failure; words that only mention a wait or a reset count
where the fault is throttling. The patterns are linear: repetitions are bounded and do not overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.faults.moments import Clock, epoch_of, iso_date, number_of, spoken_duration
from holdfast.faults.quotas import next_time_of_day
from holdfast.faults.resets import reset_value_s
from holdfast.faults.rules import QuotaReset

_MESSAGE_MAX_CHARS = 2_000
_FILLERS_MAX = 4
_FILLER = re.compile(
    r" (?:your|the|this|that|again|requests?|call|it|later|operation|query|connection|sending|only)", re.IGNORECASE
)
_ABOUT = r"(?:(?:about|approximately|approx\.|around|another|at least|a minimum of|up to|~)\s?)?"
_BACK = re.compile(
    r"\b(?:try(?:ing)? again|re-?try|retried|resend|come back|available again|available|allowed again|ask again)",
    re.IGNORECASE,
)
_WITHIN = re.compile(rf",?[ -]?(?:in|after|within)\b:? {_ABOUT}['\"\[(]?[0-9]", re.IGNORECASE)
_PAUSE = re.compile(
    rf"\b(?:wait(?:ing)?(?: time)?(?: for| of)?|(?:will )?(?:be )?(?:reset|resets|refreshes|renews|refill(?:s|ed)?"
    rf"|replenish(?:es|ed)?)(?: again)? (?:in|after)"
    rf"|back ?off(?: for)?|cool ?down(?: of| for)?|slow down for|(?:blocked|banned"
    rf"|suspended|timed out|take a break|locked out) for)[:=]? {_ABOUT}['\"\[(]?[0-9]",
    re.IGNORECASE,
)
_AT = re.compile(
    r"\b(?:again|retry|retried|resets?|available|until|wait)(?: will)?(?: be)?(?: reset)?(?: at| after| on| until)?:? ['\"]?"
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\b(?:again|retry|retried|resets?|available|until|wait)(?: at| after| on| until)?:? ['\"]?"
    r"([a-z]{3,9}, [0-9]{2}[ -][a-z]{3}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} (?:GMT|UTC)|[0-9]{10,13})",
    re.IGNORECASE,
)
_NOT_EPOCH = re.compile(r"[0-9:/-]|\.[0-9]")
_ZONE = r"(?P<{0}>pacific|eastern|central|mountain|utc|gmt|pt|pst|pdt|et|est|edt|ct|cst|cdt|mt|mst|mdt)\b"
_OPENS = re.compile(r"\b(?:resets?|again|until|available|renew(?:s|ed)?|refresh(?:es|ed)?)\b", re.IGNORECASE)
_GAP = re.compile(r"[^.0-9]{0,40}\Z")
_HOURS_MAX_CHARS = 80  # of the gap and the time behind it
_HOURS = re.compile(
    rf"(?:(?P<word>midnight)[ ,(]{{1,3}}{_ZONE.format('after')}|{_ZONE.format('before')} (?P<early>[0-9]{{1,2}}:[0-9]{{2}})(?::[0-9]{{2}})?"
    rf"|(?P<late>[0-9]{{1,2}}:[0-9]{{2}})(?::[0-9]{{2}})? ?\(?{_ZONE.format('behind')})",
    re.IGNORECASE,
)
_ZONES = {
    **dict.fromkeys(("utc", "gmt"), "UTC"),
    **dict.fromkeys(("pacific", "pt", "pst", "pdt"), "America/Los_Angeles"),
    **dict.fromkeys(("eastern", "et", "est", "edt"), "America/New_York"),
    **dict.fromkeys(("central", "ct", "cst", "cdt"), "America/Chicago"),
    **dict.fromkeys(("mountain", "mt", "mst", "mdt"), "America/Denver"),
}
_BARE = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,20})?")
_NOT_BARE = re.compile(r"\s?[0-9a-z%:/-]|\.[0-9]", re.IGNORECASE)
_DIGIT = re.compile(r"[0-9]")
_HINTS = (
    "again",
    "retry",
    "retried",
    "wait",
    "reset",
    "available",
    "back",
    "until",
    "block",
    "slow",
    "renew",
    "refresh",
    "cool",
    "resend",
    "replenish",
    "timed out",
    "break",
    "banned",
    "suspended",
    "locked out",
)


def spoken_wait_s(message: str, clock: Clock, *, throttled: bool) -> float | None:
    """The wait that a message states, in seconds; `None` when it states none.

    Args:
        message: the error's own words.
        clock: what moments and times of day are read against.
        throttled: the fault is known to be throttling, so that any mention of a wait is about it.
    """
    words = message[:_MESSAGE_MAX_CHARS]
    low = words.lower()
    # Most messages name no number, and hence no wait.
    if (_DIGIT.search(words) is None and "midnight" not in low) or not _has_hint(low):
        return None
    for place in _places(words, throttled=throttled):
        wait_s = _length(words, place, clock)
        if wait_s is not None:
            return wait_s
    dated = _AT.search(words)
    moment = iso_date(dated[1].replace(" +", "+")) if dated else None
    if moment is not None:
        return clock.until(moment)
    written = next((one[1] for one in _DATED.finditer(words) if _is_whole(one, words)), None)
    if written is not None and (wait_s := reset_value_s(written, clock)) is not None:
        return wait_s
    return _time_of_day(words, clock) if throttled else None


def may_state_wait(message: str) -> bool:
    """Whether a message may state a wait although nothing is known to be throttled; false says that it states none."""
    words = message[:_MESSAGE_MAX_CHARS]
    low = words.lower()
    return _has_hint(low) and (next(_places_back(words), None) is not None or _AT.search(words) is not None)


def _places(words: str, *, throttled: bool) -> Iterator[int]:
    """Where a length of time should stand: behind words that tell somebody to come back, or that mention a pause."""
    yield from _places_back(words)
    if throttled:
        for found in _PAUSE.finditer(words):
            yield found.end() - 1


def _places_back(words: str) -> Iterator[int]:
    for found in _BACK.finditer(words):
        end = found.end()
        for _ in range(_FILLERS_MAX):
            filler = _FILLER.match(words, end)
            if filler is None:
                break
            end = filler.end()
        if within := _WITHIN.match(words, end):
            yield within.end() - 1


def _is_whole(dated: re.Match[str], words: str) -> bool:
    """Whether a date ends where it should; a row of digits that goes on is no epoch."""
    return not dated[1].isdigit() or _NOT_EPOCH.match(words, dated.end()) is None


def _has_hint(low: str) -> bool:
    for hint in _HINTS:  # noqa: SIM110 - a generator costs more than the search
        if hint in low:
            return True
    return False


def _length(words: str, start: int, clock: Clock) -> float | None:
    """A duration, or a bare number: that is seconds, or an epoch by its size."""
    spoken = spoken_duration(words, start)
    if spoken is not None:
        return spoken[0]
    bare = _BARE.match(words, start)
    number = number_of(bare[0]) if bare and _NOT_BARE.match(words, bare.end()) is None else None
    if number is None:
        return None
    epoch_s = epoch_of(number)
    return number if epoch_s is None else clock.until_epoch(epoch_s)


def _stated_hour(words: str) -> re.Match[str] | None:
    for opens in _OPENS.finditer(words):
        found = _HOURS.search(words, opens.end(), opens.end() + _HOURS_MAX_CHARS)
        if found is not None and _GAP.match(words, opens.end(), found.start()):
            return found
    return None


def _time_of_day(words: str, clock: Clock) -> float | None:
    found = _stated_hour(words)
    if found is None:
        return None
    zone = _ZONES[(found["after"] or found["before"] or found["behind"]).lower()]
    hour, _, minute = (found["early"] or found["late"] or "0:00").partition(":")
    if int(hour) > 23 or int(minute) > 59:
        return None
    moment = next_time_of_day(clock.now, QuotaReset(hour=int(hour), minute=int(minute), time_zone=zone))
    return None if moment is None else clock.until(moment)
