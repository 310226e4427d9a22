"""Plans of Python actions and of calls, for tests of how plans go through real workers."""

from __future__ import annotations

import uuid

from holdfast.hold import Hold
from holdfast.settings import load
from holdfast.wiring import open_hold

PLAN_ID = "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21"


def opened(url: str, **settings: object) -> Hold:
    """Open a database with a quick worker."""
    quick = {"worker.poll_interval_s": 0.02, **settings}
    return open_hold(settings=load(arguments={"database.url": url, **quick}, environ={}))


def planned(action: str, uses: str, *dependencies: str, **inputs: object) -> dict[str, object]:
    """An action."""
    return {
        "id": action,
        "actionDefinitionId": uses,
        "inputs": inputs,
        "dependencies": list(dependencies),
        "errorHandling": {"continueOnFailure": False},
    }


def plan(*actions: dict[str, object], plan_id: str | None = None) -> dict[str, object]:
    """A plan of actions, by default under an id of its own."""
    return {
        "id": plan_id or str(uuid.uuid4()),
        "name": "flow",
        "description": "for tests",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": list(actions),
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }


def call(url: str, *, requests: int, window: int) -> dict[str, object]:
    """A definition of a GET with a rate limit."""
    return {
        "id": "get",
        "name": "Get",
        "description": "Gets something.",
        "version": "1.0.0",
        "endpoint": {"url": url, "method": "GET", "headers": {}, "timeout": 5000},
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": 1,
            "initialDelay": 0,
            "maxDelay": 0,
            "backoffMultiplier": 1,
            "retryableErrors": [],
            "jitter": False,
        },
        "knownErrors": [],
        "rateLimit": {"requests": requests, "window": window, "scope": "global"},
        "examples": [],
    }
