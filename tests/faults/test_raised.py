"""What the exceptions of libraries mean, by their names and texts alone."""

from __future__ import annotations

import importlib
import inspect

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.packs.aws import CODES
from holdfast.faults.raised.amazon import read_aws_code
from holdfast.faults.raised.names import EVERYWHERE, LIBRARIES, look_up
from holdfast.faults.taxonomy import ErrorCategory
from tests.faults.samples import raised

REFUSED, TIMEOUT, MALFORMED, INVALID = (
    "network_connection_refused",
    "network_timeout",
    "api_response_malformed",
    "validation_failed",
)
STATE, AUTH, EXPIRED, BURST, DAILY = (
    "state_inconsistent",
    "auth_invalid",
    "auth_expired",
    "rate_limit_burst",
    "rate_limit_daily",
)
SERVER, REMOVED, CANCEL = "api_unexpected_status", "api_endpoint_removed", "user_cancelled"
NOT, UNKNOWN, EXECUTED = "not_executed", "unknown", "executed"


def rpc(code: str, details: str) -> tuple[str, str]:
    """An error of gRPC as its text has it."""
    text = f'<_InactiveRpcError of RPC:\n\tstatus = StatusCode.{code}\n\tdetails = "{details}"\n\tdebug_error_string = "x"\n>'
    return "grpc._channel._InactiveRpcError", text


def aws(code: str, words: str = "x") -> tuple[str, str]:
    """An error of an AWS service as botocore words it."""
    return "botocore.exceptions.ClientError", f"An error occurred ({code}) when calling the GetItem operation: {words}"


def pg(name: str, words: str = "x") -> tuple[str, str]:
    """A class of psycopg's errors."""
    return f"psycopg.errors.{name}", words


LIBPQ = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '

