"""How long an attempt and a call may take."""

from __future__ import annotations

import math

import pytest

from holdfast.errors import BadSettings
from holdfast.policies.timeout import Timeout, allowed_s


@pytest.mark.parametrize(
    ("timeout", "remaining_s", "expected"),
    [
        pytest.param(None, None, None, id="no-limit"),
        pytest.param(None, 3.0, 3.0, id="what-is-left"),
        pytest.param(Timeout(attempt_s=2), None, 2.0, id="the-attempt"),
        pytest.param(Timeout(attempt_s=2), 1.0, 1.0, id="less-is-left"),
        pytest.param(Timeout(attempt_s=2), 5.0, 2.0, id="more-is-left"),
        pytest.param(Timeout(deadline_s=9), 5.0, 5.0, id="only-a-deadline"),
        pytest.param(Timeout(attempt_s=2), -1.0, -1.0, id="it-is-over"),
        pytest.param(Timeout(attempt_s=2), 0.0, 0.0, id="nothing-is-left"),
    ],
)
def test_an_attempt_may_take_the_least_of_what_limits_it(
    timeout: Timeout | None, remaining_s: float | None, expected: float | None
) -> None:
    """Its own limit, and what is left of the deadline; 0 is a limit."""
    assert expected == allowed_s(timeout, remaining_s=remaining_s)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        pytest.param({}, [""], id="limits-nothing"),
        pytest.param({"deadline_s": 0, "attempt_s": -1}, ["deadline_s", "attempt_s"], id="all-at-once"),
        pytest.param({"deadline_s": math.nan}, ["deadline_s"], id="no-number"),
        pytest.param({"deadline_s": True}, ["deadline_s"], id="truth-value"),
        pytest.param({"attempt_s": 604_801}, ["attempt_s"], id="more-than-a-week"),
        pytest.param({"attempt_s": 0.0009}, ["attempt_s"], id="less-than-a-millisecond"),
        pytest.param({"deadline_s": 1, "attempt_s": 1.5}, ["attempt_s"], id="longer-than-the-call"),
    ],
)
def test_refuses_limits_that_cannot_be_meant(wrong: dict[str, object], paths: list[str]) -> None:
    """0 does not mean "no limit", and an attempt is part of its call."""
    with pytest.raises(BadSettings) as refused:
        Timeout(**wrong)

    assert paths == [problem.path for problem in refused.value.problems]
    assert all("timeout" == problem.source for problem in refused.value.problems)


@pytest.mark.parametrize(
    "edge",
    [
        pytest.param({"deadline_s": 0.001}, id="least"),
        pytest.param({"deadline_s": 604_800, "attempt_s": 604_800}, id="most"),
        pytest.param({"deadline_s": 2, "attempt_s": 2}, id="an-attempt-as-long-as-the-call"),
        pytest.param({"attempt_s": 0.001}, id="attempt-alone"),
    ],
)
def test_takes_the_edges(edge: dict[str, float]) -> None:
    """The ends of the range belong to it."""
    assert edge.get("attempt_s") == Timeout(**edge).attempt_s
