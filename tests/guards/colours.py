"""What tests of guards share: a world that stands still, failures of a known kind, and one way to call in both colours."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import holdfast
from holdfast import ErrorCategory, Judgement, Outcome
from holdfast.faults.verdict import Health
from holdfast.guards.listening import Event
from holdfast.guards.policy import Policy

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class StillWorld:
    """Time and chance as a test wants them: sleeping lets time pass at once."""

    seconds: float = 1_000.0
    wall: datetime = START
    draws: float = 0.5
    slept: list[float] = field(default_factory=list)

    def pass_(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.seconds

    def now(self) -> datetime:
        """The wall clock."""
        return self.wall

    def draw(self) -> float:
        """The dice."""
        return self.draws

    def sleep(self, seconds: float) -> None:
        """Wait at once."""
        self.slept.append(seconds)
        self.pass_(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait at once, and let other tasks run."""
        self.sleep(seconds)
        await asyncio.sleep(0)


class Down(Exception):
    """The dependency failed before it did anything."""


class Maybe(Exception):
    """The dependency failed, and nobody knows what it did."""


class Declined(Exception):
    """A business error: says nothing about the dependency."""


class Missing(Exception):
    """The dependency is well, and said no."""


DECLARED: dict[type[Exception], object] = {
    Down: Judgement(
        category=ErrorCategory.NETWORK_TIMEOUT, health=Health.FAILURE, outcome=Outcome.NOT_EXECUTED, retryable=True
    ),
    Maybe: Judgement(
        category=ErrorCategory.NETWORK_TIMEOUT, health=Health.FAILURE, outcome=Outcome.UNKNOWN, retryable=True
    ),
    Declined: "neutral",
    Missing: "success",
}


def make(**strategies: object) -> Policy:
    """A policy that knows the failures above."""
    return holdfast.policy("crm", classify=DECLARED, **strategies)  # type: ignore[arg-type]  # settings by name


def heard(policy: Policy) -> list[Event]:
    """The events of a policy from now on."""
    events: list[Event] = []
    policy.on("*", events.append)
    return events


class Colour:
    """Calls a guarded function in a thread or on an event loop, the same way for a test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runner = asyncio.Runner() if name == "async" else None

    @property
    def is_async(self) -> bool:
        """Whether calls are made on a loop."""
        return self.runner is not None

    def guard(
        self, around: Callable[[Callable[..., object]], Callable[..., object]], function: Callable[..., object]
    ) -> Callable[..., object]:
        """The guarded function as a plain one. What `function` returns is awaited if need be."""
        if self.runner is None:
            return around(function)
        runner = self.runner

        async def asked(*args: object) -> object:
            result = function(*args)
            return await result if inspect.isawaitable(result) else result

        guarded = around(asked)

        def call(*args: object) -> object:
            async def whole() -> object:
                return await guarded(*args)  # type: ignore[misc]  # a coroutine function by now

            return runner.run(whole())

        return call

    def run(self, awaitable: Callable[[], Awaitable[object]]) -> object:
        """Run a coroutine function to its end on the loop."""
        assert self.runner is not None

        async def whole() -> object:
            return await awaitable()

        return self.runner.run(whole())

    def close(self) -> None:
        """Give the loop back."""
        if self.runner is not None:
            self.runner.close()


def outcome_of(call: Callable[..., object], *args: object) -> object:
    """What a call came to: its result, or the class of what it raised."""
    try:
        return call(*args)
    except Exception as exc:  # noqa: BLE001 - that is the question
        return type(exc)
