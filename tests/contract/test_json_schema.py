"""The contract as JSON Schema."""

from __future__ import annotations

import json

import jsonschema
import pytest

import holdfast.contract
from holdfast.contract import WireModel, json_schemas
from holdfast.errors import BadInput
from tools.zod_parity.cases import SHAPES, cases_of, samples_of
from tools.zod_parity.parity import judge

SCHEMAS = json_schemas()
# A key of which JSON Schema knows no better, and a number that only doubles make infinite.
BEYOND_SCHEMA = ("__proto__", "0" * 309)
# What JSON Schema cannot say: URLs and calendars; here every schema is compared that holds neither.
EXACT = [
    "ErrorCategory",
    "DurationMs",
    "StorageLocation",
    "ApiErrorMapping",
    "ApiRateLimitConfig",
    "ApiQuirks",
    "RetryPolicy",
    "PlannedAction",
]


def test_exports_every_schema() -> None:
    """There is a document for each public type, and for each schema of the spec."""
    types = {name for name in holdfast.contract.__all__ if isinstance(getattr(holdfast.contract, name), type)} - {
        "WireModel"
    }

    assert types <= set(SCHEMAS)
    assert set(SHAPES) <= set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_is_valid_json_schema(name: str) -> None:
    """Each document is JSON, is valid by the 2020-12 meta-schema and describes itself."""
    schema = json.loads(json.dumps(SCHEMAS[name]))

    jsonschema.Draft202012Validator.check_schema(schema)

    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]
    assert name == schema["title"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_never_speaks_of_null(name: str) -> None:
    """An optional field may be absent; null is neither allowed nor a default."""
    assert "null" not in json.dumps(SCHEMAS[name])


@pytest.mark.parametrize("name", [name for name in SHAPES if name in SCHEMAS])
def test_accepts_what_we_emit(name: str) -> None:
    """A valid document of ours fits its schema."""
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    cases = (
        cases_of(name, seed=5, count=80) if not isinstance(SHAPES[name], dict) else samples_of(name, seed=5, count=10)
    )

    misfits = [case.document for case in cases if judge(case) != "-" and not validator.is_valid(case.document)]

    assert [] == misfits


@pytest.mark.parametrize("name", EXACT)
def test_judges_as_the_models(name: str) -> None:
    """Where JSON Schema can say everything, a document fits the schema exactly if the model reads it."""
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])

    differences = [
        case.document
        for case in cases_of(name, seed=6, count=300)
        if validator.is_valid(case.document) != (judge(case) != "-")
        and not any(mark in json.dumps(case.document) for mark in BEYOND_SCHEMA)
    ]

    assert [] == differences[:3]


def test_every_field_is_described_in_camel_case() -> None:
    """Each field has a description, and none is named as in Python."""
    models = [
        model for model in vars(holdfast.contract).values() if isinstance(model, type) and issubclass(model, WireModel)
    ]

    fields = [(model.__name__, name, field) for model in models for name, field in model.model_fields.items()]

    assert [] == [(model, name) for model, name, field in fields if not field.description]
    assert [] == [(model, name) for model, name, field in fields if "_" in (field.serialization_alias or "_")]


def test_refuses_nothing_that_is_merely_unknown() -> None:
    """Unknown keys are allowed by the schemas, as by the models."""
    assert "additionalProperties" not in SCHEMAS["ErrorDetail"]
    with pytest.raises(BadInput):
        holdfast.contract.ErrorDetail.from_wire({"unknown": 1})
