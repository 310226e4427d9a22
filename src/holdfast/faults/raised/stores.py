"""Exceptions of stores and queues: Redis and Valkey, MongoDB, Elasticsearch and OpenSearch, Kafka, AMQP, memcached.

Redis begins an error with a word in capitals (`LOADING`, `OOM`); MongoDB's numbers are those of its `error_codes.yml`; AMQP's reply codes those of
AMQP 0-9-1 §1.7.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    BURST,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    EXPIRED,
    INVALID,
    LOCAL,
    NO_CREDENTIAL,
    POOL_TIMEOUT,
    PROGRAM,
    PROTOCOL,
    READ_TIMEOUT,
    REFUSED,
    SAID_AUTH,
    SAID_BUSY,
    SAID_FULL,
    SAID_INVALID,
    SAID_OVERLOADED,
    SAID_REMOVED,
    SAID_SERVER,
    SAID_STATE,
    SAID_THROTTLED,
    SERVER,
    STATE,
    TIMEOUT,
    ExceptionMeaning,
    Weight,
    meaning,
    said,
    table,
)
from holdfast.faults.raised.statuses import by_status
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Health, Outcome

# --- Redis and Valkey ---

_ELSEWHERE = said(SERVER, "redis-failover", outcome=Outcome.NOT_EXECUTED)
_STARTING = said(SERVER, "redis-loading", outcome=Outcome.NOT_EXECUTED)
_REDIS_WORDS = MappingProxyType(
    {
        word: found
        for words, found in (
            ("LOADING", _STARTING),
            ("BUSY TRYAGAIN INPROG", SAID_BUSY),
            ("MOVED ASK CLUSTERDOWN MASTERDOWN NOREPLICAS", _ELSEWHERE),
            ("READONLY", _ELSEWHERE),
            ("OOM MISCONF", SAID_FULL),
            ("NOAUTH WRONGPASS NOPERM DENIED", SAID_AUTH),
            ("NOSCRIPT BUSYGROUP BUSYKEY NOGROUP UNBLOCKED NOTBUSY", SAID_STATE),
            ("EXECABORT WRONGTYPE CROSSSLOT SYNTAX", SAID_INVALID),
            ("UNKILLABLE", SAID_STATE),
        )
        for word in words.split()
    }
)
_FIRST_WORD = re.compile(r"\A\s{0,3}(?:-|Redis error: )?([A-Z]{3,20})\b")
_CLIENTS = re.compile(r"max number of clients", re.IGNORECASE)
_CONNECTING = re.compile(
    r"Error -?\d{0,5} ?connecting to|Error connecting to|Timeout connecting|while connecting", re.IGNORECASE
)
_WHILE = re.compile(r"while (?:reading|writing)|reading from|writing to", re.IGNORECASE)
_PASSWORD = re.compile(
    r"invalid password|invalid username-password|authentication required|AUTH .{0,40}called without", re.IGNORECASE
)
_POOL = re.compile(r"No connection available|Too many connections", re.IGNORECASE)


def read_redis_words(message: str) -> ExceptionMeaning | None:
    """What an error of Redis says by its first word, which is its code."""
    if _CLIENTS.search(message):
        return SAID_THROTTLED
    if _PASSWORD.search(message):
        return SAID_AUTH
    word = _FIRST_WORD.match(message)
    return _REDIS_WORDS.get(word[1]) if word else None


def _read_redis_loss(message: str) -> ExceptionMeaning | None:
    known = read_redis_words(message)
    if known is not None:
        return known
    if _POOL.search(message):
        return POOL_TIMEOUT
    words = read_system_words(message)
    if _CONNECTING.search(message) and (words is None or words.outcome is not Outcome.NOT_EXECUTED):
        return CONNECT_TIMEOUT if words is not None and words.category is TIMEOUT else CONNECT
    if _WHILE.search(message):
        return CLOSED if words is None else words
    return words


def _read_redis_timeout(message: str) -> ExceptionMeaning | None:
    return CONNECT_TIMEOUT if _CONNECTING.search(message) else None


_REDIS = table(
    (
        (
            "ConnectionError",
            meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=_read_redis_loss),
        ),
        ("TimeoutError", meaning(TIMEOUT, Phase.READ, rule="timeout", by_words=_read_redis_timeout)),
        (
            "AuthenticationError AuthorizationError NoPermissionError AuthenticationWrongNumberOfArgsError ExternalAuthProviderError",
            SAID_AUTH,
        ),
        ("BusyLoadingError", _STARTING),
        ("ResponseError", meaning(INVALID, Phase.ANSWER, rule="redis", by_words=read_redis_words)),
        # The ancestor of them all, losses of a connection included: it says nothing by itself.
        ("RedisError", meaning(SERVER, Phase.READ, rule="redis", weight=Weight.VAGUE, by_words=read_redis_words)),
        ("InvalidResponse", PROTOCOL),
        ("DataError InvalidPipelineStack ChildDeadlockedError", LOCAL),
        ("ExecAbortError ModuleError ClusterCrossSlotError CrossSlotTransactionError", SAID_INVALID),
        ("WatchError", said(STATE, "redis-watch", retryable=True)),
        ("LockError", said(STATE, "redis-lock", retryable=True)),
        # Held once and lost: nobody waits for it any more.
        ("LockNotOwnedError", said(STATE, "redis-lock-lost")),
        ("NoScriptError NoSuchFieldsetError", SAID_STATE),
        ("OutOfMemoryError", SAID_FULL),
        (
            "ReadOnlyError MovedError AskError ClusterDownError MasterDownError SlotNotCoveredError ClusterError",
            _ELSEWHERE,
        ),
        ("TryAgainError", SAID_BUSY),
        ("MaxConnectionsError", POOL_TIMEOUT),
        ("RedisClusterException", meaning(REFUSED, Phase.CONNECT, rule="redis-cluster", by_words=read_system_words)),
        ("PubSubError", PROGRAM),
    )
)

# --- MongoDB ---

_MONGO = MappingProxyType(
    {
        number: found
        for numbers, found in (
            ("11000 11001 12582 48 68 85 86", SAID_STATE),
            ("112 24 46 251 225 244 246", SAID_BUSY),
            ("50 262 202", said(TIMEOUT, "statement-timeout", outcome=Outcome.UNKNOWN)),
            ("13 18 8000 33 391", SAID_AUTH),
            (
                "6 7 89 9001 91 189 10107 11600 11602 13435 13436",
                said(SERVER, "mongo-failover", outcome=Outcome.UNKNOWN),
            ),
            ("1 8 96 237 279 11601", said(SERVER, "mongo-server", outcome=Outcome.UNKNOWN)),
            ("64 100", said(SERVER, "mongo-write-concern", outcome=Outcome.UNKNOWN)),
            ("16500 462", SAID_THROTTLED),
            ("14031 146", SAID_FULL),
            ("59", SAID_REMOVED),
            ("43 20 133 134 211 150 63", SAID_STATE),
            ("121 2 9 14 26 72 73 66 16755 17280", SAID_INVALID),
        )
        for number in numbers.split()
    }
)
_MONGO_CODE = re.compile(r"['\"]?code['\"]?: (\d{1,5})\b")


def read_mongo_number(number: str) -> ExceptionMeaning | None:
    """What an error code of MongoDB means."""
    return _MONGO.get(number)


def _read_mongo(message: str) -> ExceptionMeaning | None:
    found = _MONGO_CODE.search(message)
    return _MONGO.get(found[1]) if found else None


def _read_selection(message: str) -> ExceptionMeaning | None:
    """A server that could not be chosen: what stood in the way is in the text, and nothing was sent."""
    found = read_system_words(message)
    return found if found is not None and found.outcome is Outcome.NOT_EXECUTED else None


_PYMONGO = table(
    (
        (
            "ServerSelectionTimeoutError",
            meaning(TIMEOUT, Phase.CONNECT, rule="server-selection", by_words=_read_selection),
        ),
        ("NetworkTimeout", READ_TIMEOUT),
        ("WaitQueueTimeoutError", POOL_TIMEOUT),
        ("ExecutionTimeout WTimeoutError", said(TIMEOUT, "statement-timeout", outcome=Outcome.UNKNOWN)),
        (
            "AutoReconnect ConnectionFailure",
            meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=read_system_words),
        ),
        ("NotPrimaryError NotMasterError", said(SERVER, "mongo-failover", outcome=Outcome.UNKNOWN)),
        ("DuplicateKeyError CollectionInvalid CursorNotFound", SAID_STATE),
        ("OperationFailure WriteError", meaning(INVALID, Phase.ANSWER, rule="mongo", by_words=_read_mongo)),
        (
            "BulkWriteError ClientBulkWriteException",
            meaning(INVALID, Phase.ANSWER, rule="mongo-bulk", outcome=Outcome.UNKNOWN),
        ),
        ("WriteConcernError", said(SERVER, "mongo-write-concern", outcome=Outcome.UNKNOWN)),
        (
            "ConfigurationError InvalidURI InvalidOperation InvalidName DocumentTooLarge InvalidDocument EncryptionError",
            LOCAL,
        ),
        ("ProtocolError", PROTOCOL),
        ("_OperationCancelled", CLOSED),
    )
)

# --- Elasticsearch and OpenSearch ---

_STATUS_FIRST = re.compile(r"\(\s?(\d{3}),")


def _read_search(message: str) -> ExceptionMeaning | None:
    found = _STATUS_FIRST.search(message[:200])
    return by_status(int(found[1])) if found else None


_CREATED = said(STATE, "own-id-exists", outcome=Outcome.EXECUTED)


def _read_conflict(message: str) -> ExceptionMeaning | None:
    """A document that exists has the id that we chose for it; another version of it is somebody else's change."""
    return _CREATED if "document already exists" in message[:2_000] else None


