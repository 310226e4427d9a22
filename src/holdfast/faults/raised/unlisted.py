"""What the name of a class says when its library is in no table: read as words, like an error code.

`RateLimitExceeded`, `InvalidApiKeyError` and `ConnectionLostError` mean the same in every library that has them. Programmers choose these names for
other programmers to catch by, so they are evidence of the same kind as a vendor's codes, and the same grammar reads them. What only exceptions
have, ways of losing a connection and of failing to read an answer, is here. A name proves less than a table: a bare word such as `Error` says
nothing, a server that is unwell may be only how a client passes on a refused connection, and a validator's own class is about data, not about a call.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache

from holdfast.faults import meanings as m
from holdfast.faults.code_words import meaning_of_code, words_of
from holdfast.faults.fault import Phase
from holdfast.faults.meanings import Meaning
from holdfast.faults.raised.meaning import (
    AUTH,
    CANCEL,
    INVALID,
    MALFORMED,
    REFUSED,
    REMOVED,
    SERVER,
    STATE,
    TIMEOUT,
    ExceptionMeaning,
    Weight,
    meaning,
)
from holdfast.faults.raised.reckoned import reckon
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Outcome

NAMED = "exception:name/"
"""How the rules of this module begin."""

_NAME_MAX_CHARS = 120
_REMEMBERED_MAX = 4_096
_RECORD_STATUS = 404
_OWN_DATA = frozenset(
    [
        "pydantic",
        "pydantic_core",
        "marshmallow",
        "jsonschema",
        "cerberus",
        "voluptuous",
        "django",
        "rest_framework",
        "wtforms",
        "schematics",
        "msgspec",
        "cattrs",
        "attr",
        "attrs",
        "typeguard",
        "beartype",
        "colander",
        "fastjsonschema",
        "click",
        "typer",
        "pytest",
        "hypothesis",
        "jinja2",
        "yaml",
        "ruamel",
        "tomlkit",
        "lark",
        "pyparsing",
    ]
)
"""Libraries whose classes are about a program's own data and text, after a call as well as before it."""


def _way(
    category: ErrorCategory,
    phase: Phase,
    rule: str,
    *,
    weight: Weight = Weight.VAGUE,
    retryable: bool | None = None,
    outcome: Outcome | None = None,
    health: Health | None = None,
) -> ExceptionMeaning:
    return meaning(
        category, phase, rule=f"name/{rule}", weight=weight, retryable=retryable, outcome=outcome, health=health
    )


_TIMED_OUT = _way(TIMEOUT, Phase.READ, "timeout")
_GATEWAY = _way(SERVER, Phase.ANSWER, "gateway-timeout")
_LOCAL = _way(INVALID, Phase.LOCAL, "local", weight=Weight.ECHO, health=Health.NEUTRAL)
_INPUT = _way(INVALID, Phase.ANSWER, "input", weight=Weight.ECHO)
_UNREADABLE = _way(MALFORMED, Phase.BODY, "unreadable", weight=Weight.ECHO)
_LOST = _way(REFUSED, Phase.READ, "connection")
_NO_CONNECTION = _way(REFUSED, Phase.CONNECT, "connect")

_DUPLICATE = _way(STATE, Phase.ANSWER, "duplicate", weight=Weight.ECHO)

