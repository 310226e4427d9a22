"""The largest groups of faults by fingerprint, with an example and ids, in bounded memory.

Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams" (ICDT 2005): with all places taken, a new
fingerprint takes over the smallest group together with its count. What it took over is its possible error, told with the group: the true count is
at most that much smaller. Over a sliding window that share has left a window later, and the error with it. A fingerprint with more than one in
`groups_max` of the window's faults always has a group.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.faults.correlation.causes import Cause
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.correlation.window import STEPS
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Verdict

__all__ = ["Group", "Kept"]

EXAMPLE_MAX_CHARS = 100
FINGERPRINT_MAX_CHARS = 84
SLUG_MAX_CHARS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Faults with one fingerprint, as they are in the window.

    `count` may be up to `error` too high, never too low. `first_s` and `last_s` are seconds of the clock that faults were recorded by; `example` is
    the message of the first, `ids` those of the latest.
    """

    fingerprint: str
    category: ErrorCategory
    dependency: str
    count: int
    error: int
    first_s: float
    last_s: float
    example: str
    rule: str
    status: int | None
    code: str | None
    credential: str | None
    ids: tuple[Ids, ...]


class Kept:
    """What is kept of one group; used again for another when that takes its place."""

    __slots__ = (
        "category", "cause", "code", "credential", "dependency", "example", "fingerprint", "first_s", "ids", "inherited", "last_s", "rows", "rule",
        "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.fingerprint = ""

    def take(
        self,
        verdict: Verdict,
        dependency: str,
        *,
        cause: Cause | None,
        rows: tuple[int, ...],
        now: float,
        inherited: int,
    ) -> None:
        """Be the group of a verdict's fingerprint from now on."""
        self.fingerprint = verdict.fingerprint[:FINGERPRINT_MAX_CHARS]
        self.category = verdict.category
        self.dependency = dependency
        self.cause = cause
        self.rows = rows
        self.rule = verdict.rule[:SLUG_MAX_CHARS]
        self.status = verdict.status
        self.code = None if verdict.code is None else verdict.code[:SLUG_MAX_CHARS]
        self.credential = None if verdict.credential is None else verdict.credential[:SLUG_MAX_CHARS]
        message = verdict.message
        # Characters beyond ASCII take up to four times the room.
        self.example = message[: EXAMPLE_MAX_CHARS if message.isascii() else EXAMPLE_MAX_CHARS // 2]
        self.first_s = self.last_s = now
        self.inherited = inherited
        self.ids: tuple[Ids, ...] = ()

    def error(self, count: int, *, now: float, span_s: float) -> int:
        """By how much a count of this group may be too high."""
        # What was taken over may share a step with what came just after.
        return min(self.inherited, count) if now - self.first_s <= span_s * (1 + 1 / STEPS) else 0
