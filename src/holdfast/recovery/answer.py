"""What a performer reports about an attempt, and what a decision needs besides the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from holdfast.decisions.facts import Bounds
    from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
    from holdfast.faults.verdict import Verdict
    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.rollback import Rollback

__all__ = ["Answer", "CredentialTerms", "Deciding"]


def anything(_: FrozenAction) -> bool:
    """Whether this worker can perform an action: it can."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTerms:
    """How long before its end a token is renewed, and how long a person may take to provide one; both in seconds."""

    refresh_ahead_s: float = 60.0
    question_timeout_s: float = 604_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What decisions need besides the rows: the bounds, a random draw in [0, 1) made for this step, how many deaths a step may cause,
    whether this worker has what an action needs (its Python function), the deployment's own routes by category, who rolls back, if
    anybody does, and by what name servers tell this worker's address from others, and how long, beyond its
    timeout, an executor outside is waited for."""

    bounds: Bounds
    draw: float
    crashes_max: int = 3
    credentials: CredentialTerms = field(default_factory=CredentialTerms)
    can_perform: Callable[[FrozenAction], bool] = anything
    routes: Mapping[ErrorCategory, RecoveryStrategy] = field(default_factory=dict)
    rollback: Rollback | None = None
    egress: str = ""
    external_grace_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a performer reports: a verdict when it failed, else the output (text, or where it lies).

    `sealed_token` is a refreshed secret, sealed; it is good for `token_expires_s` seconds, where the answer said so.
    """

    verdict: Verdict | None = None
    output: str | None = None
    location: str | None = None
    trace: str | None = None
    sealed_token: bytes | None = None
    token_expires_s: float | None = None
    observed_at: datetime
