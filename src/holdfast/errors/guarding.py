"""Errors of policies around calls: why a guarded call did not succeed, and whether its effect may have happened all the same.

An exception of the guarded call itself is never hidden: it is raised as it is, or is the `__cause__` of `Exhausted`. Only when nothing was sent
is a `Rejected` raised instead. Facts are attributes; messages are put together when somebody reads them, because a rejection has to be cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from holdfast.errors.roots import HoldfastError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "AlternativeFailed",
    "AnswerFailed",
    "Attempted",
    "BulkheadFull",
    "CacheMissed",
    "CircuitOpen",
    "DefaultMissing",
    "DegradationFailed",
    "Exhausted",
    "FunctionalityReduced",
    "HandedOver",
    "HandingOver",
    "HandoverUnavailable",
    "Judged",
    "LimitReached",
    "NoStrategy",
    "PolicyError",
    "QueueFull",
    "RateLimited",
    "Rejected",
    "Rejection",
    "Throttled",
    "TimedOut",
]


class Judged(Protocol):
    """A verdict as errors show it: what went wrong, whether its effect happened, and by which rule; see `holdfast.faults.verdict.Verdict`."""

    @property
    def category(self) -> str:
        """What kind of thing went wrong, such as `network_timeout`."""

    @property
    def outcome(self) -> str:
        """`not_executed`, `unknown` or `executed`."""

    @property
    def message(self) -> str:
        """One short line, redacted."""

    @property
    def rule(self) -> str:
        """The rule that decided."""

    @property
    def retry_after_s(self) -> float | None:
        """The wait the other side stated, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One attempt that failed.

    `number` counts from 1. `started_s` is when it began and `took_s` how long it lasted, in seconds; `started_s` counts from the first attempt's
    beginning. `wait_s` is the pause that followed, 0 after the last.
    """

    number: int
    started_s: float
    took_s: float
    verdict: Judged
    wait_s: float = 0.0


class HandedOver(Protocol):
    """The execution that a call became. From a database opened with `holdfast.open()` it is the `Execution` that `hold.start` returns as well."""

    @property
    def id(self) -> str:
        """The execution's id, for `hold.execution(id)` and the command line."""


class HandingOver(Protocol):
    """A call on its way to durable recovery; see `PolicyError.hand_over`."""

    def __await__(self) -> Generator[object, None, HandedOver]:
        """Wait for the execution without blocking the event loop."""

    def wait(self) -> HandedOver:
        """Return the execution, in code without an event loop."""


class PolicyError(HoldfastError):
    """A policy did not let a call succeed; its kinds say whether anything was sent. `policy` is the policy's name.

    `resume` is how the call goes on durably; None unless it was made for that (`handover="a.name"`). A copy, and what a pool of processes brings
    back, has every fact but that one: `left_resume` says so.
    """

    slug = "policy-error"
    policy: str = ""
    resume: Callable[[object], HandingOver] | None = None
    left_resume: bool = False

    def hand_over(self, *, hold: object = None) -> HandingOver:
        """Continue durably: the call becomes an execution that has the attempts made so far on its ledger already.

        One method for both worlds. On an event loop, `execution = await error.hand_over()`; nothing is handed over before it is awaited.
        Elsewhere it is done, and durable, when this returns: `execution = error.hand_over().wait()`. Doing it again is safe: it is one execution.
        `hold` is the database that takes it, by default the one opened last.

        Raises:
            HandoverUnavailable: no database is open, or the call was not made for it; nothing was handed over.
            BadInput: its arguments are not JSON, or cannot come to rest; nothing was handed over.
            Overloaded: as many executions are live as may; nothing was handed over.
            StoreError: the database cannot be used.
        """
        if self.resume is None:
            why = (
                "this error is a copy or comes from another process"
                if self.left_resume
                else "the call was not registered for it"
            )
            raise HandoverUnavailable(self.policy, why)
        return self.resume(hold)

    def _carried(self) -> dict[str, object]:
        # How a call goes on is bound to the process that made it: it stays, and the copy remembers why it has none.
        facts = super()._carried()
        return facts if facts.get("resume") is None else {**facts, "resume": None, "left_resume": True}


