"""An entry over another of the same API."""

from __future__ import annotations

import copy

import pytest
from hypothesis import example, given, strategies as st

from holdfast.apis.merging import LISTS, merge

LOWER = {
    "name": "CRM",
    "errorMappings": [{"codes": ["a"]}],
    "rateLimiting": {
        "detection": {"statusCodes": [429], "headers": ["X-A", "X-B"]},
        "extraction": {"limitHeader": "L"},
    },
    "quirks": {"successWithErrorBody": True},
    "aliases": ["customers"],
}

leaves = st.one_of(st.integers(0, 3), st.text(max_size=2), st.booleans())
# A key is of one kind in all layers, as the schema has it: where an object takes a value's place, the order of merging counts.
objects = st.fixed_dictionaries(
    {},
    optional={
        "a": leaves,
        "b": leaves,
        "c": st.dictionaries(st.sampled_from("xy"), leaves),
        "d": st.dictionaries(st.sampled_from("xy"), leaves),
    },
)
wires = st.builds(
    lambda parts, lists: parts | lists,
    objects,
    st.dictionaries(st.sampled_from(LISTS), st.lists(st.integers(), max_size=3)),
)


@pytest.mark.parametrize(
    ("upper", "expected"),
    [
        pytest.param({"name": "X"}, {"name": "X"}, id="a-value-replaces"),
        pytest.param({"name": None}, {"name": ...}, id="null-takes-away"),
        pytest.param({"errorMappings": [{"codes": ["b"]}]}, {"errorMappings": [{"codes": ["b"]}, {"codes": ["a"]}]}, id="rules-come-first"),
        pytest.param({"errorMappings": None}, {"errorMappings": ...}, id="null-takes-rules-away"),
        pytest.param({"waits": [1]}, {"waits": [1]}, id="rules-where-there-were-none"),
        pytest.param({"aliases": ["c"]}, {"aliases": ["c", "customers"]}, id="names-are-added"),
        pytest.param(
            {"rateLimiting": {"detection": {"headers": ["X-C"]}}},
            {"rateLimiting": {"detection": {"statusCodes": [429], "headers": ["X-C"]}, "extraction": {"limitHeader": "L"}}},
            id="objects-are-merged-and-lists-in-them-replaced",
        ),
        pytest.param(
            {"rateLimiting": {"extraction": {"limitHeader": None}}},
            {"rateLimiting": {"detection": LOWER["rateLimiting"]["detection"], "extraction": {}}},
            id="null-deep-inside",
        ),
        pytest.param({"quirks": 5}, {"quirks": 5}, id="a-value-replaces-an-object"),
        pytest.param({"errorMappings": 5}, {"errorMappings": 5}, id="what-is-no-list-is-kept-for-the-schema-to-refuse"),
        pytest.param({"name": {"x": 1}}, {"name": "CRM"}, id="what-is-no-object-is-kept-under-one"),
    ],
)  # fmt: skip
def test_merges(upper: dict[str, object], expected: dict[str, object]) -> None:
    """Values replace, null takes away, objects are merged, lists of rules come first."""
    before = copy.deepcopy(LOWER)

    merged = merge(LOWER, upper)

    assert {name: value for name, value in (LOWER | expected).items() if value is not ...} == merged
    assert before == LOWER


@given(lower=wires, upper=wires)
def test_the_upper_one_has_the_last_word(lower: dict[str, object], upper: dict[str, object]) -> None:
    """Nothing that the upper entry says is lost, and over nothing it is itself."""
    merged = merge(lower, upper)

    assert upper == merge({}, upper)
    assert lower == merge(lower, {})
    assert merged.keys() == lower.keys() | upper.keys()
    for name, value in upper.items():
        if name in LISTS:
            assert [*value, *lower.get(name, [])] == merged[name]
        elif not isinstance(value, dict):
            assert value == merged[name]


@example(one={"a": {"x": 1}}, two={"a": 5}, three={"a": {"y": 1}})
@example(one={"errorMappings": [1]}, two={"errorMappings": 5}, three={"errorMappings": [2]})
@given(one=wires, two=wires, three=wires)
def test_layers_may_be_put_together_in_any_grouping(one: dict, two: dict, three: dict) -> None:
    """Three layers say the same whichever two are merged first."""
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
