"""Written values: a form of a value that no other value has, the same in every process. Keys are hashed from it.

Each value stands with its type, and each part with its length, so that `["ab"]` and `["a", "b"]`, 1 and True and "1" all differ. Sets and
dictionaries are written in the order of their written items. What has no such form is refused: an object's default text holds its address, and
would be another one tomorrow. Bounded in depth and size.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import types
from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from uuid import UUID

__all__ = ["DEPTH_MAX", "SIZE_MAX_BYTES", "NoForm", "Writer", "may_be_written"]

DEPTH_MAX = 20
SIZE_MAX_BYTES = 1_000_000
"""As much as is written for one call; a key that takes longer to make than the call is none."""

_PART_BYTES = 16
_TEXTS = (str, bytes, bytearray)
_NUMBERS = (int, float, complex, bool, type(None))
_TELLING = (Decimal, Fraction, UUID, PurePath, dt.date, dt.time, dt.timedelta)
"""Types whose text says all about a value; a `datetime` is a `date`, and its fold is written as well."""

_LEAVES = (*_TEXTS, *_NUMBERS, *_TELLING, enum.Enum)
_CONTAINERS = (list, tuple, dict, set, frozenset)


class NoForm(Exception):
    """A value has no stable form; the text says why, without the value."""


def may_be_written(kind: type) -> bool:
    """Whether values of a class can have a stable form. Those of a class that stands above such ones may: `object`, an abstract container."""
    if dataclasses.is_dataclass(kind) or issubclass(kind, (*_LEAVES, *_CONTAINERS, type)):
        return True
    return kind in {Mapping, Sequence, AbstractSet} or any(issubclass(one, kind) for one in (*_LEAVES, *_CONTAINERS))


class Writer:
    """Writes the values of one call, and stops when they become too many."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = SIZE_MAX_BYTES

    def write(self, value: object, depth: int = 0) -> bytes:
        """A value, written down.

        Raises:
            NoForm: it has none, lies too deep, or is too large.
        """
        if depth > DEPTH_MAX:
            raise NoForm("lies too deep for a key")
        self._spend(_PART_BYTES)
        kind = type(value)
        if kind is str:  # what most keys are made of, by a shorter way to the same bytes
            raw = value.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]  # it is a text
            self._spend(len(raw))
            return b"str#1(%d:%b)" % (len(raw), raw)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, _LEAVES):
            raw = _leaf(value)
            self._spend(len(raw))
            return _framed(name, [raw])
        if isinstance(value, type):
            return _framed("class", [f"{value.__module__}.{value.__qualname__}".encode()])
        if (
            "__dataclass_fields__" in kind.__dict__
        ):  # a class below one may hold what is no field, and is no such class itself
            return _framed(name, self._each(_told(value), depth))
        if kind in {list, tuple}:
            return _framed(name, self._each(value, depth))  # type: ignore[arg-type]  # a list or tuple
        if kind in {dict, types.MappingProxyType}:
            return _framed("dict", sorted(self._each(value.items(), depth)))  # type: ignore[attr-defined]  # a mapping
        if kind in {set, frozenset}:
            return _framed("set", sorted(self._each(value, depth)))  # type: ignore[arg-type]  # a set
        raise NoForm(f"is of {kind.__module__}.{kind.__qualname__}, which has no stable form")

    def _each(self, items: Iterable[object], depth: int) -> list[bytes]:
        return [self.write(item, depth + 1) for item in items]

    def _spend(self, size_bytes: int) -> None:
        self._left -= size_bytes
        if self._left < 0:
            raise NoForm("is too large for a key")


def _told(value: object) -> list[tuple[str, object]]:
    """The fields of a dataclass's value, and what it was given beside them."""
    names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]  # it is one
    more = sorted(set(getattr(value, "__dict__", ())).difference(names))
    return [(name, getattr(value, name)) for name in (*names, *more)]


def _leaf(value: object) -> bytes:
    if isinstance(value, enum.Enum):
        return (value.name or repr(value.value)).encode()  # an empty set of flags has no name
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:x}".encode()  # hexadecimal: decimal digits are limited by the interpreter
    if isinstance(value, dt.datetime | dt.time):
        return f"{value.isoformat()}|{value.fold}".encode()
    return (repr(value) if isinstance(value, _NUMBERS) else str(value)).encode()


def _framed(word: str, parts: list[bytes]) -> bytes:
    written = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return b"%b#%d(%b)" % (word.encode(), len(parts), written)
