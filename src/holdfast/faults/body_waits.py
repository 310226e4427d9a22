"""Waits that a parsed JSON body states in a field of its own, and the wait that a stated cost and refill rate come to.

Looks at the error's own objects and at the few places below them where APIs put details (`details`, `extensions`,
`parameters`, `error_data`, …), nowhere else: a body may quote other people's data. At most 200 objects are looked at. It knows fields
by their names, whatever their spelling (`retry_after`, `retryAfter`); what `RetryInfo` of AIP-193 calls `retryDelay`
is among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto, unique
from functools import lru_cache

from holdfast.faults.moments import NUMBER_MAX, VALUE_MAX_CHARS, Clock, date_of, duration_of, epoch_of, number_of
from holdfast.faults.places import values_at

_OBJECTS_MAX = 200
_DEPTH_MAX = 8
_LIST_MAX = 16
_KEY_MAX_CHARS = 40


@unique
class _Form(Enum):
    SECONDS = auto()
    MILLISECONDS = auto()
    MINUTES = auto()
    MOMENT = auto()


_SPELLINGS = {
    _Form.SECONDS: "retryafter retryafterseconds retryaftersecs retryaftersec retryafterinseconds retryafters retryin retryinseconds"
    " retrydelay retrydelayseconds waitseconds waitinseconds secondstowait resetinseconds resetsinseconds resetafter resetafterseconds"
    " resetsin quotaresetdelay secondsuntilreset tryagaininseconds cooldownseconds",
    _Form.MILLISECONDS: "retryafterms retryaftermillis retryaftermilliseconds retryinms retrydelayms msbeforenext resetafterms"
    " resetinms waitms",
    _Form.MINUTES: "retryafterminutes retryinminutes",
    _Form.MOMENT: "retryat resetat resetsat resettime resettimestamp resetdate nextresetat ratelimitreset quotaresettimestamp"
    " quotaresettime xratelimitreset until availableat retryafterdate retryaftertimestamp nextretryat",
}
_FIELDS = {name: form for form, names in _SPELLINGS.items() for name in names.split()}
_INSIDE = frozenset(
    {"error", "errors", "parameters", "extensions", "details", "detail", "metadata", "meta", "data", "context", "info"}
    | {
        "ratelimit",
        "ratelimits",
        "ratelimitinfo",
        "innererror",
        "additionalinfo",
        "fault",
        "response",
        "headers",
        "body",
        "result",
    }
)
_INSIDE_ENDS = ("details", "data", "info", "extra", "extras", "context")


def body_wait_s(value: object, clock: Clock, *, moments: bool) -> float | None:
    """The longest wait that a body's own fields state, in seconds; `None` when there is none.

    Args:
        value: the parsed body.
        clock: what moments are read against.
        moments: count fields for the moment of a reset, too, which answers that are no throttling may carry for information.
    """
    longest: float | None = None
    level: list[object] = [value]
    left = _OBJECTS_MAX
    for _ in range(_DEPTH_MAX + 1):
        below: list[object] = []
        for one in level:
            if isinstance(one, list):
                below += one[:_LIST_MAX]
            elif isinstance(one, dict) and left > 0:
                left -= 1
                for key, item in one.items():
                    if not isinstance(key, str) or len(key) > _KEY_MAX_CHARS:
                        continue
                    form, leads_on = _meaning(key)
                    if leads_on and isinstance(item, dict | list):
                        below.append(item)
                    if form is not None and (moments or form is not _Form.MOMENT):
                        longest = _longer(longest, _read(item, form, clock))
        if not below:
            break
        level = below[:_OBJECTS_MAX]
    return longest


def cost_wait_s(value: object) -> float | None:
    """The wait until a bucket holds what the request costs: (cost - present level) / refill per second, as GraphQL APIs state it.

    Source: Shopify's documentation of its GraphQL rate limits (`extensions.cost`). `None` when a part is missing, when nothing
    is to be waited for, or when the bucket can never hold as much.
    """
    if not isinstance(value, Mapping) or ("extensions" not in value and "errors" not in value):
        return None
    for place in (("extensions", "cost"), ("errors", "*", "extensions", "cost")):
        for cost in values_at(value, place):
            status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
            if isinstance(cost, Mapping) and isinstance(status, Mapping):
                asked, most, level, rate = (
                    _amount(cost.get("requestedQueryCost")),
                    _amount(status.get("maximumAvailable")),
                    _amount(status.get("currentlyAvailable")),
                    _amount(status.get("restoreRate")),
                )
                if asked and level is not None and rate and level < asked <= (asked if most is None else most):
                    return (asked - level) / rate
    return None


def _longer(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


@lru_cache(maxsize=1_024)
def _meaning(key: str) -> tuple[_Form | None, bool]:
    """What a key stands for, and whether details stand below it."""
    plain = key.replace("_", "").replace("-", "").lower()
    return _FIELDS.get(plain), plain in _INSIDE or plain.endswith(_INSIDE_ENDS)


def _read(item: object, form: _Form, clock: Clock) -> float | None:
    if isinstance(item, Mapping) and form is _Form.SECONDS:  # google.protobuf.Duration taken apart
        seconds, nanos = _amount(item.get("seconds")), _amount(item.get("nanos"))
        return None if seconds is None and nanos is None else (seconds or 0.0) + (nanos or 0.0) / 1e9
    number = _amount(item)
    if number is not None:
        return _numeric(number, form, clock)
    if not isinstance(item, str):
        return None
    text = item[:VALUE_MAX_CHARS]
    duration_s = duration_of(text)
    if duration_s is not None:
        return duration_s
    moment = date_of(text)
    return None if moment is None else clock.until(moment)


def _numeric(number: float, form: _Form, clock: Clock) -> float:
    if form is _Form.MILLISECONDS:
        return number / 1000
    if form is _Form.MINUTES:
        return number * 60
    epoch_s = epoch_of(number)
    return number if epoch_s is None else clock.until_epoch(epoch_s)


def _amount(item: object) -> float | None:
    """A number that is no truth value, also one written as text."""
    match item:
        case bool():
            return None
        case int() | float():
            return float(min(item, NUMBER_MAX)) if item >= 0 else None
        case str():
            return number_of(item.strip()[:VALUE_MAX_CHARS])
        case _:
            return None
