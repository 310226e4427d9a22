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
from urllib.parse import unquote_plus

from holdfast.faults.bodies import read_object
from holdfast.faults.fault import BodyKind, Fault
from holdfast.faults.markup import page_title, page_words, xml_leaves
from holdfast.faults.patterns import INPUT_MAX_CHARS
from holdfast.faults.places import as_text, text_at, values_at
from holdfast.faults.rules import ErrorShape, Quirks

_CODES_MAX = 24
_LINE_MAX_CHARS = 500  # a text body longer than this is a page, not a message
_WORDS_MAX_CHARS = 800
_CODE_FORM = re.compile(r"[A-Za-z0-9_.:/#\-]{1,120}\Z")
_QUOTED = re.compile(r"\"[^\"]{0,300}\"|`[^`]{0,300}`|“[^”]{0,300}”|«[^»]{0,300}»|(?:\A|[\s(:=,\[])'[^']{0,300}'")


_USUAL_SHAPE = ErrorShape()


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
    named: tuple[str, ...] = ()
    field_codes: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    words: str = ""
    about_fields: bool = False
    field_words: str = ""
    declared_status: int | None = None
    page: str = ""
    blames_client: bool = False


def read_evidence(fault: Fault, *, quirks: Quirks, shape: ErrorShape = _USUAL_SHAPE) -> Evidence:
    """Read what the fault says; a body that cannot be read leaves the message of the exception, which may be empty."""
    body = body_text(fault, quirks=quirks)
    text = "\n".join(part for part in (fault.message, body) if part)[:INPUT_MAX_CHARS]
    marked = is_error_type(fault.content_type, quirks=quirks)
    value = _parsed(fault) if body else None
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, Mapping)), None)
    if isinstance(value, str):
        return _read_line(value.strip(), text, marked=marked)
    if isinstance(value, Mapping):
        return _read_object(value, text, shape=shape, marked=marked)
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


def _read_object(value: Mapping[object, object], text: str, *, shape: ErrorShape, marked: bool) -> Evidence:
    said = read_object(value)
    own = [found for place in shape.codes for item in values_at(value, place) if (found := as_text(item))]
    words = next((found for place in shape.messages if (found := text_at(value, place))), None)
    word = value.get("error")
    # The bare word of RFC 6749 §5.2 ({"error": "invalid_grant"}) is the code, whatever else the answer carries.
    lone = [word] if isinstance(word, str) and _CODE_FORM.match(word) and "error_description" in value else []
    named = tuple(dict.fromkeys([*own, *lone, *said.codes]))[:_CODES_MAX]
    every = dict.fromkeys(code.rpartition("#")[2].lower() for code in (*named, *said.field_codes))
    every.update(dict.fromkeys(code.lower() for code in named))
    first = named[0] if named else said.field_codes[0] if said.field_codes else None
    message = words or next(iter(said.messages), None) or next(iter(said.field_messages), None)
    return Evidence(
        text=text,
        code=first.rpartition("#")[2] or None if first else None,
        codes=tuple(every)[:_CODES_MAX],
        value=value,
        message=message,
        says_error=marked or says_error(value) or _fails(value, shape),
        retry_after_s=_wait(value),
        named=named,
        field_codes=tuple(said.field_codes[:_CODES_MAX]),
        titles=tuple(said.titles[:4]),
        words=cut_quotes(" | ".join([words, *said.messages] if words else said.messages)),
        about_fields=bool(said.field_messages or said.field_codes),
        field_words=cut_quotes(" | ".join(said.field_messages[:4])),
        declared_status=said.status,
    )


def evidence_of(value: Mapping[object, object], *, text: str) -> Evidence:
    """The evidence of an object found inside a body, as if it had been all of it."""
    return _read_object(value, text, shape=_USUAL_SHAPE, marked=True)


def cut_quotes(words: str) -> str:
    """A message without the values it quotes: those are somebody's data. At most `_WORDS_MAX_CHARS` characters."""
    head = words[:_WORDS_MAX_CHARS]
    return _QUOTED.sub(" '' ", head) if any(mark in head for mark in "\"'`“«") else head


def _fails(value: object, shape: ErrorShape) -> bool:
    rule = shape.failure
    return rule is not None and any(
        text is not None and rule.pattern.is_in(text) for text in map(as_text, values_at(value, rule.place))
    )


def _read_text(fault: Fault, body: str, text: str, *, marked: bool) -> Evidence:
    if fault.body_kind is BodyKind.HTML:
        title = page_title(body)
        return Evidence(text=text, message=title, says_error=marked, page=page_words(body))
    if body.lstrip("\ufeff \t\r\n").startswith("<"):
        return _read_markup(body, text, marked=marked)
    line = body.strip()
    if fault.body_kind is not BodyKind.TEXT or len(line) > _LINE_MAX_CHARS:
        return Evidence(text=text, says_error=marked)
    return _read_line(line, text, marked=marked)


