"""Whether an expression stays linear in the text on a backtracking engine, proved from its structure.

The patterns that come with Holdfast run on Python's `re`. One that passes here takes at most `STEPS_MAX` ways from
each position of the text, so a search is linear in the text with a known factor: every repetition has a small stated
limit, nothing looks back at a group or around, and the product of the limits stays small. The same restrictions
keep it valid in RE2, so that it means the same in a user's entry. Used by the catalog's checks, never while a fault
is classified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import cast

STEPS_MAX = 200_000
"""The most ways to try from one position of the text, counted crudely: repetitions that stand side by side multiply, also where they read
different characters and can meet in one way only. A limit that does not depend on the text is what makes a search linear."""

_REPEAT_MAX = 1_000
_PARSER = import_module("re._parser")  # the standard library's own parser, which has no public face
_KINDS = import_module("re._constants")
_ONE_WAY = frozenset({_KINDS.LITERAL, _KINDS.NOT_LITERAL, _KINDS.ANY, _KINDS.IN, _KINDS.AT})
_Parts = Iterable[tuple[object, object]]


def linear_problem(expression: str) -> str | None:
    """Why an expression may not be shipped; `None` when it stays linear."""
    try:
        tree: _Parts = _PARSER.parse(expression)
    except (re.error, RecursionError, OverflowError) as err:
        return f"is not a valid expression: {err}"
    try:
        ways = _sequence(tree)
    except _Refused as err:
        return str(err)
    return None if ways <= STEPS_MAX else f"may take {ways} ways from each position of the text, more than {STEPS_MAX}"


class _Refused(Exception):
    """What in the expression is not linear."""


def _sequence(parts: _Parts) -> int:
    """The most ways to try a row of parts: they multiply, as each way of one may be followed by each of the next."""
    ways = 1
    for kind, value in parts:
        ways = min(ways * _ways(kind, value), 10**12)
    return ways


def _ways(kind: object, value: object) -> int:
    if kind in _ONE_WAY:
        return 1
    if kind in {_KINDS.MAX_REPEAT, _KINDS.MIN_REPEAT}:
        least, most, inner = cast("tuple[int, int, _Parts]", value)
        if most > _REPEAT_MAX:
            raise _Refused("repeats without a small limit; write {0,200} instead of *, and {1,200} instead of +")
        inside = _sequence(inner)
        if most > 1 and inside > 1:
            raise _Refused("repeats something that can itself match in several ways")
        return most - least + 1 if most > 1 else inside + 1 - least
    if kind is _KINDS.BRANCH:
        return sum(_sequence(branch) for branch in cast("tuple[object, Sequence[_Parts]]", value)[1])
    if kind is _KINDS.SUBPATTERN:
        return _sequence(cast("Sequence[_Parts]", value)[3])
    raise _Refused(f"uses {str(kind).lower()}, which RE2 does not know or which is not linear")
