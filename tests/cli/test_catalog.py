"""`holdfast catalog`, as somebody uses it who looks at APIs or describes one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters.clients.server import Answer, serving
from tests.cli.conftest import Call

OVERRIDE = """
apiId: stripe
name: Our Stripe
errorMappings:
  - codes: [our_code]
    category: rate_limit_daily
    retryable: true
    reason: Ours.
"""
CRM = {
    "apiId": "crm",
    "name": "CRM",
    "version": "1",
    "kind": "home-made",
    "baseUrl": "https://crm.example",
    "errorMappings": [{"codes": ["full"], "category": "rate_limit_daily", "retryable": True}],
    "quirks": {},
    "examples": [
        {
            "title": "full",
            "status": 400,
            "body": {"error": {"code": "full"}},
            "expect": {"category": "rate_limit_daily"},
        },
        {
            "title": "wrong",
            "status": 400,
            "body": {"error": {"code": "x"}},
            "expect": {"category": "auth_invalid", "retryable": True},
        },
    ],
}


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """A directory with an entry of one's own and an override."""
    directory = tmp_path / "apis"
    directory.mkdir()
    (directory / "stripe.yaml").write_text(OVERRIDE)
    (directory / "crm.json").write_text(json.dumps(CRM))
    return str(directory)


def test_list_shows_what_comes_with_holdfast_and_what_is_ones_own(call: Call, mine: str) -> None:
    """A line for each API, with the layers that say something of it."""
    found = call("catalog", "list", "--catalog", mine)

    lines = {line.split()[0]: line for line in found.out.splitlines() if line}
    assert 0 == found.code
    assert "directory" in lines["crm"]
    assert "shipped < directory" in lines["stripe"]
    assert "Our Stripe" in lines["stripe"]


def test_match_says_when_it_got_no_address(call: Call) -> None:
    """A host without its scheme, or a word, belongs to nothing; the answer says what an address looks like."""
    found = call("catalog", "match", "api.stripe.com/v1")

    assert 2 == found.code
    assert "'api.stripe.com/v1' is no address. Write all of it, such as https://api.stripe.com/v1" in found.err


def test_a_finding_that_asks_ends_with_its_question_mark(call: Call, tmp_path: Path) -> None:
    """One mark ends a sentence."""
    file = tmp_path / "a.json"
    wrong = {"status": 429, "category": "rate_limit_bursty", "retryable": True}
    file.write_text(json.dumps(CRM | {"errorMappings": [wrong]}))

    found = call("catalog", "lint", str(file))

    assert "did you mean 'rate_limit_burst'? Until" in found.out


def test_list_can_be_narrowed_and_read_by_programs(call: Call, mine: str) -> None:
    """One kind of API, as JSON."""
    found = call("catalog", "list", "--catalog", mine, "--kind", "home-made", "--json")

    assert [
        {"apiId": "crm", "name": "CRM", "kind": "home-made", "version": "1", "baseUrl": "https://crm.example", "dateChecked": None,
         "rules": 1, "layers": ["directory"]}
    ] == found.json  # fmt: skip
    nothing = call("catalog", "list", "--kind", "nothing", "--catalog", mine).out
    assert "No API is of the kind 'nothing'. There are: " in nothing
    assert ", home-made, " in nothing


def test_show_tells_a_person_what_is_known(call: Call) -> None:
    """Addresses, keys, limits and rules, in words."""
    out = call("catalog", "show", "stripe").out

    assert "https://api.stripe.com/v1" in out
    assert "header Idempotency-Key, known for 1 d; a stored failure is answered again" in out
    assert "when code rate_limit" in out


def test_show_says_where_each_part_comes_from(call: Call, mine: str) -> None:
    """`--origin` names layer and file, for people and for programs."""
    out = call("catalog", "show", "stripe", "--origin", "--catalog", mine).out
    fields = call("catalog", "show", "stripe", "--origin", "--json", "--catalog", mine).fields

    (own,) = [line for line in out.splitlines() if "our_code" in line]
    assert f"<- directory: {mine}/stripe.yaml" in own
    assert f"directory: {mine}/stripe.yaml" == fields["origins"]["errorMappings[0]"]
    assert "shipped" == fields["origins"]["errorMappings[1]"]
    assert "our_code" == fields["errorMappings"][0]["codes"][0]


@pytest.mark.parametrize("command", ["show", "lint", "test"])
def test_an_unknown_api_is_bad_input(call: Call, command: str) -> None:
    """A misspelt name is told with the right one."""
    found = call("catalog", command, "strpe")

    assert (2, "") == (found.code, found.out)
    assert "Did you mean 'stripe'?" in found.err


