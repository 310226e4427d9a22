"""Handover: how a call that failed in process asks durable recovery to go on with it.

A guard knows a failed call and no database; a hold knows a database and nothing of guards. This port is what stands between the two: the call as
plain data, the function that was registered for it, and whoever takes calls over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from datetime import datetime

    from holdfast.errors import Attempted

__all__ = ["ATTEMPTS_MAX", "Accepted", "Coming", "FailedCall", "FailedRequest", "Handover", "Registered"]

ATTEMPTS_MAX = 1_000
"""As many attempts as a retry policy may make; more are not put on a ledger in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A function that calls can be handed over to: `function` is the original, without any policy around it, and takes its inputs by keyword.

    `repeatable` is its author's statement that doing it twice is doing it once. A durable attempt may take `timeout_s` seconds. `attempts_max` is
    what its retry policy allows in all, those in process included. `personal` names arguments that are personal. `policy` is the policy's name.
    """

    name: str
    function: Callable[..., object]
    policy: str
    repeatable: bool = False
    timeout_s: float = 300.0
    attempts_max: int = 3
    personal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRequest:
    """An HTTP request that failed, as it was sent. `body` is None when there was none.

    `credential` names the environment variable from which a worker takes the secret of the one header that carries a credential, None without one:
    the secret itself never comes to rest. `key_header` is the header that carried the idempotency key. `timeout_s` bounds a durable attempt.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    credential: str | None = None
    key_header: str | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """A call that its policy gave up, or turned away.

    `execution` is the id under which it goes on, a UUID drawn once per failure: handed over twice, it is one execution. `action` is the name its
    function was registered under, or a name for `request`. `attempts` were made in process, in order; each is a failure. The first of them (without
    one: the call) began at `began_at` by the wall clock, and `ago_s` seconds ago by a clock that is never set. `wait_s` is how long, from now, a
    call that was turned away has to wait. `key` is the idempotency key that all attempts were made with, None when there was none. `reason` says why
    the policy stopped.
    """

    execution: str
    action: str
    policy: str
    reason: str
    began_at: datetime
    ago_s: float
    attempts: tuple[Attempted, ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)
    wait_s: float = 0.0
    key: str | None = None
    request: FailedRequest | None = None
    repeatable: bool = False


class Accepted(Protocol):
    """An execution that a call became."""

    @property
    def id(self) -> str:
        """The execution's id."""
        ...


class Coming(Protocol):
    """An execution that is on its way: whoever has an event loop awaits it, whoever has none asks for the result."""

    def __await__(self) -> Generator[object, None, Accepted]:
        """Wait for it without blocking this event loop; giving up the wait does not undo it."""
        ...

    def result(self) -> Accepted:
        """Block this thread until it is durable."""
        ...


class Handover(Protocol):
    """Whoever takes calls over: an open database. Safe to use from any thread."""

    @property
    def owner(self) -> object:
        """What the user holds in hand, and may name."""
        ...

    @property
    def database(self) -> str:
        """Which database it is, as people are told; the same one has the same name, however often it is opened."""
        ...

    @property
    def is_of_this_thread(self) -> bool:
        """Whether its event loop runs in this thread: then nobody here may block for its answer."""
        ...

    def submit(self, call: FailedCall) -> Coming:
        """Begin to take a call over. What is on its way comes once the execution is durable, or ends in Overloaded, StoreError or BadInput.

        Raises:
            BadInput: the call cannot be kept as it is; nothing was begun.
        """
        ...

    def adopt(self, registered: Registered) -> None:
        """Make a function known to the workers here.

        Raises:
            BadInput: its name belongs to another function.
        """
        ...

    def has_action(self, name: str, function: Callable[..., object]) -> bool:
        """Whether exactly this function is an action of that name here."""
        ...