_SEARCH = table(
    (
        (
            "ConnectionError",
            meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=read_system_words),
        ),
        ("ConnectionTimeout", READ_TIMEOUT),
        ("TlsError SSLError", meaning(REFUSED, Phase.TLS, rule="tls", by_words=read_system_words)),
        ("AuthenticationException AuthorizationException", SAID_AUTH),
        ("NotFoundError", SAID_STATE),
        ("ConflictError", meaning(STATE, Phase.ANSWER, rule="state", by_words=_read_conflict)),
        ("BadRequestError RequestError", SAID_INVALID),
        (
            "ApiError TransportError",
            meaning(SERVER, Phase.ANSWER, rule="search", weight=Weight.VAGUE, by_words=_read_search),
        ),
        ("SerializationError", PROTOCOL),
        ("UnsupportedProductError ImproperlyConfigured", LOCAL),
    )
)

# --- Kafka ---

_KAFKA_ACK = said(SERVER, "kafka-acknowledgement", outcome=Outcome.UNKNOWN)
_KAFKA_ROUTE = said(SERVER, "kafka-metadata", outcome=Outcome.NOT_EXECUTED)
_KAFKA_FIRST = re.compile(r"bootstrap|unable to connect|could not connect|connect(?:ion)? attempt|DNS", re.IGNORECASE)