def _read_line(line: str, text: str, *, marked: bool) -> Evidence:
    form = _form_of(line)
    if form:
        return _read_object(form, text, shape=_USUAL_SHAPE, marked=marked)
    code = line if _CODE_FORM.match(line) and len(line) > 2 and not line.isdecimal() else None
    named = (code,) if code else ()
    return Evidence(
        text=text,
        code=code,
        codes=tuple(one.lower() for one in named),
        named=named,
        message=line or None,
        words=cut_quotes(line),
        says_error=marked,
    )


def _form_of(line: str) -> Mapping[object, object]:
    """The pairs of an error written as a form, as some OAuth servers do; empty for anything else."""
    if not line.startswith("error") or "=" not in line[:40] or " " in line:
        return {}
    return {
        unquote_plus(name): unquote_plus(value)
        for name, value in (pair.split("=", 1) for pair in line.split("&")[:20] if "=" in pair)
    }


def _read_markup(body: str, text: str, *, marked: bool) -> Evidence:
    leaves = xml_leaves(body)
    if not leaves:
        return Evidence(text=text, message=page_title(body), says_error=marked, page=page_words(body))
    # A SOAP fault code says who is at fault; the service's own code, wherever it stands, says what.
    codes = [words for name, words in leaves if name.endswith("code") or name in {"value", "type"}]
    codes.sort(key=lambda code: code.rpartition(":")[2].lower() in _SOAP_SIDES)
    named = tuple(
        dict.fromkeys(
            code.rpartition(":")[2] if not code.startswith("http") else code for code in codes if _CODE_FORM.match(code)
        )
    )[:_CODES_MAX]
    messages = [words for name, words in leaves if name in _XML_MESSAGES or name.endswith("message")]
    details = [words for name, words in leaves if name.endswith("detail")]
    sides = {code.rpartition(":")[2].lower() for code in codes}
    head = body[:600].lower()
    return Evidence(
        text=text,
        code=named[0] if named else None,
        codes=tuple(dict.fromkeys(code.lower() for code in named)),
        named=named,
        message=messages[0] if messages else None,
        words=cut_quotes(" | ".join([*messages, *details])),
        blames_client=not sides.isdisjoint({"client", "sender"}),
        says_error=marked or any(mark in head for mark in _XML_ERRORS),
    )


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
    if isinstance(status, str) and status.lower() in _FAILED and said:
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


def user_errors(value: object) -> Mapping[object, object] | None:
    """The first of a GraphQL mutation's own errors."""
    data = value.get("data") if isinstance(value, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    for result in list(data.values())[:20]:
        if not isinstance(result, Mapping):
            continue
        for key in list(result)[:40]:
            if isinstance(key, str) and (key.endswith("serErrors") or key == "errors"):
                found = result[key]
                if isinstance(found, list) and found and isinstance(found[0], Mapping):
                    return found[0]
    return None


def nested_error(value: object) -> Mapping[object, object] | None:
    """The first object anywhere in a body that describes an error: for an answer known to be a failure whose top says nothing."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while waiting and seen < 300:
        place, depth = waiting.pop(0)
        seen += 1
        if isinstance(place, Mapping):
            for key, item in list(place.items())[:60]:
                if key in _NESTED and item and isinstance(item, Mapping | list | str):
                    return {"error": item} if isinstance(item, Mapping | list) else dict(place)
                if depth < 6 and isinstance(item, Mapping | list):
                    waiting.append((item, depth + 1))
        elif isinstance(place, list) and depth < 6:
            waiting.extend((item, depth + 1) for item in place[:20])
    return None


def _wait(value: Mapping[object, object]) -> float | None:
    """A wait in seconds under the name that APIs commonly use, and nowhere deeper: a body may quote other people's data."""
    inner = next((found for key in ("error", "errors", "Error") if (found := _first_object(value.get(key)))), value)
    for place in (inner, value, value.get("parameters")):
        if isinstance(place, Mapping):
            item = place.get("retry_after")
            if isinstance(item, int | float) and not isinstance(item, bool) and 0 <= item < 1e12:
                return float(item)
    return None


def _first_object(item: object) -> Mapping[object, object] | None:
    found = item[0] if isinstance(item, list) and item else item
    return found if isinstance(found, Mapping) else None


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
_XML_MESSAGES = frozenset(
    {
        "message",
        "faultstring",
        "text",
        "reason",
        "title",
        "description",
        "errordescription",
        "msg",
        "diagnostics",
        "detail",
        "error",
    }
)
_SOAP_SIDES = frozenset({"client", "server", "sender", "receiver", "user"})
_XML_ERRORS = ("<error>", "<error ", "<errorresponse", "<errors>", "fault>", "<exception>", "<errorinfo")