# What only exceptions say, before codes are read: the first whose expression is in the name (in lower case, written together) counts.
_FIRST: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...] = (
    (re.compile(r"redirect"), _way(SERVER, Phase.ANSWER, "redirects", retryable=False, weight=Weight.ECHO)),
    (re.compile(r"sessiontimeout|locktimeout|lockwait"), _way(STATE, Phase.ANSWER, "locked", retryable=True)),
    (re.compile(r"pool\w{0,12}time(?:d)?out|checkouttime"), _way(TIMEOUT, Phase.CONNECT, "pool-timeout", health=Health.NEUTRAL)),
    (
        re.compile(r"connect(?:ing)?time(?:d)?out|(?:dns|resol\w{1,6}|handshake)time(?:d)?out"),
        _way(TIMEOUT, Phase.CONNECT, "connect-timeout"),
    ),
    (re.compile(r"gatewaytime"), _GATEWAY),
    (re.compile(r"writetime|sendtime"), _way(TIMEOUT, Phase.WRITE, "write-timeout")),
    (re.compile(r"time(?:d)?out|deadline(?:exceeded|expired|error)|tooslow"), _TIMED_OUT),
    (re.compile(r"certificate|cert(?:error|verif)|hostkey"), _way(REFUSED, Phase.TLS, "certificate", retryable=False)),
    (re.compile(r"\b(?:ssl|tls)|handshake"), _way(REFUSED, Phase.TLS, "tls")),
    (re.compile(r"\bdns|unknownhost|hostnotfound|nameresolution|resolvehost|hostresol"), _way(REFUSED, Phase.CONNECT, "name-resolution")),
    (re.compile(r"backpressure|loadshed"), _way(SERVER, Phase.ANSWER, "overloaded", outcome=Outcome.NOT_EXECUTED)),
    (re.compile(r"proxy"), _way(REFUSED, Phase.CONNECT, "proxy")),
    (re.compile(r"duplicate(?:key|entry|record)|uniqueviolation|notunique|uniqueconstraint"), _DUPLICATE),
    (re.compile(r"nosuch|keynotfound|keymissing"), _way(STATE, Phase.ANSWER, "record", weight=Weight.ECHO)),
    (re.compile(r"nottheleader|notleader|notprimary|notmaster|leadernot|wrongleader"), _way(STATE, Phase.ANSWER, "not-leader", retryable=True)),
    (
        re.compile(
            r"no(?:available)?(?:servers?|brokers?|hosts?|nodes?|backends?|valid\w{0,12}connections?)(?:available|error|\b)|(?:all|every)(?:hosts?|nodes?|servers?)"
            r"(?:down|failed)|unreachable|connect(?:ion)?refused|(?:cannot|cant|unableto|failedto|couldnot)connect|connecterror|connectfail|notconnected"
        ),
        _NO_CONNECTION,
    ),
    (
        re.compile(r"(?:request|call|operation|query|user|client|task|job)cancel|\bcancel(?:l?ed|lation)(?:error|exception)?\b|(?:by|from)user"),
        _way(CANCEL, Phase.FUNCTION, "cancelled"),
    ),
    (
        re.compile(
            r"decod(?:e|ing)|deseriali[sz]|unmarshal|(?:response|body|json|xml|reply|payload|content|html)\w{0,12}(?:pars|valid|format|malform|unexpect|incomplet|empty)"
            r"|(?:invalid|malformed|bad|unexpected|unparsable|incomplete|empty|corrupt|truncated|unreadable)(?:api|http|server)?(?:response|reply|answer|json|xml|content|body|zip)"
            r"|badzipfile|incompleteread|truncat|protocolerror|badstatusline|contenttype|unexpectedcontent"
        ),
        _UNREADABLE,
    ),
    (re.compile(r"encod(?:e|ing)|seriali[sz]|marshal"), _LOCAL),
    (re.compile(r"configur|settings|notinstalled|missingdependen|notinitiali[sz]ed"), _LOCAL),
)  # fmt: skip
# What codes do not name, after they were read.
_LAST: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...] = (
    (re.compile(r"login|logon|signin|credential|unauth|passw"), _way(AUTH, Phase.ANSWER, "credential", weight=Weight.ECHO)),
    (
        re.compile(r"disconnect|connection|connlost|socket|network|transport|brokenpipe|peer(?:gone|closed|reset)|hangup|streamclosed|channelclosed"),
        _LOST,
    ),
    (re.compile(r"gone\b|deprecated|endpointremoved"), _way(REMOVED, Phase.ANSWER, "route", weight=Weight.ECHO)),
    (
        re.compile(
            r"validation|usererror|invalid|illegal|malformed|badrequest|badquery|badparam|unprocessable|paymentrequired|reject|declin|constraint|integrity"
            r"|toolarge|toolong|toobig|outofrange|unsupported|notsupported|unwilling|notallowed"
        ),
        _INPUT,
    ),
)  # fmt: skip

_VAGUE_CODES = {
    m.ROUTE: (frozenset(["route", "method", "version", "deprecated", "model", "api"]), _INPUT),
    m.PATH: (frozenset({"route"}), _INPUT),
    m.CONFIGURATION: (frozenset(), _LOCAL),
}
"""Codes that mean less as a class: what is called unsupported is mostly an argument, unless it is a part of an interface."""


@lru_cache(maxsize=_REMEMBERED_MAX)
def read_name(name: str) -> ExceptionMeaning | None:
    """What the name of a class says by its words; `None` where it says nothing, and for Python's own and for validators' classes.

    Args:
        name: the class by its module and name. Only the name counts; a name without a module is Python's own.
    """
    module, _, kind = name[-_NAME_MAX_CHARS:].rpartition(".")
    library = name.partition(".")[0]
    if not module or library in _OWN_DATA or library in sys.stdlib_module_names:
        return None
    joined = "".join(character for character in kind if character.isalnum()).lower()
    first = _search(_FIRST, joined)
    if first is not None:
        return first
    coded = meaning_of_code(kind)
    if coded is None:
        return _search(_LAST, joined)
    return _as_class(coded, words_of(kind))


def _search(rows: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...], joined: str) -> ExceptionMeaning | None:
    return next((found for pattern, found in rows if pattern.search(joined)), None)


def _as_class(coded: Meaning, words: frozenset[str]) -> ExceptionMeaning:
    needed, otherwise = _VAGUE_CODES.get(coded, (words, None))
    if otherwise is not None and needed.isdisjoint(words):
        return otherwise
    # Clients raise "not found" for the 404 of an address; a limit of which nothing else is known is one of a rate.
    status = {m.MISSING: _RECORD_STATUS, m.PATH: _RECORD_STATUS, m.LIMIT: 429}.get(coded)
    return reckon(coded, f"{NAMED}{coded.name}", status=status)
