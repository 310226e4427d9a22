"""Results that come with a verdict of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import holdfast
from holdfast import ErrorCategory, Judgement, Retry
from holdfast.errors import Exhausted
from holdfast.guards.judging import ResultJudge
from holdfast.testing.world import controlled_world


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with controlled_world():
        yield


def reason(result: ResultJudge, *, retry: Retry) -> tuple[str, int]:
    """Why a policy that judges results so stops, after how many attempts."""
    policy = holdfast.policy("api", retry=retry, result=result)
    with pytest.raises(Exhausted) as caught:
        policy.call(lambda: "a result")
    return caught.value.reason, len(caught.value.attempts)


def test_a_verdict_on_a_result_says_itself_whether_a_repeat_helps() -> None:
    """A result that is judged to be the caller's mistake is not asked for again."""
    wrong = Judgement(category=ErrorCategory.VALIDATION_FAILED)

    assert reason(lambda _: wrong, retry=Retry(budget=None))[1] == 1


def test_a_result_that_is_only_called_a_failure_is_repeated_whatever_the_categories_are() -> None:
    """`result=` may say nothing but yes or no; then it is meant to be repeated."""
    retry = Retry(categories=frozenset({ErrorCategory.NETWORK_TIMEOUT}), attempts_max=2, budget=None)
    policy = holdfast.policy("api", retry=retry, result=lambda _: True, repeatable=True)

    with pytest.raises(Exhausted) as caught:
        policy.call(lambda: "a result")

    assert (caught.value.reason, len(caught.value.attempts)) == ("attempts-exhausted", 2)


def test_a_returned_last_result_is_told_as_the_end_of_attempts() -> None:
    """With `returns_last` nothing is raised, but listeners hear that the attempts are used up."""
    told: list[str] = []
    policy = holdfast.policy(
        "api", retry=Retry(attempts_max=2, budget=None), result=lambda _: True, repeatable=True, returns_last=True
    )
    policy.on("call.exhausted", lambda event: told.append(str(event.facts["reason"])))

    assert policy.call(lambda: "a result") == "a result"
    assert told == ["attempts-exhausted"]
