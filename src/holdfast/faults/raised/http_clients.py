"""Exceptions of HTTP and WebSocket clients: httpx2, httpx, httpcore, requests, urllib3, aiohttp, http.client, urllib, websockets.

Names without a library in front are the same in several of them. A name that means something else in another library (`TimeoutError`)
stands under its own library only.
"""

from __future__ import annotations

import re

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    AUTH,
    BARE_TIMEOUT,
    CERTIFICATE,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    CUT,
    DECODING,
    LOCAL,
    NAME,
    POOL_TIMEOUT,
    PROGRAM,
    PROTOCOL,
    PROXY,
    READ_TIMEOUT,
    REDIRECTS,
    REFUSED,
    RESET,
    SAID_SERVER,
    VAGUE_LOSS,
    WRAPPER,
    WRITE_LOST,
    WRITE_TIMEOUT,
    ExceptionMeaning,
    Weight,
    meaning,
    table,
)
from holdfast.faults.raised.statuses import by_status
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Health

_NO_ANSWER = re.compile(
    r"without sending a response|without response|disconnected|before (?:any )?response", re.IGNORECASE
)
_CUT_WORDS = re.compile(
    r"without sending complete message body|incomplete|IncompleteRead|InvalidChunkLength|broken:", re.IGNORECASE
)
_PROXY_LOGIN = re.compile(r"\b407\b|proxy authentication required", re.IGNORECASE)
_PROXY_FORBIDS = re.compile(r"\b403\b", re.IGNORECASE)
_PROXY_AUTH = meaning(AUTH, Phase.CONNECT, rule="proxy-login")
_PROXY_POLICY = meaning(REFUSED, Phase.CONNECT, rule="proxy-forbids", retryable=False)
_UNREADABLE = meaning(DECODING.category, Phase.BODY, rule="decoding", weight=Weight.ECHO)
_SENT_TOO_MUCH = meaning(LOCAL.category, Phase.WRITE, rule="bad-request", health=Health.NEUTRAL)
_NOT_OPEN = meaning(LOCAL.category, Phase.LOCAL, rule="client-state", health=Health.NEUTRAL)


def _read_protocol(message: str) -> ExceptionMeaning | None:
    """A protocol error is often only how the loss of a connection looks from within."""
    if _NO_ANSWER.search(message):
        return CLOSED
    return CUT if _CUT_WORDS.search(message) else None


def _read_own_protocol(message: str) -> ExceptionMeaning | None:
    """h11 counts what it sends: by the time there is too much, the head and all that was announced are gone."""
    return _SENT_TOO_MUCH if "Too much data for declared Content-Length" in message else None


def _read_proxy(message: str) -> ExceptionMeaning | None:
    if _PROXY_LOGIN.search(message):
        return _PROXY_AUTH
    return _PROXY_POLICY if _PROXY_FORBIDS.search(message) else None


def _read_server_timeout(message: str) -> ExceptionMeaning | None:
    """Older aiohttp has one class for both ends of a call."""
    return CONNECT_TIMEOUT if "Connection timeout to host" in message else None


_TOO_MANY = re.compile(r"too many (?P<what>redirects|[1-5]\d\d error responses)", re.IGNORECASE)


def _read_given_up(message: str) -> ExceptionMeaning | None:
    """urllib3's own retries end by naming the status that came too often."""
    found = _TOO_MANY.search(message)
    if found is None:
        return None
    return REDIRECTS if found["what"].lower() == "redirects" else by_status(int(found["what"][:3]))


_GIVEN_UP = meaning(SAID_SERVER.category, Phase.ANSWER, rule="server", by_words=_read_given_up)
_PEER_PROTOCOL = meaning(PROTOCOL.category, Phase.READ, rule="protocol", by_words=_read_protocol)
_VAGUE_PROTOCOL = meaning(PROTOCOL.category, Phase.READ, rule="protocol", weight=Weight.VAGUE, by_words=_read_protocol)
_PROXY_ERROR = meaning(REFUSED, Phase.CONNECT, rule="proxy", by_words=_read_proxy)
_TLS_WORDS = meaning(REFUSED, Phase.TLS, rule="tls", by_words=read_system_words)
_SERVER_TIMEOUT = meaning(READ_TIMEOUT.category, Phase.READ, rule="timeout", by_words=_read_server_timeout)
_LOSS = meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=_read_proxy)

_OWN_PROTOCOL = meaning(
    LOCAL.category, Phase.LOCAL, rule="bad-request", health=Health.NEUTRAL, by_words=_read_own_protocol
)