CASES: list[tuple[tuple[str, ...], str, bool, str]] = [
    # gRPC: all seventeen codes, and what the details add
    (rpc("UNAVAILABLE", "failed to connect to all addresses; last error: Connection refused"), REFUSED, True, NOT),
    (
        rpc("UNAVAILABLE", "failed to connect to all addresses; last error: Timeout occurred: FD shutdown"),
        TIMEOUT,
        True,
        NOT,
    ),
    (rpc("UNAVAILABLE", "failed to connect to all addresses; Ssl handshake failed"), REFUSED, True, NOT),
    (rpc("UNAVAILABLE", "Ssl handshake failed: CERTIFICATE_VERIFY_FAILED"), REFUSED, False, NOT),
    (rpc("UNAVAILABLE", "DNS resolution failed for x.invalid"), REFUSED, True, NOT),
    (rpc("UNAVAILABLE", "Socket closed"), REFUSED, True, UNKNOWN),
    (rpc("UNAVAILABLE", "The service is currently unavailable."), SERVER, True, UNKNOWN),
    (rpc("UNAVAILABLE", "The model is overloaded"), SERVER, True, NOT),
    (rpc("DEADLINE_EXCEEDED", "Deadline Exceeded"), TIMEOUT, True, UNKNOWN),
    (rpc("CANCELLED", "Locally cancelled by application!"), CANCEL, False, UNKNOWN),
    (rpc("UNKNOWN", "Exception calling application: boom"), SERVER, True, UNKNOWN),
    (rpc("UNKNOWN", "Stream removed"), REFUSED, True, UNKNOWN),
    (rpc("INVALID_ARGUMENT", "timeout must be positive"), INVALID, False, NOT),
    (rpc("NOT_FOUND", "x"), STATE, False, NOT),
    (rpc("ALREADY_EXISTS", "x"), STATE, False, NOT),
    (rpc("PERMISSION_DENIED", "x"), AUTH, False, NOT),
    (rpc("PERMISSION_DENIED", "rateLimitExceeded"), BURST, True, NOT),
    (rpc("RESOURCE_EXHAUSTED", "Quota exceeded, requests per minute"), BURST, True, NOT),
    (rpc("RESOURCE_EXHAUSTED", "Quota exceeded for quota metric, limit per day"), DAILY, True, NOT),
    (rpc("RESOURCE_EXHAUSTED", "Received message larger than max (5 vs. 4)"), INVALID, False, UNKNOWN),
    (rpc("RESOURCE_EXHAUSTED", "Sent message larger than max (5 vs. 4)"), INVALID, False, NOT),
    (rpc("RESOURCE_EXHAUSTED", "no space on disk"), SERVER, False, NOT),
    (rpc("FAILED_PRECONDITION", "an index is needed"), STATE, False, NOT),
    (rpc("FAILED_PRECONDITION", "the operation is in progress"), STATE, True, NOT),
    (rpc("ABORTED", "transaction contention"), STATE, True, NOT),
    (rpc("OUT_OF_RANGE", "x"), INVALID, False, NOT),
    (rpc("UNIMPLEMENTED", "Method not found!"), REMOVED, False, NOT),
    (rpc("INTERNAL", "x"), SERVER, True, UNKNOWN),
    (rpc("INTERNAL", "Received RST_STREAM with error code 2"), REFUSED, True, UNKNOWN),
    (rpc("INTERNAL", "Exception deserializing response!"), MALFORMED, True, UNKNOWN),
    (rpc("INTERNAL", "Exception serializing request!"), INVALID, False, NOT),
    (rpc("DATA_LOSS", "x"), SERVER, True, UNKNOWN),
    (
        rpc("UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token"),
        EXPIRED,
        True,
        NOT,
    ),
    (rpc("UNAUTHENTICATED", "The token has expired"), EXPIRED, True, NOT),
    (rpc("UNAUTHENTICATED", "API key expired"), AUTH, False, NOT),
    (rpc("UNAUTHENTICATED", "invalid authentication credentials: unknown token"), AUTH, False, NOT),
    (rpc("UNAUTHENTICATED", "who are you?"), AUTH, False, NOT),
    (("grpc.RpcError", "nothing is known"), SERVER, True, UNKNOWN),
    (("grpc.aio._call.AioRpcError", "status = StatusCode.ABORTED"), STATE, True, NOT),
    (("google.api_core.exceptions.ServiceUnavailable", "503 failed to connect to all addresses"), REFUSED, True, NOT),
    (("google.api_core.exceptions.NotFound", "404 x"), STATE, False, NOT),
    (
        ("google.api_core.exceptions.RetryError", "Timeout of 60.0s exceeded, last exception: 503 x"),
        SERVER,
        True,
        UNKNOWN,
    ),
    (("google.api_core.exceptions.RetryError", "Timeout of 60.0s exceeded"), TIMEOUT, True, UNKNOWN),
    (("google.auth.exceptions.RefreshError", "('invalid_grant: expired or revoked', {})"), AUTH, False, NOT),
    # AWS
    (aws("ExpiredTokenException"), EXPIRED, True, NOT),
    (aws("ThrottlingException"), BURST, True, NOT),
    (aws("Throttling", "Daily message quota exceeded"), DAILY, True, NOT),
    (aws("LimitExceededException", "too many simultaneous operations"), BURST, True, NOT),
    (aws("LimitExceededException", "Cannot exceed quota for RolesPerAccount"), INVALID, False, NOT),
    (aws("ConditionalCheckFailedException"), STATE, False, NOT),
    (aws("TransactionCanceledException", "reasons [TransactionConflict]"), STATE, True, NOT),
    (aws("TransactionCanceledException", "reasons [ConditionalCheckFailed]"), STATE, False, NOT),
    (aws("404", "Not Found"), STATE, False, NOT),
    (aws("503", "x"), SERVER, True, UNKNOWN),
    (aws("301", "Moved"), SERVER, False, UNKNOWN),
    (aws("418", "x"), INVALID, False, NOT),
    (aws("100", "x"), SERVER, True, UNKNOWN),
    (aws("AWS.SimpleQueueService.NonExistentQueue"), INVALID, False, NOT),
    (aws("Client.UnauthorizedOperation"), AUTH, False, NOT),
    (aws("com.amazonaws#AccessDeniedException"), SERVER, True, UNKNOWN),
    (aws("RequestTimeout"), TIMEOUT, True, NOT),
    (aws("FancyThrottledException"), BURST, True, NOT),
    (aws("FancyAlreadyExistsFault"), STATE, False, NOT),
    (aws("FancyNotFoundFault"), INVALID, False, NOT),
    (aws("Unheard"), SERVER, True, UNKNOWN),
    (("botocore.exceptions.ClientError", "no form at all"), SERVER, True, UNKNOWN),
    (
        (
            "botocore.exceptions.ClientError",
            "An error occurred (SlowDown) when calling the Put operation" + " x" * 40 + ":",
        ),
        SERVER,
        True,
        UNKNOWN,
    ),
    (
        ("botocore.errorfactory.NoSuchKey", "An error occurred (NoSuchKey) when calling the GetObject operation: x"),
        STATE,
        False,
        NOT,
    ),
    (("botocore.exceptions.WaiterError", "Waiter X failed: Max attempts exceeded"), TIMEOUT, True, UNKNOWN),
    (("botocore.exceptions.WaiterError", "Waiter X failed: terminal failure"), STATE, False, UNKNOWN),
    (
        (
            "botocore.exceptions.WaiterError",
            "Waiter failed: An error occurred (AccessDenied) when calling the X operation: no",
        ),
        AUTH,
        False,
        NOT,
    ),
    (("botocore.exceptions.ConnectTimeoutError", "x"), TIMEOUT, True, NOT),
    (("botocore.exceptions.ReadTimeoutError", "x"), TIMEOUT, True, UNKNOWN),
    (("botocore.exceptions.UnauthorizedSSOTokenError", "x"), AUTH, False, NOT),
    (("botocore.exceptions.TokenRetrievalError", "x"), AUTH, False, NOT),
    (("botocore.exceptions.HTTPClientError", "x: [Errno 104] Connection reset by peer"), REFUSED, True, UNKNOWN),
    # PostgreSQL
    (pg("SerializationFailure"), STATE, True, NOT),
    (pg("LockNotAvailable"), STATE, True, NOT),
    (pg("ForeignKeyViolation"), INVALID, False, NOT),
    (pg("ExclusionViolation"), STATE, False, NOT),
    (pg("InsufficientPrivilege"), AUTH, False, NOT),
    (pg("TooManyConnections"), BURST, True, NOT),
    (pg("DiskFull"), SERVER, False, NOT),
    (pg("CannotConnectNow"), REFUSED, True, NOT),
    (pg("AdminShutdown"), REFUSED, True, UNKNOWN),
    (pg("StatementCompletionUnknown"), SERVER, True, UNKNOWN),
    (pg("InFailedSqlTransaction"), STATE, False, NOT),
    (pg("TransactionTimeout"), TIMEOUT, True, NOT),
    (pg("IdleInTransactionSessionTimeout"), TIMEOUT, True, NOT),
    (pg("QueryCanceled", "canceling statement due to conflict with recovery"), STATE, True, NOT),
    (pg("QueryCanceled", "canceling statement due to lock timeout"), STATE, True, NOT),
    (pg("QueryCanceled", "x"), CANCEL, False, NOT),
    (
        ("asyncpg.exceptions.ConnectionDoesNotExistError", "connection was closed in the middle of operation"),
        REFUSED,
        True,
        UNKNOWN,
    ),
    (("asyncpg.exceptions._base.InterfaceError", "another operation is in progress"), INVALID, False, NOT),
    (("psycopg.OperationalError", LIBPQ + "FATAL:  sorry, too many clients already"), BURST, True, NOT),
    (("psycopg.OperationalError", LIBPQ + "FATAL:  the database system is starting up"), REFUSED, True, NOT),
    (("psycopg.OperationalError", LIBPQ + 'FATAL:  database "x" does not exist'), INVALID, False, NOT),
    (("psycopg.OperationalError", LIBPQ + "SSL error: certificate verify failed"), REFUSED, False, NOT),
    (("psycopg.OperationalError", LIBPQ + "server closed the connection unexpectedly"), REFUSED, True, NOT),
    (("psycopg.OperationalError", LIBPQ + "something new"), REFUSED, True, NOT),
    (("psycopg.OperationalError", "server closed the connection unexpectedly"), REFUSED, True, UNKNOWN),
    (("psycopg.OperationalError", "the connection is closed"), REFUSED, True, NOT),
    (("psycopg.OperationalError", "something new"), REFUSED, True, UNKNOWN),
    # other databases
    (("sqlalchemy.exc.IntegrityError", "(psycopg.errors.UniqueViolation) x"), STATE, False, NOT),
    (
        (
            "sqlalchemy.exc.OperationalError",
            "(psycopg.errors.QueryCanceled) canceling statement due to statement timeout",
        ),
        TIMEOUT,
        True,
        NOT,
    ),
    (
        (
            "sqlalchemy.exc.DBAPIError",
            "(sqlalchemy.dialects.postgresql.asyncpg.Error) <class 'asyncpg.exceptions.SerializationError'>: x",
        ),
        STATE,
        True,
        NOT,
    ),
    (("sqlalchemy.exc.OperationalError", "(pymysql.err.OperationalError) (1213, 'Deadlock found')"), STATE, True, NOT),
    (("sqlalchemy.exc.TimeoutError", "QueuePool limit of size 5 reached"), TIMEOUT, True, NOT),
    (("pymysql.err.IntegrityError", "(1062, \"Duplicate entry '1' for key\")"), STATE, False, NOT),
    (
        ("pymysql.err.OperationalError", "(2013, 'Lost connection to MySQL server during query')"),
        REFUSED,
        True,
        UNKNOWN,
    ),
    (("pymysql.err.ProgrammingError", "(1999, 'something about the statement')"), INVALID, False, NOT),
    (("pymysql.err.InternalError", "(9999, 'unheard')"), SERVER, True, UNKNOWN),
    (("mysql.connector.errors.DatabaseError", "1205 (HY000): Lock wait timeout exceeded"), STATE, True, NOT),
    (("pyodbc.Error", "('40001', '[40001] [Microsoft] deadlocked')"), STATE, True, NOT),
    (("pyodbc.OperationalError", "('HYT00', '[HYT00] [Microsoft] Login timeout expired')"), TIMEOUT, True, NOT),
    (("pyodbc.OperationalError", "('HYT00', '[HYT00] [Microsoft] Query took too long')"), TIMEOUT, True, UNKNOWN),
    (("pyodbc.IntegrityError", "('23000', '[23000] duplicate key row')"), STATE, False, NOT),
    (("pyodbc.IntegrityError", "('23000', '[23000] conflict')"), INVALID, False, NOT),
    (("oracledb.exceptions.DatabaseError", "ORA-00060: deadlock detected"), STATE, True, NOT),
    (("oracledb.exceptions.DatabaseError", "ORA-00942: table does not exist"), INVALID, False, NOT),
    (("oracledb.exceptions.OperationalError", "DPY-6005: cannot connect"), REFUSED, True, NOT),
    (("sqlite3.OperationalError", "database is locked"), STATE, True, NOT),
    (("sqlite3.IntegrityError", "UNIQUE constraint failed: o.id"), STATE, False, NOT),
    (("sqlite3.OperationalError", "no such table: x"), INVALID, False, NOT),
    # stores and queues
    (("redis.exceptions.ConnectionError", "Error 111 connecting to h:6379. Connection refused."), REFUSED, True, NOT),
    (("redis.exceptions.ConnectionError", "Timeout connecting to server"), TIMEOUT, True, NOT),
    (("redis.exceptions.ConnectionError", "Error 1 connecting to h:6379. odd."), REFUSED, True, NOT),
    (("redis.exceptions.ConnectionError", "Error while reading from h : odd"), REFUSED, True, UNKNOWN),
    (("redis.exceptions.ConnectionError", "No connection available."), TIMEOUT, True, NOT),
    (("redis.exceptions.ConnectionError", "max number of clients reached"), BURST, True, NOT),
    (("redis.exceptions.TimeoutError", "Timeout reading from h:6379"), TIMEOUT, True, UNKNOWN),
    (("redis.exceptions.TimeoutError", "Timeout connecting to server"), TIMEOUT, True, NOT),
    (("redis.exceptions.ResponseError", "WRONGTYPE x"), INVALID, False, NOT),
    (("redis.exceptions.ResponseError", "OOM command not allowed"), SERVER, False, NOT),
    (("redis.exceptions.ResponseError", "invalid password"), AUTH, False, NOT),
    (("redis.exceptions.ReadOnlyError", "x"), SERVER, True, NOT),
    (("pymongo.errors.ServerSelectionTimeoutError", "h:27017: [Errno 111] Connection refused"), REFUSED, True, NOT),
    (("pymongo.errors.ServerSelectionTimeoutError", "No servers found yet"), TIMEOUT, True, NOT),
    (("pymongo.errors.OperationFailure", "x, full error: {'ok': 0.0, 'code': 112}"), STATE, True, NOT),
    (("pymongo.errors.OperationFailure", "x"), INVALID, False, NOT),
    (("elasticsearch.ApiError", "ApiError(503, 'x')"), SERVER, True, UNKNOWN),
    (("elasticsearch.ApiError", "odd"), SERVER, True, UNKNOWN),
    (("kafka.errors.NotLeaderForPartitionError", "x"), SERVER, True, NOT),
    (("confluent_kafka.KafkaException", "KafkaError{code=_TRANSPORT,val=-195}"), REFUSED, True, UNKNOWN),
    (("confluent_kafka.KafkaException", "odd"), SERVER, True, UNKNOWN),
    (("pika.exceptions.ChannelClosedByBroker", "(404, \"NOT_FOUND - no queue 'x'\")"), INVALID, False, NOT),
    (("pika.exceptions.ConnectionClosedByBroker", "(320, 'CONNECTION_FORCED')"), REFUSED, True, UNKNOWN),
    (("pika.exceptions.ChannelClosed", "odd"), REFUSED, True, UNKNOWN),
    # mail, files, shells
    (("smtplib.SMTPAuthenticationError", "(535, b'5.7.8 not accepted')"), AUTH, False, NOT),
    (("smtplib.SMTPRecipientsRefused", "{'a@b.c': (550, b'5.1.1 unknown')}"), INVALID, False, NOT),
    (("smtplib.SMTPRecipientsRefused", "{'a@b.c': (550, b'no'), 'd@e.f': (451, b'later')}"), SERVER, True, NOT),
    (("smtplib.SMTPRecipientsRefused", "odd"), INVALID, False, NOT),
    (("smtplib.SMTPDataError", "(421, b'4.7.0 closing')"), REFUSED, True, NOT),
    (("smtplib.SMTPDataError", "(421, b'too many messages')"), BURST, True, NOT),
    (("smtplib.SMTPDataError", "(550, b'5.4.5 Daily user sending limit exceeded')"), DAILY, True, NOT),
    (("smtplib.SMTPDataError", "(450, b'mailbox busy')"), STATE, True, NOT),
    (("smtplib.SMTPDataError", "(554, b'relaying denied, 5.7.1 relay access denied')"), AUTH, False, NOT),
    (("smtplib.SMTPDataError", "(250, b'fine')"), INVALID, False, NOT),
    (("smtplib.SMTPServerDisconnected", "Connection unexpectedly closed"), REFUSED, True, UNKNOWN),
    (("smtplib.SMTPServerDisconnected", "please run connect() first"), REFUSED, True, NOT),
    (("imaplib.IMAP4.error", "b'[AUTHENTICATIONFAILED] Invalid credentials'"), AUTH, False, NOT),
    (("imaplib.IMAP4.abort", "socket error: EOF"), REFUSED, True, UNKNOWN),
    (("ftplib.error_perm", "530 Login incorrect."), AUTH, False, NOT),
    (("ftplib.error_perm", "530 Sorry, too many connections"), BURST, True, NOT),
    (("ftplib.error_temp", "odd"), SERVER, True, UNKNOWN),
    (("paramiko.ssh_exception.SSHException", "Error reading SSH protocol banner"), REFUSED, True, NOT),
    (("paramiko.ssh_exception.SSHException", "Server 'h' not found in known_hosts"), REFUSED, False, NOT),
    (("paramiko.ssh_exception.SSHException", "Timeout opening channel."), TIMEOUT, True, UNKNOWN),
    (("paramiko.ssh_exception.SSHException", "SSH session not active"), REFUSED, True, UNKNOWN),
    # clients
    (("httpx.ProxyError", "407 Proxy Authentication Required"), AUTH, False, NOT),
    (("httpx.ProxyError", "403 Forbidden"), REFUSED, False, NOT),
    (("httpx.ProxyError", "502 Bad Gateway"), REFUSED, True, NOT),
    (("aiohttp.client_exceptions.ServerTimeoutError", "Connection timeout to host http://x"), TIMEOUT, True, NOT),
    (("aiohttp.client_exceptions.ServerTimeoutError", "Timeout on reading data from socket"), TIMEOUT, True, UNKNOWN),
    (
        ("aiohttp.client_exceptions.ContentTypeError", "200, message='unexpected mimetype: text/html'"),
        MALFORMED,
        True,
        UNKNOWN,
    ),
    (
        ("aiohttp.client_exceptions.ContentTypeError", "503, message='unexpected mimetype: text/html'"),
        SERVER,
        True,
        UNKNOWN,
    ),
    (("aiohttp.client_exceptions.TooManyRedirects", "302, message='Found'"), SERVER, False, UNKNOWN),
    (("requests.exceptions.RetryError", "(Caused by ResponseError('too many 429 error responses'))"), BURST, True, NOT),
    (("requests.exceptions.RetryError", "(Caused by ResponseError('too many redirects'))"), SERVER, False, UNKNOWN),
    (("requests.exceptions.RetryError", "odd"), SERVER, True, UNKNOWN),
    (("requests.exceptions.SSLError", "CERTIFICATE_VERIFY_FAILED"), REFUSED, False, NOT),
    (
        ("requests.exceptions.ConnectionError", "x", "urllib3.exceptions.ReadTimeoutError", "TimeoutError"),
        TIMEOUT,
        True,
        UNKNOWN,
    ),
    (("urllib3.exceptions.ProtocolError", "('Connection broken: IncompleteRead')"), MALFORMED, True, UNKNOWN),
    # vendors' clients and wrappers
    (
        ("openai.APIConnectionError", "Connection error.", "httpx.ConnectError", "ConnectionRefusedError"),
        REFUSED,
        True,
        NOT,
    ),
    (("openai.APITimeoutError", "Request timed out.", "httpx.ConnectTimeout"), TIMEOUT, True, NOT),
    (("openai.APITimeoutError", "Request timed out."), TIMEOUT, True, UNKNOWN),
    (("openai.RateLimitError", "You exceeded your current quota"), DAILY, False, NOT),
    (("openai.RateLimitError", "Limit 200, requests per day (RPD)"), DAILY, True, NOT),
    (("openai.RateLimitError", "slow down"), BURST, True, NOT),
    (("anthropic.InternalServerError", "Error code: 529 - {'error': {'message': 'Overloaded'}}"), SERVER, True, NOT),
    (("tenacity.RetryError", "RetryError[<Future>]", "httpx.ReadTimeout"), TIMEOUT, True, UNKNOWN),
    (("jwt.exceptions.ExpiredSignatureError", "Signature has expired"), EXPIRED, True, NOT),
    # Python's own, and words of other runtimes
    (("SystemExit", "1"), CANCEL, False, UNKNOWN),
    (("MemoryError", ""), SERVER, False, UNKNOWN),
    (("EOFError", ""), REFUSED, True, UNKNOWN),
    (("OSError", "[Errno 28] No space left on device"), SERVER, False, UNKNOWN),
    (("OSError", "[Errno 99] Cannot assign requested address"), REFUSED, True, NOT),
    (("OSError", "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1)"), REFUSED, True, NOT),
    (("Exception", "ECONNRESET: Connection reset by peer"), REFUSED, True, UNKNOWN),
    (("Exception", "connect ECONNREFUSED 127.0.0.1:80"), REFUSED, True, NOT),
    (("Exception", "getaddrinfo ENOTFOUND x"), REFUSED, True, NOT),
    (("Exception", "connect ETIMEDOUT 10.0.0.1:443"), TIMEOUT, True, NOT),
    (("Exception", "read ETIMEDOUT"), TIMEOUT, True, UNKNOWN),
    (("Exception", "socket hang up"), REFUSED, True, UNKNOWN),
    (
        ("Exception", "Client network socket disconnected before secure TLS connection was established"),
        REFUSED,
        True,
        NOT,
    ),
    (("RuntimeError", "Session is closed"), INVALID, False, NOT),
    # causes
    (("ValueError", "bad answer", "httpx.ReadTimeout"), TIMEOUT, True, UNKNOWN),
    (("ValueError", "Connection refused"), INVALID, False, UNKNOWN),
    (("shop.Lost", "", "TimeoutError", "ValueError"), TIMEOUT, True, UNKNOWN),
    (
        ("shop.Lost", "", "httpx.ConnectTimeout", "TimeoutError", "asyncio.exceptions.CancelledError"),
        TIMEOUT,
        True,
        NOT,
    ),
    (("shop.Lost", "", "socket.gaierror", "openai.LengthFinishReasonError"), REFUSED, True, UNKNOWN),
    (("httpx.ConnectError", "x", "socket.gaierror"), REFUSED, True, NOT),
    # a second attempt that was refused says nothing about the first, whose answer was lost
    (("httpx.ConnectError", "x", "httpcore.ConnectError", "httpx.ReadTimeout"), REFUSED, True, UNKNOWN),
    (("ConnectionRefusedError", "x", "ConnectionResetError"), REFUSED, True, UNKNOWN),
    (
        ("psycopg.OperationalError", LIBPQ + "Connection refused", "psycopg.errors.AdminShutdown"),
        REFUSED,
        True,
        UNKNOWN,
    ),
    (("httpx.ConnectError", "x", "httpcore.ConnectError", "ConnectionResetError"), REFUSED, True, NOT),
    (("httpx.ConnectTimeout", "x", "httpx.ConnectError", "httpx.Stranger"), TIMEOUT, True, NOT),
    (("httpx.ConnectError", "[SSL: WRONG_VERSION_NUMBER]"), REFUSED, True, NOT),
    # what must not be taken for "nothing was done"
    *[
        (("oracledb.exceptions.DatabaseError", f"ORA-{n}: x"), TIMEOUT, True, UNKNOWN)
        for n in ("12608", "12609", "03156")
    ],
    *[
        (("oracledb.exceptions.DatabaseError", f"ORA-{n}: x"), REFUSED, True, UNKNOWN)
        for n in ("01092", "12592", "12161")
    ],
    *[
        (("oracledb.exceptions.DatabaseError", f"ORA-{n}: x"), SERVER, True, UNKNOWN)
        for n in ("02054", "25405", "25408")
    ],
    *[(("pymysql.err.OperationalError", f"({n}, 'x')"), SERVER, True, UNKNOWN) for n in (1181, 1196, 1401)],
    (("pyodbc.Error", "[Microsoft][ODBC Driver 18 for SQL Server]Query timeout expired"), TIMEOUT, True, UNKNOWN),
    (("psycopg2.OperationalError", "timeout expired"), TIMEOUT, True, NOT),
    (("sqlalchemy.exc.OperationalError", "(psycopg2.OperationalError) timeout expired"), TIMEOUT, True, NOT),
    (
        (
            "sqlalchemy.exc.OperationalError",
            "(psycopg2.OperationalError) server closed the connection unexpectedly\n[SQL: COMMIT]\n[parameters: ('duplicate key',)]",
        ),
        REFUSED,
        True,
        UNKNOWN,
    ),
    (("kafka.errors.KafkaConnectionError", "KafkaConnectionError: socket disconnected"), REFUSED, True, UNKNOWN),
    (("kafka.errors.KafkaConnectionError", "Connection reset during recv"), REFUSED, True, UNKNOWN),
    (("aiokafka.errors.KafkaConnectionError", "Connection at localhost:9092 closed"), REFUSED, True, UNKNOWN),
    (("aiokafka.errors.KafkaConnectionError", "Unable to bootstrap from [('a', 9092)]"), REFUSED, True, NOT),
    (("kafka.errors.KafkaConnectionError", "[Errno 111] ECONNREFUSED"), REFUSED, True, NOT),
    (("kafka.errors.DuplicateSequenceNumberError", "x"), STATE, False, EXECUTED),
    (("kafka.errors.KafkaStorageError", "x"), SERVER, True, UNKNOWN),
    (("aiormq.exceptions.DeliveryError", "x"), SERVER, True, UNKNOWN),
    (("redis.exceptions.RedisError", "x"), SERVER, True, UNKNOWN),
    (("pymongo.errors.OperationFailure", "x, full error: {'code': 8}"), SERVER, True, UNKNOWN),
    (("grpc.FutureTimeoutError", ""), TIMEOUT, True, UNKNOWN),
    (("requests.exceptions.RetryError", "too many 499 error responses"), CANCEL, False, UNKNOWN),
    (("requests.exceptions.RetryError", "too many 424 error responses"), SERVER, True, UNKNOWN),
    (("ftplib.error_temp", "421 Data timeout. Reconnect. Sorry."), REFUSED, True, UNKNOWN),
    (("h11.LocalProtocolError", "Too much data for declared Content-Length"), INVALID, False, UNKNOWN),
    (("h11.LocalProtocolError", "Illegal header value b'x'"), INVALID, False, NOT),
    (("httpx.ConnectError", "x", "requests.exceptions.ReadTimeout"), REFUSED, True, UNKNOWN),
    (("app.PayError", "Read timed out. Then: Connection refused"), TIMEOUT, True, UNKNOWN),
]


