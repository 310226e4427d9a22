"""How far it got: the state of an execution and of each of its actions (spec 000 §4.1)."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated, Literal

from pydantic import Field

from holdfast.contract.checks import Flag, Maybe, Record, Text, Whole, Word
from holdfast.contract.error_detail import ErrorDetail
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import URL, UUID, DurationMs, ISODateTime
from holdfast.contract.storage import StorageLocation
from holdfast.contract.variants import OneVariant
from holdfast.faults.taxonomy import ErrorCategory

__all__ = [
    "ActionExecutionState",
    "ActionFailure",
    "ActionResult",
    "ActionSkipped",
    "ActionStatus",
    "ActionSuccess",
    "Confirmation",
    "ExecutionMetrics",
    "ExecutionState",
    "ExecutionStatus",
    "HttpExchange",
    "HttpRequest",
    "HttpResponse",
    "RecoveryRecord",
]


@unique
class ActionStatus(StrEnum):
    """Where an action stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


@unique
class ExecutionStatus(StrEnum):
    """Where an execution stands; the last three are final."""

    INITIALIZING = "initializing"
    RUNNING = "running"
    PAUSED_FOR_CONFIRMATION = "paused_for_confirmation"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ActionSuccess(WireModel):
    """The result of an action that worked."""

    status: Word[Literal["success"]] = Field(description="This kind of result.")
    output: Record[Text] = Field(description="The output's top-level keys; values that are no strings as JSON text.")
    output_location: StorageLocation = Field(description="Where the full output rests.")


class ActionFailure(WireModel):
    """The result of an action that failed for good."""

    status: Word[Literal["failure"]] = Field(description="This kind of result.")
    error: ErrorDetail = Field(description="What went wrong.")
    partial_output: Maybe[Record[Text]] = Field(default=None, description="What came out before it failed.")


class ActionSkipped(WireModel):
    """The result of an action that was not performed."""

    status: Word[Literal["skipped"]] = Field(description="This kind of result.")
    reason: Text = Field(description="Why it was left out.")


ActionResult = Annotated[ActionSuccess | ActionFailure | ActionSkipped, OneVariant("status")]
"""How an action ended; the variant is told by `status`."""


class HttpRequest(WireModel):
    """A request as it was sent, secrets removed."""

    method: Text = Field(description="The HTTP method.")
    url: URL = Field(description="The whole address, with its query.")
    headers: Record[Text] = Field(description="The headers.")
    body: Maybe[Text] = Field(default=None, description="The body, if there was one.")


class HttpResponse(WireModel):
    """An answer as it came."""

    status: Whole = Field(description="The HTTP status.")
    headers: Record[Text] = Field(description="The headers.")
    body: Text = Field(description="The body.")
    duration: DurationMs = Field(description="From sending to the end of the answer, in milliseconds.")


class HttpExchange(WireModel):
    """One request and what came of it."""

    timestamp: ISODateTime = Field(description="When the request was made.")
    request: HttpRequest = Field(description="The request.")
    response: Maybe[HttpResponse] = Field(default=None, description="The answer, if one came.")
    error: Maybe[ErrorDetail] = Field(default=None, description="What went wrong on the way.")


class RecoveryRecord(WireModel):
    """Ours. One decision recovery took about an action, and why."""

    attempt: Whole = Field(description="The attempt that failed; the first is 1.")
    at: ISODateTime = Field(description="When it was decided.")
    category: Word[ErrorCategory] = Field(description="The category of the failure.")
    strategy: Text = Field(description="The strategy taken.")
    decision: Text = Field(description="What was decided.")
    reason: Text = Field(description="Why, for people.")
    rule: Text = Field(description="The rule that decided.")
    due_at: Maybe[ISODateTime] = Field(default=None, description="When it is carried out, if later.")


class ActionExecutionState(WireModel):
    """Where one action of an execution stands."""

    action_id: Text = Field(description="The action of the plan.")
    status: Word[ActionStatus] = Field(description="Where it stands.")
    started_at: Maybe[ISODateTime] = Field(default=None, description="When its first attempt began.")
    completed_at: Maybe[ISODateTime] = Field(default=None, description="When it ended.")
    duration: Maybe[DurationMs] = Field(default=None, description="From beginning to end, in milliseconds.")
    attempts: Whole = Field(description="Attempts made so far, the first included.")
    result: Maybe[ActionResult] = Field(default=None, description="How it ended.")
    http_trace: tuple[HttpExchange, ...] = Field(description="Its requests and their answers, in order.")

    recoveries: Maybe[tuple[RecoveryRecord, ...]] = Field(
        default=None, description="Ours. What recovery decided about it, in order."
    )


class Confirmation(WireModel):
    """A question to a person and the answer."""

    action_id: Text = Field(description="The action it is about.")
    requested_at: ISODateTime = Field(description="When it was asked.")
    responded_at: Maybe[ISODateTime] = Field(default=None, description="When it was answered.")
    confirmed: Maybe[Flag] = Field(default=None, description="The answer.")
    user_id: Maybe[Text] = Field(default=None, description="Who answered.")


class ExecutionMetrics(WireModel):
    """An execution in numbers."""

    total_actions: Whole = Field(description="Actions in the plan.")
    completed_actions: Whole = Field(description="Actions that worked.")
    failed_actions: Whole = Field(description="Actions that failed.")
    skipped_actions: Whole = Field(description="Actions that were left out.")
    total_duration: Maybe[DurationMs] = Field(default=None, description="From beginning to end, in milliseconds.")


class ExecutionState(WireModel):
    """Where an execution of a plan stands, action by action."""

    id: UUID = Field(description="The execution.")
    plan_id: UUID = Field(description="Its plan.")
    status: Word[ExecutionStatus] = Field(description="Where it stands.")
    started_at: ISODateTime = Field(description="When it began.")
    completed_at: Maybe[ISODateTime] = Field(default=None, description="When it ended.")
    action_states: Record[ActionExecutionState] = Field(description="Each action's state, by the action's name.")
    confirmations: tuple[Confirmation, ...] = Field(description="Questions to people and their answers.")
    error: Maybe[ErrorDetail] = Field(default=None, description="What ended it.")
    metrics: ExecutionMetrics = Field(description="It in numbers.")
