"""The wire contract: every document that crosses a boundary of Holdfast, exactly as spec 000 §4.1 defines it, and the events.

Peers in other languages validate these documents with zod; what zod accepts is accepted here, what it refuses is refused, and what is
written here zod accepts. Two differences are on purpose:

- wider: a time may carry an offset such as `+02:00`; it is written back in UTC with `Z`;
- narrower: an optional field of ours (its description begins with "Ours.") is refused when it is malformed; zod drops it unread.

Read documents with `Model.from_wire(obj)` or `Model.from_json(text)`, other schemas with `parse(URL, obj)`; write them with `to_wire()` and
`to_json()`. This package knows the shapes only: not whether a plan makes sense, not what is done with it.
"""

from __future__ import annotations

from importlib.util import find_spec

from holdfast.errors import MissingExtra

if find_spec("pydantic") is None:
    raise MissingExtra("holdfast.contract", "durable")

from holdfast.contract.actions import (
    ActionDefinition,
    ActionExample,
    ActionIdempotency,
    ActionProbe,
    ActionRateLimit,
    ApiKeyAuthentication,
    Authentication,
    BearerAuthentication,
    CustomAuthentication,
    Endpoint,
    KnownError,
    OAuth2Authentication,
    ProbeCondition,
    RetryPolicy,
)
from holdfast.contract.catalog import (
    ApiBackoff,
    ApiCatalogEntry,
    ApiErrorMapping,
    ApiHealthCheck,
    ApiIdempotency,
    ApiQuirks,
    ApiRateLimitConfig,
    ApiRecoveryStrategy,
    HeaderPattern,
    RateLimitDetection,
    RateLimitExtraction,
)
from holdfast.contract.error_detail import ErrorDetail
from holdfast.contract.events import (
    EVENT_PAYLOADS,
    ActionExecuteCompleted,
    ActionExecuteFailed,
    ActionExecuteRequested,
    ErrorOccurred,
    Event,
    PlanExecuteCancelled,
    PlanExecuteCompleted,
    PlanExecuteFailed,
    PlanExecuteStarted,
    RecoveryOf,
)
from holdfast.contract.model import WireModel, parse, parse_json, to_wire
from holdfast.contract.plans import (
    ActionCondition,
    ErrorHandling,
    ExecutionPlan,
    ExpectedOutcome,
    OutcomeValidation,
    PlanIntent,
    PlanMetadata,
    PlannedAction,
    UserConfirmation,
)
from holdfast.contract.scalars import (
    URL,
    UUID,
    ActionId,
    ActionReference,
    CustomerId,
    DurationMs,
    ExecutionId,
    ISODateTime,
    PatternId,
    UserId,
)
from holdfast.contract.states import (
    ActionExecutionState,
    ActionFailure,
    ActionResult,
    ActionSkipped,
    ActionStatus,
    ActionSuccess,
    Confirmation,
    ExecutionMetrics,
    ExecutionState,
    ExecutionStatus,
    HttpExchange,
    HttpRequest,
    HttpResponse,
    RecoveryRecord,
)
from holdfast.contract.storage import StorageLocation
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy

__all__ = [
    "EVENT_PAYLOADS",
    "URL",
    "UUID",
    "ActionCondition",
    "ActionDefinition",
    "ActionExample",
    "ActionExecuteCompleted",
    "ActionExecuteFailed",
    "ActionExecuteRequested",
    "ActionExecutionState",
    "ActionFailure",
    "ActionId",
    "ActionIdempotency",
    "ActionProbe",
    "ActionRateLimit",
    "ActionReference",
    "ActionResult",
    "ActionSkipped",
    "ActionStatus",
    "ActionSuccess",
    "ApiBackoff",
    "ApiCatalogEntry",
    "ApiErrorMapping",
    "ApiHealthCheck",
    "ApiIdempotency",
    "ApiKeyAuthentication",
    "ApiQuirks",
    "ApiRateLimitConfig",
    "ApiRecoveryStrategy",
    "Authentication",
    "BearerAuthentication",
    "Confirmation",
    "CustomAuthentication",
    "CustomerId",
    "DurationMs",
    "Endpoint",
    "ErrorCategory",
    "ErrorDetail",
    "ErrorHandling",
    "ErrorOccurred",
    "Event",
    "ExecutionId",
    "ExecutionMetrics",
    "ExecutionPlan",
    "ExecutionState",
    "ExecutionStatus",
    "ExpectedOutcome",
    "HeaderPattern",
    "HttpExchange",
    "HttpRequest",
    "HttpResponse",
    "ISODateTime",
    "KnownError",
    "OAuth2Authentication",
    "OutcomeValidation",
    "PatternId",
    "PlanExecuteCancelled",
    "PlanExecuteCompleted",
    "PlanExecuteFailed",
    "PlanExecuteStarted",
    "PlanIntent",
    "PlanMetadata",
    "PlannedAction",
    "ProbeCondition",
    "RateLimitDetection",
    "RateLimitExtraction",
    "RecoveryOf",
    "RecoveryRecord",
    "RecoveryStrategy",
    "RetryPolicy",
    "StorageLocation",
    "UserConfirmation",
    "UserId",
    "WireModel",
    "json_schemas",
    "parse",
    "parse_json",
    "to_wire",
]


def json_schemas() -> dict[str, dict[str, object]]:
    """One JSON Schema 2020-12 document for every schema of the contract, by name."""
    from holdfast.contract.json_schema import schemas_of  # noqa: PLC0415 # only the export needs it

    functions = {"EVENT_PAYLOADS", "WireModel", "json_schemas", "parse", "parse_json", "to_wire"}
    return schemas_of({name: globals()[name] for name in __all__ if name not in functions})
