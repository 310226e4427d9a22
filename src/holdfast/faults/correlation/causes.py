"""What a fault may have in common with faults at other dependencies: a cause that lies between us and them, or on our side.

It reads a verdict only. A cause is a suspicion: what makes it one is that several dependencies show it at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import ErrorCategory

if TYPE_CHECKING:
    from holdfast.faults.verdict import Verdict

NAME_MAX_CHARS = 40

__all__ = ["Cause", "IncidentKind", "cause_of"]


@unique
class IncidentKind(StrEnum):
    """What an incident is about."""

    DEPENDENCY = "dependency"
    """One dependency fails more than it usually does."""

    NAME_RESOLUTION = "name-resolution"
    """The names of several dependencies cannot be resolved: DNS."""

    CONNECTIVITY = "connectivity"
    """Several dependencies cannot be reached: the way out of our network (egress), a proxy, a firewall."""

    CREDENTIAL = "credential"
    """A credential is refused: it has expired or was revoked."""

    OWN_SIDE = "own-side"
    """Several dependencies find our requests invalid, or our own code fails at several: often a bad deploy."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that several faults may share; `name` is the credential's, where it has one, else empty."""

    kind: IncidentKind
    name: str = ""


_OWN_SIDE = Cause(IncidentKind.OWN_SIDE)
_NAMES = Cause(IncidentKind.NAME_RESOLUTION)
_CONNECTIONS = Cause(IncidentKind.CONNECTIVITY)

_NETWORK = frozenset({ErrorCategory.NETWORK_TIMEOUT, ErrorCategory.NETWORK_CONNECTION_REFUSED})
_CREDENTIALS = frozenset({ErrorCategory.AUTH_EXPIRED, ErrorCategory.AUTH_INVALID})
# What we say of our own workers and limits says nothing of the network.
_OWN_RULES = frozenset({"worker-lost", "restored", "too-many-overruns", "policy:timed-out"})
_NAME_RULE = re.compile(r"name-resol|(?:^|[^a-z])dns(?:$|[^a-z])")
_NAME_WORDS = re.compile(
    r"name or service not known|nodename nor servname|name resolution|getaddrinfo|enotfound|nxdomain|no such host",
    re.IGNORECASE,
)


def cause_of(verdict: Verdict) -> Cause | None:
    """The cause that a fault may share with others; None where it speaks for its own dependency only."""
    category = verdict.category
    if category in _CREDENTIALS:
        return Cause(IncidentKind.CREDENTIAL, (verdict.credential or "")[:NAME_MAX_CHARS])
    if category is ErrorCategory.VALIDATION_FAILED:
        return _OWN_SIDE
    if category not in _NETWORK or verdict.rule in _OWN_RULES or verdict.status is not None:
        return None
    if _NAME_RULE.search(verdict.rule) or _NAME_WORDS.search(verdict.message):
        return _NAMES
    return _CONNECTIONS
