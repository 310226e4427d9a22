"""The entries that come with Holdfast."""

from __future__ import annotations

import json

import pytest

from holdfast.apis import shipped
from holdfast.apis.shipped import match_shipped, shipped_entry, shipped_id, shipped_ids, shipped_rules

LINES = """[{"apiId":"parent","aliases":["folks"],"baseUrls":["https://parent.example"]},{"apiId":"child","aliases":[],"baseUrls":["https://child.example/v1"]}]
{"apiId":"parent","name":"P","version":"1","baseUrl":"https://parent.example","aliases":["folks"],"errorMappings":[{"codes":["P"],"category":"auth_invalid","retryable":false}],"quirks":{}}
{"apiId":"child","name":"C","version":"1","baseUrl":"https://child.example/v1","extends":"parent","errorMappings":[{"codes":["C"],"category":"auth_expired","retryable":false}],"quirks":{}}
"""


def forget() -> None:
    """Drop what was compiled."""
    shipped._compiled.cache_clear()
    shipped._addresses.cache_clear()


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of two entries in the place of the shipped one."""
    file = shipped._File(LINES.encode())
    monkeypatch.setattr(shipped, "_file", lambda: file)
    forget()
    yield
    forget()


@pytest.mark.usefixtures("two")
def test_an_entry_is_found_by_id_other_name_and_address() -> None:
    """One entry, three ways to it."""
    assert ("child", "parent") == shipped_ids()
    assert ["parent", "parent", None] == [shipped_id(name) for name in ("parent", "folks", "Folks")]
    assert ["parent", "child", None] == [
        match_shipped(url)
        for url in ("https://parent.example/x", "https://child.example/v1/y", "https://child.example")
    ]
    assert shipped_rules("folks") is shipped_rules("parent")
    assert shipped_rules("nobody") is None
    assert shipped_entry("nobody") is None


@pytest.mark.usefixtures("two")
def test_what_an_entry_builds_on_is_compiled_in() -> None:
    """The rules of the entry that is extended hold after the own ones; the entry as it is written has only its own."""
    rules = shipped_rules("child")

    assert [{"c"}, {"p"}] == [set(mapping.codes) for mapping in rules.mappings]
    assert 1 == len(shipped_entry("child")["errorMappings"])


def test_all_that_is_shipped_compiles() -> None:
    """Every entry of the wheel can be used, and its address leads to an entry, unless everybody runs it at home."""
    for api_id in shipped_ids():
        assert api_id == shipped_rules(api_id).api_id
        url = shipped_entry(api_id)["baseUrl"]
        assert match_shipped(url) is not None or "//localhost" in url or "//127.0.0.1" in url


@pytest.mark.usefixtures("two")
def test_an_entry_asked_for_by_name_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names the API does not wait until addresses are sorted and other entries are read."""
    parsed: list[object] = []
    loads = json.loads

    with monkeypatch.context() as patch:
        patch.setattr(json, "loads", lambda text: parsed.append(text) or loads(text))
        patch.setattr(shipped, "_addresses", lambda: pytest.fail("no address was asked for"))
        rules = shipped_rules("parent")

    assert rules is not None
    assert ["parent"] == [loads(text)["apiId"] for text in parsed]


def test_an_index_that_does_not_fit_its_lines_is_refused() -> None:
    """A file whose index names fewer lines than there are is no file of ours."""
    with pytest.raises(AssertionError):
        shipped._File(LINES.encode() + b"{}\n")
