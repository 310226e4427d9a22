"""The environment variables of spec 001 as aliases: all of them are in the table, and together they make the document's integration."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import cast

import pytest

from holdfast import settings
from holdfast.errors import BadSettings
from holdfast.settings import (
    ApiFallback,
    CacheFallback,
    DefaultFallback,
    HealthCheck,
    Integration,
    IntegrationBreaker,
    IntegrationRateLimit,
    IntegrationRetry,
    aliases,
    integration_keys,
    load,
)

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = {alias.variable: alias.documented for alias in aliases()}
DOCUMENTED_INTEGRATION = Integration(
    name="Primary API",
    base_url="https://api.primary.com",
    timeout_s=30,
    attempt_timeout_s=60,
    retry=IntegrationRetry(attempts_max=3, initial_delay_s=1, multiplier=2, max_delay_s=30, jitter="plus_30"),
    breaker=IntegrationBreaker(failures=5, calls_min=5, open_s=30, open_multiplier=1, open_jitter=0, successes=1),
    fallback_url="https://api.fallback.com",
    fallbacks=(
        ApiFallback(endpoint="https://api.secondary.com", priority=1),
        CacheFallback(priority=2),
        DefaultFallback(value=None, priority=3),
    ),
    rate_limit=IntegrationRateLimit(requests=100, window_s=60),
    health_check=HealthCheck(endpoint="/health", interval_s=30, timeout_s=5),
)


def _documents_table() -> dict[str, str]:
    """The variables that the map of the document lists, with the values that it gives for some of them."""
    data = tomllib.loads((ROOT / "docs/reference/spec-map/001.toml").read_text())
    parts = cast("list[dict[str, object]]", data["part"])
    [part] = [part for part in parts if part["name"] == "Environment variables"]
    lines = [line["line"].partition("=") for line in cast("list[dict[str, str]]", part["lines"])]
    return {name: value for name, _, value in lines}


def test_every_variable_of_the_document_is_in_the_table() -> None:
    """Each variable of the document sets a setting of ours, or has a reason why it does not; none is there twice."""
    table = _documents_table()

    assert sorted(table) == sorted(alias.variable for alias in aliases())
    assert [] == [alias.variable for alias in aliases() if not alias.setting and not alias.reason]
    assert {} == {name: value for name, value in table.items() if value and DOCUMENTED[name] != value}


def test_every_alias_sets_something_that_exists() -> None:
    """An alias names a setting, or a key of an integration."""
    keys = {f"integrations.primary-api.{key.name}" for key in integration_keys()}
    known = {setting.name for setting in settings.table()} | keys | {"integrations.primary-api.fallbacks"}

    assert set() == {alias.setting for alias in aliases() if alias.setting} - known


def test_the_documents_environment_makes_the_documents_integration() -> None:
    """With the values of the document's table, primary-api is what the document says, in seconds."""
    loaded = load(environ=DOCUMENTED, aliases=True)

    assert {"primary-api": DOCUMENTED_INTEGRATION} == loaded.integrations
    assert ("api-integration-service", "DATABASE_URL") == (loaded.deployment.name, loaded.origin("database.url"))


def test_the_documents_defaults_hold_where_nothing_else_is_set() -> None:
    """With only the addresses set, everything else is as the document's code has it; it sets no rate limit."""
    loaded = load(
        environ={"PRIMARY_API_URL": "https://api.primary.com", "SECONDARY_API_URL": "https://api.secondary.com"},
        aliases=True,
    )

    primary = loaded.integrations["primary-api"]
    assert None is primary.rate_limit
    assert (DOCUMENTED_INTEGRATION.retry, DOCUMENTED_INTEGRATION.breaker) == (primary.retry, primary.breaker)
    assert (DOCUMENTED_INTEGRATION.fallbacks, DOCUMENTED_INTEGRATION.health_check) == (
        primary.fallbacks,
        primary.health_check,
    )


def test_aliases_are_read_on_request_only() -> None:
    """A host program's MAX_RETRIES never reaches us by accident."""
    loaded = load(environ=DOCUMENTED)

    assert ({}, "default", ()) == (loaded.integrations, loaded.deployment.name, loaded.variables_unread)


