"""One measured number beside its peer and its target."""

from __future__ import annotations

import pytest

from benchmarks.rows import FIELDS, Row, is_rate, median, percentile


def a_row(**changes: object) -> Row:
    """Build a row of which only the changes matter."""
    facts: dict[str, object] = {
        "suite": "s",
        "case": "c",
        "ours": 50.0,
        "unit": "plans/s",
        "peer": "raw",
        "peer_value": 200.0,
    }
    return Row(**{**facts, **changes})  # type: ignore[arg-type]  # wrong on purpose


def test_ratio_is_ours_by_the_peers() -> None:
    """A quarter of the peer's rate is a ratio of 0.25."""
    row = a_row(ours=50.0, peer_value=200.0)

    ratio = row.ratio

    assert ratio == 0.25


@pytest.mark.parametrize(
    ("ours", "target", "met"),
    [
        pytest.param(80.0, "≥ 80", True, id="at least: reached exactly"),
        pytest.param(79.9, "≥ 80", False, id="at least: just below"),
        pytest.param(15.0, "≤ 15", True, id="at most: reached exactly"),
        pytest.param(15.1, "≤ 15", False, id="at most: just above"),
        pytest.param(1.0, "", None, id="no target"),
    ],
)
def test_target_is_judged(ours: float, target: str, met: bool | None) -> None:
    """A target says in which direction it is missed."""
    row = a_row(ours=ours, target=target)

    judged = row.met

    assert judged is met


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"target": "80"}, id="target without direction"),
        pytest.param({"target": "≥ "}, id="target without number"),
        pytest.param({"peer": ""}, id="value without a peer"),
        pytest.param({"peer_value": None}, id="peer without a value"),
    ],
)
def test_contradictory_row_is_refused(changes: dict[str, object]) -> None:
    """A row that could not be read later is never made."""
    with pytest.raises(ValueError, match="'c'"):
        a_row(**changes)


def test_json_has_the_documented_fields_and_comes_back() -> None:
    """What stands in bench.json is the row, with what follows from it."""
    row = a_row(target="≥ 80", note="why")

    value = row.to_json()

    assert FIELDS == tuple(value)
    assert (0.25, False) == (value["ratio"], value["met"])
    assert row == Row.from_json(value)


def test_json_without_a_field_is_refused() -> None:
    """A file of another form is refused, not half read."""
    value = a_row().to_json()
    del value["note"]

    with pytest.raises(ValueError, match="lacks note"):
        Row.from_json(value)


def test_json_with_words_for_numbers_is_refused() -> None:
    """A number is a number."""
    value = {**a_row().to_json(), "ours": "fast"}

    with pytest.raises(ValueError, match="are numbers"):
        Row.from_json(value)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        pytest.param("plans/s", True, id="rate"),
        pytest.param("s", False, id="seconds"),
        pytest.param("ms", False, id="milliseconds"),
    ],
)
def test_more_is_better_only_for_rates(unit: str, expected: bool) -> None:
    """Of a rate more is better, of a time less."""
    assert expected is is_rate(unit)


def test_medians_and_percentiles_are_values_in_the_middle_and_at_the_edge() -> None:
    """The median of an even number is the mean of two; a percentile is a measured value."""
    values = [float(value) for value in range(100, 0, -1)]

    found = median(values), percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)

    assert (50.5, 50.0, 99.0, 7.0) == found