TABLE = table(
    (
        # httpx2, httpx, httpcore, requests: names that mean the same wherever they occur
        ("ConnectTimeout ConnectTimeoutError ConnectionTimeoutError", CONNECT_TIMEOUT),
        ("PoolTimeout EmptyPoolError", POOL_TIMEOUT),
        ("WriteTimeout", WRITE_TIMEOUT),
        ("ReadTimeout ReadTimeoutError SocketTimeoutError", READ_TIMEOUT),
        ("TimeoutException Timeout", BARE_TIMEOUT),
        ("ConnectError", CONNECT),
        ("ProxyError InvalidProxyStatus", _PROXY_ERROR),
        ("ReadError", RESET),
        ("WriteError", WRITE_LOST),
        ("CloseError", CLOSED),
        ("RemoteProtocolError", _PEER_PROTOCOL),
        ("LocalProtocolError", _OWN_PROTOCOL),
        ("UnsupportedProtocol InvalidURL UnrewindableBodyError CookieConflict", LOCAL),
        ("DecodingError ContentDecodingError", DECODING),
        ("TooManyRedirects RedirectCycleError", REDIRECTS),
        ("NetworkError TransportError", VAGUE_LOSS),
        ("StreamConsumed StreamClosed ResponseNotRead RequestNotRead", PROGRAM),
        # http.client
        ("RemoteDisconnected", CLOSED),
        ("BadStatusLine LineTooLong UnknownProtocol UnknownTransferEncoding", _PEER_PROTOCOL),
        ("CannotSendRequest CannotSendHeader ResponseNotReady NotConnected ImproperConnectionState", _NOT_OPEN),
        # urllib3, requests
        ("NewConnectionError", CONNECT),
        ("NameResolutionError", NAME),
        (
            "MissingSchema InvalidSchema InvalidHeader InvalidProxyURL URLRequired LocationParseError LocationValueError",
            LOCAL,
        ),
        ("URLSchemeUnknown ProxySchemeUnknown ProxySchemeUnsupported", LOCAL),
        ("ChunkedEncodingError InvalidChunkLength", CUT),
        ("ProtocolError", _VAGUE_PROTOCOL),
        ("MaxRetryError URLError", VAGUE_LOSS),
        ("ClosedPoolError FullPoolError StreamConsumedError InvalidJSONError", _NOT_OPEN),
        # aiohttp
        ("ServerDisconnectedError", CLOSED),
        ("ClientPayloadError TransferEncodingError ContentLengthError", CUT),
        ("ContentEncodingError DecompressSizeError", DECODING),
        ("ContentTypeError", DECODING),
        ("ServerTimeoutError", _SERVER_TIMEOUT),
        ("ClientConnectorError UnixClientConnectorError", CONNECT),
        ("ClientConnectorDNSError", NAME),
        ("ClientProxyConnectionError", PROXY),
        ("ClientConnectorSSLError ClientSSLError", _TLS_WORDS),
        ("ClientConnectorCertificateError ServerFingerprintMismatch", CERTIFICATE),
        ("ClientConnectionResetError", RESET),
        ("ClientOSError ClientConnectionError ServerConnectionError", VAGUE_LOSS),
        (
            "InvalidUrlClientError NonHttpUrlClientError InvalidUrlRedirectClientError NonHttpUrlRedirectClientError",
            LOCAL,
        ),
        ("BadHttpMessage HttpBadRequest HttpProcessingError", PROTOCOL),
        # websockets
        ("ConnectionClosedOK ConnectionClosedError ConnectionClosed", CLOSED),
        ("InvalidHandshake InvalidMessage InvalidUpgrade NegotiationError", PROTOCOL),
        ("InvalidURI InvalidProxy PayloadTooBig", LOCAL),
    )
)

LIBRARIES = {
    "urllib3": table(
        (
            ("ConnectionError", VAGUE_LOSS),
            ("SSLError", _TLS_WORDS),
            ("TimeoutError", BARE_TIMEOUT),
            ("DecodeError BodyNotHttplibCompatible", DECODING),
            ("ResponseError", _GIVEN_UP),
        )
    ),
    "requests": table(
        (
            ("ConnectionError", _LOSS),
            ("SSLError", _TLS_WORDS),
            ("RetryError", _GIVEN_UP),
            ("JSONDecodeError", DECODING),
            ("RequestException", VAGUE_LOSS),
        )
    ),
    "aiohttp": table(
        (
            ("InvalidURL", LOCAL),
            ("InvalidHeader InvalidURLError", PROTOCOL),
            ("ClientError", WRAPPER),
            ("WSMessageTypeError", PROGRAM),
        )
    ),
    "h11": table(
        (("RemoteProtocolError", meaning(PROTOCOL.category, Phase.READ, rule="protocol", weight=Weight.ECHO)),)
    ),
    "urllib": table((("ContentTooShortError", CUT),)),
    "httpx_ws": table((("WebSocketNetworkError WebSocketDisconnect", CLOSED), ("WebSocketUpgradeError", PROTOCOL))),
    "websockets": table(
        (("InvalidHeader InvalidHeaderFormat InvalidHeaderValue", PROTOCOL), ("InvalidState ConcurrencyError", PROGRAM))
    ),
}
"""Names that mean something only within their own library."""
