"""What inputs and outputs must be: type words, JSON Schemas, and schemas and values that somebody wrote to do harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadInput
from holdfast.plans.references import MISSING
from holdfast.plans.value_schema import WORDS, compile_schemas, flaws, schema_of

VALUES = {
    "string": ["", "x"],
    "integer": [0, -3, 10**400, 2.0],
    "number": [-1.5, 1.5],
    "boolean": [True, False],
    "object": [{}, {"a": 1}],
    "array": [[], [1]],
    "null": [None],
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_takes_its_type_and_no_other(word: str) -> None:
    """A value of the type fits; one of another type is told what it should be. A whole number is a number, too."""
    schema = schema_of(word)
    fitting = {"number": ("number", "integer")}.get(word, (word,))

    assert [None] * sum(len(VALUES[one]) for one in fitting) == [schema.flaw(v) for one in fitting for v in VALUES[one]]
    for other in VALUES.keys() - set(fitting):
        assert all("must be" in (schema.flaw(value) or "") for value in VALUES[other]), other


@pytest.mark.parametrize(
    ("text", "value", "fits"),
    [
        ("string", MISSING, False),
        ("string?", MISSING, True),
        ("string?", None, True),
        ("string", None, False),
        ("string?", 5, False),
        ('{"type": "string"}?', MISSING, True),
        ('{"type": "string"}', MISSING, False),
        ("true", MISSING, False),
        ("true?", 5, True),
        ("false", 5, False),
    ],
)
def test_only_what_is_optional_may_be_missing(text: str, value: object, fits: bool) -> None:
    """Absent, or null, is right where a question mark says so; otherwise a value has to be there."""
    assert fits is (flaws({"x": value}, compile_schemas({"x": text})) == [])
    if value is MISSING:
        assert fits is (flaws({}, compile_schemas({"x": text})) == [])


@pytest.mark.parametrize(
    ("schema", "good", "bad", "told"),
    [
        ({"minimum": 3}, 3, 2, "breaks the rule minimum: 3"),
        ({"enum": ["a", "b"]}, "a", "secret", 'breaks the rule enum: ["a", "b"]'),
        ({"type": "string", "pattern": "^a+$"}, "aaa", "secret", 'breaks the rule pattern: "^a+$"'),
        ({"items": {"type": "integer"}}, [1], [1, "secret"], 'at [1] breaks the rule type: "integer"'),
        (
            {"properties": {"a": {"properties": {"b": {"const": 1}}}}},
            {"a": {"b": 1}},
            {"a": {"b": "secret"}},
            "at a.b breaks the rule const: 1",
        ),
        ({"required": ["id"]}, {"id": 1}, {"secret": 1}, 'breaks the rule required: ["id"]'),
        ({"uniqueItems": True}, [1, True, {"a": 1}], [{"a": 1}, {"a": 1.0}], "breaks the rule uniqueItems: true"),
        ({"patternProperties": {"^x": {"type": "null"}}}, {"y": 1}, {"x": "secret"}, 'at x breaks the rule type: "null"'),
        (
            {"properties": {"a": True}, "patternProperties": {"^x": True}, "additionalProperties": False},
            {"a": 1, "x1": 1},
            {"secret": 1},
            "breaks the rule additionalProperties: false",
        ),
        ({"patternProperties": {"^x\\z": True}, "additionalProperties": False}, {"x": 1}, {"s": 1}, "breaks the rule additionalProperties: false"),
        ({"additionalProperties": {"type": "string"}}, {"a": "x"}, {"a": 1}, 'at a breaks the rule type: "string"'),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 1, "secret", 'breaks the rule type: "integer"'),
        ({"anyOf": [{"type": "null"}, {"minLength": 9}]}, None, "secret", 'breaks the rule anyOf: [{"type": "null"}, {"minLength": 9}]'),
        ({"format": "email"}, "no address", None, None),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://x.io", "type": "null"}, None, 1, 'breaks the rule type: "null"'),
    ],
)  # fmt: skip
def test_a_schema_tells_place_and_rule_and_never_the_value(
    schema: dict[str, object], good: object, bad: object, told: str | None
) -> None:
    """What fits passes; what does not is told by its place and the rule, without repeating what was there."""
    compiled = schema_of(json.dumps(schema))

    assert compiled.flaw(good) is None
    assert told == compiled.flaw(bad)


@pytest.mark.parametrize("name", ["default", "enum", "const", "examples", "pattern", "$ref", "$id"])
def test_a_property_may_be_called_as_a_rule_is(name: str) -> None:
    """Names of properties are names: what stands under `default` or `$ref` there is a schema like any other, with a pattern that counts."""
    compiled = schema_of(json.dumps({"properties": {name: {"pattern": "^x"}}, "additionalProperties": False}))

    assert compiled.flaw({name: "xy"}) is None
    assert f'at {name} breaks the rule pattern: "^x"' == compiled.flaw({name: "y"})


@pytest.mark.parametrize("rule", ["default", "examples", "const", "enum", "x-unknown"])
def test_a_value_beside_the_rules_is_no_schema(rule: str) -> None:
    """What is only compared with, shown, or not known at all may look like a schema that would be refused."""
    value = {"pattern": "(?=x)", "$ref": "https://elsewhere.example/s", "$id": "x"}
    compiled = schema_of(json.dumps({rule: [value] if rule in {"enum", "examples"} else value}))

    assert compiled.flaw(value) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("strng", "is no type word"),
        ("", "is no type word"),
        ("[1]", "that is an object, true or false"),
        ('{"type": "nonsense"}', "is no JSON Schema: /type"),
        ('{"$ref": "https://elsewhere.example/s"}', "nothing is fetched"),
        ('{"$ref": "file:///etc/passwd"}', "nothing is fetched"),
        ('{"properties": {"a": {"$ref": "#/$defs/none"}}}', "leads nowhere"),
        ('{"$ref": "#/default", "default": {"pattern": "x"}}', "something that is no schema"),
        ('{"$ref": "#/x", "x": {"type": "nonsense"}}', "something that is no schema"),
        ('{"$dynamicRef": "#/enum/0", "enum": [{}]}', "something that is no schema"),
        ('{"properties": {"enum": {"$ref": "https://elsewhere.example/s"}}}', "nothing is fetched"),
        ('{"$defs": {"const": {"pattern": "(?=x)"}}}', "RE2"),
        ('{"$schema": "http://json-schema.org/draft-07/schema#"}', "another version"),
        ('{"$schema": 5}', "another version"),
        ('{"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}', "not supported"),
        ('{"$defs": {"a": {"$id": "https://x.example/"}}}', "not supported"),
        ('{"pattern": "(?=x)"}', "RE2"),
        ('{"patternProperties": {"(x)\\\\1": true}}', "RE2"),
        ('{"unevaluatedProperties": false, "allOf": [{"patternProperties": {"a": true}}]}', "cannot be bounded"),
        ('{"patternProperties": {"a": true}, "not": {"unevaluatedProperties": false}}', "cannot be bounded"),
        ('{"not": ' * 60 + "{}" + "}" * 60, "nested deeper"),
        ('{"enum": [' + ",".join(map(str, range(3000))) + "]}", "parts"),
        (json.dumps({"const": "x" * 70_000}), "characters"),
        ("[" * 50_000, "is no type word"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_the_reason(text: str, told: str) -> None:
    """Neither a word nor a usable schema: one problem says why, and nothing is fetched."""
    with pytest.raises(BadInput, match=told) as refused:
        schema_of(text)

    assert 1 == len(refused.value.problems)
    assert len(refused.value.problems[0].message) < 400


def doubling(depth: int) -> dict[str, object]:
    """A schema that means more than a billion rules."""
    parts: dict[str, object] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(depth)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{depth}": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param(doubling(30), 1, id="doubling"),
        pytest.param({"$ref": "#"}, 1, id="itself"),
        pytest.param({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, 1, id="itself twice"),
        pytest.param({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, 1, id="circle"),
        pytest.param({"items": {"items": {"items": {"type": "integer"}}}}, [[[1] * 100] * 100] * 100, id="large"),
        pytest.param({"multipleOf": 0.1}, 10**400, id="number"),
    ],
)  # fmt: skip
def test_a_check_that_would_not_end_counts_as_one_that_fails(
    schema: object, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps are counted: a check that goes round in circles, or doubles, is given up and says so."""
    from holdfast.plans import json_schema

    monkeypatch.setattr(json_schema, "STEPS_MAX", 20_000)

    assert "cannot be checked" in (schema_of(json.dumps(schema)).flaw(value) or "")