class Exhausted(PolicyError):
    """Attempts were made and none of them worked; the last one's exception is the `__cause__`, or its result is `result`.

    `reason` says why it stopped: `attempts-exhausted` (those that an inner policy made count), `deadline`, `budget`, `outcome-unknown`, `executed`,
    `not-restartable`, `body-not-replayable`, `retry-after-too-long`, `not-retryable`, `category-not-listed`, or a refusal's slug such as
    `circuit-open`.
    `attempts` are all of them, in order. `outcome` is the worst that is known of them: `executed` if one of them took effect, `unknown` if one of
    them may have, else `not_executed`. `retry_after_s` is the wait that the other side stated last, if any: coming back later may work.
    `calls_made` also counts what policies further out and further in have made for this call: the calls at the far end.
    """

    slug = "exhausted"

    def __init__(
        self,
        policy: str,
        reason: str,
        *,
        attempts: tuple[Attempted, ...],
        explanation: str,
        result: object = None,
        calls_made: int = 0,
        resume: Callable[[object], HandingOver] | None = None,
    ) -> None:
        assert attempts, "without an attempt it is a rejection"
        super().__init__(policy, reason)
        self.policy = policy
        self.reason = reason
        self.attempts = attempts
        self.explanation = explanation
        self.result = result
        self.calls_made = calls_made or len(attempts)
        self.resume = resume

    @property
    def verdict(self) -> Judged:
        """The verdict of the last attempt."""
        return self.attempts[-1].verdict

    @property
    def outcome(self) -> str:
        """Whether the side effect happened, over all attempts: `executed`, `unknown` or `not_executed`."""
        outcomes = {attempt.verdict.outcome for attempt in self.attempts}
        return next((word for word in ("executed", "unknown") if word in outcomes), "not_executed")

    @property
    def retry_after_s(self) -> float | None:
        """The wait the other side stated last, in seconds."""
        return self.verdict.retry_after_s

    def __str__(self) -> str:
        count = len(self.attempts)
        made = "1 attempt" if count == 1 else f"{count} attempts"
        effect = {
            "executed": " Its effect happened: do not repeat it.",
            "unknown": " Its effect may have happened: find out before you repeat it.",
            "not_executed": " Its effect did not happen.",
        }[self.outcome]
        if self.reason == "outcome-unknown":
            effect = f"{effect[:-1]}, or say repeatable=True if doing it twice does no harm."
        return f"{self.policy!r} gave up after {made}: {self.verdict.message} — {self.explanation} ({self.reason}).{effect}"


class TimedOut(PolicyError, TimeoutError):
    """The time allowed for the call is over: `kind` is `deadline` (the whole call) or `attempt`, `limit_s` the seconds that were allowed.

    Whether its effect happened is not known, unless nothing was begun (`begun` is false).
    """

    slug = "timed-out"

    def __init__(self, policy: str, *, kind: str, limit_s: float, begun: bool = True) -> None:
        # One argument: of two, an OSError makes an errno and its words, and programs branch on these.
        super().__init__(policy)
        self.policy = policy
        self.kind = kind
        self.limit_s = limit_s
        self.begun = begun

    def __str__(self) -> str:
        whole = "the whole call" if self.kind == "deadline" else "one attempt"
        effect = "Its effect may have happened." if self.begun else "Nothing was sent."
        return f"{self.policy!r} took longer than the {self.limit_s:g} s allowed for {whole}. {effect} Allow more time, or find out why it is slow."


class AnswerFailed(PolicyError):
    """An answer came and is a failure: `answer` is what the client gave, `verdict` what it was judged as."""

    slug = "answer-failed"

    def __init__(self, policy: str, *, answer: object, verdict: Judged) -> None:
        super().__init__(policy)
        self.policy = policy
        self.answer = answer
        self.verdict = verdict

    def __str__(self) -> str:
        return f"{self.policy!r} was answered with a failure: {self.verdict.message} ({self.verdict.rule}). Read what was answered in `answer`."


class DegradationFailed(PolicyError):
    """No lesser answer could be given either; the failure of the call itself is the `__cause__`.

    `strategy` is the one that failed last, empty if none was tried; `why` says how.
    """

    slug = "degradation-failed"

    def __init__(self, policy: str, strategy: str, *, why: str) -> None:
        super().__init__(policy, strategy, why)
        self.policy = policy
        self.strategy = strategy
        self.why = why

    def __str__(self) -> str:
        tried = f" ({self.strategy})" if self.strategy else ""
        return f"{self.policy!r} could give no lesser answer: {self.why}{tried}. What went wrong first is the cause of this error."


