"""Layers of a catalog: shipped < database < directory < argument."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.apis import shipped
from holdfast.catalog import Catalog, load_directory
from holdfast.catalog.layers import DATABASE, DIRECTORY, Layer, Piece
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.errors import BadInput
from tests.apis.test_shipped import two  # noqa: F401 - a fixture

RULE = {"category": "validation_failed", "retryable": False}
LIMITS = {
    "detection": {"statusCodes": [429], "headers": ["X-Slow"], "bodyPatterns": ["slow"]},
    "extraction": {},
    "backoffStrategy": {"type": "linear"},
}
CRM = {
    "apiId": "crm",
    "name": "CRM",
    "version": "1",
    "baseUrl": "https://crm.example",
    "errorMappings": [],
    "quirks": {},
}


def layer(name: str, *wires: dict[str, object]) -> Layer:
    """A layer whose pieces come from files named like it."""
    pieces = tuple(Piece(wire=wire, source=f"{name}.yaml", path=f"[{index}]") for index, wire in enumerate(wires))
    return Layer(name=name, pieces=pieces, keeps_versions=name == DATABASE)


def codes(catalog: Catalog, name: str) -> list[str]:
    """The codes of an entry's rules, in their order."""
    return [code for mapping in catalog.rules(name).mappings for code in sorted(mapping.codes or ())]


def mapping(code: str) -> dict[str, object]:
    """A rule for a code."""
    return RULE | {"codes": [code]}


def test_a_higher_layer_says_only_what_differs() -> None:
    """Each layer puts its rules before those below; what it does not say stays."""
    catalog = Catalog(
        [],
        layers=[
            layer(DATABASE, CRM | {"errorMappings": [mapping("low")], "kind": "crm"}),
            layer(DIRECTORY, {"apiId": "crm", "name": "Ours", "errorMappings": [mapping("high")]}),
        ],
    )

    entry = catalog.entry("crm")

    assert ["high", "low"] == codes(catalog, "crm")
    assert ("Ours", "crm", "1") == (entry.name, entry.kind, entry.version)


def test_an_argument_overrides_only_what_it_says() -> None:
    """The defaults of an entry that is given in Python are no override."""
    argument = ApiCatalogEntry.from_wire(CRM | {"quirks": {"errorContentType": "text/x"}})
    catalog = Catalog([argument], layers=[layer(DIRECTORY, CRM | {"quirks": {"successWithErrorBody": True}})])

    quirks = catalog.rules("crm").quirks

    assert (True, "text/x") == (quirks.success_with_error_body, quirks.error_content_type)


@pytest.mark.usefixtures("two")
def test_shipped_entries_lie_under_all(tmp_path: Path) -> None:
    """A file that names a shipped API and one rule is enough; other shipped entries are as they were."""
    (tmp_path / "a.json").write_text(json.dumps({"apiId": "child", "errorMappings": [mapping("mine")]}))

    catalog = load_directory(tmp_path)

    assert ["mine", "c", "p"] == codes(catalog, "child")
    assert catalog.rules("parent") is shipped.shipped_rules("parent")
    assert ["child", "parent"] == catalog.ids()
    assert "child" == catalog.match("https://child.example/v1/x").api_id
    assert "parent" == catalog.entry("folks").api_id
    assert [None, None] == [catalog.entry("nobody"), catalog.rules("nobody")]


@pytest.mark.usefixtures("two")
def test_without_the_shipped_layer_nothing_is_known(tmp_path: Path) -> None:
    """The shipped entries can be switched off."""
    catalog = load_directory(tmp_path, shipped=False)

    assert ([], None, None) == (catalog.ids(), catalog.entry("parent"), catalog.match_id("https://parent.example"))


@pytest.mark.usefixtures("two")
def test_overriding_a_parent_reaches_its_children() -> None:
    """What extends an entry takes over what layers above say of it."""
    catalog = Catalog(layers=[layer(DIRECTORY, {"apiId": "parent", "errorMappings": [mapping("new")]})], shipped=True)

    assert ["c", "new", "p"] == codes(catalog, "child")


@pytest.mark.usefixtures("two")
def test_a_users_entry_may_build_on_a_shipped_one() -> None:
    """`extends` names an entry of any layer."""
    own = CRM | {"extends": "parent", "errorMappings": [mapping("own")]}
    del own["quirks"]

    catalog = Catalog(layers=[layer(DIRECTORY, own)], shipped=True)

    assert ["own", "p"] == codes(catalog, "crm")


