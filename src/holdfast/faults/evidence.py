"""What an answer says about itself: its text, and the code and message of the error it describes.

Reads the shapes that most APIs use (`{"error": {"code", "message"}}`, RFC 9457 problem details, RFC 6749 `error` /
`error_description`, lists of `errors`, XML `<Code>` and `<Message>`) by their structure. It does not search messages
for numbers, and it does not decide anything: what the code means is the business of `holdfast.faults.classify`.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from urllib.parse import unquote_plus

from holdfast.faults.bodies import read_object
from holdfast.faults.fault import BodyKind, Fault
from holdfast.faults.hidden_errors import says_error
from holdfast.faults.markup import page_title, page_words, xml_leaves
from holdfast.faults.patterns import INPUT_MAX_CHARS
from holdfast.faults.places import as_text, text_at, values_at
from holdfast.faults.rules import ErrorShape, FieldRule, Quirks

_CODES_MAX = 24
_CODE_MAX_CHARS = 120
_LINE_MAX_CHARS = 500  # a text body longer than this is a page, not a message
_WORDS_MAX_CHARS = 800
_CODE_FORM = re.compile(r"[A-Za-z0-9_.:/#\-]{1,120}\Z")
_GRPC_NAMES = (
    "ok cancelled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied resource_exhausted"
    " failed_precondition aborted out_of_range unimplemented internal unavailable data_loss unauthenticated"
)
GRPC_STATUSES: MappingProxyType[str, str] = MappingProxyType(
    {str(number): name for number, name in enumerate(_GRPC_NAMES.split())}
)
"""Number → name, as https://grpc.github.io/grpc/core/md_doc_statuscodes.html has them."""
_SINGLE_QUOTED = re.compile(r"(?:\A|[\s(:=,\[])'[^']{0,300}'")
_QUOTED = re.compile(rf"\"[^\"]{{0,300}}\"|`[^`]{{0,300}}`|“[^”]{{0,300}}”|«[^»]{{0,300}}»|{_SINGLE_QUOTED.pattern}")


_EXCEPTION_CODE = re.compile(r"\b(?:exceptionCode|code)=\"([A-Za-z0-9_.]{3,80})\"")
"""The code in the exception reports of the Open Geospatial Consortium's services (OWS Common, WMS 1.1 and 1.3)."""
_USUAL_SHAPE = ErrorShape()


@dataclass(eq=False, kw_only=True)
class Evidence:
    """What was read from a fault; whatever most verdicts do without is worked out when it is first asked for.

    `text` is the message of the exception and the text of the body, at most `INPUT_MAX_CHARS` long: what patterns
    search. `codes` are all codes that the answer carries, in lower case; `named` those of the error itself, the most
    telling first and as they stand, `code` the first of them; `field_codes` those of entries about single fields.
    `value` is the parsed JSON body, `message` the error message the body carries (an exception's own words are only in
    `text`), `sentences` everything the error says in words and `titles` what stands where vendors put fixed phrases.
    `declared_status` is an HTTP status that the body states. `page` are the words of an HTML page. `blames_client`: a
    SOAP fault says that the sender is at fault. `marked`: the content type is the one this API keeps for errors.
    """

    text: str
    code: str | None = None
    codes: tuple[str, ...] = ()
    value: object = None
    message: str | None = None
    marked: bool = False
    named: tuple[str, ...] = ()
    field_codes: tuple[str, ...] = ()
    titles: Sequence[str] = ()
    sentences: Sequence[str] = ()
    about_fields: bool = False
    declared_status: int | None = None
    page: str = ""
    blames_client: bool = False
    failure: FieldRule | None = None
    _words: str | None = field(default=None, init=False, repr=False)

    @property
    def words(self) -> str:
        """The sentences in lower case without the values they quote, at most 800 characters."""
        # Kept by hand: a `cached_property` takes a lock in Python 3.11, which costs more than the reading.
        if self._words is None:
            self._words = cut_quotes(" | ".join(self.sentences)).lower()
        return self._words

    @cached_property
    def says_error(self) -> bool:
        """Whether the body declares an error by its structure, whatever the status, or comes as the type kept for errors."""
        if self.marked:
            return True
        if self.failure is not None and _holds(self.failure, self.value):
            return True
        return isinstance(self.value, dict) and says_error(self.value)