def _read_kafka_connection(message: str) -> ExceptionMeaning | None:
    found = read_system_words(message)
    return CONNECT if found is None and _KAFKA_FIRST.search(message) else found


_KAFKA = table(
    (
        ("NoBrokersAvailable NodeNotReadyError UnableToBootstrap BootstrapError MetadataEmptyBrokerList", CONNECT),
        # Of connections in use as well: what was on its way when one broke ends with it.
        ("KafkaConnectionError", meaning(REFUSED, Phase.READ, rule="connection", by_words=_read_kafka_connection)),
        (
            "KafkaTimeoutError RequestTimedOutError",
            meaning(TIMEOUT, Phase.READ, rule="timeout"),
        ),
        ("NetworkExceptionError", CLOSED),
        (
            "TopicAuthorizationFailedError GroupAuthorizationFailedError ClusterAuthorizationFailedError AuthorizationError",
            SAID_AUTH,
        ),
        (
            "TransactionalIdAuthorizationFailedError SaslAuthenticationFailedError UnsupportedSaslMechanismError AuthenticationFailedError",
            SAID_AUTH,
        ),
        ("AuthenticationMethodNotSupported DelegationTokenAuthorizationFailedError SaslAuthenticationError", SAID_AUTH),
        ("DelegationTokenExpiredError", said(EXPIRED, "expired")),
        ("ThrottlingQuotaExceededError QuotaViolationError TooManyInFlightRequests", SAID_THROTTLED),
        (
            (
                "LeaderNotAvailableError NotLeaderForPartitionError NotLeaderOrFollowerError NotControllerError BrokerNotAvailableError"
                " ReplicaNotAvailableError StaleMetadata CoordinatorLoadInProgressError CoordinatorNotAvailableError NotCoordinatorError"
                " NotCoordinatorForGroupError NotEnoughReplicasError FencedLeaderEpochError UnknownLeaderEpochError"
            ),
            _KAFKA_ROUTE,
        ),
        (
            (
                "RebalanceInProgressError IllegalGenerationError UnknownMemberIdError CommitFailedError"
                " ConcurrentTransactions ConcurrentTransactionsError"
            ),
            said(STATE, "kafka-rebalance", retryable=True),
        ),
        (
            "OffsetOutOfRangeError OutOfOrderSequenceNumberError ProducerFencedError ProducerFenced",
            SAID_STATE,
        ),
        (
            "InvalidProducerEpochError InvalidTxnStateError TopicAlreadyExistsError NonEmptyGroupError FencedInstanceIdError",
            SAID_STATE,
        ),
        (
            (
                "MessageSizeTooLargeError RecordListTooLargeError RecordTooLargeError InvalidTopicError"
                " UnknownTopicOrPartitionError InvalidRequestError"
                " InvalidRequiredAcksError UnsupportedVersionError InvalidPartitionsError PolicyViolationError InvalidRecordError"
            ),
            SAID_INVALID,
        ),
        (
            "KafkaConfigurationError UnsupportedCodecError IllegalStateError IllegalArgumentError QuotaExceeded KafkaUnavailableError",
            LOCAL,
        ),
        ("CorruptRecordError CorruptRecordException CorrelationIdError KafkaProtocolError ChecksumError", PROTOCOL),
        # The broker has the record already: an earlier attempt of the same producer wrote it.
        ("DuplicateSequenceNumberError", said(STATE, "kafka-written", outcome=Outcome.EXECUTED)),
        ("UnknownError KafkaError BrokerResponseError KafkaStorageError", _KAFKA_ACK),
        # Written already, and not copied: it may be there twice after a repeat.
        ("NotEnoughReplicasAfterAppendError", said(SERVER, "kafka-replicas", outcome=Outcome.UNKNOWN)),
        ("RetriableError", _KAFKA_ACK),
        ("BufferError", SAID_THROTTLED),
    )
)
_LIBRDKAFKA_CODE = re.compile(r"code=(_?[A-Z][A-Z_]{2,50})")
_LIBRDKAFKA = MappingProxyType(
    {
        "_ALL_BROKERS_DOWN": CONNECT,
        "_TRANSPORT": CLOSED,
        "_RESOLVE": CONNECT,
        "_AUTHENTICATION": SAID_AUTH,
        "_TIMED_OUT": meaning(TIMEOUT, Phase.READ, rule="timeout"),
        "_MSG_TIMED_OUT": meaning(TIMEOUT, Phase.READ, rule="timeout"),
        "_QUEUE_FULL": meaning(BURST, Phase.LOCAL, rule="queue-full", health=Health.NEUTRAL),
        "_INVALID_ARG": LOCAL,
        "TOPIC_AUTHORIZATION_FAILED": SAID_AUTH,
        "SASL_AUTHENTICATION_FAILED": SAID_AUTH,
        "MSG_SIZE_TOO_LARGE": SAID_INVALID,
        "UNKNOWN_TOPIC_OR_PART": SAID_INVALID,
        "REQUEST_TIMED_OUT": meaning(TIMEOUT, Phase.READ, rule="timeout"),
    }
)


