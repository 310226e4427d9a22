"""Keys: one call is never taken for another, and what has no stable form is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Literal, TypeVar, Union
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.guards.keys import KeyMaker, KeyMakers, Unkeyable, operation_of
from holdfast.guards.policy import policy
from holdfast.guards.written import NoForm, Writer

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.frozensets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=12,
)
T = TypeVar("T")


class Colour(enum.Enum):
    """A closed list."""

    RED = 1
    ALSO_RED = "1"


@dataclasses.dataclass(frozen=True)
class Account:
    """A value with fields."""

    id: int
    tenant: str = "acme"


class Rights(enum.Flag):
    """A set of flags."""

    READ = 1


class Connection:
    """A thing without a stable form."""

    def fetch(self, sku: str) -> str:
        """A method."""
        return sku

    def __call__(self, sku: str) -> str:
        """An object that can be called."""
        return sku


def fetch(user: str, sku: str = "x", *, fresh: bool = False) -> str:
    """A function as one guards it."""
    return f"{user}{sku}{fresh}"


def configuration() -> None:
    """A function that takes nothing."""


def anything(*args: object, **kwargs: object) -> None:
    """A function that takes everything."""


def written(value: object) -> bytes:
    """A value in one piece."""
    return Writer().write(value)


def shape(value: object) -> object:
    """A value with its types all the way down, for comparing what Python takes for equal."""
    if isinstance(value, list | tuple):
        return (type(value).__name__, [shape(item) for item in value])
    if isinstance(value, dict):
        return ("dict", sorted(repr((shape(key), shape(item))) for key, item in value.items()))
    if isinstance(value, set | frozenset):
        return ("set", sorted(repr(shape(item)) for item in value))
    return (type(value).__name__, repr(value))


@given(one=PLAIN, other=PLAIN)
def test_two_values_are_written_alike_only_if_they_are_alike(one: object, other: object) -> None:
    """Whatever differs in type or value is written differently; 1, True, 1.0 and "1" are four values."""
    assert (shape(one) == shape(other)) == (written(one) == written(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(1, True, id="a number and a truth value"),
        pytest.param(1, 1.0, id="two kinds of numbers"),
        pytest.param("1", 1, id="a text and a number"),
        pytest.param(b"a", "a", id="bytes and a text"),
        pytest.param(["ab"], ["a", "b"], id="lengths"),
        pytest.param(["a", ["b"]], [["a"], "b"], id="nesting"),
        pytest.param({"a": "b"}, {"b": "a"}, id="keys and values"),
        pytest.param(("a",), ["a"], id="a tuple and a list"),
        pytest.param(Colour.RED, Colour.ALSO_RED, id="members"),
        pytest.param(Account(id=1), Account(id=1, tenant="beta"), id="fields"),
        pytest.param(Account, dt.date, id="classes"),
        pytest.param(Decimal("1.0"), Decimal("1.00"), id="decimals"),
        pytest.param(dt.time(2, fold=0), dt.time(2, fold=1), id="folds"),
        pytest.param(0.0, -0.0, id="signs of zero"),
        pytest.param("1:a", "1", id="what looks like a length"),
    ],
)
def test_neighbours_are_told_apart(one: object, other: object) -> None:
    """Values that look alike have keys of their own."""
    assert written(one) != written(other)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param(threading.Lock(), id="a lock"),
        pytest.param([1, [Connection()]], id="deep inside"),
        pytest.param(lambda: 1, id="a function"),
        pytest.param(functools.reduce(lambda inner, _: [inner], range(30), 1), id="too deep"),
        pytest.param("x" * 1_000_001, id="too long"),
        pytest.param([0] * 100_000, id="too many"),
    ],
)
def test_what_has_no_stable_form_is_not_written(value: object) -> None:
    """An object's address is no key, and hostile sizes are cut off."""
    with pytest.raises(NoForm):
        Writer().write(value)


def test_a_list_that_holds_itself_is_not_written() -> None:
    """A circle comes to an end."""
    circle: list[object] = []
    circle.append(circle)

    with pytest.raises(NoForm):
        Writer().write(circle)


