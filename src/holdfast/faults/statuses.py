"""What an HTTP answer means when the catalog does not decide: packs, then codes, then words, then the bare status.

Error codes count before words, because words may be a user's own data; a meaning that says no more than the status
(`invalid_request_error`) gives way to words that do. The statuses follow RFC 9110 and the practice written down in the
labelling rules of the corpus. Nothing here knows a vendor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from holdfast.faults import meanings as m
from holdfast.faults.code_words import meaning_of_code
from holdfast.faults.delays import LONG_WINDOW_S, retry_after_s
from holdfast.faults.evidence import Evidence, evidence_of
from holdfast.faults.fault import BodyKind, Fault
from holdfast.faults.hidden_errors import is_refusal_word, nested_error, user_errors
from holdfast.faults.meanings import Meaning, Weight, read_meaning
from holdfast.faults.message_words import meaning_of_words, says_long_window, says_short_window
from holdfast.faults.own_effects import HELD, is_own_effect, last_part, names_own_id, settle_held
from holdfast.faults.packs import match_packs
from holdfast.faults.packs.edges import is_challenge
from holdfast.faults.packs.oauth import token_meaning
from holdfast.faults.packs.table import Match
from holdfast.faults.reading import Reading
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome

# (category, retryable, outcome); None = the category's default.
_Row = tuple[ErrorCategory, bool | None, Outcome]
_NOT, _UNKNOWN = Outcome.NOT_EXECUTED, Outcome.UNKNOWN
_C = ErrorCategory
_FIXED: MappingProxyType[int, _Row] = MappingProxyType(
    {
        304: (_C.STATE_INCONSISTENT, None, _NOT),
        402: (_C.VALIDATION_FAILED, None, _NOT),
        405: (_C.API_ENDPOINT_REMOVED, None, _NOT),
        407: (_C.NETWORK_CONNECTION_REFUSED, False, _NOT),
        408: (_C.NETWORK_TIMEOUT, None, _UNKNOWN),
        409: (_C.STATE_INCONSISTENT, None, _NOT),
        412: (_C.STATE_INCONSISTENT, None, _NOT),
        # Laravel's own, for a form or session token that is over.
        419: (_C.AUTH_EXPIRED, None, _NOT),
        420: (_C.RATE_LIMIT_BURST, None, _NOT),
        421: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        423: (_C.STATE_INCONSISTENT, True, _NOT),
        424: (_C.API_UNEXPECTED_STATUS, None, _UNKNOWN),
        425: (_C.STATE_INCONSISTENT, True, _NOT),
        429: (_C.RATE_LIMIT_BURST, None, _NOT),
        440: (_C.AUTH_EXPIRED, None, _NOT),
        449: (_C.STATE_INCONSISTENT, True, _NOT),
        451: (_C.AUTH_INVALID, None, _NOT),
        # DeepL's and others' own status for an allowance that is used up.
        456: (_C.RATE_LIMIT_DAILY, None, _NOT),
        460: (_C.USER_CANCELLED, None, _UNKNOWN),
        495: (_C.AUTH_INVALID, None, _NOT),
        496: (_C.AUTH_INVALID, None, _NOT),
        498: (_C.AUTH_EXPIRED, None, _NOT),
        499: (_C.USER_CANCELLED, None, _UNKNOWN),
        501: (_C.API_ENDPOINT_REMOVED, None, _NOT),
        505: (_C.API_UNEXPECTED_STATUS, False, _NOT),
        507: (_C.API_UNEXPECTED_STATUS, False, _NOT),
        508: (_C.API_UNEXPECTED_STATUS, False, _UNKNOWN),
        509: (_C.RATE_LIMIT_BURST, None, _NOT),
        511: (_C.AUTH_INVALID, None, _NOT),
        # Cloudflare's and other edges' own: the origin was never reached, or refused before work.
        521: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        522: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        523: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        525: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        526: (_C.API_UNEXPECTED_STATUS, False, _NOT),
        529: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        530: (_C.API_UNEXPECTED_STATUS, None, _NOT),
        561: (_C.AUTH_INVALID, None, _NOT),
    }
)
_GATEWAYS = frozenset({502, 504, 520, 524, 598, 599})
_STRICT = frozenset({304, 405, 407, 408, 412, 420, 421, 423, 425, 440, 449, 498, 499, 508, 511})
"""Statuses that say all there is to say: only a pack or a code of another kind (a throttle, a credential, a lock) overrules them."""

_OVERRULING = frozenset({_C.RATE_LIMIT_BURST, _C.RATE_LIMIT_DAILY, _C.AUTH_EXPIRED, _C.AUTH_INVALID})
_BELIEVED_AT_429 = _OVERRULING | {_C.STATE_INCONSISTENT}
_CREDENTIALS = frozenset({m.INVALID, m.DENIED, m.RENEWABLE})
# A sentence that begins so is about what was sent, and may go on with it.
_ABOUT_INPUT = re.compile(
    r"(?:invalid value|field|value|parameter|argument|property|attribute|text|title|name|input|body)\b"
)
_AGAIN = re.compile(
    r"(?:try again|retry)(?: later| shortly| soon| in (?:a |the )?(?:few |next )?(?:moment|minute|second)s?)"
    r"|(?:insufficient|no|out of) (?:\w{1,12} )?(?:resources|capacity)\b"
)
_RECORD_GONE = re.compile(
    r"(?:has been|was|is|been) (?:permanently )?(?:deleted|erased|archived|closed)\b|\bunregistered\b|no longer registered"
)
_OF_ROUTE = re.compile(r"\b(?:endpoint|api|version|route|method)\b")
_SERVERISH = re.compile(
    r"internal|unexpected|unknown (?:error|reason|problem)|unavailable|time[d -]{0,2}out|something|could not (?:reach|connect)"
    r"|deadline|server|exception|system|temporar|again|overload"
    r"|upstream|backend|database|null|connection|traceback|crash|panic|retry|later|lagg|busy|wait|failure|problem|memory|provider"
)
_DOCUMENTATION = re.compile(
    r"//(?:docs?|developers?|support|help|wiki)\.|/(?:docs?|documentation|help|swagger|changelog)(?:[/?#.]|$)"
)
_FAILURE = re.compile(r"fail|error|unknown|unavailable|internal|timeout|server|\d")
_FAILURE_CODE = re.compile(r"(?i)internal|unavailable|timeout|server|unknown_?error|exception\Z")
_LOGIN = re.compile(r"log-?in|sign-?in|/sso|/auth|oauth|saml")
_STOPPED_PAGE = re.compile(
    r"hibernat|password to enter|enter using password|opening soon|suspended"
    r"|subscription (?:has )?(?:expired|ended)|account (?:is |has been )?(?:closed|disabled|locked)"
    r"|wake up|trial (?:has )?(?:expired|ended)|terms of (?:use|service) (?:have|must)|accept the terms"
)
_LOGIN_PAGE = re.compile(
    r"\b(?:log|sign)[ -]?(?:in|on)\b|\blogin\b|password|authenticat|single sign|hotspot|wi-?fi|captive"
)
_HTTP_PHRASES = frozenset(
    {"not found", "bad request", "unauthorized", "forbidden", "conflict", "too many requests", "internal server error"}
)


def read_answer(fault: Fault, evidence: Evidence) -> Reading:
    """The reading of an answer; every status has one."""
    status = fault.status
    assert status is not None, "only answers have a status to read"
    if status < 300:
        return _read_success(fault, evidence)
    if status < 400 and status != 304:
        return _read_redirect(fault, evidence, status)
    return _read_error(fault, evidence, status) or _read_bare(fault, evidence, status)


def is_long_window(evidence: Evidence, *, wait_s: float | None) -> bool:
    """Whether a rate limit's window is longer than an hour, by the stated wait or else by the words of the error."""
    if wait_s is not None and wait_s > LONG_WINDOW_S:
        return True
    if says_long_window((evidence.message or evidence.text[:500]).lower()):
        return True
    return len(evidence.sentences) > 1 and says_long_window(evidence.words)


