"""What a call inherits from the calls around it: how much time is left, and how many attempts were made on its behalf already.

Both travel in context variables, so tasks have them by themselves, and `asyncio.to_thread` carries them along; a thread of one's own takes them
with `carried`. Nothing is set on the way of a call that has no deadline and fails nowhere.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from holdfast.errors import BadSettings, Problem
from holdfast.guards.world import WORLD
from holdfast.policies.checks import number_problem
from holdfast.policies.timeout import SECONDS_MAX

__all__ = ["DEADLINE", "LIMITS", "SPENT", "carried", "deadline", "put_deadline", "remaining_s", "take_deadline_back"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

DEADLINE: contextvars.ContextVar[float | None] = contextvars.ContextVar("holdfast_deadline", default=None)
"""When the time for whatever is going on is over, in monotonic seconds; None without a limit."""


class Limits:
    """How many deadlines are being kept to in this process: with none, a call need not ask for its own.

    Asking a context variable costs as much as half of what a guarded call may. A count is not atomic on builds without the interpreter lock; the
    worst that comes of a lost one there is a first attempt that is begun although its time is over.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = 0


LIMITS = Limits()


def put_deadline(until: float) -> contextvars.Token[float | None]:
    """Set the deadline of whatever is going on; `take_deadline_back` has to follow."""
    LIMITS.kept += 1
    return DEADLINE.set(until)


def take_deadline_back(token: contextvars.Token[float | None]) -> None:
    """Set the deadline that was there before."""
    LIMITS.kept -= 1
    DEADLINE.reset(token)


SPENT: contextvars.ContextVar[int] = contextvars.ContextVar("holdfast_spent", default=0)
"""Attempts that policies further out have made before the present one. They count as attempts of a policy further in, so that nested policies
add up instead of multiplying: three layers of three attempts make three calls at the far end, not twenty-seven."""


def remaining_s() -> float | None:
    """The seconds that are left for the present call, for clients that can keep to them; None without a limit, negative when it is over.

    Example: `requests.get(url, timeout=holdfast.remaining_s())`.
    """
    until = DEADLINE.get()
    return None if until is None else until - WORLD.monotonic()


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Everything inside has so many seconds (0.001 s to 7 days), or less if there was less already; for sync and async code alike.

    Policies inside begin nothing and sleep for nothing that would end later. Nothing is interrupted by it: that is what `Timeout` does for async
    calls.

    Raises:
        BadSettings: the number is out of range.
    """
    problem = number_problem(seconds, 0.001, SECONDS_MAX)
    if problem is not None:
        raise BadSettings([Problem(source="deadline", path="seconds", message=problem)])
    until = WORLD.monotonic() + seconds
    outer = DEADLINE.get()
    token = put_deadline(until if outer is None else min(until, outer))
    try:
        yield
    finally:
        take_deadline_back(token)


def carried(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function bound to the present context, for threads and pools that do not carry it along: `pool.submit(holdfast.carried(work), item)`.

    Each use runs in a copy of its own, so several threads may use it at once.
    """
    context = contextvars.copy_context()

    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return context.copy().run(function, *args, **kwargs)

    return run
