"""RECOVERY-001: which recovery strategy a category of fault leads to, and why. One table; overridden per action, per API, per deployment.

The table is about *categories*. Whether anything may be repeated is decided by the outcome, in `holdfast.decisions.facts.Case.may_repeat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy

__all__ = ["ROUTES", "Route"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a category leads, what ends the way, and why it is sensible."""

    strategy: RecoveryStrategy
    ends: str
    why: str


ROUTES = MappingProxyType(
    {
        ErrorCategory.AUTH_EXPIRED: Route(
            strategy=RecoveryStrategy.REFRESH_THEN_RETRY,
            ends="no refresh action, the refresh fails, or refreshes_per_action_max",
            why="a machine can renew the credential; the same request then works",
        ),
        ErrorCategory.AUTH_INVALID: Route(
            strategy=RecoveryStrategy.GIVE_UP,
            ends="at once",
            why="a fresh credential of the same kind is refused as well; a person must act",
        ),
        ErrorCategory.RATE_LIMIT_DAILY: Route(
            strategy=RecoveryStrategy.WAIT_DAILY,
            ends="the bounds on attempts and on elapsed time, or an absurd time",
            why="the allowance comes back at a time the server knows, mostly at midnight UTC",
        ),
        ErrorCategory.RATE_LIMIT_BURST: Route(
            strategy=RecoveryStrategy.WAIT_UNTIL,
            ends="the bounds on attempts, or an absurd time",
            why="waiting as long as the server says is all it takes",
        ),
        ErrorCategory.NETWORK_TIMEOUT: Route(
            strategy=RecoveryStrategy.RETRY_LARGER_TIMEOUT,
            ends="the bounds on attempts; timeouts grow up to timeout_max_s",
            why="the answer may only need more time than it was given",
        ),
        ErrorCategory.NETWORK_CONNECTION_REFUSED: Route(
            strategy=RecoveryStrategy.BACK_OFF,
            ends="the bounds on attempts",
            why="hosts that refuse connections are mostly restarting",
        ),
        ErrorCategory.API_RESPONSE_MALFORMED: Route(
            strategy=RecoveryStrategy.BACK_OFF,
            ends="the bounds on attempts",
            why="broken answers mostly come from proxies in passing trouble",
        ),
        ErrorCategory.API_ENDPOINT_REMOVED: Route(
            strategy=RecoveryStrategy.ALTERNATIVE,
            ends="there is no alternative action",
            why="the address will not come back; another may serve",
        ),
        ErrorCategory.API_UNEXPECTED_STATUS: Route(
            strategy=RecoveryStrategy.BACK_OFF, ends="the bounds on attempts", why="server errors mostly pass"
        ),
        ErrorCategory.VALIDATION_FAILED: Route(
            strategy=RecoveryStrategy.GIVE_UP,
            ends="at once",
            why="the same request is refused again; its content has to change",
        ),
        ErrorCategory.STATE_INCONSISTENT: Route(
            strategy=RecoveryStrategy.GIVE_UP,
            ends="at once",
            why="repeating does not mend a conflict; somebody has to look at both sides",
        ),
        ErrorCategory.USER_CANCELLED: Route(
            strategy=RecoveryStrategy.GIVE_UP, ends="at once", why="a person stopped it"
        ),
    }
)
"""Every category, exactly once."""

assert set(ROUTES) == set(ErrorCategory)