# --- codes and words ---


def _read_error(fault: Fault, evidence: Evidence, status: int) -> Reading | None:
    """What packs, codes and words say, the most exact first; `None` when only the status is left."""
    packed = match_packs(fault, evidence)
    if packed is not None and packed[1].weight is Weight.EXACT and packed[1] is not m.RENEWABLE:
        return _settle(_refined_denial(packed, evidence, status), fault, evidence, status)
    # What a dialect's table knows is not read as words again.
    coded = _best_code(evidence, status) if packed is None or packed[1].weight is Weight.VAGUE else None
    words = evidence.words
    if coded is not None and coded[1].weight is Weight.EXACT:
        return _settle(_refined(coded, words, status), fault, evidence, status)
    if status in _STRICT:
        return None
    if packed is not None and packed[1] is m.RENEWABLE:
        return _settle(_renewable(packed, words), fault, evidence, status)
    said = _by_words(fault, evidence, words, status=status, coded=coded)
    if said is not None:
        reading = _settle(said, fault, evidence, status)
        # A gateway that lost or gave up an answer: words alone do not tell how far the server behind it had got.
        in_between = reading is not None and status in _GATEWAYS and reading.outcome is Outcome.NOT_EXECUTED
        return replace(reading, outcome=_UNKNOWN) if reading is not None and in_between else reading
    if evidence.blames_client and status >= 500:
        return _reading("soap-client", _C.VALIDATION_FAILED)
    for weak in (packed, coded):
        if weak is not None and (reading := _settle(weak, fault, evidence, status)) is not None:
            return reading
    if evidence.declared_status == 429 and status != 429:
        return _reading("declared-429", _C.RATE_LIMIT_BURST)
    return None