def test_match_says_which_api_an_address_belongs_to(call: Call) -> None:
    """And by which of its base addresses; exit code 1 for an address that nobody knows."""
    found = call("catalog", "match", "https://api.stripe.com/v1/charges")
    nobody = call("catalog", "match", "https://nobody.example")

    assert (0, "stripe  Stripe, because it begins with https://api.stripe.com/v1\n") == (found.code, found.out)
    assert 1 == nobody.code
    assert "catalog new" in nobody.out
    assert {"apiId": None, "name": None, "baseUrl": None} == call(
        "catalog", "match", "https://nobody.example", "--json"
    ).fields


def test_lint_finds_what_is_wrong_in_a_file(call: Call, tmp_path: Path) -> None:
    """A misspelt key is named with its file and place, and what to write; exit code 1."""
    (tmp_path / "crm.json").write_text(json.dumps(CRM | {"quircks": {}}))

    found = call("catalog", "lint", "crm.json")
    rows = call("catalog", "lint", "crm.json", "--json").json

    assert 1 == found.code
    assert (
        "crm.json\n  error   quircks: 'quircks' means nothing here and is ignored. Did you mean 'quirks'?" in found.out
    )
    assert "1 entry: 1 error, 3 warnings." in found.out
    assert {"id": "unknown-key", "severity": "error", "source": "crm.json", "path": "quircks"}.items() <= rows[
        0
    ].items()


def test_lint_tells_what_keeps_entries_from_being_loaded(call: Call, tmp_path: Path) -> None:
    """An entry that does not fit the schema is a finding like the others."""
    (tmp_path / "crm.json").write_text(json.dumps(CRM | {"baseUrl": 5}))

    found = call("catalog", "lint", "crm.json")

    assert 1 == found.code
    assert "[invalid]" in found.out


def test_what_comes_with_holdfast_is_sound(call: Call) -> None:
    """No errors and no warnings, unless by its age."""
    found = call("catalog", "lint", "--json")

    assert 0 == found.code
    assert [] == [row for row in found.json if row["id"] != "stale"]


def test_test_says_which_examples_are_judged_otherwise(call: Call, mine: str) -> None:
    """Each difference in words; exit code 1."""
    found = call("catalog", "test", "crm", "--catalog", mine)
    rows = call("catalog", "test", "crm", "--catalog", mine, "--json").json

    assert 1 == found.code
    assert "crm: wrong" in found.out
    assert "expected auth_invalid" in found.out
    assert "2 examples of 1 entry: 1 example judged otherwise than it says." in found.out
    assert [True, False] == [row["passed"] for row in rows]


def test_all_examples_that_come_with_holdfast_hold(call: Call) -> None:
    """The shipped entries are judged as they say."""
    assert 0 == call("catalog", "test").code


def test_new_writes_a_file_once(call: Call, tmp_path: Path) -> None:
    """A first entry that passes lint and its own examples; a file that is there is never overwritten."""
    wrote = call("catalog", "new", "acme", "https://api.acme.example/v1", "--catalog", "apis")

    assert 0 == wrote.code
    assert "Wrote apis/acme.yaml." in wrote.out
    assert 0 == call("catalog", "lint", "apis/acme.yaml").code
    assert 0 == call("catalog", "test", "apis/").code
    (tmp_path / "apis" / "acme.yaml").write_text("mine")
    again = call("catalog", "new", "acme", "https://api.acme.example/v1", "--catalog", "apis")
    assert 2 == again.code
    assert "not overwritten" in again.err
    assert "mine" == (tmp_path / "apis" / "acme.yaml").read_text()


def test_new_goes_into_the_working_directory(call: Call, tmp_path: Path) -> None:
    """Without a catalog directory, the file is written where one stands; the answer can be read by programs."""
    assert {"apiId": "acme", "file": "acme.yaml"} == call(
        "catalog", "new", "acme", "https://a.example", "--json"
    ).fields
    assert (tmp_path / "acme.yaml").is_file()


def test_new_tells_where_it_cannot_write(call: Call, tmp_path: Path) -> None:
    """A directory that cannot be made is told, not traced."""
    (tmp_path / "file").write_text("")

    found = call("catalog", "new", "acme", "https://a.example", "--catalog", "file/below")

    assert 2 == found.code
    assert "cannot be written" in found.err


def test_a_file_that_is_not_there_is_told(call: Call) -> None:
    """Names with a slash or an ending are files."""
    found = call("catalog", "lint", "gone.yaml")

    assert 2 == found.code
    assert "gone.yaml: cannot be read" in found.err


