"""The map from the source documents to what is here is complete and true."""

from __future__ import annotations

import dataclasses

import pytest

from tools import spec_map

SOUND = spec_map.Line(
    document="000",
    title="",
    part="Core principles (§2)",
    line="something",
    state="done",
    ours="holdfast.contract.ErrorDetail.category",
    test="tests/docs/test_spec_map.py::test_every_line_has_a_true_state",
    note="",
)


def test_every_line_has_a_true_state() -> None:
    """Every line of the five documents has a state; every name of ours and every test that the map names exists."""
    flaws = [flaw for line in spec_map.lines() for flaw in spec_map.flaws_of(line)]

    assert [] == flaws


def test_all_five_documents_are_there() -> None:
    """No document is missing, and no line of one is there twice."""
    lines = spec_map.lines()

    places = [(line.document, line.part, line.line) for line in lines]

    assert ["000", "001", "002", "003", "004"] == sorted({line.document for line in lines})
    assert [] == [place for place in set(places) if places.count(place) > 1]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"state": ""}, id="no state"),
        pytest.param({"state": "soon"}, id="unknown state"),
        pytest.param({"test": ""}, id="done without a test"),
        pytest.param({"ours": ""}, id="done without a name"),
        pytest.param({"ours": "holdfast.contract.ErrorDetail.nothing"}, id="no such field"),
        pytest.param({"ours": "holdfast.nowhere.Thing"}, id="no such module"),
        pytest.param({"ours": "setting:no.such"}, id="no such setting"),
        pytest.param({"test": "tests/docs/test_spec_map.py::test_nothing"}, id="no such test"),
        pytest.param({"state": "different"}, id="different without a reason"),
    ],
)
def test_an_untrue_line_is_found(change: dict[str, str]) -> None:
    """A line that names what is not there, or that says nothing, is told."""
    line = dataclasses.replace(SOUND, **change)

    assert [] == spec_map.flaws_of(SOUND)
    assert 1 == len(spec_map.flaws_of(line))