def _is_refused_by(coded: Match, evidence: Evidence) -> bool:
    """Whether a class named for what was wrong with the request stands beside words that only say that the server failed."""
    return coded[1] is m.REQUEST and any(code.endswith("Error") and "." in code for code in evidence.named)


def _best_code(evidence: Evidence, status: int) -> Match | None:
    """The most exact meaning among the error's own codes, then its titles; entries about fields can only tell of duplicates."""
    best: Match | None = None
    for code in (*evidence.named, *evidence.titles):
        meaning = None if code.isdecimal() else meaning_of_code(code)
        if meaning is None or not _is_believed(meaning, status):
            continue
        if meaning.weight is Weight.EXACT and code.lower() not in _HTTP_PHRASES:
            return f"generic:code/{meaning.name}", meaning
        if best is None or meaning.weight > best[1].weight:
            best = f"generic:code/{meaning.name}", meaning
    if best is None or best[1].weight is Weight.VAGUE:
        for code in evidence.field_codes:
            if meaning_of_code(code) is m.DUPLICATE and status in {200, 400, 409, 422}:
                return "generic:field-duplicate", m.DUPLICATE
    return best


def _is_believed(meaning: Meaning, status: int) -> bool:
    """Whether a code of this meaning may decide at a status."""
    if status == 429:
        return meaning.category in _BELIEVED_AT_429
    if status in _STRICT:
        return meaning.category in _OVERRULING and meaning.weight is Weight.EXACT
    if status in {401, 403} and meaning is m.MISSING:
        return False
    return not (status in {404, 410} and meaning.category is _C.VALIDATION_FAILED)


def _refined_denial(match: Match, evidence: Evidence, status: int) -> Match:
    """A dialect's code that only says "denied" may come with words that say why."""
    denied = match[1] in _CREDENTIALS and meaning_of_code(match[0].rpartition("/")[2]) is m.DENIED
    return _refined(match, evidence.words, status) if denied else match


