"""`credentials list`, `set` and `give-up`, and the secrets of `run`, as somebody at a keyboard or in a script uses them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from holdfast.testing import FaultApi
from tests.cli.conftest import Call
from tests.planted import ACCESS_TOKEN, API_KEY

ID = "7d1f6a2c-0000-4000-8000-000000000002"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "credential"
TOKEN, KEY = ACCESS_TOKEN, API_KEY


class Shop:
    """The files of the example, and its API."""

    def __init__(self, directory: Path, api: FaultApi) -> None:
        self.api = api
        self.actions = directory / "shop-actions.yaml"
        self.actions.write_text((EXAMPLE / "actions.yaml").read_text().replace("http://127.0.0.1:8099", api.url))
        self.run = ("run", str(EXAMPLE / "plan.yaml"), "--actions", str(self.actions), "--id", ID)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a generator of one shop
    """The example's API, with secrets that only the test knows."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    monkeypatch.setenv("ADAS_KEY", KEY)
    scenario = json.loads((EXAMPLE / "scenario.json").read_text())
    with FaultApi(scenario) as api:
        yield Shop(tmp_path, api)


def test_a_plan_waits_for_what_only_people_have_and_goes_on(
    call: Call, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with 3 and the commands to type; the two secrets are given, and resume completes it without showing either."""
    waiting = call(*shop.run)
    listed = call("credentials", "list", "--json")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    first = call("credentials", "set", "shop", "--access-token", "-", "--by", "ada")
    second = call("credentials", "set", "USER_KEY", "--access-token", "env:ADAS_KEY", "--execution", ID)
    kept = call("credentials", "list")
    done = call("resume", ID)

    assert [3, 0, 0, 0] == [one.code for one in (waiting, first, second, done)]
    assert "credentials set shop " in waiting.out
    assert f"credentials set USER_KEY --execution {ID}" in waiting.out
    assert {("shop", "asked", None), ("USER_KEY", "asked", ID)} == {
        (one["credential"], one["state"], one["executionId"]) for one in json.loads(listed.out)
    }
    assert "ada" in kept.out
    told = "".join(one.out + one.err for one in (waiting, listed, kept, first, second, done))
    assert [] == [secret for secret in (TOKEN, KEY) if secret in told]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param("USER_KEY=env:ADAS_KEY", "", id="variable"),
        pytest.param("USER_KEY=-", f"{KEY}\n", id="standard input"),
        pytest.param(f"USER_KEY={KEY}", "", id="written out"),
    ],
)
def test_a_secret_is_given_at_the_start(
    call: Call, shop: Shop, monkeypatch: pytest.MonkeyPatch, given: str, line: str
) -> None:
    """From a variable, a line or the command itself; the last one is warned of."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))

    ended = call(*shop.run, "--secret", given)

    assert 3 == ended.code  # the other credential is still missing
    assert 1 == sum(one.path == "/notes" and one.status == 200 for one in shop.api.ledger().requests)
    assert ("shell's history" in ended.err) == (KEY in given)
    assert KEY not in ended.out + ended.err


def test_on_a_terminal_a_missing_secret_is_asked_for(call: Call, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody at a keyboard is asked, without an echo, before the plan starts."""
    keyboard = io.StringIO()
    keyboard.isatty = lambda: True  # type: ignore[method-assign]  # a terminal, for all the program can tell
    monkeypatch.setattr(sys, "stdin", keyboard)
    asked: list[str] = []
    monkeypatch.setattr("holdfast.cli.secret_values.getpass", lambda prompt: asked.append(prompt) or KEY)

    call(*shop.run)

    assert 1 == len(asked)
    assert 1 == sum(one.path == "/notes" and one.status == 200 for one in shop.api.ledger().requests)


def test_all_bad_secrets_are_told_at_once(call: Call, shop: Shop) -> None:
    """Twice the same name, a variable that is not set, a name without a value where nobody can be asked: one refusal lists them."""
    wrong = ["USER_KEY=env:NOWHERE", "A=env:ADAS_KEY", "A=env:ADAS_KEY", "B"]

    ended = call(*shop.run, *(word for text in wrong for word in ("--secret", text)))

    assert (2, "3 problems:") == (ended.code, ended.err.splitlines()[0])
    assert "there is no such file" in call("executions", "show", ID).err  # nothing was started, not even a database


def test_giving_up_fails_who_waits_and_a_second_answer_comes_too_late(call: Call, shop: Shop) -> None:
    """After give-up the plan fails; answering once more ends with 1 and changes nothing."""
    call(*shop.run)

    ended = [
        call("credentials", "give-up", "shop").code,
        call("resume", ID).code,
        call("credentials", "give-up", "shop").code,
    ]

    assert [0, 1, 1] == ended


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["~own/x/KEY", "--access-token", "env:ADAS_KEY"], id="reserved name"),
        pytest.param(["shop", "--access-token", "env:ADAS_KEY", "--expires-in", "0"], id="no lifetime"),
        pytest.param(["shop", "--access-token", "env:NOWHERE"], id="no variable"),
        pytest.param(["shop"], id="nobody to ask"),
    ],
)
def test_a_credential_that_cannot_be_set_is_refused(call: Call, shop: Shop, arguments: list[str]) -> None:
    """What is wrong with an answer is told with exit code 2, and nothing is stored."""
    ended = call("credentials", "set", *arguments)

    assert 2 == ended.code
    assert [] == call("credentials", "list", "--json").json
