"""JSON text in and out, the way a JavaScript peer reads and writes it.

The wire speaks JSON as `JSON.parse` understands it: a key given twice counts once, the last time; `NaN` is not JSON; a number too large
for a double is infinite; half of a surrogate pair is a legal (if odd) character. This module reads and writes such text and says where it
is broken. It knows nothing of schemas.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from holdfast.errors import BadInput, Problem

__all__ = ["BEYOND_DOUBLE", "finite_or_beyond", "json_flaw", "read_json", "write_json"]

BEYOND_DOUBLE: Final = 10**309
"""How infinity is written: a number beyond the largest double (about 1.8e308), which every JSON reader on doubles takes for infinity."""

_DIGITS_MAX: Final = 300
"""Whole numbers with more characters are read as doubles at once: exact digits are lost on the wire anyway, and Python limits `int()`."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<word>-?(?:NaN|Infinity))', re.DOTALL)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BOM: Final = b"\xef\xbb\xbf"


def read_json(text: str | bytes | bytearray, *, source: str = "") -> object:
    """Parse JSON text as `JSON.parse` would; bytes are UTF-8, with or without a byte order mark.

    Raises:
        BadInput: it is not UTF-8, not JSON (with line and column, both counted from 1), or nested deeper than this process can follow.
    """
    if not isinstance(text, str):
        text = _decode(bytes(text), source=source)
    try:
        value: object = json.loads(text, parse_int=_whole, parse_constant=_refuse_word)
    except json.JSONDecodeError as err:
        reason = err.msg[:1].lower() + err.msg[1:]
        _refuse(f"is not JSON: {reason}, at line {err.lineno}, column {err.colno}", source=source, cause=err)
    except _NotANumber as err:
        _refuse(f"is not JSON: {err.word} is no JSON value, at {_where(text)}", source=source, cause=err)
    except RecursionError as err:
        _refuse(
            "is nested too deeply to be read; no document of this contract is deeper than a dozen levels",
            source=source,
            cause=err,
        )
    return value


def write_json(value: object, *, source: str = "") -> str:
    """Write a JSON value on one line; readable (not escaped) beyond ASCII, except for half surrogate pairs, which only survive escaped.

    Raises:
        BadInput: the value is nested deeper than this process can follow.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError as err:
        _refuse("is nested too deeply to be written", source=source, cause=err)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


class _NotANumber(Exception):
    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


def _refuse_word(word: str) -> NoReturn:
    raise _NotANumber(word)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MAX else float(digits)


def _decode(raw: bytes, *, source: str) -> str:
    try:
        return raw.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as err:
        _refuse(f"is not UTF-8 text: byte {err.start} cannot be read", source=source, cause=err)


def _where(text: str) -> str:
    for token in _TOKEN.finditer(text):
        if token["word"]:
            line = text.count("\n", 0, token.start()) + 1
            return f"line {line}, column {token.start() - text.rfind(chr(10), 0, token.start())}"
    return "an unknown place"


def _refuse(why: str, *, source: str, cause: Exception) -> NoReturn:
    raise BadInput([Problem(source=source, path="", message=why)]) from cause


def finite_or_beyond(value: float) -> int | float:
    """The number itself, or `±BEYOND_DOUBLE` in the place of an infinity, so that it can be written as JSON."""
    if math.isinf(value):
        return BEYOND_DOUBLE if value > 0 else -BEYOND_DOUBLE
    return value


def json_flaw(value: object) -> str | None:
    """Why `value` is not a JSON value (a wrong type, a key that is no string, NaN), or None if it is one. Does not recurse."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if item is None or isinstance(item, bool | str | int):
            continue
        if isinstance(item, float):
            if not math.isfinite(item):
                return "holds a number that JSON cannot carry"
        elif isinstance(item, Mapping):
            if not all(isinstance(key, str) for key in item):
                return "holds a key that is no string"
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        else:
            return f"holds a Python {type(item).__name__}, which JSON cannot carry"
    return None
