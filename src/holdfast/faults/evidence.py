"""What an answer says about itself: its text, and the code and message of the error it describes.

Reads the shapes that most APIs use (`{"error": {"code", "message"}}`, RFC 9457 problem details, RFC 6749 `error` /
`error_description`, lists of `errors`, XML `<Code>` and `<Message>`) by their structure. It does not search messages
for numbers, and it does not decide anything: what the code means is the business of `holdfast.faults.classify`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.faults.fault import BodyKind, Fault
from holdfast.faults.patterns import INPUT_MAX_CHARS
from holdfast.faults.rules import Quirks

_CODE_KEYS = ("code", "errorCode", "error_code", "__type", "reason", "status", "type")
_MESSAGE_KEYS = (
    "message",
    "msg",
    "error_description",
    "detail",
    "description",
    "title",
    "error_message",
    "errorMessage",
    "reason",
)
_CODE_MAX_CHARS = 120
_CODES_MAX = 16
_LINE_MAX_CHARS = 500  # a text body longer than this is a page, not a message
_CODE_FORM = re.compile(r"[A-Za-z0-9_.:/#\-]{1,200}\Z")
_XML_CODE = re.compile(r"<(?:\w{1,20}:)?(?:Code|faultcode)>\s{0,20}([^<\s]{1,200})\s{0,20}</")
_XML_MESSAGE = re.compile(r"<(?:\w{1,20}:)?(?:Message|faultstring)>([^<]{1,2000})</")
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,300})</title", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read from a fault.

    `text` is the message of the exception and the text of the body, at most `INPUT_MAX_CHARS` long: what patterns
    search. `codes` are all codes that the error carries, in lower case, the most telling first; `code` is the first of
    them as it stands. `value` is the parsed JSON body. `says_error` is true when a JSON body declares an error by its
    structure, whatever the status, or comes as the content type that this API keeps for errors. `message` is the error
    message the body carries; an exception's own words are only in `text`.
    """

    text: str
    code: str | None = None
    codes: tuple[str, ...] = ()
    value: object = None
    message: str | None = None
    says_error: bool = False
    retry_after_s: float | None = None


def read_evidence(fault: Fault, *, quirks: Quirks) -> Evidence:
    """Read what the fault says; a body that cannot be read leaves the message of the exception, which may be empty."""
    body = body_text(fault, quirks=quirks)
    text = "\n".join(part for part in (fault.message, body) if part)[:INPUT_MAX_CHARS]
    marked = is_error_type(fault.content_type, quirks=quirks)
    value = _parsed(fault) if body else None
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, Mapping)), None)
    if isinstance(value, Mapping):
        return _read_object(value, text, marked=marked)
    return _read_text(fault, body, text, marked=marked)


def is_error_type(content_type: str | None, *, quirks: Quirks) -> bool:
    """Whether a content type is the one this API keeps for errors; one that its successes use as well says nothing."""
    media = media_type(content_type)
    usual = {"application/json", media_type(quirks.json_content_type)}
    return bool(media) and media == media_type(quirks.error_content_type) and media not in usual


def body_text(fault: Fault, *, quirks: Quirks) -> str:
    """The body as text, at most `INPUT_MAX_CHARS` characters; empty for bytes that are no text.

    An API known to answer errors with binary data is believed only where the content type promises text.
    """
    if fault.body_kind in {BodyKind.EMPTY, BodyKind.BINARY}:
        return ""
    if quirks.binary_error_responses and not _promises_text(fault.content_type, quirks):
        return ""
    return fault.body[: 4 * INPUT_MAX_CHARS].decode("utf-8-sig", "replace")[:INPUT_MAX_CHARS]


def is_json_type(content_type: str | None, *, quirks: Quirks) -> bool:
    """Whether a content type promises JSON: `application/json`, `…+json`, or the one this API is known to use instead."""
    media = media_type(content_type)
    own = media_type(quirks.json_content_type)
    return media == "application/json" or media.endswith("+json") or bool(own and media == own)


