"""The circumstances of a durable attempt, kept beside its fault: which try it was, what was sent, and by which ids to follow it.

Made only once an attempt has failed on the way or has an answer to judge. What went out is kept as a digest; where an action handles personal
values there is none, because the digest of a short text can be guessed.
"""

from __future__ import annotations

from holdfast.drivers.hidden import Hidden
from holdfast.faults.context import FaultContext, context_of
from holdfast.ports.http import HttpRequest
from holdfast.recovery.assigning import Assignment

__all__ = ["circumstances"]


def circumstances(assignment: Assignment, request: HttpRequest, *, told: HttpRequest, hidden: Hidden) -> FaultContext:
    """The context of an attempt.

    Args:
        assignment: the attempt.
        request: what was sent.
        told: the request as it may be told, with what is personal taken out.
        hidden: the personal values of the attempt.
    """
    is_open = not hidden.values and assignment.action.grant is None
    return context_of(
        attempt=max(1, assignment.attempt.n),
        endpoint=assignment.action.definition_id,
        payload=request.body if is_open else None,
        request_headers=told.headers,
    )
