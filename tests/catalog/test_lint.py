"""What is wrong, doubtful or missing in entries."""

from __future__ import annotations

from datetime import date

import pytest

from holdfast.catalog.layers import DIRECTORY, Layer, Piece
from holdfast.catalog.lint import Level
from holdfast.catalog.linting import lint_catalog
from holdfast.catalog.skeleton import skeleton
from holdfast.errors import BadInput
from tests.apis.test_shipped import two  # noqa: F401 - a fixture

TODAY = date(2026, 11, 23)
GOOD = {
    "apiId": "crm",
    "name": "CRM",
    "version": "1",
    "baseUrl": "https://crm.example/v1",
    "errorMappings": [{"codes": ["gone"], "category": "api_endpoint_removed", "retryable": False}],
    "quirks": {},
    "source": "its pages",
    "dateChecked": "2026-11-01",
    "links": {"errors": "https://crm.example/errors"},
    "examples": [
        {
            "title": "gone",
            "status": 410,
            "body": {"error": {"code": "gone"}},
            "expect": {"category": "api_endpoint_removed"},
        }
    ],
}
LIMITS = {
    "detection": {"statusCodes": [429], "headers": [], "x": 1},
    "extraction": {},
    "backoffStrategy": {"type": "linear"},
}
FINE = {
    "title": "x",
    "status": 200,
    "body": "fine",
    "contentType": "text/plain",
    "expect": {"category": "auth_invalid"},
}
RULE = {"category": "validation_failed", "retryable": False}


def lint(*wires: dict[str, object], ids: list[str] | None = None, shipped: bool = False) -> list[tuple[str, str, str]]:
    """Id, severity and path of what is found in entries of a directory."""
    pieces = tuple(Piece(wire=wire, source="mine.yaml", path="") for wire in wires)
    found, _ = lint_catalog([Layer(name=DIRECTORY, pieces=pieces)], ids, shipped=shipped, today=TODAY)
    return [(one.id, one.level.value, one.path) for one in found]


def test_a_good_entry_is_left_alone() -> None:
    """Nothing is found where nothing is wrong."""
    assert [] == lint(GOOD)


def without(name: str) -> dict[str, object]:
    """The good entry without one of its parts."""
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(GOOD | {"errorMapings": []}, ("unknown-key", "error", "errorMapings"), id="misspelt-key"),
        pytest.param(GOOD | {"rateLimiting": LIMITS},
                     ("unknown-key", "error", "rateLimiting.detection.x"), id="unknown-key-inside"),
        pytest.param(GOOD | {"errorMappings": [*GOOD["errorMappings"], RULE | {"codes": ["b"], "staus": 1}]},
                     ("unknown-key", "error", "errorMappings[1].staus"), id="unknown-key-in-a-list"),
        pytest.param(GOOD | {"errorMappings": [*GOOD["errorMappings"], RULE | {"codes": ["gone"]}]},
                     ("unreachable-rule", "error", "errorMappings[1]"), id="unreachable"),
        pytest.param(GOOD | {"errorMappings": [*GOOD["errorMappings"], RULE | {"codes": ["gone", "new"]}]},
                     ("duplicate-code", "error", "errorMappings[1].codes"), id="duplicate-code"),
        pytest.param(GOOD | {"errorMappings": [RULE | {"codes": ["gone"], "category": "user_cancelled", "retryable": True}]},
                     ("cancelled-and-retryable", "error", "errorMappings[0].retryable"), id="cancelled"),
        pytest.param(GOOD | {"errorMappings": [RULE | {"codes": ["gone"], "outcome": "executed", "retryable": True}]},
                     ("executed-and-retryable", "error", "errorMappings[0].retryable"), id="twice"),
        pytest.param(GOOD | {"errorMappings": [RULE | {"codes": ["gone"], "statuses": [410, 4040]}]},
                     ("impossible-status", "error", "errorMappings[0]"), id="no-status"),
        pytest.param(GOOD | {"errorMappings": [RULE | {"codes": ["gone"], "methods": ["FETCH"]}]},
                     ("unknown-method", "warning", "errorMappings[0].methods"), id="no-method"),
        pytest.param(GOOD | {"healthCheck": {"endpoint": "health", "expectedStatus": 200, "timeout": 1}},
                     ("health-endpoint", "error", "healthCheck.endpoint"), id="no-address-to-check"),
        pytest.param(GOOD | {"links": 5}, ("invalid", "error", "links"), id="no-object"),
        pytest.param(GOOD | {"examples": [FINE]}, ("untested-rule", "info", "errorMappings[0]"), id="an-example-that-is-a-success"),
        pytest.param(GOOD | {"errorMappings": [RULE | {"pattern": "("}]}, ("invalid", "error", "errorMappings[0].pattern"), id="no-pattern"),
        pytest.param(without("quirks"), ("invalid", "error", "quirks"), id="not-in-the-schema"),
        pytest.param(GOOD | {"extends": "crm"}, ("invalid", "error", "extends"), id="extends-itself"),
        pytest.param(without("source"), ("missing-source", "warning", "source"), id="no-source"),
        pytest.param(without("dateChecked"), ("missing-date", "warning", "dateChecked"), id="no-date"),
        pytest.param(without("links"), ("missing-links", "warning", "links"), id="no-links"),
        pytest.param(GOOD | {"links": {}}, ("missing-links", "warning", "links"), id="empty-links"),
        pytest.param(without("examples"), ("missing-examples", "warning", "examples"), id="no-examples"),
        pytest.param(GOOD | {"dateChecked": "2026-05-26"}, ("stale", "warning", "dateChecked"), id="old"),
        pytest.param(GOOD | {"dateChecked": "May"}, ("bad-date", "error", "dateChecked"), id="no-day"),
        pytest.param(GOOD | {"dateChecked": "20261101"}, ("bad-date", "error", "dateChecked"), id="another-way-of-writing"),
        pytest.param(GOOD | {"dateChecked": "2027-01-01"}, ("bad-date", "error", "dateChecked"), id="still-to-come"),
        pytest.param(GOOD | {"errorMappings": [*GOOD["errorMappings"], RULE | {"codes": ["new"]}]},
                     ("untested-rule", "info", "errorMappings[1]"), id="no-example"),
    ],
)  # fmt: skip
def test_finds(wire: dict[str, object], expected: tuple[str, str, str]) -> None:
    """Each finding has its id, says how bad it is, and where it stands."""
    assert expected in lint(wire)


