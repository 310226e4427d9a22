"""The facts a decision is made from, as plain data: the action's rules, what the ledger says, the bounds, the case at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from holdfast.faults.delays import BELIEVABLE_WAIT_S
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
    from holdfast.faults.verdict import Verdict
    from holdfast.policies.retry import Retry

__all__ = ["ActionRules", "Bounds", "Case", "Ledger", "Override", "Safety"]


class Safety(StrEnum):
    """What makes a repeat of an action safe when nobody knows whether it took effect (RFC 9110 §9.2)."""

    READ_ONLY = "read-only"
    """It has no side effect at all (GET): whatever became of it, it may be repeated."""

    IDEMPOTENT = "idempotent"
    """Doing it twice is doing it once (PUT, DELETE, or declared `repeatable`)."""

    KEYED = "keyed"
    """The API recognises a repeat by its idempotency key."""

    PROBED = "probed"
    """Not repeatable, but there is an action that tells whether it happened."""

    UNSAFE = "unsafe"
    """None of these: only a person can tell."""

    @property
    def is_repeatable(self) -> bool:
        """Whether a repeat is safe while the outcome of the last attempt is unknown."""
        return self in (Safety.READ_ONLY, Safety.IDEMPOTENT, Safety.KEYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A route that the action, the API's catalog entry or the deployment prescribes instead of the table's; `source` says which, for `why`."""

    strategy: RecoveryStrategy
    source: str
    delay_s: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRules:
    """What the plan and the definitions say about one action, as far as a failure is concerned."""

    safety: Safety
    retry: Retry
    timeout_s: float
    alternative: str | None = None
    has_fallback: bool = False
    continue_on_failure: bool = False
    credential: str | None = None
    can_refresh: bool = False
    has_probe: bool = False
    overrides: Mapping[ErrorCategory, RecoveryStrategy] = field(default_factory=dict)
    key_lifetime_s: float | None = None
    replays_errors: bool = False
    is_critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What has been tried: attempts include the one just made; `recoveries` counts the decisions of recovery, which its bounds are about.

    `attempts_by_recovery` is how many of the attempts were made by recovery and not by the basic policy. It is not the same: a probe is a decision
    of recovery, and the policy may be what repeats once the probe has found that nothing happened.
    `is_in_doubt`: an earlier attempt with the same key may have taken effect (its outcome is unknown, or its worker died), and nobody has
    found out since. `key_age_s` is how long ago the present key was first sent. `elapsed_s` is the time since the first attempt without that in which
    a question about the action waited for a person, and `questions` is how many were asked.
    """

    attempts: int
    attempts_by_recovery: int = 0
    recoveries: int = 0
    recoveries_in_execution: int = 0
    recoveries_in_category: int = 0
    refreshes: int = 0
    probes: int = 0
    questions: int = 0
    elapsed_s: float = 0.0
    key_age_s: float = 0.0
    is_in_doubt: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of recovery; every loop that a failure can start ends at one of them. Settings `recovery.*`."""

    attempts_per_action_max: int = 8
    attempts_per_execution_max: int = 100
    attempts_per_category_max: int = 5
    refreshes_per_action_max: int = 2
    probes_max: int = 5
    questions_max: int = 5
    elapsed_max_s: float = 604_800.0
    retry_after_max_s: float = BELIEVABLE_WAIT_S
    timeout_multiplier: float = 2.0
    timeout_max_s: float = 300.0
    backoff_initial_s: float = 1.0
    backoff_multiplier: float = 2.0
    backoff_max_s: float = 60.0
    answer_within_s: float = 604_800.0
    """What people have for an answer; 0: as long as it takes. Setting `questions.answer_within_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One failed attempt with everything a decision may look at. `draw` is a random number in [0, 1) that arrives from outside.

    `override` is the API's advice, `routes` what the deployment prescribes by category. `can_roll_back` is None where nobody keeps checkpoints;
    `quota_reset_s` is how far the next midnight UTC is, in seconds.
    """

    verdict: Verdict
    rules: ActionRules
    ledger: Ledger
    bounds: Bounds
    draw: float
    override: Override | None = None
    routes: Mapping[ErrorCategory, RecoveryStrategy] = field(default_factory=dict)
    can_roll_back: bool | None = None
    quota_reset_s: float = 86_400.0

    @property
    def outcome(self) -> Outcome:
        """Whether the side effect happened, over all attempts; an action without one cannot have had it.

        A definite no to the last attempt says nothing about an earlier one that may have taken effect.
        """
        if self.rules.safety is Safety.READ_ONLY:
            return Outcome.NOT_EXECUTED
        if self.ledger.is_in_doubt and self.verdict.outcome is Outcome.NOT_EXECUTED:
            return Outcome.UNKNOWN
        return self.verdict.outcome

    @property
    def is_key_fresh(self) -> bool:
        """Whether the API still recognises the idempotency key: beyond its lifetime a repeat would be a new effect."""
        return self.is_key_fresh_after(0.0)

    def is_key_fresh_after(self, wait_s: float) -> bool:
        """Whether it still will after `wait_s` seconds."""
        lifetime = self.rules.key_lifetime_s
        return self.rules.safety is not Safety.KEYED or lifetime is None or self.ledger.key_age_s + wait_s < lifetime

    @property
    def may_repeat(self) -> bool:
        """Whether repeating is safe, whatever the category: the outcome decides, then what makes repeats safe."""
        match self.outcome:
            case Outcome.NOT_EXECUTED:
                return True
            case Outcome.UNKNOWN:
                return self.rules.safety.is_repeatable and self.is_key_fresh
            case Outcome.EXECUTED:
                return False
            case _ as never:
                assert_never(never)
