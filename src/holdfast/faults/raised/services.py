"""Exceptions of clients for directories, messaging, names, containers, wide-column stores and cloud services that are neither SQL nor plain HTTP.

Sources: RFC 4511 §4.1.9 and appendix A (results of LDAP), `libcurl-errors(3)` (numbers of curl), RFC 8499 and dnspython's own documents, the
error codes of Cassandra's native protocol v5 §9, Snowflake's list of session errors, and the exception modules of the clients named in each table.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    CANCELLED,
    CERTIFICATE,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    CUT,
    DECODING,
    EXPIRED,
    LOCAL,
    NAME,
    PROTOCOL,
    PROXY,
    READ_TIMEOUT,
    REDIRECTS,
    REFUSED,
    SAID_AUTH,
    SAID_BUSY,
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
    WRITE_LOST,
    ExceptionMeaning,
    Weight,
    meaning,
    said,
    table,
)
from holdfast.faults.raised.statuses import by_status
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Health, Outcome

_HEAD_MAX_CHARS = 1_000
_SERVER_TIMEOUT = said(TIMEOUT, "server-timeout", outcome=Outcome.UNKNOWN)
_OPEN_LOSS = meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=read_system_words)

# --- LDAP: ldap3's classes are named after the results of RFC 4511, python-ldap's are the results in capitals ---

_LDAP_RESULTS: tuple[tuple[str, ExceptionMeaning], ...] = (
    ("OperationsError ProtocolError Other", SAID_SERVER),
    ("TimeLimitExceeded AdminLimitExceeded SizeLimitExceeded", SAID_INVALID),
    ("Timeout", READ_TIMEOUT),
    (
        (
            "AuthMethodNotSupported StrongerAuthRequired ConfidentialityRequired InappropriateAuthentication InvalidCredentials"
            " InsufficientAccessRights AuthorizationDenied StrongAuthRequired InsufficientAccess"
        ),
        SAID_AUTH,
    ),
    ("Busy Unavailable", SAID_OVERLOADED),
    ("LoopDetected", said(SERVER, "loop", outcome=Outcome.NOT_EXECUTED, retryable=False)),
    ("EntryAlreadyExists AlreadyExists AttributeOrValueExists TypeOrValueExists NotAllowedOnNotLeaf NotAllowedOnNonleaf", SAID_STATE),
    ("NoSuchObject NoSuchAttribute AssertionFailed LcupResourcesExhausted AliasProblem AliasDereferencingProblem", SAID_STATE),
    (
        (
            "UnwillingToPerform ConstraintViolation ObjectClassViolation NamingViolation InvalidAttributeSyntax InvalidSyntax InvalidDNSyntax"
            " UndefinedAttributeType UndefinedType InappropriateMatching NotAllowedOnRDN ObjectClassModsProhibited AffectMultipleDSAS"
            " UnavailableCriticalExtension NoSuchOperation TooLate CannotCancel"
        ),
        SAID_INVALID,
    ),
    ("Canceled", CANCELLED),
)  # fmt: skip


def _ldap3() -> tuple[tuple[str, ExceptionMeaning], ...]:
    return tuple((" ".join(f"LDAP{name}Result" for name in names.split()), row) for names, row in _LDAP_RESULTS)


_LDAP3 = table(
    (
        *_ldap3(),
        ("LDAPSocketOpenError LDAPServerPoolExhaustedError LDAPServerPoolError", CONNECT),
        ("LDAPSocketReceiveError LDAPSessionTerminatedByServerError LDAPSocketCloseError LDAPCommunicationError", CLOSED),
        ("LDAPSocketSendError", WRITE_LOST),
        ("LDAPResponseTimeoutError LDAPMaximumRetriesError", READ_TIMEOUT),
        ("LDAPStartTLSError LDAPSSLConfigurationError LDAPCertificateError", TLS),
        ("LDAPBindError LDAPPasswordIsMandatoryError LDAPUserNameIsMandatoryError LDAPUnknownAuthenticationMethodError", SAID_AUTH),
        ("LDAPInvalidDnError LDAPInvalidFilterError LDAPAttributeError LDAPObjectClassError LDAPInvalidScopeError LDAPChangeError", LOCAL),
        ("LDAPInvalidServerError LDAPInvalidPortError LDAPDefinitionError LDAPConfigurationParameterError LDAPKeyError", LOCAL),
        ("LDAPOperationResult LDAPExceptionError LDAPException", meaning(SERVER, Phase.ANSWER, rule="ldap", weight=Weight.VAGUE)),
    )
)  # fmt: skip


def _in_capitals(names: str) -> str:
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() for name in names.split())


_PYTHON_LDAP = table(
    (
        *((_in_capitals(names), row) for names, row in _LDAP_RESULTS),
        # `SERVER_DOWN` and `CONNECT_ERROR` are libldap's own; the first comes for a lost connection as well as for one that was never made.
        ("SERVER_DOWN", _OPEN_LOSS),
        ("CONNECT_ERROR", TLS),
        ("LOCAL_ERROR ENCODING_ERROR FILTER_ERROR PARAM_ERROR NOT_SUPPORTED AUTH_UNKNOWN", LOCAL),
        ("DECODING_ERROR", DECODING),
        ("NO_MEMORY", meaning(SERVER, Phase.FUNCTION, rule="local-memory", retryable=False, health=Health.NEUTRAL)),
    )
)

# --- NATS ---

_NATS = table(
    (
        ("NoServersError", CONNECT),
        ("AuthorizationError InvalidUserCredentialsError NKeysSetupError", SAID_AUTH),
        ("ConnectionClosedError StaleConnectionError UnexpectedEOF ConnectionDrainingError ConnectionReconnectingError", CLOSED),
        ("MaxPayloadError BadSubjectError BadSubscriptionError InvalidCallbackTypeError SecureConnRequiredError SecureConnWantedError", LOCAL),
        ("OutboundBufferLimitError SlowConsumerError", meaning(SAID_THROTTLED.category, Phase.LOCAL, rule="own-limit", health=Health.NEUTRAL)),
        ("TimeoutError FlushTimeoutError DrainTimeoutError FetchTimeoutError", READ_TIMEOUT),
        # A request that nobody listens to: the server says so at once.
        ("NoRespondersError", said(SERVER, "no-responders", outcome=Outcome.NOT_EXECUTED)),
        ("ProtocolError", PROTOCOL),
        ("NotFoundError KeyNotFoundError BucketNotFoundError KeyDeletedError MsgAlreadyAckdError KeyWrongLastSequenceError", SAID_STATE),
        ("BadRequestError", SAID_INVALID),
        ("ServiceUnavailableError ServerError NoStreamResponseError", SAID_SERVER),
    )
)  # fmt: skip

# --- DNS: nothing was sent to the service whose name is looked up ---

_DNS_SILENT = meaning(TIMEOUT, Phase.CONNECT, rule="name-timeout")
_DNS = table(
    (
        ("LifetimeTimeout Timeout", _DNS_SILENT),
        ("NXDOMAIN NoAnswer NoNameservers YXDOMAIN NotAbsolute NoRootSOA", NAME),
        ("NoResolverConfiguration NoMetaqueries", LOCAL),
        ("EmptyLabel LabelTooLong NameTooLong BadEscape BadLabelType", LOCAL),
        ("BadResponse UnexpectedSource FormError ShortHeader TrailingJunk", PROTOCOL),
    )
)

# --- Cassandra and Scylla ---

_CASSANDRA = table(
    (
        ("NoHostAvailable UnresolvableContactPoints", CONNECT),
        ("Unavailable UnavailableException", SAID_OVERLOADED),
        ("OverloadedErrorMessage IsBootstrappingErrorMessage", SAID_OVERLOADED),
        ("ReadTimeout WriteTimeout TruncateError", _SERVER_TIMEOUT),
        ("OperationTimedOut", READ_TIMEOUT),
        ("ReadFailure WriteFailure FunctionFailure CDCWriteFailure CoordinationFailure", SAID_SERVER),
        ("AuthenticationFailed Unauthorized", SAID_AUTH),
        ("AlreadyExists", SAID_STATE),
        (
            "InvalidRequest SyntaxException ConfigurationException UserFunctionDescriptor UnsupportedOperation",
            SAID_INVALID,
        ),
        ("RateLimitReached", SAID_THROTTLED),
        ("ConnectionShutdown ConnectionBusy ConnectionException", CLOSED),
        ("ProtocolException CrcMismatchException", PROTOCOL),
    )
)

# --- curl ---

_CURL_ROWS: tuple[tuple[str, ExceptionMeaning], ...] = (
    ("1 2 3 4 27 41 43 48 53 54 58 65 66 93", LOCAL),
    ("5 97", PROXY),
    ("6", NAME),
    ("7 45 99", CONNECT),
    ("8 61 84 92 95 16 101", PROTOCOL),
    ("35", TLS),
    ("51 60 77 80 82 83 90 91 98", CERTIFICATE),
    ("52 56 81 18 96", CLOSED),
    ("55", WRITE_LOST),
    ("28", READ_TIMEOUT),
    ("47", REDIRECTS),
    ("67 9 94", SAID_AUTH),
    ("63 78", SAID_INVALID),
    ("42", CANCELLED),
)
_CURL = MappingProxyType({number: row for numbers, row in _CURL_ROWS for number in numbers.split()})
_CURL_NUMBER = re.compile(r"\A\(?(?P<number>\d{1,3})[,)]|curl: \((?P<other>\d{1,3})\)")
_CURL_STATUS = re.compile(r"returned error: (?P<status>[1-5]\d\d)")
_CURL_CUT = re.compile(r"transfer closed|outstanding read data|bytes remaining", re.IGNORECASE)
_CURL_CONNECTING = re.compile(r"Connection timed? ?out|Connection timeout|Resolving timed out|connect", re.IGNORECASE)


def read_curl(message: str) -> ExceptionMeaning | None:
    """What curl says, by its number; a status that `--fail` made an error of counts for itself."""
    head = message[:_HEAD_MAX_CHARS]
    found = _CURL_NUMBER.search(head)
    number = (found["number"] or found["other"]) if found else ""
    if number == "22" and (status := _CURL_STATUS.search(head)):
        return by_status(int(status["status"]))
    if number == "18" or (number == "56" and _CURL_CUT.search(head)):
        return CUT
    if number == "28":
        return CONNECT_TIMEOUT if _CURL_CONNECTING.search(head) else READ_TIMEOUT
    if number == "35" and "reset" in head.lower():
        return TLS
    return _CURL.get(number) or read_system_words(head)


_PYCURL = table((("error", meaning(SERVER, Phase.READ, rule="curl", weight=Weight.VAGUE, by_words=read_curl)),))
_CURL_CFFI = table(
    (
        ("CurlError RequestsError RequestException", meaning(SERVER, Phase.READ, rule="curl", weight=Weight.VAGUE, by_words=read_curl)),
    )
)  # fmt: skip

# --- Vault ---

_VAULT = table(
    (
        ("Unauthorized Forbidden", SAID_AUTH),
        ("InvalidPath", SAID_STATE),
        ("InvalidRequest ParamValidationError UnexpectedError", SAID_INVALID),
        ("UnsupportedOperation", SAID_REMOVED),
        ("PreconditionFailed", SAID_STATE),
        ("RateLimitExceeded", SAID_THROTTLED),
        # Sealed, standby or not set up: Vault refuses before it works.
        ("VaultDown VaultNotInitialized", SAID_OVERLOADED),
        (
            "InternalServerError BadGateway VaultError",
            meaning(SERVER, Phase.ANSWER, rule="server", weight=Weight.VAGUE),
        ),
    )
)

# --- Salesforce ---

_SALESFORCE = table(
    (
        ("SalesforceExpiredSession", SAID_EXPIRED),
        ("SalesforceAuthenticationFailed SalesforceRefusedRequest", SAID_AUTH),
        ("SalesforceMalformedRequest SalesforceMoreThanOneRecord", SAID_INVALID),
        ("SalesforceResourceNotFound", SAID_STATE),
        ("SalesforceOperationError SalesforceBulkV2LoadError SalesforceBulkV2ExtractError", SAID_SERVER),
        ("SalesforceGeneralError SalesforceError", meaning(SERVER, Phase.ANSWER, rule="server", weight=Weight.VAGUE)),
    )
)

# --- Docker ---

_DOCKER = table(
    (
        ("NotFound ImageNotFound NullResource", SAID_STATE),
        ("BuildError ContainerError ImageLoadError StreamParseError", meaning(SERVER, Phase.ANSWER, rule="docker", retryable=False)),
        ("TLSParameterError InvalidVersion InvalidRepository InvalidConfigFile InvalidArgument ContextException MissingContextParameter", LOCAL),
        ("ContextNotFound ContextAlreadyExists", LOCAL),
        ("DockerException", _OPEN_LOSS),
    )
)  # fmt: skip

# --- Snowflake: a number of its own stands before the SQLSTATE ---

_LOGIN_OVER = said(EXPIRED, "login-over", retryable=False)
_SNOWFLAKE_ROWS: tuple[tuple[str, ExceptionMeaning], ...] = (
    ("390112 390110 390111 390115", said(EXPIRED, "session-expired")),
    ("390114 390195 390318", _LOGIN_OVER),
    (
        (
            "390100 390101 390102 390103 390104 390105 390106 390107 390108 390109 390113 390132 390144 390186 390189 390190 390192 390201 390303"
            " 250001 251001 251005 394300 394400 394304"
        ),
        SAID_AUTH,
    ),
    # The server says that it stopped: the statement is rolled back.
    ("000604 604 000607", said(CANCELLED.category, "cancelled", outcome=Outcome.NOT_EXECUTED)),
    ("000630 000603 630", said(TIMEOUT, "statement-timeout", outcome=Outcome.NOT_EXECUTED)),
    ("000625", SAID_BUSY),
    ("250003 250006 290404 290400 250002", meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE)),
    ("000606 000666", SAID_INVALID),
)
_SNOWFLAKE = MappingProxyType({number: row for numbers, row in _SNOWFLAKE_ROWS for number in numbers.split()})
_SNOWFLAKE_NUMBER = re.compile(r"\A(?P<number>\d{3,6})(?: \([0-9A-Z]{5}\))?:")


def read_snowflake(message: str) -> ExceptionMeaning | None:
    """What Snowflake's own number says; `None` where SQL's words are all there is."""
    found = _SNOWFLAKE_NUMBER.match(message[:_HEAD_MAX_CHARS])
    return _SNOWFLAKE.get(found["number"]) if found else None


# --- etcd, Consul, ZooKeeper ---

_ZOOKEEPER = table(
    (
        ("ConnectionLoss ConnectionClosedError ConnectionDropped SessionMovedError", CLOSED),
        ("SessionExpiredError", said(SAID_STATE.category, "session-over", retryable=False)),
        ("OperationTimeoutError", READ_TIMEOUT),
        ("NoNodeError NodeExistsError NotEmptyError BadVersionError NoChildrenForEphemeralsError RolledBackError", SAID_STATE),
        ("LockTimeout", SAID_BUSY),
        ("NoAuthError AuthFailedError InvalidACLError", SAID_AUTH),
        ("BadArgumentsError MarshallingError", LOCAL),
        ("UnimplementedError APIError", SAID_REMOVED),
        ("RuntimeInconsistency DataInconsistency SystemZookeeperError", SAID_SERVER),
    )
)  # fmt: skip
_CONSUL = table(
    (
        ("ACLDisabled ACLPermissionDenied", SAID_AUTH),
        ("NotFound", SAID_STATE),
        ("Timeout", READ_TIMEOUT),
        ("BadRequest ClientError", SAID_INVALID),
        ("ConsulException", meaning(SERVER, Phase.ANSWER, rule="server", weight=Weight.VAGUE)),
    )
)
_ETCD = table(
    (
        ("ConnectionFailedError", _OPEN_LOSS),
        ("ConnectionTimeoutError", READ_TIMEOUT),
        ("PreconditionFailedError", SAID_STATE),
        ("InternalServerError", SAID_SERVER),
    )
)

# --- Neo4j ---

_NEO4J_CODE = re.compile(r"\bNeo\.(?P<class>\w{1,40})\.\w{1,40}\.(?P<title>\w{1,60})")


def _read_neo4j(message: str) -> ExceptionMeaning | None:
    """Neo4j's status codes begin with whose mistake it is."""
    found = _NEO4J_CODE.search(message[:_HEAD_MAX_CHARS])
    if found is None:
        return None
    if found["title"] in {"TokenExpired", "AuthorizationExpired"}:
        return SAID_EXPIRED
    if found["title"] in {
        "Unauthorized",
        "Forbidden",
        "AuthenticationRateLimit",
        "CredentialsExpired",
        "ModifiedConcurrently",
    }:
        return SAID_AUTH
    return {"TransientError": SAID_BUSY, "ClientError": SAID_INVALID, "DatabaseError": SAID_SERVER}.get(found["class"])


