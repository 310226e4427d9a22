"""Integrations on the command line: `test`, and what `config show` says of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from holdfast.adapters.http import integrations
from holdfast.adapters.http.integrations import Integrations
from holdfast.testing import FaultApi
from tests.cli.conftest import Call
from tests.planted import ACCESS_TOKEN, MARK

Declare = Callable[..., str]
BUSY = {"kind": "status", "calls": [1], "status": 503, "body": {}}
BROKEN = {"kind": "status", "calls": list(range(1, 10)), "status": 500, "body": {"error": "boom"}}


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Declares an integration over a fake API that fails as told, and returns the API's address."""
    mine = Integrations()
    monkeypatch.setattr(integrations, "_of_this_process", lambda: mine)
    opened: list[FaultApi] = []

    def with_fault(fault: dict[str, object] | None = None, *, more: str = "", body: object = None) -> str:
        routes = [
            {
                "name": method.lower(),
                "method": method,
                "path": "/users",
                "status": 200,
                "body": body or {"users": ["ana"]},
                "faults": [fault] if fault else [],
            }
            for method in ("GET", "POST")
        ]
        api = FaultApi({"routes": routes})
        opened.append(api)
        api.start()
        (tmp_path / "holdfast.toml").write_text(
            f'[integrations.primary-api]\nbase_url = "{api.url}"\nname = "The shop"\nretry = {{initial_delay_s = 0}}\n{more}\n'
        )
        return api.url

    yield with_fault
    for api in opened:
        api.stop()


def test_shows_the_answer_and_what_brought_it(call: Call, declare: Declare) -> None:
    """A request that is answered at the second attempt ends with 0, and says so."""
    declare(BUSY)

    ended = call("test", "--integration", "primary-api", "--endpoint", "/users", "--method", "get")

    assert (0, "") == (ended.code, ended.err)
    lines = ended.out.splitlines()
    assert "GET /users of The shop" == lines[0]
    assert "… attempt 1: api_unexpected_status, outcome unknown, then waited 0.00 s" == lines[1]
    assert "✓ answered 200" == lines[2]
    assert lines[3].startswith("2 attempts in ")
    assert lines[3].endswith("s; strategy: retry")
    assert '{"users":["ana"]}' == lines[4]


def test_says_the_same_as_json(call: Call, declare: Declare) -> None:
    """With --json, standard output is one object with the answer, the attempts and the strategy."""
    declare(BUSY)

    fields = call("test", "--endpoint", "/users", "--json").fields

    assert {
        "success": True,
        "integration": "primary-api",
        "method": "GET",
        "endpoint": "/users",
        "strategy": "retry",
        "attempts": 2,
        "status": 200,
        "body": {"users": ["ana"]},
        "error": None,
    }.items() <= fields.items()
    [failed] = cast("list[dict[str, object]]", fields["failedAttempts"])
    assert {"attempt": 1, "category": "api_unexpected_status", "outcome": "unknown"}.items() <= failed.items()


def test_a_request_without_an_answer_ends_with_1(call: Call, declare: Declare) -> None:
    """When the attempts are used up, the command says why and exits with 1."""
    declare(BROKEN, more="breaker = {enabled = false}")

    ended = call("test", "--endpoint", "/users")
    fields = call("test", "--endpoint", "/users", "--json").fields

    assert 1 == ended.code
    assert "✗ no answer: 'primary-api' gave up after 3 attempts: HTTP 500" in ended.out
    assert ended.out.rstrip().endswith("strategy: exhausted")
    assert (False, 3, None) == (fields["success"], fields["attempts"], fields["status"])
    assert "Exhausted" == cast("dict[str, object]", fields["error"])["type"]


def test_a_lesser_answer_says_so(call: Call, declare: Declare) -> None:
    """An answer by a fallback ends with 0 and says that it is degraded, and why."""
    declare(BROKEN, more='fallbacks = [{type = "default", value = {users = []}}]\nbreaker = {enabled = false}')

    ended = call("test", "--endpoint", "/users")
    fields = call("test", "--endpoint", "/users", "--json").fields

    assert 0 == ended.code
    assert "… degraded answer 200: default, because of api_unexpected_status" in ended.out
    assert (3, "default", {"users": []}) == (fields["attempts"], fields["strategy"], fields["body"])
    assert {"strategy": "default", "reason": "api_unexpected_status"}.items() <= cast(
        "dict[str, object]", fields["degraded"]
    ).items()


def test_a_post_of_unknown_outcome_is_not_repeated(call: Call, declare: Declare) -> None:
    """The command keeps the rules of safety that programs have."""
    declare(BROKEN)

    fields = call("test", "--endpoint", "/users", "--method", "POST", "--json").fields

    assert 1 == fields["attempts"]


