"""Answers of guarded calls: the value, and whether it is a lesser one.

A degraded answer says that it is degraded: in full through `policy.answer(…)`, for plain calls through `last_answer()`, which is remembered per
thread and task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Answer", "Degraded", "LastAnswer", "Mark", "full_async", "last_answer", "mark", "mark_of", "note_answer"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """How an answer is less than a full one.

    `strategy` is `cached`, `alternative`, `reduced`, `default` or `queued`. `level` is the policy's level of degradation, 0 to 3, when it was
    given. `age_s` is how old a kept value is, None for others. `reason` is what went wrong with the call: a category such as `network_timeout`,
    or the slug of a refusal such as `circuit-open`. `stale` says that the value is older than it should be.
    """

    strategy: str
    level: int
    reason: str
    age_s: float | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """The answer to a guarded call: its value, and how it is degraded (None: it is not)."""

    value: T
    degraded: Degraded | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether it is a lesser answer."""
        return self.degraded is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAnswer:
    """What is remembered of the last answer in a thread or task: the policy's name, and how it was degraded. Its value is not kept alive."""

    policy: str
    degraded: Degraded | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether it was a lesser answer."""
        return self.degraded is not None


@dataclass(frozen=True, slots=True)
class Mark:
    """What a guarded function bears: the function itself, whose guard it is, and its full answer, None if it never gives a lesser one."""

    function: Callable[..., object]
    guard: object
    answer: Callable[..., object] | None


def mark(function: Callable[..., object], guard: object, *, answer: Callable[..., object] | None) -> None:
    """Mark a guarded function as guarded by `guard`."""
    setattr(function, _MARK, Mark(function, guard, answer))


def mark_of(function: Callable[..., object], guard: object) -> Mark | None:
    """The mark of a function that is guarded by `guard`; None for others. Decorators copy marks along, and a copy does not count."""
    found: object = getattr(function, _MARK, None)
    return found if isinstance(found, Mark) and found.function is function and found.guard is guard else None


_MARK = "__holdfast_mark__"

_last: ContextVar[LastAnswer | None] = ContextVar("holdfast_last_answer", default=None)


def last_answer() -> LastAnswer | None:
    """What is known of the last answer that a policy with degradation gave in this thread or task; None before the first.

    A task sees its own answers: what ran in a task of its own (`asyncio.gather`, `create_task`) is seen there only.
    """
    return _last.get()


def note_answer(last: LastAnswer) -> None:
    """Remember an answer for this thread or task."""
    _last.set(last)


async def full_async(value: Awaitable[T]) -> Answer[T]:
    """The full answer of an awaited value that nothing lesser stood in for."""
    return Answer(value=await value)
