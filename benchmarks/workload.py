"""The work that is measured: plans of one shape against a transport that answers at once, and a worker that can be read like a gauge."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from unittest.mock import patch

from holdfast import wiring
from holdfast.contract import ActionDefinition, ExecutionPlan
from holdfast.ports.http import HttpAnswer
from holdfast.recovery.worker import Worker
from holdfast.settings import load

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold
    from holdfast.ports.http import HttpRequest
    from holdfast.ports.steps import Step
    from holdfast.recovery.answer import Answer
    from holdfast.recovery.claim import Assignment
    from holdfast.recovery.worker import Performing

__all__ = [
    "SHAPES",
    "Gauge",
    "HangingTransport",
    "InstantTransport",
    "Opened",
    "Shape",
    "open_with",
    "run_plans",
    "start_plan",
]

NOW = "2026-01-01T00:00:00Z"
DONE_MAX_S = 300.0
OK = HttpAnswer(status=200, headers=(("content-type", "application/json"),), body=b'{"id":"x1"}', duration_s=0.001)
OVERLOADED = HttpAnswer(
    status=503, headers=(("content-type", "application/json"),), body=b'{"error":"overloaded"}', duration_s=0.001
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A plan's actions with what each needs; with `fails_once`, the first attempt of every action gets 503. `steps` are carried out per plan."""

    needs: Mapping[str, tuple[str, ...]]
    fails_once: bool = False

    @property
    def steps(self) -> int:
        """The steps of one plan."""
        return len(self.needs) * (2 if self.fails_once else 1)


SHAPES = {
    "diamond": Shape(needs={"a": (), "b": ("a",), "c": ("a",), "d": ("a",), "e": ("b", "c", "d")}),
    "recovery": Shape(needs={"a": ()}, fails_once=True),
    "single": Shape(needs={"a": ()}),
}


def definition(*, retry_delay_ms: int = 0) -> dict[str, object]:
    """The action that every plan here performs: a POST whose API honours an idempotency key."""
    return {
        "id": "bench.call",
        "name": "call",
        "description": "call",
        "version": "1.0.0",
        "endpoint": {
            "url": "http://127.0.0.1:9/call",
            "method": "POST",
            "headers": {"Idempotency-Key": "x"},
            "timeout": 5000,
        },
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": 3,
            "initialDelay": retry_delay_ms,
            "maxDelay": retry_delay_ms,
            "backoffMultiplier": 1,
            "retryableErrors": ["api_unexpected_status"],
            "jitter": False,
        },
        "knownErrors": [],
        "examples": [],
    }


def plan(shape: Shape) -> dict[str, object]:
    """A plan of the given shape."""
    return {
        "id": str(uuid.uuid4()),
        "name": "bench",
        "description": "bench",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": [
            {
                "id": name,
                "actionDefinitionId": "bench.call",
                "inputs": {"n": name},
                "dependencies": list(dependencies),
                "errorHandling": {"continueOnFailure": False},
            }
            for name, dependencies in shape.needs.items()
        ],
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": NOW, "estimatedDuration": 1000, "tags": []},
    }


class Sending(Protocol):
    """Stands in for the HTTP transport."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Answer."""
        ...

    async def close(self) -> None:
        """Nothing to close."""
        ...


class InstantTransport:
    """Answers at once; with `fails_once`, the first attempt of every key gets 503."""

    def __init__(self, *, fails_once: bool = False) -> None:
        self._fails_once = fails_once
        self._seen: set[str] = set()
        self.calls = 0

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Answer."""
        self.calls += 1
        key = key_of(request)
        if self._fails_once and key not in self._seen:
            self._seen.add(key)
            return OVERLOADED
        return OK

    async def close(self) -> None:
        """Nothing to close."""


class HangingTransport:
    """Never answers: whoever sends is in flight until its process dies. `sent` hears the key of every call."""

    def __init__(self, sent: asyncio.Queue[str]) -> None:
        self._sent = sent

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Tell that the call went out, and wait for ever."""
        self._sent.put_nowait(key_of(request))
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    async def close(self) -> None:
        """Nothing to close."""


