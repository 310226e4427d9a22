"""What kind of callable is to be guarded: found out once, at decoration, through `partial`, bound methods and objects with `__call__`.

A coroutine function under a guard for plain functions would be guarded until it returns its coroutine, and not a moment longer: nothing it does
would be watched. So it is told apart by type, and where a plain function turns out to return something to be awaited, the first call refuses.
"""

from __future__ import annotations

import functools
import inspect
from enum import StrEnum, unique

from holdfast.errors import BadInput, Problem

__all__ = ["Shape", "refuse_awaitable", "shape_of"]


@unique
class Shape(StrEnum):
    """The four kinds of callables."""

    SYNC = "sync"
    ASYNC = "async"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async_generator"


def shape_of(function: object) -> Shape:
    """The kind of a callable.

    Raises:
        BadInput: it cannot be called, or it is a class, whose instances are what one means to guard.
    """
    if isinstance(function, staticmethod | classmethod | property):
        kind = type(function).__name__
        raise _refused(function, f"is a {kind}. Put the guard below that decorator, next to the function")
    if not callable(function):
        raise _refused(function, "cannot be called. Give a function, or use `with policy.attempt()` around a block")
    if isinstance(function, type):
        raise _refused(function, "is a class. Guard its methods, or a function that makes the object")
    for candidate in _layers(function):
        for is_kind, shape in (
            (inspect.iscoroutinefunction, Shape.ASYNC),
            (inspect.isasyncgenfunction, Shape.ASYNC_GENERATOR),
            (inspect.isgeneratorfunction, Shape.GENERATOR),
        ):
            if is_kind(candidate):
                return shape
    return Shape.SYNC


def refuse_awaitable(policy: str, function: object, result: object) -> None:
    """Refuse a result that has to be awaited from a function that was taken for a plain one.

    Raises:
        BadInput: it is one; a coroutine is closed first, so that nobody is warned of it in addition.
    """
    if not inspect.isawaitable(result):
        return
    if inspect.iscoroutine(result):
        result.close()
    name = getattr(function, "__qualname__", repr(function))
    message = (
        f"looks like a plain function and returned {type(result).__name__}, which has to be awaited: what it does would not be guarded."
        " Guard an `async def` that awaits it"
    )
    raise BadInput([Problem(source=f"policy {policy!r}", path=name, message=message)])


def _layers(function: object) -> list[object]:
    """The callable and what is below it: the function of a partial, `__call__` of an object."""
    layers: list[object] = []
    while isinstance(function, functools.partial | functools.partialmethod):
        layers.append(function)
        function = function.func
    layers.append(function)
    if not inspect.isroutine(function):
        layers.append(getattr(type(function), "__call__", None))  # noqa: B004 - it is callable; this is the function behind it
    return layers


def _refused(function: object, why: str) -> BadInput:
    name = getattr(function, "__qualname__", repr(function))
    return BadInput([Problem(source="policy", path=name, message=why)])
