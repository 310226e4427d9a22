"""Which strategies stand around a call, and what that means in words."""

from __future__ import annotations

import pytest

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.policies.breaker import Breaker
from holdfast.policies.budget import Budget
from holdfast.policies.composition import Composition, explain
from holdfast.policies.retry import Growth, Retry
from holdfast.policies.timeout import Timeout


def words(**strategies: object) -> str:
    """What a policy of these says about itself."""
    return explain(Composition(name="crm", **strategies))


def test_tells_the_strategies_in_the_order_a_call_meets_them() -> None:
    """Deadline, retry, breaker, attempt timeout."""
    told = words(retry=Retry(), timeout=Timeout(deadline_s=20, attempt_s=4), breaker=Breaker())

    places = [told.index(word) for word in ("'crm'", "deadline  ", "retry  ", "breaker  ", "timeout  ")]
    assert places == sorted(places)
    assert "the whole call has 20 s" in told
    assert "one attempt has 4 s" in told


@pytest.mark.parametrize(
    ("strategies", "said"),
    [
        pytest.param({"retry": Retry()}, "3 attempts in all; waits 1 s, times 2, at most 30 s, jitter full", id="exponential"),
        pytest.param({"retry": Retry(growth=Growth.FIXED)}, "waits 1 s each, jitter", id="fixed"),
        pytest.param({"retry": Retry(growth=Growth.LINEAR)}, "waits 1 s more each time, at most 30 s", id="linear"),
        pytest.param({"retry": Retry()}, "repeats api_response_malformed, api_unexpected_status, network_", id="categories"),
        pytest.param({"retry": Retry()}, "a call whose outcome is unknown is not repeated (repeatable=False)", id="once"),
        pytest.param({"retry": Retry(), "repeatable": True}, "you say that doing it twice does no harm", id="repeatable"),
        pytest.param({"retry": Retry(budget=None)}, "without a budget: in an outage every call makes all its attempts", id="no-budget"),
        pytest.param({"retry": Retry(budget=Budget(ratio=0.3))}, "budget: 30% of the calls of 10 s, and 3 a second", id="budget"),
        pytest.param({"breaker": Breaker()}, "50% of at least 10 calls in 60 s failed or 5 failed in a row; open 30 s", id="breaker"),
        pytest.param({"breaker": Breaker(window_calls=20)}, "of at least 10 calls in 20 calls failed", id="by-count"),
        pytest.param({"breaker": Breaker(slow_s=2, slow_ratio=0.8)}, "or 80% of them took 2 s or longer or", id="slow"),
        pytest.param({"breaker": Breaker(categories={C.AUTH_INVALID: 2})}, "or 2 in a row were auth_invalid;", id="category"),
        pytest.param(
            {"breaker": Breaker(failure_ratio=None)}, "opens when 5 failed in a row; open 30 s, growing to 300 s; 1 probe", id="in-a-row"
        ),
        pytest.param({"breaker": Breaker(failures_consecutive=None)}, "in 60 s failed; open", id="by-ratio-alone"),
        pytest.param({"timeout": Timeout(attempt_s=1)}, "retry", id="left-out"),
    ],
)  # fmt: skip
def test_says_what_each_strategy_means(strategies: dict[str, object], said: str) -> None:
    """With the numbers that hold."""
    assert said in words(**strategies)


def test_says_what_is_left_out() -> None:
    """Somebody who reads it sees what is missing, and only that."""
    told = words(timeout=Timeout(deadline_s=3)).splitlines()[-1]

    assert "left out" in told
    assert "retry" in told
    assert "breaker" in told
    assert "timeout" not in told
    assert "one attempt" not in words(timeout=Timeout(deadline_s=3))
    assert "the whole call" not in words(timeout=Timeout(attempt_s=3))


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        pytest.param({"name": ""}, ["name"], id="no-name"),
        pytest.param({"name": "x" * 201}, ["name"], id="long-name"),
        pytest.param({"name": 7}, ["name"], id="no-text"),
        pytest.param(
            {"retry": Breaker(), "breaker": 3, "timeout": 1.5}, ["timeout", "retry", "breaker"], id="wrong-kinds"
        ),
        pytest.param({"repeatable": 1, "returns_last": None}, ["repeatable", "returns_last"], id="no-truth-values"),
    ],
)
def test_refuses_parts_of_the_wrong_kind(wrong: dict[str, object], paths: list[str]) -> None:
    """All of them at once."""
    with pytest.raises(BadSettings) as refused:
        Composition(**{"name": "crm", **wrong})

    assert paths == [problem.path for problem in refused.value.problems]
    assert {"policy"} == {problem.source for problem in refused.value.problems}


def test_takes_a_name_of_any_length_that_fits() -> None:
    """1 to 200 characters."""
    assert ["x", "x" * 200] == [Composition(name=name).name for name in ("x", "x" * 200)]
