"""What is compared with zod, and how the answers are kept: one bit and a fingerprint of the output for each document."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import holdfast.contract
from holdfast.contract import parse, to_wire
from holdfast.contract.json_text import write_json
from holdfast.contract.times import instant_text, read_instant
from holdfast.errors import BadInput
from tools.zod_parity.cases import SHAPES, Case, samples_of

__all__ = ["COUNTS", "SEED", "canonical", "case_text", "digest", "emitted_of", "fingerprint", "judge"]

SEED: Final = 20261122

COUNTS: Final[Mapping[str, int]] = {
    name: {
        "URL": 1600,
        "ISODateTime": 800,
        "ExecutionPlan": 2000,
        "ExecutionState": 2000,
        "ActionDefinition": 2000,
    }.get(name, 400 if isinstance(shape, str) else 1200)
    for name, shape in SHAPES.items()
}
"""How many documents are compared for each schema."""

EMITTED: Final = 40
"""How many documents of each schema we emit for zod to judge."""

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z")


def case_text(case: Case) -> str:
    """The document as JSON text, the same for zod and for us."""
    return json.dumps(case.document)


def canonical(output: object) -> str:
    """An output in one form: keys sorted, numbers as doubles, times to the microsecond; so that equal values are equal texts."""
    return json.dumps(_canonical(output), sort_keys=True)


def fingerprint(output: object) -> str:
    """Eight hexadecimal digits that stand for an output."""
    return hashlib.sha256(canonical(output).encode()).hexdigest()[:8]


def digest(texts: Iterable[str]) -> str:
    """A short hash over many texts, to notice that they are not what they were."""
    sums = hashlib.sha256()
    for text in texts:
        sums.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return sums.hexdigest()[:16]


def judge(case: Case) -> str:
    """Our answer to a document: the fingerprint of what we emit for it, or `-` if we refuse it."""
    try:
        value = parse(getattr(holdfast.contract, case.schema), json.loads(case_text(case)))
    except BadInput:
        return "-"
    return fingerprint(to_wire(value))


def emitted_of(schema: str) -> Iterator[str]:
    """What our models emit for valid documents that carry our optional fields, as JSON text."""
    for case in samples_of(schema, seed=SEED, count=EMITTED):
        yield write_json(to_wire(parse(getattr(holdfast.contract, schema), case.document)))


def _canonical(value: object) -> object:
    match value:
        case bool() | None:
            return value
        case int() | float():
            return _double(value)
        case str():
            return instant_text(read_instant(value)) if _INSTANT.fullmatch(value) and _exists(value) else value
        case list():
            return [_canonical(item) for item in value]
        case dict():
            return {key: _canonical(item) for key, item in value.items()}
    raise AssertionError(type(value))


def _double(value: float) -> str:
    try:
        return repr(float(value) + 0.0)
    except OverflowError:
        return "inf" if value > 0 else "-inf"


def _exists(text: str) -> bool:
    try:
        read_instant(text)
    except Exception:  # noqa: BLE001 # only asks whether it is a time
        return False
    return True
