"""Exceptions of gRPC (grpcio, grpc.aio, grpclib) and of Google's client libraries, and what gRPC's status codes mean.

The seventeen codes are those of the gRPC documents (`doc/statuscodes.md`) and of AIP-193. `UNAVAILABLE` is raised on both sides of the wire: its
details tell whether a connection was ever made.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    AUTH,
    CANCEL,
    CERTIFICATE,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    DECODING,
    LOCAL,
    MALFORMED,
    NAME,
    NO_CREDENTIAL,
    PROGRAM,
    REFUSED,
    RESET,
    SAID_AUTH,
    SAID_BUSY,
    SAID_DAILY,
    SAID_EXPIRED,
    SAID_FULL,
    SAID_INVALID,
    SAID_OVERLOADED,
    SAID_REMOVED,
    SAID_SERVER,
    SAID_STATE,
    SAID_THROTTLED,
    SERVER,
    TIMEOUT,
    TLS,
    VAGUE_LOSS,
    WRAPPER,
    ExceptionMeaning,
    Weight,
    meaning,
    said,
    table,
)
from holdfast.faults.raised.statuses import by_status
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Outcome

_DEADLINE = meaning(TIMEOUT, Phase.READ, rule="deadline")
_CANCELLED = meaning(CANCEL, Phase.FUNCTION, rule="cancelled")
_TOO_LARGE_ANSWER = said(SAID_INVALID.category, "answer-too-large", outcome=Outcome.UNKNOWN)

_NEVER = re.compile(
    r"failed to connect|connection refused|no route to host|network is unreachable|connections to all backends failing|empty address list"
    r"|no children to pick from|channel is in state TRANSIENT_FAILURE|failed to pick subchannel",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"socket closed|connection reset|recvmsg|broken pipe|goaway|stream removed|transport closed|keepalive|rst_stream|connection lost"
    r"|endpoint closing|transport is closing|connection (?:was )?(?:closed|dropped)|upstream connect error or disconnect",
    re.IGNORECASE,
)
_DNS = re.compile(r"DNS resolution|name resolution|C-ares|domain name", re.IGNORECASE)
_CONNECT_LATE = re.compile(r"timeout occurred|connect(?:ion)? timed? ?out|connection attempt timed out", re.IGNORECASE)
_BAD_CERTIFICATE = re.compile(
    r"CERTIFICATE_VERIFY_FAILED|certificate verify|peer name .{0,200} is not in peer certificate", re.IGNORECASE
)
_HANDSHAKE = re.compile(r"handshake|handshaker|tsi_code|security handshake", re.IGNORECASE)
_OVERLOADED = re.compile(
    r"overload|at capacity|maintenance|starting|shutting down|shut down|server is busy|too busy|draining", re.IGNORECASE
)
_LONG = re.compile(r"per day|daily|per month|monthly|\bday\b|24 hours", re.IGNORECASE)
_SIZE_IN = re.compile(r"received message (?:larger|exceeds)|received message after decompression", re.IGNORECASE)
_SIZE_OUT = re.compile(
    r"sent message larger|message (?:size )?(?:too large|exceeds)|larger than max|trying to send message", re.IGNORECASE
)
_SPACE = re.compile(r"disk|storage|out of memory|\bspace\b", re.IGNORECASE)
_BROKEN_TOKEN = re.compile(
    r"api.?key|revoked|malformed|missing|no credentials|not found|signature|anonymous|unknown (?:user|token)",
    re.IGNORECASE,
)
_REFRESHABLE = re.compile(
    r"expired|OAuth 2 access token|invalid authentication credentials|etcdserver: invalid auth token", re.IGNORECASE
)
_ANSWER_BROKEN = re.compile(
    r"deserializ|failed parsing|decompress|http2 exception|invalid (?:http|content.type)|compress(?:ed|ion)",
    re.IGNORECASE,
)
_CONTENTION = re.compile(r"contention|try again|in progress|lock|concurren", re.IGNORECASE)


def read_grpc_code(code: str, details: str) -> ExceptionMeaning | None:
    """What a status of gRPC means, with the details beside it."""
    reader = _OPEN.get(code)
    if reader is not None:
        return reader(details[:2_000])
    return _FIXED.get(code)


def _read_unavailable(details: str) -> ExceptionMeaning:
    if _BAD_CERTIFICATE.search(details):
        return CERTIFICATE
    if _DNS.search(details):
        return NAME
    if _NEVER.search(details):
        if _CONNECT_LATE.search(details):
            return CONNECT_TIMEOUT
        return TLS if _HANDSHAKE.search(details) else CONNECT
    if _LOST.search(details):
        return RESET
    return SAID_OVERLOADED if _OVERLOADED.search(details) else SAID_SERVER


def _read_exhausted(details: str) -> ExceptionMeaning:
    if _SIZE_IN.search(details):
        return _TOO_LARGE_ANSWER
    if _SIZE_OUT.search(details):
        return LOCAL
    if _SPACE.search(details) and "quota" not in details.lower():
        return SAID_FULL
    return SAID_DAILY if _LONG.search(details) else SAID_THROTTLED


def _read_unauthenticated(details: str) -> ExceptionMeaning:
    """Google has one text for expired, wrong and missing tokens of an hour's life: a refresh is the right first step."""
    if "API key" in details or not _REFRESHABLE.search(details):
        return SAID_AUTH
    if _BROKEN_TOKEN.search(details) and "expired" not in details.lower():
        return SAID_AUTH
    return SAID_EXPIRED


