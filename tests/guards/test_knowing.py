"""What a caller means by `api=`."""

from __future__ import annotations

import pytest

import holdfast
from holdfast.errors import BadSettings
from holdfast.faults.rules import ApiRules
from holdfast.guards.knowing import known_api


def test_a_name_is_an_entry_that_comes_with_holdfast() -> None:
    """A policy takes the name of an API, and judges as its entry says."""
    policy = holdfast.policy("payments", api="stripe")

    assert "stripe" == policy.judge.api.api_id
    assert policy.judge.api is known_api("stripe", source="x")


def test_rules_are_taken_as_they_are() -> None:
    """Rules of a user's own catalog, and none at all."""
    rules = ApiRules(api_id="mine")

    assert rules is known_api(rules, source="x")
    assert known_api(None, source="x") is None


@pytest.mark.parametrize(
    ("api", "words"),
    [
        pytest.param("Strpe", "Did you mean 'stripe'?", id="misspelt"),
        pytest.param("zzzzzz", "load_directory", id="unknown"),
        pytest.param(5, "must be the name of an API", id="no-name"),
    ],
)
def test_an_unknown_api_is_refused(api: object, words: str) -> None:
    """Whoever names an API that is not there is told, and what to do."""
    with pytest.raises(BadSettings, match=words):
        holdfast.policy("payments", api=api)
    with pytest.raises(BadSettings, match=words):
        holdfast.RecoveryEngine(api=api)
