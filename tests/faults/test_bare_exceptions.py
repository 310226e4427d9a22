"""The short way to a verdict is the long way, only shorter."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults import classify as long_way
from holdfast.faults.bare_exceptions import judge_bare
from holdfast.faults.capture import capture_names
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from holdfast.faults.raised.names import EVERYWHERE, LIBRARIES
from tests.faults.samples import NOON, answer, raised

NAMES = [*EVERYWHERE, *(f"{library}.{kind}" for library, table in LIBRARIES.items() for kind in table), "shop.Stranger"]
WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "The read operation timed out",
            "Connection refused",
            "An error occurred (Throttling) when calling the GetItem operation: Rate exceeded per day",
            "Bearer abcdef-123456 token=s3cr3t me@x.example",
            "status code 429",
            "locked, try again in 20s",
            "wait until 2026-03-02T12:01:00Z",
        ]
    ),
)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), st.lists(st.sampled_from(NAMES), max_size=3), WORDS)
def test_the_short_way_is_the_long_way(lineage: list[str], chain: list[str], message: str) -> None:
    """Whichever way a verdict was reached, it is the same."""
    fault = capture_names(lineage, chain, message=message, operation="op", observed_at=NOON, api_id="shop")

    short = classify(fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_way, "judge_bare", lambda _: None)
        long = classify(fault)

    assert long == short


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer(500), id="answer"),
        pytest.param(raised("sqlite3.OperationalError", "database is locked, try again in 20s"), id="wait"),
        pytest.param(raised("requests.HTTPError", "503 Server Error: x"), id="told-answer"),
        pytest.param(raised("redis.exceptions.ResponseError", "max number of clients reached"), id="throttled"),
        pytest.param(
            capture_names(["A"], [], message="", operation="f", observed_at=NOON, headers=(("Retry-After", "3"),)),
            id="headers",
        ),
    ],
)
def test_what_is_not_bare_takes_the_long_way(fault: Fault) -> None:
    """An answer, headers and a limit say more than the short way reads."""
    assert judge_bare(fault) is None


def test_a_long_text_is_judged_and_not_kept() -> None:
    """What is remembered is bounded in size as well as in number."""
    fault = raised("httpx.ReadTimeout", "x" * 5_000)

    first, second = judge_bare(fault), judge_bare(fault)

    assert first == second
    assert first is not second


def test_the_same_fault_is_judged_once() -> None:
    """A storm of the same exception costs one judgement."""
    assert judge_bare(raised("httpx.ReadTimeout", "slow")) is judge_bare(raised("httpx.ReadTimeout", "slow"))
