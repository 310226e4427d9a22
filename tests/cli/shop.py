"""A small shop to run plans against: an API that fails as told, and the files of a plan that uses it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

Fault = dict[str, object]
GONE_WRONG: Fault = {"kind": "status", "calls": [1], "status": 400, "body": {"error": "no such size"}}
UNANSWERED: Fault = {"kind": "hang_after_effect", "calls": [1], "seconds": 5}


def come_back_in(seconds: int) -> Fault:
    """Return the fault of an API that is busy once and says when to come back."""
    return {"kind": "status", "calls": [1], "status": 503, "headers": {"Retry-After": str(seconds)}, "body": {}}


def scenario(fault: Fault | None = None) -> dict[str, object]:
    """Return a shop that takes orders, and fails as told."""
    route: dict[str, object] = {"name": "order", "method": "POST", "path": "/orders", "status": 201}
    route |= {"idempotency_header": "Idempotency-Key", "body": {"id": "ord_{id}"}, "faults": [fault] if fault else []}
    return {"routes": [route]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a plan with one action, `order`."""

    plan: Path
    actions: Path

    @property
    def arguments(self) -> tuple[str, ...]:
        """What `holdfast run` and `holdfast validate` are called with."""
        return (str(self.plan), "--actions", str(self.actions))


def write_files(directory: Path, url: str, *, is_keyed: bool = True, timeout_ms: int = 3000) -> Files:
    """Write the plan and its definition."""
    once = {
        "maxAttempts": 1,
        "initialDelay": 0,
        "maxDelay": 0,
        "backoffMultiplier": 1,
        "retryableErrors": [],
        "jitter": False,
    }
    definition = {
        "id": "shop.order",
        "name": "Order",
        "description": "Makes an order.",
        "version": "1.0.0",
        "endpoint": {"url": f"{url}/orders", "method": "POST", "headers": {}, "timeout": timeout_ms},
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": once,
        "knownErrors": [],
        "examples": [],
        **({"idempotency": {"header": "Idempotency-Key"}} if is_keyed else {}),
    }
    action = {"id": "order", "actionDefinitionId": "shop.order", "inputs": {"amount": 3}, "dependencies": []}
    plan = {
        "id": "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21",
        "name": "One order",
        "description": "Makes one order.",
        "intent": {"original": "order", "interpreted": "order", "confidence": 1},
        "actions": [{**action, "errorHandling": {"continueOnFailure": False}}],
        "expectedOutcome": {"description": "There is an order.", "validations": []},
        "metadata": {"createdAt": "2026-01-15T09:00:00.000Z", "estimatedDuration": 1000, "tags": []},
    }
    files = Files(plan=directory / "plan.json", actions=directory / "actions.json")
    files.plan.write_text(json.dumps(plan))
    files.actions.write_text(json.dumps([definition]))
    return files


class Process:
    """A real `holdfast` process; its standard error goes where its standard output goes."""

    def __init__(self, *arguments: str, directory: Path) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)},
        )
        self.output = ""

    def read_until(self, pattern: str) -> str:
        """Read lines until one matches; returns it."""
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.output += line
            if re.search(pattern, line):
                return line
        raise AssertionError(f"ended without {pattern!r}:\n{self.output}")

    def send(self, kind: signal.Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(kind)

    def end(self) -> int:
        """Wait for its end; returns the exit code."""
        rest, _ = self._child.communicate(timeout=60)
        self.output += rest
        return self._child.returncode

    def discard(self) -> None:
        """End it, whatever it does."""
        self._child.kill()
        self._child.communicate()