def _read_internal(details: str) -> ExceptionMeaning:
    if "Exception serializing request" in details:
        return LOCAL
    if _ANSWER_BROKEN.search(details):
        return DECODING
    return RESET if _LOST.search(details) else SAID_SERVER


def _read_unknown(details: str) -> ExceptionMeaning:
    return RESET if _LOST.search(details) else SAID_SERVER


def _read_precondition(details: str) -> ExceptionMeaning:
    return SAID_BUSY if _CONTENTION.search(details) else SAID_STATE


def _read_denied(details: str) -> ExceptionMeaning:
    return (
        SAID_THROTTLED
        if re.search(r"rate.?limit exceeded|rateLimitExceeded|quotaExceeded", details, re.IGNORECASE)
        else SAID_AUTH
    )


_OPEN = MappingProxyType(
    {
        "UNAVAILABLE": _read_unavailable,
        "RESOURCE_EXHAUSTED": _read_exhausted,
        "UNAUTHENTICATED": _read_unauthenticated,
        "INTERNAL": _read_internal,
        "UNKNOWN": _read_unknown,
        "FAILED_PRECONDITION": _read_precondition,
        "PERMISSION_DENIED": _read_denied,
    }
)
_FIXED = MappingProxyType(
    {
        "CANCELLED": _CANCELLED,
        "INVALID_ARGUMENT": SAID_INVALID,
        "DEADLINE_EXCEEDED": _DEADLINE,
        "NOT_FOUND": SAID_STATE,
        "ALREADY_EXISTS": SAID_STATE,
        "ABORTED": SAID_BUSY,
        "OUT_OF_RANGE": SAID_INVALID,
        "UNIMPLEMENTED": SAID_REMOVED,
        "DATA_LOSS": SAID_SERVER,
    }
)
GRPC_CODES = frozenset(_OPEN) | frozenset(_FIXED) | {"OK"}
"""The seventeen codes."""

_STATUS = re.compile(r"\bStatus(?:Code)?\.(?P<code>[A-Z_]{2,20})\b")
_DETAILS = re.compile(r"details\s{0,3}=\s{0,3}\"")
_DETAILS_MAX_CHARS = 2_000
_BEFORE_DEBUG = re.compile(r"\"?\n?\s{0,3}debug_error_string")


def read_rpc_error(message: str) -> ExceptionMeaning | None:
    """What an `RpcError` says in its text: `status = StatusCode.X`, `details = "…"`."""
    found = _STATUS.search(message)
    if found is None:
        return None
    told = _DETAILS.search(message)
    # The debugging text after the details repeats addresses and internals; the status beside it is the transport's.
    if told is None:
        return read_grpc_code(found["code"], message[found.end() :])
    text = message[told.end() : told.end() + _DETAILS_MAX_CHARS]
    return read_grpc_code(found["code"], _BEFORE_DEBUG.split(text, 1)[0])


_RPC = meaning(SERVER, Phase.ANSWER, rule="grpc", by_words=read_rpc_error)
_CHANNEL = table(
    (
        (
            "RpcError AioRpcError _InactiveRpcError InactiveRpcError _MultiThreadedRendezvous _Rendezvous _SingleThreadedRendezvous GRPCError",
            _RPC,
        ),
        ("_RPCInspectionFuture", _RPC),
        # Of a channel that does not get ready, and of a call whose result does not come.
        ("FutureTimeoutError", meaning(TIMEOUT, Phase.READ, rule="timeout")),
        ("FutureCancelledError", _CANCELLED),
        ("UsageError AbortError BaseError InternalError", PROGRAM),
        ("StreamTerminatedError", CLOSED),
        ("ProtocolError", meaning(MALFORMED, Phase.READ, rule="protocol")),
    )
)


