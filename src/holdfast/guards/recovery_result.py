"""What a call under the recovery engine came to: the answer or what went wrong, and what was done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from holdfast.faults.verdict import Outcome, Verdict
from holdfast.policies.recovery_course import Tried

__all__ = ["DIRECT", "RecoveryResult"]

DIRECT = "direct"
"""The strategy of a result that needed no recovery."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryResult(Generic[T]):
    """What a call came to.

    `strategy` is the remedy that brought the answer; `direct` when none was needed, `none` when none applied, `exhausted` when none worked,
    `system_error` when the recovery itself was broken. `attempts` counts the calls that were made, the first included. `error` is what went wrong
    with the call at first, in success too, and None after a direct success. `outcome` is the worst that is known of all attempts: after `unknown`,
    find out before you do it again. `recovery_time_s` counts from the failure. `fallback_used`: an alternative, a kept or a default answer was given;
    `degraded`: it is less than a full one. `circuit_tripped`: a circuit was opened now. `queued_for_later`: the call is kept, and `queue_is_durable`
    says whether that outlives the process. `tried` are the measures that were considered, in order.
    """

    success: bool
    strategy: str
    attempts: int
    answer: T | None = None
    error: BaseException | None = None
    verdict: Verdict | None = None
    outcome: Outcome | None = None
    recovery_time_s: float = 0.0
    fallback_used: bool = False
    degraded: bool = False
    circuit_tripped: bool = False
    queued_for_later: bool = False
    queue_is_durable: bool = False
    tried: tuple[Tried, ...] = ()

    def unwrap(self) -> T:
        """The answer; without one, what went wrong at first is raised, with a note of what recovery did about it."""
        if self.success:
            return cast("T", self.answer)
        assert self.error is not None, "what has failed has an error"
        note = f"holdfast: {self}"
        if note not in getattr(self.error, "__notes__", ()):
            self.error.add_note(note)
        raise self.error

    def __str__(self) -> str:
        made = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        if self.success:
            return f"answered by {self.strategy} after {made}"
        where = "durably" if self.queue_is_durable else "in memory"
        kept = f", kept for later {where}" if self.queued_for_later else ""
        effect = "" if self.outcome is None else f"; outcome {self.outcome.value}"
        return f"not recovered ({self.strategy}) after {made}{kept}{effect}"