def test_tells_what_the_library_raised(call: Call, declare: Declare) -> None:
    """Where nobody listens and nothing is repeated, the failure is shown, not a traceback."""
    declare(more='recovery_enabled = false\nfallback_url = "http://127.0.0.1:9"')
    Path("holdfast.toml").write_text(
        '[integrations.primary-api]\nbase_url = "http://127.0.0.1:9"\nrecovery_enabled = false'
    )

    ended = call("test")

    assert 1 == ended.code
    assert "✗ no answer" in ended.out


def test_verbose_shows_the_strategies_and_all_of_the_answer(call: Call, declare: Declare) -> None:
    """A long answer is cut, and whole with --verbose, with its headers and the policy in words."""
    declare(BUSY, body={"users": ["a" * 600]})

    short = call("test", "--endpoint", "/users").out
    whole = call("test", "--endpoint", "/users", "--verbose").out

    assert "…" == short.rstrip()[-1]
    assert ("content-type: application/json" in whole, "outermost first" in whole) == (True, True)
    assert "a" * 600 in whole


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--integration", "primary"], "Did you mean primary-api?", id="unknown-integration"),
        pytest.param(["--endpoint", "users"], "begin with a slash", id="no-path"),
        pytest.param(["--method", "G T"], "is no method", id="no-method"),
        pytest.param(["--config", "missing.toml"], "cannot be read", id="no-file"),
    ],
)
def test_bad_input_ends_with_2(call: Call, declare: Declare, arguments: list[str], said: str) -> None:
    """What cannot be asked is told on standard error, and nothing is sent."""
    declare()

    ended = call("test", *arguments)

    assert (2, "") == (ended.code, ended.out)
    assert said in ended.err


def test_the_documents_variables_count_on_request(
    call: Call, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --spec-env, PRIMARY_API_URL is all that it takes; without, it is not read."""
    monkeypatch.setenv("PRIMARY_API_URL", declare())
    Path("holdfast.toml").unlink()

    with_aliases = call("test", "--spec-env", "--endpoint", "/users")
    without = call("test", "--endpoint", "/users")

    assert (0, 2) == (with_aliases.code, without.code)
    assert "of Primary API" in with_aliases.out


def test_config_show_says_what_integrations_are_and_from_where(
    call: Call, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value of an integration has its place, and no secret is shown."""
    declare(more=f'credential = "{MARK[:6]}-secret"\nheaders = {{X-Key = "env:KEY"}}\nfallbacks = [{{type = "cache"}}]')
    monkeypatch.setenv("HOLDFAST_INTEGRATIONS_PRIMARY_API_TIMEOUT_S", "7")

    text = call("config", "show").out
    shown = cast("dict[str, dict[str, object]]", call("config", "show", "--json").fields["settings"])

    prefix = "integrations.primary-api."
    assert {"value": 7.0, "origin": "HOLDFAST_INTEGRATIONS_PRIMARY_API_TIMEOUT_S", "unit": "s"}.items() <= shown[
        f"{prefix}timeout_s"
    ].items()
    assert ("(hidden)", "env:KEY") == (shown[f"{prefix}credential"]["value"], shown[f"{prefix}headers.X-Key"]["value"])
    assert {"value": "cache, ttl_s 300.0 s", "origin": "holdfast.toml"}.items() <= shown[
        f"{prefix}fallbacks[0]"
    ].items()
    assert "-secret" not in text + json.dumps(shown)
    assert f"{prefix}retry.attempts_max" in text


def test_config_show_tells_aliases_that_change_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --spec-env, a variable of the document without a meaning here is told with the reason; without, nobody mentions it."""
    monkeypatch.setenv("METRICS_ENABLED", "true")
    monkeypatch.setenv("SERVICE_NAME", "harbour")
    monkeypatch.setenv("MAX_RETRIES", "3")
    monkeypatch.setenv("REDIS_URL", f"redis://:{ACCESS_TOKEN}@host")

    with_aliases, without = call("config", "show", "--spec-env"), call("config", "show")

    assert "METRICS_ENABLED is set and changes nothing: Comes with metrics." in with_aliases.err
    assert (
        "MAX_RETRIES is set and changes nothing: integrations.primary-api.retry.attempts_max is not declared"
        in with_aliases.err
    )
    assert "SERVICE_NAME" not in with_aliases.err
    assert MARK not in with_aliases.err + with_aliases.out
    assert "harbour" in with_aliases.out
    assert ("", False) == (without.err, "harbour" in without.out)
