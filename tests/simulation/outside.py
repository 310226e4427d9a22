"""The executor outside: it reads requests in the outbox, performs them at the same APIs, and answers with events that come late, twice, or never.

Part of the simulation's story beside `fleet`. It knows what the outbox tells and nothing else.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.contract import Event
from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify, examine
from holdfast.ports.http import HttpAnswer, HttpRequest
from holdfast.ports.rows import Purpose
from holdfast.recovery.answer import Deciding
from holdfast.recovery.detail import error_detail
from holdfast.recovery.inbox import receive
from tests.simulation.engine import Checkpoints
from tests.simulation.surroundings import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import EventRow
    from tests.simulation.fleet import Fleet

__all__ = ["Asked", "Asking", "Outside"]

NAME = "outside"
LOST_RATIO = 0.1
"""So many requests are never seen, and so many answers never arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The attempt that a request names, as the world notes it."""

    execution: str
    action: str
    purpose: Purpose
    n: int
    claims: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the world is called with."""

    attempt: Asked


class Outside:
    """The executor of all executions that Holdfast does not perform itself."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.read_to = {script.id: 0 for script in fleet.scenario.executions if script.external}

    def listen(self, execution: str) -> None:
        """Read on in the outbox of an execution, and begin with what is asked for."""
        if execution not in self.read_to:
            return
        after = self.read_to[execution]
        for event in self.fleet.read(lambda snapshot: snapshot.events(execution, after=after)):
            self.read_to[execution] = event.sequence
            if event.type != "action.execute.requested":
                continue
            age_s = (self.fleet.clock.now() - event.time).total_seconds()
            if self.fleet.dice.random() < LOST_RATIO or age_s > float(str(event.data["timeoutMs"])) / 1000:
                self.note("requests lost")  # nobody waits for the answer to an old one
                continue
            self.note("requests heard")
            self.fleet.employ(self.perform(event, self.request_of(event)), NAME)

    def listen_to_all(self) -> None:
        """Read on in the whole outbox."""
        for execution in self.read_to:
            self.listen(execution)

    def note(self, what: str) -> None:
        """Count."""
        self.fleet.counts[f"outside {what}"] += 1

    def request_of(self, event: EventRow) -> HttpRequest:
        """Return the call that a request of the outbox stands for."""
        script = next(one for one in self.fleet.scenario.executions if one.id == event.execution)
        action = script.actions[str(event.data["actionId"])]
        if event.data.get("purpose") == Purpose.PROBE:
            kind, place = "probe", event.data["inputs"]["place"]  # type: ignore[index]  # our own wire
        else:
            kind, place = "do", event.data["inputs"]["place"].replace("-", "/")  # type: ignore[index]  # our own wire
        key = (("Idempotency-Key", str(event.data["idempotencyKey"])),) if action.kind.has_key else ()
        return HttpRequest(
            method="POST",
            url=f"{HOST}/{kind}/{place}",
            headers=key,
            body=None,
            timeout_s=float(str(event.data["timeoutMs"])) / 1000,
            response_size_max_bytes=1_000_000,
        )

    async def perform(self, asked: EventRow, request: HttpRequest) -> None:
        """Make the call once, and let the answer go its way."""
        fleet = self.fleet
        attempt = Asked(
            execution=asked.execution,
            action=str(asked.data["actionId"]),
            purpose=Purpose(str(asked.data.get("purpose") or Purpose.PERFORM)),
            n=int(str(asked.data["attemptNumber"])),
        )
        try:
            answer: HttpAnswer | Exception = await fleet.world.call(request, Asking(attempt=attempt), NAME)
        except OSError as err:  # what a transport raises, timeouts included
            answer = err
        event = self.event_of(asked, attempt=attempt, answer=answer)
        if fleet.dice.random() < LOST_RATIO:
            self.note("answers lost")
            return
        for _ in range(fleet.dice.choice((1, 1, 2))):
            fleet.at(fleet.dice.choice((0.0, 0.0, 5.0, 25.0, 400.0)), lambda: self.tell(event))

    def event_of(self, asked: EventRow, *, attempt: Asked, answer: HttpAnswer | Exception) -> Event:
        """Return the event that tells what came of a call; what went wrong is judged by the same rules as our own calls."""
        names = ("executionId", "actionId", "attemptNumber", "purpose")
        data: dict[str, object] = {name: asked.data[name] for name in names if name in asked.data}
        now = self.fleet.clock.now()
        if isinstance(answer, Exception):
            verdict = classify(capture_exception(answer, operation=attempt.action, observed_at=now))
        else:
            fault = capture_answer(
                answer.status, answer.headers, body=answer.body, operation=attempt.action, observed_at=now
            )
            verdict = examine(fault)
        if verdict is None and isinstance(answer, HttpAnswer):
            return self.event(
                "action.execute.completed", data | {"result": success(), "fullOutput": json.loads(answer.body)}
            )
        assert verdict is not None, "an exception always has one"
        return self.event("action.execute.failed", data | {"error": error_detail(verdict, observed_at=now).to_wire()})

    def event(self, kind: str, data: Mapping[str, object]) -> Event:
        """Write an event."""
        event_id = str(uuid.UUID(int=self.fleet.dice.getrandbits(128), version=4))
        return Event(id=event_id, source="/outside", type=kind, subject=None, data=dict(data))

    def tell(self, event: Event) -> None:
        """An event arrives."""
        fleet = self.fleet
        deciding = Deciding(bounds=fleet.bounds, draw=fleet.dice.random(), rollback=Checkpoints())
        receipt = fleet.transact(lambda tx: receive(tx, fleet.steps, plans=fleet.plans, event=event, deciding=deciding))
        self.note(f"event {receipt.result}")
        fleet.tell(
            f"event     {str(event.data['executionId'])[:8]}/{event.data['actionId']} n={event.data['attemptNumber']}: {receipt.result}"
        )
        fleet.need_sweep()


def success() -> dict[str, object]:
    """A result as it stands on the wire; what it holds is told in full beside it."""
    location = {"provider": "local", "path": "/out/1", "size": 2, "checksum": "c", "contentType": "application/json"}
    return {"status": "success", "output": {}, "outputLocation": {**location, "metadata": {}}}
