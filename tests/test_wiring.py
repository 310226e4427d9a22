"""Settings turned into what the rest of the program is made with."""

from __future__ import annotations

import pytest

from holdfast import settings
from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.settings import sections
from holdfast.wiring import bounds_of, routes_of, worker_settings_of


def loaded(**environ: str) -> settings.Settings:
    """Settings from these variables alone."""
    return settings.load(environ={f"HOLDFAST_{name}": value for name, value in environ.items()})


def test_a_route_is_set_by_a_variable() -> None:
    """One variable changes the route of one category, and the worker gets exactly that."""
    made = loaded(ROUTES_AUTH_EXPIRED="ask-person", ROUTES_RATE_LIMIT_DAILY="give-up")

    expected = {
        ErrorCategory.AUTH_EXPIRED: RecoveryStrategy.ASK_PERSON,
        ErrorCategory.RATE_LIMIT_DAILY: RecoveryStrategy.GIVE_UP,
    }
    assert expected == worker_settings_of(made, name="w").routes
    assert {} == routes_of(loaded())


def test_every_category_can_be_routed_to_every_strategy() -> None:
    """The settings offer one name per category and the words of all strategies, although they know neither list by themselves."""
    offered = {line.name.partition(".")[2]: line for line in settings.table() if line.name.startswith("routes.")}

    assert [str(one) for one in ErrorCategory] == list(offered)
    assert {tuple(str(one) for one in RecoveryStrategy)} == {line.choices for line in offered.values()}


def test_an_unknown_strategy_is_refused_with_the_words_that_are_known() -> None:
    """A misspelt strategy names the setting and lists what can be given."""
    with pytest.raises(BadSettings) as refused:
        loaded(ROUTES_NETWORK_TIMEOUT="try-again", ROUTES_AUTH_INVALID="")

    assert ["routes.network_timeout"] == [problem.path for problem in refused.value.problems]
    assert "back-off" in refused.value.problems[0].message


def test_the_bound_on_questions_arrives() -> None:
    """The setting for questions is the bound that decisions keep to."""
    made = settings.Settings(recovery=sections.Recovery(questions_per_action_max=2))

    assert 2 == bounds_of(made).questions_max


def test_the_wiring_stands_beside_the_settings() -> None:
    """Each bound of recovery that decisions know is made from a setting of the same meaning, not from a default."""
    ones = {line.name.partition(".")[2]: 1 for line in settings.table() if line.name.startswith("recovery.")}

    bounds = bounds_of(
        settings.Settings(recovery=sections.Recovery(**ones), questions=sections.Questions(answer_within_s=1))
    )

    assert {1} == {getattr(bounds, name) for name in type(bounds).__slots__}