def _refined(match: Match, words: str, status: int) -> Match:
    """A credential that is no good may, by the words, have run out; an allowance may be money."""
    rule, meaning = match
    if meaning in _CREDENTIALS and status in {200, 400, 401, 403}:
        said = meaning_of_words(words, 401)
        if said is m.EXPIRED or (said is m.BURST and status != 401):
            return f"{rule}-{said.name}", said
    elif (meaning in HELD or "idempot" in words) and meaning_of_words(words, 409) is m.IN_PROGRESS:
        return f"{rule}-in-progress", m.IN_PROGRESS
    elif meaning in {m.BURST, m.DAILY}:
        said = meaning_of_words(words, 429)
        if said in {m.CREDIT, m.INVALID, m.BAD_INPUT}:
            return f"{rule}-{said.name}", said
    elif meaning is m.TIMEOUT and status < 500 and meaning_of_words(words, 408) is m.STOPPED:
        return f"{rule}-stopped", m.STOPPED
    elif meaning is m.BAD_INPUT and "rate limit" in words and meaning_of_words(words, 400) is m.BURST:
        return f"{rule}-throttled", m.BURST
    return match


def _renewable(match: Match, words: str) -> Match:
    return match[0], token_meaning(words)


def _by_words(fault: Fault, evidence: Evidence, words: str, *, status: int, coded: Match | None) -> Match | None:
    if evidence.page and status not in {404, 410}:
        words = f"{words} {evidence.message or ''} {evidence.page[:600]}".lower()
        if status < 500:
            return None
    if status in {400, 422} and (evidence.about_fields or _ABOUT_INPUT.match(words)):
        return None
    if status == 404 and evidence.page:
        return None
    meaning = meaning_of_words(words, status)
    if meaning is None or (status == 404 and meaning is m.ROUTE and _names_record(fault, evidence)):
        return None
    if meaning is m.UNCERTAIN and coded is not None and _is_refused_by(coded, evidence):
        return None
    return f"generic:words/{meaning.name}", meaning


def _names_record(fault: Fault, evidence: Evidence) -> bool:
    """Whether a code says that a record is missing, and not a route, or the message repeats an address that ends with an id."""
    if "requested resource /" in evidence.words and names_own_id(fault, evidence.words):
        return True
    return any(meaning_of_code(code) is m.MISSING and len(code) > 12 for code in evidence.named)


def _settle(match: Match, fault: Fault, evidence: Evidence, status: int) -> Reading | None:
    rule, meaning = match
    if meaning is m.DONE:
        meaning = m.DONE_HERE if is_own_effect(fault, evidence) else m.STATE
        if meaning is m.STATE and status in {400, 422} and rule.startswith("generic:words"):
            return None
    elif meaning is m.DAILY and _is_short(fault, evidence):
        meaning = m.BURST
    elif meaning is m.ODD_STATE and 400 <= status < 500:
        meaning = settle_held(m.STATE, fault, evidence, status)
    elif meaning in HELD:
        meaning = settle_held(meaning, fault, evidence, status)
    elif meaning is m.EXPIRED and fault.method == "POST" and last_part(fault) == "token":
        # What an endpoint for tokens calls expired is what one renews them with.
        meaning = m.INVALID
    elif meaning is m.CREDIT and says_long_window(evidence.text[:1_500].lower()):
        # Refilled by the calendar, whatever it is called.
        meaning = m.DAILY
    return read_meaning(meaning, status, rule=rule)


def _is_short(fault: Fault, evidence: Evidence) -> bool:
    """Whether an allowance of unknown window is one of an hour at most, by the words or by a short stated wait."""
    text = evidence.text[:1_500].lower()
    if says_long_window(text) or "perday" in text or "permonth" in text:
        return False
    if says_short_window(text):
        return True
    wait_s = retry_after_s(fault)
    return wait_s is not None and wait_s <= LONG_WINDOW_S


