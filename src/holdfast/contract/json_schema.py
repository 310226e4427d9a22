"""The contract as JSON Schema 2020-12, for peers in other languages; `holdfast contract export` writes these documents.

A schema says the shapes, words, ranges and patterns. Two things it cannot say exactly: what a URL is (left to a description) and that a
time has to exist in the calendar (`format: date-time`). Unknown keys are allowed, as everywhere in the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from holdfast.contract.model import adapter_of

if TYPE_CHECKING:
    from pydantic_core import core_schema

__all__ = ["WireSchema", "schemas_of"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas_of(types: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """One self-contained JSON Schema document for each type, by its name, as a reader of the wire sees it."""
    return {name: _schema_of(name, kind) for name, kind in types.items()}


def _schema_of(name: str, kind: object) -> dict[str, object]:
    schema = adapter_of(kind).json_schema(by_alias=True, mode="validation", schema_generator=WireSchema)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and kind.__doc__:
        schema = {"description": kind.__doc__.partition("\n")[0], **schema}
    return {"$schema": _DIALECT, "title": name, **{key: value for key, value in schema.items() if key != "title"}}


class WireSchema(GenerateJsonSchema):
    """pydantic's generator, but for the wire: absent is absent, never null, and no titles made of field names."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out the default of what may be absent."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 # the name is pydantic's
        """Whether a field gets a title: never."""
        return False
