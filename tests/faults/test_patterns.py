"""Users' patterns: compiled on RE2, bounded, and refused with their place when they are wrong."""

from __future__ import annotations

import sys

import pytest

from holdfast.errors import BadInput, MissingExtra
from holdfast.faults.patterns import INPUT_MAX_CHARS, compile_pattern, compile_shipped


@pytest.mark.parametrize(
    ("expression", "text", "found"),
    [
        pytest.param("b+", "abbc", True, id="inside"),
        pytest.param("B", "abbc", False, id="case-counts"),
        pytest.param("(?i)B", "abbc", True, id="case-on-request"),
        pytest.param("é.", "xé!", True, id="unicode"),
        pytest.param("a", "\ud800a", True, id="lone-surrogates"),
        pytest.param("end", "x" * INPUT_MAX_CHARS + "end", False, id="only-the-beginning"),
        pytest.param("(a+)+$", "a" * 60_000 + "b", False, id="catastrophic-elsewhere"),
    ],
)
def test_searches_bounded_text(expression: str, text: str, found: bool) -> None:
    """A pattern is searched anywhere in the first 64 Ki characters."""
    assert found == compile_pattern(expression, source="s", path="p").is_in(text)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 4_097, id="long"),
        pytest.param("(", id="syntax"),
        pytest.param("(?=x)", id="look-ahead"),
        pytest.param("(a{1000}){1000}", id="huge"),
        pytest.param("\ud800", id="surrogate"),
    ],
)
def test_refuses_a_bad_pattern_with_its_place(expression: str) -> None:
    """A pattern that cannot be run is bad input, told with source and path."""
    with pytest.raises(BadInput) as refused:
        compile_pattern(expression, source="a.yaml", path="x[1].pattern")

    assert [("a.yaml", "x[1].pattern")] == [(problem.source, problem.path) for problem in refused.value.problems]


def test_says_which_extra_runs_users_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without RE2 a pattern is refused by naming the extra."""
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(MissingExtra) as refused:
        compile_pattern("x", source="s", path="p")

    assert refused.value.extra == "durable"


def test_a_damaged_shipped_pattern_is_told_with_its_place() -> None:
    """An expression of the wheel that does not compile names the entry it stands in."""
    with pytest.raises(BadInput) as refused:
        compile_shipped("(", source="shipped", path="a.b")

    assert [("shipped", "a.b")] == [(problem.source, problem.path) for problem in refused.value.problems]
