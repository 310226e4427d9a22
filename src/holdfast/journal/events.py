"""Every type of event that Holdfast records, with its meaning and its fields. One table; `docs/reference/events.md` is made from it.

The `plan.*`, `action.*` and `error.occurred` events are the platform's (spec 000, SURFACES §6) and carry exactly its fields. The others are ours:
`noun.past_verb`, fields in camelCase with units. All of them are committed with the rows that they announce.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["EVENT_TYPES", "EventType"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One type of event. `level` is who should care: debug (internals), info (state changed), warning (degraded), error (a person is needed)."""

    name: str
    meaning: str
    fields: tuple[str, ...]
    level: str = "info"
    is_terminal: bool = False


PLAN = ("executionId", "planId")
ACTION = ("executionId", "actionId", "attemptNumber")

TABLE = (
    EventType(name="plan.execute.started", meaning="An execution of a plan was accepted.", fields=PLAN),
    EventType(
        name="plan.execute.completed",
        meaning="Every action is resolved and the expected outcome holds.",
        fields=PLAN,
        is_terminal=True,
    ),
    EventType(
        name="plan.execute.failed",
        meaning="The execution ended without its outcome; everything known about why.",
        fields=(*PLAN, "actionId", "error", "attempts"),
        level="error",
        is_terminal=True,
    ),
    EventType(
        name="plan.execute.cancelled",
        meaning="Somebody cancelled the execution.",
        fields=PLAN,
        level="warning",
        is_terminal=True,
    ),
    EventType(
        name="call.handed_over",
        meaning="The execution is a call that its policy gave up, or turned away, in a program; the attempts made there are on the ledger.",
        fields=(*PLAN, "actionId", "policy", "reason", "attempts", "elapsedS"),
        level="warning",
    ),
    EventType(
        name="plan.replaced",
        meaning="Somebody let the execution go on with another plan; what has begun is the same in both.",
        fields=(*PLAN, "oldDigest", "newDigest", "added", "removed", "changed"),
        level="warning",
    ),
    EventType(
        name="action.execute.requested",
        meaning="An attempt was put on the ledger and is about to be made.",
        fields=(*ACTION, "actionDefinitionId", "inputs", "timeoutMs", "idempotencyKey", "recovery", "purpose"),
        level="debug",
    ),
    EventType(name="action.execute.completed", meaning="An attempt worked.", fields=(*ACTION, "result")),
    EventType(name="action.execute.failed", meaning="An attempt failed.", fields=(*ACTION, "error"), level="warning"),
    EventType(name="action.skipped", meaning="An action will not run.", fields=("executionId", "actionId", "reason")),
    EventType(
        name="action.refused",
        meaning="An action failed before its first attempt: its condition says so, or nobody confirmed it. `follows` is what the plan provides.",
        fields=("executionId", "actionId", "rule", "error", "follows"),
        level="warning",
    ),
    EventType(
        name="error.occurred",
        meaning="An attempt failed in a way that the action's own retry policy does not mend: recovery takes over.",
        fields=(*ACTION, "error"),
        level="warning",
    ),
    EventType(
        name="retry.scheduled",
        meaning="The action's own retry policy repeats it.",
        fields=(*ACTION, "waitS", "dueAt", "rule", "reason"),
        level="warning",
    ),
    EventType(
        name="recovery.decided",
        meaning="What recovery does about a failed attempt, by which rule, and which ways were turned down.",
        fields=(
            *ACTION,
            "category",
            "outcome",
            "strategy",
            "move",
            "rule",
            "reason",
            "waitS",
            "dueAt",
            "timeoutS",
            "rejected",
        ),
        level="warning",
    ),
    EventType(
        name="recovery.succeeded", meaning="An action that had failed has completed.", fields=(*ACTION, "elapsedS")
    ),
    EventType(
        name="rollback.requested",
        meaning="Recovery asked to undo what the execution did, back to a checkpoint; the plan fails.",
        fields=(*ACTION, "to", "reason"),
        level="warning",
    ),
    EventType(
        name="action.paced",
        meaning="A call waits for its turn, since the definition's rate limit is used up; told once for each attempt.",
        fields=(*ACTION, "purpose", "dueAt", "requests", "windowMs", "scope"),
    ),
    EventType(
        name="attempt.reclaimed",
        meaning="An attempt was in flight when its worker died or fell silent; it is taken up again with the same key.",
        fields=(*ACTION, "claims", "lostWorker"),
        level="warning",
    ),
    EventType(
        name="attempt.answered_late",
        meaning="A true answer arrived after the attempt had been settled as unknown.",
        fields=(*ACTION, "result"),
        level="warning",
    ),
    EventType(
        name="probe.answered",
        meaning="The API was asked whether an attempt took effect.",
        fields=(*ACTION, "happened", "reason"),
    ),
    EventType(
        name="credential.refreshed",
        meaning="A credential was renewed for everybody who waits for it.",
        fields=("executionId", "credential", "generation"),
    ),
    EventType(
        name="credential.refresh_failed",
        meaning="A credential could not be renewed.",
        fields=("executionId", "credential", "isFinal", "error"),
        level="error",
    ),
    EventType(
        name="credential.asked",
        meaning="No machine can provide a credential (any more): one person is asked for everybody who waits for it.",
        fields=("executionId", "credential", "isOwn", "text"),
        level="error",
    ),
    EventType(
        name="credential.awaited",
        meaning="An action waits until a person has provided a credential.",
        fields=(*ACTION, "credential", "isOwn", "text"),
        level="error",
    ),
    EventType(
        name="question.asked",
        meaning="A person is asked: the action waits for an answer, until the deadline if there is one.",
        fields=(*ACTION, "kind", "text", "options", "deadline", "defaultAnswer"),
        level="error",
    ),
    EventType(
        name="question.answered",
        meaning="A question is closed: by a person, its `deadline`, a `late-answer` of the API, or the `closing` of the execution.",
        fields=(*ACTION, "answer", "by", "reason"),
    ),
    EventType(
        name="dead_letter.added",
        meaning="Recovery gave up on an action; its work is set aside.",
        fields=("executionId", "actionId", "reason"),
        level="error",
    ),
    EventType(
        name="event.received",
        meaning="An event arrived from outside; what came of it. The place where an executor keeps an output is noted, never read.",
        fields=("executionId", "eventId", "eventType", "source", "result", "reason", "outputLocation"),
    ),
    EventType(
        name="execution.closing",
        meaning="How the execution ends is settled; attempts in flight are awaited.",
        fields=("executionId", "closing"),
    ),
    EventType(
        name="execution.restored",
        meaning="The database was restored from a copy; what may have happened since the copy was settled as unknown.",
        fields=("executionId", "era", "settled", "doubted"),
        level="warning",
    ),
    EventType(
        name="api.health_failed",
        meaning="An API in use failed its health check, which it had passed before, or which was its first. It belongs to no execution.",
        fields=("apiId", "since", "result"),
        level="warning",
    ),
    EventType(
        name="api.health_recovered",
        meaning="An API passes its health check again. It belongs to no execution.",
        fields=("apiId", "since", "result"),
    ),
    EventType(
        name="step.repaired",
        meaning="The sweep found an action whose step the engine had lost, and enqueued it again.",
        fields=("executionId", "actionId", "attemptNumber"),
        level="error",
    ),
)

EVENT_TYPES = MappingProxyType({event.name: event for event in TABLE})
"""Every event type by its name."""