@pytest.mark.parametrize(
    ("raised_as", "category", "retryable", "outcome"),
    [pytest.param(*case, id=f"{number}-{case[0][0].rpartition('.')[2]}") for number, case in enumerate(CASES)],
)
def test_reads_names_and_texts(raised_as: tuple[str, ...], category: str, *, retryable: bool, outcome: str) -> None:
    """A library's exception means what the library raises it for."""
    name, message, *causes = raised_as

    verdict = classify(raised(name, message, causes=tuple(causes)))

    assert (category, retryable, outcome) == (verdict.category, verdict.retryable, verdict.outcome), verdict


# What belongs to no failure of a call: roots of hierarchies, mistakes in using the library, warnings.
ROOTS = {
    "HTTPError",
    "HTTPStatusError",
    "RequestError",
    "StreamError",
    "PoolError",
    "HostChangedError",
    "TimeoutStateError",
    "HeaderParsingError",
    "HTTPException",
    "UnimplementedFileMode",
    "IncorrectPolicyType",
    "PyMongoError",
    "ReentrancyError",
    "WebSocketException",
    "TooManyFragments",
    "SlackClientError",
    "SlackApiError",
    "EmulatedDBAPIException",
    "ConnectionNotAvailable",
    "Warning",
    "Rollback",
    "Error",
    "InvalidStateError",
    "SendfileNotAvailableError",
    "BrokenBarrierError",
    "_GiveupOnSendfile",
}
MODULES = (
    "aiohttp.client_exceptions",
    "aiohttp.http_exceptions",
    "asyncio.exceptions",
    "asyncpg.exceptions",
    "azure.core.exceptions",
    "botocore.exceptions",
    "concurrent.futures",
    "ftplib",
    "google.api_core.exceptions",
    "google.auth.exceptions",
    "http.client",
    "httpcore",
    "httpx",
    "httpx2",
    "kafka.errors",
    "openai",
    "paramiko.ssh_exception",
    "pika.exceptions",
    "psycopg",
    "psycopg.errors",
    "pymongo.errors",
    "pymysql.err",
    "redis.exceptions",
    "requests.exceptions",
    "smtplib",
    "socket",
    "sqlalchemy.exc",
    "sqlalchemy.orm.exc",
    "sqlite3",
    "ssl",
    "urllib3.exceptions",
    "websockets.exceptions",
)


