"""What the names of exceptions mean: how far the attempt got, which category that is, and whether the side effect can have happened.

Exceptions are recognised by their class names, along the line of ancestors and then the chain of causes, so that
nothing has to be imported to know them: the same table serves httpx2, httpx, requests, urllib3, aiohttp and the
standard library. A name that says little by itself (`OSError`, `ConnectionError`) gives way to a more exact cause or
to the operating system's words in the message. HTTP answers are not its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionMeaning:
    """What an exception says; `retryable` and `health` are `None` where the category's default holds.

    `vague`: something more exact in the chain of causes or in the message is preferred.
    """

    category: ErrorCategory
    phase: Phase
    outcome: Outcome
    rule: str
    retryable: bool | None = None
    health: Health | None = None
    vague: bool = False


def read_exception(lineage: Sequence[str], chain: Sequence[str], *, message: str) -> ExceptionMeaning:
    """Find the meaning of an exception from its class names (own first, oldest ancestor last), its causes (nearest first) and its message."""
    own = _first(lineage)
    if own is not None and not own.vague:
        return _refined(own, chain, message)
    exact = [meaning for meaning in map(_by_name, chain) if meaning is not None and not meaning.vague]
    if exact:
        # The most cautious cause decides: a reset below a refusal may have been seen by the other side.
        return min(exact, key=lambda meaning: meaning.outcome is Outcome.NOT_EXECUTED)
    return _by_message(message) or own or _first(chain) or UNKNOWN


def knows(name: str) -> bool:
    """Whether a class of this name (without its module) has a meaning of its own here."""
    return name in _TABLE


def _first(names: Iterable[str]) -> ExceptionMeaning | None:
    return next((meaning for meaning in map(_by_name, names) if meaning is not None), None)


def _by_name(name: str) -> ExceptionMeaning | None:
    return _TABLE.get(name.rpartition(".")[2])


def _refined(own: ExceptionMeaning, chain: Sequence[str], message: str) -> ExceptionMeaning:
    """Make a meaning more exact where the same class stands for several things."""
    if own is _CONNECT:
        # Nothing was sent, whatever the words: only meanings that agree with that may take over.
        causes = (*map(_by_name, chain), _by_message(message))
        exact = next((meaning for meaning in causes if meaning in {_CERTIFICATE, _NAME, _TLS}), None)
        secured = any("SSL" in name for name in chain)
        return exact or (_TLS if secured else own)
    if own is _PROTOCOL and _NO_ANSWER.search(message):
        return _CLOSED
    if own is _PROTOCOL and _CUT_WORDS.search(message):
        return _CUT
    return own


def _by_message(message: str) -> ExceptionMeaning | None:
    head = message[:2_000]
    return next((meaning for pattern, meaning in _WORDS if pattern.search(head)), None)


def _meaning(category: ErrorCategory, phase: Phase, rule: str, **more: object) -> ExceptionMeaning:
    outcome = Outcome.NOT_EXECUTED if phase in {Phase.LOCAL, Phase.CONNECT, Phase.TLS} else Outcome.UNKNOWN
    return ExceptionMeaning(category=category, phase=phase, outcome=outcome, rule=f"exception:{rule}", **more)  # type: ignore[arg-type]  # the three optional fields of the table below


_REFUSED = ErrorCategory.NETWORK_CONNECTION_REFUSED
_TIMEOUT = ErrorCategory.NETWORK_TIMEOUT
_MALFORMED = ErrorCategory.API_RESPONSE_MALFORMED

UNKNOWN = _meaning(ErrorCategory.API_UNEXPECTED_STATUS, Phase.FUNCTION, "unknown", health=Health.FAILURE)
_CLOSED = _meaning(_REFUSED, Phase.READ, "closed")
_RESET = _meaning(_REFUSED, Phase.READ, "reset")
_CONNECT = _meaning(_REFUSED, Phase.CONNECT, "connect")
_NAME = _meaning(_REFUSED, Phase.CONNECT, "name-resolution")
_TLS = _meaning(_REFUSED, Phase.TLS, "tls")
_CERTIFICATE = _meaning(_REFUSED, Phase.TLS, "certificate", retryable=False)
_PROTOCOL = _meaning(_MALFORMED, Phase.READ, "protocol")
_CUT = _meaning(_MALFORMED, Phase.BODY, "body-cut")
_DECODING = _meaning(_MALFORMED, Phase.BODY, "decoding")
_LOCAL = _meaning(ErrorCategory.VALIDATION_FAILED, Phase.LOCAL, "bad-request", health=Health.NEUTRAL)
_REDIRECTS = _meaning(ErrorCategory.API_UNEXPECTED_STATUS, Phase.ANSWER, "redirects", retryable=False)
_CANCELLED = _meaning(ErrorCategory.USER_CANCELLED, Phase.FUNCTION, "cancelled")
_CONNECT_TIMEOUT = _meaning(_TIMEOUT, Phase.CONNECT, "connect-timeout")
_POOL_TIMEOUT = _meaning(_TIMEOUT, Phase.CONNECT, "pool-timeout", health=Health.NEUTRAL)
_WRITE_TIMEOUT = _meaning(_TIMEOUT, Phase.WRITE, "write-timeout")
_READ_TIMEOUT = _meaning(_TIMEOUT, Phase.READ, "read-timeout")
_BARE_TIMEOUT = _meaning(_TIMEOUT, Phase.READ, "timeout")
_VAGUE_LOSS = _meaning(_REFUSED, Phase.READ, "connection", vague=True)
# A user's function may have done anything before it raised: what it raised is its own mistake, what it did is unknown.
_PROGRAM = _meaning(ErrorCategory.VALIDATION_FAILED, Phase.FUNCTION, "program", health=Health.NEUTRAL)

_TABLE: MappingProxyType[str, ExceptionMeaning] = MappingProxyType(
    {
        # httpx2, httpx, httpcore
        "ConnectTimeout": _CONNECT_TIMEOUT,
        "PoolTimeout": _POOL_TIMEOUT,
        "WriteTimeout": _WRITE_TIMEOUT,
        "ReadTimeout": _READ_TIMEOUT,
        "TimeoutException": _BARE_TIMEOUT,
        "ConnectError": _CONNECT,
        "ProxyError": _meaning(_REFUSED, Phase.CONNECT, "proxy"),
        "ReadError": _RESET,
        "WriteError": _meaning(_REFUSED, Phase.WRITE, "write"),
        "CloseError": _CLOSED,
        "RemoteProtocolError": _PROTOCOL,
        "LocalProtocolError": _LOCAL,
        "UnsupportedProtocol": _LOCAL,
        "InvalidURL": _LOCAL,
        "DecodingError": _DECODING,
        "TooManyRedirects": _REDIRECTS,
        "NetworkError": _VAGUE_LOSS,
        "TransportError": _VAGUE_LOSS,
        # ssl, socket and the operating system
        "SSLCertVerificationError": _CERTIFICATE,
        "CertificateError": _CERTIFICATE,
        "SSLEOFError": _meaning(_REFUSED, Phase.READ, "tls-closed"),
        "SSLZeroReturnError": _meaning(_REFUSED, Phase.READ, "tls-closed"),
        # May come after the request was sent; only the words of a failed handshake say otherwise.
        "SSLError": _meaning(_REFUSED, Phase.READ, "tls-lost", vague=True),
        "gaierror": _NAME,
        "herror": _NAME,
        "ConnectionRefusedError": _meaning(_REFUSED, Phase.CONNECT, "refused"),
        "ConnectionResetError": _RESET,
        "ConnectionAbortedError": _RESET,
        "BrokenPipeError": _meaning(_REFUSED, Phase.WRITE, "broken-pipe"),
        "ConnectionError": _VAGUE_LOSS,
        # http.client, urllib3, requests, aiohttp
        "RemoteDisconnected": _CLOSED,
        "ServerDisconnectedError": _CLOSED,
        "IncompleteRead": _CUT,
        "IncompleteReadError": _CUT,
        "ChunkedEncodingError": _CUT,
        "ClientPayloadError": _CUT,
        "ContentDecodingError": _DECODING,
        "BadStatusLine": _PROTOCOL,
        "ReadTimeoutError": _READ_TIMEOUT,
        "ConnectTimeoutError": _CONNECT_TIMEOUT,
        "NewConnectionError": _CONNECT,
        "NameResolutionError": _NAME,
        "ClientConnectorError": _CONNECT,
        "InvalidHeader": _LOCAL,
        "MissingSchema": _LOCAL,
        "InvalidSchema": _LOCAL,
        "InvalidUrlClientError": _LOCAL,
        # builtins, raised by users' functions
        "CancelledError": _CANCELLED,
        "KeyboardInterrupt": _CANCELLED,
        "TimeoutError": _BARE_TIMEOUT,
        "JSONDecodeError": _DECODING,
        "UnicodeDecodeError": _DECODING,
        "ValueError": _PROGRAM,
        "TypeError": _PROGRAM,
        "LookupError": _PROGRAM,
        "AttributeError": _PROGRAM,
        "NameError": _PROGRAM,
        "AssertionError": _PROGRAM,
        "NotImplementedError": _PROGRAM,
        "ArithmeticError": _PROGRAM,
    }
)

_NO_ANSWER = re.compile(r"without sending a response|without response", re.IGNORECASE)
_CUT_WORDS = re.compile(r"without sending complete message body", re.IGNORECASE)

# Words of the operating system and of TLS libraries, for exceptions whose class says little. Plain alternatives: linear.
_WORDS: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...] = (
    (
        re.compile(
            r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|self-signed certificate|certificate has expired",
            re.IGNORECASE,
        ),
        _CERTIFICATE,
    ),
    (
        re.compile(
            r"Name or service not known|nodename nor servname|Temporary failure in name resolution|getaddrinfo failed|NameResolutionError"
        ),
        _NAME,
    ),
    (
        re.compile(
            r"Connection refused|No route to host|Network is unreachable|Host is down|Too many open files|unable to connect to proxy",
            re.IGNORECASE,
        ),
        _CONNECT,
    ),
    (
        re.compile(
            r"handshake failure|WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|TLSV1_ALERT", re.IGNORECASE
        ),
        _TLS,
    ),
    (
        re.compile(r"UNEXPECTED_EOF|EOF occurred in violation", re.IGNORECASE),
        _meaning(_REFUSED, Phase.READ, "tls-closed"),
    ),
    (
        re.compile(
            r"Connection reset by peer|Connection aborted|Broken pipe|closed connection without|Remote end closed",
            re.IGNORECASE,
        ),
        _RESET,
    ),
    (re.compile(r"unknown url type|Invalid URL|No scheme supplied", re.IGNORECASE), _LOCAL),
)
