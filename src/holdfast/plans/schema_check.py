"""Whether schemas of inputs and outputs can be used, and whether what a plan and its examples write out keeps to them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from holdfast.contract import ActionDefinition
from holdfast.errors import BadInput
from holdfast.plans.findings import Findings
from holdfast.plans.references import parse_reference
from holdfast.plans.value_schema import Schemas, ValueSchema, flaws, schema_of

__all__ = ["check_schemas", "check_values", "usable"]


def check_schemas(definition: ActionDefinition, findings: Findings) -> None:
    """Note schemas that are none; warn of examples that do not keep to them."""
    inputs = compiled(definition.input_schema, findings.at("inputSchema"))
    outputs = compiled(definition.output_schema, findings.at("outputSchema"))
    for index, example in enumerate(definition.examples):
        for field, values, schemas in (("input", example.input, inputs), ("output", example.output, outputs)):
            for name, schema in schemas.items():
                message = flaw_of_example(values, name, schema)
                if message is not None:
                    findings.warn(f"examples[{index}].{field}.{name}", f"{message}, says {field}Schema")


def compiled(texts: Mapping[str, str], findings: Findings) -> dict[str, ValueSchema]:
    """Return the schemas that can be used, having noted those that cannot."""
    found: dict[str, ValueSchema] = {}
    for name, text in texts.items():
        try:
            found[name] = schema_of(text)
        except BadInput as err:
            findings.refuse(name, err.problems[0].message)
    return found


def flaw_of_example(values: Mapping[str, str], name: str, schema: ValueSchema) -> str | None:
    """Return what is wrong with a value of an example. Examples are written as texts, so a text also stands for the JSON that it is."""
    found = flaws(values, {name: schema})
    if not found or name not in values:
        return found[0][1] if found else None
    try:
        meant = json.loads(values[name])
    except (ValueError, RecursionError):
        return found[0][1]
    return None if not flaws({name: meant}, {name: schema}) else found[0][1]


def usable(texts: Mapping[str, str]) -> Schemas:
    """Return those of some schemas that can be used; the others were noted where they stand."""
    return compiled(texts, Findings(""))


def check_values(values: Mapping[str, object], schemas: Schemas, *, findings: Findings) -> None:
    """Note values that do not keep to their schemas. What a reference will bring is looked at before the call."""
    literals = {name: value for name, value in values.items() if parse_reference(value) is None}
    known = {name: schema for name, schema in schemas.items() if name in literals or name not in values}
    for name, message in flaws(literals, known):
        findings.refuse(name, f"{message}, says inputSchema")
