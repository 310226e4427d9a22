"""Exceptions of SQL databases: DB-API drivers (PEP 249), SQLAlchemy, psycopg, asyncpg, MySQL's, SQLite's, Oracle's and ODBC's.

PEP 249 has one `OperationalError` for a wrong password, a lost connection and a deadlock, so the message decides: the name of the driver's
exception that SQLAlchemy quotes, the server's number, the SQLSTATE, or the server's sentence. Numbers are those of the MySQL error reference,
Oracle's error messages and SQLite's result codes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    AUTH,
    BURST,
    CANCEL,
    CLOSED,
    CONNECT,
    CONNECT_TIMEOUT,
    INVALID,
    LOCAL,
    NAME,
    POOL_TIMEOUT,
    PROGRAM,
    PROTOCOL,
    REFUSED,
    SERVER,
    STATE,
    TIMEOUT,
    TLS,
    ExceptionMeaning,
    Weight,
    meaning,
    said,
    table,
)
from holdfast.faults.raised.postgres import CONDITIONS, read_cancelled, read_sqlstate
from holdfast.faults.raised.services import read_snowflake
from holdfast.faults.raised.system import read_system_words
from holdfast.faults.verdict import Health, Outcome

_LOCKED = said(STATE, "sql-lock", retryable=True)
_SERIAL = said(STATE, "sql-serialization", retryable=True)
_DUPLICATE = said(STATE, "sql-duplicate")
_STATE = said(STATE, "sql-state")
_INVALID = said(INVALID, "sql-statement")
_AUTH = said(AUTH, "sql-login")
_BUSY = said(BURST, "sql-connections")
_FULL = said(SERVER, "sql-full", outcome=Outcome.NOT_EXECUTED, retryable=False)
_SERVER = said(SERVER, "sql-server", outcome=Outcome.UNKNOWN)
_REJECTED = meaning(REFUSED, Phase.CONNECT, rule="sql-connect")
_BLOCKED = meaning(REFUSED, Phase.CONNECT, rule="sql-blocked", retryable=False)
_ENDED = meaning(REFUSED, Phase.READ, rule="sql-session-ended")
_STATEMENT_TIMEOUT = said(TIMEOUT, "statement-timeout", outcome=Outcome.NOT_EXECUTED)
_CLIENT_TIMEOUT = meaning(TIMEOUT, Phase.READ, rule="statement-timeout")
_USER_CANCEL = said(CANCEL, "statement-cancelled", outcome=Outcome.NOT_EXECUTED)
_NOT_OPEN = meaning(REFUSED, Phase.LOCAL, rule="sql-not-connected")

_MYSQL = MappingProxyType(
    {
        number: found
        for numbers, found in (
            ("1205 3572 1689 1099 1100 1223", _LOCKED),
            ("1213 1020 1479 3101 3058 1614", _SERIAL),
            ("1062 1586 1022 1169 1007 1050 1061 1060 1304 1359 1396", _DUPLICATE),
            ("1290 1792 1836 1008 1051 1179 1195 1399 1400", _STATE),
            (
                "1044 1045 1142 1143 1227 1130 1251 1370 1698 1820 1862 2049 2054 2059 2061 3118 3159 3879 1131 1132 1133",
                _AUTH,
            ),
            ("1040 1203 1226", _BUSY),
            ("1021 1037 1038 1041 1114 1135 3 28", _FULL),
            ("1053 1077 1158 1159 1160 1161", _ENDED),
            ("1129", _BLOCKED),
            ("1317 1028", _USER_CANCEL),
            ("3024 1969 3169", _STATEMENT_TIMEOUT),
            ("2001 2002 2003 2004 2009 2010 2011 2012", CONNECT),
            ("2005 2007", NAME),
            ("2006 2013 2055 1927 4031 1152 1184", _ENDED),
            ("2026", TLS),
            ("2014 2000 2030 2031 2032", PROGRAM),
            ("2027", PROTOCOL),
            # A commit or a rollback that itself failed, also in part (1180 to 1183, 1196, 1401).
            ("1180 1181 1182 1183 1196 1401 1105 1015 1030 1026 1194 1034", _SERVER),
        )
        for number in numbers.split()
    }
)
_ORACLE = MappingProxyType(
    {
        number: found
        for numbers, found in (
            ("00054 30006 04021 04020", _LOCKED),
            ("00060 08177 01555 04068 24761 02049 12860", _SERIAL),
            ("00001 00955 01430 01920 02264", _DUPLICATE),
            ("01017 01005 28000 28001 28002 28003 01031 01035 01045 01005 28040", _AUTH),
            ("00018 00020 12516 12519 12520 12518 02391", _BUSY),
            ("12541 12543 12545 12560 12514 12505 12154 12528 12526 01033 01034 01089 01090 01109", _REJECTED),
            ("12170 12535 12606", CONNECT_TIMEOUT),
            ("03156 12608 12609", _CLIENT_TIMEOUT),
            ("03113 03114 03135 12537 12547 02396 00028 00031 12571 12570 01092 03106 12152 12161 12592", _ENDED),
            ("01013", _USER_CANCEL),
            ("01536 01653 01654 01652 01658 30036 04030 04031 19809 00257 01659", _FULL),
            ("03136 02063 00600 07445 01114 01115", _SERVER),
            # Distributed transactions in doubt, and replays whose first attempt may have been committed.
            ("02050 02051 02053 02054 25402 25405 25408", _SERVER),
        )
        for number in numbers.split()
    }
)

# Sentences of servers and drivers; plain alternatives, the more exact first.
_SENTENCES: tuple[tuple[re.Pattern[str], ExceptionMeaning], ...] = (
    (
        re.compile(
            r"password authentication failed|no pg_hba\.conf entry|authentication failed for user|role \"[^\"]{0,200}\" does not exist"
            r"|no password supplied|permission denied for|must be owner of|access denied for user|login failed for user|not authorized"
            r"|peer authentication failed|authentication method .{0,60}not supported|pam authentication failed"
            r"|file is encrypted or is not a database",
            re.IGNORECASE,
        ),
        _AUTH,
    ),
    (
        re.compile(
            r"too many (?:clients|connections)|remaining connection slots|connection limit exceeded|max_user_connections|max clients",
            re.IGNORECASE,
        ),
        _BUSY,
    ),
    (
        re.compile(
            r"database system is (?:starting up|shutting down|in recovery mode|not yet accepting)|not yet accepting connections",
            re.IGNORECASE,
        ),
        _REJECTED,
    ),
    (
        re.compile(
            r"(?:connection |login |\A|\) )timeout expired|connection to server .{0,200} timed? ?out|reading initial communication packet",
            re.IGNORECASE,
        ),
        CONNECT_TIMEOUT,
    ),
    (
        re.compile(
            r"deadlock|could not serialize|restart transaction|snapshot too old|write.?conflict|serialization failure",
            re.IGNORECASE,
        ),
        _SERIAL,
    ),
    (
        re.compile(
            r"database (?:table |schema )?is locked|lock wait timeout|could not obtain lock|lock timeout|lock not available|database is busy",
            re.IGNORECASE,
        ),
        _LOCKED,
    ),
    (
        re.compile(
            r"unique constraint|duplicate (?:key|entry)|already exists|PRIMARY KEY must be unique", re.IGNORECASE
        ),
        _DUPLICATE,
    ),
    (
        re.compile(
            r"constraint failed|violates (?:not-null|check|foreign key|row-level)|syntax error|no such (?:table|column|function|index)"
            r"|unrecognized token|incomplete input|datatype mismatch|too many SQL variables|string or blob too big|has no column|no default value"
            r"|(?:relation|column|function|table|database|schema) \"[^\"]{0,200}\" does not exist|unknown (?:database|column)"
            r"|out of range|cannot be null",
            re.IGNORECASE,
        ),
        _INVALID,
    ),
    (
        re.compile(r"disk is full|database or disk|no space left|out of (?:shared )?memory|disk full", re.IGNORECASE),
        _FULL,
    ),
    (
        re.compile(
            r"read.?only (?:database|transaction|mode)|current transaction is aborted|already a transaction|cannot start a transaction",
            re.IGNORECASE,
        ),
        _STATE,
    ),
    (
        re.compile(r"unable to open database|file is not a database|database disk image is malformed", re.IGNORECASE),
        _BLOCKED,
    ),
    (
        re.compile(r"statement timeout|max_statement_time|maximum statement execution time", re.IGNORECASE),
        _STATEMENT_TIMEOUT,
    ),
    # The driver stopped waiting; the server may have gone on.
    (re.compile(r"query timeout", re.IGNORECASE), _CLIENT_TIMEOUT),
    (re.compile(r"^interrupted$|query was cancelled|execution was interrupted", re.IGNORECASE), _USER_CANCEL),
    (
        re.compile(
            r"(?:the )?connection (?:is|already|was already) closed|cannot operate on a closed|closed the connection before|connection not open"
            r"|not connected to|the cursor is closed|pool is closed",
            re.IGNORECASE,
        ),
        _NOT_OPEN,
    ),
    (
        re.compile(
            r"server closed the connection|terminating connection|connection has been closed|gone away|lost connection|consuming input failed"
            r"|sending query failed|connection was closed in the middle|no connection to the server|communication link failure|lost synchronization"
            r"|server conn crashed|could not receive data|could not send data",
            re.IGNORECASE,
        ),
        _ENDED,
    ),
)

_QUOTED_CLASS = re.compile(r"<class '(?P<inner>[\w.]{1,466})'>|\((?P<outer>[\w.]{1,466})\)")
_MYSQL_NUMBER = re.compile(r"(?:\A|\) )\(?(?P<number>\d{4})(?:, | \((?P<state>[0-9A-Z]{5})\))")
_ORA = re.compile(r"\bORA-(?P<number>\d{5})\b")
_DPY = re.compile(r"\bDPY-(?P<number>\d{4})\b")
_STATE_IN_WORDS = re.compile(
    r"\bSQLSTATE[ :=\[(]{1,3}(?P<first>[0-9A-Z]{5})\b|\A(?:\([\w.]{1,80}\) )?\('(?P<odbc>[0-9A-Z]{5})', ['\"]\["
)
_ODBC = MappingProxyType(
    {
        "HYT00": _CLIENT_TIMEOUT,
        "HYT01": CONNECT_TIMEOUT,
        "HY008": _USER_CANCEL,
        "08S01": _ENDED,
        "IM002": LOCAL,
        "IM001": LOCAL,
        "23000": _INVALID,
    }
)
_DRIVER = MappingProxyType(
    {"6005": CONNECT, "6000": CONNECT, "6001": CONNECT, "4011": _ENDED, "1001": _NOT_OPEN, "4024": _CLIENT_TIMEOUT}
)
_CONNECTING = re.compile(
    r"\bconnection failed: |connection to server (?:at|on) .{0,200} failed|could not connect to server|Can't connect to (?:MySQL|local)"
)
_ECHO = re.compile(r"\n\[(?:SQL|parameters): ")
"""Where SQLAlchemy begins to repeat the statement and its values: words of users, not of the server."""
_HEAD_MAX_CHARS = 1_500


def read_sql_words(message: str) -> ExceptionMeaning | None:
    """What the message of a database's exception says: the class it quotes, the server's number, its SQLSTATE, its sentence."""
    head = _ECHO.split(message[:_HEAD_MAX_CHARS], maxsplit=1)[0]
    found = _read_quoted(head) or _read_numbers(head) or read_cancelled(head) or _read_sentence(head)
    if _CONNECTING.search(head) and (found is None or found.outcome is Outcome.UNKNOWN):
        # libpq says so before each reason why it could not log in: whatever was lost then, no statement was sent.
        spoken = read_system_words(head)
        return spoken if spoken is not None and spoken.outcome is Outcome.NOT_EXECUTED else _REJECTED
    return found or read_system_words(head)


def read_mysql_number(number: str) -> ExceptionMeaning | None:
    """What an error number of MySQL or MariaDB means; one that is not listed is about the statement."""
    found = _MYSQL.get(number)
    if found is None and number.isdigit() and 1000 <= int(number) < 2000:
        return _INVALID
    return found


def _read_quoted(head: str) -> ExceptionMeaning | None:
    """SQLAlchemy begins with the driver's own exception: `(psycopg.errors.UniqueViolation) …`."""
    for found in _QUOTED_CLASS.finditer(head[:600]):
        *packages, name = (found["inner"] or found["outer"]).split(".")
        known = CONDITIONS.get(name) if packages and all(packages) else None
        if known is not None:
            return known.by_words(head) or known if known.by_words else known
    return None