# --- bare statuses ---


def _read_bare(fault: Fault, evidence: Evidence, status: int) -> Reading:
    if status == 503 and evidence.page and "nginx" in evidence.page.lower():
        return _reading("503-refused", _C.API_UNEXPECTED_STATUS)
    if status == 408 and (said := meaning_of_words(evidence.words, 408)) is not None:
        return _reading(f"408-{said.name}", said.category)
    if status in _FIXED:
        category, retryable, outcome = _FIXED[status]
        if status in {405, 409, 412}:
            retryable = _asks_again(evidence)
        return _reading(str(status), category, retryable=retryable, outcome=outcome)
    if status == 401:
        return _reading("401", _C.AUTH_INVALID)
    if status == 403:
        if evidence.page and meaning_of_words(f"{evidence.message or ''} {evidence.page[:300]}".lower(), 419):
            return _reading("403-form-token", _C.AUTH_EXPIRED)
        throttled = bool(fault.header_values("retry-after"))
        return _reading("403-throttled" if throttled else "403", _C.RATE_LIMIT_BURST if throttled else _C.AUTH_INVALID)
    if status in {404, 410}:
        return _read_gone(fault, evidence, status)
    if status >= 500:
        return _reading(str(status), _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)
    return _reading(str(status), _C.VALIDATION_FAILED, retryable=_asks_again(evidence))


def _asks_again(evidence: Evidence) -> bool | None:
    """Whether a refusal asks for a later try or says that there is no room now; `None` when it does neither."""
    waits = _AGAIN.search(evidence.words) or any(meaning_of_code(code) is m.UNAVAILABLE for code in evidence.named)
    return True if waits else None


def _read_gone(fault: Fault, evidence: Evidence, status: int) -> Reading:
    # A router that knows no such path answers in HTML or one plain line; an API that knows the path answers about the record.
    is_line = fault.body_kind is BodyKind.TEXT and not evidence.codes[1:] and not evidence.text.lstrip().startswith("<")
    told = evidence.words or evidence.text[:300].lower()
    if status == 410 and fault.body_kind is BodyKind.JSON and _RECORD_GONE.search(told) and not _OF_ROUTE.search(told):
        outcome = Outcome.EXECUTED if fault.method == "DELETE" else _NOT
        return _reading("410-record", _C.STATE_INCONSISTENT, outcome=outcome)
    if status == 410 or fault.body_kind is BodyKind.HTML or is_line:
        return _reading(f"{status}-route", _C.API_ENDPOINT_REMOVED)
    return _reading(f"{status}-record", _C.STATE_INCONSISTENT)


def _read_redirect(fault: Fault, evidence: Evidence, status: int) -> Reading:
    packed = match_packs(fault, evidence)
    if packed is not None and packed[1].category is not _C.API_UNEXPECTED_STATUS:
        reading = read_meaning(packed[1], status, rule=packed[0])
        if reading is not None:
            return reading
    target = " ".join(fault.header_values("location")).lower()[:1_000]
    if _DOCUMENTATION.search(target):
        return _reading(f"{status}-documentation", _C.API_ENDPOINT_REMOVED)
    if _LOGIN.search(target):
        return _reading(f"{status}-login", _C.AUTH_INVALID)
    # 303 is how a server says "done, look there"; 302 is used for it as well.
    outcome = _NOT if status in {301, 307, 308} else _UNKNOWN
    return _reading(f"{status}-redirect", _C.API_UNEXPECTED_STATUS, retryable=False, outcome=outcome)


# --- successes that are none ---


