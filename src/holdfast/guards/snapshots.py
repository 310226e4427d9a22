"""Snapshots: a copy of a value that nobody else can change, and about how large it is.

A kept value is handed to many callers, and the first of them was given the original. Lists, dictionaries, sets and tuples of them are therefore
copied, on the way in and on the way out; everything else is kept as it is, because copying a stranger's object runs a stranger's code. Bounded:
what is too large or too deep is told, and is not kept.
"""

from __future__ import annotations

import sys

__all__ = ["DEPTH_MAX", "SIZE_UNBOUND_BYTES", "TooLarge", "own_arguments", "snapshot"]

DEPTH_MAX = 50
"""How deep containers may lie in one another. The copying calls itself, and this is what keeps that bounded."""

SIZE_UNBOUND_BYTES = 1 << 62
"""For values that are in memory already and are only copied."""

_PLAIN = frozenset({str, bytes, int, float, bool, complex, type(None)})


class TooLarge(Exception):
    """The value is larger or deeper than what is kept."""


class _Copying:
    __slots__ = ("left",)

    def __init__(self, size_max_bytes: int) -> None:
        self.left = size_max_bytes

    def copy(self, value: object, depth: int) -> object:
        self.left -= sys.getsizeof(value)
        if self.left < 0 or depth > DEPTH_MAX:
            raise TooLarge
        kind = type(value)
        if kind in _PLAIN:
            return value
        below = depth + 1
        # Exact types only: a subclass has an idea of its own of what copying means.
        if kind is dict:
            return {self.copy(key, below): self.copy(item, below) for key, item in value.items()}  # type: ignore[attr-defined]  # it is a dict
        if kind is list:
            return [self.copy(item, below) for item in value]  # type: ignore[attr-defined]  # it is a list
        if kind is tuple:
            return tuple([self.copy(item, below) for item in value])  # type: ignore[attr-defined]  # it is a tuple
        if kind is set:
            return {self.copy(item, below) for item in value}  # type: ignore[attr-defined]  # it is a set
        if kind is bytearray:
            return bytearray(value)  # type: ignore[call-overload]  # it is a bytearray
        return value


def snapshot(value: object, size_max_bytes: int) -> tuple[object, int]:
    """A copy of a value, and its size in bytes: exact for plain data, without the insides of other objects, which are not copied either.

    Raises:
        TooLarge: it takes more than `size_max_bytes`, or lies deeper than `DEPTH_MAX` (a list that holds itself does).
    """
    if type(value) in _PLAIN:
        size_bytes = sys.getsizeof(value)
        if size_bytes > size_max_bytes:
            raise TooLarge
        return value, size_bytes
    copying = _Copying(size_max_bytes)
    copied = copying.copy(value, 0)
    return copied, size_max_bytes - copying.left


def own_arguments(args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[tuple[object, ...], dict[str, object]]:
    """Arguments of a call that will be made later, which its caller cannot change any more; those nested too deep to be copied as they are."""
    try:
        own_args, _ = snapshot(args, SIZE_UNBOUND_BYTES)
        own_kwargs, _ = snapshot(kwargs, SIZE_UNBOUND_BYTES)
    except TooLarge:
        return args, kwargs
    assert isinstance(own_args, tuple), "a copy is of the same class"
    assert isinstance(own_kwargs, dict), "a copy is of the same class"
    return own_args, own_kwargs