def media_type(content_type: str | None) -> str:
    """The media type alone, in lower case and without parameters; empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _promises_text(content_type: str | None, quirks: Quirks) -> bool:
    media = media_type(content_type)
    return media.startswith("text/") or media.endswith("xml") or is_json_type(content_type, quirks=quirks)


def _parsed(fault: Fault) -> object:
    if fault.body_kind is not BodyKind.JSON:
        return None
    try:
        value: object = json.loads(fault.body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None  # the kept part of a body larger than the bound
    return value


def _read_text(fault: Fault, body: str, text: str, *, marked: bool) -> Evidence:
    code: str | None = None
    message: str | None = None
    if fault.body_kind is BodyKind.HTML:
        title = _TITLE.search(body)
        message = title[1].strip() if title else None
    elif found := _XML_CODE.search(body):
        said = _XML_MESSAGE.search(body)
        code, message = found[1][:_CODE_MAX_CHARS], said[1].strip() if said else None
    elif fault.body_kind is BodyKind.TEXT and len(body) <= _LINE_MAX_CHARS:
        message = body.strip()
    codes = (code.lower(),) if code else ()
    return Evidence(text=text, code=code, codes=codes, message=message, says_error=marked)


def _read_object(value: Mapping[object, object], text: str, *, marked: bool) -> Evidence:
    inner = _error_object(value)
    places = (inner, value) if inner is not value else (value,)
    code = next((found for place in places if (found := _code(place))), None)
    # The bare word of RFC 6749 §5.2 ({"error": "invalid_grant"}) is a code; a sentence in the same place is a message.
    word = value.get("error")
    if isinstance(word, str) and _CODE_FORM.match(word):
        code = word
    message = next((found for place in places if (found := _text_of(place, _MESSAGE_KEYS))), None)
    if message is None:
        message = next(
            (item for key in ("error", "errors", "error_summary") if isinstance(item := value.get(key), str)), None
        )
    return Evidence(
        text=text,
        code=code[:_CODE_MAX_CHARS] if code else None,
        codes=_codes(code, places),
        value=value,
        message=message,
        says_error=marked or _says_error(value),
        retry_after_s=_wait(value, inner),
    )


def _error_object(value: Mapping[object, object]) -> Mapping[object, object]:
    """The object that describes the error: `error`, the first of `errors`, or the whole."""
    for key in ("error", "errors", "Error"):
        found = value.get(key)
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, Mapping):
            return found
    return value


def _code(place: Mapping[object, object]) -> str | None:
    extensions = place.get("extensions")  # GraphQL
    if isinstance(extensions, Mapping) and isinstance(found := extensions.get("code"), str):
        return found
    for key in _CODE_KEYS:
        item = place.get(key)
        if isinstance(item, int) and not isinstance(item, bool) and key != "status":
            return str(item)
        if isinstance(item, str) and _CODE_FORM.match(item):
            return item.rpartition("#")[2] if "#" in item else item
    return None


def _codes(first: str | None, places: tuple[Mapping[object, object], ...]) -> tuple[str, ...]:
    """Every code-like value of the error's own objects, in lower case, the first code first."""
    found = dict.fromkeys([first.lower()] if first else [])
    for place in places:
        for key in _CODE_KEYS:
            item = place.get(key)
            text = str(item) if isinstance(item, int) and not isinstance(item, bool) and abs(item) < 10**15 else item
            if isinstance(text, str) and _CODE_FORM.match(text):
                found[text.lower()] = None
    return tuple(found)[:_CODES_MAX]


def _text_of(place: Mapping[object, object], keys: tuple[str, ...]) -> str | None:
    return next((item for key in keys if isinstance(item := place.get(key), str) and item.strip()), None)


def _says_error(value: Mapping[object, object]) -> bool:
    if value.get("ok") is False or value.get("success") is False:
        return True
    # An empty `errors` is how a success says that there were none, and `errors: 0` counts them.
    found = [value.get(key) for key in ("error", "errors")]
    return any(item is True or (bool(item) and not isinstance(item, int | float)) for item in found)


def _wait(value: Mapping[object, object], inner: Mapping[object, object]) -> float | None:
    """A wait in seconds under the name that APIs commonly use, and nowhere deeper: a body may quote other people's data."""
    parameters = value.get("parameters")
    for place in (inner, value, parameters):
        if isinstance(place, Mapping):
            item = place.get("retry_after")
            if isinstance(item, int | float) and not isinstance(item, bool) and 0 <= item < 1e12:
                return float(item)
    return None
