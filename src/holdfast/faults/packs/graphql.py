"""GraphQL: `errors[].extensions.code` and `classification`, and the problems that mutations report in their data.

Sources: https://spec.graphql.org/October2021/#sec-Errors, the codes of Apollo Server
(https://www.apollographql.com/docs/apollo-server/data/errors), graphql-java's classifications, Hasura's and the codes
in common use for cost limits and throttling.
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import table

CODES = table(
    (m.DENIED, "UNAUTHENTICATED FORBIDDEN UNAUTHORIZED ACCESS_DENIED access-denied"),
    (m.EXPIRED, "invalid-jwt JWT_EXPIRED TOKEN_EXPIRED"),
    (m.INVALID, "invalid-headers"),
    (
        m.BURST,
        "THROTTLED RATELIMITED RATE_LIMITED RATE_LIMIT_EXCEEDED TOO_MANY_REQUESTS COMPLEXITY_BUDGET_EXHAUSTED RATE_LIMIT",
    ),
    (
        m.BAD_INPUT,
        "MAX_COST_EXCEEDED MAX_COMPLEXITY_EXCEEDED QUERY_TOO_COMPLEX MAX_DEPTH_EXCEEDED QUERY_DEPTH_LIMIT MAX_NODE_LIMIT_EXCEEDED",
    ),
    (
        m.BAD_INPUT,
        "GRAPHQL_VALIDATION_FAILED GRAPHQL_PARSE_FAILED BAD_USER_INPUT BAD_REQUEST ValidationError InvalidSyntax",
    ),
    (
        m.BAD_INPUT,
        "INPUT_ERROR OPERATION_RESOLUTION_FAILURE validation-failed parse-failed not-supported undefinedField argumentNotAccepted",
    ),
    (
        m.BAD_INPUT,
        "missingRequiredArguments argumentLiteralsIncompatible undefinedType variableMismatch NullValueInNonNullableField",
    ),
    (m.BAD_INPUT, "PERSISTED_QUERY_NOT_SUPPORTED OperationNotSupported SYNTAX_ERROR"),
    # The same request fails again: the whole query has to be sent once.
    (m.BAD_INPUT, "PERSISTED_QUERY_NOT_FOUND PersistedQueryNotFound"),
    (m.DUPLICATE, "constraint-violation"),
    (m.MISSING, "NOT_FOUND RESOURCE_NOT_FOUND"),
    (m.CONFLICT, "CONFLICT"),
    (m.TIMEOUT, "TIMEOUT QUERY_TIMEOUT REQUEST_TIMEOUT MAX_EXECUTION_TIME_EXCEEDED"),
    (
        m.UNCERTAIN,
        "INTERNAL_SERVER_ERROR DOWNSTREAM_SERVICE_ERROR SUBREQUEST_HTTP_ERROR ExecutionAborted DataFetchingException",
    ),
    (m.UNCERTAIN, "SERVICE_UNAVAILABLE INTERNAL unexpected postgres-error"),
    (m.OVERLOADED, "MAINTENANCE"),
)