def _read_numbers(head: str) -> ExceptionMeaning | None:
    if found := _MYSQL_NUMBER.search(head):
        return read_mysql_number(found["number"])
    if found := _ORA.search(head):
        return _ORACLE.get(found["number"], _INVALID)
    if found := _DPY.search(head):
        return _DRIVER.get(found["number"])
    if found := _STATE_IN_WORDS.search(head):
        state = found["first"] or found["odbc"]
        if state == "HYT00" and "Login timeout" in head:
            return CONNECT_TIMEOUT
        # 23000 is the whole class in ODBC: the sentence tells a duplicate from other violations.
        return _read_sentence(head) or _INVALID if state == "23000" else _ODBC.get(state) or read_sqlstate(state)
    return None


def _read_sentence(head: str) -> ExceptionMeaning | None:
    return next((found for pattern, found in _SENTENCES if pattern.search(head)), None)


def _kind(row: ExceptionMeaning, rule: str, *, weight: Weight = Weight.EXACT) -> ExceptionMeaning:
    return ExceptionMeaning(
        category=row.category,
        phase=row.phase,
        outcome=row.outcome,
        rule=f"exception:{rule}",
        retryable=row.retryable,
        health=row.health,
        weight=weight,
        by_words=read_sql_words,
    )


_KINDS = (
    ("IntegrityError", _kind(_INVALID, "sql-constraint", weight=Weight.VAGUE)),
    ("DataError", _kind(_INVALID, "sql-data")),
    ("ProgrammingError", _kind(_INVALID, "sql-statement", weight=Weight.VAGUE)),
    ("NotSupportedError", _kind(_INVALID, "sql-unsupported")),
    ("InternalError", _kind(_SERVER, "sql-server", weight=Weight.VAGUE)),
    ("OperationalError", _kind(_ENDED, "sql-connection", weight=Weight.VAGUE)),
    ("DatabaseError Error MySQLError", _kind(_SERVER, "sql-server", weight=Weight.VAGUE)),
    ("InterfaceError", _kind(_NOT_OPEN, "sql-not-connected", weight=Weight.VAGUE)),
)
_DBAPI = table(_KINDS)
_PSYCOPG = table(
    (
        *_KINDS,
        ("ConnectionTimeout", CONNECT_TIMEOUT),
        ("CancellationTimeout", _CLIENT_TIMEOUT),
        ("PipelineAborted", _STATE),
    )
)
_ASYNCPG = table(
    (
        (
            "InterfaceError InterfaceWarning",
            meaning(INVALID, Phase.LOCAL, rule="sql-client", health=Health.NEUTRAL, by_words=_read_sentence),
        ),
        ("ClientConfigurationError UnsupportedClientFeatureError UnsupportedServerFeatureError", LOCAL),
        ("InternalClientError ProtocolError", PROTOCOL),
        ("OutdatedSchemaCacheError InvalidCachedStatementError", _LOCKED),
        ("TargetServerAttributeNotMatched", _REJECTED),
        ("PostgresError FatalPostgresError UnknownPostgresError", _kind(_SERVER, "sql-server", weight=Weight.VAGUE)),
        # Shadows the server's class of the same name in other drivers' words: 22000 here is a class of statements.
        ("DataError", _kind(_INVALID, "sql-data")),
    )
)
_SQLALCHEMY = table(
    (
        *_KINDS,
        ("TimeoutError", POOL_TIMEOUT),
        ("DBAPIError StatementError", _kind(_SERVER, "sql-server", weight=Weight.VAGUE)),
        ("DisconnectionError InvalidatePoolError", CLOSED),
        ("StaleDataError ConcurrentModificationError", said(STATE, "sql-stale")),
        ("PendingRollbackError", meaning(STATE, Phase.LOCAL, rule="sql-state")),
        ("NoResultFound MultipleResultsFound ObjectDeletedError", said(STATE, "sql-record")),
        (
            "* SQLAlchemyError InvalidRequestError ArgumentError CompileError NoSuchTableError ResourceClosedError",
            PROGRAM,
        ),
    )
)
_POOL = table(
    (
        ("PoolTimeout", POOL_TIMEOUT),
        ("PoolClosed", _NOT_OPEN),
        ("TooManyRequests", meaning(BURST, Phase.LOCAL, rule="pool-full", health=Health.NEUTRAL)),
    )
)


