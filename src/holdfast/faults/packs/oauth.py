"""OAuth 2.0 and OpenID Connect: the `error` of an answer, and the one in a `WWW-Authenticate` challenge.

Sources: RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 7591 §3.2.2, RFC 8628 §3.5, RFC 8693 §2.2.2,
RFC 8707 §2, RFC 9449 §5, RFC 9470 §3, OpenID Connect Core §3.1.2.6 and CIBA §11 and §13.
"""

from __future__ import annotations

import re

from holdfast.faults import meanings as m
from holdfast.faults.evidence import Evidence
from holdfast.faults.fault import Fault
from holdfast.faults.packs.table import Match, best_of, table

ERRORS = table(
    (m.INVALID, "invalid_grant invalid_client unauthorized_client access_denied invalid_scope insufficient_scope"),
    (m.INVALID, "interaction_required login_required account_selection_required consent_required mfa_required"),
    (m.INVALID, "unknown_user_id missing_user_code invalid_user_code invalid_binding_message expired_login_hint_token"),
    (
        m.INVALID,
        "insufficient_user_authentication invalid_software_statement unapproved_software_statement invalid_dpop_proof",
    ),
    (
        m.INVALID,
        "invalid_client_metadata invalid_redirect_uri redirect_uri_mismatch invalid_authorization_details invalid_assertion",
    ),
    (m.EXPIRED, "expired_token"),
    (m.RENEW_NONCE, "use_dpop_nonce"),
    (m.NOT_READY, "authorization_pending"),
    (m.BURST, "slow_down"),
    (
        m.BAD_INPUT,
        "unsupported_grant_type unsupported_response_type invalid_target invalid_request_uri invalid_request_object",
    ),
    (m.BAD_INPUT, "unsupported_token_type request_not_supported request_uri_not_supported registration_not_supported"),
    (m.UNAVAILABLE, "temporarily_unavailable"),
    (m.BROKEN, "server_error"),
    (m.REQUEST, "invalid_request"),
)
"""Errors of token, authorization, revocation, registration and device endpoints."""

_CHALLENGE = re.compile(r"error\s{0,3}=\s{0,3}\"?([a-z_]{3,60})")
_DESCRIPTION = re.compile(r"error_description\s{0,3}=\s{0,3}\"([^\"]{1,300})")
_EXPIRED = re.compile(r"expir|timed out|no longer valid|too old")
_BROKEN = re.compile(r"signature|revoked|malformed|issuer|audience|scope|parse|decod|algorithm|segments|not a valid")
_LASTING = re.compile(
    r"refresh[ _-]token (?:is|has|was|not|expired|invalid)|(?:invalid|unknown|expired"
    r"|revoked) refresh[ _-]token|api key|static|personal access|client"
)


def match(fault: Fault, evidence: Evidence, word: object) -> Match | None:
    """Read the `error` of an answer in the form of RFC 6749 §5.2."""
    if not isinstance(word, str) or " " in word:
        return None
    if word == "invalid_token":
        return "pack:oauth/invalid_token", token_meaning(evidence.words)
    if word == "expired_token" and "token" in (fault.url or "").rpartition("/")[2]:
        # RFC 8628 §3.5: the code that a person was to confirm has run out, so that he must begin anew.
        return "pack:oauth/expired_token", m.LOGIN_OVER
    return best_of((word,), ERRORS, pack="oauth")


def match_challenge(fault: Fault, evidence: Evidence) -> Match | None:
    """Read a `WWW-Authenticate` header (RFC 6750 §3); `None` without an `error` in it."""
    values = fault.header_values("www-authenticate")
    if not values:
        return None
    challenge = " ".join(values)[:2_000]
    found = _CHALLENGE.search(challenge.lower())
    if found is None:
        return None
    error = found[1]
    if error in {"invalid_token", "expired_token"}:
        described = _DESCRIPTION.search(challenge.lower())
        words = f"{described[1] if described else ''} {evidence.words}"
        return f"pack:bearer/{error}", m.EXPIRED if error == "expired_token" else token_meaning(words)
    return best_of((error,), ERRORS, pack="bearer")


def token_meaning(words: str) -> m.Meaning:
    """RFC 6750 has one word for expired, revoked and malformed, and lets the client ask for a new token: refresh first, unless excluded."""
    if _LASTING.search(words):
        return m.INVALID
    if _BROKEN.search(words) and not _EXPIRED.search(words):
        return m.INVALID
    return m.EXPIRED if _EXPIRED.search(words) else m.RENEWABLE
