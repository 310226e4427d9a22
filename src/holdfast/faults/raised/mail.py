"""Exceptions of mail, file transfer and shells: smtplib, aiosmtplib, imaplib, poplib, ftplib, paramiko, asyncssh.

SMTP's replies are read by RFC 5321 §4.2 and the enhanced codes of RFC 3463: 4xx is "try again", 5xx is "no". FTP's are RFC 959's. A mail is handed
over when its data was accepted; a refusal before that is a refusal of the whole, so nothing was sent.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    AUTH,
    BURST,
    CERTIFICATE,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    INVALID,
    LOCAL,
    PROTOCOL,
    READ_TIMEOUT,
    REFUSED,
    SAID_AUTH,
    SAID_BUSY,
    SAID_DAILY,
    SAID_FULL,
    SAID_INVALID,
    SAID_OVERLOADED,
    SAID_REMOVED,
    SAID_SERVER,
    SAID_STATE,
    SAID_THROTTLED,
    SERVER,
    TIMEOUT,
    ExceptionMeaning,
    Weight,
    meaning,
    said,
    table,
)
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Outcome

# A reply of 4xx that names nothing else: the server will not do it now, and has not done it (RFC 5321 §4.2.1).
_TRANSIENT = said(SERVER, "smtp-try-again", outcome=Outcome.NOT_EXECUTED)
_SMTP = MappingProxyType(
    {
        421: meaning(REFUSED, Phase.READ, rule="smtp-closing", outcome=Outcome.NOT_EXECUTED),
        431: _TRANSIENT,
        432: SAID_AUTH,
        450: SAID_BUSY,
        451: _TRANSIENT,
        452: said(SERVER, "smtp-storage", outcome=Outcome.NOT_EXECUTED),
        454: said(SERVER, "smtp-login-later", outcome=Outcome.NOT_EXECUTED),
        500: SAID_INVALID,
        501: SAID_INVALID,
        502: SAID_REMOVED,
        503: SAID_INVALID,
        504: SAID_REMOVED,
        521: SAID_INVALID,
        523: SAID_INVALID,
        530: SAID_AUTH,
        534: SAID_AUTH,
        535: SAID_AUTH,
        538: SAID_AUTH,
        550: SAID_INVALID,
        551: SAID_INVALID,
        552: SAID_INVALID,
        553: SAID_INVALID,
        554: SAID_INVALID,
        555: SAID_INVALID,
    }
)
_RATE = re.compile(
    r"too many (?:messages|connections|recipients|login|mails|requests|emails)|rate.?limit|throttl"
    r"|try again later.{0,60}(?:limit|rate)|4\.7\.28|sending (?:rate|too fast)"
    r"|maximum sending rate|concurrent connections|exceeded .{0,60}(?:messages|rate)",
    re.IGNORECASE,
)
_DAY = re.compile(r"daily|per day|24 hours|5\.4\.5|message quota", re.IGNORECASE)
_LOGIN = re.compile(
    r"authenticat|5\.7\.(?:8|9|57|14)|credentials|login|password|not authorized|relay(?:ing)? (?:access )?denied|must issue a STARTTLS",
    re.IGNORECASE,
)
_REPLY = re.compile(r"(?:\A|\()\s?(?P<code>[2-5]\d\d)[,\- ]|code:? (?P<named>[45]\d\d)")


def read_smtp_reply(code: int, words: str) -> ExceptionMeaning | None:
    """What a reply of an SMTP server means: the code, and where codes are shared, the enhanced code or the words."""
    if not 400 <= code < 600:
        return None
    if _DAY.search(words) and re.search(r"quota|limit|exceed", words, re.IGNORECASE):
        return SAID_DAILY
    if _RATE.search(words) and code not in {535, 530}:
        return SAID_THROTTLED
    if code in {550, 553, 554} and _LOGIN.search(words):
        return SAID_AUTH
    return _SMTP.get(code, _TRANSIENT if code < 500 else SAID_INVALID)


def _read_smtp(message: str) -> ExceptionMeaning | None:
    found = _REPLY.search(message[:2_000])
    if found is None:
        return None
    return read_smtp_reply(int(found["code"] or found["named"]), message[:2_000])


def _read_recipients(message: str) -> ExceptionMeaning | None:
    """All recipients were refused; one that may be accepted later makes the whole worth another try."""
    found = [(int(code), words) for code, words in re.findall(r"\((\d{3}), b?(['\"].{0,300}?['\"])\)", message[:4_000])]
    if not found:
        return _read_smtp(message)
    later = [reply for reply in found if reply[0] < 500]
    return read_smtp_reply(*(later or found)[0])


def _smtp(fallback: ExceptionMeaning) -> ExceptionMeaning:
    return ExceptionMeaning(
        category=fallback.category,
        phase=fallback.phase,
        outcome=fallback.outcome,
        rule=fallback.rule,
        retryable=fallback.retryable,
        by_words=_read_smtp,
    )


# "Server not connected" and "please run connect() first" are a program's own; a connection that was lost may have taken the mail.
_RUN_FIRST = re.compile(r"run connect\(\) first|not connected|server not connected", re.IGNORECASE)
_NOT_OPEN = meaning(REFUSED, Phase.LOCAL, rule="closed")


def _read_lost(message: str) -> ExceptionMeaning | None:
    return _NOT_OPEN if _RUN_FIRST.search(message) else None


_MAIL = table(
    (
        ("SMTPServerDisconnected", meaning(REFUSED, Phase.READ, rule="closed", by_words=_read_lost)),
        ("SMTPConnectError SMTPConnectResponseError", _smtp(CONNECT)),
        ("SMTPConnectTimeoutError", CONNECT_TIMEOUT),
        ("SMTPReadTimeoutError SMTPTimeoutError", READ_TIMEOUT),
        ("SMTPAuthenticationError", _smtp(SAID_AUTH)),
        ("SMTPHeloError", _smtp(SAID_OVERLOADED)),
        ("SMTPSenderRefused SMTPRecipientRefused SMTPDataError SMTPResponseException", _smtp(SAID_INVALID)),
        ("SMTPRecipientsRefused", meaning(INVALID, Phase.ANSWER, rule="refused", by_words=_read_recipients)),
        ("SMTPNotSupportedError SMTPNotSupported", SAID_REMOVED),
        ("SMTPException", meaning(SERVER, Phase.READ, rule="smtp", weight=Weight.VAGUE, by_words=_read_smtp)),
    )
)

_IMAP_CODES = (
    (
        re.compile(
            r"AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|Invalid credentials|LOGIN failed|authentication failed|PRIVACYREQUIRED|NOPERM",
            re.IGNORECASE,
        ),
        SAID_AUTH,
    ),
    (re.compile(r"\[EXPIRED\]"), said(AUTH, "expired")),
    (re.compile(r"\[UNAVAILABLE\]|\[SERVERBUG\]|temporary", re.IGNORECASE), SAID_SERVER),
    (re.compile(r"\[LIMIT\]|\[THROTTLED\]|too many simultaneous|rate limit", re.IGNORECASE), SAID_THROTTLED),
    (re.compile(r"\[OVERQUOTA\]", re.IGNORECASE), SAID_FULL),
    (
        re.compile(r"\[INUSE\]|\[CONTACTADMIN\]|\[ALREADYEXISTS\]|\[NONEXISTENT\]|\[TRYCREATE\]", re.IGNORECASE),
        SAID_STATE,
    ),
    (re.compile(r"socket error: EOF|unexpected response|BYE|connection closed", re.IGNORECASE), CLOSED),
    (re.compile(r"illegal in state|command .{0,60} illegal", re.IGNORECASE), LOCAL),
)


# POP3's response codes: RFC 2449 §8 and RFC 3206.
_POP_CODES = (
    (re.compile(r"\[IN-USE\]|mailbox (?:is )?(?:locked|in use|busy)", re.IGNORECASE), SAID_BUSY),
    (re.compile(r"\[LOGIN-DELAY\]", re.IGNORECASE), SAID_THROTTLED),
    (re.compile(r"\[SYS/TEMP\]", re.IGNORECASE), SAID_OVERLOADED),
    (re.compile(r"\[SYS/PERM\]", re.IGNORECASE), SAID_FULL),
    (re.compile(r"\[AUTH\]", re.IGNORECASE), SAID_AUTH),
)


def _read_pop(message: str) -> ExceptionMeaning | None:
    head = message[:1_000]
    return next((found for pattern, found in _POP_CODES if pattern.search(head)), None) or _read_imap(head)


def _read_imap(message: str) -> ExceptionMeaning | None:
    """IMAP's response codes (RFC 5530) stand in brackets."""
    head = message[:1_000]
    return next((found for pattern, found in _IMAP_CODES if pattern.search(head)), None) or read_system_words(head)


