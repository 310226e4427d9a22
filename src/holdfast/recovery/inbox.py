"""EVENT: something happened outside and somebody says so. One transaction per event: note its id, settle the attempt it names, or set it aside.

```
its id was noted before        → duplicate: no effect
an attempt not yet settled     → settled: a decision follows, as for any attempt; the first settle wins
settled as unknown             → late: the truth that a probe or a person was to find
settled otherwise              → recorded: no effect
it names nothing we know       → set aside as a dead letter, whole
```
Order does not matter: each event names its attempt. It does not know how events arrive (`holdfast.hold.events`).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import TYPE_CHECKING
from uuid import UUID

from holdfast.contract import EVENT_PAYLOADS, ActionExecuteCompleted, ActionExecuteFailed, ErrorOccurred, to_wire
from holdfast.errors import BadInput
from holdfast.faults.redact import redact_body
from holdfast.faults.verdict import Outcome
from holdfast.plans.output import output_text
from holdfast.ports.rows import DeadLetterRow, InboxRow, Purpose
from holdfast.recovery.answer import Answer
from holdfast.recovery.external import stop_waiting
from holdfast.recovery.settle import answered_late, apply_answer
from holdfast.recovery.told import extract, verdict_told
from holdfast.recovery.turn import Turn

if TYPE_CHECKING:
    from holdfast.contract import Event
    from holdfast.ports.rows import AttemptRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx
    from holdfast.recovery.answer import Deciding
    from holdfast.recovery.turn import Plans

__all__ = ["EventResult", "Receipt", "receive"]

log = logging.getLogger("holdfast.inbox")

INBOUND = (ErrorOccurred, ActionExecuteCompleted, ActionExecuteFailed)
Report = ErrorOccurred | ActionExecuteCompleted | ActionExecuteFailed
KEPT_MAX_CHARS = 65_536
"""So much of an event that is set aside is kept."""
PROBLEMS_KEPT_MAX = 20
NUMBER_MAX = 2**31 - 1
"""No attempt has a larger number; the databases' columns end there."""


@unique
class EventResult(StrEnum):
    """What came of an event from outside."""

    SETTLED = "settled"
    """It settled the attempt that it names."""
    LATE = "late"
    """It came after its attempt was settled as unknown, and is kept as the truth about it."""
    DUPLICATE = "duplicate"
    """An event with its id has arrived before; no effect."""
    RECORDED = "recorded"
    """It was understood and changes nothing."""
    SET_ASIDE = "set-aside"
    """It fits nothing here; it is kept as a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of an event from outside.

    `execution` is the one it names, or empty. `reason` is a slug: why it was set aside (`unknown-execution`, `unknown-action`, `unknown-attempt`,
    `unknown-type`, `invalid-payload`), why it changes nothing (`settled-before`, `not-inbound`), or what came of the first one of a duplicate.
    """

    event_id: str
    type: str
    execution: str
    result: EventResult
    reason: str | None = None


def receive(tx: Tx, steps: Steps, *, plans: Plans, event: Event, deciding: Deciding) -> Receipt:
    """Take in one event and let it take effect, once."""
    named = execution_named(event)
    turn = Turn.open(tx, steps, plans=plans, execution_id=named) if named else None
    event_id, kind = event.id.lower(), extract(event.type)
    receipt = Receipt(event_id=event_id, type=kind, execution=named, result=EventResult.RECORDED)
    if not tx.insert_inbox(InboxRow(event_id=event_id, execution=named, type=kind, received_at=tx.now)):
        earlier = tx.inbox(event_id)
        return replace(receipt, result=EventResult.DUPLICATE, reason=earlier.outcome if earlier else None)
    model = EVENT_PAYLOADS.get(event.type)
    if model is None:
        receipt = set_aside(tx, event, receipt=receipt, reason="unknown-type")
    elif not issubclass(model, INBOUND):
        receipt = replace(receipt, reason="not-inbound")
    else:
        receipt = take_report(tx, turn, event=event, receipt=receipt, deciding=deciding)
    tx.save_inbox(event_id, f"{receipt.result}:{receipt.reason}" if receipt.reason else receipt.result.value)
    if turn is not None:
        announce(turn, event, receipt=receipt)
        turn.finish()
    return receipt