def _google(code: str) -> ExceptionMeaning:
    """A class of google.api_core for one code: its message is the status, then the details."""

    def read(message: str) -> ExceptionMeaning | None:
        return read_grpc_code(code, message)

    fixed = _FIXED.get(code, SAID_SERVER)
    return meaning(fixed.category, fixed.phase, rule=f"google-{code.lower()}", outcome=fixed.outcome, by_words=read)


_SEARCHED = "last exception: "
_STATUS_HEAD = re.compile(r"\A\s{0,3}([1-5]\d\d)\b")


def _read_google_retry(message: str) -> ExceptionMeaning | None:
    """A retry that ran out of time: what it met last is only the last of several, so it may have been done before."""
    _, told, inner = message.partition(_SEARCHED)
    head = _STATUS_HEAD.match(inner) if told else None
    found = by_status(int(head[1])) if head else None
    if found is None or found.category is not SERVER:
        return None
    return said(SERVER, "google-retry", outcome=Outcome.UNKNOWN)


_RETRY = meaning(TIMEOUT, Phase.READ, rule="google-retry", by_words=_read_google_retry)
_HTTP_5XX = said(SERVER, "server")
_REDIRECT = said(SERVER, "redirect", retryable=False)

API_CORE = table(
    (
        ("InvalidArgument BadRequest", _google("INVALID_ARGUMENT")),
        ("OutOfRange RequestRangeNotSatisfiable LengthRequired", _google("OUT_OF_RANGE")),
        ("FailedPrecondition", _google("FAILED_PRECONDITION")),
        ("PreconditionFailed Conflict", SAID_STATE),
        ("Unauthenticated Unauthorized", _google("UNAUTHENTICATED")),
        ("PermissionDenied Forbidden", _google("PERMISSION_DENIED")),
        ("NotFound", _google("NOT_FOUND")),
        ("AlreadyExists", _google("ALREADY_EXISTS")),
        ("Aborted", _google("ABORTED")),
        ("ResourceExhausted TooManyRequests", _google("RESOURCE_EXHAUSTED")),
        ("Cancelled", _google("CANCELLED")),
        ("Unknown", _google("UNKNOWN")),
        ("DataLoss", _google("DATA_LOSS")),
        ("InternalServerError", _google("INTERNAL")),
        ("ServiceUnavailable", _google("UNAVAILABLE")),
        ("DeadlineExceeded", _google("DEADLINE_EXCEEDED")),
        ("MethodNotImplemented MethodNotAllowed", SAID_REMOVED),
        ("BadGateway GatewayTimeout ServerError", _HTTP_5XX),
        ("MovedPermanently NotModified TemporaryRedirect ResumeIncomplete Redirection", _REDIRECT),
        ("ClientError", SAID_INVALID),
        ("RetryError", _RETRY),
        ("GoogleAPIError GoogleAPICallError", WRAPPER),
        ("DuplicateCredentialArgs AsyncRestUnsupportedParameterError", LOCAL),
    )
)
_REAUTH = meaning(AUTH, Phase.LOCAL, rule="login-needed")
_AUTH_LOSS = meaning(REFUSED, Phase.CONNECT, rule="credential-fetch", weight=Weight.VAGUE, by_words=read_system_words)
_AUTH = table(
    (
        ("RefreshError ReauthFailError ReauthSamlChallengeFailError UserAccessTokenError OAuthError", _REAUTH),
        ("DefaultCredentialsError MalformedError InvalidResource InvalidValue InvalidType OSError", NO_CREDENTIAL),
        ("MutualTLSChannelError ClientCertError", CERTIFICATE),
        ("InvalidOperation", LOCAL),
        ("TransportError", _AUTH_LOSS),
        ("TimeoutError", CONNECT_TIMEOUT),
        ("GoogleAuthError ResponseError", VAGUE_LOSS),
    )
)

LIBRARIES = {"grpc": _CHANNEL, "grpclib": _CHANNEL, "google.api_core": API_CORE, "google.auth": _AUTH}