_NEO4J_OTHER = meaning(SERVER, Phase.ANSWER, rule="neo4j", weight=Weight.VAGUE, by_words=_read_neo4j)
_NEO4J = table(
    (
        ("ServiceUnavailable SessionExpired WriteServiceUnavailable ReadServiceUnavailable RoutingServiceUnavailable IncompleteCommit", _OPEN_LOSS),
        ("AuthError Forbidden AuthConfigurationError CertificateConfigurationError", SAID_AUTH),
        ("TokenExpired TokenExpiredRetryable", SAID_EXPIRED),
        ("ConstraintError", SAID_STATE),
        ("NotALeader ForbiddenOnReadOnlyDatabase DatabaseUnavailable", said(SERVER, "not-leader", outcome=Outcome.NOT_EXECUTED)),
        ("CypherSyntaxError CypherTypeError ConfigurationError ResultError ResultNotSingleError TransactionError SessionError", SAID_INVALID),
        ("TransientError ClientError DatabaseError Neo4jError", _NEO4J_OTHER),
    )
)  # fmt: skip

# --- ClickHouse: a number before `DB::Exception`; one that is not listed is about the statement ---

_CLICKHOUSE_ROWS: tuple[tuple[str, ExceptionMeaning], ...] = (
    ("159 160", said(TIMEOUT, "statement-timeout", outcome=Outcome.UNKNOWN)),
    ("209", READ_TIMEOUT),
    ("210", _OPEN_LOSS),
    ("202 252 439", said(SAID_THROTTLED.category, "throttled")),
    ("201", said(SAID_THROTTLED.category, "quota")),
    ("241 243", SAID_FULL),
    ("192 193 194 195 497 516 291", SAID_AUTH),
    ("57 82", SAID_STATE),
    ("242 319 999 279 1001 1002", SAID_SERVER),
    ("394", said(CANCELLED.category, "cancelled", outcome=Outcome.NOT_EXECUTED)),
)
_CLICKHOUSE_NUMBERS = MappingProxyType({number: row for numbers, row in _CLICKHOUSE_ROWS for number in numbers.split()})
_CLICKHOUSE_CODE = re.compile(r"\b[Cc]ode:? (?P<number>\d{1,4})\b")


