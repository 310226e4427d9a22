"""The strategies of an integration are what its settings say, and spec 001's are spec 001's."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, strategies as st

from holdfast.policies.breaker import Breaker
from holdfast.policies.degradation import Degradation
from holdfast.policies.integration_parts import degradation_of, parts_of
from holdfast.policies.lesser_answers import Alternative, Cached, Default, QueueForLater
from holdfast.policies.rate_limit import RateLimit
from holdfast.policies.retry import Jitter, Retry
from holdfast.policies.timeout import Timeout
from holdfast.settings import (
    CacheFallback,
    Integration,
    IntegrationBreaker,
    IntegrationQueue,
    IntegrationRetry,
    QueueFallback,
    Setting,
    aliases,
    integration_keys,
    load,
)

KEYS = {setting.name: setting for setting in integration_keys()}
PARTS = [
    name
    for name in KEYS
    if name.partition(".")[0] in {"retry", "breaker", "rate_limit", "attempt_timeout_s", "deadline_s"}
]


def _other(*_: object) -> None:
    """Stands for what asks another address."""


def _key(*_: object) -> None:
    """Stands for what tells calls apart."""


def _degradation(declared: Integration) -> Degradation | None:
    return degradation_of(
        declared, queue="shop", alternative=lambda _: _other, default=lambda value: ("made", value), key=_key
    )


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
    assert RateLimit(calls=100, per_s=60, kind="sliding-window") == parts.rate_limit


def test_the_documents_fallbacks_are_its_degradation() -> None:
    """Another API, the last good answer and null, in this order, for failures of the dependency."""
    environ = {alias.variable: alias.documented for alias in aliases()}
    declared = load(environ=environ, aliases=True).integrations["primary-api"]

    made = _degradation(declared)

    assert made is not None
    assert (Alternative(call=_other), Cached(ttl_s=300, key=_key), Default(value=("made", None))) == tuple(
        rule.strategy for rule in made.ordered
    )
    assert [1, 2, 3] == [rule.priority for rule in made.ordered]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"fallbacks": (QueueFallback(),)}, QueueForLater(queue="shop", size_max=1000), id="queue"),
        pytest.param(
            {"fallbacks": (QueueFallback(), CacheFallback()), "queue": IntegrationQueue(enabled=False)},
            Cached(ttl_s=300, key=_key),
            id="queue-switched-off",
        ),
        pytest.param(
            {"fallbacks": (QueueFallback(),), "queue": IntegrationQueue(enabled=False)}, None, id="nothing-left"
        ),
        pytest.param({"fallbacks": (QueueFallback(),), "degradation_enabled": False}, None, id="switched-off"),
        pytest.param({}, None, id="no-fallbacks"),
    ],
)
def test_the_first_lesser_answer_is_the_first_that_is_on(changes: dict[str, object], expected: object) -> None:
    """What is switched off is left out, and without any there is no degradation at all."""
    made = _degradation(Integration(base_url="https://shop", **changes))  # type: ignore[arg-type]  # each case gives what it means

    assert expected == (made.ordered[0].strategy if made else None)


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
    rate, made = declared.rate_limit, parts.rate_limit
    assert rate is not None
    assert made is not None
    assert (rate.requests, rate.window_s, rate.wait_max_s) == (made.calls, made.per_s, made.wait_max_s)
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