def test_versions_are_kept_beside_one_another() -> None:
    """The newest stored counts, unless a version is named; pieces about all versions hold for each."""
    catalog = Catalog(
        [],
        layers=[
            layer(
                DATABASE,
                CRM | {"version": "2", "errorMappings": [mapping("two")]},
                CRM | {"errorMappings": [mapping("one")]},
            ),
            layer(DIRECTORY, {"apiId": "crm", "errorMappings": [mapping("all")], "aliases": ["customers"]}),
        ],
    )

    assert ["all", "two"] == codes(catalog, "crm")
    assert ["all", "two"] == codes(catalog, "crm@2")
    assert ["all", "one"] == codes(catalog, "crm@1")
    assert ["all", "one"] == codes(catalog, "customers@1")
    assert [None, None] == [catalog.rules("crm@3"), catalog.entry("nobody@1")]
    assert ["2", "1"] == catalog.versions("crm")
    assert "1" == catalog.entry("crm@1").version


def test_one_version_twice_in_a_layer_is_refused() -> None:
    """Two pieces about the same version of one API would hide one another."""
    with pytest.raises(BadInput, match="described already") as caught:
        Catalog(layers=[layer(DATABASE, CRM, CRM)])

    assert ["[1].apiId"] == [problem.path for problem in caught.value.problems]


def test_a_higher_layer_wins_an_address() -> None:
    """Of entries with the same base URL, the one of the uppermost layer is meant."""
    catalog = Catalog(layers=[layer(DATABASE, CRM), layer(DIRECTORY, CRM | {"apiId": "ours"})])

    assert "ours" == catalog.match_id("https://crm.example/x")


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        pytest.param(CRM, {"apiId": "crm", "errorMappings": [5]}, [("directory.yaml", "[0].errorMappings[0]")], id="the-upper"),
        pytest.param(
            CRM | {"errorMappings": [RULE | {"pattern": "("}]}, {"apiId": "crm", "name": "x", "errorMappings": [mapping("a")]},
            [("database.yaml", "[0].errorMappings[0].pattern")], id="the-lower",
        ),
        pytest.param(CRM, {"apiId": "crm", "version": None}, [("directory.yaml", "[0].version")], id="taking-away-what-is-needed"),
        pytest.param(CRM, {"name": "x"}, [("directory.yaml", "[0].apiId")], id="no-id"),
        pytest.param(CRM, {"apiId": "crm", "extends": "gone"}, [("directory.yaml", "[0].extends")], id="extends-nothing"),
        pytest.param(
            CRM, {"apiId": "mail", "extends": "crm"},
            [("directory.yaml", f"[0].{name}") for name in ("name", "version", "baseUrl")], id="a-child-that-is-no-entry",
        ),
    ],
)  # fmt: skip
def test_a_problem_is_told_of_the_file_that_brought_it_in(
    lower: dict[str, object], upper: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    """Merged entries are checked; who reads the message finds the place in the file they wrote."""
    with pytest.raises(BadInput) as caught:
        Catalog(layers=[layer(DATABASE, lower), layer(DIRECTORY, upper)])

    found = [(problem.source, problem.path) for problem in caught.value.problems]
    assert set(expected) <= set(found)


@pytest.mark.usefixtures("two")
def test_every_part_says_where_it_came_from() -> None:
    """`origins` names layer and file of each part, and the entry that was extended."""
    override = {
        "apiId": "child",
        "name": "Ours",
        "errorMappings": [mapping("mine")],
        "quirks": {"errorContentType": "x"},
        "version": None,
    }
    catalog = Catalog(layers=[layer(DIRECTORY, {**override, "version": "7"})], shipped=True)

    found = {path: str(origin) for path, origin in catalog.origins("child").items()}

    assert {
        "name": "directory: directory.yaml",
        "errorMappings[0]": "directory: directory.yaml",
        "errorMappings[1]": "shipped",
        "errorMappings[2]": "shipped (extends parent)",
        "baseUrl": "shipped",
        "quirks.errorContentType": "directory: directory.yaml",
    }.items() <= found.items()
    assert "quirks" not in found, "an empty object below says nothing"
    assert ["shipped", "directory"] == catalog.layers_of("child")
    assert {} == catalog.origins("nobody")


def test_an_empty_object_changes_nothing_and_owns_nothing() -> None:
    """`quirks: {}` of an override leaves what is below it, which is still from below."""
    lower = CRM | {"quirks": {"errorContentType": "text/x"}, "rateLimiting": LIMITS}
    upper = {"apiId": "crm", "quirks": {}, "rateLimiting": {"detection": {"bodyPatterns": None, "headers": ["X-Ours"]}}}
    catalog = Catalog(layers=[layer(DATABASE, lower), layer(DIRECTORY, upper)])

    found = {path: one.layer for path, one in catalog.origins("crm").items()}

    assert "text/x" == catalog.rules("crm").quirks.error_content_type
    assert {
        "quirks.errorContentType": "database",
        "rateLimiting.detection.statusCodes": "database",
        "rateLimiting.detection.headers": "directory",
    }.items() <= found.items()
    assert "rateLimiting.detection.bodyPatterns" not in found
