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
    if isinstance(status, str) and _is_refused(status, value):
        return True
    if value.get("object") == "error" or (value.get("type") == "error" and said):
        return True
    if said and any(_is_failure(value.get(key)) for key in _NUMBERS):
        return True
    if said and any(_is_refusal(value.get(key)) for key in _STATUSES):
        return True
    return _has_user_errors(value) or _says_so_above(value)


def is_refusal_word(status: object) -> bool:
    """Whether a body's own `status` is a word for a refusal."""
    return isinstance(status, str) and status.lower() in _REFUSED


def _is_refused(status: str, value: Mapping[object, object]) -> bool:
    """A refusal with its code, a status that is itself the name of an error, or the zero of those who say `NOTOK`."""
    if is_refusal_word(status) and any(_is_failure(value.get(key)) for key in _NUMBERS):
        return True
    if status.isupper() and "_" in status and (status.endswith(_BAD_ENDS) or status.startswith(_BAD_STARTS)):
        return True
    message = value.get("message")
    return isinstance(message, str) and message.lower().replace(" ", "") in _NOT_FINE


def _says_so_above(value: Mapping[object, object]) -> bool:
    """Whether the answer's own envelope says that it failed (`{"messages": {"resultCode": "Error"}}`, `{"status": 12, "status_message": …}`)."""
    for key in _ENVELOPES:
        place = value.get(key)
        if isinstance(place, dict) and (place.get("errors") or any(_has_failed(place.get(name)) for name in _RESULTS)):
            return True
    status, words = value.get("status"), value.get("status_message")
    return (
        isinstance(status, int)
        and not isinstance(status, bool)
        and status not in _FINE_NUMBERS
        and isinstance(words, str)
        and words.lower() not in _FINE_WORDS
    )


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
_REFUSED = frozenset({"rejected", "declined", "refused", "denied"})
_NOT_FINE = frozenset({"notok", "nok"})
_BAD_ENDS = ("_ERROR", "_DENIED", "_EXCEEDED", "_FAILED", "_FAILURE", "_LIMIT")
_BAD_STARTS = ("INVALID_", "ERROR_")
_ENVELOPES = ("messages", "header", "head", "result", "meta", "json", "responseHeader")
_RESULTS = ("resultCode", "result", "status", "ack", "outcome")
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
