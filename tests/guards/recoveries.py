"""What the tests of the recovery engine share: remedies, calls that fail, a cache and a judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.verdict import Verdict
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.policies.remedies import (
    Condition,
    Measure,
    Remedy,
    UseDefault,
)
from tests.guards.virtual import BEGIN

ALWAYS = (Condition(predicate=lambda facts: True),)


@dataclass(slots=True)
class Kept:
    """An answer in the cache below."""

    value: object


@dataclass(slots=True)
class Answers:
    """A cache."""

    kept: dict[str, object] = field(default_factory=dict)
    is_local: bool = True

    def get(self, key: str) -> Kept | None:
        """The answer of a key."""
        return Kept(self.kept[key]) if key in self.kept else None

    def put(self, key: str, value: object, *, keep_s: float) -> bool:
        """Keep an answer."""
        self.kept[key] = value
        return keep_s > 0


class HttpError(Exception):
    """An error as clients raise it for an answer."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def judge(error: BaseException) -> Verdict:
    """Judge errors that carry a status by it, others in general."""
    if isinstance(error, HttpError):
        return classify(capture_answer(error.status, [], body=b"", operation="o", observed_at=BEGIN))
    return classify(capture_exception(error, operation="o", observed_at=BEGIN))


def cure(
    *measures: Measure, name: str = "cure", attempts_max: int = 9, timeout_s: float = 100.0, priority: int = 1
) -> Remedy:
    """A remedy that always applies."""
    return Remedy(name=name, priority=priority, conditions=ALWAYS, measures=measures, attempts_max=attempts_max, timeout_s=timeout_s)  # fmt: skip


def failing(*errors: Exception, answer: object = "fine") -> Callable[..., object]:
    """A function that fails so often, then answers."""
    left = list(errors)

    def work(*_args: object, **_kwargs: object) -> object:
        if left:
            raise left.pop(0)
        return answer

    return work


def reading(function: Callable[..., object] | None, *args: object, **more: object) -> RecoveryCall:
    """A call that changes nothing."""
    about = {"operation": "read", "dependency": "crm", "endpoint": "/test", "method": "GET", **more}
    return RecoveryCall(function, args, **about)  # type: ignore[arg-type]  # fields by name


def broken_remedy() -> Remedy:
    """A remedy whose predicate raises."""
    conditions = (Condition(predicate=lambda facts: 1 / 0 > 0),)
    return Remedy(name="broken", priority=0, conditions=conditions, measures=(UseDefault(value=0),))


async def answer_later() -> int:
    """An async function."""
    return 1
