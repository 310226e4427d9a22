"""Waiting for a quota whose reset only documentation knows."""

from __future__ import annotations

import pytest

from holdfast.decisions.decide import decide
from tests.decisions.test_decide import case


@pytest.mark.parametrize(
    ("verdict", "rule"),
    [
        pytest.param({"quota_resets_in_s": 60.0}, "wait-daily.documented-reset", id="documented"),
        pytest.param({"quota_resets_in_s": 60.0, "retry_after_s": 5.0}, "wait-daily", id="told"),
        pytest.param({}, "wait-daily", id="nobody-knows"),
    ],
)
def test_a_documented_reset_is_named(verdict: dict[str, object], rule: str) -> None:
    """`why` says when a wait rests on documentation and not on the server's word."""
    assert rule == decide(case("rate_limit_daily", verdict=verdict)).rule
