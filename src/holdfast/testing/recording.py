"""Recording what policies tell: verdicts, waits, changes of circuits, as a list to compare with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from holdfast.guards.listening import Event
from holdfast.guards.policy import Policy

__all__ = ["recorded"]


@contextlib.contextmanager
def recorded(*policies: Policy, event: str = "*") -> Iterator[list[Event]]:
    """The events of these policies from here on, in their order: each verdict as `attempt.failed`, each wait as `retry.scheduled`, and the rest.

    `event` is the name of those that are wanted; `*`, all of them.
    """
    events: list[Event] = []
    with contextlib.ExitStack() as stack:
        for policy in policies:
            stack.callback(policy.on(event, events.append))
        yield events