@pytest.mark.parametrize("module", MODULES)
def test_knows_every_exception_of_a_library(module: str) -> None:
    """Each class that an installed library can raise, or one of its ancestors, has a meaning here."""
    library = pytest.importorskip(module)
    top = module.partition(".")[0]

    strangers = [
        kind.__name__
        for _, kind in inspect.getmembers(library, inspect.isclass)
        if issubclass(kind, BaseException)
        and not issubclass(kind, Warning)
        and kind.__module__.partition(".")[0] == top
        if not any(look_up(f"{ancestor.__module__}.{ancestor.__qualname__}") for ancestor in kind.__mro__[:-1])
        if kind.__name__ not in ROOTS
    ]

    assert [] == strangers


def test_libraries_do_not_speak_for_one_another() -> None:
    """The same name means what its own library means: a pool's timeout in SQLAlchemy, a server's silence in redis."""
    assert look_up("sqlalchemy.exc.TimeoutError") is not look_up("redis.exceptions.TimeoutError")
    assert look_up("TimeoutError") is EVERYWHERE["TimeoutError"]
    assert look_up("elsewhere.TimeoutError") is EVERYWHERE["TimeoutError"]
    assert look_up("elsewhere.Stranger") is None


def test_no_meaning_claims_that_nothing_happened_after_sending() -> None:
    """A connection that was lost while a request was under way, or waited for in vain, never says that nothing was done."""
    rows = {row.rule: row for table in (EVERYWHERE, *LIBRARIES.values()) for row in table.values()}
    lost = [row for row in rows.values() if row.phase in {"write", "read", "body"} and row.outcome == NOT]

    assert {"exception:smtp-closing", "exception:ftp-closing", "exception:sql-session-ended"} >= {
        row.rule for row in lost
    }


def test_modules_of_the_tables_name_libraries() -> None:
    """Every key is the beginning of a module's name."""
    assert all(part.isidentifier() for library in LIBRARIES for part in library.split("."))
    assert importlib.import_module("holdfast.faults.raised").__doc__


@pytest.mark.parametrize("code", sorted(CODES))
def test_amazon_s_codes_mean_the_same_in_exceptions_and_answers(code: str) -> None:
    """There is one table: botocore's `ClientError` says of a code what the service's answer says of it, but for records that are named in a body."""
    meaning = CODES[code]
    found = read_aws_code(code)

    assert found is not None
    assert found.category in {meaning.category, ErrorCategory.VALIDATION_FAILED}, code
