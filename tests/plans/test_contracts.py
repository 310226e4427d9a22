"""Which plans the release before can carry out as well, and what becomes of the others there."""

from __future__ import annotations

import json

import pytest

from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan
from holdfast.errors import ExecutionNewer
from holdfast.plans.contracts import contract_of
from holdfast.plans.frozen import freeze, thaw
from tests.recovery.bench import action, catalog_wire, definition, frozen

OAUTH = {
    "type": "oauth2",
    "clientId": "c",
    "clientSecret": "env:SECRET",
    "tokenUrl": "https://auth.example/token",
    "scope": [],
}


def a_plan(**changes: object) -> ExecutionPlan:
    """A plan of one action."""
    return ExecutionPlan.from_wire(
        {
            "id": "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21",
            "name": "A plan",
            "description": "For tests.",
            "intent": {"original": "Do it", "interpreted": "It is done", "confidence": 1},
            "actions": [{**action("pay"), **changes}],
            "expectedOutcome": {"description": "Done.", "validations": []},
            "metadata": {"createdAt": "2026-01-15T09:00:00.000Z", "estimatedDuration": 1000, "tags": []},
        }
    )


def a_definition(**changes: object) -> ActionDefinition:
    """A definition."""
    return ActionDefinition.from_wire({**definition("pay").to_wire(), **changes})


def confirmation(*, required: bool) -> dict[str, object]:
    """A confirmation."""
    return {"required": required, "title": "Pay?", "message": "Shall it be paid?"}


CONDITION = {"if": "${pay.output.ok}", "then": "execute", "else": "skip"}


@pytest.mark.parametrize(
    ("planned", "defined", "contract"),
    [
        pytest.param({}, {}, 1, id="nothing"),
        pytest.param({"condition": CONDITION}, {}, 2, id="condition"),
        pytest.param({"userConfirmation": confirmation(required=True)}, {}, 2, id="confirmation"),
        pytest.param({"userConfirmation": confirmation(required=False)}, {}, 1, id="confirmation-not-required"),
        pytest.param({"recovery": {"network_timeout": "back-off"}}, {}, 1, id="known-strategy"),
        pytest.param({"recovery": {"rate_limit_daily": "wait-daily"}}, {}, 1, id="wait-daily"),
        pytest.param({"recovery": {"network_timeout": "fallback"}}, {}, 2, id="new-strategy"),
        pytest.param({"errorHandling": {"continueOnFailure": True, "fallbackValue": {"a": "b"}}}, {}, 1, id="fallback"),
        pytest.param({}, {"rateLimit": {"requests": 1, "window": 1000, "scope": "global"}}, 2, id="rate-limit"),
        pytest.param({}, {"inputSchema": {"a": "string"}}, 2, id="input-schema"),
        pytest.param({}, {"outputSchema": {"a": "string"}}, 2, id="output-schema"),
        pytest.param({}, {"authentication": OAUTH}, 2, id="oauth2"),
        pytest.param({}, {"authentication": {"type": "custom", "handler": "h"}}, 2, id="custom"),
        pytest.param(
            {}, {"authentication": {"type": "bearer", "token": "T", "tokenFrom": "env"}}, 1, id="bearer-of-environment"
        ),
        pytest.param(
            {}, {"authentication": {"type": "bearer", "token": "T", "tokenFrom": "oauth_flow"}}, 2, id="bearer-of-flow"
        ),
        pytest.param(
            {},
            {"authentication": {"type": "api_key", "header": "X", "value": "K", "valueFrom": "user_input"}},
            2,
            id="key-of-a-person",
        ),
    ],
)
def test_what_the_first_release_would_ignore_is_of_the_second_contract(
    planned: dict[str, object], defined: dict[str, object], contract: int
) -> None:
    """A plan is of the older contract exactly if the older release would carry it out as it says."""
    assert contract == contract_of(a_plan(**planned), {"pay": a_definition(**defined)})


def test_an_executor_elsewhere_is_of_the_second_contract() -> None:
    """The older release would perform the actions itself."""
    assert contract_of(a_plan(), {"pay": a_definition()}, external="theirs") == 2


@pytest.mark.parametrize(("strategy", "contract"), [("back-off", 1), ("skip", 2)])
def test_a_way_of_recovery_in_the_catalog_counts(strategy: str, contract: int) -> None:
    """A catalog entry may name a way that the older release does not have."""
    entry = ApiCatalogEntry.from_wire(catalog_wire(recoveryStrategies=[{"status": 503, "strategy": strategy}]))

    assert contract == contract_of(a_plan(), {"pay": a_definition()}, entries={"pay": entry})


def test_what_both_can_carry_out_is_written_as_before() -> None:
    """A plan of the older contract has the text, and so the digest, that the older release gives it."""
    kept = freeze(a_plan(), {"pay": a_definition()}, functions={}, entries={})

    assert kept.contract == 1
    assert kept.digest_before is None
    assert set(json.loads(kept.body)) == {"format", "plan", "definitions", "functions", "catalog"}
    assert json.loads(kept.body)["format"] == 1


def test_what_only_this_release_can_carry_out_is_no_plan_to_the_one_before() -> None:
    """The older release finds no plan where it looks for one, and this one reads it back; started again by either, it is the same execution."""
    limited = a_definition(rateLimit={"requests": 1, "window": 1000, "scope": "global"})
    kept = freeze(a_plan(), {"pay": limited}, functions={}, entries={})
    as_before = {**json.loads(kept.body), "format": 1}
    as_before["plan"] = as_before.pop("planOfContract2")

    assert "plan" not in json.loads(kept.body)
    assert thaw(kept.body).plan == a_plan()
    assert thaw(json.dumps(as_before)).plan == a_plan()
    assert kept.digest_before not in (None, kept.digest)


def test_a_document_of_a_newer_release_is_refused() -> None:
    """Whatever a newer release has written for itself alone is named as such, and not misread."""
    body = json.dumps({"format": 3, "plan": {}})

    with pytest.raises(ExecutionNewer, match="contract 3"):
        thaw(body)


def test_a_frozen_plan_keeps_what_judges_and_no_examples() -> None:
    """An entry's examples are for those who write it; they would make every plan's document tens of kilobytes larger."""
    rule = {"codes": ["x"], "category": "validation_failed", "retryable": False}
    example = {"title": "t", "status": 400, "body": {}, "expect": {"category": "validation_failed"}}
    kept = frozen([action("pay")], [definition("pay")], catalog={"errorMappings": [rule], "examples": [example]})

    (entry,) = json.loads(kept.body)["catalog"].values()

    assert "examples" not in entry
    assert [["x"]] == [one["codes"] for one in entry["errorMappings"]]