_IMAP = table(
    (
        ("error", meaning(SERVER, Phase.ANSWER, rule="imap", weight=Weight.VAGUE, by_words=_read_imap)),
        ("abort", meaning(REFUSED, Phase.READ, rule="closed", by_words=_read_imap)),
        ("readonly", SAID_STATE),
        ("error_proto", meaning(INVALID, Phase.ANSWER, rule="pop", by_words=_read_pop)),
    )
)

_FTP = MappingProxyType(
    {
        "421": meaning(REFUSED, Phase.READ, rule="ftp-closing", outcome=Outcome.NOT_EXECUTED),
        "425": meaning(REFUSED, Phase.CONNECT, rule="ftp-data"),
        "426": CLOSED,
        "430": SAID_AUTH,
        "450": SAID_BUSY,
        "451": SAID_SERVER,
        "452": SAID_FULL,
        "500": SAID_INVALID,
        "501": SAID_INVALID,
        "502": SAID_REMOVED,
        "503": SAID_INVALID,
        "504": SAID_REMOVED,
        "530": SAID_AUTH,
        "532": SAID_AUTH,
        "534": SAID_AUTH,
        "550": SAID_STATE,
        "551": SAID_INVALID,
        "552": SAID_FULL,
        "553": SAID_INVALID,
    }
)
_FTP_REPLY = re.compile(r"\A\s?(?P<code>[1-5]\d\d)\b(?P<words>.{0,300})")
# A transfer that had begun and fell silent ends so, too.
_FTP_SILENT = re.compile(r"time(?:d )?-?out|idle", re.IGNORECASE)
_FTP_BUSY = re.compile(r"too many|connections|try (?:again )?later", re.IGNORECASE)