def _read_success(fault: Fault, evidence: Evidence) -> Reading:
    """A 2xx that its reader could not use: an error in the body, or no usable body at all."""
    told = evidence if evidence.says_error and (evidence.named or evidence.words) else _deeper(evidence)
    if told is not None:
        return _read_told(fault, told)
    if evidence.says_error:
        return _reading("200-error-body", _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)
    if fault.body_kind is BodyKind.HTML or evidence.page:
        return _reading("2xx-page", _C.API_RESPONSE_MALFORMED, retryable=_page_retryable(evidence), outcome=_UNKNOWN)
    # Nothing may come from something in between; anything else is the API's own answer: the work was done.
    outcome = _UNKNOWN if fault.body_kind is BodyKind.EMPTY else Outcome.EXECUTED
    return _reading("2xx-unreadable", _C.API_RESPONSE_MALFORMED, outcome=outcome)


def _deeper(evidence: Evidence) -> Evidence | None:
    """The evidence of an error further inside: in a mutation's own list, in one answer of a batch, in a job's result."""
    if not isinstance(evidence.value, dict):
        return None
    failed = evidence.value.get("data") if evidence.value.get("status") == "fail" else None
    if isinstance(failed, dict):
        return evidence_of({"errors": failed}, text=evidence.text)  # JSend: what is wrong, by field
    own = user_errors(evidence.value)
    inner: Mapping[object, object] | None = {"errors": [own]} if own is not None else nested_error(evidence.value)
    return None if inner is None else evidence_of(inner, text=evidence.text)


def _read_told(fault: Fault, evidence: Evidence) -> Reading:
    status = evidence.declared_status or 200
    reading = _read_error(fault, evidence, status)
    if reading is not None and (reading.outcome is _NOT or not _is_refused(evidence)):
        return reading
    if _is_refused(evidence):
        return _reading("200-refused", _C.VALIDATION_FAILED)
    if status != 200:
        if status in {404, 410}:
            return _reading("200-record", _C.VALIDATION_FAILED)
        return _read_bare(fault, evidence, status)
    said = meaning_of_words(evidence.words, 200)
    if said is None and (evidence.about_fields or _refuses_by_code(evidence)):
        said = m.BAD_INPUT
    settled = None if said is None else read_meaning(said, 200, rule="generic:200-words")
    if settled is None and _is_about_content(evidence):
        # Nobody recognised it; a specific complaint is more often about what was sent than about the server.
        return _reading("200-complaint", _C.VALIDATION_FAILED, outcome=_UNKNOWN)
    return settled or _reading("200-error-body", _C.API_UNEXPECTED_STATUS, outcome=_UNKNOWN)


def _is_about_content(evidence: Evidence) -> bool:
    words = evidence.words
    return words.count(" ") >= 2 and not _SERVERISH.search(words) and not any(map(_FAILURE_CODE.search, evidence.named))


def _is_refused(evidence: Evidence) -> bool:
    return isinstance(evidence.value, dict) and is_refusal_word(evidence.value.get("status"))


def _refuses_by_code(evidence: Evidence) -> bool:
    """Whether `{"ok": false}` comes with a word for the reason that is none for a failure of the server: APIs have such words for refusals."""
    value = evidence.value
    if not isinstance(value, dict) or not (value.get("ok") is False or value.get("success") is False):
        return False
    return any("_" in code and not _FAILURE.search(code.lower()) for code in evidence.named)


def _page_retryable(evidence: Evidence) -> bool | None:
    """A page that wants a person (a login, a challenge, a shop's password) comes again however often it is asked for."""
    page = f"{evidence.message or ''} {evidence.page}".lower()
    wants_person = (
        is_challenge(page) or _STOPPED_PAGE.search(page) or _LOGIN_PAGE.search((evidence.message or "").lower())
    )
    return False if wants_person else None


def _reading(
    rule: str, category: ErrorCategory, *, retryable: bool | None = None, outcome: Outcome = Outcome.NOT_EXECUTED
) -> Reading:
    return Reading(category=category, rule=f"generic:{rule}", retryable=retryable, outcome=outcome)
