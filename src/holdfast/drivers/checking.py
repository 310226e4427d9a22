"""What keeps an attempt from being made, and what its output is held against: inputs, time, and the schemas of its definition."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.plans.value_schema import flaws
from holdfast.ports.rows import Purpose
from holdfast.recovery.detail import REFRESH_LATE, misfit_verdict, refusal_verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from holdfast.faults.verdict import Verdict
    from holdfast.plans.frozen import FrozenAction
    from holdfast.recovery.assigning import Assignment

__all__ = ["Refused", "misfit_of", "refuse_late", "refuse_misfits"]

MISFITS_MAX = 5
"""So many flaws of inputs or outputs are told at once."""
LARGE = 65_536
"""Outputs of so many bytes are checked in a thread."""


class Refused(Exception):
    """The attempt cannot be made; the verdict says why."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(verdict.message)


def refuse_late(assignment: Assignment, *, now: datetime) -> None:
    """Refuse to send a refresh that was claimed too long ago (the process stood still): another worker may have taken it over."""
    if assignment.send_before is not None and now > assignment.send_before:
        message = "the refresh was claimed too long ago to be sent; another worker may have taken it over"
        raise Refused(replace(refusal_verdict(message, rule=REFRESH_LATE), category=ErrorCategory.NETWORK_TIMEOUT))


def refuse_misfits(inputs: Mapping[str, object], assignment: Assignment) -> None:
    """Refuse inputs that are not what the definition's inputSchema says, before anything is sent. Values are not repeated: they may be secret."""
    if assignment.step.purpose is Purpose.REFRESH:
        return  # everybody waits for it; what it needs was looked at when the plan was accepted
    found = flaws(inputs, assignment.action.takes)
    if found:
        told = "; ".join(f"the input {name!r} {message}" for name, message in found[:MISFITS_MAX])
        raise Refused(refusal_verdict(f"{told}, says inputSchema. Nothing was sent.", rule="input-schema"))


async def misfit_of(
    output: Mapping[str, object], action: FrozenAction, *, size: int, is_own_answer: bool
) -> Verdict | None:
    """Return the verdict about an output that is not what outputSchema says; None when it is. Large ones do not hold the other attempts up."""
    if not action.gives:
        return None
    found = flaws(output, action.gives) if size < LARGE else await asyncio.to_thread(flaws, output, action.gives)
    if not found:
        return None
    told = "; ".join(f"{name!r} {message}" for name, message in found[:MISFITS_MAX])
    return misfit_verdict(f"The output does not keep to outputSchema: {told}.", is_own_answer=is_own_answer)
