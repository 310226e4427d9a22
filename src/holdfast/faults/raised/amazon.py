"""Exceptions of botocore (boto3, aiobotocore), and what the error codes of AWS in them mean.

botocore has one class, `ClientError`, for everything a service says; its message names the code. Codes are those of the "common errors" and of
the services' own pages in AWS's API references; which of them are throttling is as botocore's own retry rules have it. A service's code that is
not listed is read by its words, which AWS keeps alike (`…NotFoundException`, `…AlreadyExists`).
"""

from __future__ import annotations

import re

from holdfast.faults import meanings as m
from holdfast.faults.code_words import normal
from holdfast.faults.fault import Phase
from holdfast.faults.packs.aws import CODES
from holdfast.faults.raised.meaning import (
    AUTH,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    CUT,
    DECODING,
    INVALID,
    LOCAL,
    NO_CREDENTIAL,
    PROXY,
    READ_TIMEOUT,
    SAID_AUTH,
    SAID_BUSY,
    SAID_DAILY,
    SAID_EXPIRED,
    SAID_INVALID,
    SAID_OVERLOADED,
    SAID_SERVER,
    SAID_STATE,
    SAID_THROTTLED,
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
from holdfast.faults.raised.reckoned import reckon
from holdfast.faults.raised.statuses import by_status
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Health, Outcome

_CLIENT_ERROR = re.compile(r"An error occurred \((?P<code>[\w.:\-]{1,120})\) when calling the \w{1,120} operation")
_GAP_MAX_CHARS = 60
_TEXT_MAX_CHARS = 1_000
_DAY = re.compile(r"\bdaily\b|per day|24.?hour", re.IGNORECASE)
_RATE = re.compile(r"\brate\b|throttl|too many|simultaneous|concurren|try again", re.IGNORECASE)
_BUSY = re.compile(r"concurren|in progress|try again|conflict with|TransactionConflict|lock", re.IGNORECASE)
_IN_TIME = re.compile(r"expired", re.IGNORECASE)

_SERVICE_TIMEOUT = said(TIMEOUT, "service-timeout", outcome=Outcome.UNKNOWN)
_MISSING = said(INVALID, "missing-record")

_BY_WORDS: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...] = (
    (re.compile(r"Throttl|TooManyRequests|RateExceeded|RateLimit|SlowDown"), SAID_THROTTLED),
    (re.compile(r"ExpiredToken|TokenExpired|ExpiredCredential"), SAID_EXPIRED),
    (re.compile(r"AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authentication|InvalidToken|Signature"), SAID_AUTH),
    (re.compile(r"Concurrent|TransactionConflict|OptimisticLock|InProgress|LockedException"), SAID_BUSY),
    (
        re.compile(
            r"Conflict|AlreadyExists|Duplicate|InUse|InvalidState|IncorrectState|NotEmpty|Precondition|IncorrectInstance"
        ),
        SAID_STATE,
    ),
    (re.compile(r"NotFound|NoSuch|DoesNotExist|NonExistent|Unknown"), _MISSING),
    (re.compile(r"^(?:.{0,60})(?:Timeout|TimedOut)"), _SERVICE_TIMEOUT),
    (re.compile(r"InsufficientCapacity|Capacity(?:Exceeded|NotAvailable)|Overload|Maintenance"), SAID_OVERLOADED),
    (re.compile(r"LimitExceeded|QuotaExceeded|TooLarge|TooMany|TooLong"), SAID_INVALID),
    (re.compile(r"Internal|ServiceUnavailable|ServiceFailure|ServerError|ServerException"), SAID_SERVER),
    (re.compile(r"Invalid|Validation|Malformed|Missing|Unsupported|BadRequest|Rejected|Parameter"), SAID_INVALID),
)


def read_aws_code(code: str, words: str = "") -> ExceptionMeaning | None:
    """What an error code of AWS means; `words` are the message beside it, which some codes leave the rest to.

    A bare number stands where the answer had no body to name a code (`HeadObject`): it is the status.
    """
    if code.isdigit():
        return by_status(int(code))
    name = code.rpartition("#")[2].partition(":")[0]
    name = name.removeprefix("Client.").removeprefix("Server.")
    found = CODES.get(normal(name))
    if found is m.BURST or (found in {None, m.LIMIT} and "LimitExceeded" in name and _RATE.search(words)):
        return SAID_DAILY if _DAY.search(words) else SAID_THROTTLED
    if name in {"TransactionCanceledException", "ResourceConflictException", "ConflictException"}:
        return SAID_BUSY if _BUSY.search(words) else SAID_STATE
    if found is not None:
        return reckon(found, f"exception:aws/{found.name}")
    return next((row for pattern, row in _BY_WORDS if pattern.search(name)), None)


def read_client_error(message: str) -> ExceptionMeaning | None:
    """What a service of AWS said, from the message of botocore's `ClientError`."""
    for found in _CLIENT_ERROR.finditer(message):
        colon = message.find(":", found.end(), found.end() + _GAP_MAX_CHARS + 1)
        if colon >= 0:
            text = message[colon + 1 : colon + 2 + _TEXT_MAX_CHARS].removeprefix(" ")
            return read_aws_code(found["code"], text[:_TEXT_MAX_CHARS])
    return None


