"""What is announced and asked between the parts: CloudEvents 1.0 envelopes and their payloads.

`error.occurred` is the event of spec 000 §3.2; the others are ours. The bare `type` names the payload, `subject` the execution.
Envelopes of others are read as generously as CloudEvents allows (only `specversion`, `id`, `source`, `type` are required); ours carry all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from holdfast.contract.checks import Json, JsonObject, Maybe, Number, Record, Text, Word, number_check, text_check
from holdfast.contract.error_detail import ErrorDetail
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import UUID, ActionId, DurationMs, ISODateTime
from holdfast.contract.states import ActionSuccess
from holdfast.errors import BadInput, Problem
from holdfast.faults.taxonomy import RecoveryStrategy

__all__ = [
    "EVENT_PAYLOADS",
    "ActionExecuteCompleted",
    "ActionExecuteFailed",
    "ActionExecuteRequested",
    "ErrorOccurred",
    "Event",
    "PlanExecuteCancelled",
    "PlanExecuteCompleted",
    "PlanExecuteFailed",
    "PlanExecuteStarted",
    "RecoveryOf",
]

Purpose = Literal["perform", "probe", "refresh"]
"""What an attempt is for: the action itself, asking whether an earlier attempt took effect, or renewing its credential."""
Attempt = Annotated[int, number_check(whole=True, least=1, description="The attempt; the first is 1.")]
NonEmpty = Annotated[str, text_check(bool, "a string that is not empty", minLength=1)]


class ErrorOccurred(WireModel):
    """`error.occurred`: an attempt of an action failed in a way its basic retries cannot mend."""

    execution_id: UUID = Field(description="The execution.")
    action_id: Text = Field(description="The action that failed.")
    error: ErrorDetail = Field(description="What went wrong.")
    attempt_number: Number = Field(description="The attempt that failed; any number on the wire, the first is 1.")


class RecoveryOf(WireModel):
    """Why an action is requested outside the plan's own order."""

    strategy: Word[RecoveryStrategy] = Field(description="The strategy that asks for it.")
    for_action_id: ActionId = Field(description="The failed action it is to mend.")


class ActionExecuteRequested(WireModel):
    """`action.execute.requested`: somebody is to perform an action now."""

    execution_id: UUID = Field(description="The execution.")
    action_id: ActionId = Field(description="The action.")
    action_definition_id: Text = Field(description="The definition it follows.")
    inputs: Record[Json] = Field(description="Its inputs, references replaced by values.")
    attempt_number: Attempt = Field(description="The attempt this is; the first is 1.")
    timeout_ms: Maybe[DurationMs] = Field(
        default=None, description="How long it may take, in milliseconds; else as defined."
    )
    idempotency_key: Text = Field(description="The same for all attempts; to be sent where the API honours it.")
    recovery: Maybe[RecoveryOf] = Field(default=None, description="Set when recovery asks for it.")
    purpose: Maybe[Word[Purpose]] = Field(
        default=None,
        description="Ours. What it is for; absent means perform. Each purpose counts its own attempts: name it in the answer.",
    )


class ActionExecuteCompleted(WireModel):
    """`action.execute.completed`: an attempt worked."""

    execution_id: UUID = Field(description="The execution.")
    action_id: ActionId = Field(description="The action.")
    attempt_number: Attempt = Field(description="The attempt that worked; the first is 1.")
    result: ActionSuccess = Field(description="What came out.")
    purpose: Maybe[Word[Purpose]] = Field(
        default=None, description="Ours. The purpose of the request that is answered; absent means perform."
    )
    full_output: Maybe[JsonObject] = Field(
        default=None,
        description="Ours. The whole output with its types; without it, later actions read the texts of result.output.",
    )


class ActionExecuteFailed(WireModel):
    """`action.execute.failed`: an attempt failed."""

    execution_id: UUID = Field(description="The execution.")
    action_id: ActionId = Field(description="The action.")
    attempt_number: Attempt = Field(description="The attempt that failed; the first is 1.")
    error: ErrorDetail = Field(description="What went wrong.")
    purpose: Maybe[Word[Purpose]] = Field(
        default=None, description="Ours. The purpose of the request that is answered; absent means perform."
    )


