"""What a schema cannot say is checked when an entry is compiled, and every problem is told at once."""

from __future__ import annotations

import pytest

from holdfast.apis.compiling import compile_rules
from holdfast.errors import BadInput
from holdfast.faults.patterns import compile_pattern, compile_shipped

DAY = {"name": "day", "period": 86_400_000}


@pytest.mark.parametrize(
    ("entry", "places"),
    [
        pytest.param({"waits": [{"format": "seconds"}]}, ["waits[0]"], id="no-place-of-a-wait"),
        pytest.param(
            {"waits": [{"header": "a", "path": "b", "format": "seconds"}]}, ["waits[0]"], id="two-places-of-a-wait"
        ),
        pytest.param({"waits": [{"path": "a..b", "format": "seconds"}]}, ["waits[0].path"], id="no-path"),
        pytest.param({"quotaWindows": [DAY | {"period": 0}]}, ["quotaWindows[0].period"], id="no-time"),
        pytest.param(
            {"quotaWindows": [DAY | {"reset": {"time": "24:00", "timeZone": "UTC"}}]},
            ["quotaWindows[0].reset.time"],
            id="no-time-of-day",
        ),
        pytest.param(
            {"quotaWindows": [DAY | {"reset": {"time": "noon", "timeZone": "UTC"}}]},
            ["quotaWindows[0].reset.time"],
            id="a-word",
        ),
        pytest.param(
            {"quotaWindows": [DAY | {"reset": {"time": "00:00", "timeZone": "UTC", "day": 31}}]},
            ["quotaWindows[0].reset.day"],
            id="a-day-not-every-month-has",
        ),
        pytest.param(
            {
                "recoveryStrategies": [
                    {"pattern": "(", "bodyPattern": "(", "header": {"name": "a", "pattern": "("}, "strategy": "skip"}
                ]
            },
            [f"recoveryStrategies[0].{name}" for name in ("pattern", "bodyPattern", "header.pattern")],
            id="advice",
        ),
        pytest.param(
            {"errorShape": {"codes": ["", "a.b"], "failure": {"path": "a", "pattern": "("}}},
            ["errorShape.codes[0]", "errorShape.failure.pattern"],
            id="shape",
        ),
    ],
)
@pytest.mark.parametrize("engine", [compile_pattern, compile_shipped], ids=["re2", "re"])
def test_refuses(entry: dict[str, object], places: list[str], engine: object) -> None:
    """Both engines, every place."""
    with pytest.raises(BadInput) as caught:
        compile_rules({"apiId": "crm"} | entry, make_pattern=engine, source="x.yaml", path="[1]")

    assert sorted(f"[1].{place}" for place in places) == sorted(problem.path for problem in caught.value.problems)
