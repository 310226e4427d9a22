"""Integrations in the file: what is read, which place wins, and how everything that is wrong is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.settings import (
    ApiFallback,
    CacheFallback,
    DefaultFallback,
    HealthCheck,
    Integration,
    IntegrationBreaker,
    IntegrationQueue,
    IntegrationRateLimit,
    IntegrationRetry,
    QueueFallback,
    Setting,
    Settings,
    integration_keys,
    integration_lines,
    load,
)
from holdfast.settings.integrations import variable_of

# Not one of the planted secrets: those must not be found in files, and a configuration is one.
MARK = "correct-horse"
NUMERIC = [setting for setting in integration_keys() if setting.kind in {"integer", "number"}]
WHOLE = """
[integrations.primary-api]
name = "Primary API"
base_url = "https://api.example.com/v1"
api = "stripe"
timeout_s = 10
attempt_timeout_s = 20
deadline_s = 90
recovery_enabled = true
degradation_enabled = false
fallback_url = "https://other.example.com"
credential = "env:PRIMARY_TOKEN"
headers = {Accept = "application/json", X-Api-Key = "env:PRIMARY_KEY"}
retry = {attempts_max = 4, initial_delay_s = 0.5, multiplier = 3, max_delay_s = 8, jitter = "equal"}
breaker = {enabled = true, failures = 7, failure_ratio = 0.4, calls_min = 20, window_s = 30, open_s = 15}
rate_limit = {requests = 50, window_s = 10, wait_max_s = 2}
queue = {enabled = true, size_max = 10}
health_check = {endpoint = "/up", interval_s = 60, timeout_s = 2}
fallbacks = [
  {type = "queue", priority = 9},
  {type = "default", value = {users = []}, priority = 3},
  {type = "cache", ttl_s = 120, priority = 2},
  {type = "api", endpoint = "https://second.example.com", credential = "env:SECOND_TOKEN", priority = 1},
]
"""


def _load(directory: Path, text: str, **environ: str) -> Settings:
    path = directory / "holdfast.toml"
    path.write_text(text)
    return load(environ=environ, config_path=path)


def _refused(directory: Path, text: str, **environ: str) -> dict[str, str]:
    with pytest.raises(BadSettings) as caught:
        _load(directory, text, **environ)
    return {problem.path: problem.message for problem in caught.value.problems}


def _one(text: str = "") -> str:
    return f'[integrations.shop]\nbase_url = "https://shop.example.com"\n{text}\n'


def _caches(count: int) -> str:
    return "fallbacks = [" + '{type = "cache"},' * count + "]\n"


def _headers(count: int, *, size: int) -> str:
    return "[integrations.shop.headers]\n" + "".join(f'X-{n} = "{size * chr(97)}"\n' for n in range(count))


def test_reads_every_key(tmp_path: Path) -> None:
    """Whatever the documentation lists can be said in the file, and fallbacks are in the order of their priority."""
    expected = Integration(
        name="Primary API",
        base_url="https://api.example.com/v1",
        api="stripe",
        timeout_s=10,
        attempt_timeout_s=20,
        deadline_s=90,
        degradation_enabled=False,
        fallback_url="https://other.example.com",
        credential="env:PRIMARY_TOKEN",
        headers={"Accept": "application/json", "X-Api-Key": "env:PRIMARY_KEY"},
        retry=IntegrationRetry(attempts_max=4, initial_delay_s=0.5, multiplier=3, max_delay_s=8, jitter="equal"),
        breaker=IntegrationBreaker(failures=7, failure_ratio=0.4, calls_min=20, window_s=30, open_s=15),
        rate_limit=IntegrationRateLimit(requests=50, window_s=10, wait_max_s=2),
        queue=IntegrationQueue(size_max=10),
        health_check=HealthCheck(endpoint="/up", interval_s=60, timeout_s=2),
        fallbacks=(
            ApiFallback(endpoint="https://second.example.com", credential="env:SECOND_TOKEN", priority=1),
            CacheFallback(ttl_s=120, priority=2),
            DefaultFallback(value={"users": []}, priority=3),
            QueueFallback(priority=9),
        ),
    )

    loaded = _load(tmp_path, WHOLE)

    assert {"primary-api": expected} == loaded.integrations
    assert ["ApiFallback", "CacheFallback", "DefaultFallback", "QueueFallback"] == [
        type(fallback).__name__ for fallback in loaded.integrations["primary-api"].fallbacks
    ]


def test_only_the_address_has_to_be_given(tmp_path: Path) -> None:
    """An integration with nothing but an address has the documented defaults, and neither a rate limit nor a health check."""
    loaded = _load(tmp_path, _one())

    shop = loaded.integrations["shop"]
    assert Integration(base_url="https://shop.example.com") == shop
    assert (None, None, ()) == (shop.rate_limit, shop.health_check, shop.fallbacks)


def test_no_file_has_no_integrations() -> None:
    """Without a file there are none, and Settings() has none either."""
    assert {} == load(environ={}).integrations == Settings().integrations


def test_an_empty_table_is_in_force_with_its_defaults(tmp_path: Path) -> None:
    """A table that is there without keys means the defaults, not nothing."""
    loaded = _load(tmp_path, _one("rate_limit = {}"))

    assert IntegrationRateLimit() == loaded.integrations["shop"].rate_limit


def test_a_fallback_without_a_priority_takes_its_place_in_the_list(tmp_path: Path) -> None:
    """Fallbacks are tried in the order in which they are written, unless they say otherwise."""
    loaded = _load(tmp_path, _one('fallbacks = [{type = "cache"}, {type = "default", value = 1}]'))

    assert (CacheFallback(priority=1), DefaultFallback(value=1, priority=2)) == loaded.integrations["shop"].fallbacks


def test_a_default_without_a_value_is_null(tmp_path: Path) -> None:
    """TOML has no null, so leaving the value out says it."""
    loaded = _load(tmp_path, _one('fallbacks = [{type = "default"}]'))

    assert (DefaultFallback(value=None),) == loaded.integrations["shop"].fallbacks


@pytest.mark.parametrize("setting", integration_keys(), ids=lambda setting: setting.name)
def test_every_key_has_a_meaning_and_a_variable_of_its_own(setting: Setting) -> None:
    """Each key says what it is; each quantity has a unit and a range."""
    assert setting.meaning.endswith(".")
    assert setting.kind not in {"integer", "number"} or (setting.unit and setting.low is not None)


@given(setting=st.sampled_from(NUMERIC), fraction=st.floats(0, 1))
def test_a_variable_changes_one_value_over_its_whole_range(setting: Setting, fraction: float) -> None:
    """HOLDFAST_INTEGRATIONS_<ID>_<KEY> beats the alias and says where it came from."""
    assert setting.low is not None
    assert setting.high is not None
    value: float = setting.low + fraction * (setting.high - setting.low)
    value = round(value) if setting.kind == "integer" else value
    variable = variable_of("primary-api", setting.name)
    environ = {"PRIMARY_API_URL": "https://api.example.com", variable: repr(value)}

    loaded = load(environ=environ, aliases=True)

    lines = {line.name: line for line in integration_lines(loaded.integrations, loaded.sources)}
    line = lines[f"integrations.primary-api.{setting.name}"]
    assert (value, variable, variable) == (line.value, line.origin, line.variable)
    assert () == loaded.variables_unread


@given(setting=st.sampled_from(NUMERIC), beyond=st.floats(1e-3, 1e9), is_above=st.booleans())
def test_refuses_a_value_outside_its_range(setting: Setting, beyond: float, is_above: bool) -> None:
    """A value beyond a limit is refused with the range and its full name, from a variable and in code alike."""
    assert setting.low is not None
    assert setting.high is not None
    value: float = setting.high + beyond if is_above else setting.low - beyond
    value = round(value + (0.5 if is_above else -0.5)) if setting.kind == "integer" else value
    variable = variable_of("primary-api", setting.name)

    with pytest.raises(BadSettings) as caught:
        load(environ={"PRIMARY_API_URL": "https://api.example.com", variable: repr(value)}, aliases=True)

    [problem] = caught.value.problems
    assert (variable, f"integrations.primary-api.{setting.name}") == (problem.source, problem.path)
    assert f"{setting.range} {setting.unit}" in problem.message


def test_the_nearest_place_wins_key_by_key(tmp_path: Path) -> None:
    """Arguments beat variables, variables beat the file, the file beats the variables of spec 001."""
    path = tmp_path / "holdfast.toml"
    path.write_text("[integrations.primary-api]\nretry = {attempts_max = 2, multiplier = 2, max_delay_s = 20}\n")
    ours = "HOLDFAST_INTEGRATIONS_PRIMARY_API_RETRY_"
    environ = {
        "PRIMARY_API_URL": "https://api.example.com",
        "MAX_RETRIES": "9",
        "RETRY_BACKOFF_FACTOR": "9",
        "RETRY_MAX_DELAY": "9000",
        "RETRY_DELAY": "9000",
        f"{ours}MULTIPLIER": "3",
        f"{ours}MAX_DELAY_S": "30",
    }

    loaded = load(
        arguments={"integrations.primary-api.retry.max_delay_s": 40, "integrations.primary-api.name": None},
        environ=environ,
        config_path=path,
        aliases=True,
    )

    retry = loaded.integrations["primary-api"].retry
    assert (2, 3, 40, 9) == (retry.attempts_max, retry.multiplier, retry.max_delay_s, retry.initial_delay_s)
    origins = [
        loaded.sources[f"integrations.primary-api.retry.{key}"]
        for key in ("attempts_max", "multiplier", "max_delay_s", "initial_delay_s")
    ]
    assert [str(path), f"{ours}MULTIPLIER", "argument", "RETRY_DELAY"] == origins


def test_a_variable_of_an_integration_that_is_not_declared_is_told_as_unread() -> None:
    """A misspelt id in a variable is found in config show."""
    loaded = load(environ={"HOLDFAST_INTEGRATIONS_SHOP_TIMEOUT_S": "3"})

    assert ({}, ("HOLDFAST_INTEGRATIONS_SHOP_TIMEOUT_S",)) == (loaded.integrations, loaded.variables_unread)


def test_two_integrations_that_share_a_variable_are_refused(tmp_path: Path) -> None:
    """No variable can mean two things: ids that differ only in - and _ are refused."""
    refused = _refused(
        tmp_path, '[integrations.a-b]\nbase_url = "https://a"\n[integrations.a_b]\nbase_url = "https://b"\n'
    )

    assert ["integrations.a_b"] == list(refused)
    assert "HOLDFAST_INTEGRATIONS_A_B_BASE_URL" in refused["integrations.a_b"]


def test_ids_that_run_into_a_key_share_no_variable(tmp_path: Path) -> None:
    """The table `breaker` of the id `a` and the id `a-breaker` can be told apart, because all names are known beforehand."""
    text = '[integrations.a]\nbase_url = "https://a"\n[integrations.a-breaker]\nbase_url = "https://b"\n'

    loaded = _load(
        tmp_path, text, HOLDFAST_INTEGRATIONS_A_BREAKER_BREAKER_OPEN_S="3", HOLDFAST_INTEGRATIONS_A_BREAKER_OPEN_S="4"
    )

    assert (4, 3) == tuple(loaded.integrations[one].breaker.open_s for one in ("a", "a-breaker"))


def test_reports_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    """One run of a wrong configuration shows all its problems, each with its place."""
    text = """
