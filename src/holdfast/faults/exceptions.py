"""What the names of exceptions mean: how far the attempt got, which category that is, and whether the side effect can have happened.

Exceptions are recognised by their class names, along the line of ancestors and then the chain of causes, so that nothing has to be imported to
know them; `holdfast.faults.raised` has the tables, one per family of libraries. A name that says little by itself (`OSError`, `ConnectionError`)
gives way to a more exact cause, or to the words in the message. HTTP answers are not its business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from holdfast.faults.fault import Phase
from holdfast.faults.raised.amazon import read_aws_code
from holdfast.faults.raised.databases import read_mysql_number
from holdfast.faults.raised.mail import read_smtp_reply
from holdfast.faults.raised.meaning import (
    CERTIFICATE,
    NAME,
    NOT_SENT,
    READ_TIMEOUT,
    TLS,
    UNKNOWN,
    ExceptionMeaning,
    Weight,
)
from holdfast.faults.raised.names import look_up
from holdfast.faults.raised.postgres import read_sqlstate
from holdfast.faults.raised.rpc import read_grpc_code
from holdfast.faults.raised.stores import read_mongo_number
from holdfast.faults.raised.system import read_errno, read_system_words
from holdfast.faults.raised.told_codes import CODED, SPOKEN, read_told_code, read_told_words
from holdfast.faults.raised.unlisted import NAMED, read_name
from holdfast.faults.verdict import Outcome

_SECURED = frozenset({CERTIFICATE, NAME, TLS})
_SENT = frozenset({Phase.WRITE, Phase.READ, Phase.BODY})
_BENEATH = frozenset({"", "asyncio", "socket", "ssl", "http", "anyio", "trio"})
"""What connections are made with: a timeout of theirs may be one of connecting."""
_REMEMBERED_MAX = 512


OPEN_GROUP = "group:open"
"""The code of a group of exceptions of which at least one does not rule out that something was done."""


def read_exception(
    lineage: Sequence[str],
    chain: Sequence[str],
    *,
    message: str,
    code: str | None = None,
    words: Sequence[str] = (),
) -> ExceptionMeaning:
    """Find the meaning of an exception.

    Args:
        lineage: its class names, own first, oldest ancestor last.
        chain: the class names of its causes, nearest first.
        message: its text.
        code: the code it carries beside its text, as `kind:value` (`sqlstate:40001`, `errno:ENETUNREACH`, `grpc:UNAVAILABLE`).
        words: the texts of its causes, in the order of `chain`; empty where only names are known.
    """
    return _read(tuple(lineage), tuple(chain), message, code, tuple(words))


def knows(name: str) -> bool:
    """Whether a class of this qualified name has a meaning of its own here."""
    return look_up(name) is not None


def is_guessed(rule: str) -> bool:
    """Whether a rule only read the words of a name or a text: an answer that the text tells of, or that a cause carries, says more."""
    return rule == UNKNOWN.rule or rule.startswith((NAMED, CODED, SPOKEN))


def read_code(code: str, message: str) -> ExceptionMeaning | None:
    """What a code that an exception carries means, written as `kind:value`."""
    kind, _, value = code.partition(":")
    match kind:
        case "sqlstate":
            found = read_sqlstate(value)
            return (found.by_words(message) or found) if found is not None and found.by_words else found
        case "errno":
            return read_errno(value)
        case "grpc":
            return read_grpc_code(value, message)
        case "aws":
            return read_aws_code(value, message)
        case "mysql":
            return read_mysql_number(value)
        case "mongo":
            return read_mongo_number(value)
        case "smtp":
            return read_smtp_reply(int(value), message) if value.isdigit() else None
        case _:
            return None


# A pure function of names and texts, so remembering is invisible; a fault is read once when it is captured and once when it is judged.
@lru_cache(maxsize=_REMEMBERED_MAX)
def _read(
    lineage: tuple[str, ...], chain: tuple[str, ...], message: str, code: str | None, words: tuple[str, ...]
) -> ExceptionMeaning:
    own = _first(lineage)
    # The operating system's number is the same for a connection that was being made and for one in use: who knows more than that goes first.
    is_exact = own is not None and own.weight >= Weight.ECHO
    if code is not None and not (is_exact and code.startswith("errno:")):
        coded = read_code(code, message)
        if coded is not None:
            return _with_earlier(coded, lineage, chain)
    if own is not None and own.by_words is not None and (told := own.by_words(message)) is not None:
        return _with_earlier(told, lineage, chain)
    if own is not None and is_exact:
        return _with_earlier(_refined(own, chain, message), lineage, chain)
    causes = _read_causes(chain, message=message, words=words)
    exact = [cause for cause in causes if cause.weight is Weight.EXACT]
    if exact:
        return _of_group(_most_cautious(exact), code)
    return _of_group(_read_rest(own, causes, message=message, lineage=lineage), code)


def _of_group(found: ExceptionMeaning, code: str | None) -> ExceptionMeaning:
    """What some members of a group rule out, others may have done."""
    is_open = code == OPEN_GROUP and found.outcome is Outcome.NOT_EXECUTED
    return replace(found, outcome=Outcome.UNKNOWN) if is_open else found


def _read_rest(
    own: ExceptionMeaning | None, causes: list[ExceptionMeaning], *, message: str, lineage: tuple[str, ...]
) -> ExceptionMeaning:
    """What is left where nothing exact is known: the system's words, a code in the text, names, and at last sentences."""
    if own is not None and own.weight is Weight.MISTAKE:
        return _weightiest(causes, own) or own
    spoken = read_system_words(message)
    # A bare "timed out" says less than a name does.
    if spoken is not None and not (spoken is READ_TIMEOUT and is_named(own)):
        return spoken
    told = read_told_code(message)
    if told is not None and told.weight >= Weight.ECHO:
        return told
    best = _weightiest(causes, own)
    if best is not None and best.rule != UNKNOWN.rule:
        return best
    return told or read_told_words(message, lineage[0] if lineage else "") or best or UNKNOWN