def test_the_shipped_layer_can_be_switched_off(call: Call, tmp_path: Path) -> None:
    """With `catalog.shipped = false`, nothing is known but what is one's own."""
    (tmp_path / "holdfast.toml").write_text("[catalog]\nshipped = false\n")

    assert [] == call("catalog", "list", "--json").json


def test_entries_can_be_kept_in_the_database(call: Call, mine: str) -> None:
    """`add` keeps them after a check, `list` and `show` know them, `remove` takes them away again."""
    added = call("catalog", "add", f"{mine}/crm.json", "--by", "ada")

    assert (0, "crm@1: kept.\n") == (added.code, added.out)
    assert ["database"] == next(
        row["layers"] for row in call("catalog", "list", "--json").json if row["apiId"] == "crm"
    )
    assert [{"apiId": "crm", "version": "1"}] == call("catalog", "add", f"{mine}/crm.json", "--json").json
    assert "database: added" in call("catalog", "show", "crm@1", "--origin").out
    removed = call("catalog", "remove", "crm@1")
    assert (0, "crm@1: removed.\n") == (removed.code, removed.out)
    assert 1 == call("catalog", "remove", "crm").code
    assert 2 == call("catalog", "show", "crm").code


def test_versions_stand_beside_one_another(call: Call, tmp_path: Path) -> None:
    """The newest that was added counts; the others are there by their version."""
    for version in ("1", "2"):
        (tmp_path / "crm.json").write_text(json.dumps(CRM | {"version": version, "name": f"CRM {version}"}))
        assert 0 == call("catalog", "add", "crm.json").code

    assert "CRM 2" == call("catalog", "show", "crm", "--json").fields["name"]
    assert "CRM 1" == call("catalog", "show", "crm@1", "--json").fields["name"]
    assert "2 (also: 1)" in call("catalog", "show", "crm").out


def test_what_is_not_valid_is_not_kept(call: Call, tmp_path: Path) -> None:
    """An entry that does not fit is refused with file and place."""
    (tmp_path / "crm.json").write_text(json.dumps(CRM | {"baseUrl": 5}))

    found = call("catalog", "add", "crm.json")

    assert 2 == found.code
    assert "crm.json" in found.err
    assert "baseUrl" in found.err
    assert not [row for row in call("catalog", "list", "--json").json if row["apiId"] == "crm"]


def test_looking_creates_no_database(call: Call, tmp_path: Path) -> None:
    """Who only looks at the catalog leaves nothing behind."""
    assert 0 == call("catalog", "list").code
    assert not (tmp_path / ".holdfast").exists()


def write_checked(tmp_path: Path, url: str) -> None:
    """An entry with a health check, and an integration with one, at an address."""
    (tmp_path / "apis").mkdir(exist_ok=True)
    check = {"endpoint": "/health", "expectedStatus": 200, "timeout": 2000}
    (tmp_path / "apis" / "crm.json").write_text(json.dumps(CRM | {"baseUrl": url, "healthCheck": check}))
    (tmp_path / "holdfast.toml").write_text(
        f'[catalog]\ndirectory = "apis"\n[integrations.primary]\nbase_url = "{url}"\nhealth_check = {{endpoint = "/well"}}\n'
    )


def test_health_asks_now_and_keeps_what_it_hears(call: Call, tmp_path: Path) -> None:
    """A line for each API, since when it is so and how many checks it passed; exit code 1 if one fails."""
    with serving([Answer(), Answer(), Answer(status=503)]) as script:
        write_checked(tmp_path, script.url)
        well = call("catalog", "health")
        failing = call("catalog", "health", "crm")
        row = call("catalog", "health", "crm", "--json").json[0]

    assert (0, 1) == (well.code, failing.code)
    assert ["crm", "primary"] == sorted(line.split()[0] for line in well.out.splitlines()[1:])
    assert "1 of 2" in failing.out
    assert "answered 503" in failing.out
    assert (True, [True, False, True]) == (row["healthy"], [one["passed"] for one in row["results"]])
    assert ["/health", "/health", "/health", "/well"] == sorted(received.path for received in script.received)


def test_health_tells_what_cannot_be_asked(call: Call) -> None:
    """An API that nothing says how to ask is bad input; without any, there is nothing to do."""
    found = call("catalog", "health", "nobody")

    assert 2 == found.code
    assert "nothing says how to ask it" in found.err
    assert "No API that can be asked" in call("catalog", "health").out
