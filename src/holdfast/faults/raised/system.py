"""Exceptions of Python itself: builtins, the operating system, TLS, asyncio and its kin; and the words of the operating system.

Names of errors of the operating system are those of POSIX (`ECONNREFUSED`); the sentences are glibc's, macOS's and Windows's; programs in
other languages quote the names, so they are read in messages too.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    BARE_TIMEOUT,
    BROKEN_PIPE,
    CANCELLED,
    CERTIFICATE,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    CUT,
    DECODING,
    DESCRIPTORS,
    LOCAL,
    NAME,
    PEER_REFUSED,
    PROGRAM,
    PROTOCOL,
    READ_TIMEOUT,
    REFUSED,
    RESET,
    SERVER,
    TIMEOUT,
    TLS,
    TLS_CLOSED,
    VAGUE_LOSS,
    WRAPPER,
    ExceptionMeaning,
    Weight,
    meaning,
    table,
)
from holdfast.faults.verdict import Health

_CANCELLED_TASK = meaning(CANCELLED.category, Phase.FUNCTION, rule="cancelled", weight=Weight.ECHO)
_DISK = meaning(SERVER, Phase.FUNCTION, rule="local-disk", retryable=False, health=Health.NEUTRAL)
_FILE = meaning(PROGRAM.category, Phase.FUNCTION, rule="file", health=Health.NEUTRAL, weight=Weight.MISTAKE)
_MEMORY = meaning(SERVER, Phase.FUNCTION, rule="local-memory", retryable=False, health=Health.NEUTRAL)
_CLIENT_CLOSED = meaning(LOCAL.category, Phase.LOCAL, rule="client-state", health=Health.NEUTRAL)
_CHILD = meaning(SERVER, Phase.FUNCTION, rule="child-process", health=Health.FAILURE)
# May come after the request was sent; only the words of a failed handshake say otherwise.
_TLS_LOST = meaning(REFUSED, Phase.READ, rule="tls-lost", weight=Weight.VAGUE)
_OS_TIMEOUT = meaning(TIMEOUT, Phase.READ, rule="timeout")

_HEADER_CODECS = re.compile(r"\A'(?:latin-1|idna)' codec")


def _read_codec(message: str) -> ExceptionMeaning | None:
    """Python writes headers and bodies in Latin-1 and hosts in IDNA (`http.client`); a terminal or a file has other codecs."""
    return LOCAL if _HEADER_CODECS.match(message) else None


_ENCODING = meaning(
    PROGRAM.category,
    Phase.FUNCTION,
    rule="program",
    health=Health.NEUTRAL,
    weight=Weight.MISTAKE,
    by_words=_read_codec,
)

ERRNO_NAMES = MappingProxyType(
    {
        "ECONNREFUSED": PEER_REFUSED,
        "ENETUNREACH": CONNECT,
        "EHOSTUNREACH": CONNECT,
        "EHOSTDOWN": CONNECT,
        "ENETDOWN": CONNECT,
        "EADDRNOTAVAIL": CONNECT,
        "EADDRINUSE": CONNECT,
        "EAFNOSUPPORT": CONNECT,
        "EMFILE": DESCRIPTORS,
        "ENFILE": DESCRIPTORS,
        "ECONNRESET": RESET,
        "ECONNABORTED": RESET,
        "ENETRESET": RESET,
        "EPIPE": BROKEN_PIPE,
        "ESHUTDOWN": BROKEN_PIPE,
        # Of a socket in use as well as of one that is being connected: nobody knows whether anything was sent.
        "ETIMEDOUT": _OS_TIMEOUT,
        "ESOCKETTIMEDOUT": _OS_TIMEOUT,
        "ENOTFOUND": NAME,
        "EAI_AGAIN": NAME,
        "EAI_FAIL": NAME,
        "EAI_NONAME": NAME,
        "EAI_NODATA": NAME,
        "ENOSPC": _DISK,
        "EDQUOT": _DISK,
        "EROFS": _DISK,
    }
)
"""Meanings by the operating system's own names."""

TABLE = table(
    (
        ("ConnectionRefusedError", PEER_REFUSED),
        ("ConnectionResetError ConnectionAbortedError", RESET),
        ("BrokenPipeError", BROKEN_PIPE),
        ("ConnectionError", VAGUE_LOSS),
        ("gaierror herror", NAME),
        ("SSLCertVerificationError CertificateError", CERTIFICATE),
        ("SSLEOFError SSLZeroReturnError", TLS_CLOSED),
        ("SSLError", _TLS_LOST),
        # asyncio, anyio, trio, concurrent.futures
        ("TimeoutError", BARE_TIMEOUT),
        ("TooSlowError", BARE_TIMEOUT),
        ("CancelledError Cancelled", _CANCELLED_TASK),
        ("KeyboardInterrupt SystemExit GeneratorExit", CANCELLED),
        ("EOFError", CLOSED),
        ("MemoryError", _MEMORY),
        ("IncompleteReadError IncompleteRead", CUT),
        ("LimitOverrunError DelimiterNotFound", PROTOCOL),
        ("EndOfStream BrokenResourceError", CLOSED),
        ("BrokenExecutor BrokenProcessPool BrokenThreadPool BrokenInterpreterPool BrokenWorkerProcess", _CHILD),
        ("CalledProcessError", _CHILD),
        ("TimeoutExpired", BARE_TIMEOUT),
        # text and data that cannot be read
        ("JSONDecodeError UnicodeDecodeError BadGzipFile BadZipFile LZMAError InvalidFileException", DECODING),
        ("ParseError ExpatError", DECODING),
        # a program's own
        ("ValueError TypeError LookupError KeyError IndexError AttributeError NameError UnboundLocalError", PROGRAM),
        ("AssertionError NotImplementedError ArithmeticError ZeroDivisionError OverflowError RecursionError", PROGRAM),
        ("UnicodeError SyntaxError ImportError ModuleNotFoundError PicklingError", PROGRAM),
        ("ValidationError", PROGRAM),
        ("UnicodeEncodeError", _ENCODING),
        (
            "FileNotFoundError FileExistsError IsADirectoryError NotADirectoryError PermissionError ProcessLookupError",
            _FILE,
        ),
        ("ExceptionGroup BaseExceptionGroup", WRAPPER),
    )
)


