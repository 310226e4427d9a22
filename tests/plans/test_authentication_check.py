"""What keeps a request from being authenticated, told before anything runs."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest

from tests.plans.samples import action_wire as action, definition_wire as define, judged, passed, plan
from tests.planted import MARK, PASSWORD

GET = {"type": "bearer", "token": "SHOP_TOKEN", "tokenFrom": "env"}
OAUTH = {
    "type": "oauth2", "clientId": "me", "clientSecret": "env:SECRET", "tokenUrl": "https://auth.example/token", "scope": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        pytest.param(
            {"authentication": {**GET, "credential": "~own/x/KEY"}},
            "authentication",
            "Holdfast's own",
            id="reserved-name",
        ),
        pytest.param(
            {"authentication": {**OAUTH, "tokenUrl": "ftp://auth.example/"}},
            "authentication.tokenUrl",
            "https://",
            id="token-url",
        ),
        pytest.param(
            {"authentication": {**OAUTH, "tokenUrl": f"https://u:{quote_plus(PASSWORD)}@auth.example/"}},
            "authentication.tokenUrl",
            "clientSecret",
            id="password-in-token-url",
        ),
        pytest.param(
            {"authentication": {**OAUTH, "clientSecret": "env:a b"}},
            "authentication.clientSecret",
            "name of an environment variable",
            id="client-secret",
        ),
        pytest.param(
            {"authentication": {**OAUTH, "clientSecret": "~literal/ab"}},
            "authentication.clientSecret",
            "Holdfast's own",
            id="reserved-secret",
        ),
        pytest.param({"authentication": {**OAUTH, "clientId": ""}}, "authentication.clientId", "empty", id="client"),
        pytest.param(
            {"authentication": {**OAUTH, "refreshToken": ""}},
            "authentication.refreshToken",
            "leave it out",
            id="refresh",
        ),
        pytest.param(
            {"authentication": {**OAUTH, "scope": ["a b"]}}, "authentication.scope[0]", "not one scope", id="scope"
        ),
    ],
)
def test_refuses_what_cannot_authenticate(changes: dict[str, object], path: str, words: str) -> None:
    """One thing wrong with an authentication is one problem with its place; secrets are not repeated."""
    problems = judged(plan(action("a")), define(**changes))

    assert isinstance(problems, list)
    assert 1 == len(problems)
    assert path in problems[0]
    assert words in problems[0]
    assert MARK not in problems[0]


def test_names_each_variable_of_a_token_endpoint_that_is_missing() -> None:
    """The client's secret and the refresh token are missed each by its own name, before anything runs."""
    wanting = define(authentication={**OAUTH, "refreshToken": "env:REFRESH_TOKEN"})

    problems = judged(plan(action("a")), wanting, environ={"OTHER": "x"})

    assert isinstance(problems, list)
    assert [("SECRET" in one, "REFRESH_TOKEN" in one) for one in map(str, problems)] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        pytest.param([{"authentication": {**OAUTH, "clientSecret": "env:OTHER"}}], "in another way", id="two grants"),
        pytest.param(
            [{"endpoint__method": "POST", "refreshes": "me@auth.example", "tokenPath": "access_token"}],
            "renewed by its token endpoint and by",
            id="grant and refresh action",
        ),
    ],
)
def test_refuses_two_ways_to_renew_one_credential(others: list[dict[str, object]], words: str) -> None:
    """Who renews a credential must be one: two would use up each other's refresh token."""
    second = define("shop.second", **others[0])

    problems = judged(
        plan(action("a"), action("b", actionDefinitionId="shop.second")), define(authentication=OAUTH), second
    )

    assert isinstance(problems, list)
    assert any(words in str(one) for one in problems)


def test_refuses_to_refresh_one_persons_key_for_all() -> None:
    """A key that each user gives for their own execution cannot be renewed for everybody."""
    renew = define("shop.renew", endpoint__method="POST", refreshes="KEY", tokenPath="access_token")
    key = define(authentication={"type": "api_key", "header": "X", "value": "KEY", "valueFrom": "user_input"})

    problems = judged(plan(action("a")), key, renew)

    assert isinstance(problems, list)
    assert "one person's own" in str(problems[0])


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        pytest.param({**OAUTH, "clientSecret": "hf-literal-0001"}, "sealed before anything is stored", id="literal"),
        pytest.param({**OAUTH, "tokenUrl": "http://auth.example/token"}, "not encrypted", id="http"),
    ],
)
def test_warns_of_secrets_that_are_badly_kept(authentication: dict[str, object], words: str) -> None:
    """What works but lets others read a secret is a warning, which does not repeat it."""
    warnings = [str(one) for one in passed(plan(action("a")), define(authentication=authentication)).warnings]

    assert any(words in one for one in warnings)
    assert not any("hf-literal-0001" in one for one in warnings)
