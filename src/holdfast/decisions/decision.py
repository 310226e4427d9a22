"""Decisions as values: what will be done, why, by which rule, and which other ways were turned down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.faults.taxonomy import RecoveryStrategy
    from holdfast.faults.verdict import Outcome

__all__ = ["Decision", "Declined", "Move"]


class Move(StrEnum):
    """The closed list of what can follow a failed attempt."""

    RETRY = "retry"
    """Attempt n+1 after `wait_s`."""

    REFRESH = "refresh"
    """Renew the credential, then attempt n+1."""

    PROBE = "probe"
    """Ask the API whether it happened."""

    ASK = "ask"
    """Wait for a person."""

    ALTERNATIVE = "alternative"
    """The alternative action takes over."""

    FALLBACK = "fallback"
    """The fallback value stands in for the output."""

    CONTINUE = "continue"
    """The plan goes on without this action."""

    ROLL_BACK = "roll-back"
    """A rollback is requested, and the plan fails."""

    GIVE_UP = "give-up"
    """The plan fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A way that was looked at and not taken, and why."""

    way: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows a failed attempt.

    `strategy` is the recovery route (None for the action's own retry policy and for absorbing a failure); `is_recovery` says whether the attempt
    it leads to counts against the bounds of recovery; `wait_s` is seconds from now (of a refresh: what the server
    asked for before the repeat), `timeout_s` an override for the next attempt;
    `is_new_epoch` gives the next attempt a new idempotency key; `outcome` is what is known over all attempts, not only the last one.
    """

    move: Move
    reason: str
    rule: str
    strategy: RecoveryStrategy | None = None
    wait_s: float = 0.0
    timeout_s: float | None = None
    is_recovery: bool = False
    is_new_epoch: bool = False
    outcome: Outcome | None = None
    rejected: tuple[Declined, ...] = ()
