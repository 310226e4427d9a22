"""The rows that carry an execution: plain frozen data, written and read only under the protocol of `docs/ARCHITECTURE.md`.

An execution runs a frozen plan; an action row is one unit of it; an attempt row is one try at a purpose (perform, probe, refresh), written
*before* the wire sees a byte and settled exactly once.

```
action   pending → confirming → scheduled                  a person says yes first; a no, or no answer in time, fails it
         pending → scheduled → running → completed
            │          ↑          ├────→ scheduled        a retry: attempt n+1 is due at `due_at`
            │          │          ├────→ probing  ──────→ completed | scheduled | asking
            │          │          ├────→ asking   ──────→ completed | scheduled | failed      a person answers
            │          └──────────┘
            └→ skipped            └────→ failed           absorbed by an alternative, a fallback value, or not at all
```
`running` and `probing` mean a call may be in flight (`in_flight` counts attempts not yet settled); all else is a row that waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "CONTRACT",
    "ActionRow",
    "ActionState",
    "AttemptRow",
    "BucketRow",
    "CredentialRow",
    "DeadLetterRow",
    "EventRow",
    "ExecutionRow",
    "InboxRow",
    "Purpose",
    "QuestionRow",
    "RunState",
]


CONTRACT = 2
"""The newest contract of executions that this release carries on; one that asks for more is left to newer workers."""


class RunState(StrEnum):
    """Where an execution stands; the last three are final."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ActionState(StrEnum):
    """Where an action stands; the last three are final. The legal moves are drawn in the module docstring."""

    PENDING = "pending"
    CONFIRMING = "confirming"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PROBING = "probing"
    ASKING = "asking"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether the action will never change again."""
        return self in (ActionState.COMPLETED, ActionState.FAILED, ActionState.SKIPPED)


class Purpose(StrEnum):
    """What an attempt, and the step that carries it, is for."""

    PERFORM = "perform"
    PROBE = "probe"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One run of a frozen plan.

    `closing` is set as soon as it is known how the execution will end (`failed`, `cancelled`) while attempts are still in flight; `document`
    is the digest of the frozen plan and definitions; `recoveries` counts recovery attempts over all actions; `version` counts transactions.
    `external` names the executor outside Holdfast that performs its actions (None: our own workers do); `contract` is the least contract a worker
    must know to carry it on: an older worker leaves it to newer ones.
    """

    id: str
    plan_id: str
    plan_name: str
    state: RunState
    closing: RunState | None
    version: int
    document: str
    tenant: str
    priority: int
    recoveries: int
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    failed_action: str | None
    external: str | None = None
    contract: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One action of an execution.

    `n` is the number of its newest attempt (0 before the first); `epoch` changes the idempotency key, under the protocol's rule only;
    `timeout_s` overrides the definition's; `output` is JSON text, or None when it lies at `location` (JSON of a StorageLocation) or is absent;
    `absorbed` says what made up for a failure (`alternative`, `fallback`, `continue`), `handed_to` names the alternative that took over;
    `is_activated` says that an alternative has been called upon; `step_key` is the step that carries it on (the sweep asks for it);
    `waits_for` names the credential whose refresh the scheduled attempt awaits,
    `generation` the one that its last attempt used.
    """

    execution: str
    action: str
    position: int
    state: ActionState = ActionState.PENDING
    n: int = 0
    epoch: int = 0
    due_at: datetime | None = None
    timeout_s: float | None = None
    in_flight: int = 0
    recoveries: int = 0
    strategy: str | None = None
    waits_for: str | None = None
    generation: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    output: str | None = None
    location: str | None = None
    error: str | None = None
    reason: str | None = None
    absorbed: str | None = None
    handed_to: str | None = None
    is_activated: bool = False
    step_key: str | None = None

    @property
    def has_output(self) -> bool:
        """Whether something can be referenced: its own output or the fallback that stands in for it."""
        return self.output is not None or self.location is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One try, on the ledger before it is made. Settled exactly once: `outcome` is None until then.

    `claims` counts how often a worker took it up (more than once: a performer died); `key` is the idempotency key; `result` is `success` or
    `failure`; `verdict`, `decision` and `trace` are JSON text; `late_answer` keeps a true answer that came after the attempt was settled.
    """

    execution: str
    action: str
    purpose: Purpose
    n: int
    claims: int
    key: str
    started_at: datetime
    worker: str
    strategy: str | None = None
    timeout_s: float | None = None
    credential: str | None = None
    generation: int | None = None
    settled_at: datetime | None = None
    result: str | None = None
    outcome: str | None = None
    category: str | None = None
    verdict: str | None = None
    decision: str | None = None
    trace: str | None = None
    late_answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    """A credential that a machine can renew: `generation` grows by one with each renewal, `sealed` holds the newest value encrypted.

    `refreshing_until` is the lease of the one refresh that may be under way; `error` and `failed_at` describe the last refresh that failed
    for good and are cleared by the next success. `expires_at` is when the newest value runs out, where that is known. While `question` is set
    a person is asked for it, since `asked_at`: once, for all executions that wait. `refreshing_by` is the one attempt that may renew it while
    the lease lasts; `uses` counts how often the refresh token of this generation was sent without a definite no. `renewed_at` is when this
    generation came. `changed_by` is who brought it, or gave it up: what a person says of themselves, or `execution …` that renewed it, or `deadline`.
    """

    name: str
    generation: int
    sealed: bytes | None
    refreshing_until: datetime | None
    error: str | None
    failed_at: datetime | None
    expires_at: datetime | None = None
    question: str | None = None
    asked_at: datetime | None = None
    refreshing_by: str | None = None
    uses: int = 0
    renewed_at: datetime | None = None
    changed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRow:
    """A rate limit that all workers share, kept exactly: a ring of places, and at each the moment when the last call there began.

    `position` counts the calls that came; each draws the place `position % requests`. `next_at` is when the next of those who have to wait should
    come again, so that they do not all come at once. `now` is the store's time once the bucket's lock was there.
    """

    name: str
    position: int
    next_at: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """A wait for a person: what is asked, what may be answered, and what was. `n` is 0 for a confirmation before the first attempt.

    Else `n` is the number of the attempt it is about, or the next free one where that was asked about before; `attempt` tells then.
    Nobody having answered by `deadline`, `default_answer` counts as the answer.
    """

    execution: str
    action: str
    n: int
    kind: str
    text: str
    options: tuple[str, ...]
    asked_at: datetime
    answered_at: datetime | None = None
    answer: str | None = None
    answered_by: str | None = None
    reason: str | None = None
    deadline: datetime | None = None
    default_answer: str | None = None
    attempt: int | None = None

    @property
    def about(self) -> int:
        """The attempt it is about; 0 for a confirmation."""
        return self.n if self.attempt is None else self.attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """Work set aside after recovery gave up: `reason` is a slug, `detail` JSON with everything known.

    `kind` is `action`, or `event` for an event from outside that fits nothing here; then `action` is the event's id.
    """

    execution: str
    action: str
    reason: str
    detail: str
    added_at: datetime
    kind: str = "action"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that happened. `data` is the event's payload as it stands on the wire.

    Events of one execution are in the order of `sequence`; those of all executions in the order of (`xid`, `sequence`), where `xid` is the number
    of the transaction on PostgreSQL (0 on SQLite, which has one writer): only so does a reader with a cursor miss nobody who commits later.
    """

    sequence: int
    id: str
    execution: str
    type: str
    time: datetime
    data: Mapping[str, object]
    is_terminal: bool = False
    xid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """An event from outside, by its id: what arrives twice takes effect once.

    `execution` is the one it names, or empty; `outcome` says what came of it (`settled`, `late`, `recorded`, or `set-aside:` and the reason).
    """

    event_id: str
    execution: str
    type: str
    received_at: datetime
    outcome: str | None = None
