"""The strategies of an integration are what its settings say, and spec 001's are spec 001's."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, strategies as st

from holdfast.policies.breaker import Breaker
from holdfast.policies.integration_parts import parts_of
from holdfast.policies.retry import Jitter, Retry
from holdfast.policies.timeout import Timeout
from holdfast.settings import (
    Integration,
    IntegrationBreaker,
    IntegrationRetry,
    Setting,
    aliases,
    integration_keys,
    load,
)

KEYS = {setting.name: setting for setting in integration_keys()}
PARTS = [name for name in KEYS if name.partition(".")[0] in {"retry", "breaker", "attempt_timeout_s", "deadline_s"}]


def _values(setting: Setting) -> st.SearchStrategy[object]:
    if setting.kind == "truth":
        return st.booleans()
    if setting.choices:
        return st.sampled_from(setting.choices)
    assert setting.low is not None
    assert setting.high is not None
    if setting.kind == "integer":
        return st.integers(int(setting.low), int(setting.high))
    return st.floats(setting.low, setting.high)


@st.composite
def _integrations(draw: st.DrawFn) -> Integration:
    given = {name: draw(_values(KEYS[name])) for name in PARTS}
    return load(
        arguments={"integrations.shop.base_url": "https://shop"}
        | {f"integrations.shop.{name}": value for name, value in given.items()},
        environ={},
    ).integrations["shop"]


def test_the_defaults_are_those_of_the_policies() -> None:
    """An integration that says nothing has the strategies' own defaults, and limits in time."""
    parts = parts_of(Integration(base_url="https://shop"))

    assert (Retry(), Breaker(), Timeout(deadline_s=300, attempt_s=60)) == (parts.retry, parts.breaker, parts.timeout)


def test_the_documents_integration_has_the_documents_strategies() -> None:
    """With spec 001's variables, retry and breaker are its presets; failures in a row open the circuit as well, as its test expects."""
    environ = {alias.variable: alias.documented for alias in aliases()}
    parts = parts_of(load(environ=environ, aliases=True).integrations["primary-api"])

    assert Retry.spec_001() == parts.retry
    assert replace(Breaker.spec_001(), failures_consecutive=5) == parts.breaker
    assert Timeout(deadline_s=300, attempt_s=60) == parts.timeout


@given(declared=_integrations())
def test_every_value_that_is_allowed_makes_strategies(declared: Integration) -> None:
    """Whatever the settings accept can be used, and every value arrives where it belongs."""
    parts = parts_of(declared)

    assert parts.retry is not None
    said = declared.retry
    assert (said.attempts_max, said.initial_delay_s, said.multiplier) == (
        parts.retry.attempts_max,
        parts.retry.initial_delay_s,
        parts.retry.multiplier,
    )
    assert (said.max_delay_s, Jitter(said.jitter)) == (parts.retry.max_delay_s, parts.retry.jitter)
    assert declared.breaker.enabled is (parts.breaker is not None)
    if parts.breaker is not None:
        names = {"failures": "failures_consecutive", "successes": "successes_to_close"}
        assert {} == {
            field.name: value
            for field in fields(IntegrationBreaker)
            if field.name not in {"enabled", "open_max_s"}
            and (value := getattr(declared.breaker, field.name))
            != getattr(parts.breaker, names.get(field.name, field.name))
        }
        assert max(declared.breaker.open_s, declared.breaker.open_max_s) == parts.breaker.open_max_s
    assert declared.deadline_s == parts.timeout.deadline_s
    assert min(declared.attempt_timeout_s, declared.deadline_s) == parts.timeout.attempt_s


@pytest.mark.parametrize("word", KEYS["retry.jitter"].choices)
def test_every_word_for_jitter_is_one_of_the_retrys(word: str) -> None:
    """The words of the settings are those of the policy."""
    parts = parts_of(Integration(base_url="https://shop", retry=IntegrationRetry(jitter=word)))

    assert parts.retry is not None
    assert word == parts.retry.jitter
    assert set(Jitter) == set(KEYS["retry.jitter"].choices)


def test_what_is_switched_off_is_left_out() -> None:
    """Without recovery nothing is repeated, and without a breaker there is no circuit; the limits in time stay."""
    parts = parts_of(
        Integration(base_url="https://shop", recovery_enabled=False, breaker=IntegrationBreaker(enabled=False))
    )

    assert (None, None, 60) == (parts.retry, parts.breaker, parts.timeout.attempt_s)