# Plain alternatives: linear. The order matters: what is more exact comes first.
_WORDS: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...] = (
    (
        re.compile(
            r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|self.signed certificate|certificate has expired"
            r"|unable to get local issuer certificate|unable to verify the first certificate|CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED_CERT"
            r"|ERR_TLS_CERT_ALTNAME_INVALID|ALERT_CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_CERTIFICATE_EXPIRED"
            r"|doesn't match (?:either of )?['\"]|hostname mismatch|host key verification failed",
            re.IGNORECASE,
        ),
        CERTIFICATE,
    ),
    (
        re.compile(
            r"Name or service not known|nodename nor servname|Temporary failure in name resolution|getaddrinfo failed|NameResolutionError"
            r"|No address associated with hostname|getaddrinfo ENOTFOUND|getaddrinfo EAI_|\bENOTFOUND\b|\bEAI_(?:AGAIN|FAIL|NONAME|NODATA)\b"
            r"|failed to resolve host|could not translate host name|Name does not resolve|DNS (?:resolution|lookup|query)? ?fail"
            r"|no such host|NXDOMAIN|host not found|cannot resolve|ERR_NAME_NOT_RESOLVED"
        ),
        NAME,
    ),
    (re.compile(r"Too many open files|\bE[MN]FILE\b", re.IGNORECASE), DESCRIPTORS),
    (
        re.compile(
            # Not "Connection timed out": an established connection that falls silent ends with the same words.
            r"connect(?:ing)? (?:timeout|timed out)|timed out (?:while )?connect|ConnectTimeoutError|\bconnect ETIMEDOUT\b"
            r"|Connection timeout to host",
            re.IGNORECASE,
        ),
        CONNECT_TIMEOUT,
    ),
    (
        re.compile(
            r"Connection refused|\bECONNREFUSED\b|Connect call failed|actively refused it|No route to host|\bEHOSTUNREACH\b|Network is unreachable"
            r"|\bENETUNREACH\b|Host is down|\bEHOSTDOWN\b|Network is down|\bENETDOWN\b"
            r"|unable to connect to proxy|Failed to establish a new connection"
            r"|Cannot assign requested address|\bEADDRNOTAVAIL\b|ERR_CONNECTION_REFUSED|all connection attempts failed",
            re.IGNORECASE,
        ),
        CONNECT,
    ),
    (
        re.compile(
            r"handshake fail|WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|TLSV1_ALERT|TLSV1_UNRECOGNIZED_NAME|_ALERT_HANDSHAKE"
            r"|NO_PROTOCOLS_AVAILABLE|EPROTO\b|before secure TLS connection was established",
            re.IGNORECASE,
        ),
        TLS,
    ),
    (re.compile(r"UNEXPECTED_EOF|EOF occurred in violation", re.IGNORECASE), TLS_CLOSED),
    (re.compile(r"Broken pipe|\bEPIPE\b|write after end", re.IGNORECASE), BROKEN_PIPE),
    (
        re.compile(
            r"Connection reset|\bECONNRESET\b|forcibly closed|Connection aborted|\bECONNABORTED\b"
            r"|ERR_CONNECTION_RESET|software caused connection abort",
            re.IGNORECASE,
        ),
        RESET,
    ),
    (
        re.compile(
            r"socket hang up|closed connection without|Remote end closed|Server disconnected|other side closed"
            r"|connection (?:was )?closed unexpectedly"
            r"|connection lost|premature close",
            re.IGNORECASE,
        ),
        CLOSED,
    ),
    (
        re.compile(r"\bETIMEDOUT\b|\bESOCKETTIMEDOUT\b|Operation timed out|\btimed out\b|\btimeout\b", re.IGNORECASE),
        READ_TIMEOUT,
    ),
    (re.compile(r"No space left on device|Disk quota exceeded|\bENOSPC\b", re.IGNORECASE), _DISK),
    (
        re.compile(
            r"(?:session|connector|event loop|client) is closed|client has been closed",
            re.IGNORECASE,
        ),
        _CLIENT_CLOSED,
    ),
    (
        re.compile(
            r"Could not find (?:a suitable TLS CA|the TLS)|unknown url type|Invalid URL|No scheme supplied|no host (?:given|supplied)",
            re.IGNORECASE,
        ),
        LOCAL,
    ),
)

# A text that tells of two attempts: the one that was refused does not undo the one before.
_SENT_TOO = re.compile(r"\bread timed out|ReadTimeout", re.IGNORECASE)

HEAD_MAX_CHARS = 2_000
"""How much of a message is searched for words."""


def read_system_words(message: str) -> ExceptionMeaning | None:
    """What the words of the operating system, of TLS and of other runtimes in a message say."""
    head = message[:HEAD_MAX_CHARS]
    found = next((found for pattern, found in _WORDS if pattern.search(head)), None)
    if (found is CONNECT or found is CONNECT_TIMEOUT) and _SENT_TOO.search(head):
        return READ_TIMEOUT
    return found


def read_errno(name: str) -> ExceptionMeaning | None:
    """What an error of the operating system means, by its POSIX name."""
    return ERRNO_NAMES.get(name)
