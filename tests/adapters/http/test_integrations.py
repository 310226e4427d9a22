"""Integrations by name: one for each id and process, made from the settings."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

import holdfast
from holdfast.adapters.http import integrations
from holdfast.adapters.http.integrations import Integrations
from holdfast.errors import BadInput, BadSettings, CircuitOpen
from holdfast.settings import HealthCheck, Http, Integration, IntegrationBreaker, IntegrationRetry, Settings
from holdfast.testing import FaultApi
from tests.adapters.clients.server import Answer, Stall, serving

SHOP = Settings(integrations={"shop": Integration(base_url="https://shop.example.com")})
USERS = {
    "routes": [
        {
            "name": "users",
            "method": "GET",
            "path": "/users",
            "status": 200,
            "body": {"users": ["ana"]},
            "faults": [{"kind": "status", "calls": [1], "status": 503, "body": {}}],
        }
    ]
}


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has integrations of its own, as a process has."""
    mine = Integrations()
    monkeypatch.setattr(integrations, "_of_this_process", lambda: mine)


def test_calls_an_api_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """holdfast.integration("primary-api").request("GET", "/users") answers, after a 503 on the way."""
    with FaultApi(USERS) as api:
        (tmp_path / "holdfast.toml").write_text(
            f'[integrations.primary-api]\nbase_url = "{api.url}"\nretry = {{initial_delay_s = 0, jitter = "none"}}\n'
        )
        monkeypatch.chdir(tmp_path)
        primary = holdfast.integration("primary-api")

        reply = primary.request("GET", "/users")

        primary.close()
    assert {"users": ["ana"]} == reply.json()


