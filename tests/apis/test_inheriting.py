"""Entries that build on others."""

from __future__ import annotations

import pytest

from holdfast.apis.inheriting import resolve
from holdfast.errors import BadInput

PARENT = {
    "apiId": "google",
    "name": "Google",
    "baseUrl": "https://googleapis.example",
    "aliases": ["g"],
    "notes": "parent",
    "healthCheck": {"endpoint": "/"},
    "examples": [1],
    "errorMappings": [{"codes": ["parent"]}],
    "quirks": {"successWithErrorBody": True},
    "waits": [{"header": "parent"}],
}


def test_own_rules_come_first_and_missing_parts_are_taken_over() -> None:
    """A child has its parent's rules after its own, and its parent's parts where it has none; what names it stays its own."""
    child = {"apiId": "mail", "extends": "google", "errorMappings": [{"codes": ["own"]}], "quirks": {}}

    found = resolve(child, {"google": PARENT}.get)

    assert {
        "apiId": "mail",
        "extends": "google",
        "errorMappings": [{"codes": ["own"]}, {"codes": ["parent"]}],
        "quirks": {},
        "waits": [{"header": "parent"}],
    } == found


def test_what_extends_nothing_stays_as_it_is() -> None:
    """An entry without `extends` is itself."""
    assert PARENT == resolve(PARENT, {}.get)


def test_grandparents_count() -> None:
    """Rules come in the order of kinship."""
    entries = {
        "a": {"apiId": "a", "extends": "b", "waits": [1]},
        "b": {"apiId": "b", "extends": "c", "waits": [2]},
        "c": {"apiId": "c", "waits": [3], "source": "c"},
    }

    found = resolve(entries["a"], entries.get)

    assert ([1, 2, 3], "c") == (found["waits"], found["source"])


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        pytest.param({}, "'a' is no entry of this catalog", id="missing"),
        pytest.param({"a": {"extends": "a"}}, "in a circle", id="itself"),
        pytest.param({"a": {"extends": "b"}, "b": {"extends": "a"}}, "in a circle", id="circle"),
        pytest.param({**{str(n): {"extends": str(n + 1)} for n in range(9)}, "a": {"extends": "0"}}, "more than 5 deep", id="deep"),
    ],
)  # fmt: skip
def test_what_cannot_be_resolved_is_told(entries: dict[str, dict[str, object]], words: str) -> None:
    """A missing entry, a circle and too many generations are bad input, named by file and place."""
    with pytest.raises(BadInput, match=words) as caught:
        resolve({"extends": "a"}, entries.get, source="mine.yaml", path="[2]")

    assert ("mine.yaml", "[2].extends") == (caught.value.problems[0].source, caught.value.problems[0].path)
