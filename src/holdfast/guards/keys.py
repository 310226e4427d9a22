"""Keys: what tells one call from another, so that nobody is ever given somebody else's answer.

A key is made of the policy's name and the part of the dependency that the call is for, the function's name and the declared parameters (all of
them, unless told otherwise). Values are written down
with their type and length (`holdfast.guards.written`) and hashed with SHA-256: two different inputs never read the same, and a secret among them
does not stand in a cache in clear. (A hash hides a long secret, not a short one that can be guessed.)

What has no stable form (a connection, `self`, a variable that an inner function or a decorator remembers) cannot be part of a key. Where the
function tells that, it is refused when the function is decorated; else the call is simply not kept.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterator, Mapping

from holdfast.errors import BadSettings, Problem
from holdfast.guards.written import NoForm, Writer, may_be_written

__all__ = ["KeyMaker", "KeyMakers", "Unkeyable", "operation_of"]

DEPTH_MAX = 20
MAKERS_MAX = 1_000
Anything = Callable[..., object]
Declared = tuple[str, ...] | Anything | None


class Unkeyable(Exception):
    """A call has no key; the text says because of which parameter, never what is in it."""


class KeyMaker:
    """Makes the keys of one function's calls under one policy. Immutable, safe over threads."""

    __slots__ = ("_declared", "_defaults", "_head", "_names", "_plain", "_prefix", "_signature")

    def __init__(self, policy: str, function: Anything, *, declared: Declared = None) -> None:
        """Looks at a function as `unbound` gives it.

        Raises:
            BadSettings: a declared name is no parameter of it, or a parameter of the key has no stable form; all of them are listed.
        """
        operation = operation_of(function)
        layers = _layers(function)
        line = getattr(getattr(layers[-1], "__code__", None), "co_firstlineno", 0) if "<locals>" in operation else 0
        self._head = Writer().write((policy, operation, line))
        # For people who look into a cache; what counts is the hash.
        self._prefix = f"holdfast:{policy[:80]}:{operation[:200]}:"
        self._declared = declared
        self._defaults = _defaults(layers)
        self._signature = _signature(function)
        parameters = {} if self._signature is None else self._signature.parameters
        self._names = declared if isinstance(declared, tuple) else tuple(parameters)
        is_plain = all(found.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for found in parameters.values())
        self._plain = tuple(parameters) if is_plain else None
        problems = _problems(function, declared, names=self._names, parameters=parameters)
        if problems:
            raise BadSettings([Problem(source=f"key of {operation}", path=path, message=why) for path, why in problems])

    def is_for(self, layers: tuple[Anything, ...]) -> bool:
        """Whether another function of the same code has the same defaults, too; an inner function may get others each time it is made."""
        own, other = self._defaults, _defaults(layers)
        return len(own) == len(other) and all(map(operator.is_, own, other))

    def key(self, args: tuple[object, ...], kwargs: Mapping[str, object], *, part: str | None = None) -> str:
        """The key of a call with these arguments, for a part of the dependency.

        Raises:
            Unkeyable: one of them has no stable form or is too large, or they are no arguments of the function.
        """
        digest = hashlib.sha256(self._head)
        if part is not None:
            told = part.encode("utf-8", "surrogatepass")
            digest.update(b"part#%d:%b" % (len(told), told))
        writer = Writer()
        for name, value in self._inputs(args, kwargs):
            try:
                written = writer.write(value)
            except NoForm as error:
                raise Unkeyable(f"{name} {error}") from None
            digest.update(b"%d:%b=%b" % (len(name), name.encode(), written))
        return self._prefix + digest.hexdigest()

    def _inputs(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Iterator[tuple[str, object]]:
        if callable(self._declared):
            return iter((("key", self._declared(*args, **kwargs)),))
        if self._signature is None:
            return iter((("args", args), ("kwargs", dict(kwargs))))
        if self._plain is not None and not kwargs and len(args) == len(self._plain):
            bound: Mapping[str, object] = dict(zip(self._plain, args, strict=True))
        else:
            try:
                found = self._signature.bind(*args, **kwargs)
            except TypeError:
                raise Unkeyable("the arguments do not fit the function") from None
            found.apply_defaults()
            bound = found.arguments
        return ((name, bound[name]) for name in self._names)


class KeyMakers:
    """The makers of one policy, made when they are first needed. At most 1000 functions are remembered. Safe over threads."""

    __slots__ = ("_declared", "_makers", "_policy")

    def __init__(self, policy: str, declared: Declared = None) -> None:
        self._policy = policy
        self._declared = declared
        self._makers: dict[object, KeyMaker] = {}

    def check(self, function: Anything) -> None:
        """Look at a function when it is decorated.

        Raises:
            BadSettings: its calls have no stable key; all problems are listed.
        """
        self._maker(unbound(function)[0])

    def key(
        self, function: Anything, args: tuple[object, ...], *, kwargs: Mapping[str, object], part: str | None = None
    ) -> str:
        """The key of a call; `part` is the part of the dependency that it is for, where its policy has parts.

        Raises:
            Unkeyable: it has none.
        """
        plain, first, more = unbound(function)
        try:
            maker = self._maker(plain)
        except BadSettings as error:
            raise Unkeyable("; ".join(str(problem) for problem in error.problems)) from None
        return maker.key((*first, *args), {**more, **kwargs} if more else kwargs, part=part)

    def _maker(self, plain: Anything) -> KeyMaker:
        # By code, not by function: an inner function is a new object each time, and remembering it would keep alive all that it remembers. By the
        # code of all layers: functions that one decorator stands around share the code of that.
        layers = _layers(plain)
        name = (getattr(plain, "__module__", None), plain.__qualname__)
        place = (name, *[getattr(layer, "__code__", layer) for layer in layers])
        maker = self._makers.get(place)
        if maker is None or not maker.is_for(layers):
            maker = KeyMaker(self._policy, plain, declared=self._declared)
            if len(self._makers) >= MAKERS_MAX:
                self._makers.clear()
            self._makers[place] = maker
        return maker


def unbound(function: Anything) -> tuple[Anything, tuple[object, ...], dict[str, object]]:
    """A function, and the arguments that it carries with it: those of a partial, and the object of a method or of a callable object.

    They tell one call from another like all arguments do.
    """
    first: tuple[object, ...] = ()
    more: dict[str, object] = {}
    for _ in range(DEPTH_MAX):
        if isinstance(function, functools.partial):
            first, more = (*function.args, *first), {**function.keywords, **more}
            function = function.func
        elif isinstance(function, types.MethodType):
            first = (function.__self__, *first)
            function = function.__func__
        else:
            break
    if not isinstance(function, type) and not hasattr(function, "__qualname__"):
        # An object that can be called: its class has the function, and the object is its first argument.
        first = (function, *first)
        function = getattr(type(function), "__call__")  # noqa: B004, B009 - looked up as calling it would
    return function, first, more


def operation_of(function: Anything) -> str:
    """The qualified name of a function, of what a partial was made of, or of an object's class."""
    plain = unbound(function)[0]
    return f"{getattr(plain, '__module__', None) or 'builtins'}.{plain.__qualname__}"


# --- looking at functions ---


def _layers(function: Anything) -> tuple[Anything, ...]:
    """A function and what decorators have wrapped into it, outermost first."""
    layers = [function]
    while (inner := getattr(layers[-1], "__wrapped__", None)) is not None and len(layers) < DEPTH_MAX:
        layers.append(inner)
    return tuple(layers)


def _defaults(layers: tuple[Anything, ...]) -> tuple[object, ...]:
    """The default values that all layers have."""
    found: tuple[object, ...] = ()
    for layer in layers:
        by_name = getattr(layer, "__kwdefaults__", None)
        found += (getattr(layer, "__defaults__", None) or ()) + (tuple(by_name.values()) if by_name else ())
    return found


def _remembered(layers: tuple[Anything, ...]) -> list[str]:
    """The variables that layers remember of where they were defined, but for the layer below and themselves.

    What our own guards remember is the policy, whose name is part of the key.
    """
    found: list[str] = []
    for layer in layers:
        if getattr(layer, "__globals__", {}).get("__name__", "").startswith("holdfast."):
            continue
        names = getattr(getattr(layer, "__code__", None), "co_freevars", ())
        known = (layer, getattr(layer, "__wrapped__", layer))
        for name, cell in zip(names, getattr(layer, "__closure__", None) or (), strict=True):
            try:
                is_known = any(cell.cell_contents is one for one in known)
            except ValueError:  # nothing is in it yet
                is_known = False
            if not is_known:
                found.append(name)
    return found


def _problems(
    function: Anything, declared: Declared, *, names: tuple[str, ...], parameters: Mapping[str, inspect.Parameter]
) -> list[tuple[str, str]]:
    """What makes a function's calls impossible to tell apart, each with its place."""
    problems = []
    layers = _layers(function)
    if any(getattr(getattr(layer, "__code__", None), "co_name", "") == "<lambda>" for layer in layers):
        problems.append(("", "is a lambda, which has no name to tell it from the next one; give it a def"))
    if callable(declared):
        return problems
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType | type):
        problems.append(("", f"belongs to an object of {type(owner).__name__}, which has no stable form"))
    remembered = _remembered(layers)
    if declared is None and remembered:
        why = f"remembers variables of where it or a decorator of it was defined ({', '.join(remembered)}), which are not part of the key"
        problems.append(("", f"{why}; pass them as arguments, or declare the key: key=('…',)"))
    known = ", ".join(parameters) or "none"
    problems += [(name, f"is no parameter; there are: {known}") for name in names if name not in parameters]
    hints = _hints(function)
    unstable = ((name, _unstable(hints.get(name))) for name in names if name in parameters)
    problems += [(name, f"{why}; declare the key: key=('…',)") for name, why in unstable if why]
    if names[:1] == ("self",) and "self" in parameters and "self" not in hints:
        problems.append(("self", "is an object, which has no stable form; declare the key: key=('…',)"))
    return problems


def _signature(function: Anything) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # written in C without a signature: told apart by all that it is called with
        return None


def _hints(function: Anything) -> Mapping[str, object]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - annotations are a stranger's code; without them, values are looked at call by call
        return {}


def _unstable(hint: object) -> str | None:
    """Why a parameter cannot be part of a key, as far as its annotation tells."""
    strangers = [kind for kind in _classes(hint, 0) if not may_be_written(kind)]
    if not strangers:
        return None
    return f"is of {strangers[0].__module__}.{strangers[0].__qualname__}, which has no stable form"


def _classes(hint: object, depth: int) -> list[type]:
    """The classes a hint speaks of; what it leaves open (type variables, texts) is not among them."""
    origin = typing.get_origin(hint)
    if depth > DEPTH_MAX or origin is typing.Literal:
        return []
    named = origin or hint
    own = [named] if isinstance(named, type) and named is not types.UnionType else []
    return own + [kind for inner in typing.get_args(hint) for kind in _classes(inner, depth + 1)]
