"""What one exception can mean: the words in which the tables of this package speak.

A table says of a class: which category it is, how far the attempt had got, whether the side effect can have happened. Where one class
stands for several things, the table names a reader of its message as well. Decides nothing: choosing between an exception and its causes
is the business of `holdfast.faults.exceptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from types import MappingProxyType
from typing import TypeAlias

from holdfast.faults.fault import Phase
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Outcome


@unique
class Weight(IntEnum):
    """How much a class says by itself, beside its causes and its message."""

    VAGUE = 0
    """Next to nothing (`OSError`): causes and words are preferred."""

    MISTAKE = 1
    """A program's own mistake (`ValueError`): often only how somebody passes on what really happened, so an exact cause is preferred."""

    ECHO = 2
    """Exact where it is raised; below another exception only its echo (`TimeoutError` and `CancelledError` below every client's timeout)."""

    EXACT = 3
    """One thing, wherever it stands."""


# Compared by identity: the tables share their rows, and looking one up must not cost a comparison of all fields.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExceptionMeaning:
    """What an exception says; `retryable` and `health` are `None` where the category's default holds.

    `by_words` reads the message where the class leaves a choice, and returns `None` where the words say nothing either.
    """

    category: ErrorCategory
    phase: Phase
    outcome: Outcome
    rule: str
    retryable: bool | None = None
    health: Health | None = None
    weight: Weight = Weight.EXACT
    by_words: WordReader | None = None


WordReader: TypeAlias = Callable[[str], "ExceptionMeaning | None"]
Table: TypeAlias = Mapping[str, ExceptionMeaning]

NOT_SENT = frozenset({Phase.LOCAL, Phase.CONNECT, Phase.TLS})
"""Phases before the request left: nothing can have been done."""

REFUSED = ErrorCategory.NETWORK_CONNECTION_REFUSED
TIMEOUT = ErrorCategory.NETWORK_TIMEOUT
MALFORMED = ErrorCategory.API_RESPONSE_MALFORMED
INVALID = ErrorCategory.VALIDATION_FAILED
STATE = ErrorCategory.STATE_INCONSISTENT
AUTH = ErrorCategory.AUTH_INVALID
EXPIRED = ErrorCategory.AUTH_EXPIRED
BURST = ErrorCategory.RATE_LIMIT_BURST
DAILY = ErrorCategory.RATE_LIMIT_DAILY
SERVER = ErrorCategory.API_UNEXPECTED_STATUS
REMOVED = ErrorCategory.API_ENDPOINT_REMOVED
CANCEL = ErrorCategory.USER_CANCELLED

REFUSALS = frozenset({INVALID, STATE, AUTH, EXPIRED, BURST, DAILY, REMOVED})
"""Categories of whole answers that say: I did not do it."""


def meaning(
    category: ErrorCategory,
    phase: Phase,
    *,
    rule: str,
    outcome: Outcome | None = None,
    retryable: bool | None = None,
    health: Health | None = None,
    weight: Weight = Weight.EXACT,
    by_words: WordReader | None = None,
) -> ExceptionMeaning:
    """One row; the outcome follows from the phase (nothing sent, nothing done) and, for a whole answer, from whether it is a refusal."""
    if outcome is None:
        refused = phase in NOT_SENT or (phase is Phase.ANSWER and category in REFUSALS)
        outcome = Outcome.NOT_EXECUTED if refused else Outcome.UNKNOWN
    return ExceptionMeaning(
        category=category,
        phase=phase,
        outcome=outcome,
        rule=f"exception:{rule}",
        retryable=retryable,
        health=health,
        weight=weight,
        by_words=by_words,
    )


def said(
    category: ErrorCategory, rule: str, *, outcome: Outcome | None = None, retryable: bool | None = None
) -> ExceptionMeaning:
    """One row for what a server said in a whole answer."""
    return meaning(category, Phase.ANSWER, rule=rule, outcome=outcome, retryable=retryable)