def _read_clickhouse(message: str) -> ExceptionMeaning | None:
    spoken = read_system_words(message)
    if spoken is not None and spoken.outcome is Outcome.NOT_EXECUTED:
        return spoken
    if "DB::" not in message[:_HEAD_MAX_CHARS]:
        return spoken
    numbers = [found["number"] for found in _CLICKHOUSE_CODE.finditer(message[:_HEAD_MAX_CHARS])]
    return _CLICKHOUSE_NUMBERS.get(numbers[-1], SAID_INVALID) if numbers else spoken


_CLICKHOUSE_OTHER = meaning(SERVER, Phase.ANSWER, rule="clickhouse", weight=Weight.VAGUE, by_words=_read_clickhouse)
_CLICKHOUSE = table(
    (
        ("ServerException DatabaseError ProgrammingError OperationalError Error", _CLICKHOUSE_OTHER),
        ("NetworkError InterfaceError", meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=_read_clickhouse)),
        ("SocketTimeoutError", READ_TIMEOUT),
        ("DataError TypeMismatchError UnknownTypeError StreamClosedError", LOCAL),
    )
)  # fmt: skip

LIBRARIES = {
    "neo4j": _NEO4J,
    "clickhouse_driver": _CLICKHOUSE,
    "clickhouse_connect": _CLICKHOUSE,
    "ldap3": _LDAP3,
    "ldap": _PYTHON_LDAP,
    "nats": _NATS,
    "dns": _DNS,
    "cassandra": _CASSANDRA,
    "acsylla": _CASSANDRA,
    "pycurl": _PYCURL,
    "curl_cffi": _CURL_CFFI,
    "hvac": _VAULT,
    "simple_salesforce": _SALESFORCE,
    "docker": _DOCKER,
    "kazoo": _ZOOKEEPER,
    "consul": _CONSUL,
    "etcd3": _ETCD,
}