def key_of(request: HttpRequest) -> str:
    """Return the idempotency key of a call."""
    return next(value for name, value in request.headers if name.lower() == "idempotency-key")


@dataclass(slots=True, kw_only=True)
class Gauge:
    """What a worker has done: steps settled, and how long after a failed attempt its decision was committed (seconds)."""

    settled: int = 0
    decision_s: list[float] = field(default_factory=list)
    _failed_at: dict[str, float] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, key: str, *, is_failed: bool) -> None:
        """An attempt came back."""
        if is_failed:
            self._failed_at[key] = time.perf_counter()

    def committed(self, key: str) -> None:
        """Its step is settled."""
        failed_at = self._failed_at.pop(key, None)
        if failed_at is not None:
            self.decision_s.append(time.perf_counter() - failed_at)
        self.settled += 1
        self._moved.set()

    async def reach(self, settled: int) -> None:
        """Wait until so many steps are settled."""
        async with asyncio.timeout(DONE_MAX_S):
            while self.settled < settled:
                self._moved.clear()
                await self._moved.wait()


def worker_with(gauge: Gauge) -> type[Worker]:
    """Return the shipped worker with a gauge on it."""

    class TimedPerformer:
        def __init__(self, inner: Performing) -> None:
            self._inner = inner

        async def perform(self, assignment: Assignment) -> Answer:
            answer = await self._inner.perform(assignment)
            gauge.answered(assignment.step.key, is_failed=answer.verdict is not None)
            return answer

    class TimedWorker(Worker):
        def __init__(self, *parts: object, performer: Performing, **more: object) -> None:
            super().__init__(*parts, performer=TimedPerformer(performer), **more)  # type: ignore[arg-type]  # passed through as wiring gave them

        async def perform(self, step: Step) -> None:
            await super().perform(step)
            gauge.committed(step.key)

    return TimedWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open deployment, its worker's gauge and the transport behind it."""

    hold: AsyncHold
    gauge: Gauge
    transport: Sending


async def open_with(
    url: str, engine: str, *, transport: Sending, settings: Mapping[str, object] | None = None
) -> Opened:
    """Open a deployment as wiring does, but with `transport` for HTTP and a gauge on the worker; settings as shipped, save those given."""
    gauge = Gauge()
    chosen = load(arguments={"worker.engine": engine, **(settings or {})}, environ={})
    with ExitStack() as seams:
        seams.enter_context(patch.object(wiring, "Httpx2Transport", lambda **_: transport))
        seams.enter_context(patch.object(wiring, "Worker", worker_with(gauge)))
        hold = await wiring.open_async(url, settings=chosen, environ={})
    return Opened(hold=hold, gauge=gauge, transport=transport)


async def start_plan(hold: AsyncHold, shape: Shape, *, count: int, retry_delay_ms: int = 0) -> list[str]:
    """Accept `count` plans of a shape; returns the ids of the executions."""
    one = ExecutionPlan.from_wire(plan(shape))
    what = ActionDefinition.from_wire(definition(retry_delay_ms=retry_delay_ms))
    return list(await asyncio.gather(*(hold.start(one, [what]) for _ in range(count))))


async def run_plans(opened: Opened, shape: Shape, *, count: int) -> float:
    """Accept `count` plans, then carry them out; returns the seconds from the worker's start to the last settle committed.

    Raises:
        AssertionError: some execution did not complete.
    """
    ids = await start_plan(opened.hold, shape, count=count)
    stop = asyncio.Event()
    began = time.perf_counter()
    working = asyncio.ensure_future(opened.hold.work(stop))
    reached = asyncio.ensure_future(opened.gauge.reach(opened.gauge.settled + shape.steps * count))
    await asyncio.wait({working, reached}, return_when=asyncio.FIRST_COMPLETED)
    took = time.perf_counter() - began
    stop.set()
    await working
    await reached
    states = [(await opened.hold.state(execution)).status.value for execution in ids]
    assert set(states) == {"completed"}, (
        f"not everything completed: { {state: states.count(state) for state in states} }"
    )
    return took
