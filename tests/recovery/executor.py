"""A bench with an executor outside: it sees the requests in the outbox and answers with events."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from holdfast.contract import Event
from holdfast.recovery.begin import begin
from holdfast.recovery.inbox import receive
from tests.recovery.bench import EXECUTION, Bench

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.plans.frozen import Frozen
    from holdfast.recovery.inbox import Receipt

Request = dict[str, object]


def error(category: str, **changes: object) -> dict[str, object]:
    """An error as it stands on the wire; it says nothing of the outcome unless told to."""
    return {"category": category, "message": "It failed.", "retryable": True, "context": {}, **changes}


def event(kind: str, data: Mapping[str, object], *, event_id: str | None = None) -> Event:
    """An event from elsewhere."""
    return Event(
        id=event_id or str(uuid.uuid4()), source="/elsewhere", type=kind, subject=None, data=cast("dict[str, object]", data)
    )  # fmt: skip


class ExternalBench(Bench):
    """A bench whose executions are performed outside; with `executor=None`, by its own worker."""

    def begin(self, plan: Frozen, *, executor: str | None = "erp", execution: str = EXECUTION) -> bool:
        """Accept an execution for an executor."""
        plan = replace(plan, contract=2 if executor else plan.contract)
        return self.transact(
            lambda tx: begin(
                tx, self.steps, plans=self.plans, execution_id=execution, frozen=plan, external=executor
            )
        )  # fmt: skip

    def requests(self, execution: str = EXECUTION) -> list[Request]:
        """Everything that was asked for, in order."""
        return [dict(one.data) for one in self.events("action.execute.requested", execution)]

    def tell(self, given: Event) -> Receipt:
        """Take in an event."""
        return self.transact(
            lambda tx: receive(tx, self.steps, plans=self.plans, event=given, deciding=self.deciding)
        )  # fmt: skip

    def complete(self, request: Request, event_id: str | None = None, **output: str) -> Receipt:
        """Answer a request with success."""
        return self.tell(event("action.execute.completed", {**named(request), "result": success(output)}, event_id=event_id))  # fmt: skip

    def fail(self, request: Request, category: str, event_id: str | None = None, **changes: object) -> Receipt:
        """Answer a request with a failure."""
        data = {**named(request), "error": error(category, **changes)}
        return self.tell(event("action.execute.failed", data, event_id=event_id))


def named(request: Request) -> dict[str, object]:
    """The part of an answer that says what is answered."""
    names = ("executionId", "actionId", "attemptNumber", "purpose")
    return {name: request[name] for name in names if name in request}


def success(output: Mapping[str, object]) -> dict[str, object]:
    """A result as it stands on the wire."""
    location = {"provider": "local", "path": "/srv/out/1", "size": 2, "checksum": "c", "contentType": "application/json"}  # fmt: skip
    return {"status": "success", "output": output, "outputLocation": {**location, "metadata": {}}}
