"""Problem details (RFC 9457): registered types and those of protocols that build on them.

Sources: RFC 9457 §4.2 and the IANA registry of HTTP problem types, draft-ietf-httpapi-ratelimit-headers (problem types
`quota-exceeded`, `temporary-reduced-capacity`, `abnormal-usage-detected`), RFC 8555 §6.7 (ACME).
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import Match, best_of, table

TYPES = table(
    (m.BURST, "quota-exceeded temporary-reduced-capacity abnormal-usage-detected"),
    (m.BURST, "urn:ietf:params:acme:error:rateLimited"),
    (m.RENEW_NONCE, "urn:ietf:params:acme:error:badNonce"),
    (
        m.INVALID,
        "urn:ietf:params:acme:error:unauthorized urn:ietf:params:acme:error:accountDoesNotExist urn:ietf:params:acme:error:userActionRequired",
    ),
    (m.INVALID, "urn:ietf:params:acme:error:externalAccountRequired urn:ietf:params:acme:error:caa"),
    (m.STATE, "urn:ietf:params:acme:error:orderNotReady urn:ietf:params:acme:error:alreadyRevoked"),
    (
        m.BAD_INPUT,
        "urn:ietf:params:acme:error:malformed urn:ietf:params:acme:error:badCSR urn:ietf:params:acme:error:rejectedIdentifier",
    ),
    (
        m.BAD_INPUT,
        "urn:ietf:params:acme:error:unsupportedIdentifier urn:ietf:params:acme:error:badPublicKey urn:ietf:params:acme:error:invalidContact",
    ),
    (m.UNCERTAIN, "urn:ietf:params:acme:error:serverInternal"),
)
_REGISTRY = ("https://iana.org/assignments/http-problem-types#", "urn:ietf:params:acme:error:")


def match(kind: object) -> Match | None:
    """Read the `type` of a problem; only registered types are known here, others are codes of their vendor."""
    if isinstance(kind, str) and kind.startswith(_REGISTRY):
        return best_of((kind,), TYPES, pack="problem")
    return None
