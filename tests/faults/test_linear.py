"""Every expression that judges faults stays linear in the text it searches."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

import holdfast.faults
from holdfast.faults.linear import linear_problem

_ELSEWHERE = (
    # What is to be shown, stored or was pasted by a person: bounded by it, with tests of their own.
    "holdfast.faults.redact",
    "holdfast.faults.fingerprint",
    "holdfast.faults.pasted",
)


def _patterns() -> Iterator[tuple[str, str]]:
    for found in pkgutil.walk_packages(holdfast.faults.__path__, "holdfast.faults."):
        if found.name.startswith(_ELSEWHERE):
            continue
        module = importlib.import_module(found.name)
        for name, item in vars(module).items():
            for pattern in _inside(item, depth=0):
                yield f"{found.name}.{name}", pattern.pattern


def _inside(item: object, *, depth: int) -> Iterator[re.Pattern[str]]:
    """The expressions in a constant, however it is nested."""
    if isinstance(item, re.Pattern):
        yield item
    elif depth < 5 and isinstance(item, tuple | list | frozenset):
        for one in item:
            yield from _inside(one, depth=depth + 1)
    elif depth < 5 and isinstance(item, dict):
        for one in item.values():
            yield from _inside(one, depth=depth + 1)
    elif depth < 5 and is_dataclass(item) and not isinstance(item, type):
        for part in fields(item):
            yield from _inside(getattr(item, part.name), depth=depth + 1)


# An expression that stands in several tables is checked once.
PATTERNS = sorted({expression: name for name, expression in _patterns()}.items(), key=lambda one: (one[1], one[0]))


def test_finds_the_expressions() -> None:
    """The collection sees constants, tables and statements alike."""
    names = {name for name, _ in _patterns()}

    assert {
        "holdfast.faults.evidence._QUOTED",
        "holdfast.faults.message_words._RATE",
        "holdfast.faults.packs.edges._PHRASES",
    } <= names


@pytest.mark.parametrize(
    ("expression", "name"), [pytest.param(*one, id=f"{one[1]}-{i}") for i, one in enumerate(PATTERNS)]
)
def test_every_shipped_expression_is_linear(expression: str, name: str) -> None:
    """No answer, however it is made, can make a search take more than linear time."""
    problem = linear_problem(expression)

    assert problem is None, f"{name}: {problem}"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("(", "not a valid expression"),
        ("a*", "without a small limit"),
        ("(?:a{0,2}){2}", "match in several ways"),
        ("(?:ab|cd){2}", "match in several ways"),
        (r"(a)\1", "which RE2 does not know"),
        ("a(?=b)", "which RE2 does not know"),
        ("a{0,100}b{0,100}c{0,100}d{0,100}", "ways from each position"),
    ],
)
def test_what_is_not_linear_is_refused(expression: str, words: str) -> None:
    """The proof says no, and why."""
    assert words in (linear_problem(expression) or "")


@pytest.mark.parametrize("expression", ["abc", "a{0,20}b", "(?:a|b)c", "[a-z]{1,60}", "a?b", "^x$"])
def test_what_is_linear_passes(expression: str) -> None:
    """Bounded repeats of one thing, and alternatives, are fine."""
    assert linear_problem(expression) is None
