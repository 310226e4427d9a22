"""How a failure is told on the wire: `ErrorDetail` (spec 000 §4.1)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.contract.checks import Flag, Maybe, Record, Text, Whole, Word
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import ISODateTime
from holdfast.faults.taxonomy import ErrorCategory

__all__ = ["ErrorDetail"]


class ErrorDetail(WireModel):
    """What went wrong with one action or execution.

    The last four fields are ours and optional; peers that do not know them lose nothing. Whether the request may be repeated follows from
    `outcome`, never from `category`.
    """

    category: Word[ErrorCategory] = Field(description="The kind of failure; decides the way of recovery.")
    message: Text = Field(description="What happened, for people.")
    code: Maybe[Text] = Field(default=None, description="The API's own error code, if it gave one.")
    status_code: Maybe[Whole] = Field(default=None, description="The HTTP status, if there was an answer.")
    retryable: Flag = Field(description="Whether the bare repeat of the same request is allowed to be tried.")
    retry_after: Maybe[ISODateTime] = Field(
        default=None, description="The earliest moment to try again, if the other side named one."
    )
    context: Record[Text] = Field(description="Further facts for debugging.")
    suggestion: Maybe[Text] = Field(default=None, description="What may help, for people.")

    outcome: Maybe[Word[Literal["not_executed", "unknown", "executed"]]] = Field(
        default=None, description="Ours. Whether the side effect happened; decides whether a repeat is safe."
    )
    api_id: Maybe[Text] = Field(default=None, description="Ours. The catalog entry of the API that failed.")
    credential: Maybe[Text] = Field(
        default=None, description="Ours. The name of the credential that was used; never its value."
    )
    fingerprint: Maybe[Text] = Field(default=None, description="Ours. Equal for failures of the same cause.")
