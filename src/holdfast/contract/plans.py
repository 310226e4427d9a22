"""What is to be done: the plan and its actions (spec 000 §4.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.contract.checks import Flag, Literally, Maybe, Record, RecordBy, Text, Word, number_check
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import ActionId, ActionReference, DurationMs, ExecutionId, ISODateTime, UserId
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy

__all__ = [
    "ActionCondition",
    "ErrorHandling",
    "ExecutionPlan",
    "ExpectedOutcome",
    "OutcomeValidation",
    "PlanIntent",
    "PlanMetadata",
    "PlannedAction",
    "UserConfirmation",
]


class ActionCondition(WireModel):
    """When an action is performed at all."""

    if_: ActionReference = Field(
        validation_alias="if", serialization_alias="if", description="The value that decides: true or false."
    )
    then: Word[Literal["execute"]] = Field(description="What happens when it is true.")
    else_: Word[Literal["skip", "fail"]] = Field(
        validation_alias="else", serialization_alias="else", description="What happens when it is false."
    )


class ErrorHandling(WireModel):
    """What follows when an action failed and recovery gave up; the alternative comes first, then the fallback, then going on."""

    continue_on_failure: Flag = Field(description="Whether the plan goes on without this action.")
    fallback_value: Maybe[Record[Text]] = Field(default=None, description="Taken as the output instead.")
    alternative_action_id: Maybe[ActionId] = Field(default=None, description="The action to perform instead.")


class UserConfirmation(WireModel):
    """A question to a person before an action is performed."""

    required: Flag = Field(description="Whether the execution pauses for the answer.")
    title: Text = Field(description="The question's title.")
    message: Text = Field(description="What is being confirmed.")
    timeout: Maybe[DurationMs] = Field(
        default=None, description="No answer within this time counts as no, in milliseconds."
    )


class PlannedAction(WireModel):
    """One action of a plan."""

    id: ActionId = Field(description="Its name, unique within the plan.")
    action_definition_id: Text = Field(description="The definition it follows.")
    inputs: Record[Literally] = Field(
        description="Its inputs; a string may be a reference such as ${other.output.field}."
    )
    dependencies: tuple[ActionId, ...] = Field(description="Actions that have to come first.")
    condition: Maybe[ActionCondition] = Field(default=None, description="When it is performed at all.")
    error_handling: ErrorHandling = Field(description="What follows when it failed for good.")
    user_confirmation: Maybe[UserConfirmation] = Field(default=None, description="A question to a person before it.")

    phase: Maybe[Text] = Field(
        default=None, description="Ours. The phase of the plan it belongs to, for checkpoints and progress."
    )
    agent: Maybe[Text] = Field(default=None, description="Ours. Who performs it, for checkpoints and progress.")
    checkpoint: Maybe[Word[Literal["before", "after", "both"]]] = Field(
        default=None, description="Ours. When a checkpoint is taken around it."
    )
    recovery: Maybe[RecordBy[ErrorCategory, Word[RecoveryStrategy]]] = Field(
        default=None, description="Ours. The strategy to take for a category."
    )
    critical: Maybe[Flag] = Field(default=None, description="Ours. Whether its failure is critical to the whole.")


class PlanIntent(WireModel):
    """What was asked for, and how it was understood."""

    original: Text = Field(description="The request in the person's words.")
    interpreted: Text = Field(description="How it was understood.")
    confidence: Annotated[int | float, number_check(whole=False, least=0, most=1)] = Field(
        description="How sure that is, 0 to 1."
    )


class OutcomeValidation(WireModel):
    """One check of a finished plan."""

    name: Text = Field(description="The check's name.")
    reference: ActionReference = Field(description="The value that is checked.")
    operator: Word[Literal["exists", "equals", "contains", "matches"]] = Field(description="How it is compared.")
    value: Maybe[Text] = Field(default=None, description="What it is compared with.")


class ExpectedOutcome(WireModel):
    """How success is recognised."""

    description: Text = Field(description="What success looks like.")
    validations: tuple[OutcomeValidation, ...] = Field(description="The checks; all have to hold.")


class PlanMetadata(WireModel):
    """Facts about a plan."""

    created_at: ISODateTime = Field(description="When it was created.")
    created_by: Maybe[UserId] = Field(default=None, description="Who created it.")
    estimated_duration: DurationMs = Field(description="How long it is expected to take, in milliseconds.")
    tags: tuple[Text, ...] = Field(description="Words to find it by.")


class ExecutionPlan(WireModel):
    """A plan: its actions, their dependencies, and how success is recognised."""

    id: ExecutionId = Field(description="The plan's name; a UUID.")
    name: Text = Field(description="The plan's name for people.")
    description: Text = Field(description="What it accomplishes.")
    intent: PlanIntent = Field(description="What was asked for.")
    actions: tuple[PlannedAction, ...] = Field(description="What is to be done.")
    expected_outcome: ExpectedOutcome = Field(description="How success is recognised.")
    metadata: PlanMetadata = Field(description="Facts about the plan.")
