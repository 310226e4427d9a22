"""JSON Schema 2020-12 on `jsonschema`, with the parts replaced that a hostile schema or value could hang.

Patterns run on RE2; `uniqueItems` compares canonical texts instead of every pair; each rule that is tried costs a step, and steps are counted. The
library's own messages are never used: they repeat the value, which may be secret or ten megabytes long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias, cast

from holdfast.errors import BadInput, MissingExtra, Problem
from holdfast.faults.patterns import Pattern, compile_pattern

try:
    import jsonschema
    from jsonschema import exceptions, validators
    from referencing import Registry, exceptions as reference_errors
    from referencing.jsonschema import DRAFT202012
except ImportError as err:
    raise MissingExtra("checking values by a JSON Schema", "durable") from err

__all__ = ["STEPS_MAX", "compile_document"]

STEPS_MAX = 500_000
"""Rules that one check may try; half a second or two. Beyond that the value counts as one that does not fit."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHOWN_MAX = 80
# Where 2020-12 has schemas; "definitions" and "dependencies" are of older versions, and its own rules still know them.
WITH_ONE = frozenset(
    {"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"}
    | {"propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
)
WITH_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
WITH_MAP = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})

Json: TypeAlias = object
Document: TypeAlias = dict[str, object] | bool
Errors: TypeAlias = Iterator[exceptions.ValidationError]
Rule: TypeAlias = Callable[[jsonschema.protocols.Validator, Json, Json, Mapping[str, Json]], Errors | None]


class TooMuch(Exception):
    """A check has used up its steps."""


@dataclass(slots=True)
class Check:
    """One check under way: the steps that are left, and the schema's patterns."""

    left: int
    patterns: Mapping[str, Pattern]

    def pay(self, steps: int = 1) -> None:
        """Count steps."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch


CHECK: ContextVar[Check] = ContextVar("check")


class Terse:
    """What makes the library's messages short: they hold the value's text, however long it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "…"


class TerseObject(Terse, dict[str, object]):
    """An object."""

    __slots__ = ()


class TerseList(Terse, list[object]):
    """A list."""

    __slots__ = ()


class TerseText(Terse, str):
    """A text."""

    __slots__ = ()