def table(rows: Iterable[tuple[str, ExceptionMeaning]]) -> Table:
    """Rows of (names separated by spaces, meaning) as a table by name; a name that stands twice is a mistake."""
    found: dict[str, ExceptionMeaning] = {}
    for names, row in rows:
        for name in names.split():
            assert name not in found, f"{name} stands twice"
            found[name] = row
    return MappingProxyType(found)


# --- what occurs in many libraries ---

UNKNOWN = meaning(SERVER, Phase.FUNCTION, rule="unknown", health=Health.FAILURE)
CLOSED = meaning(REFUSED, Phase.READ, rule="closed")
RESET = meaning(REFUSED, Phase.READ, rule="reset")
WRITE_LOST = meaning(REFUSED, Phase.WRITE, rule="write")
BROKEN_PIPE = meaning(REFUSED, Phase.WRITE, rule="broken-pipe")
TLS_CLOSED = meaning(REFUSED, Phase.READ, rule="tls-closed")
CONNECT = meaning(REFUSED, Phase.CONNECT, rule="connect")
PEER_REFUSED = meaning(REFUSED, Phase.CONNECT, rule="refused")
PROXY = meaning(REFUSED, Phase.CONNECT, rule="proxy")
NAME = meaning(REFUSED, Phase.CONNECT, rule="name-resolution")
TLS = meaning(REFUSED, Phase.TLS, rule="tls")
CERTIFICATE = meaning(REFUSED, Phase.TLS, rule="certificate", retryable=False)
DESCRIPTORS = meaning(REFUSED, Phase.CONNECT, rule="descriptors", health=Health.NEUTRAL)
PROTOCOL = meaning(MALFORMED, Phase.READ, rule="protocol")
CUT = meaning(MALFORMED, Phase.BODY, rule="body-cut")
DECODING = meaning(MALFORMED, Phase.BODY, rule="decoding")
LOCAL = meaning(INVALID, Phase.LOCAL, rule="bad-request", health=Health.NEUTRAL)
NO_CREDENTIAL = meaning(AUTH, Phase.LOCAL, rule="no-credential")
REDIRECTS = meaning(SERVER, Phase.ANSWER, rule="redirects", retryable=False)
CANCELLED = meaning(CANCEL, Phase.FUNCTION, rule="cancelled")
CONNECT_TIMEOUT = meaning(TIMEOUT, Phase.CONNECT, rule="connect-timeout")
POOL_TIMEOUT = meaning(TIMEOUT, Phase.CONNECT, rule="pool-timeout", health=Health.NEUTRAL)
WRITE_TIMEOUT = meaning(TIMEOUT, Phase.WRITE, rule="write-timeout")
READ_TIMEOUT = meaning(TIMEOUT, Phase.READ, rule="read-timeout")
BARE_TIMEOUT = meaning(TIMEOUT, Phase.READ, rule="timeout", weight=Weight.ECHO)
VAGUE_LOSS = meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE)
WRAPPER = meaning(SERVER, Phase.FUNCTION, rule="unknown", health=Health.FAILURE, weight=Weight.VAGUE)
# A user's function may have done anything before it raised: what it raised is its own mistake, what it did is unknown.
PROGRAM = meaning(INVALID, Phase.FUNCTION, rule="program", health=Health.NEUTRAL, weight=Weight.MISTAKE)

SAID_INVALID = said(INVALID, "refused")
SAID_STATE = said(STATE, "state")
SAID_BUSY = said(STATE, "busy", retryable=True)
SAID_AUTH = said(AUTH, "credentials")
SAID_EXPIRED = said(EXPIRED, "expired")
SAID_THROTTLED = said(BURST, "throttled")
SAID_DAILY = said(DAILY, "quota")
SAID_MONEY = said(DAILY, "money", retryable=False)
SAID_REMOVED = said(REMOVED, "removed")
SAID_SERVER = said(SERVER, "server")
SAID_OVERLOADED = said(SERVER, "overloaded", outcome=Outcome.NOT_EXECUTED)
SAID_FULL = said(SERVER, "full", outcome=Outcome.NOT_EXECUTED, retryable=False)
