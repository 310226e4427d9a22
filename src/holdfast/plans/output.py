"""Outputs: what an answer's body becomes, how a stored output is read, and how it is shown on the wire."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, NoReturn

from holdfast.contract import StorageLocation
from holdfast.contract.json_text import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import ActionRow

__all__ = ["as_output", "output_on_the_wire", "output_text", "shown"]


DEPTH_MAX = 200
"""Deeper values are kept as text: whoever walks through them next may have less stack left than the parser had."""


def as_output(body: bytes) -> dict[str, object]:
    """Return the output that a successful answer's body stands for: a JSON object as it is, anything else under `body`.

    What is not JSON by RFC 8259 (`NaN`), holds a number beyond a double or is nested too deeply is a text: it could not be handed on as JSON.
    """
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_constant=refuse_word, parse_float=finite)
    except (ValueError, RecursionError):
        return {"body": body.decode("utf-8", "replace")}
    if is_deep(value):
        return {"body": body.decode("utf-8", "replace")}
    return value if isinstance(value, dict) else {"body": value}


def refuse_word(word: str) -> NoReturn:
    """Refuse `NaN` and `Infinity`, which Python reads and JSON does not have."""
    raise ValueError(word)


def finite(digits: str) -> float:
    """Read a number, unless it is too large for a double."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError("beyond the range of doubles")
    return number


def is_deep(value: object) -> bool:
    """Whether a value is nested deeper than `DEPTH_MAX` levels."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def output_text(output: Mapping[str, object]) -> str:
    """Return an output as the JSON text it is stored as; half surrogate pairs, which no database takes, are escaped."""
    return write_json(output)


def shown(output: Mapping[str, object]) -> dict[str, str]:
    """Return each top-level key of an output, values that are no text as JSON text."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in output.items()
    }


def output_on_the_wire(row: ActionRow, *, database: str) -> tuple[dict[str, str], StorageLocation]:
    """Return a completed action's output and where it lies: a file of its own when it is large, the database otherwise."""
    if row.location is not None:
        return {}, StorageLocation.from_json(row.location)
    text = row.output or "{}"
    body = text.encode("utf-8", "surrogatepass")
    location = StorageLocation(
        provider="local",
        path=database,
        size=len(body),
        checksum=hashlib.sha256(body).hexdigest(),
        content_type="application/json",
        metadata={"table": "actions", "column": "output", "execution": row.execution, "action": row.action},
    )
    return shown(json.loads(text)), location
