"""The demo's plan and the newcomer's: the files fit each other, and the fake world goes wrong as they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml

from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan
from holdfast.errors import BadInput
from holdfast.testing import (
    FaultApi,
    OnboardingFiles,
    make_onboarding_secrets,
    onboarding_scenario_path,
    render_onboarding,
)
from holdfast.testing.fault_api import Route, Scenario, load_scenario
from holdfast.testing.onboarding import ONBOARDING_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

API_URL, MAIL_URL = "http://127.0.0.1:8001", "http://127.0.0.1:8002"
NEWCOMER = Path(__file__).parents[2] / "examples" / "newcomer"
REFERENCE = re.compile(r"\$\{([a-zA-Z0-9_]+)\.output\.([a-zA-Z0-9_]+)\}")

Json = dict[str, object]


@pytest.fixture
def files(tmp_path: Path) -> OnboardingFiles:
    """The onboarding files with addresses filled in."""
    return render_onboarding(API_URL, MAIL_URL, tmp_path)


def _load(name: str, path: Path) -> tuple[Json, list[Json], Scenario]:
    if name == "newcomer":
        plan, actions = (yaml.safe_load((NEWCOMER / file).read_text()) for file in ("plan.yaml", "actions.yaml"))
        return plan, actions, load_scenario(NEWCOMER / "scenario.json")
    files = render_onboarding(API_URL, MAIL_URL, path)
    plan, actions = json.loads(files.plan.read_text()), json.loads(files.actions.read_text())
    return plan, actions, load_scenario(files.scenario, environment=make_onboarding_secrets())


def _route_of(definition: Json, scenario: Scenario) -> Route | None:
    endpoint = cast("dict[str, str]", definition["endpoint"])
    path = urlsplit(endpoint["url"]).path
    return next((one for one in scenario.routes if (one.method, one.path) == (endpoint["method"], path)), None)


@pytest.mark.parametrize("name", ["onboarding", "newcomer"])
def test_every_definition_has_its_route(name: str, tmp_path: Path) -> None:
    """Each definition calls a route of its scenario, and a key is sent exactly where the fake API honours one."""
    _, definitions, scenario = _load(name, tmp_path)

    for definition in definitions:
        route = _route_of(definition, scenario)
        assert route is not None, definition["id"]
        declared = cast("Json", definition.get("idempotency", {})).get("header")
        assert route.idempotency_header == declared, definition["id"]


@pytest.mark.parametrize("name", ["onboarding", "newcomer"])
def test_plans_are_sound(name: str, tmp_path: Path) -> None:
    """Actions name existing definitions and inputs, and every reference is to an output of a dependency."""
    plan, definitions, _ = _load(name, tmp_path)
    by_id = {one["id"]: one for one in definitions}
    actions = {cast("str", one["id"]): one for one in cast("list[Json]", plan["actions"])}

    for action in actions.values():
        definition = by_id[action["actionDefinitionId"]]
        inputs = cast("Json", action["inputs"])
        assert set(cast("Json", definition["inputSchema"])) == set(inputs), action["id"]
        for value in inputs.values():
            found = REFERENCE.fullmatch(str(value))
            if found:
                assert found[1] in cast("list[str]", action["dependencies"])
                assert found[2] in cast("Json", by_id[actions[found[1]]["actionDefinitionId"]]["outputSchema"])
            assert found or "${" not in str(value)
    for check in cast("dict[str, list[dict[str, str]]]", plan["expectedOutcome"])["validations"]:
        found = REFERENCE.fullmatch(check["reference"])
        assert found
        assert found[2] in cast("Json", by_id[actions[found[1]]["actionDefinitionId"]]["outputSchema"])


@pytest.mark.parametrize("name", ["onboarding", "newcomer"])
def test_files_are_the_contract_s(name: str, tmp_path: Path) -> None:
    """Plans, definitions and catalog entries are accepted by the wire models."""
    plan, definitions, _ = _load(name, tmp_path)
    entries = [yaml.safe_load(path.read_text()) for path in sorted((tmp_path / "catalog").glob("*.yaml"))]

    ExecutionPlan.from_json(json.dumps(plan))
    for definition in definitions:
        ActionDefinition.from_json(json.dumps(definition))
    for entry in entries:
        ApiCatalogEntry.from_json(json.dumps(entry))

    assert (3 if name == "onboarding" else 0) == len(entries)


def test_fills_in_the_addresses(files: OnboardingFiles) -> None:
    """No placeholder of an address is left, mail goes to the refusing port, and everything else to the main one."""
    written = "".join(
        path.read_text() for path in [files.plan, files.actions, files.scenario, *files.catalog.iterdir()]
    )
    urls = {one["id"]: one["endpoint"]["url"] for one in json.loads(files.actions.read_text())}

    assert [] == re.findall(r"@[A-Z_]+@", written)
    assert ["mail.welcome"] == [name for name, url in urls.items() if url.startswith(MAIL_URL)]
    assert {API_URL} == {url[: len(API_URL)] for name, url in urls.items() if name != "mail.welcome"}


def test_writing_twice_is_safe(files: OnboardingFiles, tmp_path: Path) -> None:
    """Rendering again over the same directory changes nothing."""
    before = files.actions.read_text()

    again = render_onboarding(API_URL, MAIL_URL, tmp_path)

    assert (files, before) == (again, again.actions.read_text())


@pytest.mark.parametrize("bad", ["127.0.0.1:80", "ftp://x", "http://", "http://x/", 'http://x"y', "http://x?a"])
def test_refuses_addresses_that_are_none(bad: str, tmp_path: Path) -> None:
    """An address with a path, or of another scheme, is refused and nothing is written; both mistakes are named."""
    with pytest.raises(BadInput) as caught:
        render_onboarding(bad, bad, tmp_path / "new")

    assert ["api_url", "mail_url"] == [one.source for one in caught.value.problems]
    assert not (tmp_path / "new").exists()


def test_says_when_the_directory_cannot_be_written(tmp_path: Path) -> None:
    """A file where the directory should be is refused by name."""
    (tmp_path / "file").touch()

    with pytest.raises(BadInput, match="cannot be written"):
        render_onboarding(API_URL, MAIL_URL, tmp_path / "file")


def test_makes_new_secrets_every_time() -> None:
    """The demo's credentials are random, and there is one for every variable that its files name."""
    first, second = make_onboarding_secrets(), make_onboarding_secrets()

    assert set(ONBOARDING_VARIABLES) == set(first)
    assert not set(first.values()) & set(second.values())


