"""What the errors of PostgreSQL mean, by SQLSTATE: the names that psycopg, psycopg2 and asyncpg give to the same codes.

Codes and conditions are those of PostgreSQL's documentation, appendix A; a class of codes (the first two characters) has one meaning, single
codes differ from it. An error that the server reports ends the statement and with it whatever the statement had done ("rolled back"), unless it
ended the session: then the last commit may have been under way.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from holdfast.faults.fault import Phase
from holdfast.faults.raised.meaning import (
    AUTH,
    BURST,
    CANCEL,
    INVALID,
    REFUSED,
    SERVER,
    STATE,
    TIMEOUT,
    ExceptionMeaning,
    Table,
    meaning,
    said,
)
from holdfast.faults.verdict import Outcome

_STATEMENT_TIMEOUT = said(TIMEOUT, "statement-timeout", outcome=Outcome.NOT_EXECUTED)
_SESSION_TIMEOUT = said(TIMEOUT, "session-timeout", outcome=Outcome.NOT_EXECUTED)
_USER_CANCEL = said(CANCEL, "statement-cancelled", outcome=Outcome.NOT_EXECUTED)
_LOCKED = said(STATE, "sql-lock", retryable=True)
_INVALID = said(INVALID, "sql-statement")
_STATE = said(STATE, "sql-state")
_DUPLICATE = said(STATE, "sql-duplicate")
_SERIAL = said(STATE, "sql-serialization", retryable=True)
_AUTH = said(AUTH, "sql-login")
_REJECTED = meaning(REFUSED, Phase.CONNECT, rule="sql-connect")
_ENDED = meaning(REFUSED, Phase.READ, rule="sql-session-ended")
_IN_DOUBT = said(SERVER, "sql-in-doubt", outcome=Outcome.UNKNOWN)
_SERVER = said(SERVER, "sql-server", outcome=Outcome.UNKNOWN)
_FULL = said(SERVER, "sql-full", outcome=Outcome.NOT_EXECUTED, retryable=False)
_BUSY = said(BURST, "sql-connections")


def read_cancelled(message: str) -> ExceptionMeaning | None:
    """One code (57014) has several causes; the text names it."""
    for words, found in (
        ("statement timeout", _STATEMENT_TIMEOUT),
        ("lock timeout", _LOCKED),
        ("conflict with recovery", _SERIAL),
        ("user request", _USER_CANCEL),
        ("transaction timeout", _STATEMENT_TIMEOUT),
    ):
        if words in message:
            return found
    return None


_CANCELED = meaning(
    CANCEL, Phase.ANSWER, rule="statement-cancelled", outcome=Outcome.NOT_EXECUTED, by_words=read_cancelled
)

_CLASSES = MappingProxyType(
    {
        "02": _STATE,
        "03": _STATE,
        "08": _ENDED,
        "09": _INVALID,
        "0A": _INVALID,
        "0B": _STATE,
        "0F": _INVALID,
        "0L": _INVALID,
        "0P": _INVALID,
        "0Z": _INVALID,
        "10": _INVALID,
        "20": _INVALID,
        "21": _INVALID,
        "22": _INVALID,
        "23": _INVALID,
        "24": _STATE,
        "25": _STATE,
        "26": _STATE,
        "27": _STATE,
        "28": _AUTH,
        "2B": _STATE,
        "2D": _STATE,
        "2F": _INVALID,
        "34": _STATE,
        "38": _INVALID,
        "39": _INVALID,
        "3B": _STATE,
        "3D": _INVALID,
        "3F": _INVALID,
        "40": _SERIAL,
        "42": _INVALID,
        "44": _INVALID,
        "53": _FULL,
        "54": _INVALID,
        "55": _STATE,
        "57": _ENDED,
        "58": _SERVER,
        "72": _SERIAL,
        "F0": said(SERVER, "sql-configuration", outcome=Outcome.NOT_EXECUTED, retryable=False),
        "HV": _SERVER,
        "P0": _INVALID,
        "XX": _SERVER,
    }
)
_STATES = MappingProxyType(
    {
        "08001": _REJECTED,
        "08004": _REJECTED,
        "08007": _IN_DOUBT,
        "23505": _DUPLICATE,
        "23P01": _DUPLICATE,
        "25P03": _SESSION_TIMEOUT,
        "25P04": _STATEMENT_TIMEOUT,
        "40002": _STATE,
        "40003": _IN_DOUBT,
        "42501": _AUTH,
        "42710": _DUPLICATE,
        "42P04": _DUPLICATE,
        "42P06": _DUPLICATE,
        "42P07": _DUPLICATE,
        "42723": _DUPLICATE,
        "53300": _BUSY,
        "55006": _LOCKED,
        "55P03": _LOCKED,
        "57014": _CANCELED,
        "57P03": _REJECTED,
        "57P04": _STATE,
        "57P05": meaning(REFUSED, Phase.READ, rule="sql-session-ended", outcome=Outcome.NOT_EXECUTED),
        "58P02": _DUPLICATE,
        "HV00N": _SERVER,
    }
)
_FORM = re.compile(r"[0-9A-Z]{5}\Z")


def read_sqlstate(state: str) -> ExceptionMeaning | None:
    """What a SQLSTATE means, by the code or else by its class; `None` for what has not their form or is unknown."""
    if not _FORM.match(state):
        return None
    return _STATES.get(state) or _CLASSES.get(state[:2])


# Conditions as psycopg writes them, by SQLSTATE: the class, then the rest of each code and its name.
_CONDITIONS = """
02 000:NoData 001:NoAdditionalDynamicResultSetsReturned
03 000:SqlStatementNotYetComplete
08 000:ConnectionException 001:SqlclientUnableToEstablishSqlconnection 003:ConnectionDoesNotExist
08 004:SqlserverRejectedEstablishmentOfSqlconnection 006:ConnectionFailure 007:TransactionResolutionUnknown P01:ProtocolViolation
09 000:TriggeredActionException
0A 000:FeatureNotSupported
0B 000:InvalidTransactionInitiation
0F 000:LocatorException 001:InvalidLocatorSpecification
0L 000:InvalidGrantor P01:InvalidGrantOperation
0P 000:InvalidRoleSpecification
0Z 000:DiagnosticsException 002:StackedDiagnosticsAccessedWithoutActiveHandler
10 608:InvalidArgumentForXquery
20 000:CaseNotFound
21 000:CardinalityViolation
22 000:DataException 001:StringDataRightTruncation 002:NullValueNoIndicatorParameter 003:NumericValueOutOfRange 004:NullValueNotAllowed
22 005:ErrorInAssignment 007:InvalidDatetimeFormat 008:DatetimeFieldOverflow 009:InvalidTimeZoneDisplacementValue
22 00B:EscapeCharacterConflict 00C:InvalidUseOfEscapeCharacter 00D:InvalidEscapeOctet 00F:ZeroLengthCharacterString
22 00G:MostSpecificTypeMismatch 00H:SequenceGeneratorLimitExceeded 00L:NotAnXmlDocument 00M:InvalidXmlDocument 00N:InvalidXmlContent
22 00S:InvalidXmlComment 00T:InvalidXmlProcessingInstruction 010:InvalidIndicatorParameterValue 011:SubstringError 012:DivisionByZero
22 013:InvalidPrecedingOrFollowingSize 014:InvalidArgumentForNtileFunction 015:IntervalFieldOverflow 016:InvalidArgumentForNthValueFunction
22 018:InvalidCharacterValueForCast 019:InvalidEscapeCharacter 01B:InvalidRegularExpression 01E:InvalidArgumentForLogarithm
22 01F:InvalidArgumentForPowerFunction 01G:InvalidArgumentForWidthBucketFunction 01W:InvalidRowCountInLimitClause
22 01X:InvalidRowCountInResultOffsetClause 021:CharacterNotInRepertoire 022:IndicatorOverflow 023:InvalidParameterValue
22 024:UnterminatedCString 025:InvalidEscapeSequence 026:StringDataLengthMismatch 027:TrimError 02E:ArraySubscriptError
22 02G:InvalidTablesampleRepeat 02H:InvalidTablesampleArgument 030:DuplicateJsonObjectKeyValue 031:InvalidArgumentForSqlJsonDatetimeFunction
22 032:InvalidJsonText 033:InvalidSqlJsonSubscript 034:MoreThanOneSqlJsonItem 035:NoSqlJsonItem 036:NonNumericSqlJsonItem
22 037:NonUniqueKeysInAJsonObject 038:SingletonSqlJsonItemRequired 039:SqlJsonArrayNotFound 03A:SqlJsonMemberNotFound
22 03B:SqlJsonNumberNotFound 03C:SqlJsonObjectNotFound 03D:TooManyJsonArrayElements 03E:TooManyJsonObjectMembers 03F:SqlJsonScalarRequired
22 03G:SqlJsonItemCannotBeCastToTargetType P01:FloatingPointException P02:InvalidTextRepresentation P03:InvalidBinaryRepresentation
22 P04:BadCopyFileFormat P05:UntranslatableCharacter P06:NonstandardUseOfEscapeCharacter
23 000:IntegrityConstraintViolation 001:RestrictViolation 502:NotNullViolation 503:ForeignKeyViolation 505:UniqueViolation
23 514:CheckViolation P01:ExclusionViolation
24 000:InvalidCursorState
25 000:InvalidTransactionState 001:ActiveSqlTransaction 002:BranchTransactionAlreadyActive 003:InappropriateAccessModeForBranchTransaction
25 004:InappropriateIsolationLevelForBranchTransaction 005:NoActiveSqlTransactionForBranchTransaction 006:ReadOnlySqlTransaction
25 007:SchemaAndDataStatementMixingNotSupported 008:HeldCursorRequiresSameIsolationLevel P01:NoActiveSqlTransaction
25 P02:InFailedSqlTransaction P03:IdleInTransactionSessionTimeout P04:TransactionTimeout
26 000:InvalidSqlStatementName
27 000:TriggeredDataChangeViolation
28 000:InvalidAuthorizationSpecification P01:InvalidPassword
2B 000:DependentPrivilegeDescriptorsStillExist P01:DependentObjectsStillExist
2D 000:InvalidTransactionTermination
2F 000:SqlRoutineException 002:ModifyingSqlDataNotPermitted 003:ProhibitedSqlStatementAttempted 004:ReadingSqlDataNotPermitted
2F 005:FunctionExecutedNoReturnStatement
34 000:InvalidCursorName
38 000:ExternalRoutineException 001:ContainingSqlNotPermitted 002:ModifyingSqlDataNotPermittedExt 003:ProhibitedSqlStatementAttemptedExt
38 004:ReadingSqlDataNotPermittedExt
39 000:ExternalRoutineInvocationException 001:InvalidSqlstateReturned 004:NullValueNotAllowedExt P01:TriggerProtocolViolated
39 P02:SrfProtocolViolated P03:EventTriggerProtocolViolated
3B 000:SavepointException 001:InvalidSavepointSpecification
3D 000:InvalidCatalogName
3F 000:InvalidSchemaName
40 000:TransactionRollback 001:SerializationFailure 002:TransactionIntegrityConstraintViolation 003:StatementCompletionUnknown
40 P01:DeadlockDetected
42 000:SyntaxErrorOrAccessRuleViolation 501:InsufficientPrivilege 601:SyntaxError 602:InvalidName 611:InvalidColumnDefinition
42 622:NameTooLong 701:DuplicateColumn 702:AmbiguousColumn 703:UndefinedColumn 704:UndefinedObject 710:DuplicateObject 712:DuplicateAlias
42 723:DuplicateFunction 725:AmbiguousFunction 803:GroupingError 804:DatatypeMismatch 809:WrongObjectType 830:InvalidForeignKey
42 846:CannotCoerce 883:UndefinedFunction 8C9:GeneratedAlways 939:ReservedName P01:UndefinedTable P02:UndefinedParameter P03:DuplicateCursor
42 P04:DuplicateDatabase P05:DuplicatePreparedStatement P06:DuplicateSchema P07:DuplicateTable P08:AmbiguousParameter P09:AmbiguousAlias
42 P10:InvalidColumnReference P11:InvalidCursorDefinition P12:InvalidDatabaseDefinition P13:InvalidFunctionDefinition
42 P14:InvalidPreparedStatementDefinition P15:InvalidSchemaDefinition P16:InvalidTableDefinition P17:InvalidObjectDefinition
42 P18:IndeterminateDatatype P19:InvalidRecursion P20:WindowingError P21:CollationMismatch P22:IndeterminateCollation
44 000:WithCheckOptionViolation
53 000:InsufficientResources 100:DiskFull 200:OutOfMemory 300:TooManyConnections 400:ConfigurationLimitExceeded
54 000:ProgramLimitExceeded 001:StatementTooComplex 011:TooManyColumns 023:TooManyArguments
55 000:ObjectNotInPrerequisiteState 006:ObjectInUse P02:CantChangeRuntimeParam P03:LockNotAvailable P04:UnsafeNewEnumValueUsage
57 000:OperatorIntervention 014:QueryCanceled P01:AdminShutdown P02:CrashShutdown P03:CannotConnectNow P04:DatabaseDropped
57 P05:IdleSessionTimeout
58 000:SystemError 030:IoError P01:UndefinedFile P02:DuplicateFile P03:FileNameTooLong
72 000:SnapshotTooOld
F0 000:ConfigFileError 001:LockFileExists
HV 000:FdwError 001:FdwOutOfMemory 002:FdwDynamicParameterValueNeeded 004:FdwInvalidDataType 005:FdwColumnNameNotFound
HV 006:FdwInvalidDataTypeDescriptors 007:FdwInvalidColumnName 008:FdwInvalidColumnNumber 009:FdwInvalidUseOfNullPointer
HV 00A:FdwInvalidStringFormat 00B:FdwInvalidHandle 00C:FdwInvalidOptionIndex 00D:FdwInvalidOptionName 00J:FdwOptionNameNotFound
HV 00K:FdwReplyHandle 00L:FdwUnableToCreateExecution 00M:FdwUnableToCreateReply 00N:FdwUnableToEstablishConnection 00P:FdwNoSchemas
HV 00Q:FdwSchemaNotFound 00R:FdwTableNotFound 010:FdwFunctionSequenceError 014:FdwTooManyHandles 021:FdwInconsistentDescriptorInformation
HV 024:FdwInvalidAttributeValue 090:FdwInvalidStringLengthOrBufferLength 091:FdwInvalidDescriptorFieldIdentifier
P0 000:PlpgsqlError 001:RaiseException 002:NoDataFound 003:TooManyRows 004:AssertFailure
XX 000:InternalError_ 001:DataCorrupted 002:IndexCorrupted
"""
# Where asyncpg's name is not psycopg's with "Error" behind it.
_ASYNCPG = """
02000:NoData 02001:NoAdditionalDynamicResultSetsReturned 03000:SQLStatementNotYetCompleteError 08000:PostgresConnectionError
08001:ClientCannotConnectError 08004:ConnectionRejectionError 09000:TriggeredActionError 0A000:InvalidCachedStatementError
0F000:LocatorError 0Z000:DiagnosticsError 22000:DataError 22011:SubstringError 22027:TrimError 2202E:ArraySubscriptError
22031:InvalidArgumentForSQLJsonDatetimeFunctionError 22033:InvalidSQLJsonSubscriptError 22034:MoreThanOneSQLJsonItemError
22035:NoSQLJsonItemError 22036:NonNumericSQLJsonItemError 22038:SingletonSQLJsonItemRequiredError 22039:SQLJsonArrayNotFoundError
2203A:SQLJsonMemberNotFoundError 2203B:SQLJsonNumberNotFoundError 2203C:SQLJsonObjectNotFoundError 2203F:SQLJsonScalarRequiredError
2203G:SQLJsonItemCannotBeCastToTargetTypeError 22P01:PostgresFloatingPointError 25001:ActiveSQLTransactionError
25005:NoActiveSQLTransactionForBranchTransactionError 25006:ReadOnlySQLTransactionError 25P01:NoActiveSQLTransactionError
25P02:InFailedSQLTransactionError 26000:InvalidSQLStatementNameError 2F000:SQLRoutineError 2F002:ModifyingSQLDataNotPermittedError
2F003:ProhibitedSQLStatementAttemptedError 2F004:ReadingSQLDataNotPermittedError 38000:ExternalRoutineError
38001:ContainingSQLNotPermittedError 38002:ModifyingExternalRoutineSQLDataNotPermittedError
38003:ProhibitedExternalRoutineSQLStatementAttemptedError 38004:ReadingExternalRoutineSQLDataNotPermittedError
39000:ExternalRoutineInvocationError 39004:NullValueInExternalRoutineNotAllowedError 3B000:SavepointError 40001:SerializationError
42000:SyntaxOrAccessError 42601:PostgresSyntaxError 42803:GroupingError 42P20:WindowingError 58000:PostgresSystemError 58030:PostgresIOError
F0000:ConfigFileError HV000:FDWError HV001:FDWOutOfMemoryError HV002:FDWDynamicParameterValueNeededError HV004:FDWInvalidDataTypeError
HV005:FDWColumnNameNotFoundError HV006:FDWInvalidDataTypeDescriptorsError HV007:FDWInvalidColumnNameError HV008:FDWInvalidColumnNumberError
HV009:FDWInvalidUseOfNullPointerError HV00A:FDWInvalidStringFormatError HV00B:FDWInvalidHandleError HV00C:FDWInvalidOptionIndexError
HV00D:FDWInvalidOptionNameError HV00J:FDWOptionNameNotFoundError HV00K:FDWReplyHandleError HV00L:FDWUnableToCreateExecutionError
HV00M:FDWUnableToCreateReplyError HV00N:FDWUnableToEstablishConnectionError HV00P:FDWNoSchemasError HV00Q:FDWSchemaNotFoundError
HV00R:FDWTableNotFoundError HV010:FDWFunctionSequenceError HV014:FDWTooManyHandlesError HV021:FDWInconsistentDescriptorInformationError
HV024:FDWInvalidAttributeValueError HV090:FDWInvalidStringLengthOrBufferLengthError HV091:FDWInvalidDescriptorFieldIdentifierError
P0000:PLPGSQLError P0001:RaiseError P0004:AssertError XX000:InternalServerError
"""


def _named() -> dict[str, str]:
    """SQLSTATEs by the name of the condition."""
    found: dict[str, str] = {}
    for line in _CONDITIONS.strip().splitlines():
        head, *items = line.split()
        for item in items:
            rest, _, name = item.partition(":")
            found[name] = head + rest
    return found


def _by_name() -> Table:
    states = _named()
    names = {name: states[name] for name in states}
    names |= {f"{name}Error": state for name, state in states.items()}
    names |= {name: state for state, _, name in (item.partition(":") for item in _ASYNCPG.split())}
    return MappingProxyType(
        {name: found for name, state in names.items() if (found := read_sqlstate(state)) is not None}
    )


CONDITIONS = _by_name()
"""Meanings by the class names of psycopg.errors, psycopg2.errors and asyncpg.exceptions."""
