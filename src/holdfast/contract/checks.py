"""How a single value is checked: the few building blocks every field of the contract is made of.

The checks follow the JavaScript meaning of spec 000 (zod 3.25, functions of the `v3` interface): a boolean is never a number, `1.0` is a
whole number, `NaN` is not a number, an absent field is fine where it is optional but `null` is not. They say what is wrong in plain words
and never repeat a string they were given, which could be a secret. They do not know any document.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar, get_args

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from holdfast.contract.json_text import json_flaw

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = [
    "TAG_MARK",
    "WIRE",
    "Check",
    "Flag",
    "Json",
    "JsonObject",
    "Literally",
    "Maybe",
    "Number",
    "Record",
    "RecordBy",
    "Text",
    "Whole",
    "Word",
    "as_text",
    "kind_of",
    "number_check",
    "refused",
    "text_check",
]

K = TypeVar("K")
T = TypeVar("T")

WIRE: Final = object()
"""Validation context of wire data: nulls are refused and only JSON types are known. Without it, Python values come from our own code."""

TAG_MARK: Final = "\0variant:"
"""Begins the names of union variants inside error locations, so that paths can leave them out."""

_SAFE_DIGITS_BELOW: Final = 1e21
"""JavaScript writes whole numbers below 1e21 digit by digit and larger ones with an exponent; so do we."""


def refused(why: str) -> PydanticCustomError:
    """The exception that refuses a value; `why` continues the sentence "<path>: …"."""
    return PydanticCustomError("refused", "{why}", {"why": why})


def kind_of(value: object) -> str:
    """What a value is, in JSON's words and with an article; used in messages in the place of the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "an array"
        case _:
            return f"a Python {type(value).__name__}"


