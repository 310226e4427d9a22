"""What happened and why, in words: recorded events folded into lines that a person can read. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from holdfast.ports.rows import EventRow

__all__ = ["Line", "explain", "line_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a timeline. `tone` is how it should look: plain, good, bad, waiting, decision, person."""

    time: datetime
    action: str | None
    tone: str
    text: str
    details: tuple[str, ...] = ()


def explain(events: Iterable[EventRow], *, action: str | None = None) -> list[str]:
    """Return the timeline as plain text, times relative to the first event; with `action`, only what concerns it."""
    rows = list(events)
    if not rows:
        return []
    start = rows[0].time
    lines: list[str] = []
    for row in rows:
        line = line_of(row)
        if line is None or (action is not None and line.action not in (action, None)):
            continue
        seconds = (line.time - start).total_seconds()
        lines.append(f"{seconds:9.3f} s  {line.action or '—':<24} {line.text}")
        lines.extend(f"{'':38} {detail}" for detail in line.details)
    return lines


def line_of(event: EventRow) -> Line | None:
    """Return an event as a line; None for those that only machines need."""
    tell = TELLERS.get(event.type)
    if tell is None:
        return None
    tone, text, details = tell(event.data)
    action = event.data.get("actionId")
    return Line(
        time=event.time,
        action=str(action) if action is not None else None,
        tone=tone,
        text=text,
        details=tuple(details),
    )


NAMES_MAX = 20
"""So many actions are named in one line."""

Told = tuple[str, str, list[str]]


def error_of(data: Mapping[str, object]) -> Mapping[str, object]:
    """Return the error inside an event's data."""
    error = data.get("error")
    return error if isinstance(error, dict) else {}


def verdict_words(data: Mapping[str, object]) -> str:
    """Return an error in one line: category, message, outcome."""
    error = error_of(data)
    status = f" {error['statusCode']}" if error.get("statusCode") else ""
    outcome = f" · outcome {error['outcome']}" if error.get("outcome") else ""
    return f"{error.get('category', 'unknown')}{status}: {error.get('message', '')}{outcome}"


def failed(data: Mapping[str, object]) -> Told:
    """An attempt failed."""
    details = [*judged_by(data), *notes_of(data)]
    return "bad", f"attempt {data.get('attemptNumber')} failed — {verdict_words(data)}", details


def judged_by(data: Mapping[str, object]) -> list[str]:
    """Return which rule gave the verdict, and which ones matched as well."""
    context = error_of(data).get("context")
    if not isinstance(context, dict) or not context.get("rule"):
        return []
    others = str(context.get("runnersUp") or "").replace("; ", ", ")
    return [f"judged by {context['rule']}", *([f"also matched {others}"] if others else [])]


def notes_of(data: Mapping[str, object]) -> list[str]:
    """Return what is worth knowing about the verdict: a wait beyond reason, a clock that is off, knowledge that is old, and the ids to ask by."""
    context = error_of(data).get("context")
    if not isinstance(context, dict):
        return []
    notes = context.get("notes")
    told = [f"note: {note}" for note in str(notes).split("; ")] if notes else []
    if request_id := context.get("requestId"):
        told.append(f"their request id: {request_id} (give it to their support)")
    if trace_id := context.get("traceId"):
        told.append(f"trace id: {trace_id}")
    return told


def requested(data: Mapping[str, object]) -> Told:
    """An attempt is made."""
    recovery = data.get("recovery")
    because = f" ({recovery['strategy']})" if isinstance(recovery, dict) else ""
    return "plain", f"attempt {data.get('attemptNumber')} of {data.get('actionDefinitionId')}{because}", []


def handed_over(data: Mapping[str, object]) -> Told:
    """A call goes on that began in a program."""
    attempts = data.get("attempts")
    by = f"handed over by the policy {data.get('policy')!r}"
    if not attempts:
        return "waiting", f"{by}, which let nothing be sent ({data.get('reason')})", []
    made = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    text = f"{by} after {made} made in process ({data.get('reason')})"
    return "waiting", text, [f"the first of them began {data.get('elapsedS')} s before the handover"]


def retried(data: Mapping[str, object]) -> Told:
    """The retry policy repeats."""
    return (
        "decision",
        f"retry policy: again in {data.get('waitS')} s — {data.get('reason')}",
        [f"rule {data.get('rule')}"],
    )


def decided(data: Mapping[str, object]) -> Told:
    """Recovery decided."""
    way = data.get("strategy") or data.get("move")
    details = [f"rule {data.get('rule')}"]
    rejected = data.get("rejected")
    if isinstance(rejected, list):
        details += [f"not {item['way']}: {item['reason']}" for item in rejected if isinstance(item, dict)]
    return "decision", f"recovery decides: {way} — {data.get('reason')}", details


def reclaimed(data: Mapping[str, object]) -> Told:
    """An attempt was in flight when its worker died."""
    text = f"attempt {data.get('attemptNumber')} was in flight when worker {data.get('lostWorker')} died; taken up again (claim {data.get('claims')})"
    return "bad", text, []


def refresh_failed(data: Mapping[str, object]) -> Told:
    """A refresh failed."""
    final = "for good" if data.get("isFinal") else "for now"
    return "bad", f"the credential {data.get('credential')} could not be refreshed, {final} — {verdict_words(data)}", []