class PlanExecuteStarted(WireModel):
    """`plan.execute.started`: an execution began."""

    execution_id: UUID = Field(description="The execution.")
    plan_id: UUID = Field(description="Its plan.")


class PlanExecuteCompleted(WireModel):
    """`plan.execute.completed`: an execution reached its end."""

    execution_id: UUID = Field(description="The execution.")
    plan_id: UUID = Field(description="Its plan.")


class PlanExecuteCancelled(WireModel):
    """`plan.execute.cancelled`: a person ended an execution."""

    execution_id: UUID = Field(description="The execution.")
    plan_id: UUID = Field(description="Its plan.")


class PlanExecuteFailed(WireModel):
    """`plan.execute.failed`: an execution failed for good."""

    execution_id: UUID = Field(description="The execution.")
    plan_id: UUID = Field(description="Its plan.")
    action_id: Maybe[ActionId] = Field(default=None, description="The action it failed at, if it was one.")
    error: ErrorDetail = Field(description="What ended it.")
    attempts: Annotated[int, number_check(whole=True, least=0)] = Field(description="Attempts that action made in all.")


EVENT_PAYLOADS: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {
        "error.occurred": ErrorOccurred,
        "action.execute.requested": ActionExecuteRequested,
        "action.execute.completed": ActionExecuteCompleted,
        "action.execute.failed": ActionExecuteFailed,
        "plan.execute.started": PlanExecuteStarted,
        "plan.execute.completed": PlanExecuteCompleted,
        "plan.execute.failed": PlanExecuteFailed,
        "plan.execute.cancelled": PlanExecuteCancelled,
    }
)
"""The payload model of each event type."""


class Event(WireModel):
    """A CloudEvents 1.0 envelope in the JSON format; `payload` reads what is in it."""

    specversion: Word[Literal["1.0"]] = Field(default="1.0", description="The version of CloudEvents.")
    id: UUID = Field(description="The event's own id; the same event sent twice has the same.")
    source: NonEmpty = Field(description="Who sent it; ours is /holdfast/<deployment>.")
    type: NonEmpty = Field(description="What kind of event it is, such as error.occurred.")
    subject: Maybe[NonEmpty] = Field(default=None, description="What it is about; ours is the execution.")
    time: Maybe[ISODateTime] = Field(default=None, description="When it happened.")
    datacontenttype: Maybe[NonEmpty] = Field(default=None, description="The media type of `data`; JSON.")
    data: JsonObject = Field(description="The payload; its shape follows from `type`.")

    @classmethod
    def of(cls, payload: WireModel, *, event_id: str, time: datetime, deployment: str) -> Self:
        """Wrap a payload of ours.

        Args:
            payload: a document of one of the types in `EVENT_PAYLOADS`.
            event_id: a UUID; choose it so that the same event always has the same one.
            time: when it happened, with a time zone.
            deployment: the name of this deployment; becomes the source `/holdfast/<deployment>`.
        """
        kind = _TYPES[type(payload)]
        data = payload.to_wire()
        subject = data["executionId"]
        assert isinstance(subject, str), "every payload of ours names its execution"
        source = f"/holdfast/{deployment}"
        return cls(
            id=event_id,
            source=source,
            type=kind,
            subject=subject,
            time=time,
            datacontenttype="application/json",
            data=data,
        )

    def payload(self, *, source: str = "") -> WireModel:
        """What is in the envelope, read by the model its `type` names.

        Raises:
            BadInput: the type is none of ours, or `data` does not fit; paths begin with `data`.
        """
        model = EVENT_PAYLOADS.get(self.type)
        if model is None:
            known = ", ".join(EVENT_PAYLOADS)
            raise BadInput(
                [Problem(source=source, path="type", message=f"must be an event type Holdfast knows, one of {known}")]
            )
        try:
            return model.from_wire(self.data, source=source)
        except BadInput as err:
            raise BadInput([_below_data(problem) for problem in err.problems]) from None


_TYPES: Final[Mapping[type[WireModel], str]] = MappingProxyType({model: name for name, model in EVENT_PAYLOADS.items()})


def _below_data(problem: Problem) -> Problem:
    dot = "" if problem.path.startswith("[") or not problem.path else "."
    return Problem(source=problem.source, path=f"data{dot}{problem.path}", message=problem.message)