def is_named(meaning: ExceptionMeaning | None) -> bool:
    """Whether only the words of a name say what is meant, which an answer's own words outdo."""
    return meaning is not None and meaning.rule.startswith(NAMED)


def _first(names: Iterable[str]) -> ExceptionMeaning | None:
    """The nearest meaning. What only a name says gives way to an ancestor of which more is known."""
    named: ExceptionMeaning | None = None
    for name in names:
        found = meaning_of_name(name)
        if found is None:
            continue
        if not is_named(found):
            return named if named is not None and _outdoes(named, found) else found
        named = named or found
    return named


def _outdoes(named: ExceptionMeaning, ancestor: ExceptionMeaning) -> bool:
    """Whether the words of a name stand beside what a table knows of an ancestor: they tell answers apart, not how far an attempt got."""
    if ancestor.weight < Weight.ECHO:
        return True
    return named.weight >= Weight.ECHO and ancestor.phase in {Phase.ANSWER, Phase.FUNCTION}


def meaning_of_name(name: str) -> ExceptionMeaning | None:
    """The meaning of a class: its table's, or else what its name says. A stranger's `PermissionError` is not Python's."""
    found = look_up(name)
    if found is None:
        return read_name(name)
    return (read_name(name) or found) if found.weight is Weight.MISTAKE and "." in name else found


def _read_causes(chain: tuple[str, ...], *, message: str, words: tuple[str, ...]) -> list[ExceptionMeaning]:
    found: list[ExceptionMeaning] = []
    for index, name in enumerate(chain):
        meaning = meaning_of_name(name)
        if meaning is None:
            continue
        # Who wraps an exception mostly quotes it: without the cause's own text, the message is where its words are.
        text = words[index] if index < len(words) else message
        told = meaning.by_words(text) if meaning.by_words is not None else None
        found.append(told or meaning)
    return found


def _most_cautious(causes: list[ExceptionMeaning]) -> ExceptionMeaning:
    """Of several causes, the nearest of those that leave most open: a reset below a refusal may have been seen by the other side."""
    outcomes = {cause.outcome for cause in causes}
    if len(outcomes) == 1:
        return causes[0]
    unknown = next((cause for cause in causes if cause.outcome is Outcome.UNKNOWN), None)
    # One part happened and another did not: of the whole, neither is true.
    return unknown or replace(causes[0], outcome=Outcome.UNKNOWN)


def _weightiest(causes: list[ExceptionMeaning], own: ExceptionMeaning | None) -> ExceptionMeaning | None:
    known = [own, *causes] if own is not None else causes
    return max(known, key=lambda meaning: meaning.weight) if known else None


def _with_earlier(own: ExceptionMeaning, lineage: tuple[str, ...], chain: tuple[str, ...]) -> ExceptionMeaning:
    """Remember an earlier attempt: no library meets its own lost answer on the way to a connection, so who sees both has tried twice."""
    if own.outcome is not Outcome.NOT_EXECUTED or own.phase not in NOT_SENT:
        return own
    library = _library(lineage[0])
    for name in chain:
        earlier = look_up(name) if _library(name) == library or "." in name else None
        if earlier is READ_TIMEOUT and _library(name) not in _BENEATH:
            return replace(own, outcome=Outcome.UNKNOWN)
        if (
            _library(name) == library
            and earlier is not None
            and earlier.phase in _SENT
            and earlier.weight is Weight.EXACT
        ):
            return replace(own, outcome=Outcome.UNKNOWN)
    return own


def _library(name: str) -> str:
    """The library of a class by its qualified name; empty for what Python has built in."""
    return name.partition(".")[0] if "." in name else ""


def _refined(own: ExceptionMeaning, chain: tuple[str, ...], message: str) -> ExceptionMeaning:
    """Make a failed connection more exact. Nothing was sent, whatever the words: only meanings that agree with that may take over."""
    if own.phase is not Phase.CONNECT or own.rule != "exception:connect":
        return own
    causes = [look_up(name) for name in chain]
    exact = next((cause for cause in causes if cause in _SECURED), None)
    if exact is not None:
        return exact
    if any(cause is not None and cause.weight is Weight.EXACT and cause is not own for cause in causes):
        return own
    spoken = read_system_words(message)
    if spoken in _SECURED:
        return spoken
    return TLS if any("SSL" in name for name in chain) else own
