"""Rules that never get their turn."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.catalog.shadows import shadows


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        pytest.param({"codes": ["a"]}, {"codes": ["A"]}, [(1, 0, None)], id="the-same-code-in-any-case"),
        pytest.param({"codes": ["a"]}, {"codes": ["a", "b"]}, [(1, 0, ("a",))], id="one-of-two-codes"),
        pytest.param({"statuses": [404]}, {"status": 404, "codes": ["a"]}, [(1, 0, None)], id="a-narrower-rule-later"),
        pytest.param({"codes": ["a"], "status": 404}, {"codes": ["a"]}, [], id="a-narrower-rule-earlier"),
        pytest.param({"status": 404}, {"statuses": [404, 410]}, [], id="some-of-the-statuses"),
        pytest.param({"codes": ["a"]}, {"codes": ["a"], "status": 200}, [], id="a-success-is-not-touched-without-its-status"),
        pytest.param({"codes": ["a"]}, {"codes": ["a"], "status": 400}, [(1, 0, None)], id="a-failure-is"),
        pytest.param({"pattern": "x"}, {"pattern": "x", "status": 400}, [(1, 0, None)], id="the-same-pattern"),
        pytest.param({"pattern": "x"}, {"pattern": "xy"}, [], id="another-pattern"),
        pytest.param({"header": {"name": "a", "pattern": "x"}}, {"codes": ["a"]}, [], id="a-condition-the-later-lacks"),
        pytest.param({"methods": ["GET", "POST"], "status": 400}, {"methods": ["get"], "status": 400}, [(1, 0, None)], id="methods"),
        pytest.param({"methods": ["GET"], "status": 400}, {"status": 400}, [], id="fewer-methods"),
        pytest.param({"codes": []}, {"codes": []}, [], id="no-codes"),
    ],
)  # fmt: skip
def test_an_earlier_rule_covers_a_later_one(
    earlier: dict[str, object], later: dict[str, object], expected: list[tuple[int, int, object]]
) -> None:
    """Only where each of its conditions is in the later rule, too, as narrow or narrower."""
    assert expected == list(shadows([earlier, later]))


def test_two_rules_together_may_cover_a_third() -> None:
    """Codes that are spread over earlier rules leave nothing for a later one."""
    assert [(2, 0, None)] == list(shadows([{"codes": ["a"]}, {"codes": ["b"]}, {"codes": ["a", "b"]}]))


CODES, STATUSES, METHODS = "abc", (200, 400, 404), ("GET", "POST")
rules = st.fixed_dictionaries(
    {},
    optional={
        "codes": st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True),
        "statuses": st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3, unique=True),
        "methods": st.lists(st.sampled_from(METHODS), min_size=1, max_size=2, unique=True),
        "pattern": st.sampled_from(["x", "y"]),
    },
)


def holds(rule: dict[str, object], code: str, status: int, method: str, text: str) -> bool:
    """Whether a rule holds, as the classifier has it."""
    if "statuses" not in rule and status < 300:
        return False
    return (
        code in rule.get("codes", code)
        and status in rule.get("statuses", (status,))
        and method in rule.get("methods", (method,))
        and rule.get("pattern", text) in text
    )


@given(st.lists(rules, max_size=5))
def test_what_is_called_unreachable_is_never_reached(found: list[dict[str, object]]) -> None:
    """For every answer there is, no rule decides that is said to be covered, nor a code that is."""
    covered = list(shadows(found))
    for code in CODES:
        for status in STATUSES:
            for method in METHODS:
                for text in ("x", "y", "xy"):
                    first = next((n for n, rule in enumerate(found) if holds(rule, code, status, method, text)), None)
                    assert not [1 for later, _, codes in covered if later == first and (codes is None or code in codes)]