@pytest.fixture
def world() -> Iterator[tuple[FaultApi, httpx2.Client, dict[str, str]]]:
    """The demo's fake API with a client and the secrets."""
    secrets = make_onboarding_secrets()
    with (
        FaultApi(onboarding_scenario_path(), environment=secrets) as api,
        httpx2.Client(base_url=api.url, trust_env=False) as client,
    ):
        yield api, client, secrets


def test_the_demo_s_token_is_expired_until_refreshed(world: tuple[FaultApi, httpx2.Client, dict[str, str]]) -> None:
    """The first token gets the 401 of an expired one; the refresh gives one that is let in, and may be asked twice."""
    api, client, secrets = world
    body = {"reference": "signup_1001", "name": "Ada"}

    denied = client.post("/crm/customers", json=body, headers={"Authorization": f"Bearer {secrets['DEMO_CRM_TOKEN']}"})
    renewals = [
        client.post("/oauth/token", headers={"X-Refresh-Token": secrets["DEMO_CRM_REFRESH_TOKEN"]}) for _ in range(2)
    ]
    bearer = {"Authorization": f"Bearer {renewals[-1].json()['access_token']}"}
    made = client.post("/crm/customers", json=body, headers=bearer)

    assert 401 == denied.status_code
    assert 'Bearer error="invalid_token"' in denied.headers["WWW-Authenticate"]
    assert re.fullmatch("cus_[0-9a-f]{12}", made.json()["id"])
    assert (201, ()) == (made.status_code, api.ledger().violations)


def test_the_demo_s_charge_is_made_but_not_answered(world: tuple[FaultApi, httpx2.Client, dict[str, str]]) -> None:
    """The first charge hangs after the work; the same key then gets the answer, and there is one charge."""
    api, client, _ = world
    body, key = {"order": "order_1001", "amount": 4900, "currency": "EUR"}, {"Idempotency-Key": "k"}

    with pytest.raises(httpx2.ReadTimeout):
        client.post("/payments/charges", json=body, headers=key, timeout=0.1)
    again = client.post("/payments/charges", json=body, headers=key)

    assert {"amount": 4900, "currency": "EUR", "status": "succeeded"} == {
        k: v for k, v in again.json().items() if k != "id"
    }
    assert {"order_1001": 1} == api.ledger().route("charge_card").effects_by_business_id


def test_the_rest_of_the_demo_s_world(world: tuple[FaultApi, httpx2.Client, dict[str, str]]) -> None:
    """Workspaces say 2 s once, mail refuses, the old enrichment is gone, and the new one, the books and the look-up answer."""
    _, client, _ = world

    workspaces = [client.put("/workspaces/cus_1", json={"plan": "team"}) for _ in range(2)]
    old, new = client.get("/enrichment/v1/companies?domain=x"), client.get("/enrichment/v2/companies/example.com")
    missing = client.get("/ledger/entries/order_1001")
    entry = client.post("/ledger/entries", json={"reference": "order_1001", "amount": 4900})
    found = client.get("/ledger/entries/order_1001")

    assert [429, 200] == [one.status_code for one in workspaces]
    assert "2" == workspaces[0].headers["Retry-After"]
    assert (410, "Example Ltd") == (old.status_code, new.json()["company"])
    assert (404, 201, entry.json()["id"]) == (missing.status_code, entry.status_code, found.json()["id"])


def test_the_demo_s_mail_refuses_at_first(world: tuple[FaultApi, httpx2.Client, dict[str, str]]) -> None:
    """Before anything was asked of the API, the mail port refuses connections."""
    api, client, _ = world

    with pytest.raises(httpx2.ConnectError):
        client.post(f"{api.refused_url}/mail/messages", json={})

    assert 0 == api.ledger().route("send_welcome").calls


def test_the_newcomer_s_api_fails_once() -> None:
    """The API of the newcomer's page says 503 with a Retry-After once, then answers; the page gives the port that the files name."""
    with FaultApi(NEWCOMER / "scenario.json") as api, httpx2.Client(base_url=api.url, trust_env=False) as client:
        first, second = (client.get("/customers/42") for _ in range(2))

    assert (503, "2", 200) == (first.status_code, first.headers["Retry-After"], second.status_code)
    assert {"id": "42", "email": "ada@example.com"} == second.json()
    assert "--port 8099" in (NEWCOMER / "README.md").read_text()
    assert 2 == (NEWCOMER / "actions.yaml").read_text().count("http://127.0.0.1:8099/")
