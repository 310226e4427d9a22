"""Which strategies stand around a call, and what that means in words."""

from __future__ import annotations

import pytest

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.policies.adaptive import AdaptiveLimit
from holdfast.policies.breaker import Breaker
from holdfast.policies.budget import Budget
from holdfast.policies.bulkhead import Bulkhead
from holdfast.policies.cache import Cache
from holdfast.policies.composition import Composition, explain
from holdfast.policies.degradation import Degradation
from holdfast.policies.hedge import Hedge
from holdfast.policies.lesser_answers import Cached, Default
from holdfast.policies.rate_limit import RateKind, RateLimit
from holdfast.policies.retry import Growth, Retry
from holdfast.policies.throttle import Throttle
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


@pytest.mark.parametrize(
    ("strategies", "line"),
    [
        pytest.param({"cache": Cache(ttl_s=5)}, "  cache     an answer is good for 5 s", id="cache"),
        pytest.param(
            {"cache": Cache(ttl_s=5, stale_while_revalidate_s=9)},
            "  cache     an answer is good for 5 s, then stale for 9 s while one call refreshes it",
            id="stale-answers",
        ),
        pytest.param(
            {"degradation": Degradation.of(Cached(), Default(value=0))},
            "  degrades  a failed call is answered cached, then default; never by another call that could do the work twice",
            id="degradation",
        ),
        pytest.param(
            {"hedge": Hedge(delay_s=0.5, extra_max=2)},
            "  hedge     an async call that takes longer than 0.5 s is sent again, 2 more at most; the first answer counts;"
            " each is paid out of the retry budget",
            id="hedge-after-a-time",
        ),
        pytest.param(
            {"hedge": Hedge(delay_s=None, quantile=0.95)},
            "  hedge     an async call that takes longer than 95 % of the latest calls is sent again, 1 more at most; the first answer counts;"
            " each is paid out of the retry budget",
            id="hedge-after-most",
        ),
        pytest.param(
            {"throttle": Throttle(k=2, window_s=120, reject_max=0.9)},
            "  throttle  turns calls away when less than 1 in 2 of the last 120 s was taken, at most 90% of them",
            id="throttle",
        ),
        pytest.param(
            {"rate_limit": RateLimit(calls=10, per_s=2, burst=3)},
            "  rate      10 calls begin per 2 s, 3 at once; nobody waits",
            id="bucket",
        ),
        pytest.param(
            {"rate_limit": RateLimit(calls=10, per_s=2, kind=RateKind.SLIDING_WINDOW, wait_max_s=4)},
            "  rate      10 calls begin per 2 s in any window; others wait up to 4 s",
            id="any-window",
        ),
        pytest.param(
            {"adaptive": AdaptiveLimit(low=4, high=50, initial=7)},
            "  adaptive  4 to 50 calls at once, by how much slower than at rest; begins with 7",
            id="adaptive",
        ),
        pytest.param({"bulkhead": Bulkhead(calls_max=6)}, "  bulkhead  6 calls at once; nobody waits", id="bulkhead"),
        pytest.param(
            {"bulkhead": Bulkhead(calls_max=6, queue_max=2, wait_max_s=3)},
            "  bulkhead  6 calls at once; 2 more wait up to 3 s",
            id="queue",
        ),
    ],
)
def test_says_what_each_limit_and_each_lesser_answer_means(strategies: dict[str, object], line: str) -> None:
    """In one line of its own, with the numbers that hold."""
    assert line in words(**strategies).splitlines()


def test_the_last_result_is_returned_only_on_request() -> None:
    """Who says nothing hears of it as an exception."""
    assert not Composition(name="crm").returns_last


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
        pytest.param({"degradation": 1, "cache": "redis"}, ["degradation", "cache"], id="wrong-answers"),
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