def _read_librdkafka(message: str) -> ExceptionMeaning | None:
    found = _LIBRDKAFKA_CODE.search(message[:500])
    return _LIBRDKAFKA.get(found[1]) if found else None


_CONFLUENT = table(
    (
        (
            "KafkaException KafkaError ProduceError ConsumeError",
            meaning(SERVER, Phase.ANSWER, rule="kafka", by_words=_read_librdkafka),
        ),
    )
)

# --- AMQP ---

_REPLIES = MappingProxyType(
    {
        "320": CLOSED,
        "311": SAID_INVALID,
        "312": SAID_INVALID,
        "313": SAID_STATE,
        "402": SAID_INVALID,
        "403": SAID_AUTH,
        "404": SAID_INVALID,
        "405": SAID_BUSY,
        "406": SAID_STATE,
        "501": PROTOCOL,
        "502": PROTOCOL,
        "503": SAID_INVALID,
        "504": SAID_STATE,
        "505": PROTOCOL,
        "506": SAID_OVERLOADED,
        "530": SAID_AUTH,
        "540": SAID_REMOVED,
        "541": SAID_SERVER,
    }
)
_REPLY = re.compile(
    r"\A\(?\s?(?P<code>\d{3})[,)]|reply_code=(?P<named>\d{3})|\bcode=(?P<third>\d{3})|\A[\w. ]{0,60}: \((?P<fourth>\d{3})\)"
)