FOLLOWS = {
    "alternative": "the alternative takes over",
    "fallback": "the fallback value stands in",
    "continue": "the plan goes on without it",
    "give-up": "nothing makes up for it",
}


def refused(data: Mapping[str, object]) -> Told:
    """An action failed before its first attempt."""
    follows = FOLLOWS.get(str(data.get("follows")), "")
    return "bad", f"failed — {verdict_words(data)}; {follows}", [f"rule {data.get('rule')}", *notes_of(data)]


def asked(data: Mapping[str, object]) -> Told:
    """A person is needed."""
    until = f" (until {data['deadline']}, then: {data.get('defaultAnswer')})" if data.get("deadline") else ""
    return "person", f"a person is needed: {data.get('text')}{until}", []


def credential_commands(data: Mapping[str, object]) -> list[str]:
    """Return how a person answers; an execution is named only where the credential is its own."""
    whose = f" --execution {data.get('executionId')}" if data.get("isOwn") else ""
    name = shlex.quote(str(data.get("credential")))
    return [f"holdfast credentials set {name}{whose}", f"holdfast credentials give-up {name}{whose}"]


def answered(data: Mapping[str, object]) -> Told:
    """Somebody answered."""
    if data.get("by") == "closing":
        return "waiting", "nobody needs to answer any more: the execution is ending", []
    if data.get("by") == "deadline":
        return "waiting", f"nobody answered in time: {data.get('answer')}", []
    by = f" by {data['by']}" if data.get("by") else ""
    because = f": {data['reason']}" if data.get("reason") else ""
    return "person", f"answered{by}: {data.get('answer')}{because}", []


def probe_answered(data: Mapping[str, object]) -> Told:
    """A probe answered."""
    words = {True: "it happened", False: "it did not happen"}.get(data.get("happened"), "nobody knows yet")  # type: ignore[call-overload]  # bool or None
    return "plain", f"probe: {words} — {data.get('reason')}", []


def plan_failed(data: Mapping[str, object]) -> Told:
    """The plan failed."""
    return "bad", f"plan failed — {verdict_words(data)}", []


def replaced(data: Mapping[str, object]) -> Told:
    """The plan was replaced."""
    lists = {
        word: value for word in ("added", "removed", "changed") if isinstance(value := data.get(word), list) and value
    }
    details = [f"{word}: {', '.join(str(one) for one in names[:NAMES_MAX])}" for word, names in lists.items()]
    return "person", "the plan was replaced by another", details


TELLERS: Mapping[str, Callable[[Mapping[str, object]], Told]] = {
    "plan.execute.started": lambda _: ("plain", "plan started", []),
    "plan.execute.completed": lambda _: ("good", "plan completed", []),
    "plan.execute.failed": plan_failed,
    "plan.execute.cancelled": lambda _: ("waiting", "plan cancelled", []),
    "plan.replaced": replaced,
    "call.handed_over": handed_over,
    "action.execute.requested": requested,
    "action.execute.completed": lambda data: ("good", f"attempt {data.get('attemptNumber')} worked", []),
    "action.execute.failed": failed,
    "action.refused": refused,
    "action.skipped": lambda data: ("waiting", f"skipped: {data.get('reason')}", []),
    "retry.scheduled": retried,
    "recovery.decided": decided,
    "recovery.succeeded": lambda data: ("good", f"recovered after {data.get('elapsedS')} s", []),
    "rollback.requested": lambda data: ("bad", f"rolls back to {data.get('to')} — {data.get('reason')}", []),
    "action.paced": lambda data: (
        "waiting",
        f"the rate limit ({data.get('requests')} in {data.get('windowMs')} ms) is used up; its turn comes at {data.get('dueAt')}",
        [],
    ),
    "attempt.reclaimed": reclaimed,
    "attempt.answered_late": lambda data: (
        "plain",
        f"a late answer to attempt {data.get('attemptNumber')}: {data.get('result')}",
        [],
    ),
    "probe.answered": probe_answered,
    "credential.refreshed": lambda data: (
        "good",
        f"the credential {data.get('credential')} was refreshed (generation {data.get('generation')})",
        [],
    ),
    "credential.refresh_failed": refresh_failed,
    "question.asked": asked,
    "credential.asked": lambda data: (
        "person",
        f"a person is needed: {data.get('text')}",
        credential_commands(data),
    ),
    "credential.awaited": lambda data: (
        "person",
        f"waits for the credential {data.get('credential')!r}, which a person has to provide",
        credential_commands(data),
    ),
    "question.answered": answered,
    "dead_letter.added": lambda data: ("bad", f"set aside as a dead letter: {data.get('reason')}", []),
    "execution.closing": lambda data: (
        "waiting",
        f"the execution is ending as {data.get('closing')}; attempts in flight are awaited",
        [],
    ),
    "execution.restored": lambda data: (
        "waiting",
        f"the database was restored from a copy; unknown since: {data.get('settled')} attempts in flight, {data.get('doubted')} scheduled",
        [],
    ),
    "step.repaired": lambda data: (
        "bad",
        f"the engine had lost the step of attempt {data.get('attemptNumber')}; the sweep enqueued it again",
        [],
    ),
}
