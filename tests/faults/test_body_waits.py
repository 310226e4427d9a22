"""Waits in fields of a body."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.body_waits import body_wait_s, cost_wait_s
from holdfast.faults.classify import classify
from holdfast.faults.moments import Clock
from tests.faults.samples import answer

CLOCK = Clock(answer(429))


def cost(asked: object, level: object, *, most: object = 1000, rate: object = 50) -> object:
    """A GraphQL answer that states what it costs and how the bucket stands."""
    status = {"maximumAvailable": most, "currentlyAvailable": level, "restoreRate": rate}
    return {"extensions": {"cost": {"requestedQueryCost": asked, "throttleStatus": status}}}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        pytest.param({"retry_after": 5}, 5.0, id="seconds"),
        pytest.param({"retry_after": "5"}, 5.0, id="as-text"),
        pytest.param({"error": {"retryAfter": 2.5}}, 2.5, id="camel-case"),
        pytest.param({"error": {"retry_after_ms": 1500}}, 1.5, id="milliseconds"),
        pytest.param({"retryAfterMinutes": 2}, 120.0, id="minutes"),
        pytest.param({"parameters": {"retry_after": 5}}, 5.0, id="below-parameters"),
        pytest.param({"error": {"details": [{"retryDelay": "12.5s"}]}}, 12.5, id="retry-info"),
        pytest.param({"error": {"details": [{"retryDelay": {"seconds": 3, "nanos": 5e8}}]}}, 3.5, id="duration-object"),
        pytest.param({"retryDelay": {"years": 3}}, None, id="no-duration-object"),
        pytest.param(
            {"error": {"details": [{"errors": [{"details": {"quotaErrorDetails": {"retryDelay": "900s"}}}]}]}},
            900.0,
            id="deep-details",
        ),
        pytest.param({"errors": [{"extensions": {"retryAfter": 7}}]}, 7.0, id="graphql"),
        pytest.param({"resetAt": "2026-03-02T12:05:00Z"}, 300.0, id="moment"),
        pytest.param({"reset_at": 1772453100}, 300.0, id="epoch"),
        pytest.param({"retry_after": 1, "error": {"retry_after": 9}}, 9.0, id="the-longest"),
        pytest.param({"retry_after": 9, "error": {"retry_after": 1}}, 9.0, id="the-longest-wherever-it-stands"),
        pytest.param({"retry_after": True}, None, id="a-truth-value"),
        pytest.param({"retry_after": -1}, None, id="negative"),
        pytest.param({"retry_after": None}, None, id="nothing"),
        pytest.param({"retry_after": "later"}, None, id="word"),
        pytest.param({"customer": {"retry_after": 5}}, None, id="other-peoples-data"),
        pytest.param({"error_extra": {"retry_after": 5}}, 5.0, id="a-name-that-says-details"),
        pytest.param({"k" * 100: 5, "message": "m"}, None, id="other-keys"),
        pytest.param([{"retry_after": 4}], 4.0, id="list"),
        pytest.param("retry_after", None, id="text"),
    ],
)
def test_reads_the_fields_that_state_a_wait(body: object, seconds: float | None) -> None:
    """By their names in any spelling, where errors keep their details, and nowhere else."""
    assert seconds == body_wait_s(body, CLOCK, moments=True)


def test_a_moment_counts_only_for_throttling() -> None:
    """A field for the moment of a reset is information elsewhere; one made for retrying counts always."""
    bodies = ({"error": "x", "reset_at": "2026-03-02T12:05:00Z"}, {"error": "x", "retry_after": 30})

    assert [None, 30.0] == [classify(answer(500, body)).retry_after_s for body in bodies]


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        pytest.param(cost(752, 666), 1.72, id="computed"),
        pytest.param(cost(100, 666), None, id="enough-is-there"),
        pytest.param(cost(666, 666), None, id="just-enough-is-there"),
        pytest.param(cost(2000, 666), None, id="more-than-the-bucket-holds"),
        pytest.param(cost(752, 666, most=None), 1.72, id="size-untold"),
        pytest.param(cost(752, None), None, id="no-level"),
        pytest.param(cost(752, 666, rate=0), None, id="no-refill"),
        pytest.param(cost(None, 666), None, id="no-cost"),
        pytest.param({"extensions": {"cost": 5}}, None, id="no-object"),
        pytest.param({"errors": [cost(752, 666)]}, 1.72, id="per-error"),
    ],
)
def test_a_cost_and_a_refill_rate_come_to_a_wait(body: object, seconds: float | None) -> None:
    """The wait is what is missing over the refill per second; a rate without the present level is none."""
    assert seconds == cost_wait_s(body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["error", "details", "retryDelay", "retry_after", "reset_at", "x"]), inner)
    ),
    max_leaves=30,
)


@given(VALUES)
def test_any_body_is_survived(body: object) -> None:
    """Whatever the fields hold, a wait is zero or more."""
    wait_s = body_wait_s(body, CLOCK, moments=True)

    assert wait_s is None or wait_s >= 0


def test_looking_is_bounded() -> None:
    """A body nested without end, or with a flood of details, is looked at as far as errors go."""
    deep: dict[str, object] = {"retry_after": 5}
    for _ in range(50):
        deep = {"error": deep}

    assert body_wait_s(deep, CLOCK, moments=True) is None
    assert body_wait_s({"details": [{"x": 1}] * 10_000 + [{"retry_after": 5}]}, CLOCK, moments=True) is None