[integrations.shop]
baseURL = "https://shop.example.com"
speed = 3
retry = {attemps_max = 3, multiplier = 0.5, jitter = "wild"}
breaker = 3
headers = {"a b" = "x", Accept = "a\\nb", accept = "again", Host = "x", X-Number = 3}
fallbacks = [{type = "api"}, {type = "carrier pigeon"}, {type = "cache", value = 3, ttl_s = 0}, {priority = 1}]
[integrations.Shop]
[integrations]
desk = 3
[worker]
concurrency = 0
"""

    refused = _refused(tmp_path, text, HOLDFAST_INTEGRATIONS_SHOP_TIMEOUT_S="soon")

    expected = {
        "worker.concurrency",
        "integrations.'Shop'",
        "integrations.desk",
        *(
            f"integrations.shop.{key}"
            for key in (
                "base_url",
                "baseURL",
                "speed",
                "timeout_s",
                "retry.attemps_max",
                "retry.multiplier",
                "retry.jitter",
                "breaker",
                "headers.'a b'",
                "headers.Accept",
                "headers.accept",
                "headers.Host",
                "headers.X-Number",
                "fallbacks[1].type",
                "fallbacks[2].value",
                "fallbacks[2].ttl_s",
                "fallbacks[3].type",
            )
        ),
    }
    assert expected == set(refused)
    assert "called base_url here" in refused["integrations.shop.baseURL"]
    assert "Did you mean retry.attempts_max?" in refused["integrations.shop.retry.attemps_max"]


@pytest.mark.parametrize(
    ("text", "path", "advice"),
    [
        pytest.param(
            "circuitBreaker = {threshold = 5}",
            "circuitBreaker.threshold",
            "called breaker.failures here",
            id="word-of-the-document",
        ),
        pytest.param(
            "circuitBreaker = {resetTimeout = 5}", "circuitBreaker.resetTimeout", "breaker.open_s", id="reset-timeout"
        ),
        pytest.param("deadlin_s = 5", "deadlin_s", "Did you mean deadline_s?", id="misspelt"),
        pytest.param("fall_backs = 5", "fall_backs", "Did you mean fallbacks?", id="misspelt-list"),
        pytest.param("zebra = 5", "zebra", "settings.md", id="nothing-like-it"),
        pytest.param("retry = 5", "retry", "Write it as in retry = {attempts_max", id="no-table"),
        pytest.param("fallbacks = 5", "fallbacks", "list of tables", id="no-list"),
        pytest.param("fallbacks = [5]", "fallbacks", "list of tables", id="no-tables-in-it"),
        pytest.param("headers = 5", "headers", "is no table", id="headers-no-table"),
        pytest.param('fallbacks = [{type = "api"}]', "fallbacks[0].endpoint", "fallback_url", id="nowhere-to-go"),
        pytest.param(
            'fallbacks = [{type = "api", endpoint = "x"}]', "fallbacks[0].endpoint", "https://", id="no-address"
        ),
        pytest.param(
            'fallbacks = [{type = "default", value = 2020-01-01}]', "fallbacks[0].value", "JSON", id="no-json"
        ),
        pytest.param('fallbacks = [{type = "default", value = nan}]', "fallbacks[0].value", "JSON", id="not-a-number"),
        pytest.param('health_check = {endpoint = "health"}', "health_check.endpoint", "/health", id="no-path"),
        pytest.param('fallback_url = "ftp://x"', "fallback_url", "http", id="cannot-be-called"),
        pytest.param('credential = "a\\nb"', "credential", "header", id="credential-of-two-lines"),
        pytest.param(
            'fallback_url = "https://ana:pw@b"', "fallback_url", "give a credential", id="password-in-address"
        ),
        pytest.param('credential = "env:A-B"', "credential", "env:NAME", id="no-variable"),
        pytest.param("recovery_enabled = 1", "recovery_enabled", "true or false", id="no-truth-value"),
    ],
)
def test_refuses_with_what_to_do_about_it(tmp_path: Path, text: str, path: str, advice: str) -> None:
    """Each refusal names the key and says what to write instead."""
    refused = _refused(tmp_path, _one(text))

    assert [f"integrations.shop.{path}"] == list(refused)
    assert advice in refused[f"integrations.shop.{path}"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "shop.example.com",
        "ftp://shop.example.com",
        "https://",
        "https://:443",
        "https://shop:99999",
        "https://shop:0",
        "https://sh op",
        "https://shop\\evil",
        "https://shop/\n",
        "https://shöp.example.com",
        "https://shop?x=1",
        "https://shop?",
        "https://shop#top",
        "https://shop/a/../b",
        "https://shop/%2e%2e/b",
        "https://shop/%2E./b",
        "https://[::1",
        "https://-shop",
    ],
)
def test_refuses_an_address_that_cannot_be_joined(address: str) -> None:
    """An address of another scheme, with a query, with dots in its path or without a host is refused when it is set."""
    with pytest.raises(BadSettings) as caught:
        Integration(base_url=address)

    assert ["base_url"] == [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    "address",
    [
        "https://shop",
        "http://127.0.0.1:8099",
        "https://[::1]:8443/v1/",
        "https://shop.example.com./a%20b/",
        "HTTPS://SHOP",
    ],
)
def test_accepts_addresses_that_can_be_called(address: str) -> None:
    """Hosts, ports, IPv6 and paths are fine."""
    assert address == Integration(base_url=address).base_url


def test_never_shows_a_secret(tmp_path: Path) -> None:
    """Tokens and headers stay hidden wherever settings are printed; the name of a variable is shown."""
    text = _one(
        f'credential = "{MARK}-1"\nheaders = {{X-Key = "{MARK}-2", X-Other = "env:OTHER"}}\n'
        f'fallbacks = [{{type = "api", endpoint = "https://b", credential = "{MARK}-3"}}, {{type = "cache"}}]'
    )

    loaded = _load(tmp_path, text)

    lines = {line.name: line for line in integration_lines(loaded.integrations, loaded.sources)}
    assert MARK not in f"{loaded!r} {loaded} {lines}"
    shown = {name.removeprefix("integrations.shop."): line.shown for name, line in lines.items()}
    assert ("(hidden)", "(hidden)", "env:OTHER") == (
        shown["credential"],
        shown["headers.X-Key"],
        shown["headers.X-Other"],
    )
    assert ("api, endpoint https://b, credential (hidden)", "cache, ttl_s 300.0 s") == (
        shown["fallbacks[0]"],
        shown["fallbacks[1]"],
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'base_url = "https://ana:{MARK}@shop"', id="address"),
        pytest.param(f'fallback_url = "https://shop?key={MARK}"', id="query"),
        pytest.param(f'credential = "{MARK}\\n"', id="credential"),
        pytest.param(f'headers = {{X = "{MARK}\\n"}}', id="header"),
        pytest.param(
            f'fallbacks = [{{type = "api", endpoint = "https://b", credential = "{MARK}\\n"}}]', id="fallback"
        ),
    ],
)
def test_never_repeats_a_secret_in_a_refusal(tmp_path: Path, text: str) -> None:
    """A refused secret is not printed with its refusal."""
    given = text if text.startswith("base_url") else f'base_url = "https://shop"\n{text}'

    refused = _refused(tmp_path, f"[integrations.shop]\n{given}\n")

    assert 1 == len(refused)
    assert MARK not in json.dumps(refused)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(
            "".join(f'[integrations.a{n}]\nbase_url = "https://a"\n' for n in range(201)),
            "integrations",
            id="integrations",
        ),
        pytest.param(_one(_caches(17)), "integrations.shop.fallbacks", id="fallbacks"),
        pytest.param(
            _one(_headers(65, size=1)),
            "integrations.shop.headers",
            id="headers",
        ),
        pytest.param(_one(f'headers = {{X = "{"a" * 8193}"}}'), "integrations.shop.headers.X", id="header"),
        pytest.param(
            _one(f'fallbacks = [{{type = "default", value = "{"a" * 65_536}"}}]'),
            "integrations.shop.fallbacks[0].value",
            id="value",
        ),
        pytest.param(f"[integrations.{'a' * 64}]\n", f"integrations.{'a' * 12}...{'a' * 13}", id="id"),
    ],
)
def test_everything_is_bounded(tmp_path: Path, text: str, path: str) -> None:
    """The number and the size of everything in the file has a limit, and one more is refused."""
    refused = _refused(tmp_path, text)

    assert 1 == len(refused)
    assert path.replace("...", "") in next(iter(refused)).replace("...", "").replace("'", "")


def test_as_many_as_allowed_are_fine(tmp_path: Path) -> None:
    """The limits themselves are allowed."""
    many = "".join(f'[integrations.a{n}]\nbase_url = "https://a"\n' for n in range(199))

    loaded = _load(tmp_path, many + _one(_caches(16) + _headers(64, size=8192)))

    assert 200 == len(loaded.integrations)


def test_a_file_nested_too_deep_is_refused(tmp_path: Path) -> None:
    """A file that the parser cannot follow is bad input, not a crash."""
    refused = _refused(tmp_path, "a = " + "[" * 10_000)

    assert "nested too deep" in refused[""]


def test_what_is_no_table_of_integrations_is_refused(tmp_path: Path) -> None:
    """`integrations = 3` is told as such."""
    refused = _refused(tmp_path, "integrations = 3")

    assert "[integrations.primary-api]" in refused["integrations"]


def test_an_unknown_argument_of_an_integration_is_refused() -> None:
    """Arguments are checked like everything else, and an id is needed."""
    with pytest.raises(BadSettings) as caught:
        load(arguments={"integrations.shop.speed": 3, "integrations.": 1}, environ={})

    assert {"integrations.shop.speed", "integrations.shop.base_url", "integrations.''"} == {
        p.path for p in caught.value.problems
    }


@pytest.mark.parametrize(
    ("build", "path"),
    [
        pytest.param(lambda: IntegrationRetry(attempts_max=True), "retry.attempts_max", id="truth-value"),
        pytest.param(lambda: IntegrationBreaker(enabled="yes"), "breaker.enabled", id="no-truth-value"),  # type: ignore[arg-type]  # on purpose
        pytest.param(lambda: Integration(base_url="https://a", timeout_s=0), "timeout_s", id="zero"),
        pytest.param(lambda: Integration(base_url="https://a", timeout_s=float("nan")), "timeout_s", id="nan"),
        pytest.param(lambda: Integration(base_url=None), "base_url", id="no-address"),  # type: ignore[arg-type]  # on purpose
        pytest.param(lambda: Integration(base_url="https://a", credential=3), "credential", id="credential"),  # type: ignore[arg-type]  # on purpose
        pytest.param(lambda: ApiFallback(endpoint="https://a", credential="\n"), "fallbacks.credential", id="fallback"),
        pytest.param(lambda: DefaultFallback(value=object()), "fallbacks.value", id="no-json"),
    ],
)
def test_refuses_wrong_values_in_code_as_well(build: object, path: str) -> None:
    """An integration built in Python is checked like one that was read."""
    assert callable(build)
    with pytest.raises(BadSettings) as caught:
        build()

    assert [path] == [problem.path for problem in caught.value.problems]
