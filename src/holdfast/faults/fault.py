"""A fault as it was captured: plain data about one failed attempt, before anybody judged it.

First in the story (`fault → verdict → decision`). Whoever performs a call fills it in (`holdfast.faults.capture` does
it for exceptions and HTTP answers) and `holdfast.faults.classify` reads it. It holds no exception object, so it can
be stored, sent and classified again later. It does not know what the fault means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from holdfast.faults.context import NO_CONTEXT, FaultContext

BODY_MAX_BYTES = 1_048_576
"""The most of a body a fault keeps. Error bodies are small; patterns read only the first 64 KiB of it."""


@unique
class Phase(StrEnum):
    """How far the attempt got, in the order of a call; says what the other side can have seen."""

    LOCAL = "local"
    """Refused on our side; nothing was sent."""

    CONNECT = "connect"
    """No connection was made (name, route, refusal, our own connection pool); nothing was sent."""

    TLS = "tls"
    """The connection was made but not secured; no request was sent."""

    WRITE = "write"
    """Lost while the request was being sent; the other side may have seen all of it."""

    READ = "read"
    """The request was sent and no answer began."""

    BODY = "body"
    """An answer began, but could not be read to its end."""

    ANSWER = "answer"
    """A whole answer came."""

    FUNCTION = "function"
    """Raised by a user's function; nothing is known about what it had done by then."""


@unique
class BodyKind(StrEnum):
    """What a body turned out to be when it was captured, judged on all of it and not only on the part that is kept."""

    EMPTY = "empty"
    JSON = "json"
    BROKEN_JSON = "broken_json"
    HTML = "html"
    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One failed attempt.

    `operation` names the call for people (`crm.create`). `url` carries no query values and no user information.
    `body` is at most `BODY_MAX_BYTES` long; `body_size_bytes` is its true size. `exception_lineage` are the qualified
    class names from the exception's own class up to its oldest ancestor; `exception_chain` those of its causes,
    nearest first, and `exception_words` their texts in the same order (empty where only names are known).
    `exception_code` is the code that an exception carries beside its text, as `kind:value` (`sqlstate:40001`).
    `context` is what is known of the call. `observed_at` is when we learned of it: every delay of the verdict counts
    from there.

    Raises:
        ValueError: `observed_at` has no time zone, or the body is longer than the bound (both are mistakes of the
        capturing code).
    """

    operation: str
    phase: Phase
    observed_at: datetime
    method: str | None = None
    url: str | None = None
    api_id: str | None = None
    credential: str | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    body_kind: BodyKind = BodyKind.EMPTY
    body_size_bytes: int = 0
    content_type: str | None = None
    exception_lineage: tuple[str, ...] = ()
    exception_chain: tuple[str, ...] = ()
    exception_words: tuple[str, ...] = ()
    exception_code: str | None = None
    message: str = ""
    context: FaultContext = NO_CONTEXT

    def __post_init__(self) -> None:
        if self.observed_at.tzinfo is None:
            raise ValueError("observed_at needs a time zone: delays are counted from it")
        if len(self.body) > BODY_MAX_BYTES:
            raise ValueError(f"a fault keeps at most {BODY_MAX_BYTES} bytes of a body, not {len(self.body)}")

    @property
    def exception_type(self) -> str | None:
        """The qualified class name of the exception, or `None` for an answer."""
        return self.exception_lineage[0] if self.exception_lineage else None

    def header_values(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order of arrival; names compare without regard to case (RFC 9110 §5.1)."""
        wanted = name.lower()
        return tuple([value for key, value in self.headers if key.lower() == wanted])