def read_evidence(fault: Fault, *, quirks: Quirks, shape: ErrorShape = _USUAL_SHAPE) -> Evidence:
    """Read what the fault says; a body that cannot be read leaves the message of the exception, which may be empty."""
    evidence = _read_body(fault, quirks=quirks, shape=shape)
    if stated := _header_codes(fault):
        evidence.codes = tuple(dict.fromkeys((*evidence.codes, *stated)))[:_CODES_MAX]
    return evidence


def _header_codes(fault: Fault) -> list[str]:
    """The codes that stand in headers made for them (`x-amzn-ErrorType`, `x-ms-error-code`, `grpc-status`), in lower case."""
    found: list[str] = []
    for name, value in fault.headers:
        low = name.lower()
        if low == "grpc-status":
            found += (value, GRPC_STATUSES.get(value.strip(), ""))
        elif low.endswith(("errortype", "error-type", "error-code", "errorcode", "exception-code", "x-error")):
            found.append(value.partition(":")[0])
    return [code for item in found if (code := item.strip().lower()) and _CODE_FORM.match(code)]


def _read_body(fault: Fault, *, quirks: Quirks, shape: ErrorShape) -> Evidence:
    body = body_text(fault, quirks=quirks)
    text = f"{fault.message}\n{body}"[:INPUT_MAX_CHARS] if fault.message and body else fault.message or body
    marked = is_error_type(fault.content_type, quirks=quirks)
    value = _parsed(fault, body) if body else None
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if isinstance(value, str):
        return _read_line(value.strip(), text, marked=marked)
    if isinstance(value, dict):
        return _read_object(value, text, shape=shape, marked=marked)
    return _read_text(fault, body, text, marked=marked)


def is_error_type(content_type: str | None, *, quirks: Quirks) -> bool:
    """Whether a content type is the one this API keeps for errors; one that its successes use as well says nothing."""
    if quirks.error_content_type is None:
        return False
    media = media_type(content_type)
    usual = ("application/json", media_type(quirks.json_content_type))
    return bool(media) and media == media_type(quirks.error_content_type) and media not in usual


def body_text(fault: Fault, *, quirks: Quirks) -> str:
    """The body as text, at most `INPUT_MAX_CHARS` characters; empty for bytes that are no text.

    An API known to answer errors with binary data is believed only where the content type promises text.
    """
    if fault.body_kind in {BodyKind.EMPTY, BodyKind.BINARY}:
        return ""
    if quirks.binary_error_responses and not _promises_text(fault.content_type, quirks):
        return ""
    return _decoded(fault.body[: 4 * INPUT_MAX_CHARS])[:INPUT_MAX_CHARS]


def is_json_type(content_type: str | None, *, quirks: Quirks) -> bool:
    """Whether a content type promises JSON: `application/json`, `…+json`, or the one this API is known to use instead."""
    media = media_type(content_type)
    own = media_type(quirks.json_content_type)
    return media == "application/json" or media.endswith("+json") or bool(own and media == own)


