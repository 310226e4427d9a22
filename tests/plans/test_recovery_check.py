"""Routes that a plan prescribes, against the means it gives them."""

from __future__ import annotations

import pytest

from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.plans.frozen import FunctionRules
from tests.plans.samples import action_wire as action, definition_wire as define, passed, plan

BEARER = {"type": "bearer", "token": "SHOP_TOKEN", "tokenFrom": "env"}
LACKING = [
    pytest.param({"recovery": {"network_timeout": "fallback"}}, {}, "recovery.network_timeout", id="no fallback value"),
    pytest.param({"recovery": {"network_timeout": "alternative"}}, {}, "recovery.network_timeout", id="no alternative"),
    pytest.param({"recovery": {"network_timeout": "probe"}}, {}, "recovery.network_timeout", id="no probe"),
    pytest.param({"recovery": {"auth_expired": "refresh-then-retry"}}, {}, "recovery.auth_expired", id="no credential"),
    pytest.param(
        {"recovery": {"auth_expired": "refresh-then-retry"}},
        {"authentication": BEARER},
        "recovery.auth_expired",
        id="no refresh action",
    ),
    pytest.param(
        {"critical": True, "recovery": {"network_timeout": "skip"}}, {}, "recovery.network_timeout", id="critical"
    ),
    pytest.param(
        {"critical": True, "errorHandling": {"continueOnFailure": True}},
        {},
        "errorHandling.continueOnFailure",
        id="critical and going on",
    ),
]


@pytest.mark.parametrize(("changes", "definition", "place"), LACKING)
def test_warns_of_a_strategy_without_means(
    changes: dict[str, object], definition: dict[str, object], place: str
) -> None:
    """A prescribed strategy that can never be taken is told, with its place; the plan still passes."""
    warnings = passed(plan(action("a", **changes)), define(**definition)).warnings

    assert [f"plan.json: actions[0].{place}: "] == [
        str(warning)[: len(f"plan.json: actions[0].{place}: ")] for warning in warnings
    ]


def test_every_strategy_can_be_prescribed() -> None:
    """A plan may name every strategy; where its means are at hand, there is nothing to say about it."""
    handling = {"continueOnFailure": False, "alternativeActionId": "b", "fallbackValue": {"id": "0"}}
    needs_more = (RecoveryStrategy.PROBE, RecoveryStrategy.REFRESH_THEN_RETRY)
    free = [one for one in RecoveryStrategy if one not in needs_more]
    recovery = {str(category): str(one) for category, one in zip(ErrorCategory, free, strict=False)}

    made = passed(plan(action("a", recovery=recovery, errorHandling=handling), action("b")))

    assert () == made.warnings
    assert len(free) == len(recovery)


def test_a_function_has_neither_probe_nor_credential() -> None:
    """A Python function that is to be probed is warned of like a call without a probe."""
    wanted = plan(action("a", actionDefinitionId="do", recovery={"network_timeout": "probe"}))

    made = passed(wanted, functions={"do": FunctionRules(name="do")})

    assert [True] == ["has no probe" in str(warning) for warning in made.warnings]
