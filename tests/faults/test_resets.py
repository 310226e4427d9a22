"""Headers that say when a limit opens again."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.classify import classify
from holdfast.faults.moments import Clock
from holdfast.faults.resets import reset_value_s, reset_wait_s
from tests.faults.samples import NOON, answer

IN_FIVE_MINUTES = str(int(NOON.timestamp()) + 300)


def wait_of(**headers: str) -> float | None:
    """What the headers of a 429 state."""
    fault = answer(429, **headers)
    return reset_wait_s([(name.lower(), value) for name, value in fault.headers], Clock(fault))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("30", 30.0, id="seconds"),
        pytest.param("64.57", 64.57, id="fraction"),
        pytest.param(IN_FIVE_MINUTES, 300.0, id="epoch"),
        pytest.param(f"{IN_FIVE_MINUTES}000", 300.0, id="epoch-in-milliseconds"),
        pytest.param(f"{IN_FIVE_MINUTES}.5", 300.5, id="epoch-with-a-fraction"),
        pytest.param("2026-03-02T12:05:00Z", 300.0, id="iso"),
        pytest.param("Mon, 02 Mar 2026 12:05:00 GMT", 300.0, id="http-date"),
        pytest.param("6m0s", 360.0, id="duration"),
        pytest.param("PT5M", 300.0, id="iso-duration"),
        pytest.param("1772400000", 0.0, id="past"),
        pytest.param("soon", None, id="word"),
        pytest.param("-5", None, id="negative"),
        pytest.param('"12"', 12.0, id="quoted"),
    ],
)
def test_a_reset_is_read_however_it_is_written(value: str, seconds: float | None) -> None:
    """A length, a moment by its size, a date or a duration; a moment that is over means now."""
    assert seconds == reset_value_s(value, Clock(answer(429)))
    assert seconds == wait_of(X_RateLimit_Reset=value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"RateLimit_Reset": "12", "RateLimit_Remaining": "0"}, 12.0, id="older-draft"),
        pytest.param({"RateLimit": '"default";r=0;t=8', "RateLimit_Policy": '"default";q=9;w=60'}, 8.0, id="draft-10"),
        pytest.param({"RateLimit": '"a";r=0;t=8, "b";r=0;t=60, "c";r=1;t=99'}, 60.0, id="the-longest-that-binds"),
        pytest.param({"RateLimit": "default;r=0;t=8"}, 8.0, id="a-token-as-name"),
        pytest.param({"RateLimit": '"a;t=9,\\"b";r=0;t=8;pk=:eA==:'}, 8.0, id="a-hostile-name"),
        pytest.param({"RateLimit": '"default";r=7;t=8'}, None, id="some-is-left"),
        pytest.param({"RateLimit": '"default";t=8'}, 8.0, id="level-untold"),
        pytest.param({"RateLimit": '"default";r=0'}, None, id="no-time"),
        pytest.param({"RateLimit_Policy": '"default";q=100;w=60'}, None, id="a-rate-is-no-wait"),
        pytest.param({"RateLimit": "limit=10, remaining=0, reset=7"}, 7.0, id="draft-7"),
        pytest.param({"RateLimit": "limit=10, remaining=3, reset=7"}, None, id="draft-7-some-left"),
        pytest.param({"Desk_RateLimit_Tickets": "total=9; remaining=0; resets=41"}, 41.0, id="pairs"),
        pytest.param({"X_RateLimit_Reset_After": "1.5"}, 1.5, id="reset-after"),
        pytest.param({"X_Rate_Limit_Time_Reset_Ms": "1500", "X_Rate_Limit_Requests_Left": "0"}, 1.5, id="in-ms"),
        pytest.param({"X_Rate_Limit_Time_Reset_Ms": "1500", "X_Rate_Limit_Requests_Left": "2"}, None, id="others-left"),
        pytest.param({"X_Budget_Limit": "5", "X_RateLimit_Used": "5"}, None, id="no-reset"),
        pytest.param({"X_RateLimit_Reset": "30", "X_RateLimit_Remaining": "-1"}, 30.0, id="less-than-nothing-left"),
        pytest.param({"X_RateLimit_Reset": "30", "X_RateLimit_Remaining": "?"}, 30.0, id="unreadable-level"),
        pytest.param({"X_RateLimit_Reset": "30, 900", "X_RateLimit_Remaining": "0, 4"}, 30.0, id="by-position"),
        pytest.param({"X_RateLimit_Reset": "30", "X_RateLimit_Remaining": "0, 4"}, 30.0, id="one-reset-for-several"),
        pytest.param({"X_Quota_Reset": "30", "X_Quota_Remaining": "0"}, 30.0, id="quota"),
        pytest.param({"App_Usage": '{"1":[{"estimated_time_to_regain_access":12}]}'}, 720.0, id="usage-in-minutes"),
        pytest.param({"App_Usage": '{"1":[{"estimated_time_to_regain_access":0}]}'}, None, id="usage-below"),
    ],
)
def test_only_the_limit_that_is_used_up_counts(headers: dict[str, str], seconds: float | None) -> None:
    """What is left of a limit decides whether its reset is a wait; of several used up the longest binds."""
    assert seconds == wait_of(**headers)


def test_limits_are_told_apart_by_their_names() -> None:
    """Requests are used up, tokens are not: the reset of the requests counts, in whichever order the words stand."""
    left = {"X_RateLimit_Remaining_Requests": "0", "X_RateLimit_Tokens_Remaining": "9"}

    assert wait_of(**left, X_RateLimit_Requests_Reset="20s", X_RateLimit_Reset_Tokens="900s") == 20.0


def test_a_reset_counts_only_for_throttling() -> None:
    """Many APIs send their limits with every answer: one that is no throttling states no wait by them."""
    told = [
        classify(answer(status, {"message": "x"}, X_RateLimit_Reset="30", X_RateLimit_Remaining="0")).retry_after_s
        for status in (429, 404, 500)
    ]

    assert [30.0, None, None] == told


def test_a_moment_is_read_against_the_servers_clock() -> None:
    """A server whose clock is three minutes ahead opens two minutes from now, and the verdict says why."""
    verdict = classify(answer(429, X_RateLimit_Reset=IN_FIVE_MINUTES, Date="Mon, 02 Mar 2026 12:03:00 GMT"))

    assert (120.0, ("the server's clock is 180 s ahead of ours",)) == (verdict.retry_after_s, verdict.notes)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ratelimit", "x-ratelimit-reset", "x-ratelimit-remaining", "x-quota-reset", "a-usage"]),
            st.text(alphabet='0123456789.,;="rt:abc-\\ ', max_size=60),
        ),
        max_size=200,
    )
)
def test_hostile_headers_are_survived(headers: list[tuple[str, str]]) -> None:
    """Nested quotes, empty members and floods of headers state a wait of zero or more, or none."""
    wait_s = reset_wait_s(headers, Clock(answer(429)))

    assert wait_s is None or wait_s >= 0


def test_what_is_read_of_a_header_is_bounded() -> None:
    """A hundred thousand digits or members are not taken apart: reading 200 such headers is a matter of milliseconds."""
    flood = [("ratelimit", '"a";r=0;t=1,' * 10_000), ("x-ratelimit-reset", "9" * 100_000)] * 100

    assert reset_wait_s(flood, Clock(answer(429))) == 1.0
