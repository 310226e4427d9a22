"""What can be handed over is told at decoration: by where a function stands, by its parameters and by their types."""

from __future__ import annotations

import decimal
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, TypedDict, TypeVar

import pytest
from hypothesis import given, strategies as st

from holdfast.guards.handable import flaws_of, is_same_function, sent_by_name


class Customer(TypedDict):
    """A JSON object with known members."""

    name: str


class Colour(enum.StrEnum):
    """A text."""

    RED = "red"


class Named(Protocol):
    """Something with a name, which a plain value may be."""

    def upper(self) -> str:
        """Return it in capitals."""


class Session:
    """Something that lives in a process."""

    def create(self, name: str) -> str:
        """A method."""
        return name


def plain(name: str, count: int = 1, *, rate: float = 0.5, note: str | None = None, **more: object) -> None:
    """Everything JSON carries."""


def nested(
    *,
    rows: list[dict[str, int | None]],
    tags: Sequence[str],
    by: Mapping[str, Any],
    kind: Literal["a", "b"],
    colour: Colour,
    customer: Customer,
    thing: Named,
    marked: Annotated[str, "meaning"],
    pair: tuple[int, ...],
    whatever: object,
) -> None:
    """JSON inside JSON."""


def untold(name, unknown: Unheard) -> None:  # type: ignore[no-untyped-def, name-defined]  # noqa: F821 - what is tested
    """No types, or one that only a type checker knows."""


def half_told(data: bytes, marked: Annotated[str, "meaning"], unknown: Unheard) -> None:  # type: ignore[name-defined]  # noqa: F821 - what is tested
    """One type that cannot be read, beside one that can."""


half_told.__annotations__ |= {"data": bytes, "marked": Annotated[str, "meaning"]}


T = TypeVar("T")


def generic(value: T, values: list[T]) -> T:
    """Whatever it is."""
    return value


def raw(data: bytes) -> None:
    """Bytes."""


def money(amount: decimal.Decimal | None) -> None:
    """One of two types cannot rest."""


def deep(sessions: dict[str, list[Session]]) -> None:
    """An object inside JSON."""


def many(*names: str) -> None:
    """Arguments without names."""


def nameless(name: str, /) -> None:
    """A parameter that no keyword reaches."""


def preset(at: object = object()) -> None:
    """A default that cannot rest."""


def endless() -> Iterator[int]:
    """No single result."""
    yield 1


def login(user: str, password: str) -> None:
    """A secret among the arguments."""


def page(page_token: str, sort_key: str, idempotency_key: str) -> None:
    """Names that only sound like secrets."""


@pytest.mark.parametrize("function", [plain, nested, untold, page, generic], ids=lambda function: function.__name__)
def test_what_json_carries_can_be_handed_over(function: Callable[..., object]) -> None:
    """Plain values, nested ones and types that nobody can tell are fine."""
    assert [] == flaws_of(function)


@pytest.mark.parametrize(
    ("function", "path", "words"),
    [
        (raw, "data", "is a bytes"),
        (half_told, "data", "is a bytes"),
        (money, "amount", "Decimal"),
        (deep, "sessions", "Session"),
        (many, "names", "given by keyword"),
        (nameless, "name", "given by keyword"),
        (preset, "at", "default value"),
        (endless, "", "no single result"),
        (login, "password", "looks like a secret"),
        (Session.create, "", "is a method"),
        (lambda name: name, "", "inside another function"),
    ],
    ids=[
        *("bytes", "bytes beside the unknown", "a union", "an object inside", "any number", "positional only"),
        *("a default", "a generator", "a secret", "a method", "a lambda"),
    ],
)
def test_what_cannot_rest_is_refused_with_the_reason(function: Callable[..., object], path: str, words: str) -> None:
    """Each way of being no function for a worker is told, with the parameter it is about."""
    (flaw,) = flaws_of(function)

    assert path == flaw[0]
    assert words in flaw[1]


def test_a_local_function_is_fine_where_it_is_an_action_already() -> None:
    """What is registered in this process by hand need not be importable: its author has seen to it."""

    def local(name: str) -> str:
        return name

    assert 1 == len(flaws_of(local))
    assert [] == flaws_of(local, is_action=True)


def test_all_flaws_are_told_at_once() -> None:
    """Nobody mends one thing to be told the next."""

    def worst(*data: bytes, token: str) -> None:
        """Four things wrong."""

    assert ["", "data", "data", "token"] == sorted(path for path, _ in flaws_of(worst))


def test_a_type_without_end_is_not_followed() -> None:
    """A type nested without measure costs no more than a bounded look."""
    hint: Any = str
    for _ in range(200):
        hint = list[hint]

    def bottomless(value: object) -> None:
        """A parameter with a deep type."""

    bottomless.__annotations__["value"] = hint

    assert [] == flaws_of(bottomless, is_action=True)


NAMES = st.sampled_from(["count", "rate", "note", "extra", "other"])


@given(st.booleans(), st.dictionaries(NAMES, st.integers()))
def test_a_call_by_name_is_the_call_that_was_made(by_position: bool, kwargs: dict[str, int]) -> None:
    """Whatever was given by position or by keyword, calling with the names gives the function the same."""

    def echo(name: str, count: int = 1, *, rate: int = 5, note: int | None = None, **more: int) -> object:
        """Say what arrived."""
        return (name, count, rate, note, more)

    args = ("Ada",) if by_position else ()
    kwargs_whole: dict[str, object] = {**kwargs} if by_position else {**kwargs, "name": "Ada"}

    assert echo(*args, **kwargs_whole) == echo(**sent_by_name(echo, args, kwargs_whole))  # type: ignore[arg-type]  # whatever was drawn


def test_a_reloaded_function_is_the_same_and_another_one_is_not() -> None:
    """A module read again makes new objects of its functions; two functions of different names are two."""
    again = type(plain)(plain.__code__, plain.__globals__, "plain")
    again.__qualname__, again.__module__ = plain.__qualname__, plain.__module__

    assert is_same_function(plain, plain)
    assert is_same_function(plain, again)
    assert not is_same_function(plain, raw)
    assert not is_same_function(lambda: 1, lambda: 2)
