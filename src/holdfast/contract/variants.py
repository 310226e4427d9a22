"""Unions told apart by one field, as zod's `discriminatedUnion`: the word in that field chooses the only variant that is tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from pydantic_core import CoreSchema, core_schema

from holdfast.contract.checks import TAG_MARK, WIRE, kind_of, refused
from holdfast.contract.model import WireModel

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["OneVariant"]


class OneVariant:
    """Annotation metadata for a union of documents; `field` is the field, named alike in Python and on the wire, that tells them apart."""

    __slots__ = ("field",)

    def __init__(self, field: str) -> None:
        self.field = field

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        variants: dict[str, type[WireModel]] = {}
        for variant in get_args(source):
            (word,) = get_args(variant.model_fields[self.field].annotation)
            variants[word] = variant
        choices = {TAG_MARK + word: handler.generate_schema(variant) for word, variant in variants.items()}
        union = core_schema.tagged_union_schema(choices, self._tag)
        return core_schema.with_info_wrap_validator_function(self._check(tuple(variants)), union)

    def _tag(self, value: object) -> str:
        word = value.get(self.field) if isinstance(value, dict) else getattr(value, self.field)
        return f"{TAG_MARK}{word}"

    def _check(self, words: tuple[str, ...]) -> Callable[..., object]:
        def check(value: object, inner: Callable[[object], object], info: core_schema.ValidationInfo[object]) -> object:
            if isinstance(value, WireModel) and info.context is not WIRE:
                return inner(value)
            if not isinstance(value, dict):
                raise refused(f"must be an object, but is {kind_of(value)}")
            word = value.get(self.field)
            if not isinstance(word, str) or word not in words:
                raise refused(f"must have one of {', '.join(words)} as its {self.field!r}")
            return inner(value)

        return check
