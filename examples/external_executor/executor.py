"""An executor: performs what Holdfast asks for, and answers with events. It may die at any line and be started again."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import holdfast
from holdfast.contract import Event

CURSOR = Path("cursor.txt")


def answer_to(request: Event) -> Event:
    """Perform a request and say how it went. The same request has an answer with the same id, however often it is made."""
    asked = request.data
    about = {name: asked[name] for name in ("executionId", "actionId", "attemptNumber", "purpose") if name in asked}
    if asked["actionId"] == "charge" and asked["attemptNumber"] == 1:
        kind = "action.execute.failed"
        error = {"category": "rate_limit_burst", "message": "Too many charges", "retryable": True, "context": {}}
        about["error"] = {**error, "outcome": "not_executed"}  # we know: nothing was charged
    else:
        kind = "action.execute.completed"
        place = {"provider": "local", "path": "books", "size": 0, "checksum": "", "contentType": "application/json"}
        output = {"id": f"{asked['actionId']}_{str(asked['idempotencyKey'])[:8]}"}
        about["result"] = {"status": "success", "output": output, "outputLocation": {**place, "metadata": {}}}
    event_id = str(uuid.uuid5(uuid.UUID(request.id), "answer"))
    return Event(id=event_id, source="/billing", type=kind, data=about)


with holdfast.open("sqlite:///.holdfast/holdfast.db", worker=False) as hold:
    print("billing is ready", flush=True)
    while True:
        page = hold.outbox(CURSOR.read_text() if CURSOR.exists() else None)
        for request in page.events:
            if request.type == "action.execute.requested":
                receipt = hold.emit(answer_to(request))
                print(request.data["actionId"], request.data["attemptNumber"], receipt.result, flush=True)
        CURSOR.write_text(page.cursor)  # after the answers: what is answered twice takes effect once
        if any(event.type.startswith("plan.execute.") and not event.type.endswith("started") for event in page.events):
            break
        time.sleep(0.1)