def test_there_is_one_per_process_and_id() -> None:
    """Everybody who asks gets the same one, from any thread, with equal settings too."""
    found: list[holdfast.Integration] = []
    threads = [
        threading.Thread(target=lambda: found.append(holdfast.integration("shop", settings=SHOP))) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(found)
    assert {id(found[0])} == {id(one) for one in found}
    assert found[0] is holdfast.integration("shop", settings=replace(SHOP, run=SHOP.run))


@pytest.mark.parametrize(
    "changed",
    [
        replace(SHOP, integrations={"shop": Integration(base_url="https://other.example.com")}),
        replace(SHOP, integrations={"shop": Integration(base_url="https://shop.example.com", retry=IntegrationRetry(attempts_max=1))}),
        replace(SHOP, http=Http(redirects_max=0)),
    ],
    ids=["address", "retry", "http"],
)  # fmt: skip
def test_is_made_anew_when_what_it_is_made_of_has_changed(changed: Settings) -> None:
    """Other settings make another one, and it is the one from then on."""
    before = holdfast.integration("shop", settings=SHOP)

    after = holdfast.integration("shop", settings=changed)

    assert before is not after
    assert after is holdfast.integration("shop", settings=changed)


def test_settings_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read when the first integration is asked for; a program that runs is not changed under way."""
    file = tmp_path / "holdfast.toml"
    file.write_text('[integrations.shop]\nbase_url = "https://one"\n[integrations.desk]\nbase_url = "https://two"\n')
    monkeypatch.chdir(tmp_path)
    shop = holdfast.integration("shop")
    file.unlink()

    assert "https://two" == holdfast.integration("desk").declared.base_url
    assert shop is holdfast.integration("shop")


@pytest.mark.parametrize(
    ("name", "advice"), [("shpo", "Did you mean shop?"), ("zebra", "[integrations.zebra]")], ids=["misspelt", "unknown"]
)
def test_an_unknown_id_is_told_with_what_to_do(name: str, advice: str) -> None:
    """A name that is not declared is answered with the nearest one, or with how to declare it."""
    with pytest.raises(BadInput) as caught:
        holdfast.integration(name, settings=SHOP)

    assert advice in str(caught.value)


def test_a_variable_that_is_not_set_is_told() -> None:
    """A credential in a variable has to be there when the integration is first used."""
    declared = Integration(base_url="https://shop", credential="env:HOLDFAST_TEST_NOT_SET")

    with pytest.raises(BadSettings, match="HOLDFAST_TEST_NOT_SET"):
        holdfast.integration("shop", settings=Settings(integrations={"shop": declared}))


@pytest.mark.parametrize("directory", [None, "."], ids=["no-catalog", "not-in-it"])
def test_a_catalog_entry_that_is_not_there_is_told(tmp_path: Path, directory: str | None) -> None:
    """An `api` that no catalog knows would change nothing, so it is refused."""
    settings = Settings(
        catalog=replace(SHOP.catalog, directory=str(tmp_path) if directory else None),
        integrations={"shop": Integration(base_url="https://shop", api="shop")},
    )

    with pytest.raises(BadInput, match="catalog"):
        holdfast.integration("shop", settings=settings)


@pytest.mark.parametrize(
    ("declared", "shipped", "api_id"),
    [
        pytest.param({"base_url": "https://shop", "api": "stripe"}, True, "stripe", id="by-name"),
        pytest.param({"base_url": "https://api.stripe.com/v1"}, True, "stripe", id="by-address"),
        pytest.param({"base_url": "https://shop"}, True, None, id="unknown"),
        pytest.param({"base_url": "https://api.stripe.com/v1"}, False, None, id="switched-off"),
    ],
)
@pytest.mark.parametrize("directory", [None, "."], ids=["no-directory", "empty-directory"])
def test_apis_that_come_with_holdfast_are_known(
    tmp_path: Path, declared: dict[str, str], shipped: bool, api_id: str | None, directory: str | None
) -> None:
    """An integration with an API that comes with Holdfast, by name or by address, judges as its entry says, unless that is switched off."""
    catalog = replace(SHOP.catalog, shipped=shipped, directory=str(tmp_path) if directory else None)
    settings = Settings(catalog=catalog, integrations={"shop": Integration(**declared)})

    shop = holdfast.integration("shop", settings=settings)

    api = shop.policy.judge.api
    assert api_id == (api and api.api_id)


@pytest.mark.parametrize("shipped", [True, False], ids=["misspelt", "switched-off"])
def test_an_api_that_does_not_come_with_holdfast_is_refused(shipped: bool) -> None:
    """A name that nothing knows is told with the nearest one there is."""
    settings = Settings(
        catalog=replace(SHOP.catalog, shipped=shipped),
        integrations={"shop": Integration(base_url="https://shop", api="strpe")},
    )

    with pytest.raises(BadInput, match="'stripe'" if shipped else "catalog.directory"):
        holdfast.integration("shop", settings=settings)


def test_the_catalog_entry_judges_the_answers(tmp_path: Path) -> None:
    """What the catalog knows of the API counts: its 409 that passes by itself is repeated."""
    (tmp_path / "users.json").write_text(
        """{"apiId": "users", "name": "Users", "version": "1", "baseUrl": "http://127.0.0.1", "quirks": {}, "recoveryStrategies": [],
        "errorMappings": [{"status": 409, "category": "api_unexpected_status", "retryable": true}]}"""
    )
    scenario = {
        "routes": [USERS["routes"][0] | {"faults": [{"kind": "status", "calls": [1], "status": 409, "body": {}}]}]
    }
    with FaultApi(scenario) as api:
        declared = Integration(base_url=api.url, api="users", retry=IntegrationRetry(initial_delay_s=0))
        settings = Settings(catalog=replace(SHOP.catalog, directory=str(tmp_path)), integrations={"users": declared})
        users = holdfast.integration("users", settings=settings)

        reply = users.request("GET", "/users")

        users.close()
    assert 200 == reply.status


# --- health checks ---


def health_of(url: str, **more: object) -> holdfast.Integration:
    """An integration with a health check and a circuit that opens at the second failure."""
    declared = Integration(
        base_url=url,
        health_check=HealthCheck(endpoint="/health", timeout_s=0.2),
        breaker=IntegrationBreaker(failures=2, successes=1, open_s=60),
        **more,
    )
    return holdfast.integration("shop", settings=Settings(integrations={"shop": declared}))


def test_a_health_check_asks_the_endpoint_once() -> None:
    """A 2xx is well; a failure is one, with its verdict, and is not repeated."""
    with serving([Answer(), Answer(status=503), Stall()]) as script:
        shop = health_of(script.url, headers={"X-Who": "me"})
        found = [shop.check_health() for _ in range(3)]
        shop.close()

    assert [True, False, False] == [result.passed for result in found]
    assert [200, 503, None] == [result.status for result in found]
    assert ["api_unexpected_status", "network_timeout"] == [result.verdict.category for result in found[1:]]
    assert ["/health"] * 3 == [received.path for received in script.received]
    assert "me" == script.received[0].headers["x-who"]


def test_failed_health_checks_open_the_circuit_and_go_out_all_the_same() -> None:
    """Calls are turned away before anybody else has met the failure; the check is how one learns that the API is back."""
    with serving([Answer(status=503), Answer(status=503), Answer(status=503)]) as script:
        shop = health_of(script.url)
        for _ in range(2):
            shop.check_health()

        with pytest.raises(CircuitOpen):
            shop.request("GET", "/users")
        assert not shop.check_health().passed
        assert shop.check_health().passed
        shop.close()

    assert ["/health"] * 4 == [received.path for received in script.received]


@pytest.mark.anyio
async def test_a_health_check_on_an_event_loop() -> None:
    """The same, awaited, with the circuit open and closed."""
    with serving([Answer(status=503), Answer(status=503)]) as script:
        shop = health_of(script.url)
        found = [(await shop.acheck_health()).passed for _ in range(3)]
        await shop.aclose()

    assert [False, False, True] == found


def test_a_failed_health_check_triggers_recovery() -> None:
    """The recovery engine is told, and its remedies ask again; the result says what was found at first."""
    told: list[object] = []
    again = holdfast.Remedy(
        name="again",
        priority=1,
        conditions=(holdfast.Condition(predicate=lambda facts: True),),
        measures=(holdfast.Repeat(attempts_max=2, initial_delay_s=0),),
    )
    engine = holdfast.RecoveryEngine([again])
    engine.on("*", lambda event: told.append(event.name))
    with serving([Answer(status=503)]) as script:
        shop = health_of(script.url)
        result = shop.check_health(recovery=engine)
        shop.close()

    assert not result.passed
    assert ["recovery.succeeded"] == told
    assert 2 == len(script.received)