def test_a_key_is_the_same_in_every_process() -> None:
    """Keys of a shared cache mean the same in the next process, whatever its seed of hashes."""
    program = (
        "from holdfast.guards.written import Writer\n"
        "print(Writer().write({'b': {3, 1, 'x'}, 'a': frozenset({'p', 'q'})}).hex())"
    )

    told = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }

    assert 1 == len(told)


def key_of(function: object, *args: object, policy: str = "shop", declared: object = None, **kwargs: object) -> str:
    """The key of one call."""
    return KeyMakers(policy, declared).key(function, args, kwargs=kwargs)


def test_the_same_call_has_the_same_key_however_it_is_written() -> None:
    """Defaults and the ways of passing arguments do not matter."""
    ways = {
        key_of(fetch, "ann", "x"),
        key_of(fetch, "ann"),
        key_of(fetch, user="ann"),
        key_of(fetch, "ann", sku="x", fresh=False),
        key_of(functools.partial(fetch, "ann"), "x"),
        key_of(functools.partial(fetch, sku="x"), "ann"),
        key_of(wrapping(fetch), "ann"),
    }

    assert 1 == len(ways)


def test_another_user_policy_or_function_has_another_key() -> None:
    """No input is left out: who asks, what for, under which policy and of which function."""
    keys = [
        key_of(fetch, "ann"),
        key_of(fetch, "bob"),
        key_of(functools.partial(fetch, "cid")),
        key_of(fetch, "ann", fresh=True),
        key_of(fetch, "ann", policy="store"),
        key_of(anything, "ann"),
        key_of(anything, user="ann"),
    ]

    assert len(keys) == len(set(keys))


def test_names_that_run_together_do_not_meet() -> None:
    """A policy's name cannot be written so that its keys are another policy's."""
    assert key_of(fetch, "ann", policy="a:b") != key_of(fetch, "ann", policy="a")
    assert key_of(fetch, "ann", policy="a" * 150) != key_of(fetch, "ann", policy="a" * 151)


def test_an_argument_cannot_be_written_so_that_it_reads_like_two() -> None:
    """Whoever chooses an argument cannot choose another call's key with it."""

    def two(x: str, y: str) -> None:
        """Takes two texts."""

    assert key_of(two, "a)1:y=str(b", "c") != key_of(two, "a", "b)1:y=str(c")
    assert key_of(two, "a)1:y=str#1(1:b", "c") != key_of(two, "a", "b)1:y=str#1(1:c")


def test_a_declared_key_leaves_the_rest_out() -> None:
    """What is not named does not matter, such as whether the caller wants it fresh."""
    assert key_of(fetch, "ann", fresh=True, declared=("user",)) == key_of(fetch, "ann", "y", declared=("user",))
    assert key_of(fetch, "ann", declared=("user",)) != key_of(fetch, "bob", declared=("user",))


def test_a_key_can_be_made_by_a_function() -> None:
    """A function of the same arguments says what tells calls apart."""

    def by_tenant(user: str, sku: str = "x", *, fresh: bool = False) -> str:
        return user.partition("@")[2]

    assert key_of(fetch, "ann@acme", declared=by_tenant) == key_of(fetch, "bob@acme", declared=by_tenant)
    assert key_of(fetch, "ann@acme", declared=by_tenant) != key_of(fetch, "ann@beta", declared=by_tenant)


def test_a_secret_does_not_stand_in_a_key() -> None:
    """Arguments are hashed; only the policy's and the function's names can be read."""
    key = key_of(fetch, "token-4242424242")

    assert "4242" not in key
    assert key.startswith("holdfast:shop:")
    assert len(key) < 512


def test_two_objects_of_a_class_do_not_share_answers() -> None:
    """A bound method and a callable object carry their object along; without a declaration they are refused."""
    for function in (Connection().fetch, Connection()):
        with pytest.raises(Unkeyable, match="self"):
            key_of(function, "x")
        assert key_of(function, "x", declared=("sku",)) != key_of(function, "y", declared=("sku",))


def make_local(user: str) -> object:
    """An inner function that remembers who asked."""

    def inner(sku: str) -> str:
        return f"{user}{sku}"

    return inner


def wrapping(function: object) -> object:
    """A decorator as people write them."""

    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs)

    return wrapper