def terse(value: object) -> object:
    """Return a value that is shown as three dots."""
    if isinstance(value, dict):
        return TerseObject((key, terse(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return TerseList(terse(inner) for inner in value)
    return TerseText(value) if isinstance(value, str) else value


def compile_document(document: Document) -> Callable[[object], str | None]:
    """Return what finds the first flaw of a value by a schema.

    Raises:
        BadInput: the document is no schema of this kind, refers to something outside itself or to nothing, or has a pattern that RE2 does not take.
    """
    if isinstance(document, dict):
        document = dict(document)
        dialect = document.pop("$schema", DIALECT)
        if not isinstance(dialect, str) or dialect.rstrip("#") != DIALECT:
            raise refused(f"is written for another version of JSON Schema; $schema must be {DIALECT} or left out")
        document.pop("$id", None)
    patterns = patterns_of(document)
    check_rules(document)
    check_references(document)
    validator = BOUNDED(document, registry=Registry())

    def flaw(value: object) -> str | None:
        """Check one value within bounds."""
        token = CHECK.set(Check(STEPS_MAX, patterns))
        try:
            error = next(validator.iter_errors(terse(value)), None)
        except TooMuch:
            return f"cannot be checked in {STEPS_MAX:,} steps: the value or its schema is too large"
        except (RecursionError, ArithmeticError):
            return "cannot be checked: it is nested too deeply, or holds a number beyond all bounds"
        finally:
            CHECK.reset(token)
        return None if error is None else told(error)

    return flaw


def told(error: exceptions.ValidationError) -> str:
    """Return a flaw in words: the place and the rule."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    where = f"at {shortened(place.removeprefix('.'))} " if place else ""
    if cast("str | None", error.validator) is None:  # so the library says `false`
        return f"{where}is not allowed to be there"
    rule = json.dumps(error.validator_value, ensure_ascii=False, default=str)
    return f"{where}breaks the rule {error.validator}: {shortened(rule)}"


def shortened(text: str) -> str:
    """Return a text as it may stand in a message."""
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"


def parts_of(document: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield every schema inside a schema with its place, the outermost first: what stands where the rules of 2020-12 want a schema.

    Names are no rules: a property may be called `default` or `enum`. What is only compared with, or stands under an unknown word, is no schema.
    """
    left: list[tuple[str, object]] = [("", document)]
    while left:
        place, value = left.pop()
        if not isinstance(value, dict):
            continue
        yield place, value
        for word, inner in value.items():
            if word in WITH_ONE:
                left.append((f"{place}/{word}", inner))
            elif word in WITH_LIST and isinstance(inner, list):
                left.extend((f"{place}/{word}/{index}", one) for index, one in enumerate(inner))
            elif word in WITH_MAP and isinstance(inner, dict):
                left.extend((f"{place}/{word}/{name}", one) for name, one in inner.items())


def patterns_of(document: object) -> dict[str, Pattern]:
    """Compile every pattern of a schema, having refused what would lead out of it or around RE2."""
    found: dict[str, Pattern] = {}
    has_open_end = False
    for place, part in parts_of(document):
        texts = [part["pattern"]] if isinstance(part.get("pattern"), str) else []
        keyed = part.get("patternProperties")
        texts += list(keyed) if isinstance(keyed, dict) else []
        for text in texts:
            try:
                found[str(text)] = compile_pattern(str(text), source="", path="")
            except BadInput as err:
                raise refused(f"at {place or '/'}: {err.problems[0].message}") from None
        for word in ("$id", "$schema", "$vocabulary"):
            if isinstance(part.get(word), str):
                raise refused(f"at {place or '/'}: {word} inside a schema is not supported. Leave it out.")
        for word in ("$ref", "$dynamicRef"):
            target = part.get(word)
            if isinstance(target, str) and not target.startswith("#"):
                raise refused(
                    f"at {place or '/'}: {word} {shortened(target)!r} leads out of the schema, and nothing is fetched. Put it under $defs."
                )
        has_open_end = has_open_end or "unevaluatedProperties" in part
        if has_open_end and any("patternProperties" in other for _, other in parts_of(document)):
            raise refused("has unevaluatedProperties and patternProperties, which cannot be bounded together")
    return found


def check_rules(document: Document) -> None:
    """Refuse what is no schema."""
    rules = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA, registry=Registry())
    error = next(rules.iter_errors(document), None)
    if error is not None:
        place = "/" + "/".join(str(part) for part in error.absolute_path)
        raise refused(f"is no JSON Schema: {shortened(place)} breaks the rule {error.validator} of 2020-12")


def check_references(document: Document) -> None:
    """Refuse references that lead nowhere, or to a value that nobody has checked as a schema."""
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(cast("Mapping[str, object]", document)))
    schemas = {id(part) for _, part in parts_of(document)}
    for place, part in parts_of(document):
        for word in ("$ref", "$dynamicRef"):
            target = part.get(word)
            if not isinstance(target, str):
                continue
            try:
                found = resolver.lookup(target).contents
            except (reference_errors.Unresolvable, ValueError, TypeError, KeyError):
                raise refused(f"at {place or '/'}: {word} {shortened(target)!r} leads nowhere") from None
            if not isinstance(found, bool) and id(found) not in schemas:
                raise refused(
                    f"at {place or '/'}: {word} {shortened(target)!r} leads to something that is no schema. Put it under $defs."
                )


def refused(why: str) -> BadInput:
    """Return the refusal of a schema."""
    return BadInput([Problem(source="", path="", message=why)])


def counted(rule: Rule) -> Rule:
    """Return a rule that costs a step."""

    def step(
        validator: jsonschema.protocols.Validator, expected: Json, value: Json, schema: Mapping[str, Json]
    ) -> Errors | None:
        """Pay, and let the rule look."""
        CHECK.get().pay()
        return rule(validator, expected, value, schema)

    return step


def pattern_rule(_: object, expected: Json, value: Json, __: object) -> Errors:
    """`pattern`, on RE2."""
    if isinstance(value, str):
        check = CHECK.get()
        check.pay(1 + len(value) // 1000)
        if not check.patterns[str(expected)].is_in(str(value)):
            yield exceptions.ValidationError("pattern")


def pattern_properties_rule(
    validator: jsonschema.protocols.Validator, expected: Json, value: Json, _: object
) -> Errors:
    """`patternProperties`, on RE2."""
    if not isinstance(value, dict) or not isinstance(expected, dict):
        return
    check = CHECK.get()
    for text, inner in expected.items():
        for key, one in value.items():
            check.pay()
            if check.patterns[text].is_in(key):
                yield from validator.descend(one, inner, path=key, schema_path=text)  # type: ignore[attr-defined]  # every validator has it


def additional_properties_rule(
    validator: jsonschema.protocols.Validator, expected: Json, value: Json, schema: Mapping[str, Json]
) -> Errors:
    """`additionalProperties`, on RE2."""
    if not isinstance(value, dict):
        return
    check = CHECK.get()
    named = cast("Mapping[str, Json]", schema.get("properties", {}))
    patterns = [check.patterns[text] for text in cast("Mapping[str, Json]", schema.get("patternProperties", {}))]
    for key, one in value.items():
        check.pay(1 + len(patterns))
        if key in named or any(pattern.is_in(key) for pattern in patterns):
            continue
        if expected is False:
            yield exceptions.ValidationError("additionalProperties")
        else:
            yield from validator.descend(one, expected, path=key)  # type: ignore[attr-defined]  # as above


def unique_items_rule(_: object, expected: Json, value: Json, __: object) -> Errors:
    """`uniqueItems`, by canonical texts: in the order of size, not of its square."""
    if expected is not True or not isinstance(value, list):
        return
    CHECK.get().pay(len(value))
    texts = [json.dumps(canonical(one), sort_keys=True) for one in value]
    if len(set(texts)) < len(texts):
        yield exceptions.ValidationError("uniqueItems")


def canonical(value: object) -> object:
    """Return a value in which numbers that are equal look the same: 1 and 1.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: canonical(inner) for key, inner in value.items()}
    return [canonical(inner) for inner in value] if isinstance(value, list) else value


def ignored(_: object, __: Json, ___: Json, ____: object) -> Errors:
    """`format` describes only, as the standard has it by default."""
    yield from ()


REPLACED: dict[str, Rule] = {
    "pattern": pattern_rule,
    "patternProperties": pattern_properties_rule,
    "additionalProperties": additional_properties_rule,
    "uniqueItems": unique_items_rule,
    "format": ignored,
}
RULES = {**jsonschema.Draft202012Validator.VALIDATORS, **REPLACED}
BOUNDED = validators.extend(  # type: ignore[no-untyped-call]  # the stubs leave it out
    jsonschema.Draft202012Validator, {name: counted(rule) for name, rule in RULES.items()}
)