def _read_snowflake(message: str) -> ExceptionMeaning | None:
    return read_snowflake(message) or read_sql_words(message)


_SNOWFLAKE = table(tuple((names, replace(row, by_words=_read_snowflake)) for names, row in _KINDS))
_DJANGO = table((*_KINDS, ("TransactionManagementError", _STATE)))

LIBRARIES = {
    "psycopg.errors": CONDITIONS,
    "psycopg2.errors": CONDITIONS,
    "psycopg2.errorcodes": CONDITIONS,
    "asyncpg.exceptions": CONDITIONS,
    "asyncpg": _ASYNCPG,
    "psycopg": _PSYCOPG,
    "psycopg2": table(
        (*_KINDS, ("QueryCanceledError", CONDITIONS["QueryCanceled"]), ("TransactionRollbackError", _SERIAL))
    ),
    "psycopg_pool": _POOL,
    "sqlalchemy": _SQLALCHEMY,
    "django.db": _DJANGO,
    "peewee": _DBAPI,
    "tortoise": _DBAPI,
    "pymysql": _DBAPI,
    "MySQLdb": _DBAPI,
    "mysql": table((*_KINDS, ("PoolError", POOL_TIMEOUT))),
    "aiomysql": _DBAPI,
    "asyncmy": _DBAPI,
    "sqlite3": _DBAPI,
    "aiosqlite": _DBAPI,
    "oracledb": _DBAPI,
    "cx_Oracle": _DBAPI,
    "pyodbc": _DBAPI,
    "pymssql": _DBAPI,
    "snowflake.connector": _SNOWFLAKE,
    "duckdb": _DBAPI,
}