class Check:
    """Annotation metadata: values go through `read`, and `schema` describes them in JSON Schema.

    `read_own` is for values from our own code, where those may have a richer type than JSON has.
    """

    __slots__ = ("read", "read_own", "schema")

    def __init__(
        self,
        read: Callable[[object], object],
        schema: Mapping[str, object],
        *,
        read_own: Callable[[object], object] | None = None,
    ) -> None:
        self.read = read
        self.schema = schema
        self.read_own = read_own or read

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        read, read_own = self.read, self.read_own
        if read is read_own:
            return core_schema.no_info_plain_validator_function(read)

        def check(value: object, info: core_schema.ValidationInfo[object]) -> object:
            return read(value) if info.context is WIRE else read_own(value)

        return core_schema.with_info_plain_validator_function(check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(self.schema)


def as_text(value: object) -> str:
    """The string, exactly as given (half surrogate pairs included), or a refusal."""
    if not isinstance(value, str):
        raise refused(f"must be a string, but is {kind_of(value)}")
    return value if type(value) is str else str(value)


def text_check(is_good: Callable[[str], bool], why: str, **schema: object) -> Check:
    """A check for strings of one form; `why` completes "must be …" when `is_good` says no."""

    def read(value: object) -> str:
        text = as_text(value)
        if not is_good(text):
            raise refused(f"must be {why}")
        return text

    return Check(read, {"type": "string", **schema})


def as_number(value: object) -> int | float:
    """The number as a double would hold it: whole ones as `int`, no negative zero, and infinite beyond the range of doubles."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(f"must be a number, but is {kind_of(value)}")
    try:
        double = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    if math.isnan(double):
        raise refused("must be a number, but is NaN")
    return int(double) if double.is_integer() and abs(double) < _SAFE_DIGITS_BELOW else double


def number_check(
    *, whole: bool, least: int | None = None, most: int | None = None, above: int | None = None, description: str = ""
) -> Check:
    """A check for numbers: `least` and `most` belong to the range, `above` does not; `whole` ones are read as `int`, however large."""

    def read(value: object) -> int | float:
        number = as_number(value)
        if whole and not (math.isfinite(number) and float(number).is_integer()):
            raise refused(f"must be a whole number, but is {float(number)!r}")
        if least is not None and number < least:
            raise refused(f"must be at least {least}, but is {number!r}")
        if above is not None and number <= above:
            raise refused(f"must be greater than {above}, but is {number!r}")
        if most is not None and number > most:
            raise refused(f"must be at most {most}, but is {number!r}")
        return int(number) if whole else number

    bounds = {"minimum": least, "exclusiveMinimum": above, "maximum": most}
    schema: dict[str, object] = {"type": "integer" if whole else "number"}
    schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    return Check(read, schema | ({"description": description} if description else {}))


class _OneOf:
    """Annotation metadata for closed lists of words: a `StrEnum` (read as its members) or a `Literal` of strings (read as strings)."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        words = _words(source)

        def check(value: object) -> object:
            text = as_text(value)
            if text not in words:
                expected = ", ".join(words) if len(words) > 1 else f"exactly {next(iter(words))!r}"
                raise refused(f"must be {'one of ' if len(words) > 1 else ''}{expected}{_nearest(text, words)}")
            return words[text]

        return core_schema.no_info_plain_validator_function(check, metadata={"words": tuple(words)})

    def __get_pydantic_json_schema__(self, schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        words: list[str] = list(schema["metadata"]["words"])
        return {"type": "string", "enum": words} if len(words) > 1 else {"type": "string", "const": words[0]}


class _Optional:
    """Annotation metadata: the field may be absent (None in Python) but never null on the wire."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        present = (
            next(kind for kind in get_args(source) if kind is not type(None)) if _is_plain_pair(source) else source
        )

        def check(value: object, inner: Callable[[object], object], info: core_schema.ValidationInfo[object]) -> object:
            if value is None and info.context is not WIRE:
                return None
            return inner(value)

        return core_schema.with_info_wrap_validator_function(check, handler.generate_schema(present))


class _RecordOf:
    """Annotation metadata for objects with free keys; a key `__proto__` is checked and then dropped, as zod does."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        key, value = get_args(source)
        record = core_schema.dict_schema(handler.generate_schema(key), handler.generate_schema(value))
        return core_schema.no_info_after_validator_function(_without_proto, record)


def _without_proto(record: dict[object, object]) -> dict[object, object]:
    record.pop("__proto__", None)
    return record


def _is_plain_pair(source: object) -> bool:
    return type(None) in get_args(source) and len(get_args(source)) == 2


def _words(source: object) -> dict[str, object]:
    if isinstance(source, type) and issubclass(source, Enum):
        return {str(member.value): member for member in source}
    return {str(word): word for word in get_args(source)}


def _nearest(text: str, words: Mapping[str, object]) -> str:
    if len(text) > 2 * max(map(len, words)):
        return ""
    from difflib import get_close_matches  # noqa: PLC0415 # only a refusal needs it

    near = get_close_matches(text.lower(), list(words), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise refused(f"must be true or false, but is {kind_of(value)}")
    return value


def _read_json(value: object) -> object:
    if flaw := json_flaw(value):
        raise refused(f"must be JSON, but {flaw}")
    return value


def _read_json_object(value: object) -> object:
    if not isinstance(value, Mapping):
        raise refused(f"must be an object, but is {kind_of(value)}")
    return _read_json(value)


def _read_literal(value: object) -> str | int | float | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return as_text(value)
    if not isinstance(value, int | float):
        raise refused(f"must be a string, a number or a boolean, but is {kind_of(value)}")
    return as_number(value)


Text = Annotated[str, Check(as_text, {"type": "string"})]
"""Any string, the empty one too."""

Flag = Annotated[bool, Check(_read_flag, {"type": "boolean"})]
"""true or false; no number or word stands for them."""

Number = Annotated[int | float, number_check(whole=False)]
"""Any number a double can hold; whole ones are `int` in Python."""

Whole = Annotated[int, number_check(whole=True)]
"""A whole number; `1.0` is one."""

Literally = Annotated[
    str | int | float | bool,
    Check(_read_literal, {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}),
]
"""A string, a number or a boolean."""

Json = Annotated[object, Check(_read_json, {})]
"""Any JSON value, taken as it is."""

JsonObject = Annotated[Mapping[str, object], Check(_read_json_object, {"type": "object"})]
"""Any JSON object, taken as it is."""

Maybe = Annotated[T | None, _Optional()]
"""A field that may be left out. Absent is None in Python and is never written; null on the wire is refused."""

Word = Annotated[T, _OneOf()]
"""One word of a closed list: `Word[SomeStrEnum]` or `Word[Literal["a", "b"]]`."""

Record = Annotated[Mapping[Text, T], _RecordOf()]
"""An object with free keys and values of one type."""

RecordBy = Annotated[Mapping[Annotated[K, _OneOf()], T], _RecordOf()]
"""An object whose keys are words of a closed list (`RecordBy[SomeStrEnum, …]`), any number of them."""