_SSO = re.compile(r"expired|invalid|refresh failed|does not exist|login", re.IGNORECASE)
_NO_LOGIN = meaning(AUTH, Phase.LOCAL, rule="login-needed")
_CREDENTIAL_FETCH = meaning(AUTH, Phase.LOCAL, rule="credential-fetch")
_CONFIG = meaning(INVALID, Phase.LOCAL, rule="configuration", health=Health.NEUTRAL)
_CLIENT_LOSS = meaning(
    VAGUE_LOSS.category, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=read_system_words
)
_TLS_WORDS = meaning(TLS.category, Phase.TLS, rule="tls", by_words=read_system_words)
_WAITED = re.compile(r"Max attempts exceeded", re.IGNORECASE)
_WAIT_OVER = meaning(TIMEOUT, Phase.READ, rule="waiter")
_WAIT_FAILED = said(SAID_STATE.category, "waiter", outcome=Outcome.UNKNOWN)


def _read_waiter(message: str) -> ExceptionMeaning | None:
    if found := read_client_error(message):
        return found
    return _WAIT_OVER if _WAITED.search(message) else None


_OWN = table(
    (
        (
            "ClientError EventStreamError",
            meaning(SAID_SERVER.category, Phase.ANSWER, rule="aws", by_words=read_client_error),
        ),
        ("EndpointConnectionError", CONNECT),
        ("ConnectTimeoutError", CONNECT_TIMEOUT),
        ("ReadTimeoutError", READ_TIMEOUT),
        ("ProxyConnectionError", PROXY),
        ("SSLError", _TLS_WORDS),
        ("ConnectionClosedError", CLOSED),
        ("HTTPClientError ConnectionError", _CLIENT_LOSS),
        ("ResponseStreamingError IncompleteReadError", CUT),
        ("ResponseParserError", DECODING),
        ("FlexibleChecksumError ChecksumError", meaning(DECODING.category, Phase.BODY, rule="checksum")),
        (
            "NoCredentialsError PartialCredentialsError NoAuthTokenError UnknownTokenProviderError UnknownCredentialError",
            NO_CREDENTIAL,
        ),
        ("UnauthorizedSSOTokenError SSOTokenLoadError SSOError LoginError LoginRefreshRequired", _NO_LOGIN),
        (
            "LoginInsufficientPermissions LoginTokenLoadError LoginAuthorizationCodeError RefreshWithMFAUnsupportedError",
            _NO_LOGIN,
        ),
        ("TokenRetrievalError CredentialRetrievalError", _CREDENTIAL_FETCH),
        ("MetadataRetrievalError", meaning(VAGUE_LOSS.category, Phase.CONNECT, rule="credential-fetch")),
        (
            "WaiterError",
            meaning(SAID_STATE.category, Phase.ANSWER, rule="waiter", outcome=Outcome.UNKNOWN, by_words=_read_waiter),
        ),
        (
            "CapacityNotAvailableError",
            meaning(SAID_THROTTLED.category, Phase.LOCAL, rule="client-rate", health=Health.NEUTRAL),
        ),
        ("UnseekableStreamError", LOCAL),
        # Everything else that botocore raises is about parameters, regions, profiles and configuration: nothing was sent.
        ("BotoCoreError UndefinedModelAttributeError", _CONFIG),
        (
            (
                "DataNotFoundError UnknownServiceError UnknownRegionError ApiVersionNotFoundError InvalidIMDSEndpointError"
                " InvalidIMDSEndpointModeError"
                " UnknownSignatureVersionError ServiceNotInRegionError BaseEndpointResolverError NoRegionError"
                " EndpointVariantError UnknownEndpointError"
                " UnknownFIPSEndpointError ProfileNotFound ConfigParseError ConfigNotFound MissingParametersError ValidationError"
                " ParamValidationError"
                " UnknownKeyError RangeError UnknownParameterError InvalidRegionError AliasConflictParameterError UnknownServiceStyle PaginationError"
                " OperationNotPageableError InvalidExpressionError WaiterConfigError UnknownClientMethodError UnsupportedSignatureVersionError"
                " InvalidDNSNameError InvalidS3AddressingStyleError UnsupportedS3ArnError UnsupportedS3ControlArnError InvalidHostLabelError"
                " UnsupportedOutpostResourceError UnsupportedS3ConfigurationError UnsupportedS3AccesspointConfigurationError"
                " InvalidEndpointDiscoveryConfigurationError UnsupportedS3ControlConfigurationError InvalidRetryConfigurationError"
                " InvalidMaxRetryAttemptsError InvalidRetryModeError InvalidConfigError InfiniteLoopConfigError MD5UnavailableError"
                " MissingDependencyException MissingServiceIdError InvalidProxiesConfigError InvalidDefaultsMode AwsChunkedWrapperError"
                " InvalidEndpointConfigurationError EndpointProviderError EndpointResolutionError UnknownEndpointResolutionBuiltInName"
                " InvalidChecksumConfigError UnsupportedServiceProtocolsError InvalidSTSRegionalEndpointsConfigError"
                " InvalidS3UsEast1RegionalEndpointConfigError StubResponseError StubAssertionError UnStubbedResponseError"
            ),
            _CONFIG,
        ),
    )
)

# boto3's own, and the transfer manager of S3.
_TRANSFER = table(
    (
        (
            "S3UploadFailedError RetriesExceededError S3TransferFailedError",
            meaning(SAID_SERVER.category, Phase.FUNCTION, rule="aws", weight=Weight.VAGUE, by_words=read_client_error),
        ),
        ("NoVersionFound ResourceNotExistsError UnknownAPIVersionError", _CONFIG),
        ("ClientError", WRAPPER),
    )
)

# Classes of this module are made from each service's model, and named like its codes.
_MODELLED = table((("*", _OWN["ClientError"]),))

LIBRARIES = {
    "botocore.errorfactory": _MODELLED,
    "botocore": _OWN,
    "aiobotocore": _OWN,
    "boto3": _TRANSFER,
    "s3transfer": _TRANSFER,
}