def _read_ftp(message: str) -> ExceptionMeaning | None:
    found = _FTP_REPLY.match(message)
    if found is None:
        return None
    if found["code"] in {"421", "530"} and _FTP_BUSY.search(found["words"]):
        return said(BURST, "ftp-connections")
    if found["code"] == "421" and _FTP_SILENT.search(found["words"]):
        return CLOSED
    return _FTP.get(found["code"])


_FTPLIB = table(
    (
        ("error_temp", meaning(SERVER, Phase.ANSWER, rule="ftp", by_words=_read_ftp)),
        ("error_perm", meaning(INVALID, Phase.ANSWER, rule="ftp", by_words=_read_ftp)),
        ("error_reply error_proto", meaning(PROTOCOL.category, Phase.READ, rule="protocol", by_words=_read_ftp)),
        ("StatusCodeError", meaning(SERVER, Phase.ANSWER, rule="ftp", weight=Weight.VAGUE, by_words=_read_ftp)),
    )
)

_BANNER = re.compile(r"banner|Negotiation failed|EOF during negotiation|key exchange", re.IGNORECASE)
_GONE = re.compile(
    r"session not active|connection lost|Server connection dropped|Socket is closed|closed", re.IGNORECASE
)
_HOST_KEY = re.compile(r"not found in known_hosts|host key", re.IGNORECASE)


def _read_ssh(message: str) -> ExceptionMeaning | None:
    if _BANNER.search(message):
        return meaning(REFUSED, Phase.CONNECT, rule="ssh-handshake")
    if _HOST_KEY.search(message):
        return CERTIFICATE
    if "authentication method" in message.lower():
        return SAID_AUTH
    if "Timeout" in message:
        return meaning(TIMEOUT, Phase.READ, rule="timeout")
    return CLOSED if _GONE.search(message) else read_system_words(message)


_SSH = table(
    (
        (
            "AuthenticationException PasswordRequiredException BadAuthenticationType PartialAuthentication",
            SAID_AUTH,
        ),
        ("UnableToAuthenticate PermissionDenied KeyImportError", SAID_AUTH),
        ("BadHostKeyException HostKeyNotVerifiable", CERTIFICATE),
        ("NoValidConnectionsError ProxyCommandFailure CouldNotCanonicalize", CONNECT),
        ("ChannelException ChannelOpenError", meaning(REFUSED, Phase.CONNECT, rule="ssh-channel")),
        (
            "IncompatiblePeer KeyExchangeFailed ProtocolNotSupported ProtocolError",
            meaning(REFUSED, Phase.TLS, rule="ssh-handshake", retryable=False),
        ),
        ("ConfigParseError", LOCAL),
        ("ConnectionLost DisconnectError", CLOSED),
        ("SSHException", meaning(REFUSED, Phase.READ, rule="ssh", weight=Weight.VAGUE, by_words=_read_ssh)),
        ("SFTPNoSuchFile SFTPNoSuchPath SFTPFileAlreadyExists SFTPFailure", SAID_STATE),
        ("SFTPPermissionDenied", SAID_AUTH),
        ("SFTPNoSpaceOnFilesystem SFTPQuotaExceeded", SAID_FULL),
        ("SFTPConnectionLost SFTPNoConnection", CLOSED),
        ("SFTPError", meaning(SERVER, Phase.READ, rule="sftp", weight=Weight.VAGUE, by_words=_read_ssh)),
    )
)

LIBRARIES = {
    "smtplib": _MAIL,
    "aiosmtplib": _MAIL,
    "imaplib": _IMAP,
    "IMAP4": _IMAP,
    "poplib": _IMAP,
    "aioimaplib": _IMAP,
    "ftplib": _FTPLIB,
    "aioftp": _FTPLIB,
    "paramiko": _SSH,
    "asyncssh": _SSH,
}
