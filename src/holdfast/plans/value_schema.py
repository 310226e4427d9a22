"""What an input or an output must be: a JSON type word, or the text of a JSON Schema (2020-12); with `?` at its end it may be missing.

`string`, `integer?`, `{"type": "array", "items": {"type": "string"}}`. Others wrote the schema and others sent the value, so both are bounded: a
schema's text, depth and number of parts; the steps that one check may take, whatever its references go round in; and patterns run on RE2, in linear
time. Nothing is ever fetched. What is found names the place and the rule, never the value, which may be secret.

Words are looked at here; texts are handed to `jsonschema`, which is imported when the first one is used.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.errors import BadInput, Problem
from holdfast.plans.references import MISSING

__all__ = ["SCHEMA_MAX_CHARS", "WORDS", "Schemas", "ValueSchema", "compile_schemas", "flaws", "schema_of"]

SCHEMA_MAX_CHARS = 65_536
DEPTH_MAX = 50
PARTS_MAX = 2_000
"""Values in one schema; checking one against the rules for schemas takes a second at most."""
CACHED_MAX = 256


def is_integer(value: object) -> bool:
    """Whether a value is a whole number, as JSON sees it: 1.0 is one."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


WORDS: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": is_integer,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list | tuple),
    "null": lambda value: value is None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSchema:
    """What one value must be. `flaw` returns what is wrong with a value that is there; None when nothing is."""

    text: str
    is_optional: bool
    flaw: Callable[[object], str | None]


Schemas = Mapping[str, ValueSchema]
"""What several values must be, by name."""


def flaws(values: Mapping[str, object], schemas: Schemas) -> list[tuple[str, str]]:
    """Return what is wrong with values: name and message. `MISSING` and absent are the same; names without a schema may be anything."""
    found: list[tuple[str, str]] = []
    for name, schema in schemas.items():
        value = values.get(name, MISSING)
        if value is MISSING:
            if not schema.is_optional:
                found.append((name, "is missing"))
        elif value is not None or not schema.is_optional:
            flaw = schema.flaw(value)
            if flaw is not None:
                found.append((name, flaw))
    return found


def compile_schemas(texts: Mapping[str, str]) -> Schemas:
    """Return the compiled form of schemas that were checked before.

    Raises:
        BadInput: one of them is none.
        MissingExtra: one is a JSON Schema, and what reads those is not installed.
    """
    return {name: schema_of(text) for name, text in texts.items()}


@functools.lru_cache(maxsize=CACHED_MAX)
def schema_of(text: str) -> ValueSchema:
    """Return what a word or the text of a JSON Schema says. The same text is compiled once.

    Raises:
        BadInput: it is neither; one problem, with the reason.
        MissingExtra: it is a JSON Schema, and what reads those is not installed.
    """
    whole = text.strip()
    is_optional = whole.endswith("?")
    wanted = whole.removesuffix("?").strip()
    matches = WORDS.get(wanted)
    if matches is not None:
        return ValueSchema(text=text, is_optional=is_optional, flaw=word_flaw(wanted, matches))
    document = parsed(wanted)
    # The library costs a tenth of a second to import, which plans without such schemas should not pay.
    from holdfast.plans.json_schema import compile_document  # noqa: PLC0415

    return ValueSchema(text=text, is_optional=is_optional, flaw=compile_document(document))


def word_flaw(word: str, matches: Callable[[object], bool]) -> Callable[[object], str | None]:
    """Return what tells a value that is not of a type."""

    def flaw(value: object) -> str | None:
        """Compare the type."""
        return None if matches(value) else f"must be {article(word)}, not {article(type_word(value))}"

    return flaw


def article(word: str) -> str:
    """Return a type word as it stands in a sentence."""
    if word == "null":
        return word
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def type_word(value: object) -> str:
    """Return the type word that fits a value best."""
    return next((word for word, matches in WORDS.items() if matches(value)), type(value).__name__)


def parsed(text: str) -> dict[str, object] | bool:
    """Return the document of a JSON Schema, having bounded it."""
    if len(text) > SCHEMA_MAX_CHARS:
        raise refused(f"has {len(text):,} characters; the limit is {SCHEMA_MAX_CHARS:,}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        words = ", ".join(WORDS)
        shown = text if len(text) <= 40 else text[:40] + "…"
        raise refused(
            f"{shown!r} is no type word ({words}; with ? at the end it may be missing) and no JSON Schema"
        ) from None
    if not isinstance(document, dict | bool):
        raise refused("is JSON, but no JSON Schema: that is an object, true or false")
    level: list[object] = [document]
    count = 0
    for _ in range(DEPTH_MAX):
        count += len(level)
        if count > PARTS_MAX:
            raise refused(f"has more than {PARTS_MAX:,} parts. Write a simpler schema.")
        level = [inner for value in level for inner in inside(value)]
        if not level:
            return document
    raise refused(f"is nested deeper than {DEPTH_MAX} levels. Write a simpler schema.")


def inside(value: object) -> list[object]:
    """Return what a value holds."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def refused(why: str) -> BadInput:
    """Return the refusal of a schema."""
    return BadInput([Problem(source="", path="", message=why)])
