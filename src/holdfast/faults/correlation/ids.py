"""The ids that tie a fault to what else is known of it: the request, the trace, the session, the execution."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["Ids"]

ID_MAX_CHARS = 40
_NAMES = MappingProxyType(
    {
        "requestId": "request_id",
        "correlationId": "correlation_id",
        "traceId": "trace_id",
        "sessionId": "session_id",
    }
)
"""Ids in the trail of a verdict by their names here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """Ids of one failed call, as far as they are known (spec 003: `correlation_id`, `trace_id`, `session_id`), cut to 40 characters."""

    correlation_id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    execution_id: str | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and (len(value) > ID_MAX_CHARS or not value.isascii()):
                object.__setattr__(self, name, value.encode("ascii", "replace").decode()[:ID_MAX_CHARS])

    def joined(self, trail: tuple[tuple[str, str], ...]) -> Ids:
        """These ids, and those of a verdict's trail where none is known here."""
        found = {_NAMES[name]: value for name, value in trail if name in _NAMES}
        return Ids(**(found | self.known())) if found else self

    def known(self) -> dict[str, str]:
        """Those that are known, by name."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