def test_without_an_address_there_is_no_integration() -> None:
    """Other variables alone declare nothing: the document's default address belongs to somebody."""
    loaded = load(environ={"MAX_RETRIES": "5", "SECONDARY_API_URL": "https://b"}, aliases=True)

    assert {} == loaded.integrations


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"SECONDARY_API_URL": "https://b"}, ApiFallback(endpoint="https://b"), id="secondary"),
        pytest.param({"FALLBACK_API_URL": "https://c"}, ApiFallback(), id="fallback"),
        pytest.param(
            {"SECONDARY_API_URL": "https://b", "FALLBACK_API_URL": "https://c"},
            ApiFallback(endpoint="https://b"),
            id="both",
        ),
        pytest.param({}, CacheFallback(priority=2), id="neither"),
    ],
)
def test_the_first_fallback_is_the_address_that_is_there(environ: dict[str, str], expected: object) -> None:
    """SECONDARY_API_URL is the first fallback, FALLBACK_API_URL stands in for it, and without both there is none."""
    loaded = load(environ={"PRIMARY_API_URL": "https://a", **environ}, aliases=True)

    primary = loaded.integrations["primary-api"]
    assert expected == primary.fallbacks[0]
    assert environ.get("FALLBACK_API_URL") == primary.fallback_url


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "off"])
def test_a_switch_that_is_false_really_switches_off(word: str) -> None:
    """ENABLE_… and DLQ_ENABLED are believed when they say no."""
    switches = ("ENABLE_CIRCUIT_BREAKER", "ENABLE_GRACEFUL_DEGRADATION", "ENABLE_AUTO_RECOVERY", "DLQ_ENABLED")

    loaded = load(environ={"PRIMARY_API_URL": "https://a"} | dict.fromkeys(switches, word), aliases=True)

    primary = loaded.integrations["primary-api"]
    assert [False] * 4 == [
        primary.breaker.enabled,
        primary.degradation_enabled,
        primary.recovery_enabled,
        primary.queue.enabled,
    ]


def test_the_file_declares_and_aliases_add(tmp_path: Path) -> None:
    """Where the file declares primary-api, variables fill in what it leaves open and nothing else of the document comes along."""
    path = tmp_path / "holdfast.toml"
    path.write_text('[integrations.primary-api]\nbase_url = "https://a"\nname = "Ours"\n')

    loaded = load(environ={"MAX_RETRIES": "7", "SECONDARY_API_URL": "https://b"}, config_path=path, aliases=True)

    primary = loaded.integrations["primary-api"]
    assert ("Ours", 7, "full") == (primary.name, primary.retry.attempts_max, primary.retry.jitter)
    assert (ApiFallback(endpoint="https://b"),) == primary.fallbacks
    assert "SECONDARY_API_URL" == loaded.sources["integrations.primary-api.fallbacks"]


def test_our_own_variable_and_the_file_beat_an_alias(tmp_path: Path) -> None:
    """An alias is the lowest in rank of all that was given."""
    path = tmp_path / "holdfast.toml"
    path.write_text('[deployment]\nname = "file"\n')
    environ = {
        "SERVICE_NAME": "alias",
        "DATABASE_URL": "sqlite:///alias.db",
        "HOLDFAST_DATABASE_URL": "sqlite:///ours.db",
    }

    loaded = load(environ=environ, config_path=path, aliases=True)

    assert ("file", "sqlite:///ours.db") == (loaded.deployment.name, loaded.database.url)


def test_refuses_what_is_no_value_of_the_variable() -> None:
    """All wrong variables are told at once, each by its own name and in its own unit."""
    environ = {
        "PRIMARY_API_URL": "nowhere",
        "API_TIMEOUT": "30s",
        "MAX_RETRIES": "three",
        "RETRY_MAX_DELAY": "-1",
        "RETRY_DELAY": "nan",
        "ENABLE_CIRCUIT_BREAKER": "perhaps",
        "CIRCUIT_BREAKER_THRESHOLD": "2.5",
    }

    with pytest.raises(BadSettings) as caught:
        load(environ=environ, aliases=True)

    assert sorted(environ) == sorted(problem.source for problem in caught.value.problems)
    told = {problem.source: problem.message for problem in caught.value.problems}
    assert "milliseconds" in told["API_TIMEOUT"]


def test_an_empty_variable_counts_as_not_set() -> None:
    """Unsetting an alias and setting it to nothing are the same."""
    loaded = load(environ=dict.fromkeys(DOCUMENTED, " "), aliases=True)

    assert ({}, "default") == (loaded.integrations, loaded.deployment.name)