def test_what_an_inner_function_remembers_is_not_forgotten() -> None:
    """Two inner functions that remember two users would share their keys, so they are refused by name of what they remember."""
    with pytest.raises(BadSettings, match="user"):
        KeyMakers("shop").check(make_local("ann"))
    with pytest.raises(Unkeyable, match="user"):
        key_of(make_local("ann"), "x")
    with pytest.raises(BadSettings, match="lambda"):
        KeyMakers("shop").check(lambda sku: sku)


@wrapping
def first(sku: str) -> str:
    """One of two functions that share a decorator, and with it the decorator's code."""
    return f"first {sku}"


@wrapping
def second(sku: str) -> str:
    """The other one."""
    return f"second {sku}"


def test_two_functions_under_one_decorator_do_not_share_answers() -> None:
    """A decorator's code is the same around each of them; the keys of a policy are not, and neither are those of guarded functions."""
    makers = KeyMakers("shop")
    inner = policy("inner")

    assert makers.key(first, ("x",), kwargs={}) != makers.key(second, ("x",), kwargs={})
    assert makers.key(inner(first), ("x",), kwargs={}) != makers.key(inner(second), ("x",), kwargs={})


def make_default(user: str) -> object:
    """An inner function that keeps who asked as a default."""

    def inner(sku: str, user: str = user) -> str:
        return f"{user}{sku}"

    return inner


def test_two_functions_of_one_code_have_their_own_defaults() -> None:
    """A default is an input like any other, also where a function is made anew with another one."""
    makers = KeyMakers("shop")

    keys = [makers.key(make_default(user), ("x",), kwargs={}) for user in ("ann", "bob", "ann")]

    assert keys[0] == keys[2]
    assert keys[0] != keys[1]


def with_tenant(tenant: str) -> object:
    """A decorator that remembers for whom it is."""

    def decorate(function: object) -> object:
        @functools.wraps(function)
        def wrapper(*args: object) -> object:
            return tenant, function(*args)

        return wrapper

    return decorate


@pytest.mark.parametrize(
    ("function", "name"),
    [
        pytest.param(wrapping(make_local("ann")), "user", id="an inner function under a decorator"),
        pytest.param(policy("inner")(make_local("ann")), "user", id="an inner function that is guarded already"),
        pytest.param(with_tenant("acme")(fetch), "tenant", id="a decorator with settings"),
        pytest.param(wrapping(lambda sku: sku), "lambda", id="a lambda under a decorator"),
    ],
)
def test_a_decorator_does_not_hide_what_is_remembered(function: object, name: str) -> None:
    """What decorators and the functions below them remember would be missing in the key, so it is refused by name."""
    with pytest.raises(BadSettings, match=name):
        KeyMakers("shop").check(function)


def test_a_guarded_function_and_one_that_calls_itself_have_keys() -> None:
    """Neither remembers anything that tells one caller from another."""

    def count(down: int) -> int:
        return count(down - 1) if down else 0

    assert key_of(count, 1) != key_of(count, 2)
    assert key_of(policy("inner")(wrapping(fetch)), "ann") == key_of(fetch, "ann")


class Tenant(Account):
    """A class below a dataclass that is none itself: what it holds is no field."""

    def __init__(self, name: str) -> None:
        super().__init__(id=1)
        object.__setattr__(self, "name", name)


@dataclasses.dataclass
class Session:
    """A dataclass that is given more than its fields."""

    user: dataclasses.InitVar[str]
    id: int = 1

    def __post_init__(self, user: str) -> None:
        self._user = user


def test_what_a_dataclass_holds_beside_its_fields_counts() -> None:
    """Two values are alike only if all that they hold is; a class that adds to a dataclass in its own way has no stable form."""
    assert written(Session("ann")) != written(Session("bob"))
    assert written(Session("ann")) == written(Session("ann"))
    with pytest.raises(NoForm):
        written(Tenant("acme"))


def test_a_text_of_another_class_is_another_value() -> None:
    """A class of texts means something by itself."""

    class Sku(str):
        """A kind of text."""

        __slots__ = ()

    assert written(Sku("x")) != written("x")
    assert written(Sku("x")) == written(Sku("x"))