def take_report(tx: Tx, turn: Turn | None, *, event: Event, receipt: Receipt, deciding: Deciding) -> Receipt:
    """Take in what somebody says of an attempt."""
    try:
        report = event.payload()
    except BadInput as err:
        return set_aside(tx, event, receipt=receipt, reason="invalid-payload", problems=err)
    assert isinstance(report, INBOUND), "the type was looked at"
    if turn is None:
        return set_aside(tx, event, receipt=receipt, reason="unknown-execution")
    if report.action_id not in turn.rows:
        return set_aside(tx, event, receipt=receipt, reason="unknown-action")
    attempt = attempt_named(turn, report)
    if attempt is None:
        return set_aside(tx, event, receipt=receipt, reason="unknown-attempt")
    answer = answer_told(turn, report, attempt=attempt)
    if attempt.outcome is None:
        stop_waiting(turn, attempt)
        apply_answer(turn, attempt, answer=answer, deciding=deciding)
        return replace(receipt, result=EventResult.SETTLED)
    is_news = attempt.outcome == Outcome.UNKNOWN and attempt.late_answer is None and attempt.purpose is Purpose.PERFORM
    # "I do not know either" is no news, and must not stand in the way of somebody who does.
    if not is_news or (answer.verdict is not None and answer.verdict.outcome is Outcome.UNKNOWN):
        return replace(receipt, reason="settled-before")
    answered_late(turn, attempt, answer=answer, deciding=deciding)
    return replace(receipt, result=EventResult.LATE)


def execution_named(event: Event) -> str:
    """Return the execution that an event names, in the form in which ids are stored; empty when it names none."""
    named = event.data.get("executionId")
    try:
        return str(UUID(named)) if isinstance(named, str) and len(named) == len(str(UUID(int=0))) else ""
    except ValueError:
        return ""


def attempt_named(turn: Turn, report: Report) -> AttemptRow | None:
    """Return the attempt that is reported on. What a worker of ours asks for by itself (probes, refreshes), nobody outside can answer."""
    purpose = Purpose(getattr(report, "purpose", None) or Purpose.PERFORM)
    number = report.attempt_number
    if not isinstance(number, int) or not 1 <= number <= NUMBER_MAX:
        return None
    if purpose is not Purpose.PERFORM and turn.execution.external is None:
        return None
    return turn.tx.attempt(turn.execution.id, report.action_id, purpose=purpose, n=number)


def answer_told(turn: Turn, report: Report, *, attempt: AttemptRow) -> Answer:
    """Return a report as a performer's answer."""
    action = turn.plan.actions[attempt.action]
    definition = action.definition
    if isinstance(report, ActionExecuteCompleted):
        if definition is not None and definition.refreshes is not None:
            output: object = {"refreshed": definition.refreshes}  # its output is a secret, and the executor's own
        else:
            output = report.full_output if report.full_output is not None else report.result.output
        return Answer(output=output_text(dict(to_wire(output))), observed_at=turn.now)  # type: ignore[call-overload]  # an object, by its model
    verdict = verdict_told(
        report.error,
        now=turn.now,
        is_in_our_hands=turn.execution.external is None,
        api_id=action.api.api_id if action.api else definition.api_id if definition else None,
        place=action.definition_id,
    )
    return Answer(verdict=verdict, observed_at=turn.now)


def set_aside(tx: Tx, event: Event, *, receipt: Receipt, reason: str, problems: BadInput | None = None) -> Receipt:
    """Keep an event that fits nothing as a dead letter of its own."""
    detail: dict[str, object] = {"event": kept(event), "because": reason}
    if problems is not None:
        detail["problems"] = [extract(str(problem)) for problem in problems.problems[:PROBLEMS_KEPT_MAX]]
    letter = DeadLetterRow(
        execution=receipt.execution,
        action=receipt.event_id,
        reason=reason,
        # Only ASCII: half surrogate pairs and NUL survive as escapes, which every database takes.
        detail=json.dumps(detail, separators=(",", ":")),
        added_at=tx.now,
        kind="event",
    )
    tx.insert_dead_letter(letter)
    log.info("event %s was set aside: %s", receipt.event_id, reason)
    return replace(receipt, result=EventResult.SET_ASIDE, reason=reason)


def kept(event: Event) -> object:
    """Return an event without secrets, as JSON if it is short enough, else the beginning of its text."""
    body = event.to_json().encode("utf-8", "replace")
    text = redact_body(body, "application/json", limit=KEPT_MAX_CHARS)
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


def announce(turn: Turn, event: Event, *, receipt: Receipt) -> None:
    """Record that an event arrived and what came of it."""
    result = event.data.get("result")
    location = result.get("outputLocation") if isinstance(result, dict) else None
    is_located = receipt.result in (EventResult.SETTLED, EventResult.LATE) and isinstance(location, dict)
    turn.emit(
        "event.received",
        eventId=receipt.event_id,
        eventType=receipt.type,
        source=extract(event.source),
        result=receipt.result.value,
        reason=receipt.reason,
        outputLocation={str(key): extract(str(value)) for key, value in location.items() if key in LOCATED}
        if is_located and isinstance(location, dict)
        else None,
    )


LOCATED = ("provider", "path", "size", "checksum", "contentType")
"""What is noted of the place where an executor keeps an output. It is never read from there: a path is somebody's word."""
