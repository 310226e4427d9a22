"""The grammar of error codes: which words together mean what.

A rule holds when all its words are there (and, for some, no other), at least one of its alternatives, and none of its exceptions. The first
that holds decides, so the exact stand before the general: an expired *sync* token is no credential, a limit on
*size* is no throttle, an *account* that is locked is no lock. Words are the stems of `code_vocabulary`.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.faults import meanings as m
from holdfast.faults.meanings import Meaning

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """Words of a code that mean something together."""

    every: frozenset[str]
    some: frozenset[str] = _NONE
    without: frozenset[str] = _NONE
    alone: bool = False

    def holds(self, words: frozenset[str]) -> bool:
        """Whether a code of these words falls under the rule."""
        return (
            self.every <= words
            and (not self.some or not self.some.isdisjoint(words))
            and self.without.isdisjoint(words)
            and not (self.alone and words != self.every)
        )


def _on(every: str, meaning: Meaning, *, some: str = "", without: str = "") -> tuple[Rule, Meaning]:
    return Rule(frozenset(every.split()), frozenset(some.split()), frozenset(without.split())), meaning


_PICTURES = "cursor sync version state stale"  # what a client remembers of the other side
_OBJECTS = "device card payment argument nonce"  # things that have tokens and keys of their own
_SIZES = "size page storage item tokens argument model"
_WRONG = "invalid failed missing required revoked denied unknown disabled not found duplicate unsupported deprecated"

RULES: tuple[tuple[Rule, Meaning], ...] = (
    # --- stopped by our side; a record that somebody cancelled is a state ---
    _on("already cancelled", m.DONE),
    (Rule(frozenset({"user", "cancelled"}), alone=True), m.CANCELLED),
    _on("cancelled by", m.CANCELLED, some="user client", without="item payment card"),
    _on("request cancelled", m.CANCELLED, without="not item payment card invalid"),
    _on("client cancelled", m.CANCELLED, without="not"),
    _on(
        "cancelled",
        m.CANCELLED,
        some="server_error by",
        without="not item payment card account user device invalid state",
    ),
    _on("cancelled", m.STATE, some="item payment card account user device state invalid not"),
    # --- a server that does not reach another one ---
    _on("connection refused", m.BROKEN),
    # --- what can run out without being a credential ---
    _on("refresh token", m.INVALID, some=f"expired {_WRONG} used"),
    _on("grant", m.INVALID, some="invalid expired denied", without="unsupported argument"),
    _on("expired", m.BAD_INPUT, some="card payment"),
    _on(
        "expired", m.STATE, some=f"device cursor sync page item idempotency queue {_PICTURES}", without="credential jwt"
    ),
    _on("expired", m.INVALID, some="key secret certificate account client mfa", without="signature token session jwt"),
    _on("expired", m.LOGIN_OVER, some="mfa"),
    _on("expired", m.STATE, some="locked nonce progress"),
    _on("expired", m.EXPIRED, some="token session jwt credential signature access request"),
    _on("token", m.INVALID, some="revoked", without=_OBJECTS + " sync cursor"),
    _on("session", m.EXPIRED, some="timeout", without=_OBJECTS),
    # --- locks, contention, our own request still at work ---
    _on("idempotency", m.IN_PROGRESS, some="progress concurrent locked taken", without="used"),
    _on("idempotency", m.STATE, some="used duplicate conflict already"),
    _on("idempotency", m.BAD_INPUT),
    _on("locked", m.INVALID, some="account user card credential session", without="timeout"),
    _on("concurrent", m.BURST, some="limit exceeded many rate throttle quota"),
    _on("many concurrent", m.BURST),
    _on("stale locked", m.STATE),
    _on("locked overload", m.OVERLOADED),
    _on("busy overload", m.OVERLOADED),
    _on("busy service", m.OVERLOADED, without="timeout"),
    (Rule(frozenset({"busy"}), alone=True), m.OVERLOADED),  # nothing else is named: it is the server
    _on("busy", m.LOCKED, without="not"),
    _on("locked", m.LOCKED, without="not"),
    _on("stale", m.STATE, without="argument"),
    _on("concurrent", m.LOCKED),
    _on("conflict", m.LOCKED, some="request retry write", without="item version argument"),
    _on("aborted", m.LOCKED, without="item payment"),
    _on("operation progress", m.LOCKED, without="not"),
    _on("progress", m.IN_PROGRESS, some="request duplicate", without="not item service version"),
    _on("progress", m.LOCKED, without="not no"),
    _on("not ready", m.NOT_READY),
    # --- allowances ---
    _on("time exceeded", m.TIMEOUT, without="token session many rate size"),
    _on("mfa", m.INVALID, some=f"{_WRONG} exceeded", without="argument"),
    _on("many attempt", m.INVALID, some="session credential secret invalid account user mfa denied"),
    _on("limit", m.BAD_INPUT, some="invalid unsupported unknown missing", without="exceeded too many throttle"),
    _on("many", m.BAD_INPUT, some="size tokens item argument storage", without="request rate concurrent connection"),
    _on("too many", m.BURST),
    _on("many", m.BURST, some="request connection concurrent"),
    _on("id invalid", m.MISSING, without="client key token credential session jwt secret api oauth access"),
    _on("day", m.DAILY, some="limit quota exceeded throttle"),
    _on(
        "credit",
        m.CREDIT,
        some="limit exceeded insufficient not missing quota invalid required balance",
        without="card note argument",
    ),
    _on("balance insufficient", m.CREDIT),
    _on("storage", m.FULL, some="quota exceeded full insufficient limit not"),
    _on("slow unavailable", m.BURST),
    _on("throttle", m.BURST, without="invalid argument unknown missing"),
    _on("quota", m.BAD_INPUT, some="size item storage"),
    _on("quota", m.DAILY, some="exceeded limit insufficient not server_error denied", without="rate request brief"),
    _on("quota", m.BURST, some="exceeded limit insufficient"),
    _on("usage", m.DAILY, some="limit exceeded"),
    _on("rate", m.BURST, some="limit exceeded", without=f"{_SIZES} payment"),
    _on("request limit", m.BURST, without="size item"),
    _on("limit", m.BURST, some="concurrent connection attempt api brief request queue", without="size"),
    _on(
        "exceeded",
        m.BURST,
        some="request rate concurrent connection queue",
        without=f"{_SIZES} deadline timeout",
    ),
    _on("item exceeded", m.BURST, some="server_error", without="limit size item_limit"),
    _on("limit", m.BAD_INPUT, some=_SIZES),
    _on("exceeded", m.BAD_INPUT, some=_SIZES, without="timeout"),
    _on("too long", m.BAD_INPUT),
    _on("long", m.BAD_INPUT, some=_SIZES),
    _on("limit", m.LIMIT, some="exceeded server_error account user not"),
    _on("queue full", m.BURST),
    # --- credentials ---
    _on(
        "card",
        m.REFUSED_BUSINESS,
        some="declined invalid denied insufficient unsupported not missing unknown required disabled server_error",
    ),
    _on("payment", m.REFUSED_BUSINESS, some="failed declined invalid denied insufficient", without="method account"),
    _on("funds", m.REFUSED_BUSINESS, some="insufficient not"),
    _on("csrf", m.EXPIRED),
    _on("skew", m.SKEWED),
    _on("nonce", m.RENEW_NONCE),
    _on("token", m.STATE, some="cursor sync page"),
    _on("cursor", m.STATE, some=f"{_WRONG}"),
    _on("token", m.BAD_INPUT, some="device card payment argument", without="access api"),
    _on("token already", m.STATE),
    _on("credential token", m.INVALID, some=_WRONG),
    _on("token", m.INVALID, some=f"{_WRONG} server_error"),
    _on("session", m.INVALID, some=_WRONG, without=_OBJECTS + " state"),
    _on("jwt", m.INVALID, some=f"{_WRONG} server_error signature"),
    _on("signature", m.INVALID, some="invalid failed missing required denied not", without="version"),
    _on("credential", m.INVALID, some=_WRONG, without="payment card"),
    _on("key", m.INVALID, some=f"{_WRONG} server_error", without="item storage argument"),
    _on("secret", m.INVALID, some=_WRONG, without="argument long size"),
    _on("scope", m.INVALID),
    _on("certificate", m.INVALID, some=f"{_WRONG}"),
    _on("client", m.INVALID, some="invalid denied disabled unknown", without="request version argument"),
    _on("allowed method not", m.ROUTE, without="payment"),
    _on("permission", m.INVALID, without="argument unknown violation"),
    _on("access server_error", m.INVALID, without="item"),
    _on("access", m.INVALID, some="denied disabled not required invalid", without="item"),
    _on(
        "account",
        m.INVALID,
        some="disabled denied deprecated unavailable required invalid",
        without="argument balance item state",
    ),
    _on("user", m.INVALID, some="disabled denied", without="item"),
    _on("session required", m.INVALID),
    _on("denied", m.DENIED),
    _on("credential", m.DENIED),
    _on("disabled", m.INVALID, some="api service client"),
    # --- the route, the method, the version, the model ---
    _on("api version", m.ROUTE, some="invalid unknown"),
    _on("api method", m.ROUTE, some="invalid unknown"),
    _on("region unsupported", m.REQUEST),
    _on("region", m.REQUEST, some="invalid missing required unknown not denied disabled unavailable"),
    _on("unsupported", m.ROUTE, some="version api", without="argument item missing"),
    _on("deprecated", m.ROUTE, without="item user"),
    _on("model", m.ROUTE, some="unknown found unavailable unsupported", without="argument permission"),
    _on("route", m.ROUTE, some="unknown found unsupported disabled", without="argument item long"),
    _on("route", m.PATH, some="invalid missing denied not", without="argument item long"),
    _on("version", m.ROUTE, some="unknown", without="item argument state"),
    _on("method", m.ROUTE, some="unknown found unsupported disabled", without="payment card argument item"),
    _on("request", m.ROUTE, some="unsupported", without="argument item size"),
    _on("unknown", m.ROUTE, some="request api", without="argument item server_error size"),
    _on("unsupported not", m.ROUTE, without="argument item size device version payment card account"),
    _on("version", m.STATE, some="conflict invalid failed"),
    # --- pictures of the world ---
    _on("duplicate chosen", m.DUPLICATE_ID),
    _on("already chosen found", m.DUPLICATE_ID),
    _on("duplicate", m.DUPLICATE, without="invalid_duplicate"),
    _on("already", m.DUPLICATE, some="found taken account user item argument"),
    _on("already", m.DONE),
    _on("erased", m.DONE, without="not failed invalid"),
    _on("found", m.DUPLICATE, without="not unknown missing argument_missing invalid"),
    _on("taken", m.DUPLICATE, without="not server"),
    _on("unknown", m.BAD_INPUT, some="argument size", without="item user"),
    _on("argument not found", m.BAD_INPUT),
    _on("not found", m.MISSING),
    _on("unknown", m.MISSING, some="item user account device service payment card", without="server_error_code"),
    _on("item", m.MISSING, some="missing unknown", without="required argument"),
    _on("conflict", m.CONFLICT),
    _on("state", m.STATE, some="invalid not denied unsupported"),
    _on("state internal", m.ODD_STATE, without="server_error service"),
    _on("not allowed", m.DENIED),
    # --- the other side is not well ---
    _on("overload", m.OVERLOADED),
    _on("maintenance", m.OVERLOADED, without="not"),
    _on("capacity", m.OVERLOADED, some="insufficient not full exceeded server_error unavailable over"),
    _on("timeout", m.TIMEOUT, without="invalid argument"),
    _on("timed insufficient", m.TIMEOUT),
    _on("configuration", m.CONFIGURATION, some="invalid missing not server_error"),
    _on("unavailable", m.UNAVAILABLE),
    _on("available not", m.UNAVAILABLE),
    _on("internal", m.BROKEN),
    _on("service", m.BROKEN, some="server_error invalid", without="argument"),
    _on("unknown server_error", m.BROKEN),
    # --- bad input, last: its words are everywhere ---
    _on(
        "argument",
        m.REQUEST,
        some="invalid missing required unsupported not duplicate too long server_error denied unknown declined",
    ),
    _on("item", m.BAD_INPUT, some="invalid required", without="server_error"),
    _on("size", m.BAD_INPUT, some="invalid missing required not insufficient too long"),
    _on("declined", m.REFUSED_BUSINESS),
    _on("unsupported", m.BAD_INPUT, without="server_error"),
    _on("request", m.REQUEST, some="invalid missing server_error required"),
    (Rule(frozenset({"argument"}), alone=True), m.REQUEST),  # `validation`: no more is said
    _on("required", m.REQUEST),
    _on("invalid", m.REQUEST),
    _on("missing", m.REQUEST),
)
"""In the order of precedence."""
