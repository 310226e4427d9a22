"""The entries that come with Holdfast."""

from __future__ import annotations

import pytest

from holdfast.apis import shipped
from holdfast.apis.shipped import match_shipped, shipped_entry, shipped_id, shipped_ids, shipped_rules

LINES = """[{"apiId":"parent","aliases":["folks"],"baseUrls":["https://parent.example"]},{"apiId":"child","aliases":[],"baseUrls":["https://child.example/v1"]}]
{"apiId":"parent","name":"P","version":"1","baseUrl":"https://parent.example","aliases":["folks"],"errorMappings":[{"codes":["P"],"category":"auth_invalid","retryable":false}],"quirks":{}}
{"apiId":"child","name":"C","version":"1","baseUrl":"https://child.example/v1","extends":"parent","errorMappings":[{"codes":["C"],"category":"auth_expired","retryable":false}],"quirks":{}}
"""


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of two entries in the place of the shipped one."""
    file = shipped._File(LINES)
    monkeypatch.setattr(shipped, "_file", lambda: file)
    shipped._compiled.cache_clear()
    yield
    shipped._compiled.cache_clear()


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
