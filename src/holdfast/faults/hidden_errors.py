"""Errors inside successes: whether a body declares one by its structure, and where it stands.

A list of jobs of which one failed is a success, `{"ok": false}` is none. So what makes an answer an error is only read
at the places that speak for the whole answer; where it is known already that the call failed, the error is looked for
everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping


def says_error(value: Mapping[object, object]) -> bool:
    """Whether an object declares an error by its structure, and not only by quoting one in its data."""
    if value.get("ok") is False or value.get("success") is False or value.get("Success") is False:
        return True
    # An empty `errors` is how a success says that there were none, and `errors: 0` counts them.
    for key in ("error", "errors", "Fault", "fault", "Error", "Errors"):
        found = value.get(key)
        if found is True or (found and not isinstance(found, int | float)):
            return True
    said = any(isinstance(value.get(key), str) and value.get(key) for key in _SAID)
    status = value.get("status")
    if said and (status is False or _has_failed(status)):
        return True
    if value.get("object") == "error" or (value.get("type") == "error" and said):
        return True
    if said and any(_is_failure(value.get(key)) for key in _NUMBERS):
        return True
    return (said and any(_is_refusal(value.get(key)) for key in _STATUSES)) or _has_user_errors(value)


def _is_failure(item: object) -> bool:
    """A code beside a message: anything but the ways of writing that all is well."""
    if isinstance(item, bool) or item is None:
        return False
    if isinstance(item, int):
        return item not in _FINE_NUMBERS
    return isinstance(item, str) and bool(item) and item.lower() not in _FINE_WORDS


def _is_refusal(item: object) -> bool:
    if isinstance(item, str) and item.isdecimal() and len(item) == 3:
        item = int(item)
    return isinstance(item, int) and not isinstance(item, bool) and 400 <= item <= 599


def _has_user_errors(value: Mapping[object, object]) -> bool:
    """GraphQL mutations report bad input in `data.<field>.userErrors` or `data.<field>.errors`."""
    return bool(user_errors(value))


def _has_failed(status: object) -> bool:
    return isinstance(status, str) and status.lower() in _FAILED


def user_errors(value: object) -> Mapping[object, object] | None:
    """The first of a GraphQL mutation's own errors."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict):
        return None
    for result in list(data.values())[:20]:
        if not isinstance(result, dict):
            continue
        for key in list(result)[:40]:
            if isinstance(key, str) and (key.endswith("serErrors") or key == "errors"):
                found = result[key]
                if isinstance(found, list) and found and isinstance(found[0], dict):
                    return found[0]
    return None


def nested_error(value: object) -> Mapping[object, object] | None:
    """The first object anywhere in a body that describes an error: for an answer known to be a failure whose top says nothing."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while waiting and seen < 300:
        place, depth = waiting.pop(0)
        seen += 1
        if isinstance(place, dict):
            if depth and _has_failed(place.get("status")) and ("code" in place or "message" in place):
                return {"error": place}
            for key, item in list(place.items())[:60]:
                if key in _NESTED and item and isinstance(item, dict | list | str):
                    return {"error": item} if isinstance(item, dict | list) else dict(place)
                if depth < 6 and isinstance(item, dict | list):
                    waiting.append((item, depth + 1))
        elif isinstance(place, list) and depth < 6:
            waiting.extend((item, depth + 1) for item in place[:20])
    return None


_SAID = (
    "message",
    "msg",
    "error_message",
    "errmsg",
    "error_description",
    "description",
    "detail",
    "title",
    "errorMessage",
    "Message",
    "error_msg",
    "error-text",
    "retMsg",
    "ret_msg",
    "resultMessage",
    "resultMsg",
    "info",
)
_NUMBERS = (
    "errcode",
    "error_code",
    "errorCode",
    "err_code",
    "errno",
    "ErrorCode",
    "retcode",
    "retCode",
    "ret_code",
    "resultCode",
    "result_code",
    "code",
)
_STATUSES = ("status", "statusCode", "status_code", "httpStatus", "http_status")
_FAILED = frozenset({"error", "fail", "failed", "failure", "nok", "ko"})
_FINE_NUMBERS = frozenset({0, 1, *range(100, 400), 1000, 10000, 20000})
_FINE_WORDS = frozenset(
    {
        "",
        "0",
        "00",
        "0000",
        "00000",
        "000000",
        "200",
        "201",
        "ok",
        "success",
        "succeeded",
        "successful",
        "none",
        "null",
        "no_error",
        "1000",
    }
)
_NESTED = frozenset(
    {
        "error",
        "errors",
        "fault",
        "Fault",
        "Error",
        "Errors",
        "errorResult",
        "userErrors",
        "error-text",
        "error_message",
        "errorMessage",
        "exception",
    }
)