class NoStrategy(DegradationFailed):
    """No strategy of degradation is meant for this kind of failure."""

    slug = "no-strategy"


class CacheMissed(DegradationFailed):
    """There is no last known good value, or it is older than it may be."""

    slug = "cache-missed"


class AlternativeFailed(DegradationFailed):
    """The alternative endpoint or function failed as well."""

    slug = "alternative-failed"


class FunctionalityReduced(DegradationFailed):
    """Features were switched off, and there is no reduced version of the call to answer with."""

    slug = "functionality-reduced"


class DefaultMissing(DegradationFailed):
    """No default value is there to answer with."""

    slug = "default-missing"


class QueueFull(DegradationFailed):
    """There is no room to keep the call for later; nothing was kept."""

    slug = "queue-full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why calls are turned away, put together once for all of them.

    `because` is a whole sentence without its full stop. `until` is when it is worth coming back (wall clock, UTC), None when nobody knows;
    `retry_after_s` counts from the moment of the rejection. `last_failure` is a summary of the failure that led to it, never the exception itself:
    that would keep alive whatever its frames hold.
    """

    policy: str
    because: str
    until: datetime | None = None
    last_failure: str | None = None
    next_step: str = ""


class Rejected(PolicyError):
    """The policy turned the call away: nothing was sent, so a repeat is always safe. Made of a `Rejection` and the seconds to wait, or None.

    It has no initialiser of its own: while a circuit is open, one of these is made for every call.
    """

    slug = "rejected"

    @property
    def rejection(self) -> Rejection:
        """Why, as it was put together when the state changed."""
        found: Rejection = self.args[0]
        return found

    @property
    def policy(self) -> str:  # type: ignore[override]  # read from the shared record instead of being set on each instance
        """The name of the policy."""
        return self.rejection.policy

    @property
    def retry_after_s(self) -> float | None:
        """After how many seconds it is worth coming back; None when nobody knows."""
        found: float | None = self.args[1]
        return found

    @property
    def until(self) -> datetime | None:
        """When it is worth coming back, in UTC; None when nobody knows."""
        return self.rejection.until

    @property
    def last_failure(self) -> str | None:
        """A summary of the failure that led to this."""
        return self.rejection.last_failure

    def __str__(self) -> str:
        rejection = self.rejection
        wait_s = self.retry_after_s
        parts = [f"{rejection.because}."]
        if wait_s is not None:
            parts.append(f"Come back in {wait_s:.3g} s.")
        if rejection.last_failure:
            parts.append(f"Last failure: {rejection.last_failure}.")
        if rejection.next_step:
            parts.append(rejection.next_step)
        return " ".join(parts)


class CircuitOpen(Rejected):
    """The circuit is open: the dependency is known to be failing, and calls would only add to its load."""

    slug = "circuit-open"


class BulkheadFull(Rejected):
    """As many calls are under way as may be, and the queue is full or the wait for a place was too long."""

    slug = "bulkhead-full"


class RateLimited(Rejected):
    """As many calls began as may begin in that time, and the wait for the next place would be too long."""

    slug = "rate-limited"


class Throttled(Rejected):
    """The dependency refuses a good part of what it is sent, so a share of the calls is not even tried."""

    slug = "throttled"


class LimitReached(Rejected):
    """As many calls are under way as the dependency bears without becoming slower."""

    slug = "limit-reached"


class HandoverUnavailable(HoldfastError):
    """A call cannot be continued durably; nothing was handed over. `policy` is the policy's name and `why` the reason."""

    slug = "handover-unavailable"

    def __init__(self, policy: str, why: str) -> None:
        super().__init__(policy, why)
        self.policy = policy
        self.why = why

    def __str__(self) -> str:
        return (
            f"A call under {self.policy!r} cannot be continued durably: {self.why}."
            " Register it with handover='a.name' and JSON arguments, open a database first (holdfast.open()),"
            " and hand over the error that the call raised, where it raised it."
        )