def test_a_pattern_takes_linear_time() -> None:
    """A pattern that would keep a backtracking engine busy for years is answered at once."""
    schema = schema_of('{"type": "string", "pattern": "^(a+)+$"}')

    assert schema.flaw("a" * 5_000 + "b") is not None


def test_many_failing_branches_do_not_copy_a_large_value() -> None:
    """However often a large value is refused, nobody writes it out each time."""
    schema = schema_of(json.dumps({"anyOf": [{"type": "string"}] * 600}))

    assert schema.flaw({"x": ["y" * 1000] * 10_000}) is not None


@given(
    JSON,
    st.sampled_from(["type", "minLength", "minimum", "items", "required", "enum", "uniqueItems", "maxProperties"]),
    JSON,
)
def test_any_schema_is_refused_or_answers(rule: object, word: str, value: object) -> None:
    """Whatever stands in a schema, it is refused with a reason, or it tells of every value whether it fits."""
    try:
        schema = schema_of(json.dumps({word: rule}))
    except BadInput:
        return

    assert isinstance(schema.flaw(value), str | None)


@given(st.text(max_size=40))
def test_any_text_is_a_schema_or_is_refused(text: str) -> None:
    """No text breaks the reader."""
    problems = 0
    try:
        schema_of(text)
    except BadInput as err:
        problems = len(err.problems)

    assert problems in {0, 1}
