"""Reading scenarios: what is refused, with every problem named at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from holdfast.errors import BadInput
from holdfast.testing.fault_api import Effect, load_scenario, parse_scenario

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"name": "get", "method": "GET", "path": "/things/{thing}"}


def _problems(document: object) -> list[str]:
    with pytest.raises(BadInput) as caught:
        parse_scenario(document, environment={})
    return [one.path for one in caught.value.problems]


def _with_fault(**fault: object) -> dict[str, object]:
    return {"routes": [{**GOOD, "faults": [fault]}]}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({}, "routes"),
        ({"routes": {}}, "routes"),
        ({"routes": [], "extra": 1}, "extra"),
        ({"routes": [{**GOOD, "methd": "GET"}]}, "routes[0].methd"),
        ({"routes": [{**GOOD, "method": "TRACE"}]}, "routes[0].method"),
        ({"routes": [{**GOOD, "path": "things"}]}, "routes[0].path"),
        ({"routes": [{**GOOD, "path": "/_control/ledger"}]}, "routes[0].path"),
        ({"routes": [{**GOOD, "status": True}]}, "routes[0].status"),
        ({"routes": [{**GOOD, "status": 600}]}, "routes[0].status"),
        ({"routes": [{**GOOD, "headers": {"X": "a\r\nb"}}]}, "routes[0].headers"),
        ({"routes": [{**GOOD, "body": {"deep": ["{path.other}"]}}]}, "routes[0].body"),
        ({"routes": [{**GOOD, "body": "{nonsense}"}]}, "routes[0].body"),
        ({"routes": [{**GOOD, "credential": "crm"}]}, "routes[0].credential"),
        ({"routes": [{**GOOD, "found_by": "get"}]}, "routes[0].business_id"),
        ({"routes": [{**GOOD, "found_by": "other", "business_id": "x"}]}, "routes[0].found_by"),
        ({"routes": [GOOD, {**GOOD, "path": "/other"}]}, "routes[1].name"),
        ({"routes": [GOOD, {**GOOD, "name": "other"}]}, "routes[1].path"),
        ({"routes": [], "credentials": {"crm": {"access_token": "env:NOT_SET"}}}, "credentials.crm.access_token"),
        ({"routes": [], "refused": {"open_after_s": -1}}, "refused.open_after_s"),
        (_with_fault(calls=[1]), "routes[0].faults[0].kind"),
        (_with_fault(kind="melt", calls=[1]), "routes[0].faults[0].kind"),
        (_with_fault(kind="html"), "routes[0].faults[0].calls"),
        (_with_fault(kind="html", calls=[1], from_s=1), "routes[0].faults[0].calls"),
        (_with_fault(kind="html", calls=[0]), "routes[0].faults[0].calls"),
        (_with_fault(kind="html", calls=[1], seconds=1), "routes[0].faults[0].seconds"),
        (_with_fault(kind="redirect", calls=[1]), "routes[0].faults[0].location"),
        (_with_fault(kind="hang_after_effect", calls=[1], seconds=1e9), "routes[0].faults[0].seconds"),
        (_with_fault(kind="status", calls=[1], body="{body.}{unix_in.x}"), "routes[0].faults[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) and value else None,
)
def test_refuses_what_a_scenario_cannot_say(document: object, path: str) -> None:
    """Each mistake is refused under the place where it stands, and only there."""
    assert [path] == _problems(document)


def test_names_all_problems_at_once() -> None:
    """A scenario with several mistakes is refused once, with all of them."""
    document = {"routes": [{"path": "x", "status": "200"}, {**GOOD, "faults": [{"kind": "html"}]}], "zzz": 1}

    assert {"routes[0].name", "routes[0].path", "routes[0].status", "routes[1].faults[0].calls", "zzz"} == set(
        _problems(document)
    )


def test_refuses_templates_that_nest_without_end() -> None:
    """A body nested deeper than anyone needs is refused instead of overflowing later."""
    body: object = "leaf"
    for _ in range(200):
        body = [body]

    assert ["routes[0].body"] == _problems({"routes": [{**GOOD, "body": body}]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b" " * 1_000_001, "is larger than"),
        (b"[" * 100_000, "is not JSON"),
        (None, "cannot be read"),
    ],
    ids=["no JSON", "no text", "too large", "too deep", "no file"],
)
def test_refuses_files_that_are_no_scenario(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A file that cannot be a scenario is refused by name."""
    path = tmp_path / "scenario.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInput, match=message) as caught:
        load_scenario(path)

    assert [str(path)] == [one.source for one in caught.value.problems]


def test_takes_secrets_from_the_environment(tmp_path: Path) -> None:
    """`env:NAME` reads the variable; a token left out is made up, another one each time."""
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps({"routes": [], "credentials": {"a": {"access_token": "env:TOKEN"}, "b": {}, "c": {}}}))

    named, random, other = load_scenario(path, environment={"TOKEN": "s3cret"}).credentials

    assert "s3cret" == named.access_token
    assert random.access_token != other.access_token
    assert "s3cret" not in repr(named)


@pytest.mark.parametrize(
    ("method", "effect"),
    [
        ("GET", Effect.NONE),
        ("PUT", Effect.UPSERT),
        ("DELETE", Effect.UPSERT),
        ("POST", Effect.CREATE),
        ("PATCH", Effect.CREATE),
    ],
)
def test_guesses_the_effect_from_the_method(method: str, effect: Effect) -> None:
    """Without `effect`, a route does what its method suggests."""
    scenario = parse_scenario({"routes": [{**GOOD, "method": method}]})

    assert effect is scenario.routes[0].effect


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "added"])
def test_has_one_token_endpoint(declared: bool) -> None:
    """A refresh token brings a token endpoint along, unless the scenario has its own."""
    routes = [{"name": "mine", "method": "POST", "path": "/token", "refreshes": True}] if declared else []

    scenario = parse_scenario({"routes": routes, "credentials": {"crm": {"refresh_token": "x"}}})

    assert ["mine" if declared else "oauth_token"] == [route.name for route in scenario.routes]
