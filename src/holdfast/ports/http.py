"""HTTP as a port: one request, one answer, the library's own exceptions in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpAnswer", "HttpRequest", "OutgoingRequest", "ResponseTooLarge", "Transport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request ready to be sent. `secrets` are the values in it that must never be written anywhere; `timeout_s` bounds the whole exchange."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    timeout_s: float
    response_size_max_bytes: int
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """A request as an authenticator sees it, ready to be sent but for what the function adds. It cannot be changed.

    `headers` keeps the spelling of the definition; `body` is empty where there is none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete answer. `duration_s` runs from the first byte sent to the last byte read."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    duration_s: float


class ResponseTooLarge(Exception):
    """The answer is larger than the request allows; reading stopped there. The status had arrived."""

    def __init__(self, status: int, limit_bytes: int) -> None:
        self.status = status
        self.limit_bytes = limit_bytes
        super().__init__(f"the answer (status {status}) is larger than {limit_bytes} bytes")


class Transport(Protocol):
    """Sends requests."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send once and read the whole answer; never repeats, never follows a redirect to another origin.

        Raises:
            Exception: whatever the HTTP library raises; `holdfast.faults.capture` knows what it means.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