def media_type(content_type: str | None) -> str:
    """The media type alone, in lower case and without parameters; empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _decoded(raw: bytes) -> str:
    # What the codec `utf-8-sig` does, which is written in Python and takes ten times as long.
    return raw.removeprefix(BOM_UTF8).decode("utf-8", "replace")


def _promises_text(content_type: str | None, quirks: Quirks) -> bool:
    media = media_type(content_type)
    return media.startswith("text/") or media.endswith("xml") or is_json_type(content_type, quirks=quirks)


def _parsed(fault: Fault, text: str) -> object:
    if fault.body_kind is not BodyKind.JSON:
        return None
    try:
        value: object = json.loads(text if len(text) < INPUT_MAX_CHARS else _decoded(fault.body))
    except (ValueError, RecursionError):
        return None  # the kept part of a body larger than the bound
    return value


def _read_object(value: Mapping[object, object], text: str, *, shape: ErrorShape, marked: bool) -> Evidence:
    said = read_object(value)
    named, sentences = said.codes, said.messages
    # The bare word of RFC 6749 §5.2 ({"error": "invalid_grant"}) is the code, whatever else the answer carries.
    if "error_description" in value and isinstance(word := value.get("error"), str) and _CODE_FORM.match(word):
        named = [word, *(code for code in named if code != word)]
    if shape is not _USUAL_SHAPE:
        named = [*_own_codes(value, shape), *named]
        words = next((found for place in shape.messages if (found := text_at(value, place))), None)
        sentences = [words, *sentences] if words else sentences
    codes = dict.fromkeys([code.lower() for code in (*named, *said.field_codes)])
    if hashed := [code for code in codes if "#" in code]:
        codes.update(dict.fromkeys([code.rpartition("#")[2] for code in hashed]))
    first = named[0] if named else said.field_codes[0] if said.field_codes else None
    return Evidence(
        text=text,
        code=first.rpartition("#")[2] or None if first else None,
        codes=tuple(codes)[:_CODES_MAX],
        value=value,
        message=sentences[0] if sentences else next(iter(said.field_messages), None),
        marked=marked,
        named=tuple(named[:_CODES_MAX]),
        field_codes=tuple(said.field_codes[:_CODES_MAX]),
        titles=said.titles[:4],
        sentences=sentences,
        about_fields=bool(said.field_messages or said.field_codes),
        declared_status=said.status,
        failure=shape.failure,
    )


def _own_codes(value: object, shape: ErrorShape) -> list[str]:
    """The codes at the places where this API keeps them."""
    found = [as_text(item) for place in shape.codes for item in values_at(value, place)]
    return [code[:_CODE_MAX_CHARS] for code in found if code]


def evidence_of(value: Mapping[object, object], *, text: str) -> Evidence:
    """The evidence of an object found inside a body, as if it had been all of it."""
    return _read_object(value, text, shape=_USUAL_SHAPE, marked=True)


def cut_quotes(words: str) -> str:
    """A message without the values it quotes: those are somebody's data. At most `_WORDS_MAX_CHARS` characters."""
    head = words[:_WORDS_MAX_CHARS]
    if '"' in head or "`" in head or "“" in head or "«" in head:
        return _QUOTED.sub(" '' ", head)
    return _SINGLE_QUOTED.sub(" '' ", head) if "'" in head else head


def _holds(rule: FieldRule, value: object) -> bool:
    return any(text is not None and rule.pattern.is_in(text) for text in map(as_text, values_at(value, rule.place)))


def _read_text(fault: Fault, body: str, text: str, *, marked: bool) -> Evidence:
    if fault.body_kind is BodyKind.HTML:
        title = page_title(body)
        return Evidence(text=text, message=title, marked=marked, page=page_words(body))
    if body.lstrip("\ufeff \t\r\n").startswith("<"):
        return _read_markup(body, text, marked=marked)
    line = body.strip()
    if fault.body_kind is not BodyKind.TEXT or len(line) > _LINE_MAX_CHARS:
        return Evidence(text=text, marked=marked)
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
        sentences=(line,),
        marked=marked,
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
        return Evidence(text=text, message=page_title(body), marked=marked, page=page_words(body))
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
    sides = {code.rpartition(":")[2].partition(".")[0].lower() for code in codes}
    head = body[:600].lower()
    if "exceptionreport" in head:
        named = tuple(dict.fromkeys((*_EXCEPTION_CODE.findall(body[:2_000]), *named)))[:_CODES_MAX]
    return Evidence(
        text=text,
        code=named[0] if named else None,
        codes=tuple(dict.fromkeys(code.lower() for code in named)),
        named=named,
        message=messages[0] if messages else None,
        sentences=(*messages, *details),
        blames_client=not sides.isdisjoint({"client", "sender"}),
        marked=marked or any(mark in head for mark in _XML_ERRORS),
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
        "exceptiontext",
        "serviceexception",
    }
)
_SOAP_SIDES = frozenset({"client", "server", "sender", "receiver", "user"})
_XML_ERRORS = (
    "<error>",
    "<error ",
    "<errorresponse",
    "<errors>",
    "fault>",
    "<exception>",
    "<errorinfo",
    "exceptionreport",
)