def test_a_variable_that_is_not_set_yet_is_remembered_all_the_same() -> None:
    """What an inner function will remember later would be missing in the key, too."""

    def inner(sku: str) -> str:
        return f"{sku}{later}"

    with pytest.raises(BadSettings, match="later"):
        KeyMakers("shop").check(inner)
    later = "x"
    assert inner("a") == "ax"


def test_an_empty_set_of_flags_has_a_form() -> None:
    """It has no name, but a value."""
    assert written(Rights(0)) != written(Rights.READ)


def test_a_function_without_parameters_has_one_key() -> None:
    """There is nothing to tell its calls apart, and nothing need."""
    assert key_of(configuration) == key_of(configuration)


def test_functions_in_c_are_told_apart_by_what_they_are_called_with() -> None:
    """A function without a signature has keys of all its arguments; one of an object is refused."""
    assert key_of(json.dumps, 1) != key_of(json.dumps, 2)
    assert key_of(dict.fromkeys, (1,)) != key_of(dict.fromkeys, (2,))
    with pytest.raises(Unkeyable, match="belongs to an object of dict"):
        key_of({}.get, "x")


@pytest.mark.parametrize(
    ("hint", "stable"),
    [
        pytest.param(str, True, id="str"),
        pytest.param(dt.datetime | None, True, id="optional"),
        pytest.param(Union[int, UUID, None], True, id="union"),  # noqa: UP007 - this spelling, too
        pytest.param(int | str, True, id="another union"),
        pytest.param(dict[str, list[Decimal]], True, id="containers"),
        pytest.param(Sequence[str], True, id="abstract"),
        pytest.param(Mapping[str, object], True, id="object"),
        pytest.param(Literal["a", "b"], True, id="literal"),
        pytest.param(Account, True, id="dataclass"),
        pytest.param(Colour, True, id="enumeration"),
        pytest.param(PurePosixPath, True, id="path"),
        pytest.param(type[Account], True, id="a class itself"),
        pytest.param(T, True, id="type variable"),
        pytest.param(Connection, False, id="object without form"),
        pytest.param(list[Connection], False, id="many of them"),
        pytest.param(Connection | None, False, id="or none"),
    ],
)
def test_annotations_tell_early_what_has_no_key(hint: object, stable: bool) -> None:
    """What can never be a key is refused when the function is decorated."""

    def function(value: object) -> None:
        """Takes one value."""

    function.__annotations__ = {"value": hint}

    if stable:
        KeyMakers("shop").check(function)
    else:
        with pytest.raises(BadSettings, match="Connection, which has no stable form"):
            KeyMakers("shop").check(function)


def test_a_declared_name_that_is_no_parameter_is_refused_with_the_names() -> None:
    """A misspelt key would be no key; all problems are told at once."""
    with pytest.raises(BadSettings) as caught:
        KeyMaker("shop", fetch, declared=("usr", "skew"))

    assert ["usr", "skew"] == [problem.path for problem in caught.value.problems]
    assert "user, sku, fresh" in str(caught.value)


def test_arguments_that_do_not_fit_have_no_key() -> None:
    """A call that will fail anyway is not kept, and breaks nothing here."""
    for wrong in ((), ("ann", "x", "too many")):
        with pytest.raises(Unkeyable, match="do not fit"):
            key_of(fetch, *wrong)


def test_annotations_that_cannot_be_read_do_not_matter() -> None:
    """A hint that names what is not there is a stranger's mistake; values are looked at call by call."""

    def function(value: Missing) -> None:  # noqa: F821 - on purpose
        """Takes one value."""

    KeyMakers("shop").check(function)


def test_only_so_many_functions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that makes functions without end does not fill the memory."""
    monkeypatch.setattr("holdfast.guards.keys.MAKERS_MAX", 3)
    makers = KeyMakers("shop")

    for number in range(10):
        place: dict[str, object] = {}
        exec(f"def f{number}(a): return a", place)
        makers.check(place[f"f{number}"])

    assert len(makers._makers) <= 3


def test_operations_are_named_for_people() -> None:
    """The function is named as it is written, through partials and objects."""
    assert operation_of(functools.partial(fetch, "ann")).endswith("test_keys.fetch")
    assert operation_of(Connection()).endswith("Connection.__call__")
    assert "builtins.len" == operation_of(len)