def test_the_last_good_day_is_no_finding() -> None:
    """Half a year is not old yet."""
    assert [] == lint(GOOD | {"dateChecked": "2026-05-27"})


def test_a_misspelt_key_is_told_with_the_right_one() -> None:
    """The advice names what was probably meant."""
    piece = Piece(wire=GOOD | {"alises": ["c"]}, source="mine.yaml", path="[3]")

    (found,), count = lint_catalog([Layer(name=DIRECTORY, pieces=(piece,))], None, shipped=False, today=TODAY)

    assert (Level.ERROR, "[3].alises", "Did you mean 'aliases'?", 1) == (found.level, found.path, found.advice, count)


def test_two_entries_with_one_address() -> None:
    """Only one of them is ever found by it."""
    other = GOOD | {"apiId": "crm2", "baseUrl": "https://CRM.example/v1/", "baseUrls": ["https://crm.example/v2"]}

    assert [("same-address", "warning", "baseUrl")] == lint(GOOD, other)
    assert [] == lint(GOOD, other, ids=["crm"])
    assert [] == lint(GOOD, other | {"extends": "crm"})


@pytest.mark.usefixtures("two")
def test_of_shipped_entries_only_those_that_are_named_are_told_of_in_full() -> None:
    """Remarks about entries that come with Holdfast are for those who ask for them."""
    levels = [level for _, level, _ in lint(shipped=True)]
    named = [slug for slug, _, _ in lint(shipped=True, ids=["child"])]

    assert "info" not in levels
    assert {"untested-rule", "missing-examples"} <= set(named)


@pytest.mark.usefixtures("two")
def test_taking_a_shipped_address_is_meant() -> None:
    """Who writes an entry for an address that a shipped one has wants to be found by it."""
    mine = GOOD | {"baseUrl": "https://parent.example"}

    assert [] == lint(mine, shipped=True, ids=["crm"])


def test_a_pattern_that_ships_must_be_linear() -> None:
    """What runs on Python's engine must not be able to hang."""
    from holdfast.catalog.lint import lint_piece

    limits = {"detection": {"bodyPatterns": ["(b+)+c"]}}
    piece = Piece(wire=GOOD | {"errorMappings": [RULE | {"pattern": "(a+)+b"}], "rateLimiting": limits}, source="x")

    found = [(one.id, one.path) for one in lint_piece(piece, is_shipped=True)]
    places = {"errorMappings[0].pattern", "rateLimiting.detection.bodyPatterns[0]"}
    assert {("unsafe-pattern", place) for place in places} == set(found)
    assert [] == list(lint_piece(piece))


@pytest.mark.parametrize(
    ("api_id", "url", "name"),
    [
        ("acme", "https://api.acme.example/v1", None),
        ("acme-crm.v2", "http://localhost:8080", 'The "best" \\ CRM: #1'),
        ("123", "https://123.example", None),
        ("true", "https://123.example", "yes"),
    ],
    ids=["plain", "odd-name", "digits", "a-word-of-yaml"],
)
def test_a_new_entry_passes_lint(api_id: str, url: str, name: str | None) -> None:
    """What `catalog new` writes is valid as it is, whatever it is called."""
    import yaml

    wire = yaml.safe_load(skeleton(api_id, url, today=TODAY, name=name))

    assert [] == lint(wire)
    assert (api_id, url) == (wire["apiId"], wire["baseUrl"])
    assert name is None or name == wire["name"]


@pytest.mark.parametrize(
    ("api_id", "url", "name", "paths"),
    [
        ("Acme CRM", "api.acme.example", "a\nb", ["ID", "URL", "--name"]),
        ("../x", "https://u:p@x.example", None, ["ID", "URL"]),
        ("acme", "https://x.example/a b", None, ["URL"]),
        ("acme", "https://x.example:port", None, ["URL"]),
    ],
    ids=["all", "a-path", "a-space", "a-port"],
)
def test_a_new_entry_with_a_bad_name_is_refused(api_id: str, url: str, name: str | None, paths: list[str]) -> None:
    """Everything that is wrong with it is told at once."""
    with pytest.raises(BadInput) as caught:
        skeleton(api_id, url, today=TODAY, name=name)

    assert paths == [problem.path for problem in caught.value.problems]
