"""JSON values: what caches outside the process keep. Only what comes back as it went in is taken; the rest is refused with its place.

A tuple would come back as a list, a number as a key as a text, an enumeration as its value: whoever was given the kept answer would be given
something else than whoever was given the first one.
"""

from __future__ import annotations

import json
import math

from holdfast.errors import BadInput, Problem

__all__ = ["json_text", "json_value"]

PROBLEMS_MAX = 10


def json_text(value: object) -> str:
    """A value as JSON text, in ASCII.

    Raises:
        BadInput: some of it is not JSON, or would not come back as it went in; the first ten places are listed.
    """
    problems = _problems(value)
    if not problems:
        try:
            return json.dumps(value, allow_nan=False, separators=(",", ":"))
        except (ValueError, RecursionError):  # a circle, too deep, or a whole number beyond the interpreter's limit
            problems = [_problem("", "holds itself, lies too deep, or holds a whole number of thousands of digits")]
    raise BadInput(problems)


def json_value(text: str | bytes) -> object:
    """The value of a JSON text.

    Raises:
        ValueError: it is none.
    """
    value: object = json.loads(text)
    return value


def _problems(value: object) -> list[Problem]:
    found: list[Problem] = []
    waiting: list[tuple[str, object]] = [("", value)]
    seen: set[int] = set()
    while waiting and len(found) < PROBLEMS_MAX:
        path, item = waiting.pop()
        kind = type(item)
        if kind in {str, bool, type(None), int}:
            continue
        if kind is float:
            if not math.isfinite(item):  # type: ignore[arg-type]  # it is a float
                found.append(_problem(path, "is not a number; JSON has no word for it"))
        elif kind not in {list, dict}:
            found.append(_problem(path, f"is of {kind.__name__}; a cache outside the process keeps JSON values only"))
        elif id(item) not in seen:
            seen.add(id(item))
            waiting += _inside(path, item, found)
    return found


def _inside(path: str, item: object, found: list[Problem]) -> list[tuple[str, object]]:
    if isinstance(item, list):
        return [(f"{path}[{place}]", each) for place, each in enumerate(item)]
    assert isinstance(item, dict), "a list or a dictionary"
    strangers = [key for key in item if type(key) is not str]
    if strangers:
        kind = type(strangers[0]).__name__
        found.append(_problem(path, f"has a key of {kind}, which would come back as a text"))
    return [(f"{path}.…" if path else "…", each) for each in item.values()]


def _problem(path: str, message: str) -> Problem:
    # Keys may be personal data; a place is told by its depth and by positions only.
    return Problem(source="value", path=path, message=message)
