"""From pydantic's findings to ours: one `Problem` per misfit, with a path a person can follow and words that say what to change.

Messages never repeat strings of the input, which may be secrets. This module knows pydantic's error types and nothing of the documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from holdfast.contract.checks import TAG_MARK, kind_of
from holdfast.errors import Problem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["path_text", "problems_of"]

_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_KEY_SHOWN_MAX: Final = 60
_EXPECTED: Final = {
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def problems_of(error: ValidationError, *, source: str) -> list[Problem]:
    """Everything `error` found, in document order."""
    details = error.errors(include_url=False, include_context=False)
    return [Problem(source=source, path=path_text(detail["loc"]), message=_message(detail)) for detail in details]


def path_text(location: Iterable[int | str]) -> str:
    """The place inside a document, such as `actions[2].inputs.amount`; names that are no plain words stand in brackets and quotes."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.startswith(TAG_MARK):
            continue
        elif _NAME.fullmatch(part):
            path += f".{part}" if path else part
        else:
            shown = part if len(part) <= _KEY_SHOWN_MAX else part[:_KEY_SHOWN_MAX] + "…"
            path += f"[{shown!r}]"
    return path


def _message(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "refused":
        return detail["msg"]
    if kind == "missing":
        return "is missing; it is required"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, but is {kind_of(detail['input'])}"
    return detail["msg"]
