"""Calls that are kept for later: what a queue is handed, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["KeptCall", "Later", "Receipt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCall:
    """A call that could not be made now: the function with its arguments, for whom (`policy`), and why not (`reason`).

    `run` makes it again through its policy: it returns the answer, or an awaitable of it if `is_async`. `operation` is the function's qualified name.
    """

    policy: str
    operation: str
    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: dict[str, object]
    reason: str
    run: Callable[[], object]
    is_async: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a call that was kept for later: in which queue, at which place in it (from 1), and whether it survives this process."""

    queue: str
    place: int
    durable: bool
    id: str


class Later(Protocol):
    """Takes calls for later. Safe to use from several threads, and quick: nobody waits for the call itself."""

    def keep(self, call: KeptCall) -> Receipt:
        """Keep a call.

        Raises:
            QueueFull: there is no room; nothing was kept.
        """
