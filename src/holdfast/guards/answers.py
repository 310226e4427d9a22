"""Answers of guarded calls: the value, and whether it is a lesser one.

A degraded answer says that it is degraded: in full through `policy.answer(…)`, for plain calls through `last_answer()`, which is remembered per
thread and task.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["ANSWER", "Answer", "Degraded", "LastAnswer", "last_answer", "note_answer"]

T = TypeVar("T")

ANSWER = "__holdfast_answer__"
"""Where a guarded function has its full answer."""


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


_last: ContextVar[LastAnswer | None] = ContextVar("holdfast_last_answer", default=None)


def last_answer() -> LastAnswer | None:
    """What is known of the last answer that a policy with degradation gave in this thread or task; None before the first.

    A task sees its own answers: what ran in a task of its own (`asyncio.gather`, `create_task`) is seen there only.
    """
    return _last.get()


def note_answer(last: LastAnswer) -> None:
    """Remember an answer for this thread or task."""
    _last.set(last)
