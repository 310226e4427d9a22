"""The root of every wire document: how it is read from JSON, refused, and written again.

A document is a frozen pydantic model with snake_case names in Python and camelCase names on the wire. Reading follows zod 3.25 (see
`holdfast.contract.checks`): unknown keys are dropped, never refused. Writing is such that zod accepts it: no null, times in UTC with `Z`.
Fields hold tuples for arrays and plain dictionaries, typed read-only, for objects with free keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from holdfast.contract.checks import WIRE, Word
from holdfast.contract.json_text import finite_or_beyond, read_json, write_json
from holdfast.contract.problems import problems_of
from holdfast.contract.times import instant_text
from holdfast.errors import BadInput

__all__ = ["WireModel", "adapter_of", "parse", "parse_json", "to_wire"]


def camel(name: str) -> str:
    """The wire name of a Python field: `retry_after` is `retryAfter`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


class WireModel(BaseModel):
    """One JSON object of the contract; immutable, compared by value, read with `from_wire` or `from_json`.

    The constructor takes Python names and Python values (times must carry a time zone); it raises pydantic's `ValidationError`, because a
    bad argument in our own code is a programming error. Data of others goes through `from_wire`, which raises `BadInput`.
    """

    model_config = ConfigDict(
        alias_generator=camel,
        validate_by_name=True,
        validate_by_alias=False,
        frozen=True,
        extra="ignore",
        defer_build=True,
    )

    @classmethod
    def from_wire(cls, obj: object, *, source: str = "") -> Self:
        """Read a parsed JSON value.

        Args:
            obj: what a JSON parser returned; anything but an object is refused.
            source: the file or argument it came from, for the messages.

        Raises:
            BadInput: the value does not fit; every misfit is listed with its path, such as `actions[2].inputs.amount`.
        """
        try:
            return cls.model_validate(obj, by_alias=True, by_name=False, context=WIRE)
        except ValidationError as err:
            raise BadInput(problems_of(err, source=source)) from None

    @classmethod
    def from_json(cls, text: str | bytes | bytearray, *, source: str = "") -> Self:
        """Read JSON text, as `JSON.parse` would (the last of two equal keys counts; `NaN` is refused).

        Raises:
            BadInput: the text is not JSON (with line and column), is nested too deeply, or does not fit.
        """
        return cls.from_wire(read_json(text, source=source), source=source)

    def to_wire(self) -> dict[str, object]:
        """The document as JSON values: camelCase, absent fields left out, times in UTC with `Z`. A fresh object on each call."""
        return {
            field.serialization_alias or name: to_wire(value)
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) is not None
        }

    def to_json(self) -> str:
        """The document as JSON text on one line; keys in the order of the contract."""
        return write_json(self.to_wire())


def to_wire(value: object) -> object:
    """Any value of the contract (a document, a time, a category, a record …) as JSON values; JSON values stay what they are.

    An infinite number, which only an over-long literal can produce, is written as a literal that is read as infinite again.
    """
    match value:
        case WireModel():
            return value.to_wire()
        case StrEnum():
            return value.value
        case datetime():
            return instant_text(value)
        case float():
            return finite_or_beyond(value)
        case tuple():
            return [to_wire(item) for item in value]
        case dict():
            return {key: to_wire(item) for key, item in value.items()}
        case Mapping():
            return {key: to_wire(item) for key, item in value.items()}
        case _:
            return value


def parse(schema: object, obj: object, *, source: str = "") -> object:
    """Read a parsed JSON value by any schema of the contract, the ones that are not objects included (`URL`, `Authentication` …).

    Args:
        schema: a type exported by `holdfast.contract`.
        obj: what a JSON parser returned.
        source: the file or argument it came from, for the messages.

    Returns:
        The value in Python's form: a string, a number, an aware `datetime`, an `ErrorCategory` or a document.

    Raises:
        BadInput: the value does not fit; every misfit is listed.
    """
    try:
        return _adapter(schema).validate_python(obj, by_alias=True, by_name=False, context=WIRE)
    except ValidationError as err:
        raise BadInput(problems_of(err, source=source)) from None


def adapter_of(schema: object) -> TypeAdapter[object]:
    """pydantic's adapter for a type of the contract; a `StrEnum` by itself is read as `Word` does it in a field."""
    kind: Any = schema  # types are handed around as values here, which the type system has no word for yet
    return TypeAdapter(Word[kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else kind)


def parse_json(schema: object, text: str | bytes | bytearray, *, source: str = "") -> object:
    """Read JSON text by any schema of the contract; the union of `parse` and `WireModel.from_json`.

    Raises:
        BadInput: the text is not JSON, is nested too deeply, or does not fit.
    """
    return parse(schema, read_json(text, source=source), source=source)


@lru_cache(maxsize=256)
def _adapter(schema: object) -> TypeAdapter[object]:
    return adapter_of(schema)
