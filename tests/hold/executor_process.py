"""An executor in a process of its own: `python executor_process.py DATABASE_URL` performs whatever the outbox asks for, and not always well.

It fails the first attempt at `pay`, answers the second twice and then contradicts itself, and answers `ship` only once a person was asked about it.
It leaves when an execution has ended, and prints what came of each of its answers.
"""

from __future__ import annotations

import sys
import threading
import uuid
from typing import TYPE_CHECKING, cast

import holdfast

if TYPE_CHECKING:
    from holdfast import Hold
    from holdfast.contract import Event

LIMIT_S = 60
TYPES = ("action.execute.requested", "question.asked", "plan.execute.completed", "plan.execute.failed")
LOCATION = {"provider": "local", "path": "/srv/1", "size": 1, "checksum": "c", "contentType": "a/b", "metadata": {}}


def perform(hold: Hold) -> None:
    """Follow the outbox until the end of an execution."""
    cursor: str | None = None
    left: dict[str, dict[str, object]] = {}
    nothing = threading.Event()  # never set: what happens, happens in another process
    for _ in range(LIMIT_S * 50):
        page = hold.outbox(cursor, types=TYPES)
        cursor = page.cursor
        for event in page.events:
            if event.type.startswith("plan."):
                return
            answer(hold, event, left)
        nothing.wait(0.02)


def answer(hold: Hold, event: Event, left: dict[str, dict[str, object]]) -> None:
    """Answer one request, or not yet."""
    data = dict(event.data)
    action, number = str(data["actionId"]), cast("int", data["attemptNumber"])
    about = {name: data[name] for name in ("executionId", "actionId", "attemptNumber")}
    if event.type == "question.asked":
        emit(hold, "action.execute.completed", left.pop(action))
    elif action == "pay" and number == 1:
        error = {"category": "rate_limit_burst", "message": "Slow down", "retryable": True, "context": {}}
        emit(hold, "action.execute.failed", {**about, "error": error})
    else:
        result = {"status": "success", "output": {"id": f"{action}-{number}"}, "outputLocation": LOCATION}
        done = {**about, "result": result, "fullOutput": {"id": f"{action}-{number}", "inputs": data["inputs"]}}
        if action == "ship":
            left[action] = done
            return
        emit(hold, "action.execute.completed", done, times=2)
        error = {"category": "auth_invalid", "message": "No, it failed", "retryable": False, "context": {}}
        emit(hold, "error.occurred", {**about, "error": error})


def emit(hold: Hold, kind: str, data: dict[str, object], *, times: int = 1) -> None:
    """Send one event so many times, and say what came of it."""
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/executor", "type": kind, "data": data}
    for _ in range(times):
        receipt = hold.emit(event)
        print(data["actionId"], data["attemptNumber"], receipt.result, flush=True)


if __name__ == "__main__":
    with holdfast.open(sys.argv[1], worker=False) as opened:
        perform(opened)