def _read_amqp(message: str) -> ExceptionMeaning | None:
    found = _REPLY.search(message[:300])
    code = next((group for group in found.groups() if group), "") if found else ""
    return _REPLIES.get(code)


_AMQP = table(
    (
        (
            "AMQPConnectionError ConnectionOpenAborted",
            meaning(REFUSED, Phase.CONNECT, rule="connect", by_words=read_system_words),
        ),
        ("ProbableAuthenticationError ProbableAccessDeniedError AuthenticationError", NO_CREDENTIAL),
        ("StreamLostError AMQPHeartbeatTimeout ConnectionClosed ConnectionClosedByClient ConnectionResetError", CLOSED),
        (
            "ConnectionClosedByBroker ChannelClosedByBroker ChannelClosed",
            meaning(REFUSED, Phase.READ, rule="closed", by_words=_read_amqp),
        ),
        ("ConnectionBlockedTimeout", meaning(TIMEOUT, Phase.WRITE, rule="blocked")),
        (
            "ChannelWrongStateError ConnectionWrongStateError ChannelInvalidStateError ConnectionNotReadyError",
            meaning(REFUSED, Phase.LOCAL, rule="closed"),
        ),
        ("NoFreeChannels", SAID_THROTTLED),
        ("UnroutableError PublishError", SAID_INVALID),
        ("NackError DeliveryError", SAID_SERVER),
        ("ChannelNotFoundEntity NotFound ChannelPreconditionFailed PreconditionFailed", SAID_STATE),
        ("ChannelAccessRefused AccessRefused NotAllowed", SAID_AUTH),
        ("ResourceLocked ChannelLockedResource", SAID_BUSY),
        (
            "IncompatibleProtocolError ProtocolSyntaxError UnexpectedFrameError ProtocolVersionMismatch InvalidFrameError",
            PROTOCOL,
        ),
        (
            "BodyTooLongError InvalidChannelNumber ShortStringTooLong InvalidFieldTypeException UnsupportedAMQPFieldException",
            LOCAL,
        ),
        ("DuplicateConsumerTag ConsumerCancelled", SAID_STATE),
        (
            "AMQPError AMQPChannelError ChannelError",
            meaning(SERVER, Phase.READ, rule="amqp", weight=Weight.VAGUE, by_words=_read_amqp),
        ),
        (
            "OperationalError RecoverableConnectionError ConnectionForced ConnectionError",
            meaning(REFUSED, Phase.READ, rule="connection", weight=Weight.VAGUE, by_words=read_system_words),
        ),
    )
)
_MEMCACHED = table(
    (
        ("MemcacheServerError", SAID_SERVER),
        ("MemcacheClientError MemcacheIllegalInputError", meaning(INVALID, Phase.LOCAL, rule="bad-request")),
        ("MemcacheUnexpectedCloseError", CLOSED),
        ("MemcacheUnknownError MemcacheUnknownCommandError", PROTOCOL),
    )
)

LIBRARIES = {
    "redis": _REDIS,
    "valkey": _REDIS,
    "aioredis": _REDIS,
    "pymongo": _PYMONGO,
    "motor": _PYMONGO,
    "elasticsearch": _SEARCH,
    "elastic_transport": _SEARCH,
    "opensearchpy": _SEARCH,
    "kafka": _KAFKA,
    "aiokafka": _KAFKA,
    "confluent_kafka": _CONFLUENT,
    "pika": _AMQP,
    "aiormq": _AMQP,
    "amqp": _AMQP,
    "kombu": _AMQP,
    "aio_pika": _AMQP,
    "pymemcache": _MEMCACHED,
}
