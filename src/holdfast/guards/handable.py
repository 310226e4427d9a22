"""Whether a function can be handed over: a worker must be able to find it, and its arguments must be such that they can rest as JSON.

Looked at when the function is decorated, so that nobody learns it from the failure that handing over was meant for. Pure.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KEY", "SECRET_NAMES", "flaws_of", "flaws_of_parameters", "is_same_function", "sent_by_name"]

KEY = "idempotency_key"
"""The parameter that receives the key of the attempts."""

SECRET_NAMES = frozenset(
    {
        *("access_token", "api_key", "apikey", "auth_token", "authorization", "client_secret", "credentials", "passwd"),
        *("password", "private_key", "refresh_token", "secret", "secret_key", "token"),
    }
)
"""Arguments of these names would come to rest in clear. The list is short on purpose: `page_token` and `sort_key` are no secrets."""

SCALARS = (str, int, float, bool, type(None))
CONTAINERS = (list, tuple, dict, abc.Mapping, abc.Sequence, abc.Iterable, abc.Collection, abc.MutableMapping)
DEPTH_MAX = 20
"""Deeper hints are not looked into."""


def flaws_of(function: Callable[..., object], *, is_action: bool = False) -> list[tuple[str, str]]:
    """Return what keeps a function from being handed over, as pairs of a parameter (empty: the function as a whole) and the reason.

    `is_action` says that it is registered as an action in this process already, so that where it was written does not matter.
    """
    found: list[tuple[str, str]] = []
    name = getattr(function, "__qualname__", type(function).__qualname__)
    place = name.rpartition(".")[0]
    if not is_action and ("<lambda>" in name or "<locals>" in name):
        message = (
            "is written inside another function, so that a worker in another process could not import it."
            " Write it at the top level of a module, or register it with @hold.action under the same name first"
        )
        found.append(("", message))
    parameters = list(inspect.signature(function).parameters.values())
    if place and not place.endswith("<locals>") and parameters and parameters[0].name in ("self", "cls"):
        message = "is a method, and what it belongs to cannot rest as JSON. Hand over a function that makes or finds the object by itself"
        return [*found, ("", message)]
    found += flaws_of_parameters(function)
    hints = hints_of(function)
    for parameter in parameters:
        hint = hints.get(parameter.name, inspect.Parameter.empty)
        if hint is not inspect.Parameter.empty and not may_be_json(hint):
            told = hint.__name__ if isinstance(hint, type) else str(hint)
            message = f"is a {told}, which JSON cannot carry. Take an id or plain values, and make the object inside"
            found.append((parameter.name, message))
        if parameter.name.casefold() in SECRET_NAMES:
            message = "looks like a secret, and would come to rest in clear. Let the function read it where it is kept"
            found.append((parameter.name, message))
    return found


def flaws_of_parameters(function: Callable[..., object]) -> list[tuple[str, str]]:
    """Return what keeps a function from being called with inputs that are JSON and arrive by keyword."""
    found: list[tuple[str, str]] = []
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        found.append(("", "a generator has no single result; return a value instead"))
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            message = "inputs are given by keyword; a positional-only parameter cannot receive one"
            found.append((parameter.name, message))
        if parameter.default not in (inspect.Parameter.empty, None) and not is_json(parameter.default):
            found.append((parameter.name, "inputs are JSON; this default value is not"))
    return found


def is_json(value: object) -> bool:
    """Whether a value can be written as JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def hints_of(function: Callable[..., object]) -> dict[str, object]:
    """Return the types of parameters as far as they can be told; names that exist for type checkers only are left out."""
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - evaluating what somebody wrote may raise anything; a hint that cannot be read forbids nothing
        told = getattr(function, "__annotations__", {})
        return {name: hint for name, hint in told.items() if not isinstance(hint, str)}


def may_be_json(hint: object) -> bool:
    """Whether a value of this type may be one that JSON can carry. In doubt it may: the value itself is looked at when it is handed over."""
    return all(is_plain(one) for one in parts_of(hint))


def parts_of(hint: object) -> Iterator[type]:
    """Yield the classes that a type is made of; of alternatives, none if one of them is beyond telling."""
    waiting = [(hint, 0)]
    while waiting:
        one, depth = waiting.pop()
        origin = typing.get_origin(one)
        if depth > DEPTH_MAX or one in (typing.Any, object):
            continue
        if origin is typing.Literal:
            yield from {type(value) for value in typing.get_args(one)}
        elif origin is typing.Annotated:
            waiting.append((typing.get_args(one)[0], depth + 1))
        elif origin in (typing.Union, types.UnionType):
            waiting += [(inner, depth + 1) for inner in typing.get_args(one)]
        elif origin is not None:
            waiting += [(inner, depth + 1) for inner in typing.get_args(one) if inner is not Ellipsis]
            if isinstance(origin, type):
                yield origin
        elif isinstance(one, type):
            yield one


def is_plain(kind: type) -> bool:
    """Whether values of a class are, or may be, what JSON carries."""
    if kind in (bytes, bytearray, memoryview):
        return False
    if getattr(kind, "_is_protocol", False):
        return True  # whatever has these methods; a plain value may
    return issubclass(kind, (*SCALARS, list, tuple, dict)) or kind in CONTAINERS


def is_same_function(one: Callable[..., object], other: Callable[..., object]) -> bool:
    """Whether two functions are one, or one is what a reloaded module has made of the other."""
    if one is other:
        return True
    places = [(getattr(each, "__module__", None), getattr(each, "__qualname__", None)) for each in (one, other)]
    return places[0] == places[1] and None not in places[0] and "<" not in str(places[0][1])


def sent_by_name(
    function: Callable[..., object], args: tuple[object, ...], kwargs: abc.Mapping[str, object]
) -> dict[str, object]:
    """Return the arguments of a call by the names of the parameters; defaults stay the function's own.

    Raises:
        TypeError: the function cannot be called so.
    """
    signature = inspect.signature(function)
    bound = dict(signature.bind(*args, **kwargs).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            bound |= bound.pop(parameter.name, {})
    return bound
