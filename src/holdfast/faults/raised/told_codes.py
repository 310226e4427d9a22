"""Codes that the text of an exception begins with or quotes, for exceptions whose class says little.

Three kinds: states of SQL (`(40001)`, `SQLSTATE[23505]`), numbers of the operating system (`errno 111`), and words in the place where libraries put
the other side's code (`CODE: text`, `[CODE] text`, `(code) text`, `code=…`). A number alone is no code: it may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from holdfast.faults import meanings as m
from holdfast.faults.code_words import meaning_of_code
from holdfast.faults.meanings import Meaning, Weight as MeaningWeight
from holdfast.faults.message_words import meaning_of_words, says_long_window
from holdfast.faults.packs import aws, azure, google, oauth
from holdfast.faults.packs.table import best_of
from holdfast.faults.raised.meaning import ExceptionMeaning
from holdfast.faults.raised.postgres import read_sqlstate
from holdfast.faults.raised.reckoned import reckon
from holdfast.faults.raised.rpc import read_grpc_code
from holdfast.faults.raised.system import read_errno

_OF_ANYTHING = frozenset({m.BAD_INPUT, m.MISSING})
_ANSWERED = re.compile(r"api|http|rest|rpc|response|request(?:error|exception)", re.IGNORECASE)

CODED = "exception:code/"
SPOKEN = "exception:words/"

_HEAD_MAX_CHARS = 600
_SQLSTATE = re.compile(
    r"SQLSTATE[ \[=:(]{1,3}(?P<named>[0-9A-Z]{5})\b|\A(?:\w{1,40}: )?(?:Error |ERROR )?-?\d{1,7} \((?P<state>[0-9A-Z]{5})\)"
    r"|\AERROR:? (?P<bare>[0-9][0-9A-Z]{4}):"
)
_ERRNO = re.compile(r"\b(?:errno|os error|WinError)[ =:#(]{0,3}(?P<number>\d{1,5})\b", re.IGNORECASE)
_GRPC = re.compile(r"\bStatusCode\.(?P<code>[A-Z_]{2,30})\b")
# The places of a code: alone before a colon or a dash, in brackets at the beginning, after the word for it.
_PLACES = (
    re.compile(r"\A\W{0,2}(?P<code>[A-Za-z][A-Za-z0-9_.]{3,80})[\])]?(?::| -|\Z)"),
    re.compile(r"\A(?:\w{1,40}: ?)?[\[(](?P<code>[A-Za-z][\w.\-]{3,60})[\])]"),
    re.compile(
        r"\b(?:error[ _]?(?:code|type|name)|code|reason|error|status)['\"]?\s{0,2}[:=]\s{0,2}['\"]?(?P<code>[A-Za-z][\w.\-]{3,80})\b",
        re.IGNORECASE,
    ),
)
_CODE_LIKE = re.compile(r"_|\.|[a-z][A-Z]|\A[A-Z]{4,80}\Z")
"""A word written as programs write them: `rate_limited`, `auth.failed`, `TooManyRequests`, `THROTTLED`."""

ERRNOS = MappingProxyType(
    {
        # Linux
        "24": "EMFILE",
        "32": "EPIPE",
        "101": "ENETUNREACH",
        "103": "ECONNABORTED",
        "104": "ECONNRESET",
        "110": "ETIMEDOUT",
        "111": "ECONNREFUSED",
        "113": "EHOSTUNREACH",
        # macOS and the BSDs
        "51": "ENETUNREACH",
        "53": "ECONNABORTED",
        "54": "ECONNRESET",
        "60": "ETIMEDOUT",
        "61": "ECONNREFUSED",
        "65": "EHOSTUNREACH",
        # Windows Sockets
        "10051": "ENETUNREACH",
        "10053": "ECONNABORTED",
        "10054": "ECONNRESET",
        "10060": "ETIMEDOUT",
        "10061": "ECONNREFUSED",
        "10065": "EHOSTUNREACH",
    }
)
"""Numbers in texts by their names; where two systems count differently, the numbers do not meet among these."""


def read_told_code(message: str) -> ExceptionMeaning | None:
    """What the code at the beginning of a text means; `None` where there is none that is known."""
    head = message[:_HEAD_MAX_CHARS]
    return _read_standard(head) or _read_word(head)


def read_told_words(message: str, kind: str) -> ExceptionMeaning | None:
    """What the sentences of a text mean, as those of an error in a success would: the last resort.

    Args:
        message: the text.
        kind: the name of the class. Only of one that is raised for answers, "not found" and "invalid" are believed: they are said of anything.
    """
    words = message[:_HEAD_MAX_CHARS].lower()
    meaning = meaning_of_words(words, 200)
    if meaning is m.MISSING and meaning_of_words(words, 404) is m.ROUTE:
        meaning = m.ROUTE
    if meaning is None or (meaning in _OF_ANYTHING and not _ANSWERED.search(kind.rpartition(".")[2])):
        return None
    # Clients raise "not found" for the 404 of an address more often than for a name in a body.
    return reckon(meaning, f"{SPOKEN}{meaning.name}", status=404 if meaning is m.MISSING else None)


def _read_standard(head: str) -> ExceptionMeaning | None:
    """Codes of SQL, of gRPC and of the operating system, in the ways in which they are written everywhere."""
    if found := _SQLSTATE.search(head):
        state = read_sqlstate(found["named"] or found["state"] or found["bare"])
        if state is not None:
            return (state.by_words(head) if state.by_words else None) or state
    if (found := _GRPC.search(head)) and (called := read_grpc_code(found["code"], head)) is not None:
        return called
    found = _ERRNO.search(head)
    return read_errno(ERRNOS.get(found["number"], "")) if found else None


def _read_word(head: str) -> ExceptionMeaning | None:
    """The first code that names a cause; one that is as general as a class of statuses only where there is no other."""
    weak: ExceptionMeaning | None = None
    for code in _codes(head):
        meaning = _meaning_of(code, head.lower())
        if meaning is None:
            continue
        row = reckon(meaning, f"{CODED}{meaning.name}")
        if meaning.weight is MeaningWeight.EXACT:
            return row
        weak = weak or row
    return weak


def _meaning_of(code: str, words: str) -> Meaning | None:
    match = (
        best_of((code,), oauth.ERRORS, pack="oauth")
        or best_of((code,), google.STATES, pack="google")
        or best_of((code,), aws.CODES, pack="aws")
        or best_of((code,), azure.CODES, pack="azure")
    )
    meaning = match[1] if match is not None else meaning_of_code(code)
    if meaning is m.RENEWABLE:
        return oauth.token_meaning(words)
    return m.DAILY if meaning in {m.BURST, m.LIMIT} and says_long_window(words) else meaning


def _codes(head: str) -> Iterator[str]:
    for place in _PLACES:
        found = place.search(head)
        if found is not None and _CODE_LIKE.search(found["code"]):
            yield found["code"].rstrip(".")
