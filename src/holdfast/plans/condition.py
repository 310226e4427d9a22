"""Whether an action is performed at all: the value that its condition names, judged. Pure.

A condition is true or false, as JSON or as the words `"true"` and `"false"`; anything else is an error of the plan or of the answer it reads,
never a guess (SURFACES §6). Who asks, and what follows, is the business of `holdfast.recovery.entering`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from holdfast.plans.outcome import value_of
from holdfast.plans.references import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.plans.references import Reference

__all__ = ["Condition", "Judged", "Verdict", "judge", "truth_of"]

WORDS = {"true": True, "false": False}


class Verdict(StrEnum):
    """What a condition says about its action."""

    EXECUTE = "execute"
    SKIP = "skip"
    FAIL = "fail"
    """It is false, and false means failure."""
    INVALID = "invalid"
    """Its value is neither true nor false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When an action is performed: if the value at `reference` is true; `otherwise` says what a false one means."""

    reference: Reference
    otherwise: Literal["skip", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a condition says, and why, in words that name the condition and its value."""

    verdict: Verdict
    reason: str


def judge(condition: Condition, parts: Mapping[str, object]) -> Judged:
    """Judge a condition by what its reference reads; `parts` holds `output` (or where it lies), `status` and `error` of that action."""
    value = value_of(condition.reference, parts)
    text = condition.reference.text
    match truth_of(value):
        case True:
            return Judged(verdict=Verdict.EXECUTE, reason=f"its condition {text} is true")
        case False:
            return Judged(verdict=Verdict(condition.otherwise), reason=f"its condition {text} is {shown(value)}")
        case _:
            found = "is not there" if value is MISSING else f"is {shown(value)}"
            return Judged(verdict=Verdict.INVALID, reason=f"its condition {text} {found}, and not true or false")


def truth_of(value: object) -> bool | None:
    """Return what a value means as a condition; None for everything but true, false and these two words, in small letters."""
    if isinstance(value, bool):
        return value
    return WORDS.get(value) if isinstance(value, str) else None


def shown(value: object) -> str:
    """Return a value for a message: what it is, and itself only where it is a short plain one. What an API answered may be personal."""
    if isinstance(value, bool) or value is None or (isinstance(value, str) and value in WORDS):
        return json.dumps(value)
    kind = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}.get(type(value))
    return kind or "something else"
